"""`detector train` while it learns: the lines of every update, and which weights are kept behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from yolov2.data.draws import Augment
from yolov2.model.region_loss import RegionLoss
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.standin.detector_sizes import largest_side, size_lines, sizes_of
from yolov2.standin.line import Dialect
from yolov2.standin.train_map import Best
from yolov2.standin.training import INTERRUPTED, SEED, Keeper, Mean, Update, tell_start, updates
from yolov2.standin.voice import Voice
from yolov2.train.batches import Batches
from yolov2.train.job import LARGER
from yolov2.train.store import PictureStore
from yolov2.train.stream import Size

LATEST: dict[Dialect, str] = {"pjreddie": ".backup", "alexeyab": "_last.weights"}
OFTEN = 100  # updates: so often the latest weights are kept
SLOW_S = 0.1  # AlexeyAB's program says so of a longer wait for pictures
NEWEST = 0.01  # of a time in AlexeyAB's average
FEW_UPDATES = 10_000  # in a run of fewer AlexeyAB's program keeps more weights


class Heard:
    """What the region layer says of the mini-batches of an update."""

    def __init__(self) -> None:
        self._parts: list[
            tuple[Any, Any]
        ] = []  # cost, and the sums that RegionLoss has; tensors, so that nothing waits

    def __call__(self, loss: RegionLoss) -> None:
        self._parts.append((loss.cost, loss.stats.detach()))

    def taken(self, *, boxes: int, batch: int) -> tuple[float, list[str]]:
        """Darknet's loss of an update of so many pictures, and a line a mini-batch; boxes: predicted in each of these.

        Source: Darknet `train_network`, `forward_region_layer`.
        """
        cost = np.float32(sum(np.float32(float(one)) for one, _ in self._parts))
        lines = [region_line(stats.tolist(), boxes) for _, stats in self._parts]
        self._parts = []
        return float(cost / np.float32(batch)), lines


def region_line(stats: list[float], boxes: int) -> str:
    """The means of a mini-batch; without a truth they are no numbers, as in Darknet."""
    iou, classes, objectness, recalled, truths, labels, of_all = stats
    means = (
        ("Region Avg IOU", iou, truths),
        ("Class", classes, truths + labels),
        ("Obj", objectness, truths),
        ("No Obj", of_all, boxes),
        ("Avg Recall", recalled, truths),
    )
    told = ", ".join(f"{name}: {value / number:f}" if number else f"{name}: -nan" for name, value, number in means)
    return f"{told},  count: {truths:.0f}"


@dataclass(slots=True)
class DetectorRun:
    """A training of boxes by one of the two programs."""

    dialect: Dialect
    keeper: Keeper
    heard: Heard
    samples: Samples
    augment: Augment
    room: int | None  # bytes for decoded pictures
    best: Best | None  # of -map
    voice: Voice
    hours: float = -1.0

    def learn(self) -> int:
        """The exit status: 1 if a picture failed, 130 after Ctrl-C, when the weights so far are kept."""
        learner, voice = self.keeper.learner, self.voice
        network, options = learner.network, learner.network.training
        sizes = sizes_of(network, self.dialect, first=learner.updates + 1)
        lines = size_lines(network, self.dialect)
        tell_start(learner, options.max_batches, voice)
        side = int(LARGER * largest_side(network, self.dialect))
        with PictureStore(self.samples.pictures, side=side, memory_bytes=self.room) as store:
            batches = Batches(
                self.samples, store, batch=options.batch, augment=self.augment, seed=SEED, difficult="drop",
                most=_most(network),
            )  # fmt: skip

            def resized(size: Size) -> None:
                for line in lines(size):
                    voice.say(line)

            mean = Mean()
            with voice.interrupts() as stop:
                for update in updates(learner, batches, sizes, last=options.max_batches, resized=resized):
                    self._tell(update, mean)
                    self._keep(update.number)
                    if stop.requested:
                        self.keeper.keep(LATEST[self.dialect])
                        voice.note("interrupted; the weights so far are kept")
                        return INTERRUPTED
            failed = len(store.failed)
        self.keeper.keep("_final.weights")
        if self.dialect == "alexeyab":
            voice.say("If you want to train from the beginning, then use flag in the end of training command: -clear ")
        return int(failed > 0 or (self.best is not None and self.best.failed > 0))

    def _tell(self, update: Update, mean: Mean) -> None:
        options, voice = self.keeper.learner.network.training, self.voice
        loss, lines = self.heard.taken(boxes=_boxes(self.keeper.learner.network, update.size), batch=options.batch)
        is_slow = self.dialect == "alexeyab" and update.loaded_s > SLOW_S and mean.value > 0
        slow = " - performance bottleneck on CPU or Disk HDD/SSD" if is_slow else ""
        voice.say(f"Loaded: {update.loaded_s:f} seconds{slow}")
        for line in lines:
            voice.say(line)
        if self.best is not None:
            self.best.tell()
        average, images = mean.add(loss), update.number * options.batch
        if self.dialect == "pjreddie":
            told = f"{loss:f}, {average:f} avg, {update.rate:f} rate, {update.took_s:f} seconds, {images} images"
            voice.say(f"{update.number}: {told}")
            return
        told = f"{loss:f}, {average:f} avg loss, {update.rate:f} rate, {update.took_s:f} seconds, {images} images"
        voice.say(f"\n {update.number}: {told}, {self.hours:f} hours left")
        left = (options.max_batches - update.number) * (update.took_s + update.loaded_s) / 3600
        self.hours = left if self.hours < 0 else NEWEST * left + (1 - NEWEST) * self.hours

    def _keep(self, update: int) -> None:
        """Source: Darknet `train_detector`, of either program."""
        if self.best is not None:
            self.best.look(update)
        most = self.keeper.learner.network.training.max_batches
        if self.dialect == "pjreddie":
            is_numbered = update % 10_000 == 0 or (update < 1000 and update % OFTEN == 0)
        else:
            is_numbered = update % (1000 if most < FEW_UPDATES else 10_000) == 0
        if is_numbered:
            self.keeper.keep(f"_{update}.weights")
        if update % OFTEN == 0:
            self.keeper.keep(LATEST[self.dialect])


def _most(network: Network) -> int:
    assert network.region is not None
    return network.region.max


@cache
def _boxes(network: Network, size: Size) -> int:
    """How many boxes a mini-batch has in all its cells."""
    options, region = network.training, network.region
    assert region is not None
    grid = network.at_size(*size).raw_shape
    return grid.height * grid.width * region.num_anchors * (options.batch // options.subdivisions)
