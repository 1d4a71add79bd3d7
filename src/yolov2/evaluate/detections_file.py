"""Detections that another program made, from COCO results or VOC's comp4 files, as if a detector had found them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from yolov2.data.cache import many_objects
from yolov2.data.class_names import class_key, synonyms
from yolov2.detect.formats import FORMATS
from yolov2.errors import FormatError, Yolov2Warning, printable
from yolov2.evaluate.found import Found
from yolov2.evaluate.ground_truth import GroundTruth
from yolov2.evaluate.matching import Results
from yolov2.evaluate.metrics_file import NAME

FORMS = "COCO results (.json), a folder of comp4_det_test_CLASS.txt, or one of these files"
ENTRY = "image_id, category_id, bbox [x, y, width, height] and score from 0 to 1, all finite numbers"
LINE = "`id score xmin ymin xmax ymax`, the score from 0 to 1"


def read_detections(path: str | Path, truth: GroundTruth) -> Found:
    """The detections of a file or folder in the pictures of a data set; those in other pictures are left out.

    Classes are those of the data set by their ids in COCO results, and by the names of comp4 files. The corners of a
    comp4 file count pixels from 1 and, as Darknet writes them, each is one more than the edge that it stands for.
    Of a folder that `eval -o` wrote the COCO results are read, which lose nothing.
    Raises FormatError for what can't be read, or has nothing in these pictures.
    """
    path = Path(path)
    if (path / NAME).is_file() and (path / FORMATS["coco"]).is_file():
        path = path / FORMATS["coco"]  # another program's, or those of `detect`, may count other categories
    if path.is_dir() or path.suffix.lower() == ".txt":
        return _read_comp4(path, truth)
    if path.suffix.lower() == ".json":
        return _read_coco(path, truth)
    found = f"a file ending in {printable(path.suffix) or 'nothing'}" if path.exists() else "no such file or folder"
    raise FormatError.at(printable(path), found=found, expected=FORMS, repair="check the path")


def _read_coco(path: Path, truth: GroundTruth) -> Found:
    with many_objects():
        entries = _list_of(path)
        try:
            table = np.array([(*entry["bbox"], entry["score"]) for entry in entries], np.float64).reshape(-1, 5)
            images, categories = ([entry[key] for entry in entries] for key in ("image_id", "category_id"))
            is_sound = len(table) == len(entries) and _are_sound(table, images, categories)
        except (ValueError, TypeError, KeyError, OverflowError):
            is_sound, images, categories, table = False, [], [], np.zeros((0, 5))
        if not is_sound:
            raise _bad_entry(path, entries)
        by_category = {number: index for index, number in enumerate(truth.category_ids)}
        unknown = next((number for number in categories if number not in by_category), None)
        if unknown is not None:
            raise _unknown_category(path, categories.index(unknown), unknown, truth)
        pictures = _index_of(map(str, images), map(str, truth.image_ids), truth)
        class_ids = np.fromiter((by_category[number] for number in categories), np.int64, len(entries))
    boxes = np.concatenate((table[:, :2], table[:, :2] + table[:, 2:4]), axis=1)
    return _found(path, truth, pictures, class_ids, table[:, 4], boxes, names=truth.classes)


def _list_of(path: Path) -> list[Any]:
    """The entries of COCO results. Raises FormatError."""
    try:
        said: Any = json.loads(_bytes(path))
    except (ValueError, RecursionError) as wrong:
        found = f"no JSON ({printable(wrong, longest=100)})"
        raise FormatError.at(printable(path), found=found, expected=FORMS, repair="write it again") from None
    if not isinstance(said, list):
        found = "a COCO file of labels" if isinstance(said, dict) and "annotations" in said else "no list"
        raise FormatError.at(printable(path), found=found, expected=f"a list of {ENTRY}", repair="give COCO results")
    return cast("list[Any]", said)


def _are_sound(table: NDArray[np.float64], images: Sequence[Any], categories: Sequence[Any]) -> bool:
    """Whether entries hold numbers where numbers belong."""
    if not np.isfinite(table).all() or ((table[:, 4] < 0) | (table[:, 4] > 1)).any():
        return False
    return {*map(type, images)} <= {int, str} and {*map(type, categories)} <= {int}


def _bad_entry(path: Path, entries: Sequence[Any]) -> FormatError:
    """What to say of the first entry that is not as it should be."""
    for index, entry in enumerate(entries):
        try:
            numbers = np.array([[*entry["bbox"], entry["score"]]], np.float64)
            is_sound = numbers.shape == (1, 5) and _are_sound(numbers, [entry["image_id"]], [entry["category_id"]])
        except (ValueError, TypeError, KeyError, OverflowError):
            is_sound = False
        if not is_sound:
            found = printable(json.dumps(entry), longest=100)
            return FormatError.at(
                f"{printable(path)}:[{index}]", found=found, expected=ENTRY, repair="correct or remove it"
            )
    raise AssertionError("where the whole is not sound, one entry is not")


def _unknown_category(path: Path, index: int, number: Any, truth: GroundTruth) -> FormatError:
    known = truth.category_ids
    expected = f"one of the {len(known)} ids of the data's classes, {min(known)} to {max(known)}"
    repair = "give the detections of a model with these classes"
    where = f"{printable(path)}:[{index}].category_id"
    return FormatError.at(where, found=printable(number), expected=expected, repair=repair)


def _read_comp4(path: Path, truth: GroundTruth) -> Found:
    files = [path] if path.is_file() else sorted(path.glob("*.txt"))
    named = {file: name for file in files if (name := _class_of(file.stem, truth.classes)) is not None}
    if not named:
        found = "no file of a class of the data" if files else "no .txt file"
        expected = f"files called as comp4_det_test_{printable(truth.classes[0])}.txt"
        raise FormatError.at(printable(path), found=found, expected=expected, repair="check names and folder")
    parts = [_read_lines(file) for file in named]
    pictures = _index_of((one for ids, _ in parts for one in ids), truth.voc_ids, truth)
    table = np.concatenate([numbers for _, numbers in parts])
    class_ids = np.repeat(np.arange(len(parts)), [len(ids) for ids, _ in parts])
    return _found(path, truth, pictures, class_ids, table[:, 0], table[:, 1:] - 1.0, names=tuple(named.values()))


def _class_of(stem: str, classes: Sequence[str]) -> str | None:
    """The end of a file's name that a class is called by; None where it ends in none."""
    keys = {key for name in classes for key in synonyms(name)}
    parts = stem.split("_")
    ends = ("_".join(parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if class_key(end) in keys), None)


