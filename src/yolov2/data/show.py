"""Samples -> picture files with their truth drawn on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.gathered import file_names
from yolov2.errors import LabelError, OutputError, PictureError, printable
from yolov2.files import refusal, write_whole
from yolov2.pictures.draw_truths import contact_sheet, draw_truths, thumbnail
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.read import read_picture
from yolov2.samples import Samples

SHEET = "sheet.jpg"
MOST_ON_SHEET = 200  # pictures, held in memory


@dataclass(frozen=True, slots=True)
class Shown:
    """What was written, and which pictures could not be read."""

    written: tuple[Path, ...]
    failed: tuple[str, ...]  # a line each


def chosen(
    samples: Samples, classes: Sequence[str], *, number: int | None, seed: int = 0, of_class: str | None = None
) -> NDArray[np.int64]:
    """The indices of `number` pictures, drawn at random and in their order; of all where it is None.

    of_class: only pictures with that class, in a box or as a whole. Raises LabelError where there is none.
    """
    which = np.arange(len(samples), dtype=np.int64)
    if of_class is not None:
        class_id = _class_id(of_class, classes)
        in_boxes = np.isin(which, samples.rows[samples.class_ids == class_id])
        which = which[in_boxes | (samples.labels == class_id)]
        if not len(which):
            repair = "choose another class, or another split"
            raise LabelError.at("--class", found=f"no picture with {of_class}", expected="some", repair=repair)
    if number is None or number >= len(which):
        return which
    return np.sort(np.random.default_rng(seed).choice(which, number, replace=False))


def show(
    samples: Samples,
    classes: Sequence[str],
    folder: Path,
    *,
    sheet: bool = False,
    force: bool = False,
    on_picture: Callable[[], None] = lambda: None,
) -> Shown:
    """Write NAME.jpg for each picture into the folder, and with `sheet` all of them, small, as sheet.jpg.

    A picture that can't be read is named and passed over. Raises OutputError where files of these names are there,
    unless `force` replaces them.
    """
    names = [
        f"{os.path.splitext(name)[0]}.jpg" for name in file_names([*(SHEET for _ in range(sheet)), *samples.pictures])
    ]
    targets = [folder / name for name in names]
    _refuse(targets, samples, force=force)
    failed: list[str] = []
    written: list[Path] = []
    small: list[NDArray[np.uint8]] = []
    for sample, target in zip(samples, targets[sheet:], strict=True):
        try:
            drawn = draw_truths(read_picture(sample.picture).rgb, sample, classes)
        except PictureError as wrong:
            failed.append(str(wrong))
            continue
        _write(drawn, target)
        written.append(target)
        if sheet and len(small) < MOST_ON_SHEET:
            small.append(thumbnail(drawn))
        on_picture()
    if small:
        _write(contact_sheet(small), targets[0])
        written.append(targets[0])
    return Shown(tuple(written), tuple(failed))


def _class_id(name: str, classes: Sequence[str]) -> int:
    if name in classes:
        return classes.index(name)
    few = ", ".join(map(printable, classes[:10])) + (", ..." if len(classes) > 10 else "")
    raise LabelError.at("--class", found=printable(name), expected=f"one of {few}", repair="correct it")


def _refuse(targets: Sequence[Path], samples: Samples, *, force: bool) -> None:
    """Raise OutputError for targets that are there or are read; make their folder."""
    inputs = {os.path.realpath(picture) for picture in samples.pictures}
    for target in targets:
        if os.path.realpath(target) in inputs:
            found, repair = "a picture of the data set itself", "choose another folder with -o"
            raise OutputError.at(printable(target), found=found, expected="a new file", repair=repair)
        if not force and os.path.lexists(target):
            found, repair = "results of an earlier run", "choose another folder with -o, or overwrite them with --force"
            raise OutputError.at(printable(target), found=found, expected="a new file", repair=repair)
    for folder in {target.parent for target in targets}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise refusal(folder, wrong) from None


def _write(pixels: NDArray[np.uint8], target: Path) -> None:
    data = encode_picture(pixels, ending=".jpg")
    with write_whole(target) as file:
        file.write(data)
