"""What a run leaves for people: a line of CSV an update that was looked at, TensorBoard's events, saved models."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import Weights, write_weights
from yolov2.files import write_whole
from yolov2.network.spec import Network
from yolov2.train.loop import Watcher

TERMS = ("box", "object", "no_object", "classes", "prior")
COLUMNS = ("update", "epoch", "rate", "side", *TERMS, "total", "score")


class Log:
    """`log.csv`, which a resumed run goes on with, and events for TensorBoard where that is installed."""

    def __init__(self, folder: Path, *, updates_an_epoch: float, done: int = 0) -> None:
        self._updates_an_epoch = updates_an_epoch
        path = folder / "log.csv"
        self._kept = _lines_before(path, done) if done else []
        with write_whole(path) as file:
            text = "".join(",".join(line) + "\n" for line in (list(COLUMNS), *self._kept))
            file.write(text.encode())
        self._file = open(path, "a", newline="", encoding="utf-8")  # noqa: SIM115 - for the whole run
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._board = _board(folder)

    def began(self, *, updates: int, done: int) -> None:
        """Nothing to note."""

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        """A row of one update."""
        values = losses
        total = sum(values.values())
        numbers = [f"{losses[name]:.5g}" if name in losses else "" for name in TERMS]
        self._rows.writerow(
            [update, f"{update / self._updates_an_epoch:.3f}", f"{rate:.4g}", side, *numbers, f"{total:.5g}", ""]
        )
        self._file.flush()
        if self._board is not None:
            for name, value in (*losses.items(), ("total", total)):
                self._board.add_scalar(f"loss/{name}", value, update)
            self._board.add_scalar("rate", rate, update)

    def validated(self, update: int, score: float, *, is_best: bool) -> None:
        """A row of one validation."""
        epoch, empty = update / self._updates_an_epoch, [""] * (len(COLUMNS) - 3)
        self._rows.writerow([update, f"{epoch:.3f}", *empty, f"{score:.4f}"])
        self._file.flush()
        if self._board is not None:
            self._board.add_scalar("score", score, update)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


class Both:
    """Two watchers as one."""

    def __init__(self, first: Watcher, second: Watcher) -> None:
        self._watchers = first, second

    def began(self, *, updates: int, done: int) -> None:
        for watcher in self._watchers:
            watcher.began(updates=updates, done=done)

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        for watcher in self._watchers:
            watcher.updated(update, losses, rate=rate, side=side, waited_s=waited_s)

    def validated(self, update: int, score: float, *, is_best: bool) -> None:
        for watcher in self._watchers:
            watcher.validated(update, score, is_best=is_best)


@dataclass(frozen=True, slots=True)
class Keeper:
    """Saves models of a run: a checkpoint, and Darknet's two files, each whole or not at all."""

    folder: Path
    network: Network
    checkpoint: Callable[[Weights, float | None], Checkpoint]  # of weights with this score

    def keep(self, name: str, weights: Weights, score: float | None) -> None:
        """`NAME.safetensors`, `NAME.cfg` and `NAME.weights`."""
        write_checkpoint(self.folder / f"{name}.safetensors", self.checkpoint(weights, score))
        with write_whole(self.folder / f"{name}.cfg") as file:
            file.write(format_cfg(replace(self.network, name=name)).encode())
        write_weights(self.folder / f"{name}.weights", weights, self.network)


def _lines_before(path: Path, done: int) -> list[list[str]]:
    """The rows of an interrupted run up to the update that it goes on from."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
    except OSError:
        return []
    return [row for row in rows if len(row) == len(COLUMNS) and row[0].isdecimal() and int(row[0]) <= done]


def _board(folder: Path) -> Any:
    """TensorBoard's writer; None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "events"))
