"""What `detector train` and `classifier train` share: [net] as Darknet takes it, update after update, files of weights.

How one update learns is the business of train/learner.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

import numpy as np

from yolov2.darknet.sections import Section
from yolov2.darknet.weights import Weights, write_weights
from yolov2.detect.outputs import make_folder
from yolov2.errors import CfgError, FormatError, TrainingError, printable
from yolov2.network.spec import Network, TrainingOptions
from yolov2.standin.voice import Voice
from yolov2.train.batches import Batch
from yolov2.train.cfg_recipe import recipe_of_cfg
from yolov2.train.job import ALONE, chosen_device
from yolov2.train.learner import Learner, Losses
from yolov2.train.loop import finite_losses
from yolov2.train.memory import check_memory, is_out_of_memory
from yolov2.train.objective import Objective
from yolov2.train.recipe import Recipe
from yolov2.train.schedule import darknet_rate
from yolov2.train.stream import Numbered, Size

SEED = 0
BACKUP = "/backup/"  # where Darknet keeps weights if a .data file does not say
INTERRUPTED = 130  # as a shell reports Ctrl-C

Sized: TypeAlias = Callable[[np.random.Generator, int], Size]  # chances, and the update that gets the size


@dataclass(frozen=True, slots=True)
class Sizes:
    """The input's (height, width) in every update: the network's own, or drawn anew every so many of a run."""

    own: Size
    first: int = 1  # update of the run
    every: int = 10
    draw: Sized | None = None

    def is_new(self, update: int) -> bool:
        """Whether one is drawn for this update."""
        return self.draw is not None and (update - self.first) % self.every == 0

    def of(self, update: int) -> Size:
        """The size; it depends on the update that it was drawn for, and on nothing else."""
        if self.draw is None:
            return self.own
        start = update - (update - self.first) % self.every
        return self.draw(np.random.default_rng((SEED, start)), start)


@dataclass(frozen=True, eq=False, slots=True)
class Update:
    """One that is done."""

    number: int  # from the first picture that the weights have seen
    size: Size  # of the input
    losses: dict[str, float]  # by name, a mean over its pictures
    rate: float
    loaded_s: float  # waited for its pictures
    took_s: float


class Mean:
    """Darknet's running average of the loss, in its float32."""

    def __init__(self) -> None:
        self.value = -1.0

    def add(self, loss: float) -> float:
        """The average with this loss. Source: Darknet `train_detector`."""
        before = loss if self.value < 0 else self.value
        self.value = float(np.float32(before * 0.9 + loss * 0.1))
        return self.value


@dataclass(frozen=True, eq=False, slots=True)
class Keeper:
    """Where the weights of a run go, each file whole or not at all."""

    folder: Path
    base: str
    learner: Learner
    voice: Voice

    def keep(self, ending: str) -> None:
        """Write `BASE` + ending. Raises TrainingError for weights that are no numbers, OutputError."""
        path = self.folder / f"{self.base}{ending}"
        if not self.learner.is_finite():
            repair = "take a third of the learning rate; what was saved last is kept"
            raise TrainingError.at(printable(path), found="no number", expected="finite weights", repair=repair)
        self.voice.tell(f"Saving weights to {printable(path)}")
        write_weights(path, self.learner.weights(), self.learner.network)


def as_trained(network: Network, cfg: str) -> tuple[Network, Recipe]:
    """The network with the batch that Darknet makes of batch= and subdivisions=, and the recipe of its [net].

    Raises CfgError for what can't be trained here. Source: Darknet `parse_net_options`.
    """
    options = network.training
    mini_batch = options.batch // options.subdivisions
    if not mini_batch:
        found = f"batch={options.batch} and subdivisions={options.subdivisions} in [net]"
        expected, repair = "a picture in each subdivision at least", "write subdivisions=1"
        raise CfgError.at(printable(cfg), found=found, expected=expected, repair=repair)
    if options.adam:
        expected, repair = "gradient descent with momentum, as in all cfgs of the family", "write adam=0"
        raise CfgError.at(printable(cfg), found="adam=1 in [net]", expected=expected, repair=repair)
    if network.input.channels != 3:
        found, repair = f"channels={network.input.channels} in [net]", "write channels=3"
        raise CfgError.at(printable(cfg), found=found, expected="3, as pictures are RGB in training", repair=repair)
    _check_policy(options, cfg)
    batch = mini_batch * options.subdivisions
    recipe = replace(recipe_of_cfg(network), batch=batch, mini_batch=mini_batch, precision="fp32", seed=SEED)
    return replace(network, training=replace(options, batch=batch)), recipe


