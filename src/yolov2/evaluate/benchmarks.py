"""The rules of the field's benchmarks: VOC07, VOC12, AlexeyAB's `map`, Darknet's `recall`. COCO's are in coco.py.

Class ids run from 0. A box of a class outside of them is nobody's: it counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.evaluate.average_precision import all_points, at_levels, precision_recall
from yolov2.evaluate.matching import (
    HIT,
    MISS,
    Ids,
    Matches,
    Numbers,
    Results,
    Truths,
    match_darknet,
    match_voc,
    overlaps,
    pairs,
)

Average: TypeAlias = Callable[[Numbers, Numbers], float]

RECALL_CONF, RECALL_IOU = 0.001, 0.5  # Darknet: validate_detector_recall


@dataclass(frozen=True, eq=False, slots=True)
class Score:
    """Average precision by class, and its mean."""

    mean: float  # NaN: no class has anything to find
    per_class: Numbers  # (C,) NaN: a class without anything to find, where the rule leaves it out
    truths: Ids  # (C,) what there was to find

    def to_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The JSON shape: `map`, and `per_class` by name; null where there is no number."""
        return {
            "map": _number(self.mean),
            "per_class": {name: _number(ap) for name, ap in zip(names, self.per_class.tolist(), strict=True)},
        }


@dataclass(frozen=True, eq=False, slots=True)
class DarknetMap:
    """What AlexeyAB's `detector map` prints."""

    score: Score
    hits: int  # TP, FP and FN above the threshold
    misses: int
    unfound: int
    mean_iou: float  # sum of the IoU of hits / (hits + misses)

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.misses)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.unfound)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, 2 * self.hits + self.misses + self.unfound)


@dataclass(frozen=True, slots=True)
class DarknetRecall:
    """What Darknet's `detector recall` prints at its end."""

    correct: int
    total: int
    recall: float  # of all truths, those that some box overlaps by more than the IoU
    mean_iou: float  # over all truths, with the box that overlaps each most
    proposals: float  # boxes a picture


def voc07(results: Results, truths: Truths, *, classes: int, iou: float = 0.5) -> Score:
    """Mean average precision of VOC 2007: 11 points; see `voc`."""
    return voc(match_voc(results, truths, iou=iou), results, truths, classes=classes, average=at_levels)


def voc12(results: Results, truths: Truths, *, classes: int, iou: float = 0.5) -> Score:
    """Mean average precision of VOC 2010 to 2012: the whole area; see `voc`."""
    return voc(match_voc(results, truths, iou=iou), results, truths, classes=classes, average=all_points)


def voc(matches: Matches, results: Results, truths: Truths, *, classes: int, average: Average) -> Score:
    """Average precision by class, and the mean over the classes that have anything to find.

    Boxes are inclusive pixel corners: see `voc_corners` and `comp4_corners`. Difficult objects count neither way. A
    class without any other object has NaN, and the mean leaves it out; the development kit knows no such class.
    """
    wanted = _by_class(truths.class_ids[truths.counted], classes)
    per_class = np.full(classes, np.nan)
    for class_id, ranked in enumerate(_ranked(matches, results, classes)):
        if wanted[class_id]:
            per_class[class_id] = average(*precision_recall(matches.verdicts[ranked], int(wanted[class_id])))
    mean = float(per_class[wanted > 0].mean()) if wanted.any() else float("nan")
    return Score(mean, per_class, wanted)


def darknet_map(
    results: Results, truths: Truths, *, classes: int, conf: float = 0.25, iou: float = 0.5, points: int = 0
) -> DarknetMap:
    """AlexeyAB's mAP: a class without labels counts as 0. Hits and misses are those with a score above `conf`.

    points: 0 for the area, 11 or 101 for so many recalls. Darknet counts the hits above `conf` in the order of its
    list, which its sort leaves undefined; here the better score is first. Source: `validate_detector_map`.
    """
    matches = match_darknet(results, truths, iou=iou)
    average = all_points if points == 0 else partial(at_levels, points=points)
    score = voc(matches, results, truths, classes=classes, average=average)
    per_class = np.nan_to_num(score.per_class, nan=0.0)
    shown = (results.scores > conf) & _known(results.class_ids, classes)
    hits = shown & (matches.verdicts == HIT)
    misses = int((shown & (matches.verdicts == MISS)).sum())
    found = int(hits.sum())
    return DarknetMap(
        Score(float(per_class.mean()), per_class, score.truths),
        found,
        misses,
        int(score.truths.sum()) - found,
        float(matches.ious[hits].sum()) / max(1, found + misses),
    )


def darknet_recall(
    results: Results, truths: Truths, *, pictures: int, conf: float = RECALL_CONF, iou: float = RECALL_IOU
) -> DarknetRecall:
    """Recall and mean IoU of all truths, whatever the class; scores are the objectness of each box.

    Source: Darknet `validate_detector_recall`, which takes boxes after NMS by objectness at 0.4.
    """
    results = results[results.scores > conf]
    rows, others = pairs(results, truths, same_class=False)
    best = np.zeros(len(truths))
    np.maximum.at(best, others, overlaps(results.xyxy[rows], truths.xyxy[others]))
    total, correct = len(truths), int((best > iou).sum())
    mean = float(best.mean()) if total else 0.0
    return DarknetRecall(correct, total, correct / max(1, total), mean, len(results) / max(1, pictures))


def voc_corners(xyxy: Numbers) -> Numbers:
    """Boxes between the edges of pixels, as `data/` reads them -> VOC's corners: the first and last pixel, from 1."""
    return xyxy + np.array([1.0, 1.0, 0.0, 0.0])


def comp4_corners(xyxy: Numbers, sizes: NDArray[np.int64]) -> Numbers:
    """A detector's boxes -> corners as Darknet writes them for the development kit: from 1, inside the picture.

    sizes: (N, 2) height and width of each box's picture. Networks that Darknet trained call the left edge of VOC's
    last pixel the edge of the box, so both corners move. Source: Darknet `print_detector_detections`.
    """
    corners = xyxy + 1.0  # Darknet: print_detector_detections
    limits = sizes[:, ::-1]
    return np.concatenate((np.maximum(corners[:, :2], 1.0), np.minimum(corners[:, 2:], limits)), axis=1)


def _ranked(matches: Matches, results: Results, classes: int) -> list[Ids]:
    """For each class the rows of its detections, from the best score down."""
    by_class = matches.order[np.argsort(results.class_ids[matches.order], kind="stable")]
    ends = np.searchsorted(results.class_ids[by_class], np.arange(classes + 1), side="left")
    return [by_class[start:end] for start, end in pairwise(ends.tolist())]


def _by_class(class_ids: Ids, classes: int) -> Ids:
    """(C,) how many there are of each class."""
    return np.bincount(class_ids[_known(class_ids, classes)], minlength=classes)


def _known(class_ids: Ids, classes: int) -> NDArray[np.bool_]:
    return (class_ids >= 0) & (class_ids < classes)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
