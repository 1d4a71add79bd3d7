"""`yolov2.train`: from a data set, or a few cut-outs, to a model; readable from top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from yolov2.data.numbers import plural
from yolov2.errors import TrainingError
from yolov2.train.job import Job, class_weights_of, run_job
from yolov2.train.loop import Watcher
from yolov2.train.one_shot import CHANGES, EPOCH, OneShot
from yolov2.train.ranks import joined
from yolov2.train.recipe import Recipe
from yolov2.verbs.choices import fitted_to_data, fitted_to_memory, with_short_warm_up
from yolov2.verbs.exams import Hardware, exam_of, verdict
from yolov2.verbs.material import from_cut_outs, from_data
from yolov2.verbs.origins import find_origin, network_for, start_of
from yolov2.verbs.recipes import chosen_recipe, keep_recipe, kept_recipe, refuse_other_run, resumed

# What a self-test changes of a recipe: a few pictures, never changed, at one size, until they are known.
BY_HEART: dict[str, Any] = {
    "batches": 200, "warmup": 20, "policy": "cosine", "learning_rate": 0.02, "augment": "none", "mirror": False,
    "hue": 0, "saturation": 1, "exposure": 1, "sizes": [256], "ema": 0, "smoothing": 0, "norm_momentum": 0.1,
    "validate_every": 1e9, "extra_iou": 0, "patience": 0, "prior_until": 0, "mosaic": 0, "difficult": "train",
}  # fmt: skip
HELD_BACK = "held-back"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Training:
    """What a run has left."""

    folder: Path
    best: Path  # the checkpoint with the best score; the last one where nothing was scored
    last: Path
    score: (
        float | None
    )  # of best: mean AP at an IoU of 0.5 (VOC 2012) on the validation pictures; of a classifier top-1
    measure: str  # mAP50, top-1
    updates: int
    ended: str  # done, patience, stopped


def train(
    data: str | Path | None = None,
    *,
    one_shot: str | Path | None = None,
    backgrounds: str | Path | None = None,
    model: str | Path | None = None,
    weights: str | Path | None = None,
    recipe: str | Path | Recipe | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    size: int | None = None,
    images: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    overfit: int | None = None,
    watcher: Watcher | None = None,
    tell: Callable[[str], None] = log.info,
    is_stopped: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Training:
    """Train a model; its class count, its filters and its anchors follow from the data.

    data: pictures with boxes, for a detector: a VOC folder, COCO .json, Darknet .data or data.yaml, with @SPLIT; or
    with a class each, for a classifier: a folder of class folders, or a list. one_shot: in place of data, a folder with
    cut-outs of the objects, which are pasted onto the pictures of the folder `backgrounds`, or onto made-up ones.
    model: whose layers it has, and, where it has weights, where it starts: a .cfg, a checkpoint, a known name; without
    one a small network of this package, or Darknet-19 for classes. A classifier's layers become those of a detector.
    recipe: a built-in one by name, a .toml file, or a Recipe; without one finetune where there are weights to start
    from, else modern; for classes classify-448 and classify-224. changes: values of it by name, as in epochs=30.
    out: the folder (default: runs/train). resume: go on with the run there, exactly where it was, by its own recipe.
    size: the largest input, if not the recipe's. overfit: learn so many pictures by heart, as a test. tell: is told
    what was chosen, and why. Under torchrun the first process tells, and writes.
    Raises TrainingError, RecipeError, LabelError, ModelError: one line.
    """
    folder = Path(out if out is not None else "runs/train" if overfit is None else "runs/overfit")
    _check_words(data, one_shot, backgrounds=backgrounds, images=images, overfit=overfit)
    with joined(device=device) as rank:
        tell = tell if rank.is_first else _tell_nobody
        origin = find_origin(model, weights)
        kept = kept_recipe(folder) if resume else None
        if kept is None and (overfit is None or out is not None):
            refuse_other_run(folder)
        shot = None if one_shot is None else OneShot.open(one_shot, backgrounds=backgrounds)
        material = None if data is None else from_data(data, images=images, overfit=overfit)
        task, pictures = ("detect", EPOCH) if material is None else (material.task, material.lesson.inputs)
        values = _defaults(changes, shot=shot, overfit=overfit, pictures=pictures, size=size) | changes
        if kept is not None:
            chosen = resumed(kept, recipe, size=size, changes=changes)
        else:
            chosen = chosen_recipe(recipe, task, origin, values, size=size)
            if recipe is None and material is not None and overfit is None:
                fixed = {*changes, *(() if size is None else ("sizes",))}
                chosen = fitted_to_data(chosen, material.samples, fixed=fixed, tell=tell)
            chosen = with_short_warm_up(chosen, pictures, fixed=values, tell=tell)
        if material is None:
            assert shot is not None
            material = from_cut_outs(shot, chosen, folder / HELD_BACK, where=str(one_shot))
        for line in material.told:
            tell(line)
        network = network_for(material, origin, chosen, tell=tell)
        if kept is None and recipe is None:
            chosen = fitted_to_memory(chosen, network, device=device, rank=rank, fixed=changes, tell=tell)
        begun = start_of(network, material, origin, chosen)
        job = Job(network, begun, material.classes, material.lesson, chosen, folder, device, threads)
        class_weights_of(chosen, material.classes)  # refused before a folder is made
        _tell(job, tell, is_resumed=resume)
        outcome = run_job(
            job, watcher=watcher if watcher is not None and rank.is_first else Quiet(), rank=rank,
            validate=exam_of(network, material, chosen, Hardware(device, threads), folder=folder, tell=tell),
            is_stopped=is_stopped, is_resumed=resume, ready=partial(keep_recipe, folder, chosen),
        )  # fmt: skip
    if overfit is not None and outcome.best is not None:
        tell(verdict(outcome.best, pictures, is_whole=task == "classify"))
    last = folder / "last.safetensors"
    best = last if outcome.best is None else folder / "best.safetensors"
    measure = "top-1" if task == "classify" else "mAP50"
    return Training(folder, best, last, outcome.best, measure, outcome.updates, outcome.ended)


def _defaults(
    changes: Mapping[str, Any], *, shot: OneShot | None, overfit: int | None, pictures: int, size: int | None
) -> dict[str, Any]:
    """What the kind of run changes of any recipe, unless it was asked for."""
    if shot is not None:
        return dict(CHANGES)
    if overfit is None:
        return {}
    own = BY_HEART | {"batch": min(8, pictures)} | ({} if size is None else {"sizes": [size]})
    return {name: value for name, value in own.items() if name != "batches" or "epochs" not in changes}


class Quiet:
    """A watcher that says nothing."""

    def began(self, *, updates: int, done: int) -> None: ...
    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None: ...
    def validated(self, update: int, score: float, *, is_best: bool) -> None: ...


def _check_words(
    data: str | Path | None,
    one_shot: str | Path | None,
    *,
    backgrounds: str | Path | None,
    images: str | Path | None,
    overfit: int | None,
) -> None:
    """Raises TrainingError for what does not go together."""
    if (data is None) == (one_shot is None):
        found = "neither DATA nor a folder of cut-outs" if data is None else "DATA and a folder of cut-outs"
        raise TrainingError.at("train", found=found, expected="one of the two", repair="give DATA or --one-shot DIR")
    if one_shot is None and backgrounds is not None:
        raise TrainingError.at(
            "backgrounds", found="a folder without cut-outs for it", expected="--one-shot DIR", repair="add it"
        )
    for name, value in (("images", images), ("overfit", overfit)):
        if one_shot is not None and value is not None:
            found, expected = f"--{name} with --one-shot", f"DATA, which --{name} is about"
            raise TrainingError.at("train", found=found, expected=expected, repair="leave it out")


def _tell_nobody(text: str) -> None:
    """What the processes beside the first say."""


def _tell(job: Job, tell: Callable[[str], None], *, is_resumed: bool) -> None:
    """What was chosen, and why, before it begins."""
    plan, recipe = job.plan, job.recipe
    least, largest = min(recipe.sizes), max(recipe.sizes)
    sizes = f"sizes {least} to {largest}" if least < largest else f"size {largest}"
    weights = sum(parameter.size for _, parameter in job.network.parameters())
    learned = f"{job.start.learned} of {len(job.network.layers)} layers begin with what they have learned"
    begun = "those of the run" if is_resumed else learned if job.start.learned else "drawn by chance"
    tell(f"network: {job.network.name}, {weights:,} weights, {begun}")
    length = f"{plural(plan.updates, 'update')} of {plan.batch} pictures"
    epochs = f"{plan.updates / plan.updates_an_epoch:.3g} epochs"
    tell(f"run: {length}, {epochs}; {sizes}; learning rate {recipe.learning_rate:g}, {recipe.policy}")
