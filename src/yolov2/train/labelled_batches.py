"""Pictures with a class each -> batches, under the rules of batches.py: by the number of the batch alone."""

from __future__ import annotations

import numpy as np

from yolov2.data.classifier_draws import draw_whole, quickly_wholly_changed
from yolov2.data.draws import Augment, numbers_from
from yolov2.samples import UNKNOWN, Samples
from yolov2.train.batches import Batch, Endless, Store
from yolov2.train.stream import Size


class LabelledBatches(Endless):
    """Batches of changed pictures with the class of each: truths are (B,) int64. What else holds stands in Endless.

    A picture that can't be read, and one without a class, has the class UNKNOWN, of which nothing is learned. No
    mosaics are made, whatever `augment` says of them. Raises ValueError where no picture has a class.
    """

    def __init__(
        self, samples: Samples, store: Store, *, batch: int, augment: Augment, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        super().__init__(samples, batch=batch, seed=seed, rank=rank, world=world)
        if np.all(samples.labels == UNKNOWN):
            raise ValueError("samples: found no picture with a class, expected pictures of a classification data set")
        self.store, self.augment = store, augment

    def make(self, number: int, size: Size) -> Batch:
        """The batch of this number for an input (height, width)."""
        chosen = self._chosen(number)
        images = np.empty((len(chosen), *size, 3), np.uint8)
        for (index, rng), out in zip(chosen, images, strict=True):
            change = draw_whole(self.augment, numbers_from(rng), self.store.size_of(index), size)
            quickly_wholly_changed(self.store[index], change, out=out)
        indices = [index for index, _ in chosen]
        labels = [UNKNOWN if index in self.store.failed else int(self.samples.labels[index]) for index in indices]
        files = tuple(self.samples.pictures[index] for index in indices)
        return Batch(number, images, np.array(labels, np.int64), files)
