"""What is odd about boxes that could be read: too small, too thin, twice there, too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.opened import Kind
from yolov2.errors import printable
from yolov2.priors.kmeans import mean_iou, shape_iou
from yolov2.samples import UNKNOWN, Fault, Samples

STRIDE = 32  # pixels a cell, of every network of the family
LEAST_SIDE = 8  # pixels on the network's input: less than a quarter of a cell
FEW_CELLS = 2
THIN = 15  # times longer than wide
DARKNET_BOXES = 30  # Darknet: load_data_detection takes so many of a picture, whatever max= says
SAME = 0.01  # pixels that corners of one box written twice may differ by
CLASSES_SHOWN = 5


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """How a network will see the pictures."""

    size: tuple[int, int]  # (height, width) of its input
    anchors: NDArray[np.float64]  # (A, 2) width, height in cells
    source: str  # whose anchors they are

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns)"""
        return -(-self.size[0] // STRIDE), -(-self.size[1] // STRIDE)

    @property
    def name(self) -> str:
        return f"{self.size[1]} x {self.size[0]}"

    def scales(self, samples: Samples) -> NDArray[np.float64]:
        """(R,) how many times larger each box is on the input; pictures keep their proportions."""
        return (np.array(self.size) / np.maximum(samples.sizes, 1)).min(axis=1)[samples.rows]

    def on_input(self, samples: Samples) -> NDArray[np.float64]:
        """(R, 4) the boxes on the input, xyxy in pixels, cut at the edges of their pictures."""
        limits = samples.sizes[samples.rows][:, ::-1].astype(np.float64)
        scale = self.scales(samples)[:, None]
        corners = np.clip(samples.boxes.reshape(-1, 2, 2), 0, limits[:, None]).reshape(-1, 4)
        border = (np.array(self.size[::-1]) - limits * scale) / 2
        return corners * scale + np.tile(border, 2)


@dataclass(frozen=True, slots=True)
class Grid:
    """How the boxes meet the cells and priors of a network."""

    recall_at_50: float  # share of the boxes that a prior's shape overlaps by half or more
    mean_iou: float  # of every box with the prior most like it
    shared_cells: int  # cells with more than one box
    crowded_cells: int  # cells with more boxes than priors
    shared_priors: int  # boxes that have their cell and prior in common with another; one of each such lot is trained


class Places:
    """Where a box stands, as a message names it."""

    def __init__(self, samples: Samples, kind: Kind) -> None:
        self.samples, self.is_coco = samples, kind == "coco"
        self.owners = samples.rows

    def __call__(self, row: int) -> str:
        """`labels/a.txt:3`, `val.json:annotations[7].bbox`."""
        return f"{self.samples.annotations[int(self.owners[row])]}:{self.inside(row).removeprefix('line ')}"

    def inside(self, row: int) -> str:
        """The same within its file: `line 3`, `annotations[7].bbox`."""
        line = int(self.samples.lines[row])
        return f"annotations[{line}].bbox" if self.is_coco else f"line {line}"

    def of_picture(self, picture: int) -> str:
        """The label file of a picture, and of a file for many pictures the picture, too."""
        annotation = self.samples.annotations[picture]
        return f"{annotation}:{printable(Path(self.samples.pictures[picture]).name)}" if self.is_coco else annotation


def check_boxes(samples: Samples, kind: Kind, classes: Sequence[str], view: View, *, root: str) -> list[Fault]:
    """What is odd about the boxes of these pictures."""
    if not len(samples.boxes):
        return []
    places = Places(samples, kind)
    return [
        *_twice(samples, places, classes),
        *_thin(samples, places),
        *_small(samples, places, classes, view, root=root),
        *_too_many(samples, places),
        *_crowded(samples, places, view),
    ]


def measure_grid(samples: Samples, view: View) -> Grid:
    """How the boxes, those of crowds left out, meet the network's cells and priors."""
    keep = _objects(samples)
    boxes = view.on_input(samples)[keep]
    shapes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) / STRIDE
    if not len(shapes):
        return Grid(0.0, 0.0, 0, 0, 0)
    overlap = shape_iou(shapes, view.anchors)
    cells = _cells(boxes, samples.rows[keep], view)
    in_cell = np.unique(cells, return_counts=True)[1]
    in_slot = np.unique(cells * len(view.anchors) + overlap.argmax(axis=0), return_counts=True)[1]
    return Grid(
        float((overlap.max(axis=0) >= 0.5).mean()),
        mean_iou(shapes, view.anchors),
        int((in_cell > 1).sum()),
        int((in_cell > len(view.anchors)).sum()),
        int(in_slot[in_slot > 1].sum()),
    )


def _objects(samples: Samples) -> NDArray[np.int64]:
    """The rows that are single objects, with a size."""
    wh = samples.boxes[:, 2:] - samples.boxes[:, :2]
    return np.flatnonzero(~samples.crowd & (wh > 0).all(axis=1))


def _cells(boxes: NDArray[np.float64], owners: NDArray[np.int64], view: View) -> NDArray[np.int64]:
    """(N,) a number for the picture and the cell that the centre of each box lies in."""
    rows, columns = view.grid
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2 // STRIDE).astype(np.int64)
    column, row = np.clip(centres, 0, (columns - 1, rows - 1)).T
    return (owners * rows + row) * columns + column


