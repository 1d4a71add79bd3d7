"""One COCO annotation file: JSON -> CocoEntry. Every value that is not what it should be is a flaw at its JSON path."""

import json
import math
import re
from typing import Any, NamedTuple, TypeGuard, cast

from yolov2.data.entry import CROWD, DIFFICULT, LARGEST_NUMBER, Flaw, UnreadableError, read_limited, shown

LARGEST_JSON = 2 << 30  # bytes: four times COCO 2017's training file
LARGEST_SIZE = 1 << 30  # pixels of a side
OF_A_BOX = re.compile(r"annotations\[\d+\]\.(bbox|area)(\[|$)")  # told where the box is read
EXPECTED = "a COCO file: an object with images, annotations and categories"


class CocoEntry(NamedTuple):
    """What a COCO file says, in its own order."""

    categories: tuple[tuple[int, str], ...] = ()  # id, name; by id
    pictures: tuple[tuple[int | str, str, int, int], ...] = ()  # id, file name, height, width (0, 0: not stated)
    owners: tuple[int, ...] = ()  # (N,) index into pictures
    category_ids: tuple[int, ...] = ()  # (N,)
    numbers: tuple[float, ...] = ()  # (4 * N,) x, y, width, height
    areas: tuple[float, ...] = ()  # (N,)
    flags: tuple[int, ...] = ()  # (N,)
    indices: tuple[int, ...] = ()  # (N,) index into "annotations"
    flaws: tuple[Flaw, ...] = ()


def parse_coco(path: str) -> CocoEntry:
    """What the COCO file says. Raises nothing."""
    try:
        data = read_limited(path, largest=LARGEST_JSON, expected="a COCO file")
    except UnreadableError as unreadable:
        return CocoEntry(flaws=(unreadable.flaw,))
    return parse_document(data)


def parse_document(data: bytes) -> CocoEntry:
    """What a COCO file says, from its bytes."""
    constants: list[str] = []

    def note(constant: str) -> float:
        constants.append(constant)
        return float(constant)

    try:
        document: Any = json.loads(data, parse_constant=note)
    except json.JSONDecodeError as wrong:
        return _broken(str(wrong.lineno), f"JSON that does not parse ({wrong.msg})", "correct the line")
    except RecursionError:
        return _broken("", "JSON that is nested a thousand deep", "give the file of instances")
    except ValueError as wrong:  # bytes that are no text, a number of thousands of digits
        return _broken("", f"JSON that does not parse ({shown(str(wrong))})", "write the file anew")
    if not is_object(document):
        return _broken("", f"{_kind(document)} around everything", "give the file of instances")
    return _Document(document, has_constants=bool(constants)).entry()


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _broken(place: str, found: str, repair: str) -> CocoEntry:
    return CocoEntry(flaws=(Flaw("json-broken", place, found, EXPECTED, repair, is_error=True),))


