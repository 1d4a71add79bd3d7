"""Anchors for a data set: its boxes as the network will see them, clustered, in cells and ready for a .cfg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from yolov2.data.dataset import FOR_TRAINING, open_data
from yolov2.errors import LabelError, printable
from yolov2.priors.kmeans import Numbers, cluster, count_different, darknet_kmeans, darknet_start, mean_iou
from yolov2.samples import Samples

Method: TypeAlias = Literal["iou", "euclid", "alexeyab"]
Resize: TypeAlias = Literal["letterbox", "stretch"]

STRIDE = 32  # pixels a cell, of every network of the family
CURVE = range(1, 16)
# The boxes of Faster R-CNN for stride 16, scales 8, 16, 32 and ratios 0.5, 1, 2, in pixels of a picture whose shorter
# side is 600 and whose longer one is at most 1000. Source: py-faster-rcnn `generate_anchors`.
HAND_PICKED = np.array(
    [[184, 96], [368, 192], [736, 384], [128, 128], [256, 256], [512, 512], [88, 176], [176, 352], [352, 704]], float
)
SHORTER, LONGER = 600, 1000


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """The boxes of a data set that count, without their places."""

    wh: Numbers  # (N, 2) width, height in pixels of the picture as read
    pictures_wh: Numbers  # (N, 2) of each box's picture
    pictures: int  # those that have such a box
    left_out: Mapping[str, int]  # why, and how many

    def on_network(self, size: tuple[int, int], resize: Resize) -> Numbers:
        """(N, 2) width and height in pixels of a network input of `size`, (height, width)."""
        scales = np.array(size[::-1]) / self.pictures_wh
        return self.wh * (scales.min(axis=1, keepdims=True) if resize == "letterbox" else scales)


@dataclass(frozen=True, eq=False, slots=True)
class Anchors:
    """Box priors for a region head, and how well they fit."""

    cells: Numbers  # (k, 2) width, height, the smallest area first; to four places, as a .cfg has them
    mean_iou: float  # of every box with the anchor most like it, as if they shared a corner
    curve: tuple[tuple[int, float], ...]  # k and mean IoU; empty unless asked for
    size: tuple[int, int]  # (height, width) of the network input that they are for
    method: Method
    resize: Resize
    seed: int
    boxes: Boxes

    @property
    def pixels(self) -> Numbers:
        """(k, 2) width, height in pixels of the network input."""
        return self.cells * STRIDE

    @property
    def cfg_line(self) -> str:
        """The line for [region]; `num` must be their number."""
        return "anchors=" + ", ".join(f"{width:.4f},{height:.4f}" for width, height in self.cells.tolist())

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: k, mean_iou, anchors, unit, curve, and how they were found."""
        height, width = self.size
        return {
            "k": len(self.cells),
            "mean_iou": self.mean_iou,
            "anchors": self.cells.tolist(),
            "unit": "cells",
            "curve": [list(point) for point in self.curve],
            "stride": STRIDE,
            "width": width,
            "height": height,
            "method": self.method,
            "resize": self.resize,
            "seed": self.seed,
            "boxes": len(self.boxes.wh),
            "left_out": dict(self.boxes.left_out),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of the paper's Table 1: what these boxes give, and what the paper had."""

    name: str
    k: int
    mean_iou: float
    paper: float


def anchors(
    data: str | Path, k: int = 5, *, images: str | Path | None = None, difficult: bool = False, **chosen: Any
) -> Anchors:
    """Anchors for the training pictures of a data set, or for those of `DATA@SPLIT`; the options of `find_anchors`.

    Raises LabelError.
    """
    samples = training_samples(data, images=images)
    return find_anchors(boxes_of(samples, difficult=difficult, where=str(data)), k, where=str(data), **chosen)


def training_samples(data: str | Path, *, images: str | Path | None = None) -> Samples:
    """The pictures of the split after the @, else of the one to train on, else of the only one. Raises LabelError.

    No tenth is held out: that looks into every picture, and box shapes tell nothing of what is in it.
    """
    found = open_data(data, images=None if images is None else Path(images))
    if found.task != "detect":
        repair = "name a data set for detection"
        raise LabelError.at(printable(data), found="pictures without boxes", expected="labelled boxes", repair=repair)
    return found.split(found.chosen or next((name for name in FOR_TRAINING if name in found.split_names), None))


def boxes_of(samples: Samples, *, difficult: bool = False, where: str = "data") -> Boxes:
    """What counts: boxes clipped to their pictures, without crowds and, unless asked for, without difficult ones.

    Darknet's label files for VOC have no difficult ones either. Raises LabelError if there is none.
    """
    pictures_wh = samples.sizes[samples.rows][:, ::-1].astype(np.float64)
    corners = np.clip(samples.boxes.reshape(-1, 2, 2), 0, pictures_wh[:, None]).reshape(-1, 4)
    wh = corners[:, 2:] - corners[:, :2]
    reasons = {"difficult": samples.difficult & (not difficult), "crowd": samples.crowd, "empty": ~(wh > 0).all(axis=1)}
    keep, left_out = np.ones(len(wh), np.bool_), dict[str, int]()
    for reason, rows in reasons.items():
        if dropped := int((keep & rows).sum()):
            left_out[reason] = dropped
        keep &= ~rows
    if not keep.any():
        found = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        found = f"no boxes but {found}" if found else "no boxes"
        raise LabelError.at(
            printable(where), found=found, expected="boxes to cluster", repair="name another data set or split"
        )
    return Boxes(wh[keep], pictures_wh[keep], len(np.unique(samples.rows[keep])), left_out)


def find_anchors(
    boxes: Boxes,
    k: int = 5,
    *,
    size: tuple[int, int] = (416, 416),
    method: Method = "iou",
    resize: Resize | None = None,
    seed: int = 0,
    curve: bool = False,
    on_step: Callable[[], None] = lambda: None,
    where: str = "data",
) -> Anchors:
    """The k shapes that stand for these boxes best, in cells of a network input of `size`, (height, width).

    method: iou, the paper's distance; euclid, what it compares with; alexeyab, the rule of AlexeyAB's `calc_anchors`:
    means, and one start, which is drawn by our generator.
    resize: how pictures come into the network. letterbox (the default) keeps their proportions, as detection and
    training do; stretch is the boxes' share of the picture times the grid, as `calc_anchors` has it, and its default.
    curve: mean IoU for k of 1 to 15, too; on_step is called after each. Raises LabelError for k above the number of
    different boxes.
    """
    resize = resize or ("stretch" if method == "alexeyab" else "letterbox")
    cells = boxes.on_network(size, resize) / STRIDE
    different = count_different(cells)
    if different < k:
        found, expected = f"{different} different box shapes", f"at least {k}, one an anchor"
        raise LabelError.at(
            printable(where), found=found, expected=expected, repair=f"ask for {different} anchors or fewer"
        )
    centres, mean = _centres(cells, k, method=method, seed=seed)
    points: list[tuple[int, float]] = []
    for number in CURVE if curve else ():
        if number <= different:
            points.append((number, mean if number == k else _centres(cells, number, method=method, seed=seed)[1]))
        on_step()
    return Anchors(centres.round(4), mean, tuple(points), size, method, resize, seed, boxes)


def paper_table(boxes: Boxes, *, seed: int = 0, resize: Resize = "letterbox") -> list[Compared]:
    """The paper's Table 1 on these boxes: the mean IoU of priors from three sources. Raises LabelError below 9 shapes.

    The hand-picked boxes are compared at the size that Faster R-CNN gives a picture. Source: paper section 2.
    """
    cells = boxes.on_network((416, 416), resize)
    if count_different(cells) < len(HAND_PICKED):
        raise LabelError.at("Table 1", found="fewer than 9 box shapes", expected="9 or more", repair="name more boxes")
    scale = np.minimum(SHORTER / boxes.pictures_wh.min(axis=1), LONGER / boxes.pictures_wh.max(axis=1))
    return [
        Compared("k-means, Euclidean", 5, cluster(cells, 5, method="euclid", seed=seed).mean_iou, 0.587),
        Compared("k-means, 1 - IoU", 5, cluster(cells, 5, seed=seed).mean_iou, 0.610),
        Compared("hand-picked, of Faster R-CNN", 9, mean_iou(boxes.wh * scale[:, None], HAND_PICKED), 0.609),
        Compared("k-means, 1 - IoU", 9, cluster(cells, 9, seed=seed).mean_iou, 0.672),
    ]


def _centres(cells: Numbers, k: int, *, method: Method, seed: int) -> tuple[Numbers, float]:
    if method != "alexeyab":
        found = cluster(cells, k, method=method, seed=seed)
        return found.centres, found.mean_iou
    centres = darknet_kmeans(cells, darknet_start(cells, k, seed=seed))[0]
    return centres[np.argsort(centres.prod(axis=1), kind="stable")], mean_iou(cells, centres)
