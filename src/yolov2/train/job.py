"""A training made ready: the network for this data, its start, the parts of the run. Data sets are opened elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from yolov2.checkpoint.file import Checkpoint
from yolov2.checkpoint.header import Preprocessing
from yolov2.darknet.weights import Weights
from yolov2.data.classifier_draws import augment_of_cfg
from yolov2.data.draws import Augment
from yolov2.errors import TrainingError, printable
from yolov2.network.spec import Network
from yolov2.train.learner import Learner
from yolov2.train.lessons import Lesson
from yolov2.train.log import Both, Keeper, Log
from yolov2.train.loop import Outcome, Run, Watcher
from yolov2.train.memory import check_memory
from yolov2.train.plan import Plan
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe
from yolov2.train.start import Start
from yolov2.train.store import PictureStore

LARGER = 1.25  # pictures are kept so much larger than the largest input, for zooms into them

ALONE = Rank()


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """All that decides a run."""

    network: Network  # for the classes of the data
    start: Start
    names: tuple[str, ...]
    lesson: Lesson
    recipe: Recipe
    folder: Path
    device: str = "auto"
    threads: int | None = None

    @property
    def plan(self) -> Plan:
        return Plan(self.recipe, self.network.training, self.lesson.inputs)


def run_job(
    job: Job,
    *,
    watcher: Watcher,
    rank: Rank = ALONE,
    validate: Callable[[Weights], float] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    is_resumed: bool = False,
) -> Outcome:
    """Train. Raises TrainingError, OutputError; what was saved before stays."""
    plan, device = job.plan, chosen_device(job.device, rank)
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    class_weights = class_weights_of(job.recipe, job.names)
    objective = job.lesson.objective(job.network, job.recipe, class_weights)
    learner = Learner(job.network, job.start.weights, objective, job.recipe, batch=plan.batch, device=device)
    side = max(job.recipe.sizes)
    if learner.device.type == "cpu":
        pictures = job.recipe.mini_batch or -(-plan.batch // rank.world)
        half = learner.precision != "fp32"
        check_memory(job.network, side=side, pictures=pictures, half=half, where=job.folder)
    with PictureStore(job.lesson.pictures, side=int(LARGER * side)) as store:
        batches = job.lesson.batches(store, augment_of(job.recipe, plan, job.network), job.recipe, plan, rank)
        keeper = Keeper(job.folder, job.network, partial(checkpoint_of, job))
        run = Run(
            learner, plan, batches, job.folder, watcher, keeper.keep if rank.is_first else _keep_nothing,
            validate=validate, is_stopped=is_stopped, saves=rank.is_first,
        )  # fmt: skip
        if is_resumed:
            run.resume()
        if not rank.is_first:
            return run.run()
        with Log(job.folder, updates_an_epoch=plan.updates_an_epoch, done=learner.updates) as kept:
            run.watcher = Both(watcher, kept)
            return run.run()


def augment_of(recipe: Recipe, plan: Plan, network: Network) -> Augment:
    """The ranges for the changes of pictures: the recipe's, or by the policy cfg those of the network's .cfg."""
    jitter, colours = recipe.jitter, (recipe.hue, recipe.saturation, recipe.exposure)
    if recipe.policy == "cfg":
        cfg = network.training
        if network.region is None:
            return augment_of_cfg(cfg, network.input.width)
        jitter, colours = network.region.jitter, (cfg.hue, cfg.saturation, cfg.exposure)
    hue, saturation, exposure = colours
    return Augment(
        kind=recipe.augment,
        resize=recipe.resize,
        jitter=jitter,
        scale=recipe.scale,
        aspect=recipe.aspect,
        angle=recipe.angle,
        mirror=recipe.mirror,
        hue=hue,
        saturation=saturation,
        exposure=exposure,
        mosaic=recipe.mosaic,
        mosaic_until=int(recipe.mosaic_until * plan.updates),
    )


def class_weights_of(recipe: Recipe, names: Sequence[str]) -> list[float] | None:
    """How much a truth of each class counts; None: all alike. Raises TrainingError for a class that is not there."""
    if recipe.class_weights is None:
        return None
    for name in recipe.class_weights:
        if name not in names:
            expected = f"a class of the data: {', '.join(map(printable, names[:20]))}"
            raise TrainingError.at("class_weights", found=printable(name), expected=expected, repair="correct it")
    return [recipe.class_weights.get(name, 1.0) for name in names]


def checkpoint_of(job: Job, weights: Weights, score: float | None) -> Checkpoint:
    """The model as it is saved, with the recipe that made it."""
    made: dict[str, Any] = {"recipe": job.recipe.to_dict(), "learned_layers": job.start.learned}
    if score is not None:
        made["score"] = score
    resize = Preprocessing(job.recipe.resize)
    return Checkpoint(job.network, weights, names=job.names, preprocessing=resize, recipe=made)


def chosen_device(wanted: str, rank: Rank) -> str:
    """cpu, cuda:N or mps; "auto" is a GPU where there is one. Raises TrainingError for one that is not there."""
    if wanted in ("auto", "cuda"):
        if torch.cuda.is_available():
            return f"cuda:{rank.local}"
        if wanted == "cuda":
            raise TrainingError.at(
                "device", found="cuda", expected="a CUDA device that torch can use", repair="use cpu"
            )
        return "cpu"
    return wanted


def _keep_nothing(name: str, weights: Weights, score: float | None) -> None:
    """What a rank beside the first keeps."""
