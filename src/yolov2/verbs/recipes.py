"""Which recipe a run has: the one asked for, the usual one of its task, or, where it goes on, its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from yolov2.data.opened import Task
from yolov2.detect.outputs import make_folder
from yolov2.errors import TrainingError, printable
from yolov2.files import write_whole
from yolov2.train.cfg_recipe import recipe_of_cfg
from yolov2.train.loop import STATE
from yolov2.train.recipe import Recipe, format_recipe
from yolov2.verbs.exams import PICTURES
from yolov2.verbs.origins import Origin, base_of

RECIPE = "recipe.toml"
LEFT = (STATE, "best.safetensors", "last.safetensors", RECIPE, "log.csv", PICTURES)  # what a run leaves
USUAL: dict[Task, tuple[str, str]] = {  # from scratch, from learned weights
    "detect": ("modern", "finetune"),
    "classify": ("classify-224", "classify-448"),
}
OF_CLASSES = ("turn", "centre")  # augmentations of pictures without boxes
LENGTH = ("epochs", "batches", "learning_rate", "patience", "validate_every")  # what may change where a run goes on


def chosen_recipe(
    wanted: str | Path | Recipe | None,
    task: Task,
    origin: Origin | None,
    changes: Mapping[str, Any],
    *,
    size: int | None,
) -> Recipe:
    """The recipe asked for, else by the task and by whether there is something to start from; with its changes.

    Raises RecipeError, TrainingError.
    """
    if isinstance(wanted, Recipe):
        chosen = wanted
    else:
        has_learned = origin is not None and origin.weights is not None
        name = wanted or USUAL[task][has_learned]
        chosen = Recipe.named(name)
        if chosen.policy == "cfg":
            chosen = Recipe.named(name, base=recipe_of_cfg(base_of(task, origin)))
    chosen = _sized(chosen, size).changed(changes, where="recipe")
    if task == "detect" and chosen.augment in OF_CLASSES:
        found, repair = f"augment = {chosen.augment}, for pictures with a class each", "take a recipe for boxes"
        raise TrainingError.at("recipe", found=found, expected="one for pictures with boxes", repair=repair)
    return chosen


def kept_recipe(folder: Path) -> Recipe:
    """The recipe of an interrupted run. Raises TrainingError where there is none, RecipeError."""
    if not (folder / STATE).is_file() or not (folder / RECIPE).is_file():
        repair = "leave --resume out, or name the folder of the run"
        raise TrainingError.at(printable(folder), found=f"no {STATE}", expected="an interrupted run", repair=repair)
    return Recipe.named(folder / RECIPE)


def resumed(
    kept: Recipe, wanted: str | Path | Recipe | None, *, size: int | None, changes: Mapping[str, Any]
) -> Recipe:
    """The recipe of a run that goes on: its own, perhaps with another length or rate; the one asked for is but read.

    Raises TrainingError, RecipeError.
    """
    if isinstance(wanted, str | Path):
        Recipe.named(wanted)
    changed = _sized(kept, size).changed(changes, where="recipe")
    for field in fields(Recipe):
        was, now = getattr(kept, field.name), getattr(changed, field.name)
        if was != now and field.name not in LENGTH:
            raise TrainingError.at(
                field.name, found=f"{now}", expected=f"{was}, as the run was begun with", repair="leave it out"
            )
    return changed


def refuse_other_run(folder: Path) -> None:
    """Raises TrainingError where something lies that a run would write over: another run's, or anybody's."""
    found = next((name for name in LEFT if (folder / name).exists()), None)
    if found is not None:
        repair = "choose another folder with -o, or go on with a run there by --resume"
        raise TrainingError.at(printable(folder), found=found, expected="a folder without it", repair=repair)


def keep_recipe(folder: Path, recipe: Recipe) -> None:
    """The folder of the run, with its recipe in it. Raises OutputError."""
    make_folder(folder)
    with write_whole(folder / RECIPE) as file:
        file.write(format_recipe(recipe).encode())


def _sized(recipe: Recipe, size: int | None) -> Recipe:
    """The recipe with no input larger than `size`, and that one."""
    if size is None:
        return recipe
    kept = tuple(side for side in recipe.sizes if side < size)
    return replace(recipe, sizes=(*kept, size))
