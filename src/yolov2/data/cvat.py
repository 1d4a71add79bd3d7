"""An export of CVAT, "CVAT for images 1.1" -> Samples. The file is read as a stream: it may be larger than memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from yolov2.data.columns import Wording, as_faults
from yolov2.data.entry import CROWD, DIFFICULT, is_finite, number, shown
from yolov2.data.exported import ALL, LARGEST_EXPORT, Labelled, boxes_of, classes_of, folder_of
from yolov2.data.numbers import plural
from yolov2.data.opened import Opened, Options
from yolov2.data.outlines import Box, Point, box_around, box_of_ellipse, shape_flaws, turned_box
from yolov2.data.pictures import missing_picture
from yolov2.errors import LabelError, printable
from yolov2.samples import Fault, Reading

EXPECTED = '"CVAT for images 1.1"'
WORDING = Wording("xtl ytl xbr ybr", "xtl < xbr and ytl < ybr")
SHAPES = ("box", "polygon", "polyline", "ellipse", "mask", "points", "cuboid", "skeleton", "tag")
LEFT_OUT = ("polyline", "points", "cuboid", "skeleton", "tag")
FLAGS = {"difficult": DIFFICULT, "is_crowd": CROWD}  # attributes that CVAT makes of VOC's and COCO's flags


@dataclass(slots=True)
class Image:
    """One <image>."""

    name: str
    size: tuple[int, int] | None
    subset: str
    boxes: list[Box] = field(default_factory=list[Box])
    classes: list[str] = field(default_factory=list[str])
    flags: list[int] = field(default_factory=list[int])
    lines: list[int] = field(default_factory=list[int])


def open_cvat(path: Path, options: Options) -> Opened:
    """The data set in a CVAT file; its splits are the subsets of its pictures, or "all".

    The classes are the labels in the order of the project. Pictures lie in `options.images`, or in images/ beside the
    file, or beside it, there perhaps in a folder called like their subset. Raises LabelError.
    """
    document = _read(path)
    images = document.images
    classes = (
        options.names or tuple(dict.fromkeys(document.labels)) or classes_of(c for one in images for c in one.classes)
    )
    here = path.parent
    places = [options.images] if options.images else [here / "images", here, here.parent / "images"]
    tried = [name for one in images[:100] for name in (one.name, os.path.join(one.subset, one.name))]
    folder = folder_of(tried, places, where=path)
    splits = tuple(dict.fromkeys(one.subset or ALL for one in images)) or (ALL,)

    def read(split: str) -> Reading:
        chosen = [one for one in images if (one.subset or ALL) == split]
        faults = list(document.faults)
        many: list[Labelled] = []
        for one in chosen:
            paths = [os.path.join(folder, name) for name in (one.name, os.path.join(one.subset, one.name))]
            picture = next(filter(os.path.isfile, paths), None)
            if picture is None:
                faults.append(missing_picture(paths[0], f"{path}:{shown(one.name)}"))
                continue
            labels = (one.boxes, one.classes, one.flags, one.lines)
            stem = os.path.splitext(os.path.basename(one.name))[0]
            many.append(Labelled(stem, os.path.normpath(picture), str(path), one.size, *labels))
        reading = boxes_of(many, classes, WORDING, root=here, cache=options.cache)
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("cvat", here, classes, splits, read)


class _Document:
    """Follows the parser through a file; keeps pictures, labels and what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images: list[Image] = []
        self.labels: list[str] = []
        self.inside: list[str] = []
        self.text: list[str] = []
        self.attribute = ""
        self.is_boxed = False  # whether the present shape became a box
        self.turned, self.left_out, self.attributes = Counter[str](), Counter[str](), 0
        self.wrong: list[Fault] = []
        self.parser = expat.ParserCreate()

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with the file, and what of it is not taken."""
        where = str(self.path)
        told = [*self.wrong, *as_faults(shape_flaws(self.turned, self.left_out), where)]
        if self.attributes:
            found = plural(self.attributes, "attribute")
            told.append(Fault("attribute", where, found, "boxes with a label", "left out", is_error=False))
        return told

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        depth = len(self.inside)
        self.inside.append(name)
        self.text.clear()
        if depth == 0 and name != "annotations":
            self._refuse(f"<{shown(name)}> around everything", "give the annotations.xml of an export")
        elif depth == 1 and name == "track":
            self._refuse("a <track>: an export of a video", f"export the task once more as {EXPECTED}")
        elif depth == 1 and name == "image":
            self.images.append(Image(attributes.get("name", ""), _size(attributes), attributes.get("subset", "")))
        elif depth == 2 and self.inside[1] == "image" and name in SHAPES:
            self._shape(name, attributes)
        elif name == "attribute" and depth == 3:
            self.attribute = attributes.get("name", "").lower()

    def end(self, name: str) -> None:
        self.inside.pop()
        text = "".join(self.text).strip()
        if name == "name" and self.inside[-2:] == ["labels", "label"]:
            self.labels.append(text)
        elif name == "attribute" and len(self.inside) == 3 and self.inside[1] == "image":
            if self.attribute not in FLAGS:
                self.attributes += 1
            elif self.is_boxed and text.lower() in ("true", "1"):
                self.images[-1].flags[-1] |= FLAGS[self.attribute]
        self.text.clear()

    def refuse_doctype(self, *_: Any) -> None:
        self._refuse("a document type declaration", "remove the lines from <!DOCTYPE to its >")

    def _refuse(self, found: str, repair: str) -> None:
        where = f"{printable(self.path)}:{self.parser.CurrentLineNumber}"
        raise LabelError.at(where, found=found, expected=EXPECTED, repair=repair)

    def _shape(self, kind: str, said: Mapping[str, str]) -> None:
        self.is_boxed = False
        line = self.parser.CurrentLineNumber
        if kind in LEFT_OUT:
            self.left_out[kind] += 1
            return
        try:
            box, is_turned = _box(kind, said)
        except (KeyError, ValueError) as wrong:
            found = f"<{kind}> with {wrong}" if isinstance(wrong, ValueError) else f"<{kind}> without {wrong.args[0]}"
            place, repair = f"{self.path}:{line}", "correct or remove it; it is left out"
            self.wrong.append(Fault("label-number", place, found, "numbers", repair, is_error=True))
            return
        if not said.get("label", "").strip():
            found, expected, repair = f"<{kind}> without a label", 'label="CLASS"', "add it; the shape is left out"
            self.wrong.append(Fault("label-columns", f"{self.path}:{line}", found, expected, repair, is_error=True))
            return
        if is_turned:
            self.turned["rotated box" if kind == "box" else kind] += 1
        image = self.images[-1]
        image.boxes.append(box)
        image.classes.append(said.get("label", ""))
        image.flags.append(0)
        image.lines.append(line)
        self.is_boxed = True


def _read(path: Path) -> _Document:
    """What a CVAT file says. Raises LabelError where it says nothing."""
    document = _Document(path)
    parser = document.parser
    parser.buffer_text = True
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.text.append
    parser.StartDoctypeDeclHandler = document.refuse_doctype
    where = printable(path)
    try:
        if path.stat().st_size > LARGEST_EXPORT:
            found, expected = f"{path.stat().st_size:,} bytes", f"an export of at most {LARGEST_EXPORT:,}"
            raise LabelError.at(where, found=found, expected=expected, repair="export it in parts")
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as wrong:
        found = f"XML that does not parse ({expat.ErrorString(wrong.code) or 'damaged'})"
        repair = "correct the line, or export it again"
        raise LabelError.at(f"{where}:{wrong.lineno}", found=found, expected=EXPECTED, repair=repair) from None
    except OSError as wrong:
        found = f"a file that can't be read ({wrong.strerror})"
        raise LabelError.at(where, found=found, expected=EXPECTED, repair="check its permissions") from None
    return document


def _box(kind: str, said: Mapping[str, str]) -> tuple[Box, bool]:
    """The box around a shape, and whether it is anything but the shape itself. Raises KeyError and ValueError."""
    turn = _numbers(said, "rotation")[0] if "rotation" in said else 0.0
    if kind == "box":
        left, top, right, bottom = _numbers(said, "xtl", "ytl", "xbr", "ybr")
        return turned_box((left, top, right, bottom), turn), turn % 360 != 0
    if kind == "ellipse":
        cx, cy, rx, ry = _numbers(said, "cx", "cy", "rx", "ry")
        return box_of_ellipse((cx, cy), rx, ry, turn), True
    if kind == "mask":
        left, top, width, height = _numbers(said, "left", "top", "width", "height")
        return (left, top, left + width, top + height), True
    return box_around(_points(said["points"])), True


def _points(text: str) -> list[Point]:
    """The points of `x,y;x,y`. Raises ValueError."""
    points: list[Point] = []
    for pair in text.split(";"):
        x, comma, y = pair.partition(",")
        if not comma:
            raise ValueError(f'points="{shown(text)}"')
        points.append(_finite((number(x), number(y)), f'points="{shown(text)}"'))
    return points


def _numbers(said: Mapping[str, str], *keys: str) -> tuple[float, ...]:
    return tuple(_finite((number(said[key]),), f'{key}="{shown(said[key])}"')[0] for key in keys)


def _finite(values: tuple[float | None, ...], text: str) -> Any:
    if any(value is None or not is_finite((value,)) for value in values):
        raise ValueError(text)
    return values


def _size(said: Mapping[str, str]) -> tuple[int, int] | None:
    height, width = (said.get(key, "") for key in ("height", "width"))
    if not all(text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 2**31 for text in (height, width)):
        return None
    return int(height), int(width)
