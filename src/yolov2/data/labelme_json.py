"""One LabelMe file: JSON -> Entry, with boxes as xyxy. The picture inside it is not looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from yolov2.data.coco_json import is_object
from yolov2.data.entry import CROWD, DIFFICULT, Entry, Flaw, UnreadableError, is_finite, read_limited, shown
from yolov2.data.outlines import Box, Point, box_around, box_of_circle, shape_flaws

LARGEST_LABELME = 256 << 20  # bytes: the picture may be inside, a third larger than its own file
EXPECTED = "a LabelMe file: an object with shapes"
FEWEST = {"rectangle": 2, "polygon": 3, "circle": 2, "mask": 2, "rotation": 4}  # points
SIMPLE = ("rectangle",)


def parse_labelme(path: str) -> Entry:
    """What a LabelMe file says: `numbers` are xyxy, `lines` indices into "shapes". Raises nothing."""
    try:
        data = read_limited(path, largest=LARGEST_LABELME, expected="a LabelMe file")
    except UnreadableError as unreadable:
        return Entry(flaws=(unreadable.flaw,))
    return parse_document(data)


def load_object(data: bytes) -> dict[str, Any] | Flaw:
    """The object that a JSON file is, or what is wrong with it."""
    try:
        document: Any = json.loads(data)
    except json.JSONDecodeError as wrong:
        return _broken(str(wrong.lineno), f"JSON that does not parse ({wrong.msg})")
    except (ValueError, RecursionError) as wrong:
        return _broken("", f"JSON that does not parse ({shown(str(wrong))})")
    return document if is_object(document) else _broken("", "something else than an object")


def parse_document(data: bytes) -> Entry:
    """What a LabelMe file says, from its bytes."""
    document = load_object(data)
    if isinstance(document, Flaw):
        return Entry(flaws=(document,))
    shapes = document.get("shapes")
    if not isinstance(shapes, list):
        return Entry(flaws=(_broken("", "no list of shapes"),))
    classes: list[str] = []
    numbers: list[float] = []
    flags: list[int] = []
    lines: list[int] = []
    flaws: list[Flaw] = []
    around, left_out = Counter[str](), Counter[str]()
    for index, shape in enumerate(cast(list[Any], shapes)):
        kind = shape.get("shape_type", "polygon") if is_object(shape) else None
        points = _points(shape.get("points")) if is_object(shape) else None
        if not is_object(shape) or points is None or not isinstance(shape.get("label"), str):
            found, expected = "a shape without a label or points", "a label, and points as [x, y]"
            repair = "correct or remove it; it is left out"
            flaws.append(Flaw("json-value", f"shapes[{index}]", found, expected, repair, is_error=True))
        elif kind not in FEWEST or len(points) < FEWEST[kind]:
            left_out[shown(str(kind))] += 1
        else:
            around[kind] += kind not in SIMPLE
            classes.append(shape["label"])
            numbers += _box(kind, points)
            flags.append(_flags(shape))
            lines.append(index)
    flaws += shape_flaws(around, left_out)
    picture = document.get("imagePath")
    parts = (tuple(classes), tuple(numbers), tuple(flags), tuple(lines), tuple(flaws))
    return Entry(_size(document), picture if isinstance(picture, str) and "\0" not in picture else "", *parts)


def _broken(place: str, found: str) -> Flaw:
    repair = "give LabelMe files, or remove it; its picture is left out"
    return Flaw("label-unreadable", place, found, EXPECTED, repair, is_error=True)


def _box(kind: str, points: Sequence[Point]) -> Box:
    return box_of_circle(points[0], points[1]) if kind == "circle" else box_around(points)


def _points(value: object) -> list[Point] | None:
    """Points as numbers that coordinates can be; None where there is another thing among them."""
    if not isinstance(value, list):
        return None
    points: list[Point] = []
    for point in cast(list[Any], value):
        if not isinstance(point, list):
            return None
        pair = cast(list[Any], point)
        if len(pair) != 2 or any(type(one) not in (int, float) for one in pair) or not is_finite(tuple(pair)):
            return None
        points.append((float(pair[0]), float(pair[1])))
    return points


def _flags(shape: dict[str, Any]) -> int:
    """Flags called difficult or crowd, ticked in the program or, as X-AnyLabeling has them, beside the label."""
    ticked = shape.get("flags")
    said = {**(ticked if is_object(ticked) else {}), "difficult ": shape.get("difficult")}
    names = {name.strip().lower() for name, value in said.items() if value is True}
    return DIFFICULT * ("difficult" in names) | CROWD * ("crowd" in names or "iscrowd" in names)


def _size(document: dict[str, Any]) -> tuple[int, int] | None:
    height, width = document.get("imageHeight"), document.get("imageWidth")
    if type(height) is not int or type(width) is not int or not (0 < height < 2**31 and 0 < width < 2**31):
        return None
    return height, width
