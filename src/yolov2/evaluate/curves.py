"""What stands behind a score: precision by recall, the best threshold a class, what is taken for what, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolov2.evaluate.average_precision import precision_recall
from yolov2.evaluate.matching import (
    HIT,
    IGNORED,
    Ids,
    Matches,
    Numbers,
    Results,
    Truths,
    overlaps,
    pairs,
)

BINS = 10


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """Precision and recall of one class after each detection that counts, best score first."""

    scores: Numbers  # (D,)
    precision: Numbers  # (D,)
    recall: Numbers  # (D,) NaN where there is nothing to find
    truths: int

    @property
    def f1(self) -> Numbers:
        """(D,) the harmonic mean of both; 0 where both are."""
        both = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, both, out=np.zeros(len(both)), where=both > 0)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where to cut a class."""

    conf: float  # scores must lie above it
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Whether a score of 0.7 is right in seven of ten cases. A bin without detections has NaN."""

    edges: Numbers  # (B + 1,)
    counts: Ids  # (B,)
    mean_scores: Numbers  # (B,)
    precision: Numbers  # (B,) the share of hits
    error: float  # expected calibration error: |precision - mean score|, weighted by the counts; NaN of nothing


def curve(matches: Matches, results: Results, truths: Truths, class_id: int) -> Curve:
    """The curve of one class."""
    ranked = matches.order[results.class_ids[matches.order] == class_id]
    ranked = ranked[matches.verdicts[ranked] != IGNORED]
    wanted = int((truths.class_ids[truths.counted] == class_id).sum())
    precision, recall = precision_recall(matches.verdicts[ranked], wanted)
    return Curve(results.scores[ranked], precision, recall, wanted)


def best_threshold(of: Curve, *, floor: float = 0.0) -> Threshold | None:
    """The cut with the highest F1, and of equals the highest cut; None where no cut has any hit.

    It lies half-way between the last score that stays and the first that falls, or `floor`, the least score that was
    kept at all: so a score a little off falls on its own side.
    """
    after = np.append(of.scores[1:], floor)
    whole = np.flatnonzero(of.scores > after)  # equal scores stay or fall together
    if not of.truths or not len(whole):
        return None
    at = whole[of.f1[whole].argmax()]
    if of.f1[at] == 0:
        return None
    middle = (of.scores[at] + after[at]) / 2
    conf = middle if middle < of.scores[at] else after[at]  # neighbours among floats have nothing between them
    return Threshold(float(conf), float(of.f1[at]), float(of.precision[at]), float(of.recall[at]))


def confusion(
    results: Results, truths: Truths, *, classes: int, conf: float = 0.25, iou: float = 0.5
) -> NDArray[np.int64]:
    """(C + 1, C + 1) what was there (rows) and what it was taken for (columns); the last of both is the background.

    Detections with a score above `conf` and truths that overlap by `iou` or more are paired one to one: first those of
    one class, then the others, each time the pair that overlaps most. So a thing is taken for another only where
    nobody found it as what it is. A truth without partner is a row's background, a detection without one (also the
    second on one truth) a column's. A difficult truth or a crowd is never missed; a detection without partner that
    overlaps one by `iou` is left out. Boxes are plain, and classes outside of the C are left out.
    """
    results = results[(results.scores > conf) & (results.class_ids >= 0) & (results.class_ids < classes)]
    truths = truths[(truths.class_ids >= 0) & (truths.class_ids < classes)]
    rows, others = pairs(results, truths, same_class=False)
    ious = overlaps(results.xyxy[rows], truths.xyxy[others])
    near = ious >= iou
    rows, others, ious = rows[near], others[near], ious[near]
    partner = np.full(len(results), -1, np.int64)
    _pair_up(rows, others, ious, truths.counted, same=results.class_ids[rows] == truths.class_ids[others], into=partner)
    excused = np.zeros(len(results), np.bool_)
    excused[rows[~truths.counted[others]]] = True

    table = np.zeros((classes + 1, classes + 1), np.int64)
    found = partner >= 0
    np.add.at(table, (truths.class_ids[partner[found]], results.class_ids[found]), 1)
    np.add.at(table[classes], results.class_ids[~found & ~excused], 1)
    missed = truths.counted
    missed[partner[found]] = False
    np.add.at(table[:, classes], truths.class_ids[missed], 1)
    return table


def calibration(matches: Matches, results: Results, *, bins: int = BINS) -> Calibration:
    """Hits by score, in bins of equal width from 0 to 1; a score on an edge belongs to the bin above it."""
    counts_at_all = matches.verdicts != IGNORED
    scores, hits = results.scores[counts_at_all], matches.verdicts[counts_at_all] == HIT
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_scores = np.bincount(place, scores, bins) / counts
        precision = np.bincount(place, hits, bins) / counts
    gaps = np.abs(precision - mean_scores)[counts > 0]
    error = float(gaps @ counts[counts > 0] / len(scores)) if len(scores) else float("nan")
    return Calibration(edges, counts, mean_scores, precision, error)


def _pair_up(
    rows: Ids, others: Ids, ious: Numbers, counted: NDArray[np.bool_], *, same: NDArray[np.bool_], into: Ids
) -> None:
    """Give detections their truths: pairs of one class first, the most like first, each of both only once."""
    order = np.lexsort((-ious, ~same))
    taken: set[int] = set()
    for row, other in zip(rows[order].tolist(), others[order].tolist(), strict=True):
        if into[row] < 0 and other not in taken and counted[other]:
            into[row] = other
            taken.add(other)
