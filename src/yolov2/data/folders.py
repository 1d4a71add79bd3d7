"""Pictures with a class each: folders of class folders, and lists of `path class` lines."""

import os
from collections.abc import Sequence
from pathlib import Path

from yolov2.data.labelled import classified, label_by_text
from yolov2.data.lists import base_of, joined, read_list, without_twins
from yolov2.data.opened import Opened, Options
from yolov2.data.pictures import pictures_below
from yolov2.errors import LabelError, printable
from yolov2.samples import UNKNOWN, Fault, Reading

SPLITS = ("train", "val", "valid", "validation", "test")
ALL = "all"


def open_folders(root: Path, options: Options) -> Opened:
    """The data set in a folder of class folders, or in folders named train, val, test of such.

    The classes are the names of the class folders of all splits, sorted. Raises LabelError.
    """
    inside = _folders(root)
    splits = {name: root / name for name in SPLITS if name in inside and _folders(root / name)} or {ALL: root}
    names = {split: _folders(folder) for split, folder in splits.items()}
    classes = options.names or tuple(sorted({name for found in names.values() for name in found}))
    if not classes:
        expected = "labels for boxes, or folders of pictures, one for each class"
        repair = "check the path; docs/data.md shows every form"
        raise LabelError.at(printable(root), found="no folder in it", expected=expected, repair=repair)

    def read(split: str) -> Reading:
        pictures: list[str] = []
        labels: list[int] = []
        faults: list[Fault] = []
        for name in names[split]:
            folder = splits[split] / name
            below = pictures_below(folder)
            label = classes.index(name) if name in classes else UNKNOWN
            pictures += below
            labels += [label] * len(below)
            faults += _folder_faults(folder, len(below), is_known=label != UNKNOWN)
        ids = [os.path.relpath(picture, splits[split]) for picture in pictures]
        folders = [os.path.dirname(picture) for picture in pictures]
        return Reading(classified(pictures, labels, annotations=folders, ids=ids), tuple(faults))

    return Opened("folders", root, classes, tuple(splits), read, "classify")


def labels_inside(root: Path) -> Path | None:
    """The file that names the pictures and labels in a folder with images/ and labels/; None for other folders.

    Raises LabelError where there is no such file, or more than one.
    """
    places = [root, *(root / name for name in SPLITS)]
    inside = [{name.lower() for name in _folders(place)} if place.is_dir() else set[str]() for place in places]
    if not any("images" in names and names & {"labels", "annotations"} for names in inside):
        return None
    patterns = ("*.data", "data.yaml", "*.json", "annotations/*.json")
    files = [path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_file()]
    if len(files) == 1:
        return files[0]
    found = "images and labels" + (f", and {len(files)} files that name them" if files else "")
    repair = f"give {files[0].relative_to(root)}, say" if files else "give X.data, data.yaml or X.json"
    raise LabelError.at(printable(root), found=found, expected="the file that names them", repair=printable(repair))


def open_list(path: Path, options: Options) -> Opened:
    """The data set in a list of `path class` lines; a class is a name, or a number from 0.

    The classes are the given names, else the numbers up to the largest, else the names found, sorted.
    Raises LabelError.
    """
    lines = read_list(path, expected="a list of `path class` lines")
    pairs: list[tuple[str, str]] = []
    for line in lines:
        picture, _, label = line.text.rpartition(" " if " " in line.text else "\t")
        if not picture.strip():
            expected, repair = "a path and a class", "write, say, photos/1.jpg cat"
            found = f'"{printable(line.text, longest=60)}"'
            raise LabelError.at(f"{printable(path)}:{line.number}", found=found, expected=expected, repair=repair)
        pairs.append((picture.strip(), label))
    if not pairs:
        expected, repair = "lines of a path and a class", "check the path"
        raise LabelError.at(printable(path), found="nothing", expected=expected, repair=repair)
    texts = [label for _, label in pairs]
    classes = options.names or _classes(texts)
    base = base_of([picture for picture, _ in pairs], (path.parent, path.parent.parent, Path()))
    pictures = joined(base, [picture for picture, _ in pairs])
    places = [f"{path}:{line.number}" for line in lines]

    def read(_: str) -> Reading:
        keep, faults = without_twins(pictures, places)
        chosen, named, where = ([column[i] for i in keep] for column in (pictures, texts, places))
        reading = label_by_text(chosen, named, where, classes)
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("list", path.parent, classes, (path.stem,), read, "classify")


def _classes(texts: Sequence[str]) -> tuple[str, ...]:
    found = set(texts)
    if all(text.isascii() and text.isdecimal() and len(text) < 6 for text in found):
        return tuple(map(str, range(max(map(int, found)) + 1)))
    return tuple(sorted(found))


def _folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; hidden ones left out."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError as wrong:
        found, repair = f"a folder that can't be listed ({wrong.strerror})", "check its permissions"
        raise LabelError.at(printable(folder), found=found, expected="a readable one", repair=repair) from None


def _folder_faults(folder: Path, count: int, *, is_known: bool) -> list[Fault]:
    faults: list[Fault] = []
    if not is_known:
        found, repair = f'the class "{printable(folder.name)}"', "rename the folder, or add it to the names"
        faults.append(Fault("class-unknown", str(folder), found, "one of the given names", repair, is_error=True))
    if not count:
        found, repair = "no picture", "add some, or remove the folder"
        faults.append(Fault("class-empty", str(folder), found, "pictures of the class", repair, is_error=False))
    return faults
