"""Data sets of any format -> a data set of another one, as a folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias

from yolov2.data import write_coco, write_txt, write_voc
from yolov2.data.dataset import DataSet
from yolov2.data.gathered import Gathered, gather
from yolov2.data.numbers import plural
from yolov2.data.opened import Task
from yolov2.data.whole_folder import refuse_existing, write_whole_folder
from yolov2.data.write_folders import picture_places
from yolov2.errors import LabelError, OutputError, PictureError, printable
from yolov2.samples import Fault

Target: TypeAlias = Literal["voc", "coco", "darknet", "ultralytics", "folders"]
Placing: TypeAlias = Literal["copy", "link", "none"]
TASKS: dict[Target, Task] = {
    "voc": "detect",
    "coco": "detect",
    "darknet": "detect",
    "ultralytics": "detect",
    "folders": "classify",
}
TOLD = 3  # odd labels of a kind that have a line each
PICTURES = {
    "voc": write_voc.PICTURES,
    "coco": write_coco.PICTURES,
    "darknet": write_txt.PICTURES,
    "ultralytics": write_txt.PICTURES,
}


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    out: Path
    to: Target
    data: tuple[Path, ...]  # what to open it by
    classes: int
    pictures: int
    boxes: int
    splits: tuple[tuple[str, int], ...]  # name, pictures
    notes: tuple[str, ...]  # what the format has no place for, a line each
    faults: tuple[Fault, ...]  # what was wrong with the labels that were read

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {
            "out": str(self.out),
            "to": self.to,
            "data": list(map(str, self.data)),
            "classes": self.classes,
            "pictures": self.pictures,
            "boxes": self.boxes,
            "splits": dict(self.splits),
            "notes": list(self.notes),
            "faults": [fault.message for fault in self.faults],
        }


def convert(
    sets: Sequence[DataSet],
    out: Path,
    *,
    to: Target,
    splits: Sequence[str] = (),
    classes: Sequence[str] = (),
    pictures: Placing = "copy",
    force: bool = False,
    on_picture: Callable[[], None] = lambda: None,
) -> Converted:
    """Write the data sets as one of another format into the folder `out`, and say what it has no place for.

    splits: these alone; classes: these alone, in this order, by any of their names; pictures: copied, linked, or only
    their labels written; force: into a folder that has files.
    on_picture is called for each picture that is placed. Labels that can't be read are left out, and in the faults.
    Raises LabelError, PictureError, OutputError.
    """
    refuse_existing(out, force=force)
    data = gather(sets, splits=splits, classes=classes)
    _check_task(data, to, sets[0].root)
    if to == "folders":
        if pictures == "none":
            raise ValueError("pictures: found none, expected copy or link: folders of pictures have no other labels")
        places, written = picture_places(data, where=sets[0].root), None
    else:
        written = {
            "voc": write_voc.write_voc,
            "coco": write_coco.write_coco,
            "darknet": partial(write_txt.write_darknet, name=_name(out)),
            "ultralytics": write_txt.write_ultralytics,
        }[to]
        places = [(i, PurePath(PICTURES[to], name)) for i, name in enumerate(data.names)]
    _refuse_inputs([out / place for _, place in places], data)
    with write_whole_folder(out, force=force) as folder:
        notes = [*_renamed(data, to), *(written(folder, data) if written else ()), *_odd(data.faults)]
        if pictures != "none":
            for i, place in places:
                _place(Path(data.samples.pictures[i]), folder / place, pictures)
                on_picture()
    counts = tuple((split, len(chosen)) for split, chosen in data.splits.items())
    ways = tuple(out / name for name in _ways(to, _name(out), list(data.splits)))
    size = (len(data.classes), len(data.samples), len(data.samples.boxes))
    return Converted(out, to, ways, *size, counts, tuple(notes), data.faults)


def _check_task(data: Gathered, to: Target, root: Path) -> None:
    if data.task == TASKS[to]:
        return
    if data.task == "classify":
        found, expected, repair = "a class for each picture", f"boxes, for --to {to}", "convert it with --to folders"
    else:
        found, expected = "boxes", "a class for each picture, for --to folders"
        repair = "choose a format with boxes: voc, coco, darknet, ultralytics"
    raise LabelError.at(printable(root), found=found, expected=expected, repair=repair)


def _name(out: Path) -> str:
    return Path(os.path.realpath(out)).name or "data"


def _ways(to: Target, name: str, splits: Sequence[str]) -> list[str]:
    """The files to open the new data set by."""
    if to == "coco":
        return [f"annotations/instances_{split}.json" for split in splits]
    if to == "darknet":
        return [f"{name}{more}.data" for more, _ in write_txt.arranged(splits, write_txt.DARKNET_ROLES)]
    if to == "ultralytics":
        return [f"data{more}.yaml" for more, _ in write_txt.arranged(splits, write_txt.ULTRALYTICS_ROLES)]
    return [""]


def _renamed(data: Gathered, to: Target) -> list[str]:
    notes: list[str] = []
    if data.renamed:
        notes.append(f"{plural(data.renamed, 'picture')} renamed: another one has the name, or no list could hold it")
    others = sum(_number(one) != _number(stem) for one, stem in zip(data.samples.ids, data.stems, strict=True))
    if others and to not in ("coco", "folders"):
        notes.append(f"{plural(others, 'id')} of pictures left out: here pictures are known by their names")
    return notes


def _odd(faults: Sequence[Fault]) -> list[str]:
    """A line for odd labels, where a rule says what becomes of them; of a kind that is frequent, one for all."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        if not fault.is_error:
            kinds.setdefault(fault.code, []).append(fault.message)
    return [line for kind, lines in kinds.items() for line in _few(kind, lines)]


def _few(kind: str, lines: list[str]) -> list[str]:
    return lines if len(lines) <= TOLD else [f"{kind}, {len(lines):,} times; the first: {lines[0]}"]


def _number(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text


def _refuse_inputs(places: Sequence[Path], data: Gathered) -> None:
    """Raise OutputError where a picture would take the place of one that is read."""
    inputs = {os.path.realpath(picture) for picture in data.samples.pictures}
    for place in places:
        if os.path.realpath(place) in inputs:
            found, repair = "a picture of the data set itself", "choose another folder"
            raise OutputError.at(printable(place), found=found, expected="a new file", repair=repair)


def _place(picture: Path, target: Path, pictures: Placing) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if pictures == "link":
        target.symlink_to(os.path.realpath(picture))
        return
    try:
        with picture.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
    except OSError as wrong:
        if wrong.filename != str(picture):
            raise
        found = f"a file that can't be read ({wrong.strerror})"
        repair = "check its permissions and the disk"
        raise PictureError.at(printable(picture), found=found, expected="a picture file", repair=repair) from None
