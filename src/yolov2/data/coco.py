"""A COCO annotation file and its folder of pictures -> one split of Samples."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.coco_json import CocoEntry
from yolov2.data.columns import Wording, Written, as_faults, assemble, class_ids_of
from yolov2.data.entries import read_coco_entry
from yolov2.data.lists import TRIED
from yolov2.data.opened import Opened, Options
from yolov2.data.pictures import missing_picture, own_sizes, sizes_from_headers
from yolov2.errors import LabelError, printable
from yolov2.samples import Fault, Reading

PREFIXES = ("instances_", "person_keypoints_", "annotations_", "bbox_")
WORDING = Wording("bbox", "width > 0 and height > 0", place=lambda index: f"annotations[{index}].bbox")


def open_coco(path: Path, options: Options) -> Opened:
    """The data set in a COCO file; its one split has the file's name without instances_.

    Class ids count the categories in the order of their own ids, whose holes are closed. The pictures lie in
    `options.images`, or in a folder as COCO and its copies have them beside the file. Raises LabelError.
    """
    entry = read_coco_entry(str(path), root=path.parent, cache=options.cache)
    if entry is None:
        found, repair = "no such file", "check the path"
        raise LabelError.at(printable(path), found=found, expected="a COCO file", repair=repair)
    faults = as_faults(entry.flaws, str(path))
    fatal = next((fault for fault in faults if fault.code in ("json-broken", "label-unreadable")), None)
    if fatal is not None:
        raise fatal.as_error()
    if options.names is not None and len(options.names) != len(entry.categories):
        found, expected = f"{len(options.names)} names", f"{len(entry.categories)}, one for each category"
        raise LabelError.at(printable(path), found=found, expected=expected, repair="leave the names to the file")
    classes = options.names or tuple(name for _, name in entry.categories)
    split = split_name(path)
    folder = _folder(path, split, [name for _, name, _, _ in entry.pictures], options.images)
    return Opened("coco", path.parent, classes, (split,), lambda _: _read(path, folder, entry, faults, options))


def split_name(path: Path) -> str:
    """What a COCO file is the split of, by its name: instances_val2017.json is val2017."""
    stem = path.stem
    return next((stem.removeprefix(one) for one in PREFIXES if stem.startswith(one) and stem != one), stem)


def _folder(path: Path, split: str, names: Sequence[str], images: Path | None) -> Path:
    """The folder of the pictures. Raises LabelError where none of the first pictures is in any of those looked at."""
    places = [images] if images is not None else list(dict.fromkeys(_guesses(path.parent, split)))
    for place in places:
        if not names or any(os.path.exists(os.path.join(place, name)) for name in names[:TRIED]):
            return place
    tried = ", ".join(printable(place) for place in places)
    found = f"none of its first pictures ({printable(names[0])}, ...) in {tried}"
    repair = "name their folder with --images"
    raise LabelError.at(printable(path), found=found, expected="the pictures beside it", repair=repair)


def _guesses(here: Path, split: str) -> Iterator[Path]:
    for base in (here.parent, here):
        for name in (f"images/{split}", split, f"{split}2017", f"{split}2014", f"images/{split}2017", "images", ""):
            yield base / name


def _read(path: Path, folder: Path, entry: CocoEntry, faults: Sequence[Fault], options: Options) -> Reading:
    pictures = [os.path.normpath(os.path.join(folder, name)) for _, name, _, _ in entry.pictures]
    sizes = np.array([(height, width) for _, _, height, width in entry.pictures], np.int64).reshape(-1, 2)
    told = list(faults)
    is_there = np.fromiter(map(os.path.isfile, pictures), np.bool_, len(pictures))
    told += [missing_picture(pictures[i], f"{path}:{entry.pictures[i][1]}") for i in np.flatnonzero(~is_there).tolist()]
    silent = np.flatnonzero(is_there & (sizes[:, 0] == 0))
    if len(silent):
        chosen = [pictures[i] for i in silent.tolist()]
        sizes[silent], more = sizes_from_headers(chosen, places=chosen, root=path.parent, cache=options.cache)
        told += more + [_without_size(path, entry.pictures[i][1]) for i in silent.tolist() if sizes[i, 0]]
    keep = is_there & (sizes[:, 0] > 0)
    owners = np.array(entry.owners, np.int64)
    rows: NDArray[np.int64] = np.argsort(owners, kind="stable")
    rows = rows[keep[owners[rows]]]
    numbers = np.array(entry.numbers, np.float64).reshape(-1, 4)[rows]
    index = {number: i for i, (number, _) in enumerate(entry.categories)}
    chosen_rows: list[int] = rows.tolist()
    categories = [entry.category_ids[row] for row in chosen_rows]
    kept: list[int] = np.flatnonzero(keep).tolist()
    written = Written(
        tuple(pictures[i] for i in kept),
        tuple(str(entry.pictures[i][0]) for i in kept),
        (str(path),) * len(kept),
        sizes[keep],
        np.bincount(owners[rows], minlength=len(pictures))[keep],
        numbers=numbers,
        boxes=np.concatenate((numbers[:, :2], numbers[:, :2] + numbers[:, 2:]), axis=1),
        extents=numbers[:, 2:],
        classes=(),
        class_ids=class_ids_of(categories, index),
        flags=np.array(entry.flags, np.int64)[rows],
        lines=np.array(entry.indices, np.int64)[rows],
        areas=np.array(entry.areas, np.float64)[rows],
    )
    own = partial(own_sizes, root=path.parent, cache=options.cache)
    return assemble(written, WORDING, known=len(entry.categories), faults=told, own_sizes=own)


def _without_size(path: Path, name: str) -> Fault:
    repair = "add them; the picture's own size is taken"
    return Fault("size-missing", f"{path}:{name}", "no size", "width and height", repair, is_error=False)