class _Document:
    """Walks through one document; knows the flaws found so far."""

    def __init__(self, document: dict[str, Any], *, has_constants: bool) -> None:
        self.document = document
        self.flaws: list[Flaw] = []
        if has_constants:
            for place, value in _constants(document):
                if not OF_A_BOX.match(place):
                    self._flaw("not-finite", place, _json(value), "a number that JSON has", "write a number or null")

    def entry(self) -> CocoEntry:
        categories = self._categories()
        pictures = self._pictures()
        places: dict[int | str, int] = {}
        kept: list[tuple[int | str, str, int, int]] = []
        for index, picture in pictures:
            if picture[0] in places:
                found = f"the id {_json(picture[0])} a second time"
                self._flaw("duplicate-id", f"images[{index}].id", found, "an id of its own", "remove one of the two")
            else:
                places[picture[0]] = len(kept)
                kept.append(picture)
        known = frozenset(number for number, _ in categories)
        rows = self._annotations(places, known)
        return CocoEntry(categories, tuple(kept), *rows, flaws=tuple(self.flaws))

    def _flaw(
        self, code: str, place: str, found: str, expected: str, repair: str = "correct it", *, is_error: bool = True
    ) -> None:
        self.flaws.append(Flaw(code, place, found, expected, repair, is_error))

    def _items(self, key: str) -> list[tuple[int, dict[str, Any]]]:
        """The objects of a list, with their indices."""
        found = self.document.get(key)
        if not isinstance(found, list):
            said = "nothing" if found is None else _kind(found)
            self._flaw("json-value", key, said, "a list of objects", "give a file of instances")
            return []
        many = cast(list[Any], found)
        for index, item in enumerate(many):
            if not is_object(item):
                self._flaw("json-value", f"{key}[{index}]", _json(item), "an object")
        return [(index, item) for index, item in enumerate(many) if is_object(item)]

    def _categories(self) -> tuple[tuple[int, str], ...]:
        names: dict[int, str] = {}
        for index, item in self._items("categories"):
            place = f"categories[{index}]"
            number, name = item.get("id"), item.get("name")
            if not _is_whole(number):
                self._flaw("json-value", f"{place}.id", _json(number), "a whole number")
            elif not isinstance(name, str):
                self._flaw("json-value", f"{place}.name", _json(name), "a text")
            elif number in names:
                found = f"the id {number} a second time"
                self._flaw("duplicate-id", f"{place}.id", found, "an id of its own", "give each category its own")
            else:
                names[number] = name
        return tuple(sorted(names.items()))

    def _pictures(self) -> list[tuple[int, tuple[int | str, str, int, int]]]:
        pictures: list[tuple[int, tuple[int | str, str, int, int]]] = []
        for index, item in self._items("images"):
            place = f"images[{index}]"
            number, name = item.get("id"), item.get("file_name")
            if not _is_whole(number) and not isinstance(number, str):
                self._flaw("json-value", f"{place}.id", _json(number), "a whole number or a text")
            elif not isinstance(name, str) or not name or "\0" in name:
                self._flaw("json-value", f"{place}.file_name", _json(name), "the name of a picture")
            else:
                height, width = item.get("height"), item.get("width")
                size = (height, width) if _is_side(height) and _is_side(width) else (0, 0)
                pictures.append((index, (number, name, size[0], size[1])))
        return pictures

    def _annotations(self, places: dict[int | str, int], known: frozenset[int]) -> tuple[tuple[Any, ...], ...]:
        rows: list[tuple[int, int, list[float], float, int, int]] = []
        seen: set[int | str] = set()
        for index, item in self._items("annotations"):
            row = self._annotation(index, item, places, known, seen)
            if row is not None:
                rows.append(row)
        owners, category_ids, boxes, areas, flags, indices = zip(*rows, strict=True) if rows else ((),) * 6
        numbers = tuple(value for box in boxes for value in box)
        return owners, category_ids, numbers, areas, flags, indices

    def _annotation(
        self,
        index: int,
        item: dict[str, Any],
        places: dict[int | str, int],
        known: frozenset[int],
        seen: set[int | str],
    ) -> tuple[int, int, list[float], float, int, int] | None:
        """Owner, category, bbox, area, flags and index of one annotation; None, with a flaw, where it has no box."""
        place = f"annotations[{index}]"
        number, owner, box = item.get("id"), item.get("image_id"), item.get("bbox")
        if _is_whole(number) or isinstance(number, str):  # some programs write none; COCO's own tool needs it
            if number in seen:
                found = f"the id {_json(number)} a second time"
                self._flaw("duplicate-id", f"{place}.id", found, "an id of its own", "give each annotation its own")
            seen.add(number)
        if not isinstance(owner, int | str) or owner not in places:
            self._flaw("image-unknown", f"{place}.image_id", _json(owner), "the id of an image", "correct or remove it")
            return None
        if not is_box(box):
            is_number_free = isinstance(box, list) and len(cast(list[Any], box)) == 4
            code = "not-finite" if is_number_free and all(map(_is_float, cast(list[Any], box))) else "json-value"
            self._flaw(code, f"{place}.bbox", _json(box), "four numbers: x, y, width, height", "correct or remove it")
            return None
        category = item.get("category_id")
        if not _is_whole(category):
            self._flaw("json-value", f"{place}.category_id", _json(category), "a whole number")
            return None
        if category not in known:
            found, expected = f"the category {category}", f"one of the {len(known)} of the file"
            self._flaw("class-unknown", f"{place}.category_id", found, expected, "add the category, or correct it")
        return places[owner], category, box, self._area(place, item, box), self._flags(place, item), index

    def _area(self, place: str, item: dict[str, Any], box: list[float]) -> float:
        area = item.get("area")
        if area is None:
            return float(box[2] * box[3])
        if not _is_float(area) or not 0 <= area < LARGEST_NUMBER**2:
            code = "not-finite" if isinstance(area, float) and not math.isfinite(area) else "json-value"
            self._flaw(code, f"{place}.area", _json(area), "a number from 0", "correct or remove it")
            return float(box[2] * box[3])
        return float(area)

    def _flags(self, place: str, item: dict[str, Any]) -> int:
        flags = 0
        for key, bit in (("iscrowd", CROWD), ("difficult", DIFFICULT)):
            value = item.get(key)
            if value is None:
                if key == "iscrowd":
                    found, repair = "nothing", "taken as 0; write it"
                    self._flaw("flag-missing", f"{place}.iscrowd", found, "0 or 1", repair, is_error=False)
            elif value in (0, 1):
                flags |= bit * int(value)
            else:
                self._flaw("flag", f"{place}.{key}", _json(value), "0 or 1", "correct it; taken as 0")
        return flags


def is_box(value: object) -> TypeGuard[list[float]]:
    """Whether a value is a list of four numbers that coordinates can be."""
    if not isinstance(value, list):
        return False
    many = cast(list[Any], value)
    return len(many) == 4 and all(_is_float(one) and -LARGEST_NUMBER < one < LARGEST_NUMBER for one in many)


def _is_whole(value: object) -> TypeGuard[int]:
    return type(value) is int and abs(value) < 2**63


def _is_side(value: object) -> TypeGuard[int]:
    return _is_whole(value) and 0 < value < LARGEST_SIZE


def _is_float(value: object) -> TypeGuard[float]:
    return type(value) is float or type(value) is int


def _constants(value: Any, place: str = "") -> list[tuple[str, float]]:
    """Where NaN and infinity stand in a document, by JSON path. A stack, not recursion: JSON nests deeper than that."""
    found: list[tuple[str, float]] = []
    waiting: list[tuple[str, Any]] = [(place, value)]
    while waiting:
        place, value = waiting.pop()
        if is_object(value):
            waiting += [
                (f"{place}.{shown(key)}" if place else shown(key), item) for key, item in reversed(value.items())
            ]
        elif isinstance(value, list):
            many = cast(list[Any], value)
            waiting += [(f"{place}[{index}]", many[index]) for index in reversed(range(len(many)))]
        elif isinstance(value, float) and not math.isfinite(value):
            found.append((place, value))
    return found


def _json(value: Any) -> str:
    """A value as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        many = cast(list[Any], value)
        if len(many) > 8 or any(isinstance(item, dict | list) for item in many):
            return f"a list of {len(many)}"
    return shown(json.dumps(value, ensure_ascii=False))


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(cast(object, value)), "a number")
