"""What can be taught: boxes, the class of a picture as a whole, or the objects of a few cut-outs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from yolov2.data.draws import Augment
from yolov2.model.region_loss import Head
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.train.augment import DeviceBatches, DeviceStore, has_room
from yolov2.train.batches import Batch, Batches
from yolov2.train.classification import Classification
from yolov2.train.labelled_batches import LabelledBatches
from yolov2.train.objective import Detection, Objective
from yolov2.train.one_shot import EPOCH, OneShot
from yolov2.train.plan import Plan
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe
from yolov2.train.store import PictureStore
from yolov2.train.stream import Numbered


@dataclass(frozen=True, slots=True)
class Place:
    """Where batches are made: on which device, and by which of several processes."""

    device: torch.device
    rank: Rank


class Lesson(Protocol):
    """Pictures, the batches that are made of them, and what an update makes smaller."""

    @property
    def inputs(self) -> int:
        """How many of them count as one pass."""
        ...

    @property
    def pictures(self) -> tuple[str, ...]:
        """The files that the store of `batches` holds."""
        ...

    @property
    def fingerprint(self) -> str:
        """The same for the same pictures with the same truths alone."""
        ...

    def objective(self, network: Network, recipe: Recipe, class_weights: list[float] | None) -> Objective:
        """The losses. Raises TrainingError for a network that can't learn this."""
        ...

    def batches(self, store: PictureStore, plan: Plan, augment: Augment, at: Place) -> Numbered[Batch]:
        """Batches of the plan's recipe."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class OfSamples:
    """What all lessons of a data set have alike."""

    samples: Samples

    @property
    def inputs(self) -> int:
        return len(self.samples)

    @property
    def pictures(self) -> tuple[str, ...]:
        return self.samples.pictures

    @property
    def fingerprint(self) -> str:
        found = self.samples
        columns = found.labels, found.starts, found.boxes, found.class_ids, found.difficult, found.crowd
        return _digest(found.pictures, *columns)


@dataclass(frozen=True, eq=False, slots=True)
class Boxes(OfSamples):
    """Pictures with boxes."""

    def objective(self, network: Network, recipe: Recipe, class_weights: list[float] | None) -> Objective:
        return _region_loss(network, recipe, class_weights)

    def batches(self, store: PictureStore, plan: Plan, augment: Augment, at: Place) -> Numbered[Batch]:
        recipe, rank = plan.recipe, at.rank
        batches = Batches(
            self.samples, store, batch=plan.batch, augment=augment, seed=recipe.seed, difficult=recipe.difficult,
            rank=rank.number, world=rank.world,
        )  # fmt: skip
        if has_room(at.device, pictures=len(store), side=store.side):
            return DeviceBatches(batches, DeviceStore(store, at.device))
        return batches


@dataclass(frozen=True, eq=False, slots=True)
class Classes(OfSamples):
    """Pictures with one class each."""

    def objective(self, network: Network, recipe: Recipe, class_weights: list[float] | None) -> Objective:
        is_faithful = recipe.policy == "cfg"
        return Classification(network, smoothing=recipe.smoothing, class_weights=class_weights, faithful=is_faithful)

    def batches(self, store: PictureStore, plan: Plan, augment: Augment, at: Place) -> Numbered[Batch]:
        rank = at.rank
        return LabelledBatches(
            self.samples, store, batch=plan.batch, augment=augment, seed=plan.recipe.seed, rank=rank.number,
            world=rank.world,
        )  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Scenes:
    """Pictures that are made up from cut-outs as they are wanted; what a recipe says of them: `one_shot.scenes_of`."""

    shot: OneShot

    @property
    def inputs(self) -> int:
        return EPOCH

    @property
    def pictures(self) -> tuple[str, ...]:
        return self.shot.backgrounds

    @property
    def fingerprint(self) -> str:
        objects = self.shot.cut_outs.objects
        return _digest(self.shot.backgrounds, *(one.flat for one in objects))

    def objective(self, network: Network, recipe: Recipe, class_weights: list[float] | None) -> Objective:
        return _region_loss(network, recipe, class_weights)

    def batches(self, store: PictureStore, plan: Plan, augment: Augment, at: Place) -> Numbered[Batch]:
        return self.shot.batches(store, plan.recipe, batch=plan.batch, rank=at.rank.number, world=at.rank.world)


def _digest(pictures: Iterable[str], *columns: NDArray[Any]) -> str:
    """Of the names of files, wherever their folder lies, and of numbers."""
    digest = hashlib.sha256("\n".join(Path(name).name for name in pictures).encode())
    for column in columns:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _region_loss(network: Network, recipe: Recipe, class_weights: list[float] | None) -> Detection:
    assert network.region is not None
    return Detection(Head(network.region, class_weights=class_weights), recipe)