def _twice(samples: Samples, places: Places, classes: Sequence[str]) -> list[Fault]:
    corners = np.rint(samples.boxes / SAME).astype(np.int64)
    owners, ids = samples.rows, samples.class_ids
    order = np.lexsort((np.arange(len(ids)), *corners.T, owners))
    same = (corners[order][1:] == corners[order][:-1]).all(axis=1) & (owners[order][1:] == owners[order][:-1])
    faults: list[Fault] = []
    for at in np.flatnonzero(same).tolist():
        first, second = int(order[at]), int(order[at + 1])
        before, is_one_class = places.inside(first), ids[first] == ids[second]
        name = _name(classes, int(ids[second]))
        if is_one_class:
            found, repair = f'the "{name}" of {before} once more', "remove one of the two"
            faults.append(Fault("box-identical", places(second), found, "each object once", repair, is_error=False))
        else:
            found, repair = (
                f'the box of {before}, there a "{_name(classes, int(ids[first]))}", as a "{name}"',
                "choose one",
            )
            faults.append(Fault("box-two-classes", places(second), found, "one class a box", repair, is_error=False))
    return faults


def _thin(samples: Samples, places: Places) -> list[Fault]:
    wh = samples.boxes[:, 2:] - samples.boxes[:, :2]
    ratio = wh.max(axis=1) / np.maximum(wh.min(axis=1), 1e-9)
    expected, repair = f"sides within 1 : {THIN}", "look whether it is one object, and whole"
    return [
        Fault(
            "box-sliver", places(row), f"{wh[row, 0]:.4g} x {wh[row, 1]:.4g} pixels", expected, repair, is_error=False
        )
        for row in np.flatnonzero((ratio > THIN) & ~samples.crowd).tolist()
    ]


def _small(samples: Samples, places: Places, classes: Sequence[str], view: View, *, root: str) -> list[Fault]:
    """One fault for all tiny boxes and one for all small ones: there may be thousands."""
    wh = (samples.boxes[:, 2:] - samples.boxes[:, :2]) * view.scales(samples)[:, None]
    cells = FEW_CELLS * STRIDE
    is_tiny = (wh < LEAST_SIDE).any(axis=1)
    is_small = (wh < cells).all(axis=1) & ~is_tiny
    kinds = (
        ("box-tiny", is_tiny, f"under {LEAST_SIDE} pixels wide or high", f"{LEAST_SIDE} pixels or more"),
        ("box-small", is_small, f"under two cells ({cells} pixels) wide and high", "few of these"),
    )
    repair = "train at a larger --size, or on parts of the pictures"
    faults: list[Fault] = []
    for code, which, words, expected in kinds:
        rows = np.flatnonzero(which)
        if len(rows):
            share = f"{len(rows):,} of {len(wh):,} boxes ({len(rows) / len(wh):.1%}) {words} at {view.name}"
            by_class = _by_class(samples.class_ids[rows], samples.class_ids, classes)
            found = f"{share}, as in {places(int(rows[0]))}; {by_class}"
            faults.append(Fault(code, root, found, expected, repair, is_error=False))
    return faults


def _by_class(some: NDArray[np.int64], every: NDArray[np.int64], classes: Sequence[str]) -> str:
    counts = {int(one): int((some == one).sum()) for one in np.unique(some)}
    most = sorted(counts, key=lambda one: -counts[one])[:CLASSES_SHOWN]
    words = [f"{_name(classes, one)} {counts[one]:,} of {int((every == one).sum()):,}" for one in most]
    return ", ".join(words) + (", ..." if len(counts) > len(most) else "")


def _too_many(samples: Samples, places: Places) -> list[Fault]:
    counts = samples.counts
    expected = f"at most {DARKNET_BOXES}: Darknet trains on no more of a picture"
    repair = "cut the picture, or train with this program"
    return [
        Fault("boxes-over-30", places.of_picture(i), f"{int(counts[i])} boxes", expected, repair, is_error=False)
        for i in np.flatnonzero(counts > DARKNET_BOXES).tolist()
    ]


def _crowded(samples: Samples, places: Places, view: View) -> list[Fault]:
    rows = _objects(samples)
    if not len(rows):
        return []
    cells = _cells(view.on_input(samples)[rows], samples.rows[rows], view)
    _, first, counts = np.unique(cells, return_index=True, return_counts=True)
    height, width = view.grid
    expected = f"at most {len(view.anchors)}, one a prior"
    repair = "train at a larger --size, or with more priors"
    faults: list[Fault] = []
    for at in np.flatnonzero(counts > len(view.anchors)).tolist():
        cell = int(cells[first[at]]) % (height * width)
        found = f"{int(counts[at])} boxes in cell {cell % width}, {cell // width} of {width} x {height}"
        where = places(int(rows[first[at]]))
        faults.append(Fault("cell-crowded", where, found, expected, repair, is_error=False))
    return faults


def _name(classes: Sequence[str], number: int) -> str:
    return "unknown" if number == UNKNOWN else printable(classes[number])
