"""A training made ready: the network for this data, its start, the parts of the run. Data sets are opened elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from yolov2.backends.torch_backend import find_device
from yolov2.checkpoint.file import Checkpoint
from yolov2.checkpoint.header import Preprocessing
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import Weights
from yolov2.data.draws import Augment
from yolov2.errors import TrainingError, printable
from yolov2.network.spec import Network, TrainingOptions
from yolov2.train.learner import Learner
from yolov2.train.lessons import Lesson, Place
from yolov2.train.log import Both, Keeper, Log
from yolov2.train.loop import Outcome, Run, Watcher
from yolov2.train.memory import bytes_needed, check_memory
from yolov2.train.plan import Plan
from yolov2.train.precision import chosen_precision
from yolov2.train.ranks import Rank, number_of_first
from yolov2.train.recipe import Recipe
from yolov2.train.start import Start
from yolov2.train.store import PictureStore, free_memory

FREE_SHARE = 0.8  # of the free memory, that a run may be chosen to take
LARGER = 1.25  # pictures are kept so much larger than the largest input, for zooms into them

TRIED = 16  # pictures that are read before the first update

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
    ready: Callable[[], None] = lambda: None,
) -> Outcome:
    """Train. ready: is called once nothing can be refused any more, before the first file is written.

    Raises TrainingError, OutputError; what was saved before stays.
    """
    plan, device = job.plan, chosen_device(job.device, rank)
    _refuse_uneven(job.recipe, rank)
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    class_weights = class_weights_of(job.recipe, job.names)
    objective = job.lesson.objective(job.network, job.recipe, class_weights)
    learner = Learner(job.network, job.start.weights, objective, job.recipe, batch=plan.batch, device=device)
    side, left = max(job.recipe.sizes), None
    if learner.device.type == "cpu":
        pictures = min(job.recipe.mini_batch or plan.batch, -(-plan.batch // rank.world))
        left = check_memory(
            job.network, side=side, pictures=pictures, half=learner.precision != "fp32", where=job.folder,
            processes=rank.beside,
        )  # fmt: skip
    room = (free_memory() // rank.beside if left is None else left) // 2
    with PictureStore(job.lesson.pictures, side=int(LARGER * side), memory_bytes=room, spill=job.folder) as store:
        refuse_unreadable(store)
        augment, place = augment_of(job.recipe, plan), Place(learner.device, rank)
        batches = job.lesson.batches(store, plan, augment, place)
        keeper = Keeper(job.folder, job.network, job.names, partial(checkpoint_of, job))
        run = Run(
            learner, plan, batches, job.folder, watcher, keeper.keep, validate=validate, is_stopped=is_stopped,
            is_first=rank.is_first, identity=identity_of(job),
        )  # fmt: skip
        if is_resumed:
            run.resume()
            _refuse_over(run)
        if not rank.is_first:
            return run.run()
        ready()
        with Log(job.folder, updates_an_epoch=plan.updates_an_epoch, done=learner.updates) as kept:
            run.watcher = Both(watcher, kept)
            return run.run()


def identity_of(job: Job) -> dict[str, str]:
    """What a run is about; one that goes on must be about the same."""
    network = format_cfg(replace(job.network, training=TrainingOptions()))
    return {"layers or anchors": network, "classes": "\n".join(job.names), "pictures or boxes": job.lesson.fingerprint}


def refuse_unreadable(store: PictureStore) -> None:
    """Raises TrainingError where most of a few pictures can't be read: the rest would be no better."""
    tried = sorted({len(store) * number // TRIED for number in range(TRIED)}) if len(store) else []
    for index in tried:
        store.size_of(index)  # decodes
    wrong = [store.failed[index] for index in tried if index in store.failed]
    if 2 * len(wrong) > len(tried):
        found = f"{len(wrong)} of {len(tried)} pictures that can't be read ({wrong[0]})"
        repair = "`yolov2 data check` lists them all"
        raise TrainingError.at("data", found=found, expected="pictures to learn from", repair=repair)


def augment_of(recipe: Recipe, plan: Plan) -> Augment:
    """The ranges of a recipe for the changes of pictures."""
    return Augment(
        kind=recipe.augment,
        resize=recipe.resize,
        jitter=recipe.jitter,
        scale=recipe.scale,
        aspect=recipe.aspect,
        angle=recipe.angle,
        mirror=recipe.mirror,
        hue=recipe.hue,
        saturation=recipe.saturation,
        exposure=recipe.exposure,
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
    """cpu, cuda:N or mps; "auto" is a GPU where there is one. Raises BackendError for one that is not there."""
    if wanted in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{rank.local}"
    return find_device(wanted)


def _refuse_uneven(recipe: Recipe, rank: Rank) -> None:
    """Raises TrainingError for a batch that these processes can't share."""
    found = f"{recipe.batch} pictures for {rank.world} processes"
    if recipe.batch < rank.world:
        raise TrainingError.at("batch", found=found, expected="one at least for each", repair="take a larger batch")
    if recipe.sync_norm and recipe.batch % rank.world:
        expected = "as many for each, as sync_norm wants it"
        raise TrainingError.at("batch", found=found, expected=expected, repair=f"take a multiple of {rank.world}")


def _refuse_over(run: Run) -> None:
    """Raises TrainingError for a run without updates left."""
    if run.is_over:
        done = run.learner.updates
        found = f"a run that is over after {done:,} updates"
        repair = "give --epochs or --set batches=N for more"
        if done < run.plan.updates:
            found, repair = f"{found}, by its patience", "give a longer --patience"
        raise TrainingError.at(printable(run.folder), found=found, expected="some left", repair=repair)


def most_at_a_time(network: Network, recipe: Recipe, device: str, rank: Rank) -> int:
    """How many of a process's pictures of a batch a processor has the memory for; on another device all of them.

    It is the same for all processes: what the first one has the memory for.
    """
    where = torch.device(chosen_device(device, rank))
    pictures, room = -(-recipe.batch // rank.world), FREE_SHARE * free_memory() / rank.beside
    if where.type != "cpu":
        return pictures
    is_half = chosen_precision(recipe.precision, where) != "fp32"
    while pictures > 1 and bytes_needed(network, side=max(recipe.sizes), pictures=pictures, half=is_half) > room:
        pictures = -(-pictures // 2)
    return int(number_of_first(pictures, device=where))
