"""One VOC annotation: XML -> Entry. Without document types and entities, and whatever its encoding is."""

import re
from typing import Any
from xml.parsers import expat

from yolov2.data.entry import (
    CROWD,
    DIFFICULT,
    LARGEST_LABEL,
    Entry,
    Flaw,
    UnreadableError,
    is_finite,
    number,
    read_limited,
    shown,
)

CORNERS = ("xmin", "ymin", "xmax", "ymax")
ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
BY_EXPAT = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1"})  # what expat reads by itself
EXPECTED = "a VOC annotation"


class DoctypeError(Exception):
    """A document type, which no annotation needs; entities that grow without bound are declared there."""


def parse_voc(path: str) -> Entry:
    """What the annotation in a file says; corners are 1-based and inclusive, as written. Raises nothing."""
    try:
        data = read_limited(path, largest=LARGEST_LABEL, expected=EXPECTED)
    except UnreadableError as unreadable:
        return Entry(flaws=(unreadable.flaw,))
    return parse_annotation(data)


def parse_annotation(data: bytes) -> Entry:
    """What an annotation says, from its bytes."""
    try:
        return _Annotation().read(_decoded(data))
    except DoctypeError:
        found, repair = "a document type declaration", "remove the lines from <!DOCTYPE to its >"
        return _refused("", found, "XML without one", repair)
    except expat.ExpatError as wrong:
        plain = _as_latin_1(data)
        if plain is not None:
            return plain
        reason = expat.ErrorString(wrong.code) or "damaged"
        return _refused(str(wrong.lineno), f"XML that does not parse ({reason})", EXPECTED, "correct the line")
    except (ValueError, LookupError) as wrong:  # of an encoding: unknown to Python, or not what the bytes are
        found = f"text in an encoding that can't be read ({shown(str(wrong))})"
        return _refused("1", found, "the encoding that the first line names", "save it as UTF-8")


def _decoded(data: bytes) -> bytes | str:
    named = ENCODING.match(data)
    encoding = named[1].decode().lower() if named else "utf-8"
    return data if encoding in BY_EXPAT else data.decode(encoding)


def _as_latin_1(data: bytes) -> Entry | None:
    """The annotation read as Latin-1, with a word about it, where its bytes are no UTF-8 and nothing else is said."""
    if ENCODING.match(data):
        return None
    try:
        data.decode()
        return None
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
    try:
        entry = _Annotation().read(data.decode("latin-1"))
    except (expat.ExpatError, DoctypeError):
        return None
    flaw = Flaw("encoding", str(line), "text that is not UTF-8", "UTF-8", "read as Latin-1; save it as UTF-8", False)
    return entry._replace(flaws=(flaw, *entry.flaws))


def _refused(line: str, found: str, expected: str, repair: str) -> Entry:
    return Entry(flaws=(Flaw("xml-broken", line, found, expected, repair, is_error=True),))


class _Annotation:
    """Follows the parser through one file and keeps what an annotation has."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.text: list[str] = []
        self.root = ""
        self.picture = ""
        self.size: dict[str, str] = {}
        self.object: dict[str, str] = {}
        self.objects: list[tuple[int, dict[str, str]]] = []
        self.flaws: list[Flaw] = []
        self.line = 0
        self.parser = expat.ParserCreate()

    def read(self, document: bytes | str) -> Entry:
        """What the document says. Raises ExpatError, DoctypeError, ValueError."""
        parser = self.parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(document, True)
        if self.root != "annotation":
            found = f"<{shown(self.root)}> around everything"
            return _refused("1", found, "<annotation>", "give VOC annotations, or convert these to VOC")
        return self._entry()

    def _refuse(self, *_: Any) -> None:
        raise DoctypeError

    def _start(self, name: str, _: Any) -> None:
        if not self.path:
            self.root = name
        self.path.append(name)
        self.text.clear()
        if name == "object" and len(self.path) == 2:
            self.object, self.line = {}, self.parser.CurrentLineNumber
        if name == "bndbox" and len(self.path) == 3 and CORNERS[0] in self.object:
            self._flaw(self.line, "xml-object", "two <bndbox> in one <object>", "one", "write an <object> for each")

    def _end(self, name: str) -> None:
        path = self.path
        path.pop()
        depth = len(path)
        if depth == 3 and path[2] == "bndbox" and path[1] == "object":
            self.object.setdefault(name, "".join(self.text).strip())
        elif depth == 2 and path[1] == "object":
            if name in ("name", "difficult", "iscrowd"):
                self.object.setdefault(name, "".join(self.text).strip())
        elif depth == 2 and path[1] == "size":
            self.size[name] = "".join(self.text).strip()
        elif depth == 1 and name == "object":
            self.objects.append((self.line, self.object))
        elif depth == 1 and name == "filename":
            self.picture = "".join(self.text).strip()
        self.text.clear()

    def _flaw(self, line: int, code: str, found: str, expected: str, repair: str) -> None:
        self.flaws.append(Flaw(code, str(line), found, expected, repair, is_error=True))

    def _entry(self) -> Entry:
        classes: list[str] = []
        numbers: list[float] = []
        flags: list[int] = []
        lines: list[int] = []
        for line, found in self.objects:
            corners, flag = self._corners(line, found), self._flags(line, found)
            if corners is not None:
                classes.append(found.get("name", ""))
                numbers += corners
                flags.append(flag)
                lines.append(line)
        parts = (tuple(classes), tuple(numbers), tuple(flags), tuple(lines), tuple(self.flaws))
        return Entry(self._size(), self.picture, *parts)

    def _corners(self, line: int, found: dict[str, str]) -> tuple[float, ...] | None:
        texts = [found.get(corner) for corner in CORNERS]
        missing = [corner for corner, text in zip(CORNERS, texts, strict=True) if text is None]
        if missing:
            self._flaw(line, "xml-object", f"an object without <{missing[0]}>", "xmin, ymin, xmax, ymax", "add it")
            return None
        values = [number(text or "") for text in texts]
        for corner, text, value in zip(CORNERS, texts, values, strict=True):
            if value is None:
                found_text = f"<{corner}>{shown(text or '')}</{corner}>"
                self._flaw(line, "label-number", found_text, "a number", "correct or remove the object")
                return None
        corners = tuple(value for value in values if value is not None)
        if not is_finite(corners):
            numbers = " ".join(text or "" for text in texts)
            self._flaw(line, "not-finite", f"the corners {shown(numbers)}", "numbers", "correct or remove the object")
            return None
        return corners

    def _flags(self, line: int, found: dict[str, str]) -> int:
        """DIFFICULT, or CROWD where our own writer marked a crowd as difficult to other readers."""
        if found.get("iscrowd") == "1":
            return CROWD
        text = found.get("difficult", "0").lower() or "0"
        if text in ("0", "1", "false", "true"):
            return DIFFICULT if text in ("1", "true") else 0
        self._flaw(line, "flag", f"<difficult>{shown(text)}</difficult>", "0 or 1", "correct it; taken as 0")
        return 0

    def _size(self) -> tuple[int, int] | None:
        height, width = (number(self.size.get(name, "")) for name in ("height", "width"))
        if height is None or width is None or not (0 < height < 2**31 and 0 < width < 2**31):
            return None
        return int(height), int(width)
