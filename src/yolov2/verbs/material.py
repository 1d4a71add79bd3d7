"""What a training learns from: DATA or a folder of cut-outs -> the lesson, its classes, and what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.box_checks import View
from yolov2.data.dataset import DataSet, open_data
from yolov2.data.doctor import examine
from yolov2.data.opened import Task
from yolov2.errors import LabelError, TrainingError, printable
from yolov2.network.architectures import VOC_ANCHORS
from yolov2.samples import UNKNOWN, Samples
from yolov2.train.lessons import Boxes, Classes, Lesson, Scenes
from yolov2.train.one_shot import OneShot
from yolov2.train.recipe import Recipe

FEWEST_CLASSES = 2  # of pictures with one each
VIEW = View((416, 416), np.array(VOC_ANCHORS, np.float64), "yolov2-voc")  # errors do not depend on it


@dataclass(frozen=True, eq=False, slots=True)
class Material:
    """All that is known of a training before its recipe."""

    where: str  # what messages call it
    classes: tuple[str, ...]
    task: Task
    lesson: Lesson
    validation: Samples
    samples: Samples  # to learn from, whose boxes the anchors are for; of cut-outs those of the validation
    told: tuple[str, ...]  # about the pictures, for people


def from_data(data: str | Path, *, images: str | Path | None = None, overfit: int | None = None) -> Material:
    """Of a data set. overfit: so many pictures alone, which it is judged on, too.

    Raises LabelError where the doctor finds what training would stop at, TrainingError where there is nothing to learn.
    """
    found = open_data(data, images=None if images is None else Path(images))
    _refuse_errors(found, str(data))
    if overfit is None:
        samples, validation = found.training()
    else:
        samples = validation = _by_heart(found, overfit)
    is_whole = found.task == "classify"
    if not _learnable(samples, is_whole=is_whole).any():
        what = "class" if is_whole else "box"
        repair = f"`yolov2 data check {printable(data)}` shows what there is"
        raise TrainingError.at(
            printable(found.root), found=f"no {what} to learn", expected="one at least", repair=repair
        )
    if is_whole and len(found.classes) < FEWEST_CLASSES:
        found_, repair = f"the class {printable(found.classes[0])} alone", "add a folder of pictures of something else"
        raise TrainingError.at(printable(found.root), found=found_, expected="two classes at least", repair=repair)
    lesson = Classes(samples) if is_whole else Boxes(samples)
    told = f"data: {len(samples):,} pictures to train on, {len(validation):,} to validate; {len(found.classes)} classes"
    return Material(str(found.root), found.classes, found.task, lesson, validation, samples, (told,))


def from_cut_outs(shot: OneShot, recipe: Recipe, folder: Path, *, where: str) -> Material:
    """Of cut-outs; the pictures that it is judged on are made here, as files in that folder.

    Raises RecipeError, OutputError.
    """
    held = shot.validation(folder, recipe)
    behind = f"{len(shot.backgrounds):,} backgrounds" if shot.backgrounds else "backgrounds that are made up, too"
    told = (
        f"data: {len(shot.cut_outs.objects)} cut-outs of {len(shot.cut_outs.classes)} classes on {behind}; "
        f"{len(held)} pictures to validate in {printable(folder)}"
    )
    ignored = "augment, jitter, aspect, mosaic and difficult of a recipe mean nothing here: scale and angle do"
    notes = (*shot.cut_outs.notes, told, ignored)
    return Material(where, shot.cut_outs.classes, "detect", Scenes(shot), held, held, notes)


def _by_heart(found: DataSet, count: int) -> Samples:
    """So many pictures with something to learn."""
    samples = found.learnable()
    return samples.take(np.flatnonzero(_learnable(samples, is_whole=found.task == "classify"))[:count])


def _learnable(samples: Samples, *, is_whole: bool) -> NDArray[np.bool_]:
    """(P,) which pictures have a class, or boxes."""
    return samples.labels != UNKNOWN if is_whole else samples.counts > 0


def _refuse_errors(found: DataSet, data: str) -> None:
    """Raises LabelError for the first thing that the doctor would stop a training for; pictures are not decoded."""
    first, *rest = examine(found, VIEW, data=data, pictures=False).errors or (None,)
    if first is not None:
        more = f"; {len(rest):,} more" if rest else ""
        raise LabelError(f"{first.message}{more}; `yolov2 data check {printable(data)}` lists all")
