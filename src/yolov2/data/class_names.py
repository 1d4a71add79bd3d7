"""The classes of a model and those of a data set: which are the same, spelled as they may be."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolov2.coco_classes import DARKNET_SPELLING
from yolov2.errors import LabelError, Yolov2Warning, printable

NONE = -1
NAMED = 10  # so many classes are named in a message

# Names of one thing: VOC's and COCO's, and what other data sets call it.
SYNONYMS = (
    *(frozenset(pair) for pair in DARKNET_SPELLING.items()),
    frozenset(("tv", "television")),
    frozenset(("cell phone", "mobile phone")),
    frozenset(("donut", "doughnut")),
    frozenset(("hair drier", "hair dryer")),
    frozenset(("refrigerator", "fridge")),
)


@dataclass(frozen=True, eq=False, slots=True)
class ClassMap:
    """The classes that a model and a data set have in common, and where both find them."""

    names: tuple[str, ...]  # (C,) as the data set calls them, in its order
    of_data: NDArray[np.int64]  # (data set's classes,) index into names, or NONE
    of_model: NDArray[np.int64]  # (model's classes,) likewise; several may be one
    renamed: tuple[tuple[str, str], ...]  # (model's, data set's) names of one class that are spelled differently
    only_data: tuple[str, ...]  # what the model can't find
    only_model: tuple[str, ...]  # what the data set does not know


def match_classes(
    model: Sequence[str], data: Sequence[str], *, only: Sequence[str] | None = None, where: str = "data"
) -> ClassMap:
    """The classes that both have: names are equal, or equal but for case, spaces and signs, or synonyms.

    only: of these the ones so called, by either side. Warns of names that differ, in one line with each of them.
    Raises LabelError where no class is common, ValueError for one of `only` that is not.
    """
    partner = partners(model, data)
    wanted = range(len(data)) if only is None else _chosen(only, model, data, partner)
    shared = sorted({index for index in partner if index in wanted})
    if not shared:
        found = f"the classes {few(data)}"
        expected = f"some that the model has: {few(model)}"
        repair = "give the names that the model was trained with (--names), or another model"
        raise LabelError.at(printable(where), found=found, expected=expected, repair=repair)
    of_data = np.full(len(data), NONE, np.int64)
    of_data[shared] = np.arange(len(shared))
    of_model = np.array([NONE if index == NONE else of_data[index] for index in partner], np.int64)
    pairs = [(name, data[index]) for name, index in zip(model, partner, strict=True) if index in shared]
    renamed = tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))
    if renamed:
        told = ", ".join(f"{printable(ours)} = {printable(theirs)}" for ours, theirs in renamed)
        warnings.warn(
            f"class names are spelled differently and taken for the same (model = data): {told}",
            Yolov2Warning,
            stacklevel=2,
        )
    return ClassMap(
        tuple(data[index] for index in shared),
        of_data,
        of_model,
        renamed,
        tuple(name for index, name in enumerate(data) if index not in partner),
        tuple(dict.fromkeys(name for name, index in zip(model, partner, strict=True) if index == NONE)),
    )


def class_key(name: str) -> str:
    """What is left of a name without case, spaces and signs: `diningtable` of "Dining-Table"."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in plain if char.isalnum()) or plain


def synonyms(name: str) -> frozenset[str]:
    """The keys of all names of the same thing."""
    key = class_key(name)
    keys = {key}
    for _ in range(2):  # television = tv = tvmonitor
        for group in SYNONYMS:
            known = {class_key(one) for one in group}
            if known & keys:
                keys |= known
    return frozenset(keys)


def few(names: Sequence[str]) -> str:
    """The first of these names, and how many there are more."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + more


def partners(model: Sequence[str], data: Sequence[str]) -> list[int]:
    """For each class of the model the index of the data set's class that is the same, or NONE.

    Equal names come first: a class of the data set that has one is nobody else's.
    """
    exact = {name: index for index, name in reversed(list(enumerate(data)))}
    taken = {exact[name] for name in model if name in exact}
    free = [(index, name) for index, name in enumerate(data) if index not in taken]
    by_key = {class_key(name): index for index, name in reversed(free)}
    alike = {key: index for index, name in reversed(free) for key in synonyms(name)}
    return [
        exact[name] if name in exact else by_key.get(class_key(name), alike.get(class_key(name), NONE))
        for name in model
    ]


def _chosen(only: Sequence[str], model: Sequence[str], data: Sequence[str], partner: Sequence[int]) -> set[int]:
    """The indices of the data set's classes that were asked for. Raises ValueError."""
    either = {name: index for index, name in enumerate(data) if index in partner}
    either = {name: index for name, index in zip(model, partner, strict=True) if index != NONE} | either
    alike = {key: index for name, index in either.items() for key in synonyms(name)}
    for name in only:
        if name not in either and class_key(name) not in alike:
            shared = few([data[index] for index in sorted(set(either.values()))])
            raise ValueError(f"classes: found {printable(name)!r}, expected some that model and data have: {shared}")
    return {either.get(name, alike.get(class_key(name), NONE)) for name in only}
