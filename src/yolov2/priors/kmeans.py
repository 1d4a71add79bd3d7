"""Dimension clusters: k-means of box shapes under the distance 1 - IoU of boxes that share a corner.

Shapes are (N, 2) widths and heights, above zero, in any one unit; where they come from is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["iou", "euclid"]

RESTARTS = 10
MOST_ROUNDS = 300  # of one start; some 50 are usual
MOST_SHAPES = 50_000  # more different ones than that are grouped
MOST_TRIED = 10_000  # every start runs on so many groups at most, and the best of them goes on with MOST_SHAPES
GROUP_STEP = 0.01  # shapes in a group differ by this share of width and height; more where that leaves too many
DARKNET_ROUNDS = 1000


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """Box shapes that stand for many."""

    centres: Numbers  # (k, 2) width, height, the smallest area first
    mean_iou: float  # of every shape with the centre most like it


def cluster(
    shapes: Numbers,
    k: int,
    *,
    method: Method = "iou",
    centre: Literal["median", "mean"] = "median",
    restarts: int = RESTARTS,
    seed: int = 0,
) -> Clusters:
    """The best k centres of several seeded starts; the same for the same seed.

    iou: the distance is 1 - IoU, and a centre moves to the median width and height of its shapes. The paper does not
    say how it moves; medians gave 0.2 to 0.8 points of mean IoU more than means on VOC2007, and stay put for outliers.
    euclid: plain k-means with means, which the paper holds against it. Very many shapes are grouped to find the
    centres; mean_iou counts every one of them. Raises ValueError for a shape that is none, and for less than k
    different ones. Source: paper section 2, "Dimension Clusters".
    """
    shapes = _checked(shapes)
    groups, counts = grouped(shapes)
    if not 1 <= k <= len(groups):
        raise ValueError(f"k: found {k}, expected a number from 1 to {len(groups)}, the number of different box shapes")
    search = _by_distance if method == "euclid" else _by_iou
    is_mean = method == "euclid" or centre == "mean"
    fine, rng = _Step(groups, counts, mean=is_mean), np.random.default_rng(seed)
    coarse = fine if len(groups) <= MOST_TRIED else _Step(*grouped(shapes, MOST_TRIED), mean=is_mean)
    tries = [search(coarse, shapes[rng.choice(len(shapes), k, replace=False)]) for _ in range(restarts)]
    centres = max(tries, key=lambda found: found[0])[1]  # of equals the first
    if coarse is not fine:
        centres = search(fine, centres)[1]
    centres = centres[np.lexsort((centres[:, 0], centres.prod(axis=1)))]
    return Clusters(centres, mean_iou(shapes, centres))


def shape_iou(shapes: Numbers, centres: Numbers) -> Numbers:
    """IoU of every centre with every shape as if they shared a corner; (N, 2), (k, 2) -> (k, N).

    0 where neither has an area.
    """
    overlap = np.minimum(centres[:, :1], shapes[:, 0]) * np.minimum(centres[:, 1:], shapes[:, 1])  # (k, N)
    union = centres.prod(axis=1)[:, None] + shapes.prod(axis=1) - overlap
    return overlap / np.maximum(union, np.finfo(np.float64).smallest_normal)


def mean_iou(shapes: Numbers, centres: Numbers) -> float:
    """The mean over all shapes of the IoU with the centre most like them: what the paper's Table 1 lists."""
    parts = range(0, len(shapes), 1 << 16)  # a million at once would take too much memory
    return float(sum(shape_iou(shapes[at : at + (1 << 16)], centres).max(axis=0).sum() for at in parts) / len(shapes))


def count_different(shapes: Numbers) -> int:
    """How many different shapes there are."""
    return len(np.unique(_as_one(shapes)))


def grouped(shapes: Numbers, most: int = MOST_SHAPES) -> tuple[Numbers, NDArray[np.int64]]:
    """The different shapes, and how often each occurs; more than `most` are put into groups of nearly equal ones.

    A group is its mean width and height.
    """
    different, counts = np.unique(_as_one(shapes), return_counts=True)
    groups, step = np.stack((different.real, different.imag), axis=1), GROUP_STEP
    singles, weights = groups, counts
    while len(groups) > most:
        bins = np.rint(np.log(singles) / step).astype(np.int64)
        bins -= bins.min(axis=0)
        keys, group = np.unique(bins[:, 0] * (bins[:, 1].max() + 1) + bins[:, 1], return_inverse=True)
        counts = np.bincount(group, weights).astype(np.int64)
        sums = [np.bincount(group, weights * singles[:, axis], len(keys)) for axis in (0, 1)]
        groups, step = np.stack(sums, axis=1) / counts[:, None], 2 * step
    return groups, counts


def darknet_kmeans(shapes: Numbers, start: Numbers) -> tuple[Numbers, NDArray[np.int64], int]:
    """Centres in the order of `start`, the centre of each shape, and the number of rounds.

    Source: AlexeyAB's `do_kmeans`. A centre is the mean of its shapes.
    """
    shapes, centres = np.asarray(shapes, np.float64), np.asarray(start, np.float64)
    nearest, rounds = np.zeros(len(shapes), np.int64), 0
    if len(centres) == 1:  # Darknet: do_kmeans; all shapes have it from the beginning, so no round would move it
        centres = _darknet_means(shapes, nearest, centres)
    while rounds < DARKNET_ROUNDS:
        now = shape_iou(shapes, centres).argmax(axis=0)
        if np.array_equal(now, nearest):
            break
        nearest, rounds = now, rounds + 1
        centres = _darknet_means(shapes, nearest, centres)
    return centres, nearest, rounds