def _read_lines(file: Path) -> tuple[list[str], NDArray[np.float64]]:
    """The ids of a comp4 file, and (N, 5) score and corners. Raises FormatError."""
    ids: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(_bytes(file).decode("utf-8", "surrogateescape").splitlines(), 1):
        if not line.strip():
            continue
        name, *numbers = line.rsplit(maxsplit=5)
        try:
            row = [float(text) for text in numbers]
        except ValueError:
            row = []
        if len(row) != 5 or not np.isfinite(row).all() or not 0 <= row[0] <= 1:
            found, where = repr(printable(line, longest=100)), f"{printable(file)}:{number}"
            raise FormatError.at(where, found=found, expected=LINE, repair="correct or remove the line")
        ids.append(name)
        rows.append(row)
    return ids, np.array(rows, np.float64).reshape(-1, 5)


def _index_of(names: Iterable[str], known: Iterable[str], truth: GroundTruth) -> NDArray[np.int64]:
    """The picture that each name means; -1 for none of the known. Raises FormatError where two are called the same."""
    places: dict[str, int] = {}
    for index, name in enumerate(known):
        if places.setdefault(name, index) != index:
            found, repair = f"two pictures called {printable(name)}", "give each picture a name of its own"
            expected = "ids that tell the pictures apart"
            raise FormatError.at(printable(truth.name), found=found, expected=expected, repair=repair)
    return np.fromiter((places.get(name, -1) for name in names), np.int64)


def _found(
    path: Path,
    truth: GroundTruth,
    pictures: NDArray[np.int64],
    class_ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    boxes: NDArray[np.float64],
    *,
    names: tuple[str, ...],
) -> Found:
    """The rows that lie in the pictures of the data set. Raises FormatError where there are others, but none of these.

    Warns of the others, and of pictures without rows where these are many.
    """
    is_known = pictures >= 0
    others = int((~is_known).sum())
    where = f"{printable(truth.name)}"
    if others and others == len(pictures):
        found, expected = f"{others:,} detections in other pictures", f"pictures of {where}"
        raise FormatError.at(printable(path), found=found, expected=expected, repair="name the split they are of")
    if others:
        told = f"{others:,} of {len(pictures):,} detections are in pictures that {where} does not have"
        warnings.warn(f"{printable(path)}: {told}; they are left out", Yolov2Warning, stacklevel=3)
    results = Results(pictures[is_known], class_ids[is_known], scores[is_known], boxes[is_known])
    empty = len(truth.samples) - len(np.unique(results.image_ids))
    if 2 * empty > len(truth.samples):
        told = f"{empty:,} of {len(truth.samples):,} pictures of {where} have no detection in it"
        warnings.warn(f"{printable(path)}: {told}", Yolov2Warning, stacklevel=3)
    return Found(results, names, truth.samples.sizes, np.ones(len(truth.samples), np.bool_))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        found = f"a file that can't be read ({wrong.strerror})"
        raise FormatError.at(printable(path), found=found, expected=FORMS, repair="check path and rights") from None
