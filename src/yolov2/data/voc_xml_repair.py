"""One VOC annotation, repaired: the bytes that are wrong are replaced, and all others stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from yolov2.data.box_repair import Boxes, Change
from yolov2.data.entry import is_finite, number
from yolov2.data.voc_xml import CORNERS, ENCODING

DECLARATION = re.compile(r"^(\s*<\?xml[^>]*?\sencoding\s*=\s*)([\"'])[A-Za-z0-9._:-]+[\"']")
TRUE_OR_FALSE = ("0", "1", "false", "true", "")
Span = tuple[int, int]


@dataclass(slots=True)
class _Object:
    """Where an <object> and what is in it stand, as bytes of the document."""

    line: int
    start: int
    end: int = 0
    texts: dict[str, Span] = field(default_factory=dict[str, Span])  # of name, difficult and the four corners
    boxes: list[Span] = field(default_factory=list[Span])


def repair_annotation(
    data: bytes, size: tuple[int, int] | None, spellings: Mapping[str, str]
) -> tuple[bytes, list[Change]]:
    """The annotation without boxes that can't be, the others inside their picture, and classes by their right names.

    size: (height, width) to say in <size>; None leaves what is there. spellings: what classes should be called.
    An annotation that can't be read stays as it is.
    """
    text, changes = _text(data)
    document = text.encode()
    try:
        found = _Layout().read(document)
    except expat.ExpatError:
        return data, []
    edits: list[tuple[int, int, bytes]] = []
    stated = _stated(found, document)
    if size is not None and stated != size:
        edits += _resize(found, size)
        code = "size-missing" if stated is None else "size-wrong"
        changes.append(Change(code, "", f"wrote the picture's own size, {size[1]} x {size[0]}"))
    boxes = Boxes(size or stated or (1 << 30, 1 << 30))
    for one in found.objects:
        edits += _mend(one, document, boxes, spellings)
    changes += boxes.changes
    if not changes:
        return data, []
    for start, end, put in sorted(edits, reverse=True):
        document = document[:start] + put + document[end:]
    return document, changes


def _text(data: bytes) -> tuple[str, list[Change]]:
    """The document as text, which is to be written as UTF-8."""
    named = ENCODING.match(data)
    encoding = named[1].decode().lower() if named else "utf-8"
    try:
        text, changes = data.decode("utf-8-sig" if encoding == "utf-8" else encoding), list[Change]()
    except (UnicodeDecodeError, LookupError):
        text, changes = data.decode("latin-1"), [Change("encoding", "", "wrote it as UTF-8")]
    return DECLARATION.sub(r"\1\2UTF-8\2", text), changes


class _Layout:
    """Follows the parser through a document and keeps where things stand."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.start = 0  # of the text of the element that was opened last
        self.objects: list[_Object] = []
        self.size: dict[str, Span] = {}
        self.insert = 0  # where a <size> may be put
        self.opened: list[int] = []  # where each element of the path begins
        self.document = b""
        self.parser = expat.ParserCreate("utf-8")

    def read(self, document: bytes) -> _Layout:
        """Itself, filled. Raises ExpatError."""
        self.document = document
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.Parse(document, True)
        return self

    def _begin(self, name: str, _: object) -> None:
        at = self.parser.CurrentByteIndex
        self.path.append(name)
        self.opened.append(at)
        self.start = self._after(at)
        if self.path == ["annotation"]:
            self.insert = self.start
        if self.path == ["annotation", "object"]:
            self.objects.append(_Object(self.parser.CurrentLineNumber, at))

    def _end(self, name: str) -> None:
        at = self.parser.CurrentByteIndex
        inside, begun = self.path[1:], self.opened.pop()
        self.path.pop()
        text = self.start, max(at, self.start)
        if inside[:1] == ["size"] and len(inside) == 2:
            self.size[name] = text
        elif inside == ["object"]:
            self.objects[-1].end = self._after(at)
        elif inside == ["object", "bndbox"]:
            self.objects[-1].boxes.append((begun, self._after(at)))
        elif inside[:1] == ["object"] and ((inside[1:2] == ["bndbox"] and len(inside) == 3) or len(inside) == 2):
            self.objects[-1].texts.setdefault(name, text)

    def _after(self, at: int) -> int:
        """What follows the tag that begins here."""
        return self.document.index(b">", at) + 1


def _stated(found: _Layout, document: bytes) -> tuple[int, int] | None:
    sides = [number(document[slice(*found.size[name])].decode()) if name in found.size else None for name in SIDES]
    if any(side is None or not 0 < side < 2**31 for side in sides):
        return None
    return int(sides[0] or 0), int(sides[1] or 0)


SIDES = ("height", "width")


def _resize(found: _Layout, size: tuple[int, int]) -> list[tuple[int, int, bytes]]:
    """The edits that state a size."""
    if all(name in found.size for name in SIDES):
        return [(*found.size[name], str(side).encode()) for name, side in zip(SIDES, size, strict=True)]
    inside = f"<width>{size[1]}</width><height>{size[0]}</height>"
    return [(found.insert, found.insert, f"\n  <size>{inside}</size>".encode())]


def _mend(one: _Object, document: bytes, boxes: Boxes, spellings: Mapping[str, str]) -> list[tuple[int, int, bytes]]:
    """The edits of one object."""
    texts = {name: document[slice(*span)].decode().strip() for name, span in one.texts.items()}
    place = str(one.line)
    corners = [number(texts[corner]) if corner in texts else None for corner in CORNERS]
    values = tuple(value for value in corners if value is not None)
    if len(values) < 4 or not is_finite(values):
        missing = any(corner not in texts for corner in CORNERS)
        boxes.drop("xml-object" if missing else "label-number" if len(values) < 4 else "not-finite", place)
        return [_without(one, document)]
    name = texts.get("name", "")
    right = spellings.get(name, name)
    x1, y1, x2, y2 = values
    before = len(boxes.changes)
    mended = boxes.mend(
        (min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2), max(y1, y2)),
        kind=right,
        place=place,
        was_inverted=x1 > x2 or y1 > y2,
        is_empty=x1 == x2 or y1 == y2,
    )
    if mended is None:
        return [_without(one, document)]
    edits: list[tuple[int, int, bytes]] = []
    if len(boxes.changes) > before:
        put = (mended[0] + 1, mended[1] + 1, mended[2], mended[3])
        edits += [(*one.texts[corner], f"{value:.10g}".encode()) for corner, value in zip(CORNERS, put, strict=True)]
    if right != name:
        boxes.changes.append(Change("class-spelling", place, f'called it "{right}" in place of "{name}"'))
        edits.append((*one.texts["name"], _escaped(right)))
    if texts.get("difficult", "0").lower() not in TRUE_OR_FALSE:
        boxes.changes.append(Change("flag", place, "wrote <difficult>0</difficult>"))
        edits.append((*one.texts["difficult"], b"0"))
    for span in one.boxes[1:]:
        boxes.changes.append(Change("xml-object", place, "left out its second <bndbox>"))
        edits.append((*span, b""))
    return edits


def _without(one: _Object, document: bytes) -> tuple[int, int, bytes]:
    """The edit that removes an object, with the blanks before it."""
    start = one.start
    while start and document[start - 1 : start] in (b" ", b"\t"):
        start -= 1
    if document[start - 1 : start] == b"\n":
        start -= 1
        start -= document[start - 1 : start] == b"\r"
    return start, one.end, b""


def _escaped(text: str) -> bytes:
    return text.replace("&", "&amp;").replace("<", "&lt;").encode()
