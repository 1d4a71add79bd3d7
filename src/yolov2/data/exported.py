"""What the readers of other programs' exports share: where the pictures lie, and boxes of many of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yolov2.data.columns import Wording, Written, assemble, class_ids_of
from yolov2.data.lists import TRIED
from yolov2.data.outlines import Box
from yolov2.data.pictures import sizes_from_headers
from yolov2.errors import LabelError, printable
from yolov2.samples import Reading

ALL = "all"  # the split of pictures that are in none
LARGEST_EXPORT = 2 << 30  # bytes


class Labelled(NamedTuple):
    """One picture of an export, with its boxes."""

    id: str
    picture: str  # path
    annotation: str  # the file that its labels stand in
    size: tuple[int, int] | None  # height, width; None: not stated
    boxes: Sequence[Box]
    classes: Sequence[str]
    flags: Sequence[int]
    lines: Sequence[int]


def boxes_of(
    many: Sequence[Labelled], classes: Sequence[str], wording: Wording, *, root: Path, cache: Path | None
) -> Reading:
    """The samples of pictures that are there; one without a stated size has that of its header."""
    silent = [one.picture for one in many if one.size is None]
    sizes, faults = sizes_from_headers(silent, places=silent, root=root, cache=cache)
    found = dict(zip(silent, ((height, width) for height, width in sizes.tolist()), strict=True))
    kept = [(one, one.size or found[one.picture]) for one in many if one.size is not None or found[one.picture][0]]
    numbers = np.array([box for one, _ in kept for box in one.boxes], np.float64).reshape(-1, 4)
    names = [name for one, _ in kept for name in one.classes]
    written = Written(
        tuple(one.picture for one, _ in kept),
        tuple(one.id for one, _ in kept),
        tuple(one.annotation for one, _ in kept),
        np.array([size for _, size in kept], np.int64).reshape(-1, 2),
        np.array([len(one.boxes) for one, _ in kept], np.int64),
        numbers=numbers,
        boxes=numbers,
        extents=numbers[:, 2:] - numbers[:, :2],
        classes=names,
        class_ids=class_ids_of(names, {name: i for i, name in reversed(list(enumerate(classes)))}),
        flags=np.array([flag for one, _ in kept for flag in one.flags], np.int64),
        lines=np.array([line for one, _ in kept for line in one.lines], np.int64),
    )
    return assemble(written, wording, known=len(classes), faults=faults)


def folder_of(names: Sequence[str], places: Sequence[Path], *, where: Path) -> Path:
    """The first folder that has one of the first pictures. Raises LabelError where none has."""
    for place in places:
        if not names or any(os.path.isfile(os.path.join(place, name)) for name in names[:TRIED]):
            return place
    tried = ", ".join(printable(place) for place in dict.fromkeys(places))
    found = f"none of its first pictures ({printable(names[0], longest=60)}, ...) in {tried}"
    repair = "name their folder with --images"
    raise LabelError.at(printable(where), found=found, expected="the pictures beside it", repair=repair)


def classes_of(names: Iterable[str]) -> tuple[str, ...]:
    """The names found, sorted."""
    return tuple(sorted(set(names)))
