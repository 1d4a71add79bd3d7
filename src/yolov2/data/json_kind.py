"""Whose labels are in a .json file: COCO's, LabelMe's or Label Studio's, by how it begins."""

import os
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

from yolov2.data.opened import Kind

LOOKED_AT = 1 << 16  # bytes
LABELME = re.compile(rb'"(shapes|imagePath|imageData)"\s*:')
COCO = re.compile(rb'"(images|annotations|categories)"\s*:')
TRIED = 20  # .json files of a folder


def json_kind(path: Path) -> Kind:
    """The format that a .json file begins like; COCO's where it can't be read, whose reader says why."""
    start = b""
    with suppress(OSError):
        if path.is_file():  # opening a FIFO would wait for a writer
            with path.open("rb") as file:
                start = file.read(LOOKED_AT).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "label-studio"
    return "labelme" if LABELME.search(start) and not COCO.search(start) else "coco"


def has_labelme(folder: Path) -> bool:
    """Whether LabelMe files are in a folder, or in one of those in it."""
    with suppress(OSError):
        inner = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
        for place in (folder, *map(Path, inner[:TRIED])):
            if any(json_kind(path) == "labelme" for path in islice(place.glob("*.json"), TRIED)):
                return True
    return False
