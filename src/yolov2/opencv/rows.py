"""From the raw head to the rows of OpenCV's region layer: the boxes and scores of `region/` in OpenCV's layout."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region
from yolov2.network.spec import Arithmetic
from yolov2.region.decode import Candidates, decode
from yolov2.region.select import Nms, select, select_nodes

Floats = NDArray[np.float32]

IOU = 0.4  # of the suppression inside OpenCV's region layer, whatever the .cfg says


@dataclass(frozen=True, eq=False, slots=True)
class RowMaker:
    """What the rows of a region layer depend on."""

    head: Region
    threshold: float  # scores up to here are 0
    tree: WordTree | None
    arithmetic: Arithmetic

    def __call__(self, raw: Floats, *, is_suppressed: bool) -> Floats:
        """cx, cy, w, h, objectness, a score a class: (B, rows * columns * A, 5 + C) of raw (B, ..., rows, columns).

        Boxes are fractions of the network's input. Rows go by row, column, anchor. A score is objectness * class
        probability where it is above the threshold and, if `is_suppressed`, no better box of its class covers this one;
        else 0. Of a tree only the node that a box is walked down to has a score.
        """
        found = self._candidates(raw)
        nms: Nms = "class" if is_suppressed else "none"
        if self.tree is None:
            chosen = select(found, conf=self.threshold, iou=IOU, nms=nms)
        else:
            chosen = select_nodes(found, self.tree, conf=self.threshold, iou=IOU, nms=nms)
        rows = np.zeros((len(found.boxes), 5 + self.head.classes), np.float32)
        rows[:, :4], rows[:, 4] = found.boxes, found.objectness
        rows[chosen.candidates, 5 + chosen.class_ids] = chosen.scores
        return rows.reshape(len(raw), -1, rows.shape[1])

    def _candidates(self, raw: Floats) -> Candidates:
        """Every box of every picture, in OpenCV's order; its suppression computes in float64."""
        prediction = decode(raw, self.head, tree=self.tree, arithmetic=self.arithmetic)
        pictures = np.repeat(np.arange(len(raw)), prediction.objectness[0].size)
        boxes = _anchors_last(prediction.boxes).reshape(-1, 4)
        classes = _anchors_last(prediction.class_probs).reshape(len(boxes), -1)
        objectness = _anchors_last(prediction.objectness).reshape(-1)
        return Candidates(pictures, boxes.astype(np.float64), objectness, classes)


def _anchors_last(values: Floats) -> Floats:
    """(B, A, rows, columns, ...) -> (B, rows, columns, A, ...): Darknet goes anchor by anchor, OpenCV cell by cell."""
    return np.moveaxis(values, 1, 3)
