"""An export of Label Studio, "JSON" -> one split of Samples: boxes, or a class for each picture."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from yolov2.data.coco_json import is_object
from yolov2.data.columns import Wording, as_faults
from yolov2.data.entry import UnreadableError, is_finite, read_limited, shown
from yolov2.data.exported import ALL, LARGEST_EXPORT, Labelled, boxes_of, classes_of, folder_of
from yolov2.data.labelled import classified
from yolov2.data.opened import Opened, Options
from yolov2.data.outlines import Box, box_around, box_of_ellipse, shape_flaws, turned_box
from yolov2.data.pictures import is_picture, missing_picture
from yolov2.errors import LabelError, printable
from yolov2.samples import UNKNOWN, Fault, Reading

EXPECTED = "Label Studio tasks: a list of objects with data and annotations"
WORDING = Wording("x1 y1 x2 y2", "width > 0 and height > 0", place=lambda index: f"[{index}]")
UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded file
KINDS = {"rectanglelabels": "rectangle", "polygonlabels": "polygon", "ellipselabels": "ellipse"}
PIXELS = 100.0  # its coordinates are percent of the picture


@dataclass(slots=True)
class Task:
    """One task: a picture and what was said of it."""

    index: int
    id: str
    names: tuple[str, ...]  # what the picture's file may be called, the most likely first
    size: tuple[int, int] | None = None
    boxes: list[Box] = field(default_factory=list[Box])
    classes: list[str] = field(default_factory=list[str])
    choices: list[str] = field(default_factory=list[str])


def open_label_studio(path: Path, options: Options) -> Opened:
    """The data set in a Label Studio file; its one split is "all", its classes the labels found, sorted.

    It is one of boxes where any region is a rectangle, polygon or ellipse, else of a class for each picture: the first
    choice. Of several annotations of a task the first counts that was not cancelled, one marked as ground truth before
    others. Pictures lie in `options.images`, or beside the file; nothing is fetched. Raises LabelError.
    """
    document = _Document(path)
    tasks = document.tasks
    has_boxes = any(task.boxes for task in tasks)
    task = options.task or ("detect" if has_boxes or not any(task.choices for task in tasks) else "classify")
    found = classes_of(name for one in tasks for name in (one.classes if task == "detect" else one.choices))
    classes = options.names or found
    here = path.parent
    places = [options.images] if options.images else [here, here / "images", here.parent / "images", here / "media"]
    folder = folder_of([name for one in tasks[:100] for name in one.names], places, where=path)

    def read(_: str) -> Reading:
        faults = list(document.faults)
        pictures: list[tuple[Task, str]] = []
        for one in tasks:
            paths = [os.path.join(folder, name) for name in one.names]
            picture = next(filter(os.path.isfile, paths), None)
            if picture is None:
                faults.append(missing_picture(paths[0], f"{path}:[{one.index}].data"))
            else:
                pictures.append((one, os.path.normpath(picture)))
        reading = _boxes(pictures, classes, path, options) if task == "detect" else _choices(pictures, classes, path)
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("label-studio", here, classes, (ALL,), read, task)


def _boxes(pictures: Sequence[tuple[Task, str]], classes: Sequence[str], path: Path, options: Options) -> Reading:
    many = [
        Labelled(
            one.id,
            picture,
            str(path),
            one.size,
            one.boxes,
            one.classes,
            [0] * len(one.boxes),
            [one.index] * len(one.boxes),
        )
        for one, picture in pictures
    ]
    return boxes_of(many, classes, WORDING, root=path.parent, cache=options.cache)


def _choices(pictures: Sequence[tuple[Task, str]], classes: Sequence[str], path: Path) -> Reading:
    index = {name: i for i, name in reversed(list(enumerate(classes)))}
    labels = [index.get(one.choices[0], UNKNOWN) if one.choices else UNKNOWN for one, _ in pictures]
    faults: list[Fault] = []
    for (one, _), label in zip(pictures, labels, strict=True):
        if label == UNKNOWN:
            said = f'the choice "{shown(one.choices[0])}"' if one.choices else "no choice"
            expected, repair = f"one of the {len(classes)} classes", "choose one; the picture has no class"
            faults.append(Fault("class-unknown", f"{path}:[{one.index}]", said, expected, repair, is_error=True))
    names = [picture for _, picture in pictures]
    ids = [one.id for one, _ in pictures]
    return Reading(classified(names, labels, annotations=[str(path)] * len(names), ids=ids), tuple(faults))


class _Document:
    """Walks through the tasks of one file; knows what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wrong: list[Fault] = []
        self.around, self.left_out = Counter[str](), Counter[str]()
        self.tasks = [task for index, item in enumerate(self._load()) if (task := self._task(index, item)) is not None]

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with the file, and what of it is not taken."""
        return [*self.wrong, *as_faults(shape_flaws(self.around, self.left_out), str(self.path))]

    def _load(self) -> list[Any]:
        where = printable(self.path)
        try:
            document: Any = json.loads(read_limited(str(self.path), largest=LARGEST_EXPORT, expected="an export"))
        except UnreadableError as unreadable:
            flaw = unreadable.flaw
            raise LabelError.at(where, found=flaw.found, expected=flaw.expected, repair=flaw.repair) from None
        except (ValueError, RecursionError) as wrong:
            found, repair = f"JSON that does not parse ({shown(str(wrong))})", "export it again"
            raise LabelError.at(where, found=found, expected=EXPECTED, repair=repair) from None
        many = cast(list[Any], document) if isinstance(document, list) else []
        if not any(is_object(item) and is_object(item.get("data")) for item in many):
            found, repair = "no such list", 'export it as "JSON", not as JSON-MIN; or is it no export?'
            raise LabelError.at(where, found=found, expected=EXPECTED, repair=repair)
        return many

    def _fault(self, place: str, found: str, expected: str, repair: str, *, is_error: bool = True) -> None:
        self.wrong.append(Fault("json-value", f"{self.path}:{place}", found, expected, repair, is_error))

    def _task(self, index: int, item: Any) -> Task | None:
        names = _names(item["data"]) if is_object(item) and is_object(item.get("data")) else ()
        if not names:
            self._fault(f"[{index}].data", "no name of a picture", "a picture", "correct or remove the task")
            return None
        task = Task(index, str(item.get("id", index)), names)
        given = item.get("annotations")
        many = [one for one in cast(list[Any], given) if is_object(one)] if isinstance(given, list) else []
        many = [one for one in many if one.get("was_cancelled") is not True]
        many.sort(key=lambda one: one.get("ground_truth") is not True)
        if len(many) > 1:
            repair = "decide for one; the first, or the ground truth, is taken"
            self._fault(f"[{index}].annotations", f"{len(many)} annotations", "one", repair, is_error=False)
        regions = many[0].get("result") if many else None
        for place, region in enumerate(cast(list[Any], regions) if isinstance(regions, list) else []):
            self._region(task, f"[{index}].annotations[0].result[{place}]", region)
        return task

    def _region(self, task: Task, place: str, region: Any) -> None:
        value = region.get("value") if is_object(region) else None
        if not is_object(region) or not is_object(value):
            self._fault(place, "no value", "a region with a value", "correct or remove it; it is left out")
            return
        kind = str(region.get("type"))
        if kind == "choices":
            task.choices += _texts(value.get("choices"))
        elif kind in KINDS or (kind == "labels" and "width" in value):
            self._box(task, place, region, value, KINDS.get(kind, "rectangle"), _texts(value.get(kind)))
        else:
            self.left_out[shown(kind)] += 1

    def _box(
        self, task: Task, place: str, region: dict[str, Any], value: dict[str, Any], kind: str, labels: list[str]
    ) -> None:
        size = region.get("original_height"), region.get("original_width")
        if not all(type(side) is int and 0 < side < 2**31 for side in size):
            self._fault(place, "no original_width and original_height", "the size of the picture", "it is left out")
            return
        task.size = task.size or (cast(int, size[0]), cast(int, size[1]))
        if region.get("image_rotation") not in (None, 0):
            found, repair = f"image_rotation {shown(str(region['image_rotation']))}", "turn the file; it is left out"
            self._fault(place, found, "an upright picture", repair)
            return
        try:
            box, is_around = _around(kind, value, scale=(task.size[1] / PIXELS, task.size[0] / PIXELS))
        except (KeyError, TypeError, ValueError, IndexError):
            self._fault(place, f"a {kind} without its numbers", "percent of the picture", "correct it; it is left out")
            return
        self.around["turned rectangle" if kind == "rectangle" else kind] += is_around
        if not labels:
            self.left_out[f"{kind} without a label"] += 1
        for label in labels:
            task.boxes.append(box)
            task.classes.append(label)


def _around(kind: str, value: dict[str, Any], *, scale: tuple[float, float]) -> tuple[Box, bool]:
    """The box around a region in pixels, and whether it is anything but the region itself.

    A rectangle is turned clockwise around its top left corner, once it is in pixels. Raises KeyError, TypeError,
    ValueError.
    """
    wide, high = scale
    if kind == "polygon":
        points = [(_finite(x) * wide, _finite(y) * high) for x, y in value["points"]]
        return box_around(points), True
    x, y = _finite(value["x"]) * wide, _finite(value["y"]) * high
    turn = _finite(value.get("rotation") or 0)
    if kind == "ellipse":
        return box_of_ellipse((x, y), _finite(value["radiusX"]) * wide, _finite(value["radiusY"]) * high, turn), True
    box = (x, y, x + _finite(value["width"]) * wide, y + _finite(value["height"]) * high)
    return turned_box(box, turn, around=(x, y)), turn % 360 != 0


def _finite(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool | str) or not is_finite((number,)):
        raise ValueError(value)
    return number


def _texts(value: object) -> list[str]:
    return [one for one in cast(list[Any], value) if isinstance(one, str)] if isinstance(value, list) else []


def _names(data: dict[str, Any]) -> tuple[str, ...]:
    """What the file of a task's picture may be called below the folder of pictures."""
    texts = [data[key] for key in ("image", "img", *data) if isinstance(data.get(key), str)]
    for text in cast(list[str], texts):
        names = tuple(dict.fromkeys(_file_names(text)))
        if names and is_picture(names[-1]):
            return names
    return ()


def _file_names(text: str) -> Iterator[str]:
    """`/data/upload/1/0a1b2c3d-a.jpg` -> 0a1b2c3d-a.jpg, a.jpg; `/data/local-files/?d=x/a.jpg` -> x/a.jpg, a.jpg."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    local = parse_qs(parts.query).get("d")
    path = local[0] if local else unquote(parts.path)
    if "\0" in path:
        return
    inside = os.path.normpath(path).lstrip("/")
    if local and not inside.startswith(".."):
        yield inside
    name = os.path.basename(path)
    yield name
    if UPLOADED.match(name):
        yield UPLOADED.sub("", name, count=1)
