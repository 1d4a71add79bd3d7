"""Pictures that show the same, found by content and without comparing all pairs."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.entries import read_plain

MOST_BITS = 7  # of 63 that copies differ in: re-encoded, at a half or a third of the size, mirrored: at most 5 of VOC's
LEAST_LIKENESS = 0.94  # correlation of thumbnails: copies have 0.99, what merely has the same hash 0.92 and less
FLAT = 2.0  # grey levels a thumbnail deviates by to show anything at all
SAME_GREY = 3.0  # levels that flat pictures may differ by
BANDS = 4  # of 16 bits: of 7 wrong bits one band holds at most one, so one flip finds it
BAND_BITS = 16
PAIRS_AT_ONCE = 1 << 20


def near_duplicates(pictures: Sequence[str | Path], *, root: Path, cache: Path | None) -> list[tuple[int, ...]]:
    """Groups of indices of pictures that show the same, each group and all of them in order; most are in none.

    A picture is one with its copy compressed again, made smaller or mirrored, and with another of the same scene from
    the same place. What can't be read is in no group. root, cache: as in read_plain.
    """
    said = read_plain([str(path) for path in pictures], kind="fingerprint", root=root, cache=cache)
    which = [i for i, one in enumerate(said) if one]
    if not which:
        return []
    prints = [said[i] or [] for i in which]
    bits = np.array([int(one[0], 16) for one in prints], np.uint64)
    mirrored = np.array([int(one[1], 16) for one in prints], np.uint64)
    thumbnails = b"".join(base64.b64decode(one[2]) for one in prints)
    groups = group(bits, mirrored, np.frombuffer(thumbnails, np.uint8).reshape(len(prints), -1))
    return [tuple(which[i] for i in one) for one in groups]


def group(
    bits: NDArray[np.uint64], mirrored: NDArray[np.uint64], thumbnails: NDArray[np.uint8]
) -> list[tuple[int, ...]]:
    """Groups of indices of fingerprints that are alike, or alike to one that is; (N,), (N,), (N, 256)."""
    side = int(thumbnails.shape[1] ** 0.5) if thumbnails.size else 1
    upright = _Looks(thumbnails)
    turned = _Looks(thumbnails.reshape(-1, side, side)[:, :, ::-1].reshape(thumbnails.shape))
    sets = _Sets(len(bits))
    heads = _heads(bits, upright, sets)
    for queries, looks in ((bits, upright), (mirrored, turned)):
        for some, others in candidate_pairs(queries[heads], bits[heads]):
            alike = upright.alike(heads[others], looks, heads[some])
            for a, b in zip(heads[some][alike].tolist(), heads[others][alike].tolist(), strict=True):
                sets.join(a, b)
    return sets.groups()


def candidate_pairs(
    queries: NDArray[np.uint64], bits: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs i, j where queries[i] and bits[j] differ in at most MOST_BITS bits, i < j; some come more than once.

    The hash is cut into bands; each is looked up in a sorted list, as it is and with each of its bits flipped.
    """
    flips = [np.uint64(0), *(np.uint64(1 << bit) for bit in range(BAND_BITS))]
    low = np.uint64((1 << BAND_BITS) - 1)
    for band in range(BANDS):
        shift = np.uint64(band * BAND_BITS)
        unsorted: NDArray[np.uint64] = bits >> shift & low
        order: NDArray[np.int64] = np.argsort(unsorted, kind="stable")
        keys = unsorted[order]
        for flip in flips:
            sought: NDArray[np.uint64] = (queries >> shift & low) ^ flip
            first: NDArray[np.int64] = np.searchsorted(keys, sought, "left")
            last: NDArray[np.int64] = np.searchsorted(keys, sought, "right")
            for some, places in _expand(first, last - first):
                others = order[places]
                near = (some < others) & (np.bitwise_count(queries[some] ^ bits[others]) <= MOST_BITS)
                yield some[near], others[near]


def _expand(first: NDArray[np.int64], counts: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Ranges first[i] .. first[i] + counts[i] as pairs of i and place, so many at once as memory easily holds."""
    ends = np.cumsum(counts)
    at = 0
    while at < len(counts):
        before = int(ends[at - 1]) if at else 0
        to = max(at + 1, int(np.searchsorted(ends, before + PAIRS_AT_ONCE, "right")))
        some = np.repeat(np.arange(at, to), counts[at:to])
        starts = ends[at:to] - counts[at:to] - before
        yield some, first[some] + np.arange(len(some)) - starts[some - at]
        at = to


def _heads(bits: NDArray[np.uint64], looks: "_Looks", sets: "_Sets") -> NDArray[np.int64]:
    """One picture of each kind among those with one hash: a thousand frames of a still camera count as one."""
    order = np.argsort(bits, kind="stable")
    edges = np.flatnonzero(np.diff(bits[order])) + 1
    heads: list[int] = []
    for members in np.split(order, edges):
        own: list[int] = []
        while len(members):
            head, members = members[:1], members[1:]
            alike = looks.alike(np.repeat(head, len(members)), looks, members)
            for other in members[alike].tolist():
                sets.join(int(head[0]), other)
            members = members[~alike]
            own.append(int(head[0]))
        heads += own
    return np.array(sorted(heads), np.int64)


class _Looks:
    """Thumbnails ready to be compared."""

    def __init__(self, thumbnails: NDArray[np.uint8]) -> None:
        grey = thumbnails.astype(np.float32)
        self.mean = grey.mean(axis=1)
        grey -= self.mean[:, None]
        self.deviation = grey.std(axis=1)
        self.shape = grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)

    def alike(self, some: NDArray[np.int64], of: "_Looks", others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(N,) whether each of `some` here looks like each of `others` there."""
        likeness: NDArray[np.float32] = np.einsum("ij,ij->i", self.shape[some], of.shape[others])
        is_flat = (self.deviation[some] < FLAT) & (of.deviation[others] < FLAT)
        same_grey = np.abs(self.mean[some] - of.mean[others]) <= SAME_GREY
        return np.where(is_flat, same_grey, likeness >= LEAST_LIKENESS)


class _Sets:
    """Disjoint sets of numbers from 0, which can only be joined."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def root(self, one: int) -> int:
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, a: int, b: int) -> None:
        a, b = sorted((self.root(a), self.root(b)))
        self.parent[b] = a

    def groups(self) -> list[tuple[int, ...]]:
        """The sets of two and more."""
        members: dict[int, list[int]] = {}
        for one in range(len(self.parent)):
            members.setdefault(self.root(one), []).append(one)
        return [tuple(many) for many in members.values() if len(many) > 1]
