"""What a network is to find in changed pictures: the boxes of samples, and the rules for those that are none."""

from __future__ import annotations

import threading
import warnings
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.data.augment import CLASS_ONLY, Draw, Mosaic, changed_boxes, mosaic_boxes
from yolov2.errors import Yolov2Warning, printable
from yolov2.samples import UNKNOWN, Samples

Difficult: TypeAlias = Literal["train", "ignore", "drop"]

MAYBE = -1  # the class of a place where there may be something
LEFT_OUT = -2  # the class of a box that is no truth
NO_BOX = (0.5, 0.5, 0.0, 0.0)  # holds the place of one, so that others keep their number; too small for a truth


class Truths:
    """truths.of(...): (N, 5) as region/assign.py describes them, boxes before places where there may be something.

    difficult: what becomes of boxes that are marked difficult or crowd: "train" like any other, "ignore" (nothing is
    said of where they are), "drop". Boxes of an unknown class are left out, and those beyond `most` in one input, of
    which the first case is warned of.
    """

    def __init__(self, samples: Samples, *, difficult: Difficult, most: int) -> None:
        marked = {"train": samples.class_ids, "ignore": np.int64(MAYBE), "drop": np.int64(LEFT_OUT)}
        if difficult not in marked:
            raise ValueError(f"difficult: found {difficult}, expected one of {', '.join(marked)}")
        classes = np.where(samples.difficult | samples.crowd, marked[difficult], samples.class_ids)
        self._classes = np.where(samples.class_ids == UNKNOWN, LEFT_OUT, classes)
        self._samples, self._most = samples, most
        self._has_warned = threading.Lock()  # taken once, and never given back

    def of(
        self, indices: tuple[int, ...], change: Draw | Mosaic, sizes: tuple[tuple[int, int], ...]
    ) -> NDArray[np.float32]:
        """Those of a changed picture, or of a mosaic's. sizes: (height, width) as read; (0, 0): it has no truths."""
        boxes, classes = zip(*map(self._labels, indices, sizes), strict=True)
        if isinstance(change, Mosaic):
            truths = mosaic_boxes(boxes, classes, change)
        else:
            truths = changed_boxes(boxes[0], classes[0], change)
            label = int(self._samples.labels[indices[0]])
            if label != UNKNOWN and sizes[0] != (0, 0):
                truths = np.array([(CLASS_ONLY,) * 4 + (label,)], np.float32)
        if len(truths) > self._most and self._has_warned.acquire(blocking=False):
            name = printable(self._samples.pictures[indices[0]])
            told = f"{name}: found {len(truths)} boxes in one input, expected at most {self._most}"
            warnings.warn(f"{told}; those beyond are left out, here and elsewhere", Yolov2Warning, stacklevel=2)
        return truths[np.argsort(truths[:, 4] < 0, kind="stable")][: self._most]

    def _labels(self, index: int, size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Boxes (N, 4) cxcywh in shares of the picture, cut at its edges, and their classes."""
        own = slice(int(self._samples.starts[index]), int(self._samples.starts[index + 1]))
        (height, width), classes = size, self._classes[own]
        corners = np.clip(self._samples.boxes[own] / ((width or 1, height or 1) * 2), 0, 1)
        low, high = corners[:, :2], corners[:, 2:]
        boxes = np.concatenate(((low + high) / 2, high - low), axis=1)
        is_out = (classes == LEFT_OUT) | np.any(high <= low, axis=1) | (size == (0, 0))
        return np.where(is_out[:, None], NO_BOX, boxes), classes
