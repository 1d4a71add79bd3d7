"""Gathered pictures with a class each -> folders of class folders. Pictures are placed by convert.py."""

from __future__ import annotations

from pathlib import Path, PurePath

from yolov2.data.folders import ALL, SPLITS
from yolov2.data.gathered import Gathered, check_names
from yolov2.errors import LabelError, printable


def picture_places(data: Gathered, *, where: Path) -> list[tuple[int, PurePath]]:
    """For each picture and split: the index of the picture, and where it goes, as train/cat/1.jpg.

    One split that is none of train, val and test needs no folder. Raises LabelError for class names that no folder
    can have, and for several splits of which one has another name.
    """
    check_names(data.classes, where=where)
    for name in data.classes:
        if "/" in name or name.startswith("."):
            found, expected = f'the class name "{name}"', "a name for a folder"
            raise LabelError.at(printable(where), found=found, expected=expected, repair="rename the class")
    others = [split for split in data.splits if split not in SPLITS]
    if others and len(data.splits) > 1:
        found, expected = f"the split {printable(others[0])}", f"one of {', '.join(SPLITS)}"
        raise LabelError.at(printable(where), found=found, expected=expected, repair="choose splits with --split")
    places: list[tuple[int, PurePath]] = []
    for split, chosen in data.splits.items():
        home = PurePath() if split in (*others, ALL) else PurePath(split)
        indices: list[int] = chosen.tolist()
        for i in indices:
            places.append((i, home / data.classes[int(data.samples.labels[i])] / data.names[i]))
    return places
