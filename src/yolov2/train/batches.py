"""Samples -> batches: which pictures, how each is changed, and its truths; all by the number of the batch alone.

A batch never depends on threads, on the order of calls or on an earlier run, so a run goes on exactly where it ended.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from yolov2.data.augment import Draw, Mosaic, quick_mosaic, quickly_changed
from yolov2.data.draws import Augment, Draws, draw, draw_mosaic, numbers_from
from yolov2.samples import UNKNOWN, Samples
from yolov2.train.stream import Numbered, Size
from yolov2.train.truths import Difficult, Truths

MOST = 100  # truths of an input
ROWS = 8  # the truths of a batch are padded to a multiple of so many, so that few shapes come up
IN_MOSAIC = 4  # pictures
ORDER, CHANGE = 0, 1  # what a stream of random numbers is for: no two uses share one


class Store(Protocol):
    """What a batch asks of the pictures; PictureStore has it."""

    @property
    def failed(self) -> Mapping[int, str]: ...
    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...
    def size_of(self, index: int, /) -> Size: ...


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """What an update learns from."""

    number: int  # from 1
    images: NDArray[np.uint8] | Tensor  # (B, H, W, 3) RGB; or, on a device, (B, 3, H, W) floats in [0, 1]
    truths: NDArray[Any]  # float32 (B, T, 5) as region/assign.py describes them; or int64 (B,) classes
    files: tuple[str, ...]  # all pictures in it, those of a mosaic one after the other


@dataclass(frozen=True, eq=False, slots=True)
class Sketch:
    """A batch but for its pixels: which pictures are to be changed how."""

    number: int
    size: Size
    pictures: tuple[tuple[int, ...], ...]  # (B,) indices: one to an input, or those of its mosaic
    changes: tuple[Draw | Mosaic, ...]  # (B,)
    truths: NDArray[np.float32]  # (B, T, 5)
    files: tuple[str, ...]


class Endless(Numbered[Batch]):
    """Batches of a data set, without end; an epoch is a new order of all pictures."""

    def __init__(self, samples: Samples, *, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if not samples:
            raise ValueError("samples: found none, expected one at least")
        super().__init__(batch=batch, seed=seed, rank=rank, world=world)
        self.samples = samples
        self._orders: dict[int, NDArray[np.int64]] = {}  # of the last epochs that were asked for
        self._lock = threading.Lock()

    def _chosen(self, number: int) -> list[tuple[int, np.random.Generator]]:
        """The pictures of this rank's inputs, each with the chances of its change."""
        return [self._at(position) for position in self.positions(number)]

    def _at(self, position: int) -> tuple[int, np.random.Generator]:
        """The picture at this position of the endless order, and the chances of its change."""
        epoch, place = divmod(position, len(self.samples))
        return int(self._order(epoch)[place]), np.random.default_rng((self.seed, CHANGE, position))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        with self._lock:
            if epoch not in self._orders:
                while len(self._orders) > 1:
                    self._orders.pop(next(iter(self._orders)))
                self._orders[epoch] = np.random.default_rng((self.seed, ORDER, epoch)).permutation(len(self.samples))
            return self._orders[epoch]


class Batches(Endless):
    """Batches of changed pictures with boxes. What holds for all such stands in Endless.

    most: truths of an input; for these, and for `difficult`, see Truths. A picture without boxes is background; one
    that can't be read is, too.
    """

    def __init__(
        self,
        samples: Samples,
        store: Store,
        *,
        batch: int,
        augment: Augment,
        seed: int,
        difficult: Difficult = "ignore",
        rank: int = 0,
        world: int = 1,
        most: int = MOST,
    ) -> None:
        super().__init__(samples, batch=batch, seed=seed, rank=rank, world=world)
        self.store, self.augment = store, augment
        self._truths = Truths(samples, difficult=difficult, most=most)

    def make(self, number: int, size: Size) -> Batch:
        """The batch of this number for an input (height, width)."""
        sketch = self.sketch(number, size)
        images = np.empty((len(sketch.changes), *size, 3), np.uint8)
        for indices, change, out in zip(sketch.pictures, sketch.changes, images, strict=True):
            if isinstance(change, Mosaic):
                quick_mosaic([self.store[index] for index in indices], change, out=out)
            else:
                quickly_changed(self.store[indices[0]], change, out=out)
        return Batch(number, images, sketch.truths, sketch.files)

    def sketch(self, number: int, size: Size) -> Sketch:
        """The same without its pixels, for whoever changes these elsewhere."""
        inputs = [self._input(index, rng, number, size) for index, rng in self._chosen(number)]
        pictures, changes = tuple(one for one, _ in inputs), tuple(change for _, change in inputs)
        found = [self._truths.of(*one, tuple(map(self._size_with_truths, one[0]))) for one in inputs]
        rows = max(1, -(-max(len(own) for own in found) // ROWS)) * ROWS
        truths = np.zeros((len(inputs), rows, 5), np.float32)
        for padded, own in zip(truths, found, strict=True):
            padded[: len(own)] = own
        files = tuple(self.samples.pictures[index] for indices in pictures for index in indices)
        return Sketch(number, size, pictures, changes, truths, files)

    def _input(
        self, first: int, rng: np.random.Generator, number: int, size: Size
    ) -> tuple[tuple[int, ...], Draw | Mosaic]:
        """Which pictures are in the input of this one, and how they are changed."""
        augment, draws = self.augment, numbers_from(rng)
        may_be_mosaic = augment.mosaic_until is None or number <= augment.mosaic_until
        if may_be_mosaic and rng.random() < augment.mosaic:
            indices = first, *rng.integers(0, len(self.samples), IN_MOSAIC - 1).tolist()
            if np.all(self.samples.labels[list(indices)] == UNKNOWN):  # a picture with a label as a whole stays whole
                tile = replace(augment, fills=True)
                return indices, draw_mosaic(draws, size, [partial(self._draw, tile, index, draws) for index in indices])
        return (first,), self._draw(augment, first, draws, size)

    def _draw(self, augment: Augment, index: int, draws: Draws, size: Size) -> Draw:
        boxes = int(self.samples.starts[index + 1] - self.samples.starts[index])
        return draw(augment, draws, self.store.size_of(index), size, boxes=boxes)

    def _size_with_truths(self, index: int) -> Size:
        size = self.store.size_of(index)  # first, for then it is known whether the picture can be read
        return (0, 0) if index in self.store.failed else size
