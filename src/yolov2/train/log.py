"""What a run leaves for people: a line of CSV an update that was looked at, TensorBoard's events, saved models."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import Weights, write_weights
from yolov2.files import refusal, write_whole
from yolov2.network.spec import Network
from yolov2.train.loop import Watcher

TERMS = ("box", "object", "no_object", "classes", "prior", "cost")
COLUMNS = ("update", "epoch", "rate", "side", *TERMS, "total", "score")


class Log:
    """`log.csv`, which a resumed run goes on with, and events for TensorBoard where that is installed.

    Raises OutputError.
    """

    def __init__(self, folder: Path, *, updates_an_epoch: float, done: int = 0) -> None:
        self._updates_an_epoch = updates_an_epoch
        self._path, self._events = folder / "log.csv", folder / "events"
        kept = _lines_before(self._path, done)
        with write_whole(self._path) as file:
            text = "".join(",".join(line) + "\n" for line in (list(COLUMNS), *kept))
            file.write(text.encode())
        self._file = open(self._path, "a", newline="", encoding="utf-8")  # noqa: SIM115 - for the whole run
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._board = _board(self._events, done)

    def began(self, *, updates: int, done: int) -> None:
        """Nothing to note."""

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        """A row of one update."""
        total = sum(losses.values())
        numbers = [f"{losses[name]:.5g}" if name in losses else "" for name in TERMS]
        self._write(update, [f"{rate:.4g}", side, *numbers, f"{total:.5g}", ""])
        self._show(update, {f"loss/{name}": value for name, value in losses.items()})
        self._show(update, {"loss/total": total, "rate": rate})

    def validated(self, update: int, score: float, *, is_best: bool) -> None:
        """A row of one validation."""
        self._write(update, [*[""] * (len(COLUMNS) - 3), f"{score:.4f}"])
        self._show(update, {"score": score})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # of a full disk, which has been told: both try once more to write what is left
            self._file.close()
        with suppress(OSError):
            if self._board is not None:
                self._board.close()

    def _write(self, update: int, values: Sequence[object]) -> None:
        """A row that begins with the update and its epoch."""
        try:
            self._rows.writerow([update, f"{update / self._updates_an_epoch:.3f}", *values])
            self._file.flush()
        except OSError as wrong:
            raise refusal(self._path, wrong) from None

    def _show(self, update: int, values: dict[str, float]) -> None:
        """Points of TensorBoard's curves."""
        if self._board is None:
            return
        try:
            for name, value in values.items():
                self._board.add_scalar(name, value, update)
        except OSError as wrong:
            raise refusal(self._events, wrong) from None


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
    """Saves models of a run: a checkpoint, and Darknet's three files, each whole or not at all."""

    folder: Path
    network: Network
    names: tuple[str, ...]
    checkpoint: Callable[[Weights, float | None], Checkpoint]  # of weights with this score

    def keep(self, name: str, weights: Weights, score: float | None) -> None:
        """`NAME.safetensors`; and `NAME.cfg`, `NAME.names` and `NAME.weights`."""
        write_checkpoint(self.folder / f"{name}.safetensors", self.checkpoint(weights, score))
        with write_whole(self.folder / f"{name}.cfg") as file:
            file.write(format_cfg(replace(self.network, name=name)).encode())
        with write_whole(self.folder / f"{name}.names") as file:
            file.write("".join(f"{one}\n" for one in self.names).encode())
        write_weights(self.folder / f"{name}.weights", weights, self.network)


def _lines_before(path: Path, done: int) -> list[list[str]]:
    """The rows of an interrupted run up to the update that it goes on from."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
    except OSError:
        return []
    return [row for row in rows if len(row) == len(COLUMNS) and row[0].isdecimal() and int(row[0]) <= done]


def _board(folder: Path, done: int) -> Any:
    """TensorBoard's writer, which takes back points after the update `done`; None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=done + 1 if done else None)
