"""The pictures of a data set before any is decoded: which there are, and how large."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.columns import as_faults
from yolov2.data.entries import read_entries
from yolov2.pictures.read import PICTURE_SUFFIXES
from yolov2.samples import Fault


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its ending."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def pictures_below(folder: Path) -> list[str]:
    """The pictures in a folder and in all below it, sorted; hidden ones left out, links followed, but in no circle."""
    found: list[str] = []
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(here, name) for name in sorted(names) if is_picture(name)]
    return found


def sizes_from_headers(
    pictures: Sequence[str], *, places: Sequence[str], root: Path, cache: Path | None
) -> tuple[NDArray[np.int64], list[Fault]]:
    """(P, 2) height and width of each upright picture, 0 and 0 with a fault for one missing or unreadable.

    places: what names each picture, as a message shows it where there is no such file.
    """
    sizes = np.zeros((len(pictures), 2), np.int64)
    faults: list[Fault] = []
    entries = read_entries(pictures, kind="picture", root=root, cache=cache)
    for i, (picture, place, entry) in enumerate(zip(pictures, places, entries, strict=True)):
        if entry is None:
            faults.append(missing_picture(picture, place))
        elif entry.size is None:
            faults += as_faults(entry.flaws, picture)
        else:
            sizes[i] = entry.size
    return sizes, faults


def own_sizes(pictures: Sequence[str], *, root: Path, cache: Path | None) -> NDArray[np.int64]:
    """(P, 2) height and width of each upright picture, 0 and 0 where they can't be read."""
    return sizes_from_headers(pictures, places=pictures, root=root, cache=cache)[0]


def missing_picture(picture: str, place: str) -> Fault:
    """A picture that is listed or labelled, and not there."""
    repair = "correct the name, add the picture, or remove the entry; it is left out"
    return Fault("picture-missing", place, f"no file {picture}", "a picture", repair, is_error=True)
