"""From a ranked list of hits and misses to one number: precision and recall, and the ways to average them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolov2.evaluate.matching import HIT, IGNORED, Numbers


def precision_recall(verdicts: NDArray[np.int8], truths: int) -> tuple[Numbers, Numbers]:
    """Precision and recall after each detection that counts; `verdicts` from the best score down.

    truths: how many there are to find. Without any, recall is NaN.
    """
    counted = verdicts[verdicts != IGNORED]
    hits = np.cumsum(counted == HIT)
    recall = hits / truths if truths else np.full(len(hits), np.nan)
    return hits / np.arange(1, len(hits) + 1), recall


def at_levels(precision: Numbers, recall: Numbers, *, points: int = 11) -> float:
    """The mean of the highest precision at recall of at least 0, 1/(points - 1), ..., 1. VOC 2007 takes 11 points.

    A level is the number itself: 3/10 and no 3 * 0.1, which is a trace more and turns away a recall of 3/10.
    Source: VOC 2007 development kit; AlexeyAB's `-points 11` and `-points 101`.
    """
    return float(np.mean(_envelope_at(precision, recall, np.arange(points) / (points - 1))))


def coco_levels(precision: Numbers, recall: Numbers) -> float:
    """The mean of the highest precision at 101 recalls, with COCO's own levels to the last bit: multiples of 0.01."""
    return float(np.mean(_envelope_at(precision, recall, np.linspace(0, 1, 101))))


def all_points(precision: Numbers, recall: Numbers) -> float:
    """The area under the curve of the highest precision at that recall or above. Source: VOC 2010, `VOCap.m`.

    AlexeyAB's `-points 0` is the same: his loop takes the precision of the rank below a step, too, but a step is a hit,
    and a hit never lowers the precision.
    """
    steps = np.diff(recall, prepend=0.0)
    return float(steps @ _envelope(precision))


def _envelope(precision: Numbers) -> Numbers:
    """The highest precision from each rank on."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def _envelope_at(precision: Numbers, recall: Numbers, levels: Numbers) -> Numbers:
    """The highest precision where recall is at least each level; 0 where it never is."""
    first = np.searchsorted(recall, levels, side="left")
    return np.append(_envelope(precision), 0.0)[first]
