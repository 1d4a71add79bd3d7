"""A tiny training as a process of its own: begun or gone on with in a folder, saved after every update.

python run_child.py FOLDER UPDATES [frozen]
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tiny_runs import RECIPE, Heard, flat, tiny_run
from yolov2.train import loop
from yolov2.train.ranks import joined


class Speaking(Heard):
    def began(self, *, updates: int, done: int) -> None:
        print("begun", done, flush=True)


def main(folder: Path, updates: int, *, is_frozen: bool) -> None:
    loop.SAVE_EVERY_S = -1.0
    recipe = replace(RECIPE, batches=updates, warmup=3)
    if is_frozen:
        recipe = replace(recipe, freeze=1, prior_until=0)
    with joined(device="cpu") as rank:
        run = tiny_run(
            folder, recipe=recipe, rank=rank.number, world=rank.world, watcher=Speaking(), saves=rank.is_first
        )
        if (folder / "run" / loop.STATE).exists():
            run.resume()
        run.run()
        if rank.is_first:
            np.save(folder / "weights.npy", flat(run.learner.weights()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), is_frozen="frozen" in sys.argv)