def darknet_start(shapes: Numbers, k: int, *, seed: int = 0) -> Numbers:
    """k boxes drawn at random, each at most once, as AlexeyAB's `random_centers` does with another generator."""
    return np.asarray(shapes, np.float64)[np.random.default_rng(seed).permutation(len(shapes))[:k]]


def _darknet_means(shapes: Numbers, nearest: NDArray[np.int64], before: Numbers) -> Numbers:
    counts = np.bincount(nearest, minlength=len(before))
    sums = np.stack([np.bincount(nearest, shapes[:, axis], len(before)) for axis in (0, 1)], axis=1)
    means = sums / np.maximum(counts, 1)[:, None]
    return np.where(means == 0, before, means)  # Darknet: kmeans_maximization; without shapes it stays


def _as_one(shapes: Numbers) -> NDArray[np.complex128]:
    """(N,) width and height as one number, which sorts a hundred times as fast as rows do."""
    return shapes[:, 0] + 1j * shapes[:, 1]


def _checked(shapes: Numbers) -> Numbers:
    shapes = np.asarray(shapes, np.float64)
    if shapes.ndim != 2 or shapes.shape[1] != 2 or not len(shapes):
        raise ValueError(f"shapes: found {shapes.shape}, expected (N, 2) widths and heights of at least one box")
    wrong = np.flatnonzero(~(np.isfinite(shapes) & (shapes > 0)).all(axis=1))
    if len(wrong):
        width, height = shapes[wrong[0]].tolist()
        raise ValueError(f"shapes: found {width:g} x {height:g} in row {wrong[0]}, expected numbers above 0")
    return shapes


def _by_iou(step: _Step, centres: Numbers) -> tuple[float, Numbers]:
    """The highest mean IoU that the rounds pass through, and its centres: no centre makes sure that it rises."""
    best, best_centres, before = -1.0, centres, None
    for _ in range(MOST_ROUNDS):
        iou = shape_iou(step.shapes, centres)
        nearest, most = iou.argmax(axis=0), iou.max(axis=0)
        mean = float(most @ step.counts)
        if mean > best:
            best, best_centres = mean, centres
        if before is not None and np.array_equal(nearest, before):
            break
        before, centres = nearest, step.centres(nearest, most, len(centres))
    return best, best_centres


def _by_distance(step: _Step, centres: Numbers) -> tuple[float, Numbers]:
    """Minus the sum of squares at the end, and its centres."""
    before, cost = None, np.inf
    for _ in range(MOST_ROUNDS):
        squares = ((centres[:, None] - step.shapes) ** 2).sum(axis=-1)  # (k, N)
        nearest, least = squares.argmin(axis=0), squares.min(axis=0)
        cost = float(least @ step.counts)
        if before is not None and np.array_equal(nearest, before):
            break
        before, centres = nearest, step.centres(nearest, -least, len(centres))
    return -cost, centres


class _Step:
    """Moves centres. Keeps the order of the shapes by width and by height, which medians need in every round."""

    def __init__(self, shapes: Numbers, counts: NDArray[np.int64], *, mean: bool) -> None:
        self.shapes, self.counts = shapes, counts
        self._orders = () if mean else tuple(np.argsort(shapes[:, axis], kind="stable") for axis in (0, 1))

    def centres(self, nearest: NDArray[np.int64], likeness: Numbers, k: int) -> Numbers:
        """(k, 2) the new centres; one without shapes takes the place of a shape that fits its own least."""
        sizes = np.bincount(nearest, minlength=k)
        move = self._medians if self._orders else self._means
        centres = move(nearest, sizes)
        alone = np.flatnonzero(sizes == 0)
        centres[alone] = self.shapes[np.argsort(likeness, kind="stable")[: len(alone)]]
        return centres

    def _means(self, nearest: NDArray[np.int64], sizes: NDArray[np.int64]) -> Numbers:
        weights = np.bincount(nearest, self.counts, len(sizes))
        sums = [np.bincount(nearest, self.counts * self.shapes[:, axis], len(sizes)) for axis in (0, 1)]
        return np.stack(sums, axis=1) / np.maximum(weights, 1)[:, None]

    def _medians(self, nearest: NDArray[np.int64], sizes: NDArray[np.int64]) -> Numbers:
        """Weighted medians; with an even count the mean of the middle two, as everywhere."""
        ends = np.cumsum(sizes)
        medians: list[Numbers] = []
        for axis, order in enumerate(self._orders):
            by_centre = order[np.argsort(nearest[order].astype(np.int16), kind="stable")]  # each centre's, in order
            passed = np.cumsum(self.counts[by_centre])
            total = np.append(0, passed)[ends]
            middle = (np.append(0, total[:-1]) + total) / 2
            last = len(by_centre) - 1
            two = [np.minimum(np.searchsorted(passed, middle, side=side), last) for side in ("left", "right")]
            medians.append(self.shapes[by_centre[np.stack(two)], axis].mean(axis=0))
        return np.stack(medians, axis=1)
