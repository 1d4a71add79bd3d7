"""A folder with a picture or a few of each object -> cut-outs with a class, and pictures to paste them onto."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.data.numbers import plural
from yolov2.data.pictures import pictures_below
from yolov2.errors import LabelError, printable
from yolov2.pictures.cut_out import Cut, cut_out
from yolov2.pictures.read import MAX_PIXELS, read_picture

LONGEST = 512  # pixels of a cut-out's longer side that are kept: at most a MiB each
MOST = 1000  # cut-outs, all in memory
HELD_BACK = 10  # every so many background pictures, one

TOLD: dict[Cut, str] = {
    "plain": "no alpha; cut out of its plain background",
    "whole": "no alpha and no plain background; the whole picture is taken as the object",
}

Paths: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Object:
    """One cut-out of a class."""

    flat: NDArray[np.uint8]  # (H, W, 4) RGBA, colours times alpha
    class_id: int
    path: str  # of the picture that it comes from
    cut: Cut


@dataclass(frozen=True, eq=False, slots=True)
class CutOuts:
    """All cut-outs of a folder, class by class."""

    classes: tuple[str, ...]
    objects: tuple[Object, ...]

    @property
    def of_class(self) -> tuple[tuple[int, ...], ...]:
        """For each class the indices of its objects; one at least."""
        found: tuple[list[int], ...] = tuple([] for _ in self.classes)
        for index, one in enumerate(self.objects):
            found[one.class_id].append(index)
        return tuple(map(tuple, found))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should look at, a line for each picture without alpha."""
        return tuple(f"{printable(one.path)}: {TOLD[one.cut]}" for one in self.objects if one.cut in TOLD)


def read_cut_outs(folder: str | Path, *, longest: int = LONGEST, max_pixels: int = MAX_PIXELS) -> CutOuts:
    """The objects in `folder/name.png`, one of class `name`, and in `folder/name/...`, all of class `name`.

    The classes are sorted by name. Alpha is the outline; a picture without is cut out of a plain background, or taken
    as a whole. longest: of a cut-out's sides, in pixels; larger ones are made smaller.
    Raises LabelError for a folder that holds none or too many, or a picture that shows nothing; PictureError.
    """
    folder = Path(folder)
    found = _by_class(folder)
    classes = tuple(sorted({name for name, _ in found}))
    objects: list[Object] = []
    for name, path in sorted(found):
        rgba = read_picture(Path(path), max_pixels=max_pixels, channels=4).pixels
        cut = cut_out(rgba, longest=longest)
        if cut is None:
            repair = "save it with the object opaque, or without alpha"
            raise LabelError.at(printable(path), found="nothing that is opaque", expected="an object", repair=repair)
        cut.flat.flags.writeable = False
        objects.append(Object(cut.flat, classes.index(name), path, cut.cut))
    return CutOuts(classes, tuple(objects))


def background_pictures(folder: str | Path) -> tuple[Paths, Paths]:
    """The pictures in a folder and below it: those to train on, and every tenth, held back. Raises LabelError.

    The second is empty where there are fewer than ten; the choice depends on their sorted names alone.
    """
    _refuse_no_folder(Path(folder))
    found = pictures_below(Path(folder))
    if not found:
        expected, repair = "pictures without the objects in them", "add some, or leave --backgrounds out"
        raise LabelError.at(printable(folder), found="no picture", expected=expected, repair=repair)
    held = found[HELD_BACK - 1 :: HELD_BACK]
    return tuple(sorted(set(found) - set(held))), tuple(held)


def _by_class(folder: Path) -> list[tuple[str, str]]:
    """Class and path of each picture. Raises LabelError."""
    _refuse_no_folder(folder)
    found = [(_class_of(Path(path), folder), path) for path in pictures_below(folder)]
    expected = "a picture or a few of each object, name.png or name/*.png"
    if not found:
        repair = "add one, named like its class"
        raise LabelError.at(printable(folder), found="no picture", expected=expected, repair=repair)
    if len(found) > MOST:
        counted, repair = plural(len(found), "picture"), "keep the best; each is drawn again and again"
        expected = f"at most {MOST:,}, {expected}"
        raise LabelError.at(printable(folder), found=counted, expected=expected, repair=repair)
    return found


def _class_of(path: Path, folder: Path) -> str:
    inside: Sequence[str] = path.relative_to(folder).parts
    return inside[0] if len(inside) > 1 else path.stem


def _refuse_no_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise LabelError.at(printable(folder), found=found, expected="a folder of pictures", repair="check the path")
