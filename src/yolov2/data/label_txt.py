"""One Darknet or Ultralytics label file: lines of `class x y w h` -> Entry."""

import re

from yolov2.data.entry import LARGEST_LABEL, Entry, Flaw, UnreadableError, is_finite, number, read_limited, shown

INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
EXPECTED = "five columns: class x y w h"
POLYGON = 7  # columns of the smallest polygon: a class and three corners


def parse_darknet(path: str) -> Entry:
    """What a Darknet label file says; centre and size relative to the picture, as written. Raises nothing.

    Line by line: one that is wrong is a flaw and the next is read. Darknet's own reader knows no lines and stops at
    the first group of five that does not parse, without a word. Source: Darknet `read_boxes`.
    """
    return _parse(path, polygons=False)


def parse_ultralytics(path: str) -> Entry:
    """The same for Ultralytics: polygons count as the box around them, and a class may be written as 3.0."""
    return _parse(path, polygons=True)


def _parse(path: str, *, polygons: bool) -> Entry:
    try:
        data = read_limited(path, largest=LARGEST_LABEL, expected="a label file")
    except UnreadableError as unreadable:
        return Entry(flaws=(unreadable.flaw,))
    return parse_lines(data, polygons=polygons)


def parse_lines(data: bytes, *, polygons: bool = False) -> Entry:
    """What label lines say, from the bytes of the file."""
    if b"\0" in data:
        flaw = Flaw("label-unreadable", "", "binary data", "lines of class x y w h", "give another file", is_error=True)
        return Entry(flaws=(flaw,))
    text = data.decode("utf-8-sig", errors="replace")
    classes: list[str] = []
    numbers: list[float] = []
    lines: list[int] = []
    flaws: list[Flaw] = []
    for line, words in enumerate(map(str.split, text.split("\n")), start=1):
        if not words:
            continue
        row = _row(line, words, polygons=polygons)
        if isinstance(row, Flaw):
            flaws.append(row)
        else:
            classes.append(row[0])
            numbers += row[1]
            lines.append(line)
    return Entry(None, "", tuple(classes), tuple(numbers), (0,) * len(lines), tuple(lines), tuple(flaws))


def _row(line: int, words: list[str], *, polygons: bool) -> tuple[str, tuple[float, ...]] | Flaw:
    place, repair = str(line), "correct or remove the line"
    is_polygon = polygons and len(words) >= POLYGON and len(words) % 2 == 1
    if len(words) != 5 and not is_polygon:
        found = f'{len(words)} column{"s" * (len(words) != 1)} ("{shown(" ".join(words))}")'
        return Flaw("label-columns", place, found, EXPECTED, repair, is_error=True)
    class_text = words[0].removesuffix(".0") if polygons else words[0]
    if not INTEGER.fullmatch(class_text):
        found = f'the class "{shown(words[0])}"'
        return Flaw("label-number", place, found, "a whole number from 0", repair, is_error=True)
    values: list[float] = []
    for word in words[1:]:
        value = number(word)
        if value is None:
            return Flaw("label-number", place, f'"{shown(word)}"', "a number", repair, is_error=True)
        values.append(value)
    box = tuple(values)
    if not is_finite(box):
        found = f'"{shown(" ".join(words))}"'
        return Flaw("not-finite", place, found, "numbers from 0 to 1", repair, is_error=True)
    return str(int(class_text)), _around(box) if is_polygon else box


def _around(polygon: tuple[float, ...]) -> tuple[float, ...]:
    """Centre and size of the box around a polygon x1 y1 x2 y2 ..."""
    xs, ys = polygon[0::2], polygon[1::2]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
