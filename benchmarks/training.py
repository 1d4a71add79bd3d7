"""How many pictures a second does a training take, and how long does it wait for them?

    python benchmarks/training.py [DATA] [--network nano] [--sizes 224 320 416] [--batch 16] [--updates 12] [--rounds 3]
                                  [--device auto] [--compile]

Real updates: forward, backward and step, of pictures that are read, changed and handed over as `yolov2 train` does it.
DATA is any data set with boxes (default: drawn photographs of 500 x 375). The precisions take turns. On a GPU the share
of its matrix rate is told that the multiplications of an update make up: three times those of Darknet's count forward,
beside what large bf16 products reach on it in the same run.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from _sides import heading
from feeding import drawn_samples

from yolov2.data.dataset import open_data
from yolov2.model.region_loss import Head
from yolov2.network import architectures
from yolov2.network.spec import Network
from yolov2.network.summary import summarise
from yolov2.samples import Samples
from yolov2.train.batches import Batches
from yolov2.train.job import augment_of, chosen_device
from yolov2.train.learner import Learner
from yolov2.train.objective import Detection
from yolov2.train.plan import Plan
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe
from yolov2.train.store import PictureStore

PICTURES = 256


@dataclass(frozen=True, slots=True)
class Round:
    """Some updates."""

    rate: float  # pictures a second
    waited: float  # the share of the time


def measured(learner: Learner, batches: Batches, plan: Plan, side: int, updates: int) -> Round:
    """So many updates, after two that count for nothing."""
    start = waited = 0.0
    for number, batch in enumerate(batches.stream((number, (side, side)) for number in range(1, updates + 3)), 1):
        losses = learner.update(batch.images, batch.truths, plan.rate(number))
        float(losses.norm)  # waits for the device
        if number == 2:
            start, waited = time.perf_counter(), batches.waited_s
    spent = time.perf_counter() - start
    return Round(updates * plan.batch / spent, (batches.waited_s - waited) / spent)


def learner_for(network: Network, recipe: Recipe, device: str) -> Learner:
    assert network.region is not None
    return Learner(network, None, Detection(Head(network.region), recipe), recipe, batch=recipe.batch, device=device)


def matrix_rate(device: str) -> float:
    """Operations a second of large bf16 products."""
    a, b, c = (torch.randn(8192, 8192, dtype=torch.bfloat16, device=device) for _ in range(3))
    for _ in range(3):
        torch.matmul(a, b, out=c)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        torch.matmul(a, b, out=c)
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - start)


def report(samples: Samples, options: argparse.Namespace, device: str) -> None:
    build = architectures.nano if options.network == "nano" else architectures.OFFICIAL[options.network]
    best = matrix_rate(device) if device != "cpu" else None
    print(f"\n  {'side':>5}  {'precision':<10}{'a second':>10}{'waiting':>10}{'  of the matrix rate' if best else ''}")
    with PictureStore(samples.pictures, side=int(1.25 * max(options.sizes))) as store:
        for index in range(len(samples)):
            store.size_of(index)  # decodes
        for side in options.sizes:
            network = build().at_size(side, side)
            rounds: dict[str, list[Round]] = {}
            for _ in range(options.rounds):
                for precision in ("fp32", "bf16"):
                    recipe = Recipe(
                        batches=1000, batch=options.batch, sizes=(side,), augment="free", precision=precision,
                        compile=options.compile, learning_rate=1e-6, warmup=0,
                    )  # fmt: skip
                    plan = Plan(recipe, network.training, len(samples))
                    batches = Batches(samples, store, batch=options.batch, augment=augment_of(recipe, plan), seed=0)
                    learner = learner_for(network, recipe, device)
                    found = measured(learner, batches, plan, side, options.updates)
                    rounds.setdefault(precision, []).append(found)
            for precision, found in rounds.items():
                rate, waited = median(one.rate for one in found), median(one.waited for one in found)
                share = f"{3 * summarise(network).operations * rate / best:>20.1%}" if best else ""
                print(f"  {side:>5}  {precision:<10}{rate:>10,.1f}{waited:>10.1%}{share}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--network", default="nano")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 320, 416])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    device = chosen_device(options.device, Rank())
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            samples = open_data(options.data).training()[0]
            samples = samples.take(np.arange(min(PICTURES, len(samples))))
        else:
            samples = drawn_samples(Path(folder), PICTURES)
        heading(
            "How many pictures a second are trained?", network=options.network, pictures=len(samples),
            batch=options.batch,            device=device, threads=torch.get_num_threads(),
        )  # fmt: skip
        report(samples, options, device)


if __name__ == "__main__":
    main()
