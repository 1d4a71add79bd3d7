"""A tiny training as a process of its own: begun or gone on with in a folder, saved after every update.

python run_child.py FOLDER UPDATES [frozen] [shared] [stop=UPDATE@RANK] [die=WRITE]

frozen: the one batch norm keeps its statistics. shared: its statistics are of all processes. stop: this rank wants to
end after this update. die: the process ends at once, half-way through the so-manyth file that it writes.
"""

import json
import os
import signal
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tiny_runs import RECIPE, Heard, flat, network, tiny_run
from yolov2.checkpoint.file import Checkpoint
from yolov2.cli.interrupts import Interrupts
from yolov2.train import loop
from yolov2.train.log import Keeper
from yolov2.train.ranks import joined


class Speaking(Heard):
    """Says where it begins, and remembers the sizes of inputs."""

    def began(self, *, updates: int, done: int) -> None:
        self.sides: list[int] = []
        print("begun", done, flush=True)

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        self.sides.append(side)


def die_at(write: int) -> None:
    """Let the process be killed in this write_whole: half of the file is there, and not yet under its name."""
    left, sync = [write], os.fsync

    def half(descriptor: int) -> None:
        status = os.fstat(descriptor)
        left[0] -= stat.S_ISREG(status.st_mode)  # folders are synced, too
        if not left[0]:
            os.ftruncate(descriptor, status.st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = half


def main(folder: Path, updates: int, *, words: list[str]) -> None:
    loop.SAVE_EVERY_S = -1.0
    recipe = replace(RECIPE, batches=updates, warmup=3)
    if "frozen" in words:
        recipe = replace(recipe, freeze=1, prior_until=0)
    if "shared" in words:
        recipe = replace(recipe, sync_norm=True, prior_until=0, momentum=0.0, clip_norm=0.0)
    options = dict(word.split("=") for word in words if "=" in word)
    if "die" in options:
        die_at(int(options["die"]))
    stop, _, rank_that_stops = options.get("stop", "0@0").partition("@")
    with joined(device="cpu") as rank, Interrupts() as interrupts:
        watcher = Speaking()
        keeper = Keeper(folder / "run", network(), (), lambda weights, score: Checkpoint(network(), weights))
        run = tiny_run(
            folder, recipe=recipe, rank=rank.number, world=rank.world, watcher=watcher, is_first=rank.is_first,
            keep=keeper.keep,
        )  # fmt: skip
        wants = int(stop) if rank.number == int(rank_that_stops) else 0
        run.is_stopped = lambda: interrupts.requested or (0 < wants <= run.learner.updates)
        if (folder / "run" / loop.STATE).exists():
            run.resume()
        outcome = run.run()
        said = {"ended": outcome.ended, "updates": outcome.updates, "sides": watcher.sides}
        (folder / f"rank{rank.number}.json").write_text(json.dumps(said))
        if rank.is_first:
            np.save(folder / "weights.npy", flat(run.learner.weights()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), words=sys.argv[3:])
