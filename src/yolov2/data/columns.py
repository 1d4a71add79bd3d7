"""Boxes as written -> the columns of Samples, with the written rules for boxes that can't be: kept, left out, told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from yolov2.data.entry import CROWD, DIFFICULT, Flaw, shown
from yolov2.samples import UNKNOWN, Fault, Reading, Samples

OVERHANG = 0.5  # pixels a box may reach over the edge without a word: what rounding in a label does
Name = TypeVar("Name", str, int)
FINE, INVERTED, EMPTY, FAR, OUTSIDE = range(5)
LEFT_OUT = (INVERTED, EMPTY, FAR)
CODES = {INVERTED: "box-inverted", EMPTY: "box-empty", FAR: "box-far", OUTSIDE: "box-outside"}


@dataclass(frozen=True, slots=True)
class Wording:
    """How a format speaks of a box in a message."""

    columns: str  # "xmin ymin xmax ymax"
    positive: str  # what must hold for a box to have a size
    place: Callable[[int], str] = str  # of a box within its file, from its line


@dataclass(frozen=True, eq=False, slots=True)
class Written:
    """The boxes of a split as its files have them, picture by picture."""

    pictures: tuple[str, ...]  # (P,)
    ids: tuple[str, ...]  # (P,)
    annotations: tuple[str, ...]  # (P,)
    sizes: NDArray[np.int64]  # (P, 2) height, width
    counts: NDArray[np.int64]  # (P,)
    numbers: NDArray[np.float64]  # (R, 4) as written, for messages
    boxes: NDArray[np.float64]  # (R, 4) the same as xyxy in pixels
    extents: NDArray[np.float64]  # (R, 2) width, height as written: their sign tells
    classes: Sequence[str]  # (R,) as written
    class_ids: NDArray[np.int64]  # (R,)
    flags: NDArray[np.int64]  # (R,)
    lines: NDArray[np.int64]  # (R,)
    areas: NDArray[np.float64] | None = None  # (R,) None: those of the boxes


def assemble(
    written: Written,
    wording: Wording,
    *,
    known: int,
    faults: Sequence[Fault] = (),
    own_sizes: Callable[[Sequence[str]], NDArray[np.int64]] | None = None,
) -> Reading:
    """The samples, and the faults of the boxes behind those already found.

    A box with inverted corners, without width or height, or wholly outside its picture is left out; one that reaches
    over the edge stays as it is written, and so does one of an unknown class, as class UNKNOWN.
    known: the number of classes of the data set, for the message. own_sizes: the (height, width) that pictures have
    themselves, 0 where it can't be read; boxes that the stated size puts outside are judged by it.
    """
    starts = np.zeros(len(written.counts) + 1, np.int64)
    np.cumsum(written.counts, out=starts[1:])
    owner = np.repeat(np.arange(len(written.counts)), written.counts)
    limits = written.sizes[owner]
    verdict = judge(written.boxes, written.extents, limits)
    doubtful: NDArray[np.int64] = np.unique(owner[np.isin(verdict, (FAR, OUTSIDE))])
    if own_sizes is not None and len(doubtful):  # a wrong size makes right boxes wrong
        sizes = written.sizes.copy()
        own = own_sizes([written.pictures[i] for i in map(int, doubtful)])
        sizes[doubtful] = np.where(own > 0, own, sizes[doubtful])
        limits = sizes[owner]
        verdict = judge(written.boxes, written.extents, limits)
    told = list(faults)
    for row in np.flatnonzero((verdict != FINE) | (written.class_ids == UNKNOWN)).tolist():
        where = f"{written.annotations[owner[row]]}:{wording.place(int(written.lines[row]))}"
        if written.class_ids[row] == UNKNOWN and written.classes:  # a COCO file tells of them by its own path
            told.append(_class_fault(where, written.classes[row], known))
        if verdict[row] != FINE:
            told.append(_box_fault(int(verdict[row]), where, written.numbers[row], limits[row], wording))
    keep = ~np.isin(verdict, LEFT_OUT)
    kept = np.zeros(len(written.counts) + 1, np.int64)
    np.cumsum(np.bincount(owner[keep], minlength=len(written.counts)), out=kept[1:])
    boxes = written.boxes[keep]
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) if written.areas is None else written.areas[keep]
    samples = Samples(
        written.pictures,
        written.ids,
        written.annotations,
        written.sizes,
        np.full(len(written.counts), UNKNOWN, np.int64),
        kept,
        boxes=boxes,
        class_ids=written.class_ids[keep],
        difficult=(written.flags[keep] & DIFFICULT) > 0,
        crowd=(written.flags[keep] & CROWD) > 0,
        areas=areas,
        lines=written.lines[keep],
    )
    return Reading(samples, tuple(told))


def judge(boxes: NDArray[np.float64], extents: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """What each box is: INVERTED, EMPTY, FAR, OUTSIDE, or FINE; of several the first in this order.

    boxes: (R, 4) xyxy in pixels; extents: (R, 2) width and height as written; sizes: (R, 2) height, width.
    """
    limits = sizes[:, ::-1]
    over = np.maximum(-boxes[:, :2], boxes[:, 2:] - limits).max(axis=1)
    is_far = ((boxes[:, 2:] <= 0) | (boxes[:, :2] >= limits)).any(axis=1)
    verdict = np.where(over > OVERHANG, OUTSIDE, FINE)
    verdict = np.where(is_far, FAR, verdict)
    verdict = np.where((extents == 0).any(axis=1), EMPTY, verdict)
    return np.where((extents < 0).any(axis=1), INVERTED, verdict).astype(np.int64)


def as_faults(flaws: Sequence[Flaw], file: str) -> list[Fault]:
    """The flaws of one file, with the path that the user came by."""
    return [Fault(flaw.code, f"{file}:{flaw.place}" if flaw.place else file, *flaw[2:]) for flaw in flaws]


def class_ids_of(names: Sequence[Name], classes: Mapping[Name, int]) -> NDArray[np.int64]:
    """(R,) the index of each name among the classes, UNKNOWN for the others."""
    return np.fromiter((classes.get(name, UNKNOWN) for name in names), np.int64, len(names))


def join(readings: Sequence[Reading]) -> Reading:
    """Several splits as one; a picture that is in two of them counts once."""
    if len(readings) == 1:
        return readings[0]
    samples = concatenate([reading.samples for reading in readings])
    first = {picture: i for i, picture in reversed(list(enumerate(samples.pictures)))}
    if len(first) < len(samples):
        samples = samples.take(np.array(sorted(first.values()), np.int64))
    return Reading(samples, tuple(dict.fromkeys(fault for reading in readings for fault in reading.faults)))


def concatenate(parts: Sequence[Samples]) -> Samples:
    """The samples of all parts, one after the other."""
    ends = np.cumsum([0, *(len(part.boxes) for part in parts)])
    starts = [part.starts[:-1] + end for part, end in zip(parts, ends, strict=False)]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return replace(
        parts[0],
        pictures=tuple(one for part in parts for one in part.pictures),
        ids=tuple(one for part in parts for one in part.ids),
        annotations=tuple(one for part in parts for one in part.annotations),
        starts=np.concatenate([*starts, ends[-1:]]).astype(np.int64),
        **{name: joined(name) for name in ("sizes", "labels", "boxes", "class_ids", "difficult", "crowd")},
        **{name: joined(name) for name in ("areas", "lines")},
    )


def _class_fault(where: str, name: str, known: int) -> Fault:
    found, expected = f'the class "{shown(name)}"', f"one of the {known} classes"
    return Fault("class-unknown", where, found, expected, "correct it, or add it to the names", is_error=True)


def _box_fault(
    verdict: int, where: str, numbers: NDArray[np.float64], size: NDArray[np.int64], wording: Wording
) -> Fault:
    found = f"{wording.columns} = {' '.join(f'{value:g}' for value in numbers.tolist())}"
    height, width = size.tolist()
    if verdict in (INVERTED, EMPTY):
        repair = "correct or remove it; it is left out"
        return Fault(CODES[verdict], where, found, wording.positive, repair, is_error=verdict == INVERTED)
    expected = f"a box inside the picture of {width} x {height}"
    if verdict == FAR:
        return Fault(CODES[verdict], where, found, expected, "correct or remove it; it is left out", is_error=True)
    return Fault(CODES[verdict], where, found, expected, "correct it; it is taken as it is", is_error=False)
