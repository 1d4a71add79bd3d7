"""`yolov2.train`: from a data set, or a few cut-outs, to a model; readable from top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from yolov2.detect.outputs import make_folder
from yolov2.errors import TrainingError
from yolov2.files import write_whole
from yolov2.train.job import Job, class_weights_of, run_job
from yolov2.train.loop import STATE, Watcher
from yolov2.train.one_shot import CHANGES, OneShot
from yolov2.train.ranks import joined
from yolov2.train.recipe import Recipe, format_recipe
from yolov2.verbs.exams import exam_of, verdict
from yolov2.verbs.material import from_cut_outs, from_data
from yolov2.verbs.origins import Origin, find_origin, network_for, start_of

# What a self-test changes of a recipe: a few pictures, never changed, at one size, until they are known.
BY_HEART = {
    "batches": "200", "warmup": "20", "learning_rate": "0.02", "augment": "none", "mirror": "false", "hue": "0",
    "saturation": "1", "exposure": "1", "sizes": "[256]", "ema": "0", "smoothing": "0", "norm_momentum": "0.1",
    "validate_every": "1e9", "extra_iou": "0", "patience": "0", "prior_until": "0",
}  # fmt: skip
RECIPE, HELD_BACK = "recipe.toml", "held-back"
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
    measure: str  # mAP, top-1
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
    changes: Mapping[str, str] | None = None,
    out: str | Path = "runs/train",
    resume: bool = False,
    size: int | None = None,
    images: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    overfit: int | None = None,
    watcher: Watcher | None = None,
    tell: Callable[[str], None] = log.info,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Training:
    """Train a model; its class count, its filters and its anchors follow from the data.

    data: pictures with boxes, for a detector: a VOC folder, COCO .json, Darknet .data or data.yaml, with @SPLIT; or
    with a class each, for a classifier: a folder of class folders, or a list. one_shot: in place of data, a folder with
    cut-outs of the objects, which are pasted onto the pictures of the folder `backgrounds`, or onto made-up ones.
    model: whose layers it has, and, where it has weights, where it starts: a .cfg, a checkpoint, a known name; without
    one a small network of this package, or Darknet-19 for classes. A classifier's layers become those of a detector.
    recipe: a built-in one by name, a .toml file, or a Recipe; without one finetune where there are weights to start
    from, else modern; for classes classify-448 and classify-224. changes: values of it by name, as text.
    resume: go on with the run in `out`, exactly where it was. size: the largest input, if not the recipe's. overfit:
    learn so many pictures by heart, as a test. tell: is told what was chosen, and why.
    Raises TrainingError, RecipeError, LabelError, ModelError: one line.
    """
    folder, changes = Path(out), dict(changes or {})
    _check_words(data, one_shot, backgrounds=backgrounds, images=images, overfit=overfit)
    origin = find_origin(model, weights)
    if one_shot is not None:
        shot = OneShot.open(one_shot, backgrounds=backgrounds)
        chosen = _recipe(recipe, "detect", origin, CHANGES | changes, size)
        _check_folder(folder, chosen, resume=resume)
        material = from_cut_outs(shot, chosen, folder / HELD_BACK, where=str(one_shot))
    else:
        assert data is not None
        material = from_data(data, images=images, overfit=overfit)
        if overfit is not None:
            changes = BY_HEART | {"batch": str(min(8, material.lesson.inputs))} | changes
        chosen = _recipe(recipe, material.task, origin, changes, size)
        _check_folder(folder, chosen, resume=resume)
    for line in material.told:
        tell(line)
    network = network_for(material, origin, chosen, tell=tell)
    begun = start_of(network, material, origin, chosen)
    job = Job(network, begun, material.classes, material.lesson, chosen, folder, device, threads)
    class_weights_of(chosen, material.classes)  # refused before a folder is made
    if not resume:
        _keep_recipe(folder, chosen)
    _tell(job, tell)
    measure = "top-1" if material.task == "classify" else "mAP"
    with joined(device=device) as rank:
        outcome = run_job(
            job, watcher=watcher or Quiet(), rank=rank, is_stopped=is_stopped, is_resumed=resume,
            validate=exam_of(network, material, chosen, folder=folder, tell=tell),
        )  # fmt: skip
    if overfit is not None and outcome.best is not None:
        tell(verdict(outcome.best, material.lesson.inputs, is_whole=material.task == "classify"))
    last = folder / "last.safetensors"
    best = last if outcome.best is None else folder / "best.safetensors"
    return Training(folder, best, last, outcome.best, measure, outcome.updates, outcome.ended)


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


def _recipe(
    wanted: str | Path | Recipe | None, task: str, origin: Origin | None, changes: Mapping[str, str], size: int | None
) -> Recipe:
    """The recipe: what was asked for, else by the task and by whether there is something to start from."""
    if isinstance(wanted, Recipe):
        chosen = wanted
    else:
        has_learned = origin is not None and origin.weights is not None
        usual = {"detect": ("modern", "finetune"), "classify": ("classify-224", "classify-448")}[task][has_learned]
        chosen = Recipe.named(wanted or usual)
    if size is not None:
        kept = tuple(side for side in chosen.sizes if side <= size)
        chosen = replace(chosen, sizes=kept if size in kept else (*kept, size))
    elif chosen.policy == "cfg" and origin is not None and not _is_multi_scale(origin):
        chosen = replace(chosen, sizes=(origin.network.input.width,))
    return chosen.changed(changes)


def _is_multi_scale(origin: Origin) -> bool:
    """Whether its .cfg asks for a new input size every few batches."""
    region = origin.network.region
    return bool(region.random if region is not None else origin.network.training.random)


def _check_folder(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Raises TrainingError where another run lies there already, or, for `resume`, none of this recipe."""
    kept = folder / RECIPE
    if resume:
        if not (folder / STATE).is_file():
            repair = "leave --resume out, or name the folder of the run"
            raise TrainingError.at(str(folder), found=f"no {STATE}", expected="an interrupted run", repair=repair)
        if Recipe.named(kept) != recipe:
            repair = "resume with the options that it was begun with"
            raise TrainingError.at(str(kept), found="another recipe", expected="that of this run", repair=repair)
    elif (folder / STATE).exists():
        repair = "go on with it by --resume, or choose another folder with -o"
        raise TrainingError.at(str(folder), found="a run", expected="a new folder", repair=repair)


def _keep_recipe(folder: Path, recipe: Recipe) -> None:
    """The folder of the run, with its recipe in it. Raises OutputError."""
    make_folder(folder)
    with write_whole(folder / RECIPE) as file:
        file.write(format_recipe(recipe).encode())


def _tell(job: Job, tell: Callable[[str], None]) -> None:
    """What was chosen, and why, before it begins."""
    plan, recipe = job.plan, job.recipe
    least, largest = min(recipe.sizes), max(recipe.sizes)
    sizes = f"{least} to {largest}" if least < largest else f"{largest}"
    weights = sum(parameter.size for _, parameter in job.network.parameters())
    learned = f"{job.start.learned} of {len(job.network.layers)} layers begin with what they have learned"
    tell(f"network: {job.network.name}, {weights:,} weights; {learned}")
    length = f"{plan.updates:,} updates of {plan.batch} pictures, {plan.updates / plan.updates_an_epoch:.3g} epochs"
    tell(f"run: {length}; sizes {sizes}; learning rate {recipe.learning_rate:g}, {recipe.policy}")