def _check_policy(options: TrainingOptions, cfg: str) -> None:
    """Raises CfgError for a learning rate that is none. Darknet divides by these, and trains with what comes of it."""
    if options.policy == "poly" and not options.max_batches:
        found, expected = "policy=poly without max_batches= in [net]", "a run with an end, where the rate is 0"
        raise CfgError.at(printable(cfg), found=found, expected=expected, repair="write max_batches=")
    if options.policy == "step" and options.step < 1:
        found, expected = f"policy=step with step={options.step} in [net]", "a step of 1 or more"
        raise CfgError.at(printable(cfg), found=found, expected=expected, repair="write step=")


def room_for_pictures(network: Network, recipe: Recipe, cfg: str, *, largest: int) -> int | None:
    """Bytes that decoded pictures may take beside the training; None: that of a processor of its own.

    largest: side of an input in pixels. Raises TrainingError where not even the training has the memory.
    """
    if chosen_device("auto", ALONE) != "cpu":
        return None
    assert recipe.mini_batch is not None
    pictures, repair = recipe.mini_batch, "write a smaller batch or more subdivisions in [net]"
    left = check_memory(
        network, side=largest, pictures=pictures, half=False, where=Path(cfg), repair=lambda _: repair
    )  # fmt: skip
    return left // 2


def learner_of(network: Network, begun: Weights, objective: Objective, recipe: Recipe) -> Learner:
    """What learns, at the update that its weights have come to."""
    learner = Learner(network, begun, objective, recipe, batch=recipe.batch, device=chosen_device("auto", ALONE))
    learner.updates = learner.seen // recipe.batch
    return learner


def tell_start(learner: Learner, last: int | None, voice: Voice) -> None:
    """Say where a run up to the update `last` begins, if that is not at its beginning."""
    if last is not None and learner.updates >= last:
        done = f"{learner.updates:,} of {last:,} updates are done"
        voice.note(f"{done}, so nothing is left to learn; -clear begins anew, max_batches= in the cfg says how many")
    elif learner.updates:
        voice.note(f"goes on behind update {learner.updates:,}; what the momentum remembered is lost, as in Darknet")


def updates(
    learner: Learner,
    batches: Numbered[Batch],
    sizes: Sizes,
    *,
    last: int | None,
    resized: Callable[[Size], None],
) -> Iterator[Update]:
    """Learn up to the update `last`, or without end. resized: hears of a new input size before it is used.

    Raises TrainingError where a loss is no number.
    """
    options, first = learner.network.training, learner.updates + 1
    numbers = count(first) if last is None else range(first, last + 1)
    with closing(batches.stream((number, sizes.of(number)) for number in numbers)) as stream:
        for number in count(first) if last is None else range(first, last + 1):
            if sizes.is_new(number):
                resized(sizes.of(number))
            start = time.perf_counter()
            batch = next(stream)
            loaded = time.perf_counter()
            share = float(np.random.default_rng((SEED, number)).random())  # of policy=random
            rate = darknet_rate(options, number, share=share)
            losses = finite_losses(_learn(learner, batch, rate), batch, rate)
            yield Update(number, sizes.of(number), losses, rate, loaded - start, time.perf_counter() - loaded)


def _learn(learner: Learner, batch: Batch, rate: float) -> Losses:
    """One update. Raises TrainingError where the memory ends."""
    try:
        return learner.update(batch.images, batch.truths, rate)
    except RuntimeError as wrong:
        if not is_out_of_memory(wrong):
            raise
        raise TrainingError.at(
            f"update {batch.number:,}",
            found=f"no memory left for {learner.recipe.mini_batch} pictures at a time",
            expected="enough for an update",
            repair="write more subdivisions in [net]; what was saved last is kept",
        ) from wrong


def backup_folder(data: Section) -> Path:
    """The folder of backup= in a .data file, made if need be. Raises FormatError, OutputError."""
    written = data.text("backup", "")
    if not written and not Path(BACKUP).is_dir():
        found, expected = "no backup=", "a folder for the weights"
        raise FormatError.at(str(data.path), found=found, expected=expected, repair="add backup=backup")
    folder = Path(written or BACKUP)
    make_folder(folder)
    return folder


def base_of(cfg: str) -> str:
    """What a .cfg is called in the names of weights: up to its first dot. Source: Darknet `basecfg`."""
    return Path(cfg).name.partition(".")[0]


def rates_line(options: TrainingOptions) -> str:
    """The line that every training begins with."""
    return f"Learning Rate: {options.learning_rate:g}, Momentum: {options.momentum:g}, Decay: {options.decay:g}"
