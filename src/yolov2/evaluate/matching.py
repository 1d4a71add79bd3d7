"""Detections against truths at one IoU: which truth each detection is best for, and whether it counts.

Flat arrays over all pictures, no data set and no model. How the counts become a score: average_precision.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]

HIT, MISS, IGNORED = 1, 0, -1  # what a detection is: true, false, not counted


@dataclass(frozen=True, eq=False, slots=True)
class Results:
    """What was found in all pictures, a row a box, in any order."""

    image_ids: Ids  # (N,) any numbers that tell pictures apart
    class_ids: Ids  # (N,)
    scores: Numbers  # (N,)
    xyxy: Numbers  # (N, 4)

    def __post_init__(self) -> None:
        _check(self, len(self.image_ids), ("image_ids", "class_ids", "scores", "xyxy"))

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, which: NDArray[Any] | slice) -> Results:
        """The chosen rows: `found[found.scores > 0.5]`."""
        return Results(self.image_ids[which], self.class_ids[which], self.scores[which], self.xyxy[which])


@dataclass(frozen=True, eq=False, slots=True)
class Truths:
    """What is in all pictures, a row a box, in any order."""

    image_ids: Ids  # (M,)
    class_ids: Ids  # (M,)
    xyxy: Numbers  # (M, 4) of the same kind as those of Results
    difficult: Flags  # (M,) a hit on one counts neither way, and nobody misses it
    crowd: Flags  # (M,) one box around many objects, as in COCO
    areas: Numbers  # (M,) square pixels; COCO sorts by it, and measures the object's outline

    def __post_init__(self) -> None:
        _check(self, len(self.image_ids), ("image_ids", "class_ids", "xyxy", "difficult", "crowd", "areas"))

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, which: NDArray[Any] | slice) -> Truths:
        """The chosen rows: `truths[~truths.difficult]`."""
        return Truths(
            self.image_ids[which],
            self.class_ids[which],
            self.xyxy[which],
            self.difficult[which],
            self.crowd[which],
            self.areas[which],
        )

    @property
    def counted(self) -> Flags:
        """(M,) those that a detector should find: neither difficult nor a crowd."""
        return ~(self.difficult | self.crowd)


@dataclass(frozen=True, eq=False, slots=True)
class Matches:
    """What became of each detection, in the order of the Results."""

    truths: Ids  # (N,) the row of the truth it is best for; -1: none that is enough like it
    ious: Numbers  # (N,) with that truth; without one, the highest there is of its class
    verdicts: NDArray[np.int8]  # (N,) HIT, MISS or IGNORED
    order: Ids  # (N,) rows from the best score down, equal scores as they came


def match_voc(results: Results, truths: Truths, *, iou: float = 0.5) -> Matches:
    """Matches by the rule of the VOC development kit; boxes by inclusive pixel corners, so (1, 1, 1, 1) has a pixel.

    A detection is compared with the one truth of its picture and class that it overlaps most, difficult ones among
    them. Reaching `iou` with a difficult one counts for nothing; with another one it is a hit if nothing with a better
    score was there before, else a miss: a second-best truth is not tried. A crowd is handled as difficult.
    Source: `VOCevaldet.m`.
    """
    best, ious = _most_like(results, truths, extra=1.0, eligible=np.ones(len(truths), np.bool_))
    return _judge(results, truths, np.where(ious >= iou, best, -1), ious, is_ignored=~truths.counted)


def match_darknet(results: Results, truths: Truths, *, iou: float = 0.5) -> Matches:
    """Matches by the rule of AlexeyAB's `detector map`: plain boxes, above `iou`, and difficult ones come second.

    A detection that is like no other truth, but like a difficult one, is left out of the count.
    Source: AlexeyAB's `validate_detector_map`.
    """
    best, ious = _most_like(results, truths, extra=0.0, eligible=truths.counted)
    second, second_ious = _most_like(results, truths, extra=0.0, eligible=~truths.counted)
    chosen = np.where(ious > iou, best, np.where(second_ious > iou, second, -1))
    ious = np.where(ious > iou, ious, np.where(second_ious > iou, second_ious, ious))
    return _judge(results, truths, chosen, ious, is_ignored=~truths.counted)


def pairs(results: Results, truths: Truths, *, same_class: bool) -> tuple[Ids, Ids]:
    """Rows of Results and of Truths for every two that lie in one picture (and have one class); first by detection."""
    keys, truth_keys = results.image_ids, truths.image_ids
    if same_class:
        both = np.stack((np.append(keys, truth_keys), np.append(results.class_ids, truths.class_ids)), axis=1)
        group = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
        keys, truth_keys = group[: len(keys)], group[len(keys) :]
    order = np.argsort(truth_keys, kind="stable")
    first = np.searchsorted(truth_keys[order], keys, side="left")
    counts = np.searchsorted(truth_keys[order], keys, side="right") - first
    rows = np.repeat(np.arange(len(keys)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[np.repeat(first, counts) + within]


def overlaps(a: Numbers, b: Numbers, *, extra: float = 0.0) -> Numbers:
    """IoU of xyxy boxes row by row, (P, 4) and (P, 4) -> (P,); 0 without overlap.

    extra: 1 for inclusive pixel corners, where a side is x2 - x1 + 1.
    """
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + extra  # (P, 2)
    overlap = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
    areas = [np.prod(box[:, 2:] - box[:, :2] + extra, axis=1) for box in (a, b)]
    return np.divide(overlap, areas[0] + areas[1] - overlap, out=np.zeros(len(a)), where=overlap > 0)


def best_first(scores: Numbers) -> Ids:
    """Rows from the highest score down; equal ones as they came."""
    return np.argsort(-scores, kind="stable")


def _most_like(results: Results, truths: Truths, *, extra: float, eligible: Flags) -> tuple[Ids, Numbers]:
    """For each detection the eligible truth of its picture and class that it overlaps most, and their IoU; -1 and 0."""
    rows, others = pairs(results, truths, same_class=True)
    allowed = eligible[others]
    rows, others = rows[allowed], others[allowed]
    ious = overlaps(results.xyxy[rows], truths.xyxy[others], extra=extra)
    best, highest = np.full(len(results), -1, np.int64), np.zeros(len(results))
    up = np.lexsort((-np.arange(len(rows)), ious))  # the highest last, and of equals the first truth
    best[rows[up]], highest[rows[up]] = others[up], ious[up]
    return np.where(highest > 0, best, -1), highest


def _judge(results: Results, truths: Truths, chosen: Ids, ious: Numbers, *, is_ignored: Flags) -> Matches:
    """The first detection of a truth, by score, is a hit, and any other a miss."""
    order = best_first(results.scores)
    verdicts = np.full(len(results), MISS, np.int8)
    found = order[chosen[order] >= 0]
    verdicts[found[is_ignored[chosen[found]]]] = IGNORED
    found = found[~is_ignored[chosen[found]]]
    verdicts[found[np.unique(chosen[found], return_index=True)[1]]] = HIT
    return Matches(chosen, ious, verdicts, order)


def _check(record: Any, rows: int, names: tuple[str, ...]) -> None:
    for name in names:
        expected = (rows, 4) if name == "xyxy" else (rows,)
        array = getattr(record, name)
        if array.shape != expected:
            raise ValueError(f"{type(record).__name__}.{name}: found {array.shape}, expected {expected}")
        if name in ("scores", "xyxy") and not np.isfinite(array).all():
            raise ValueError(f"{type(record).__name__}.{name}: found NaN or infinity, expected numbers")
