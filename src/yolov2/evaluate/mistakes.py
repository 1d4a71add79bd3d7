"""What a model gets wrong, and the worst of it first: which pictures to look at, and what to label next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from yolov2.evaluate.matching import Flags, Ids, Numbers, Results, Truths, best_first, overlaps, pairs

Kind: TypeAlias = Literal["missed", "class", "box", "background", "twice"]

KINDS: tuple[Kind, ...] = get_args(Kind)
IOU = 0.5  # enough to be the same object
TOUCHING = 0.1  # so much of it that it was meant


@dataclass(frozen=True, slots=True)
class Mistake:
    """One of them: a truth without detection, or a detection with the truth that it is most like, or without."""

    kind: Kind
    picture: int
    detection: int | None  # row of the Results
    truth: int | None  # row of the Truths
    iou: float  # of both


@dataclass(frozen=True, eq=False, slots=True)
class Mistakes:
    """All mistakes, each kind with its worst first."""

    by_kind: dict[Kind, tuple[Mistake, ...]]

    def worst(self, kind: Kind, most: int) -> tuple[Mistake, ...]:
        """The worst of a kind, at most one a picture."""
        first: dict[int, Mistake] = {}
        for mistake in self.by_kind[kind]:
            if len(first) == most:
                break
            first.setdefault(mistake.picture, mistake)
        return tuple(first.values())


@dataclass(frozen=True, eq=False, slots=True)
class _Likeness:
    """For each detection the truth of some sort that it is most like."""

    truths: Ids  # (N,) row; -1: none
    ious: Numbers  # (N,)


def find_mistakes(results: Results, truths: Truths, *, sizes: NDArray[np.int64]) -> Mistakes:
    """The mistakes among the detections that a user sees; boxes are plain, sizes (P, 2) those of the pictures.

    Detections take the objects of their class one to one, those most alike first. What is left of both:
    missed: an object that nobody took; the larger its share of the picture, the worse.
    twice: a detection of an object of its class that another one took.
    class: one that lies on an object of another class.
    box: one that only touches an object of its class (IoU from 0.1 to 0.5).
    background: any other. The higher the score, the worse all of these.
    Nobody misses a difficult object or a crowd, and a detection on one is no mistake.
    """
    counted = np.flatnonzero(truths.counted)
    objects = truths[counted]
    rows, others = pairs(results, objects, same_class=False)
    ious = overlaps(results.xyxy[rows], objects.xyxy[others])
    same = results.class_ids[rows] == objects.class_ids[others]
    is_right, is_taken = _one_to_one(rows[same], others[same], ious[same], len(results), len(objects))
    own = _best(rows[same], others[same], ious[same], len(results))
    any_class = _best(rows, others, ious, len(results))

    left = ~is_right & ~_excused(results, truths)
    is_twice = left & (own.ious >= IOU)
    is_class = left & ~is_twice & (any_class.ious >= IOU)
    is_box = left & ~is_twice & ~is_class & (own.ious >= TOUCHING)
    is_background = left & ~is_twice & ~is_class & ~is_box
    of_detections: dict[Kind, tuple[Flags, _Likeness]] = {
        "class": (is_class, any_class),
        "box": (is_box, own),
        "background": (is_background, any_class),
        "twice": (is_twice, own),
    }
    by_kind: dict[Kind, tuple[Mistake, ...]] = {"missed": _missed(truths, counted[~is_taken], sizes)}
    for kind, (chosen, like) in of_detections.items():
        by_kind[kind] = tuple(_of_detection(kind, row, results, like, counted) for row in _ranked(chosen, results))
    return Mistakes(by_kind)


def _one_to_one(rows: Ids, others: Ids, ious: Numbers, results: int, objects: int) -> tuple[Flags, Flags]:
    """Which detections took an object, and which objects were taken: the pairs most alike first."""
    is_right, is_taken = np.zeros(results, np.bool_), np.zeros(objects, np.bool_)
    near = ious >= IOU
    rows, others, ious = rows[near], others[near], ious[near]
    for at in np.argsort(-ious, kind="stable").tolist():
        row, other = rows[at], others[at]
        if not is_right[row] and not is_taken[other]:
            is_right[row] = is_taken[other] = True
    return is_right, is_taken


def _best(rows: Ids, others: Ids, ious: Numbers, count: int) -> _Likeness:
    truths, highest = np.full(count, -1, np.int64), np.zeros(count)
    up = np.argsort(ious, kind="stable")  # the highest last, and stays
    truths[rows[up]], highest[rows[up]] = others[up], ious[up]
    return _Likeness(np.where(highest > 0, truths, -1), highest)


def _excused(results: Results, truths: Truths) -> Flags:
    """Which detections lie on something that does not count: like a difficult object, or mostly inside a crowd."""
    rows, others = pairs(results, truths, same_class=False)
    rows, others = rows[~truths.counted[others]], others[~truths.counted[others]]
    a, b = results.xyxy[rows], truths.xyxy[others]
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    own = np.prod(a[:, 2:] - a[:, :2], axis=1)
    is_inside = truths.crowd[others] & (np.prod(sides, axis=1) >= IOU * own)
    excused = np.zeros(len(results), np.bool_)
    excused[rows[is_inside | (overlaps(a, b) >= IOU)]] = True
    return excused


def _ranked(chosen: Flags, results: Results) -> list[int]:
    rows = np.flatnonzero(chosen)
    return rows[best_first(results.scores[rows])].tolist()


def _of_detection(kind: Kind, row: int, results: Results, like: _Likeness, counted: Ids) -> Mistake:
    near = int(like.truths[row])
    truth = int(counted[near]) if near >= 0 and kind != "background" else None
    return Mistake(kind, int(results.image_ids[row]), row, truth, float(like.ious[row]))


def _missed(truths: Truths, rows: Ids, sizes: NDArray[np.int64]) -> tuple[Mistake, ...]:
    boxes = truths.xyxy[rows]
    whole = np.prod(sizes[truths.image_ids[rows]], axis=1)
    shares = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / np.maximum(whole, 1)
    return tuple(
        Mistake("missed", int(truths.image_ids[row]), None, row, 0.0) for row in rows[best_first(shares)].tolist()
    )
