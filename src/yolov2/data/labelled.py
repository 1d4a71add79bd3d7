"""Pictures with a class each, for classification: by Darknet's substring rule, by `path label` lines, or given."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from yolov2.data.entry import shown
from yolov2.errors import printable
from yolov2.samples import COLUMNS, UNKNOWN, Fault, Reading, Samples


def classified(
    pictures: Sequence[str], labels: Sequence[int], *, annotations: Sequence[str], ids: Sequence[str] | None = None
) -> Samples:
    """Samples without boxes, with a label each; their sizes are not read."""
    count = len(pictures)
    empty: dict[str, Any] = {name: np.zeros((0, *shape), dtype) for name, (shape, dtype) in COLUMNS.items()}
    return Samples(
        tuple(pictures),
        tuple(pictures if ids is None else ids),
        tuple(annotations),
        np.zeros((count, 2), np.int64),
        np.array(labels, np.int64).reshape(-1),
        np.zeros(count + 1, np.int64),
        **empty,
    )


def label_by_substring(
    pictures: Sequence[str], texts: Sequence[str], places: Sequence[str], labels: Sequence[str]
) -> Reading:
    """The class of each picture is the label that is a part of its path as it is listed, in texts.

    Of several the longest is taken, with a fault; a picture without one is left out. places: where each is listed.
    Source: Darknet `fill_truth`, which takes all that match and says so where it is not exactly one.
    """
    finder = _Finder(labels)
    faults: list[Fault] = []
    chosen: list[int] = []
    kept: list[int] = []
    for i, (text, place) in enumerate(zip(texts, places, strict=True)):
        found = finder.find(text)
        longest = [label for label in found if len(label) == len(found[0])]
        if len(longest) == 1:
            kept.append(i)
            chosen.append(finder.index[longest[0]])
        if len(found) != 1:
            faults.append(_unsure(text, place, found, is_error=len(longest) != 1))
    samples = classified([pictures[i] for i in kept], chosen, annotations=[places[i].rpartition(":")[0] for i in kept])
    return Reading(samples, tuple(faults))


def label_by_text(
    pictures: Sequence[str], texts: Sequence[str], places: Sequence[str], classes: Sequence[str]
) -> Reading:
    """The class of each picture is named beside it, by its name or by its number from 0."""
    index = {name: i for i, name in reversed(list(enumerate(classes)))}
    numbers = {str(i): i for i in range(len(classes))}
    faults: list[Fault] = []
    chosen = [index.get(text, numbers.get(text, UNKNOWN)) for text in texts]
    for text, place, label in zip(texts, places, chosen, strict=True):
        if label == UNKNOWN:
            found, expected = f'the class "{shown(text)}"', f"one of the {len(classes)} classes"
            repair = "correct it, or add it to the names"
            faults.append(Fault("class-unknown", place, found, expected, repair, is_error=True))
    return Reading(
        classified(pictures, chosen, annotations=[place.rpartition(":")[0] for place in places]), tuple(faults)
    )


class _Finder:
    """Finds the labels in a path: a look-up for each length of label and place, not a search for each label."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.index = {label: i for i, label in reversed(list(enumerate(labels))) if label}
        self.lengths = sorted({len(label) for label in self.index}, reverse=True)

    def find(self, path: str) -> list[str]:
        """The labels that are parts of the path, the longest first, each once."""
        index = self.index
        parts = (path[at : at + n] for n in self.lengths for at in range(len(path) - n + 1))
        return list(dict.fromkeys(part for part in parts if part in index))


def _unsure(picture: str, place: str, found: Sequence[str], *, is_error: bool) -> Fault:
    expected = "one of the labels in its path"
    if not found:
        repair = "correct the labels, or the folder's name; it is left out"
        return Fault("label-unmatched", place, f"no label in {printable(picture)}", expected, repair, is_error=True)
    said = f"{', '.join(map(shown, found[:5]))} in {printable(picture)}"
    taken = "it is left out" if is_error else f"{shown(found[0])} is taken"
    return Fault("label-ambiguous", place, said, expected, f"use labels that do not overlap; {taken}", is_error)
