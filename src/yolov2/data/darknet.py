"""A Darknet .data file: lists of pictures, names, and a label file for each picture -> splits of Samples."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import xyxy_from_cxcywh
from yolov2.darknet.lists import read_data, read_names
from yolov2.darknet.sections import Section
from yolov2.data.columns import Wording, Written, as_faults, assemble, class_ids_of
from yolov2.data.entries import read_entries
from yolov2.data.entry import Entry, is_unreadable
from yolov2.data.label_paths import label_paths
from yolov2.data.labelled import label_by_substring
from yolov2.data.lists import TRIED, base_of, find_file, joined, read_list, without_twins
from yolov2.data.opened import Opened, Options
from yolov2.data.pictures import sizes_from_headers
from yolov2.data.set_aside import FOLDERS, aside_paths, put_together
from yolov2.errors import LabelError
from yolov2.samples import Fault, Reading

SPLITS = ("train", "valid")
USUAL = {"train": "train", "valid": "val", "val": "val", "test": "test", "trainval": "trainval"}
WORDING = Wording("x y w h", "w > 0 and h > 0")


@dataclass(frozen=True, slots=True)
class Listed:
    """The pictures of a split and their label files, with where each is listed."""

    pictures: tuple[str, ...]
    texts: tuple[str, ...]  # the pictures as they are written there
    labels: tuple[str, ...]
    places: tuple[str, ...]


def open_darknet(path: Path, options: Options) -> Opened:
    """The data set that a .data file describes; its splits are "train" and "valid", as far as they are given.

    A path is looked for in the file's own folder, in that one's parent and in the working directory; with faithful
    in the working directory first, where Darknet looks. Lists without label files and with `labels=` are pictures
    with a class each. Raises LabelError and NamesError.
    """
    data = read_data(path)
    here, parent, working = path.parent, path.parent.parent, Path()
    bases = (working, here, parent) if options.faithful else (here, parent, working)
    split_names = tuple(split for split in SPLITS if data.has(split))
    if not split_names:
        repair = "add, say, train=train.txt"
        raise LabelError.at(str(path), found="neither train= nor valid=", expected="a list of pictures", repair=repair)
    task = options.task or ("classify" if _has_classes_alone(data, bases, split_names[0], options) else "detect")
    classes = options.names or _classes(data, bases)

    def read(split: str) -> Reading:
        listed, faults = _listed(data, bases, split, options)
        if task == "classify":
            labels = read_names(_file(data, bases, "labels")) if data.has("labels") else classes
            reading = label_by_substring(listed.pictures, listed.texts, listed.places, labels)
        else:
            cached = (path.parent, options.cache)
            reading = read_labelled(listed, classes, kind="darknet", root=cached[0], cache=cached[1])
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("darknet", path.parent, classes, split_names, read, task, _called(data, split_names))


def _called(data: Section, split_names: Sequence[str]) -> Mapping[str, str]:
    """What other formats call the splits: "train" and "valid" are keys here, and a list such as test.txt says more."""
    usual = {split: USUAL[split] for split in split_names}
    stems = {split: Path(data.text(split, "")).stem.lower() for split in split_names}
    said = {split: USUAL.get(stem, usual[split]) for split, stem in stems.items()}
    return said if len(set(said.values())) == len(said) else usual


def read_labelled(listed: Listed, classes: Sequence[str], *, kind: str, root: Path, cache: Path | None) -> Reading:
    """The samples of pictures with a label file each; kind is "darknet" or "ultralytics".

    A picture without a label file has no objects (Darknet stops there, AlexeyAB's goes on in this way); one whose
    label file can't be read is left out. What stands in difficult/labels and crowd/labels has these flags.
    """
    entries = read_entries(listed.labels, kind=kind, root=root, cache=cache)
    sizes, faults = sizes_from_headers(listed.pictures, places=listed.places, root=root, cache=cache)
    for label, place, entry in zip(listed.labels, listed.places, entries, strict=True):
        if entry is None:
            found, repair = f"no file {label}", "add it, empty where there is no object; the picture counts as empty"
            faults.append(Fault("label-missing", place, found, "a label file", repair, is_error=False))
        elif entry.flaws:
            faults += as_faults(entry.flaws, label)
    is_readable = np.array([entry is None or not is_unreadable(entry) for entry in entries], np.bool_)
    keep: list[int] = np.flatnonzero((sizes[:, 0] > 0) & is_readable).tolist()
    kept = Listed(*(tuple(column[i] for i in keep) for column in _columns(listed)))
    readings = [_boxes(kept, [entries[i] or Entry() for i in keep], sizes[keep], classes)]
    for name, flag in FOLDERS.items():
        paths = aside_paths(kept.labels, name)
        if paths is not None:
            aside = _flagged(read_entries(paths, kind=kind, root=root, cache=cache), flag)
            faults += [
                fault for path, entry in zip(paths, aside, strict=True) for fault in as_faults(entry.flaws, path)
            ]
            readings.append(_boxes(replace(kept, labels=tuple(paths)), aside, sizes[keep], classes))
    samples = readings[0].samples if len(readings) == 1 else put_together([one.samples for one in readings])
    return Reading(samples, (*faults, *(fault for one in readings for fault in one.faults)))


def _flagged(entries: Sequence[Entry | None], flag: int) -> list[Entry]:
    return [Entry() if entry is None else entry._replace(flags=(flag,) * len(entry.flags)) for entry in entries]


def _columns(listed: Listed) -> tuple[tuple[str, ...], ...]:
    return listed.pictures, listed.texts, listed.labels, listed.places


def _boxes(listed: Listed, entries: Sequence[Entry], sizes: NDArray[np.int64], classes: Sequence[str]) -> Reading:
    """The samples of these pictures with what one label file each says."""
    numbers = np.fromiter(chain.from_iterable(entry.numbers for entry in entries), np.float64).reshape(-1, 4)
    counts = np.fromiter((len(entry.classes) for entry in entries), np.int64, len(entries))
    scale = np.repeat(sizes[:, [1, 0, 1, 0]], counts, axis=0)
    names = [name for entry in entries for name in entry.classes]
    written = Written(
        listed.pictures,
        tuple(os.path.splitext(os.path.basename(picture))[0] for picture in listed.pictures),
        listed.labels,
        sizes,
        counts,
        numbers=numbers,
        boxes=xyxy_from_cxcywh(numbers) * scale,
        extents=numbers[:, 2:],
        classes=names,
        class_ids=class_ids_of(names, {str(i): i for i in range(len(classes))}),
        flags=np.fromiter(chain.from_iterable(entry.flags for entry in entries), np.int64),
        lines=np.fromiter(chain.from_iterable(entry.lines for entry in entries), np.int64),
    )
    return assemble(written, WORDING, known=len(classes))


def _listed(data: Section, bases: Sequence[Path], split: str, options: Options) -> tuple[Listed, list[Fault]]:
    file = _file(data, bases, split)
    lines = read_list(file)
    texts, places = [line.text for line in lines], [f"{file}:{line.number}" for line in lines]
    below = (file.parent, file.parent.parent)
    base = base_of(texts, (*bases, *below) if options.faithful else (*below, *bases))
    pictures = joined(base, texts)
    keep, faults = without_twins(pictures, places)
    labels, more = label_paths(texts, places=places, faithful=options.faithful)
    columns = (pictures, texts, joined(base, labels), places)
    return Listed(*(tuple(column[i] for i in keep) for column in columns)), faults + more


def _file(data: Section, bases: Sequence[Path], key: str) -> Path:
    what = "a list of pictures" if key in SPLITS else "a list, one name a line"
    return find_file(data.text(key, ""), bases, where=data.where(key), what=what)


def _classes(data: Section, bases: Sequence[Path]) -> tuple[str, ...]:
    count = data.integer("classes", 0)
    key = "names" if data.has("names") else "labels"
    if data.has(key):
        return read_names(_file(data, bases, key), count or None)
    if count < 1:
        found, repair = "neither names= nor classes=", "add names=FILE, a class a line"
        raise LabelError.at(str(data.path), found=found, expected="the classes of the data set", repair=repair)
    return tuple(map(str, range(count)))


def _has_classes_alone(data: Section, bases: Sequence[Path], split: str, options: Options) -> bool:
    """Whether `labels=` is there, which a classifier's file has, and no label file beside the first pictures."""
    if not data.has("labels"):
        return False
    listed, _ = _listed(data, bases, split, options)
    return not any(os.path.exists(label) for label in listed.labels[:TRIED])
