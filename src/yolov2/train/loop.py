"""A run from its first update to its last, readable from top to bottom. What an update is: learner.py."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from yolov2.darknet.weights import Weights
from yolov2.errors import TrainingError, printable
from yolov2.train.batches import Batch
from yolov2.train.learner import Learner, Losses
from yolov2.train.memory import is_out_of_memory
from yolov2.train.plan import Plan
from yolov2.train.ranks import is_anywhere, number_of_first, world_size
from yolov2.train.state import load_state, save_state
from yolov2.train.stream import Numbered

STATE = "state.safetensors"
LOOK_EVERY = 20  # updates: then the losses are asked for, which waits for the device
SAVE_EVERY_S = 300.0
NAMED = 4  # files of a batch in a message


class Watcher(Protocol):
    """Who hears how a run goes."""

    def began(self, *, updates: int, done: int) -> None: ...
    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None: ...
    def validated(self, update: int, score: float, *, is_best: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    updates: int
    best: float | None  # the best score of the validations
    ended: str  # done, patience, stopped


@dataclass(slots=True)
class Run:
    """One training: its parts, and how far it is."""

    learner: Learner
    plan: Plan
    batches: Numbered[Batch]
    folder: Path
    watcher: Watcher
    keep: Callable[[str, Weights, float | None], None]  # writes `last` and `best`, with the score, on the first rank
    validate: Callable[[Weights], float] | None = None
    is_stopped: Callable[[], bool] = field(default=lambda: False)
    is_first: bool = True  # of all ranks: the one that judges and saves
    identity: Mapping[str, str] = field(default_factory=dict[str, str])  # what must be the same where it goes on
    best: float | None = None
    worse: int = 0  # validations since the best one
    judged: int = 0  # updates at the last validation
    score: float | None = None  # of it

    def resume(self) -> None:
        """Go on from what the folder holds. Raises TrainingError, also for a run of other things, CheckpointError."""
        progress = load_state(self.folder / STATE, self.learner)
        self.best, self.worse = progress["best"], progress["worse"]
        self.judged, self.score = progress["judged"], progress["score"]
        for name, mine in self.identity.items():
            if progress["identity"].get(name) != mine:
                raise TrainingError.at(
                    printable(self.folder),
                    found=f"a run with other {name}",
                    expected="the same to go on with",
                    repair="go on with what it was begun with, or begin a run with -o in another folder",
                )

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, not even to judge the last weights."""
        done, patience = self.learner.updates, self.plan.recipe.patience
        is_judged = self.validate is None or self.judged == done
        return (done >= self.plan.updates and is_judged) or 0 < patience <= self.worse

    def run(self) -> Outcome:
        """All updates that are left. Raises TrainingError where a loss or a weight is no number, or the memory ends."""
        saved_at = time.monotonic()
        self.watcher.began(updates=self.plan.updates, done=self.learner.updates)
        done = self.learner.updates
        if done == 0:
            self._save_state()
        elif self._is_due(done) and self.judged < done and self._judge(done):  # it was killed in the middle of it
            return self._end("patience")
        for batch in self._batches():
            rate = self.plan.rate(batch.number)
            losses = self._learn(batch, rate)
            is_due, is_stopped = self._is_due(batch.number), self._is_stopped(batch.number)
            is_late = time.monotonic() - saved_at > SAVE_EVERY_S
            is_saved = is_due or is_stopped or is_late or batch.number == self.plan.updates
            if is_saved or self._is_looked_at(batch.number):
                self._look(batch, losses, rate, is_saved=is_saved)  # what is no number is never written
            if is_due or is_late:
                self._save()
                saved_at = time.monotonic()
            if is_due and self._judge(batch.number):
                return self._end("patience")
            if is_stopped:
                return self._end("stopped")
        return self._end("done")

    def _batches(self) -> Iterator[Batch]:
        todo = range(self.learner.updates + 1, self.plan.updates + 1)
        sides = ((number, self.plan.side(number)) for number in todo)
        return self.batches.stream((number, (side, side)) for number, side in sides)

    def _learn(self, batch: Batch, rate: float) -> Losses:
        try:
            return self.learner.update(batch.images, batch.truths, rate)
        except RuntimeError as wrong:
            if not is_out_of_memory(wrong):
                raise
            count, side = self.learner.recipe.mini_batch or len(batch.images), batch.images.shape[2]
            less = f"give --set mini_batch={count // 2}, or smaller sizes" if count > 1 else "give smaller sizes"
            raise TrainingError.at(
                f"update {batch.number:,}",
                found=f"no memory left for {count} pictures of {side} x {side} at a time",
                expected="enough for an update",
                repair=f"{less}; what was saved last is kept",
            ) from wrong

    def _is_stopped(self, update: int) -> bool:
        """Whether the run is to end here: after the same update on all ranks, as each waits for the others."""
        if world_size() > 1 and not self._is_looked_at(update):
            return False
        return is_anywhere(self.is_stopped(), device=self.learner.device)

    def _is_looked_at(self, update: int) -> bool:
        """Whether the losses are asked for, which waits for the device; a processor has no other to wait for."""
        return self.learner.device.type == "cpu" or update % LOOK_EVERY == 0 or update == self.plan.updates

    def _look(self, batch: Batch, losses: Losses, rate: float, *, is_saved: bool) -> None:
        """Tell how it goes; end it where a loss is no number, or a weight that is about to be saved."""
        values = finite_losses(losses, batch, rate)
        if is_saved and not self.learner.is_finite():
            raise _no_number(["weights"], batch, rate)
        side = batch.images.shape[2]
        self.watcher.updated(batch.number, values, rate=rate, side=side, waited_s=self.batches.waited_s)

    def _is_due(self, update: int) -> bool:
        """Whether weights are judged after this update."""
        every = max(1, round(self.plan.recipe.validate_every * self.plan.updates_an_epoch))
        return self.validate is not None and (update % every == 0 or update == self.plan.updates)

    def _judge(self, update: int) -> bool:
        """Score the weights, keep the best; whether patience is at its end."""
        assert self.validate is not None
        weights = self.learner.weights()
        score = number_of_first(self.validate(weights) if self.is_first else 0.0, device=self.learner.device)
        is_best = self.best is None or score > self.best
        is_warm = update > self.plan.recipe.warmup  # before, nothing can be better yet
        self.best, self.worse = (score, 0) if is_best else (self.best, self.worse + is_warm)
        self.judged, self.score = update, score
        self.watcher.validated(update, score, is_best=is_best)
        if is_best and self.is_first:
            self.keep("best", weights, score)
        self._save()
        return 0 < self.plan.recipe.patience <= self.worse

    def _save(self) -> None:
        if self.is_first:
            is_judged = self.judged == self.learner.updates
            self.keep("last", self.learner.weights(), self.score if is_judged else None)
        self._save_state()

    def _save_state(self) -> None:
        if not self.is_first:
            return
        progress: dict[str, Any] = {
            "best": self.best, "worse": self.worse, "judged": self.judged, "score": self.score,
            "identity": dict(self.identity),
        }  # fmt: skip
        save_state(self.folder / STATE, self.learner, progress)

    def _end(self, how: str) -> Outcome:
        if self.judged != self.learner.updates:  # else they were saved with their score
            self._save()
        return Outcome(self.learner.updates, self.best, how)


def finite_losses(losses: Losses, batch: Batch, rate: float) -> dict[str, float]:
    """The losses of an update as numbers. Raises TrainingError, with the files of the batch, where one is none."""
    values = {name: float(term) for name, term in losses.terms.items()}
    broken = [name for name, value in (values | {"gradient": float(losses.norm)}).items() if not math.isfinite(value)]
    if broken:
        raise _no_number(broken, batch, rate)
    return values


def _no_number(what: Sequence[str], batch: Batch, rate: float) -> TrainingError:
    names = ", ".join(printable(name) for name in batch.files[:NAMED])
    more = f" and {len(batch.files) - NAMED} more" if len(batch.files) > NAMED else ""
    return TrainingError.at(
        f"update {batch.number:,}",
        found=f"no number in {', '.join(what)} at a rate of {rate:.3g}, with {names}{more}",
        expected="finite losses",
        repair="take a third of the learning rate, or run `yolov2 data check`; what was saved last is kept",
    )
