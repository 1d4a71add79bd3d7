"""A training so small that a test may run it many times: a network of three layers on a few noise pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from painted_sets import write_samples
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import Weights, initial_weights
from yolov2.data.draws import Augment
from yolov2.model.region_loss import Head
from yolov2.network.spec import Network
from yolov2.train.batches import Batches
from yolov2.train.learner import Learner
from yolov2.train.loop import Run
from yolov2.train.objective import Detection
from yolov2.train.plan import Plan
from yolov2.train.recipe import Recipe
from yolov2.train.store import PictureStore

CFG = """[net]
width=32
height=32
channels=3

[convolutional]
batch_normalize=1
filters=6
size=3
stride=4
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=16
size=1
activation=linear

[region]
anchors=1,1, 2,2
classes=3
num=2
softmax=1
bias_match=1
rescore=1
object_scale=5
"""
RECIPE = Recipe(
    batches=12, batch=4, policy="cosine", learning_rate=0.01, warmup=3, warmup_power=1, sizes=(32, 48), size_every=2,
    augment="free", ema=0.9, clip_norm=5, precision="fp32", prior_until=20,
)  # fmt: skip


class Heard:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.losses: list[tuple[int, float]] = []
        self.scores: list[tuple[int, float, bool]] = []

    def began(self, *, updates: int, done: int) -> None:
        self.span = done, updates

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        self.losses.append((update, sum(losses.values())))

    def validated(self, update: int, score: float, *, is_best: bool) -> None:
        self.scores.append((update, score, is_best))


class Kept(dict[str, Weights]):
    """What a run has kept, by name."""

    def keep(self, name: str, weights: Weights, score: float | None) -> None:
        self[name] = weights


def begun(net: Network) -> Weights:
    """Start values with the statistics of a network that has seen pictures, as a frozen layer needs."""
    first, *rest = initial_weights(net, seed=1).layers
    return Weights(({**first, "rolling_variance": np.ones(6, np.float32)}, *rest))


def network() -> Network:
    return parse_cfg(CFG, Path("tiny.cfg"))


def tiny_run(folder: Path, *, recipe: Recipe = RECIPE, batch: int | None = None, **parts: Any) -> Run:
    """A run whose pictures and results lie in a folder."""
    (folder / "run").mkdir(parents=True, exist_ok=True)
    samples = write_samples(folder)
    net = network()
    assert net.region is not None
    learner = Learner(net, begun(net), Detection(Head(net.region), recipe), recipe, batch=recipe.batch)
    plan = Plan(recipe, net.training, len(samples))
    augment = Augment(kind=recipe.augment, scale=recipe.scale, aspect=recipe.aspect)
    ranks = {name: parts.pop(name) for name in ("rank", "world") if name in parts}
    batches = Batches(
        samples, PictureStore(samples.pictures, side=64), batch=recipe.batch, augment=augment, seed=0, **ranks
    )
    given: dict[str, Any] = {"watcher": Heard(), "keep": Kept().keep} | parts
    return Run(learner, plan, batches, folder / "run", **given)


def flat(weights: Weights) -> np.ndarray:
    """All numbers of a network, one after the other."""
    return np.concatenate([array.ravel() for layer in weights.layers for array in layer.values()])
