"""Samples in figures: classes, boxes a picture, sizes and shapes of boxes, sizes of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.data.opened import Task
from yolov2.data.summary import RATIOS, ClassCount, ratio_names
from yolov2.samples import UNKNOWN, Samples

COCO_EDGES = (32**2, 96**2)  # square pixels; an area on an edge counts as the larger
PER_PICTURE = (0, 1, 2, 3, 6, 11, 21, 31)  # where the bins of boxes a picture begin
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_SIZES = 5  # of pictures, that are named


@dataclass(frozen=True, slots=True)
class Stats:
    """A data set in figures; those of boxes are empty where pictures have a class each."""

    task: Task
    pictures: int
    boxes: int
    difficult: int
    crowd: int
    unknown: int  # boxes or pictures of a class that the data set does not have
    classes: tuple[ClassCount, ...]
    per_picture: tuple[tuple[str, int], ...]  # boxes of a picture, pictures
    per_picture_mean: float
    per_picture_median: float
    per_picture_most: int
    areas: tuple[tuple[str, int], ...]  # small, medium, large by COCO's areas: boxes
    input_hw: tuple[int, int]  # of the network that sides are told for
    sides: tuple[tuple[float, float], ...]  # quantile, root of width times height on that input in pixels
    ratios: tuple[tuple[str, int], ...]  # width over height, boxes
    picture_sizes: tuple[tuple[int, int, int], ...]  # width, height, pictures: the most frequent
    size_count: int  # different sizes of pictures
    smallest: tuple[int, int]  # width, height of the picture with the fewest pixels
    largest: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        plain = asdict(self)
        height, width = plain.pop("input_hw")
        for name in ("per_picture", "areas", "ratios"):
            plain[name] = dict(plain[name])
        plain["sides"] = {f"{quantile:g}": side for quantile, side in self.sides}
        return plain | {"input_width": width, "input_height": height}


def measure(samples: Samples, classes: Sequence[str], *, task: Task, input_hw: tuple[int, int] = (416, 416)) -> Stats:
    """The figures of samples. Crowds count as boxes of their class, and in nothing else.

    input_hw: the network's input, into which pictures are fitted with their proportions.
    """
    keep = ~samples.crowd
    wh = samples.boxes[:, 2:] - samples.boxes[:, :2]
    scale = (np.array(input_hw) / np.maximum(samples.sizes, 1)).min(axis=1)[samples.rows]
    sides = (np.sqrt(wh.clip(0).prod(axis=1)) * scale)[keep]
    counts = np.bincount(samples.rows[keep], minlength=len(samples))
    unknown = samples.labels if task == "classify" else samples.class_ids
    return Stats(
        task,
        len(samples),
        len(samples.boxes),
        int(samples.difficult.sum()),
        int(samples.crowd.sum()),
        int((unknown == UNKNOWN).sum()),
        _classes(samples, classes),
        _binned(counts, PER_PICTURE[1:], _count_names()) if task == "detect" else (),
        float(counts.mean()) if len(counts) else 0.0,
        float(np.median(counts)) if len(counts) else 0.0,
        int(counts.max(initial=0)),
        _binned(samples.areas[keep], COCO_EDGES, ("small", "medium", "large")),
        input_hw,
        tuple((q, round(float(np.quantile(sides, q)), 1)) for q in QUANTILES) if len(sides) else (),
        _binned((wh[:, 0] / np.maximum(wh[:, 1], 1e-9))[keep], RATIOS, ratio_names()),
        *_picture_sizes(samples.sizes),
    )


def _classes(samples: Samples, names: Sequence[str]) -> tuple[ClassCount, ...]:
    def counted(chosen: NDArray[np.int64]) -> list[int]:
        return np.bincount(chosen[chosen >= 0], minlength=len(names)).tolist()

    in_picture = np.unique(np.stack((samples.rows, samples.class_ids), axis=1), axis=0)[:, 1]
    columns = (
        counted(samples.class_ids),
        counted(np.concatenate((in_picture, samples.labels))),
        counted(samples.class_ids[samples.difficult]),
        counted(samples.class_ids[samples.crowd]),
    )
    return tuple(ClassCount(*row) for row in zip(names, *columns, strict=True))


def _binned(values: NDArray[Any], edges: Sequence[float], names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(names)).tolist()
    return tuple(zip(names, counts, strict=True))


def _count_names() -> list[str]:
    """`0`, `1`, `2`, `3 - 5`, ..., `31 and more`."""
    last = [start - 1 for start in PER_PICTURE[1:]]
    between = [str(a) if a == b else f"{a} - {b}" for a, b in zip(PER_PICTURE, last, strict=False)]
    return [*between, f"{PER_PICTURE[-1]} and more"]


def _picture_sizes(
    sizes: NDArray[np.int64],
) -> tuple[tuple[tuple[int, int, int], ...], int, tuple[int, int], tuple[int, int]]:
    counts = Counter((width, height) for height, width in sizes.tolist() if height)
    if not counts:
        return (), 0, (0, 0), (0, 0)
    order = sorted(counts, key=lambda wh: (wh[0] * wh[1], wh))
    frequent = tuple((*wh, count) for wh, count in counts.most_common(MOST_SIZES))
    return frequent, len(counts), order[0], order[-1]
