"""Data sets -> what is to be written: one list of classes, each picture once with a name of its own, the splits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.class_names import few, partners
from yolov2.data.columns import concatenate, join
from yolov2.data.dataset import DataSet
from yolov2.data.opened import Task
from yolov2.data.pictures import sizes_from_headers
from yolov2.errors import LabelError, printable
from yolov2.samples import COLUMNS, UNKNOWN, Fault, Reading, Samples


@dataclass(frozen=True, eq=False, slots=True)
class Gathered:
    """One or more data sets as one, free of the formats that they came in."""

    task: Task
    classes: tuple[str, ...]
    samples: Samples  # each picture once; a box of an unknown class is in none
    names: tuple[str, ...]  # (P,) names for the picture files, of which no two share a stem
    sizes: NDArray[np.int64]  # (P, 2) height, width of the pictures themselves, where their headers can be read
    splits: dict[str, NDArray[np.int64]]  # by name: the pictures of the split, in its order
    faults: tuple[Fault, ...] = ()

    @property
    def renamed(self) -> int:
        """How many pictures could not keep their names."""
        kept = (os.path.basename(picture) for picture in self.samples.pictures)
        return sum(name != before for name, before in zip(self.names, kept, strict=True))

    @property
    def stems(self) -> list[str]:
        """(P,) the names without their endings."""
        return [os.path.splitext(name)[0] for name in self.names]


def refuse_none(samples: Samples, *, where: Path) -> None:
    """Raise LabelError where there is no picture."""
    if not len(samples):
        found, repair = "no picture that can be read", "`yolov2 data check` lists what is wrong"
        raise LabelError.at(printable(where), found=found, expected="at least one", repair=repair)


def gather(sets: Sequence[DataSet], *, splits: Sequence[str] = (), classes: Sequence[str] = ()) -> Gathered:
    """The data sets as one: classes of one name are one class, splits of one name one split.

    splits: of these alone; of all by default, or of what stands after the @. Broken labels are left out, and told.
    classes: these alone, in this order, also where a set spells them differently or has a synonym; all by default.
    A picture that is in several splits has the labels that it has in the first. Raises LabelError.
    """
    tasks = {one.task for one in sets}
    if len(tasks) > 1:
        expected, repair = "one kind", "convert them one after the other"
        found = "data sets with boxes and such with a class for each picture"
        raise LabelError.at(printable(sets[1].root), found=found, expected=expected, repair=repair)
    wanted = tuple(dict.fromkeys(classes or (name for one in sets for name in one.classes)))
    parts: list[Samples] = []
    faults: list[Fault] = []
    listed: dict[str, list[str]] = {}
    for one in sets:
        ids = np.array([*_places(one, wanted, alike=bool(classes)), UNKNOWN], np.int64)
        for split in _chosen(one, splits):
            reading = one.read(split)
            part = _with_classes(reading.samples, ids)
            parts.append(part.take(np.flatnonzero(part.labels != UNKNOWN)) if one.task == "classify" else part)
            faults += reading.faults
            name = _file_stem(one.opened.called.get(split, split))
            listed.setdefault(name, []).extend(parts[-1].pictures)
    joined = concatenate(parts)
    refuse_none(joined, where=sets[0].root)
    first = {picture: i for i, picture in reversed(list(enumerate(joined.pictures)))}
    samples = joined.take(np.array(sorted(first.values()), np.int64))
    samples = without_rows(samples, samples.class_ids == UNKNOWN)
    index = {picture: i for i, picture in enumerate(samples.pictures)}
    chosen = {
        split: np.array([index[picture] for picture in dict.fromkeys(pictures)], np.int64)
        for split, pictures in listed.items()
    }
    names = file_names(samples.pictures)
    task = sets[0].task
    sizes = samples.sizes if task == "classify" else _sizes(samples, sets[0])
    return Gathered(task, wanted, samples, names, sizes, chosen, tuple(dict.fromkeys(faults)))


def read_all(one: DataSet, split: str | None = None) -> Reading:
    """The samples of a split, by default of the chosen one, else of all; a picture in two of them counts once."""
    if split is not None or one.chosen is not None:
        return one.read(split)
    return join([one.read(name) for name in one.split_names])


def without_rows(samples: Samples, left_out: NDArray[np.bool_]) -> Samples:
    """The same pictures without the boxes that the mask (R,) marks."""
    if not left_out.any():
        return samples
    counts = np.bincount(samples.rows[~left_out], minlength=len(samples))
    starts = np.zeros(len(samples) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return replace(samples, starts=starts, **{name: getattr(samples, name)[~left_out] for name in COLUMNS})


def _chosen(one: DataSet, splits: Sequence[str]) -> Sequence[str]:
    """The splits of a data set that are meant. Raises LabelError for one that it does not have."""
    if not splits:
        return one.split_names if one.chosen is None else one.names_of(None)
    return [name for split in splits for name in one.names_of(split)]


def _places(one: DataSet, wanted: tuple[str, ...], *, alike: bool) -> list[int]:
    """Where the classes of a data set stand among those wanted, UNKNOWN for the others. alike: also if so called.

    Raises LabelError for a data set that has none of them.
    """
    if not alike:
        return [wanted.index(name) for name in one.classes]
    places = partners(one.classes, wanted)
    if set(places) <= {UNKNOWN}:
        found, expected = f"the classes {few(one.classes)}", f"one of {few(wanted)}"
        raise LabelError.at(printable(one.root), found=found, expected=expected, repair="give other --classes")
    return places


def _with_classes(samples: Samples, ids: NDArray[np.int64]) -> Samples:
    """The samples with other class ids; the last of `ids` is that of UNKNOWN, which is -1."""
    return replace(samples, class_ids=ids[samples.class_ids], labels=ids[samples.labels])


def _sizes(samples: Samples, one: DataSet) -> NDArray[np.int64]:
    pictures = samples.pictures
    sizes, _ = sizes_from_headers(pictures, places=pictures, root=one.root, cache=one.cache)
    return np.where(sizes > 0, sizes, samples.sizes)


def file_names(pictures: Iterable[str]) -> tuple[str, ...]:
    """A name for each picture: its own where that is plain and free, else `a-2.jpg` for a second `a`."""
    taken: set[str] = set()
    names: list[str] = []
    for picture in pictures:
        stem, ending = os.path.splitext(os.path.basename(picture))
        wanted = _plain(stem).strip(" .") or "_"  # hidden files are passed over by readers, blanks at the ends lost
        name, count = wanted, 1
        while name.casefold() in taken:  # casefold: elsewhere A.jpg and a.jpg are one file
            count += 1
            name = f"{wanted}-{count}"
        taken.add(name.casefold())
        names.append(name + _plain(ending).rstrip())
    return tuple(names)


def _file_stem(split: str) -> str:
    """The name of a split as part of a file name; a format may say anything there."""
    return _plain(split).replace("/", "_").replace("\\", "_").strip(" .") or "_"


def _plain(name: str) -> str:
    return "".join(char if char.isprintable() else "_" for char in name)


def check_names(classes: Sequence[str], *, where: Path) -> None:
    """Raise LabelError for class names that a line, a tag or a folder can't hold."""
    for i, name in enumerate(classes):
        repair = "rename the class"
        if name != name.strip() or not name or not name.isprintable():
            found, expected = f'the class name "{printable(name)}"', "a name in one line, without blanks at its ends"
            raise LabelError.at(printable(where), found=found, expected=expected, repair=repair)
        if name in classes[:i]:
            found, expected = f'the class name "{name}" twice', "a name for each class"
            raise LabelError.at(printable(where), found=found, expected=expected, repair=repair)
