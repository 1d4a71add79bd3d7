"""A Darknet or Ultralytics label file, repaired: line by line, and every good line as it is."""

from collections.abc import Sequence

from yolov2.data.box_repair import Box, Boxes, Change
from yolov2.data.label_txt import parse_lines


def repair_lines(data: bytes, size: tuple[int, int], *, polygons: bool) -> tuple[bytes, list[Change]]:
    """The label file without what can't be read, its boxes inside a picture of `size`, (height, width).

    polygons: Ultralytics' rules, where a line may be a polygon.
    """
    boxes = Boxes(size)
    text = data.decode("utf-8-sig", errors="replace")
    lines = [_line(line, number, boxes, polygons=polygons) for number, line in enumerate(text.split("\n"), start=1)]
    if not boxes.changes:
        return data, []
    return "\n".join(line for line in lines if line is not None).encode(), boxes.changes


def _line(line: str, number: int, boxes: Boxes, *, polygons: bool) -> str | None:
    if not line.strip():
        return line
    entry = parse_lines(line.encode(), polygons=polygons)
    place, before = str(number), len(boxes.changes)
    if entry.flaws:
        boxes.drop(entry.flaws[0].code, place)
        return None
    height, width = boxes.size
    x, y, w, h = (value * side for value, side in zip(entry.numbers, (width, height, width, height), strict=True))
    half_w, half_h = abs(w) / 2, abs(h) / 2
    mended = boxes.mend(
        (x - half_w, y - half_h, x + half_w, y + half_h),
        kind=entry.classes[0],
        place=place,
        was_inverted=w < 0 or h < 0,
        is_empty=w == 0 or h == 0,
    )
    if mended is None:
        return None
    if len(boxes.changes) == before:
        return line
    words = line.split()
    numbers = _cut(words[1:]) if len(words) > 5 else _relative(mended, boxes.size)
    return " ".join([words[0], *(f"{number:.8g}" for number in numbers)]) + ("\r" if line.endswith("\r") else "")


def _relative(box: Box, size: tuple[int, int]) -> Sequence[float]:
    """Centre and size as shares of the picture."""
    (x1, y1, x2, y2), (height, width) = box, size
    return (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height


def _cut(words: Sequence[str]) -> list[float]:
    """A polygon with its corners inside the picture."""
    return [min(max(float(word), 0.0), 1.0) for word in words]
