"""A recipe over a data set of some size: how many updates there are, and the rate and the input size of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from yolov2.network.spec import TrainingOptions
from yolov2.train.recipe import Recipe
from yolov2.train.schedule import cosine_rate, darknet_rate


@dataclass(frozen=True, slots=True)
class Plan:
    """What every update of a run is to be; they count from 1. Raises ValueError for a run without any."""

    recipe: Recipe
    cfg: TrainingOptions  # of the network's own [net]; policy "cfg" follows it
    pictures: int

    def __post_init__(self) -> None:
        if self.updates < 1:
            raise ValueError(f"batches: found a run of {self.updates} updates, expected one at least")

    @property
    def batch(self) -> int:
        """Pictures an update."""
        return self.recipe.batch

    @property
    def updates(self) -> int:
        """How many there are."""
        if self.recipe.batches is not None:
            return self.recipe.batches
        return math.ceil(self.recipe.epochs * self.pictures / self.batch)

    @property
    def updates_an_epoch(self) -> float:
        return self.pictures / self.batch

    def rate(self, update: int) -> float:
        """The learning rate."""
        recipe = self.recipe
        if recipe.policy == "cfg":
            cfg = replace(self.cfg, learning_rate=recipe.learning_rate, max_batches=self.updates)
            return darknet_rate(cfg, update, share=self._draw(update))
        if update < recipe.warmup:
            return recipe.learning_rate * (update / recipe.warmup) ** recipe.warmup_power
        if recipe.policy == "cosine":
            return cosine_rate(
                recipe.learning_rate, update, batches=self.updates, warmup=recipe.warmup, last=recipe.final_rate
            )
        if recipe.policy == "poly":
            return recipe.learning_rate * max(0.0, 1 - update / self.updates) ** recipe.power
        epoch = update / self.updates_an_epoch
        made = [scale for step, scale in zip(recipe.steps, recipe.scales, strict=True) if epoch >= step]
        return recipe.learning_rate * math.prod(made)

    def side(self, update: int) -> int:
        """The side of the square input: drawn anew every so many updates, the largest at the end."""
        recipe = self.recipe
        if update > self.updates * (1 - recipe.final_share):
            return max(recipe.sizes)
        sizes = self._growing(update) if recipe.grow else recipe.sizes
        return sizes[int(self._draw((update - 1) // recipe.size_every) * len(sizes))]

    def _growing(self, update: int) -> list[int]:
        """The half of the sizes that is drawn from by now: the smaller one at first, the larger one at last."""
        sizes = sorted(self.recipe.sizes)
        count = -(-len(sizes) // 2)
        first = int((update - 1) / self.updates * (len(sizes) - count + 1))
        return sizes[first : first + count]

    def _draw(self, number: int) -> float:
        """A share in [0, 1) that depends on the seed and this number alone: the same on every rank, and again."""
        return float(np.random.default_rng((self.recipe.seed, number)).random())
