"""A folder of LabelMe files, one beside each picture -> splits of Samples."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from yolov2.data.columns import Wording, as_faults
from yolov2.data.entries import read_entries
from yolov2.data.entry import Entry, Flaw, is_unreadable
from yolov2.data.exported import ALL, Labelled, boxes_of, classes_of
from yolov2.data.folders import SPLITS
from yolov2.data.labelme_json import load_object
from yolov2.data.opened import Opened, Options
from yolov2.data.outlines import Box
from yolov2.data.pictures import missing_picture
from yolov2.errors import LabelError, printable
from yolov2.files import write_whole
from yolov2.samples import Fault, Reading

WORDING = Wording("x1 y1 x2 y2", "corners apart", place=lambda index: f"shapes[{index}]")


def open_labelme(path: Path, options: Options) -> Opened:
    """The data set in a folder of LabelMe files, or in one of them; its splits are folders called train, val or test.

    The classes are the labels found, sorted. A picture lies where "imagePath" says, else beside the file under its
    name, else in `options.images`; one that is nowhere is taken out of the file, if it is in it. Raises LabelError.
    """
    root = path if path.is_dir() else path.parent
    files = _files(path) if path.is_dir() else [str(path)]
    if not files:
        repair = "give the folder that holds them"
        raise LabelError.at(printable(path), found="no .json file", expected="LabelMe files", repair=repair)
    read = read_entries(files, kind="labelme", root=root, cache=options.cache)
    entries = {file: entry or Entry() for file, entry in zip(files, read, strict=True)}
    classes = options.names or classes_of(name for entry in entries.values() for name in entry.classes)
    split_of = {file: _split(file, root) for file in files}

    def read_split(split: str) -> Reading:
        faults: list[Fault] = []
        many: list[Labelled] = []
        for file in (one for one in files if split_of[one] == split):
            entry = entries[file]
            faults += as_faults(entry.flaws, file)
            if is_unreadable(entry):
                continue
            picture, more = _picture(file, entry, options)
            faults += more
            if picture is not None:
                stem = os.path.splitext(os.path.basename(picture))[0]
                labels = (_boxes(entry), entry.classes, entry.flags, entry.lines)
                many.append(Labelled(stem, picture, file, entry.size, *labels))
        reading = boxes_of(many, classes, WORDING, root=root, cache=options.cache)
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("labelme", root, classes, tuple(dict.fromkeys(split_of.values())), read_split)


def _files(root: Path) -> list[str]:
    return sorted(
        os.path.join(here, name)
        for here, folders, names in os.walk(root)
        for name in names
        if name.lower().endswith(".json") and not name.startswith(".") and not _hides(folders)
    )


def _hides(folders: list[str]) -> bool:
    """Keep os.walk out of hidden folders; always False."""
    folders[:] = [name for name in folders if not name.startswith(".")]
    return False


def _split(file: str, root: Path) -> str:
    first = os.path.relpath(file, root).split(os.sep)[0]
    return first if first in SPLITS else ALL


def _boxes(entry: Entry) -> list[Box]:
    values = iter(entry.numbers)
    return list(zip(values, values, values, values, strict=True))


def _picture(file: str, entry: Entry, options: Options) -> tuple[str | None, list[Fault]]:
    """The picture of a file, and what is wrong with it."""
    here = os.path.dirname(file)
    said = entry.picture.replace("\\", "/")  # LabelMe on Windows writes its own slashes
    name = os.path.basename(said) or f"{os.path.splitext(os.path.basename(file))[0]}.jpg"
    places = [os.path.join(here, said), os.path.join(here, name)]
    if options.images is not None:
        places = [os.path.join(options.images, name), *places]
    found = next(filter(os.path.isfile, places), None)
    if found is not None:
        return os.path.normpath(found), []
    inside = _taken_out(file, name, options.cache)
    if inside is None:
        return None, [missing_picture(os.path.normpath(places[0]), file)]
    expected, repair = "a picture beside its labels", "add it; the copy inside the file is taken"
    told = f"no file {os.path.normpath(places[0])}"
    return inside, [Fault("picture-inside", file, told, expected, repair, is_error=False)]


def _taken_out(file: str, name: str, cache: Path | None) -> str | None:
    """The picture inside a LabelMe file, written into the cache; None where there is none, or no cache."""
    document = load_object(Path(file).read_bytes())
    if cache is None or isinstance(document, Flaw) or not isinstance(document.get("imageData"), str):
        return None
    try:
        data = base64.b64decode(document["imageData"], validate=True)
    except (binascii.Error, ValueError):
        return None
    target = cache / "pictures" / hashlib.sha256(data).hexdigest()[:32] / name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(target) as out:
            out.write(data)
    return str(target)
