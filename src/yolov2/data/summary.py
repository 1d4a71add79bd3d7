"""A data set in numbers: pictures and boxes by split and class, sizes and shapes of boxes, how priors fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.data.box_checks import Grid, View, measure_grid
from yolov2.samples import Samples

SIDES = (8, 16, 32, 64, 128, 256)  # pixels: the edges between classes of size
RATIOS = (0.2, 0.33, 0.5, 0.8, 1.25, 2.0, 3.0, 5.0)  # width over height: the edges between classes of shape


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How often a class is there."""

    name: str
    boxes: int  # of a data set with a class for each picture: 0
    pictures: int  # that have it
    difficult: int
    crowd: int


@dataclass(frozen=True, slots=True)
class SplitCount:
    """How much is in a split."""

    pictures: int
    boxes: int
    empty: int  # pictures without boxes


@dataclass(frozen=True, eq=False, slots=True)
class Summary:
    """A data set in numbers; sizes are those on the network's input."""

    data: str
    kind: str
    task: str
    pictures: int
    boxes: int
    empty: int  # pictures without boxes
    splits: Mapping[str, SplitCount]
    classes: tuple[ClassCount, ...]
    view: View
    grid: Grid | None  # None where there are no boxes
    sides: NDArray[np.float64]  # (N,) root of width times height, pixels of the network's input
    ratios: NDArray[np.float64]  # (N,) width over height
    shapes: NDArray[np.float64]  # (N, 2) width, height in pixels of the network's input
    centres: NDArray[np.float64]  # (N, 2) of the boxes, as shares of the picture's width and height
    decoded: bool  # whether every picture was

    def size_bins(self) -> list[tuple[str, int]]:
        """How many boxes have which size."""
        return list(zip(size_names(), _bins(self.sides, SIDES), strict=True))

    def ratio_bins(self) -> list[tuple[str, int]]:
        """How many boxes have which shape."""
        return list(zip(ratio_names(), _bins(self.ratios, RATIOS), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The same in plain values."""
        view = self.view
        return {
            "data": self.data,
            "kind": self.kind,
            "task": self.task,
            "pictures": self.pictures,
            "boxes": self.boxes,
            "empty_pictures": self.empty,
            "decoded": self.decoded,
            "splits": {name: asdict(one) for name, one in self.splits.items()},
            "per_class": {
                one.name: {key: value for key, value in asdict(one).items() if key != "name"} for one in self.classes
            },
            "width": view.size[1],
            "height": view.size[0],
            "box_sides": dict(self.size_bins()),
            "box_ratios": dict(self.ratio_bins()),
            "priors": None
            if self.grid is None
            else {"anchors": view.anchors.tolist(), "source": view.source} | asdict(self.grid),
        }


def summarise(
    samples: Samples,
    parts: Mapping[str, Samples],
    classes: Sequence[str],
    view: View,
    *,
    data: str,
    kind: str,
    task: str,
    decoded: bool,
) -> Summary:
    """The numbers of a data set; parts: its splits, samples: all of their pictures, each once."""
    boxes = view.on_input(samples) if len(samples.boxes) else np.zeros((0, 4))
    shapes = boxes[:, 2:] - boxes[:, :2]
    keep = (shapes > 0).all(axis=1) & ~samples.crowd
    sizes = np.maximum(samples.sizes[samples.rows][:, ::-1], 1)
    return Summary(
        data,
        kind,
        task,
        len(samples),
        len(samples.boxes),
        int((samples.counts == 0).sum()) if task == "detect" else 0,
        {name: _split(part, task) for name, part in parts.items()},
        tuple(_class(samples, i, name) for i, name in enumerate(classes)),
        view,
        measure_grid(samples, view) if keep.any() else None,
        np.sqrt(shapes[keep].prod(axis=1)),
        shapes[keep, 0] / shapes[keep, 1],
        shapes[keep],
        ((samples.boxes[:, :2] + samples.boxes[:, 2:]) / 2 / sizes)[keep],
        decoded,
    )


def size_names() -> list[str]:
    """`under 8`, `8 - 16`, ..., `256 and more`."""
    between = [f"{low} - {high}" for low, high in pairwise(SIDES)]
    return [f"under {SIDES[0]}", *between, f"{SIDES[-1]} and more"]


def ratio_names() -> list[str]:
    """`under 0.2`, ..., `5 and more`."""
    between = [f"{low:g} - {high:g}" for low, high in pairwise(RATIOS)]
    return [f"under {RATIOS[0]:g}", *between, f"{RATIOS[-1]:g} and more"]


def _bins(values: NDArray[np.float64], edges: Sequence[float]) -> list[int]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).tolist()


def _split(samples: Samples, task: str) -> SplitCount:
    empty = int((samples.counts == 0).sum()) if task == "detect" else 0
    return SplitCount(len(samples), len(samples.boxes), empty)


def _class(samples: Samples, number: int, name: str) -> ClassCount:
    mine = samples.class_ids == number
    pictures = len(np.unique(samples.rows[mine])) + int((samples.labels == number).sum())
    return ClassCount(
        name, int(mine.sum()), pictures, int((mine & samples.difficult).sum()), int((mine & samples.crowd).sum())
    )
