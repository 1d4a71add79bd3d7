"""How alike two results are: arrays by their largest and mean difference, boxes matched one to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import pairwise_iou

Numbers = NDArray[np.float64]

SAME_SCORE = 1e-4  # the tolerance of Darknet's reference outputs; two runtimes differ by some 1e-6
SAME_PLACE = 1e-4  # of a box, in parts of the picture, or of the box where that is larger
FAR = 1e30  # pixels; boxes of a network gone wrong may be anywhere
LEAST_IOU = 0.5  # boxes that overlap less are two things


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two results are."""

    is_same: bool  # within tolerance
    loss: float  # to rank by: 0 is equal
    numbers: Mapping[str, float]
    words: str


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Boxes of one picture that can be compared: xyxy in pixels."""

    xyxy: Numbers  # (N, 4)
    scores: Numbers
    class_ids: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rounding:
    """How coarsely results were written down: the largest error of a coordinate in pixels, and of a score."""

    pixels: float = 0.0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Matches:
    """The boxes of one picture, counted."""

    matched: int
    only: tuple[int, int]  # in the first result, in the second; not those as close to the threshold as scores differ
    iou: float  # sums over the matched
    loss: float
    score_difference: float  # largest
    place_difference: float  # largest, in pixels
    is_same: bool


def compare_arrays(
    ours: Sequence[NDArray[np.float32]], theirs: Sequence[NDArray[np.float32]], *, tolerance: float
) -> Agreement:
    """Arrays of several pictures. Same: no difference above `tolerance` * max(1, the largest of theirs)."""
    largest, mean, size = 0.0, 0.0, 1.0
    for a, b in zip(ours, theirs, strict=False):
        with np.errstate(all="ignore"):
            difference = np.abs(np.where(a == b, 0, np.subtract(a, b, dtype=np.float64)))
        difference = np.nan_to_num(difference, nan=np.inf, posinf=np.inf)
        largest, mean = max(largest, float(difference.max())), mean + float(difference.mean()) / len(theirs)
        size = max(size, float(np.nan_to_num(np.abs(b), nan=0, posinf=0).max()))
    words = f"largest difference {largest:.2g} of {size:.3g}, mean {mean:.2g}"
    return Agreement(largest <= tolerance * size, mean / size, {"largest": largest, "mean": mean, "of": size}, words)


def compare_boxes(
    ours: Sequence[Found],
    theirs: Sequence[tuple[Found, Rounding]],
    *,
    sizes: Sequence[tuple[int, int]],
    conf: float,
) -> Agreement:
    """Boxes of several pictures of these (height, width). One whose score is as good as `conf` may be in one alone.

    conf: NaN where each class has its own threshold.
    """
    pictures = [
        match(a, b, side=max(size), conf=conf, rounding=rounding)
        for a, (b, rounding), size in zip(ours, theirs, sizes, strict=False)
    ]
    matched = sum(one.matched for one in pictures)
    only_a, only_b = sum(one.only[0] for one in pictures), sum(one.only[1] for one in pictures)
    total = matched + only_a + only_b
    numbers = {
        "matched": matched,
        "only_a": only_a,
        "only_b": only_b,
        "mean_iou": sum(one.iou for one in pictures) / max(1, matched),
        "score_difference": max((one.score_difference for one in pictures), default=0.0),
        "box_difference_px": max((one.place_difference for one in pictures), default=0.0),
    }
    words = f"{matched} of {total} boxes matched"
    if matched:
        words += f", mean IoU {numbers['mean_iou']:.3f}, scores up to {numbers['score_difference']:.2g} apart"
    loss = (sum(one.loss for one in pictures) + only_a + only_b) / max(1, total)
    return Agreement(all(one.is_same for one in pictures), loss, numbers, words)


def match(a: Found, b: Found, *, side: float, conf: float, rounding: Rounding) -> Matches:
    """Each box of `b`, best first, with the box of `a` of its class that is most like it."""
    place_a, place_b = (np.nan_to_num(box, nan=0, posinf=FAR, neginf=-FAR) for box in (a.xyxy, b.xyxy))
    pixels = np.abs(place_a[:, None] - place_b[None, :]).max(axis=-1)  # (N, M)
    extent = np.maximum(np.abs(place_a[:, 2:] - place_a[:, :2]).max(axis=-1, initial=0), side)  # (N,)
    is_placed = pixels <= SAME_PLACE * extent[:, None] + rounding.pixels
    with np.errstate(all="ignore"):
        iou = np.where(
            is_placed, 1, np.clip(np.nan_to_num(pairwise_iou(place_a, place_b)), 0, 1)
        )  # no area: no overlap
    apart = np.abs(a.scores[:, None] - b.scores[None, :])
    likeness = np.where((a.class_ids[:, None] == b.class_ids[None, :]) & (iou >= LEAST_IOU), iou - apart, -1.0)
    pairs: list[tuple[int, int]] = []
    for column in np.argsort(-b.scores, kind="stable").tolist() if len(a.scores) else ():
        row = int(np.argmax(likeness[:, column]))
        if likeness[row, column] > -1:
            pairs.append((row, column))
            likeness[row] = -1.0
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    scores, overlaps = apart[rows, columns], iou[rows, columns]
    near = SAME_SCORE + rounding.score
    only_a, only_b = (
        int((~(np.abs(np.delete(one.scores, taken) - conf) <= near)).sum())  # all of them where conf is NaN
        for one, taken in ((a, rows), (b, columns))
    )
    is_same = only_a == only_b == 0 and bool(is_placed[rows, columns].all() and (scores <= near).all())
    return Matches(
        len(pairs),
        (only_a, only_b),
        float(overlaps.sum()),
        float((1 - overlaps + scores).sum()),
        float(scores.max(initial=0)),
        float(pixels[rows, columns].max(initial=0)),
        is_same,
    )


def is_inside(written: tuple[Found, Rounding], size: tuple[int, int]) -> bool:
    """Whether no box reaches beyond the picture of this (height, width), but for how coarsely it was written."""
    (found, rounding), (height, width) = written, size
    over = np.maximum(-found.xyxy[:, :2], found.xyxy[:, 2:] - (width, height))
    return bool((over <= SAME_PLACE * max(size) + rounding.pixels).all())


def cut_at_edges(found: Found, size: tuple[int, int]) -> Found:
    """The same boxes without what lies beyond the picture of this (height, width). Source: Darknet `print_cocos`."""
    height, width = size
    low, high = np.maximum(found.xyxy[:, :2], 0), np.minimum(found.xyxy[:, 2:], (width, height))
    return replace(found, xyxy=np.concatenate((low, high), axis=1))


def last_digit(values: Numbers) -> float:
    """The unit of the last decimal place of these numbers; 0 for more than five places, as computed ones have."""
    for places in range(6):
        if len(values) and np.allclose(values, np.round(values, places), rtol=0, atol=1e-9):
            return 10.0**-places
    return 0.0
