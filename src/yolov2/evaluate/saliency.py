"""The maths of D-RISE: masks, how alike two proposals are, and the average of what was visible. Knows no detector.

Source: Petsiuk et al. 2021, "Black-box Explanation of Object Detectors via Saliency Maps".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import iou
from yolov2.pictures.letterbox import Image, Placement

Floats: TypeAlias = NDArray[np.float32]

MOST_CELLS = 256  # along a side: as many as a usual network has pixels to tell them apart
ROUNDING = 1e-5  # of a float32 sum over thousands of masks, relative


@dataclass(frozen=True, slots=True)
class Masks:
    """How the picture is hidden. Raises ValueError for values out of range."""

    count: int = 1000
    grid: int = 16  # cells along the longer side of the picture; they are square
    seed: int = 0
    visible: float = 0.5  # how likely a cell is shown

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: found {self.count}, expected a number from 1")
        if not 1 <= self.grid <= MOST_CELLS:
            raise ValueError(f"grid: found {self.grid}, expected a number from 1 to {MOST_CELLS}")
        if not 0 < self.visible < 1:
            raise ValueError(f"visible: found {self.visible}, expected a number between 0 and 1")


@dataclass(frozen=True, eq=False, slots=True)
class Proposals:
    """Boxes of a batch, however weak."""

    pictures: NDArray[np.int64]  # (N,) index into the batch
    boxes: Floats  # (N, 4) xyxy, fractions of the network input
    objectness: Floats  # (N,)
    class_probs: Floats  # (N, C); of a tree P(node)

    def row(self, index: int) -> Proposals:
        """One of them alone."""
        one = slice(index, index + 1)
        return Proposals(self.pictures[one], self.boxes[one], self.objectness[one], self.class_probs[one])


class Average:
    """Of every pixel the mean similarity of the pictures in which it was visible, from one batch of masks at a time."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._sum, self._visible = np.zeros(size), np.zeros(size)

    def add(self, masks: Floats, weights: Floats) -> None:
        """Count pictures in which so much (B, H, W) was visible, and whose similarity was (B,)."""
        self._sum += np.tensordot(weights, masks, axes=1)
        self._visible += masks.sum(axis=0)

    def value(self) -> Floats:
        """(H, W); 0 where a pixel was never visible."""
        mean = np.divide(self._sum, self._visible, out=np.zeros_like(self._sum), where=self._visible > 0)
        return mean.astype(np.float32)


def draw_masks(masks: Masks, size: tuple[int, int], *, batch: int) -> Iterator[Floats]:
    """Batches of masks (B, H, W) in [0, 1], 1 being visible: random cells, blurred into each other, shifted at random.

    The same masks whatever `batch` is; the last one may be smaller.
    Source: Petsiuk et al. 2018, "RISE", section 3.2; its cells have the proportions of the picture, ours are square.
    """
    cell = max(size) / masks.grid  # pixels
    rows, columns = (math.ceil(side / cell) + 2 for side in size)  # one beyond the picture on either side
    generator = np.random.default_rng(masks.seed)
    for start in range(0, masks.count, batch):
        numbers = generator.random((min(batch, masks.count - start), 2 + rows * columns))
        is_visible = (numbers[:, 2:] < masks.visible).astype(np.float32).reshape(-1, rows, columns)
        down, across = (_shares(numbers[:, axis], side, cell) for axis, side in enumerate(size))
        yield np.matmul(np.matmul(down, is_visible), across.transpose(0, 2, 1))


def hide(image: Image, masks: Floats, place: Placement) -> Floats:
    """(B, C, H, W): the network input (C, H, W) once for every mask (B, h, w), hidden by it where the picture lies."""
    (top, left), (rows, columns) = place.offset, place.resized
    images = np.repeat(image[None], len(masks), axis=0)
    images[:, :, top : top + rows, left : left + columns] *= masks[:, None]
    return images


def most_similar(sought: Proposals, found: Proposals, *, pictures: int) -> Floats:
    """(B,) for every picture the highest similarity of any of its proposals; 0 where there is none."""
    best = np.zeros(pictures, np.float32)
    np.maximum.at(best, found.pictures, similarity(sought, found))
    return best


def similarity(sought: Proposals, found: Proposals) -> Floats:
    """(N,) how much each proposal is the one sought: IoU * cosine of the class probabilities * objectness.

    What is no number is 0. Source: Petsiuk et al. 2021, equations 1 to 5.
    """
    wanted = sought.class_probs[0]
    lengths = np.linalg.norm(found.class_probs, axis=1) * np.linalg.norm(wanted)
    with np.errstate(all="ignore"):  # lengths of 0, and boxes of a network gone wrong
        cosine = found.class_probs @ wanted / lengths
        alike = iou(sought.boxes, found.boxes) * cosine * found.objectness
    return np.nan_to_num(alike, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def rescale(values: Floats) -> Floats:
    """The numbers stretched to 0..1; 0 where all are the same but for rounding."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high - low > ROUNDING * high else np.zeros_like(values)


def _shares(shifts: NDArray[np.float64], side: int, cell: float) -> Floats:
    """(B, side, cells): how much of each cell there is in each pixel, bilinear, with cells moved by a share of one."""
    cells = np.arange(math.ceil(side / cell) + 2)
    positions = (np.arange(side) + 0.5) / cell + shifts[:, None]
    return np.clip(1 - np.abs(positions[..., None] - cells), 0, None).astype(np.float32)
