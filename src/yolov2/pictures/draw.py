"""Detections -> a picture with boxes and labels on it. Where either came from is not its business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.records import Detections

Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB
Rectangle: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels; the last two lie outside
Colour: TypeAlias = tuple[int, int, int]  # RGB, 0 to 255

COLOUR_STOPS = ((1, 0, 1), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0))  # blue, green, red
UNNAMED_CLASSES = 80  # without labels the number of classes is unknown; a fixed one keeps a class in its colour
LINE_SHARE, TEXT_SHARE = 0.003, 0.021  # of the mean side: 2 and 12 pixels at 640 x 480
SMALLEST_TEXT, SMALLEST_READABLE_TEXT = 6, 10  # pixels
TEXT_WEIGHT = 500  # between regular and semibold
TRIED_LABELS = 200  # so many labels look for a free place; a picture with more is covered anyway


@dataclass(frozen=True, slots=True)
class Mark:
    """One box with all that is claimed of it."""

    box: Rectangle
    text: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Lettering:
    """How the labels of one picture are written."""

    face: cv2.FontFace
    size: int  # pixels
    pad: int

    def measure(self, text: str) -> tuple[int, int]:
        """(width, height) of the label's background in pixels."""
        width = cv2.getTextSize((0, 0), text, (0, 0), self.face, self.size, TEXT_WEIGHT)[2]
        return width + 2 * self.pad, round(1.05 * self.size) + 2 * self.pad

    def write(self, canvas: Pixels, text: str, place: Rectangle, colour: Colour) -> None:
        left, top, right, bottom = place
        brightness = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
        ink = (0, 0, 0) if brightness > 110 else (255, 255, 255)
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
        baseline = left + self.pad, top + self.pad + round(0.82 * self.size)
        cv2.putText(canvas, text, baseline, ink, self.face, self.size, TEXT_WEIGHT)


def draw_detections(pixels: Pixels, found: Detections) -> Pixels:
    """A copy of the picture with every box and its label; the best lies on top. Source: Darknet `draw_detections`.

    Boxes are clamped to the picture. Line and letters grow with it, where Darknet's letters come in eight sizes.
    """
    canvas = np.array(pixels, order="C")
    height, width = canvas.shape[:2]
    side = (height + width) / 2
    line = max(1, round(LINE_SHARE * side))
    marks = _marks(found, height, width)
    lettering = _lettering(marks, height, width)
    places = _place_labels([(mark.box, *lettering.measure(mark.text)) for mark in marks], height, width, line)
    for mark in reversed(marks):
        left, top, right, bottom = mark.box
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), mark.colour, line)
    for mark, place in zip(reversed(marks), reversed(places), strict=True):
        lettering.write(canvas, mark.text, place, mark.colour)
    return canvas


def class_colour(class_id: int, classes: int) -> Colour:
    """The colour of a class, RGB: always the same, and neighbours far apart. Source: Darknet `get_color`."""
    position = 5 * ((class_id * 123457) % classes) / classes  # Darknet: draw_detections
    low = int(position)
    share = position - low
    blue, green, red = (
        (1 - share) * a + share * b for a, b in zip(COLOUR_STOPS[low], COLOUR_STOPS[min(low + 1, 5)], strict=True)
    )
    return round(255 * red), round(255 * green), round(255 * blue)


def _marks(found: Detections, height: int, width: int) -> list[Mark]:
    """What is to be drawn, best first: rows with one and the same box share it, as in Darknet."""
    classes = len(found.labels) or UNNAMED_CLASSES
    limit = np.array([width, height, width, height], np.float32)
    boxes: list[Rectangle] = [tuple(box) for box in np.clip(np.rint(found.xyxy), 0, limit).astype(int).tolist()]
    claims: dict[tuple[float, ...], list[int]] = {}
    for row, exact in enumerate(found.xyxy.tolist()):
        claims.setdefault(tuple(exact), []).append(row)
    marks: list[Mark] = []
    for rows in claims.values():
        class_ids = [int(found.class_ids[row]) for row in rows]
        texts = (f"{found.label(k)} {100 * found.scores[row]:.0f}%" for k, row in zip(class_ids, rows, strict=True))
        text = "".join(c if c.isprintable() else "?" for c in ", ".join(texts))
        left, top, right, bottom = boxes[rows[0]]
        left, top = min(left, width - 1), min(top, height - 1)  # a box beyond the edge leaves a line on it
        box = left, top, max(right, left + 1), max(bottom, top + 1)
        marks.append(Mark(box, text, class_colour(class_ids[0], classes)))
    return marks


def _lettering(marks: list[Mark], height: int, width: int) -> Lettering:
    """Letters in proportion to the picture, but readable, and small enough for the longest label to fit into it."""
    face = cv2.FontFace("sans")
    size = max(SMALLEST_READABLE_TEXT, round(TEXT_SHARE * (height + width) / 2))
    size = max(SMALLEST_TEXT, min(size, height // 3))
    while True:
        lettering = Lettering(face, size, pad=max(1, round(0.15 * size)))
        if size <= SMALLEST_TEXT or all(lettering.measure(mark.text)[0] <= width for mark in marks):
            return lettering
        size = max(SMALLEST_TEXT, int(0.9 * size))


def _place_labels(labels: list[tuple[Rectangle, int, int]], height: int, width: int, line: int) -> list[Rectangle]:
    """Where each label (box, width, height) goes: at its box, inside the picture, on no earlier label if possible."""
    taken: list[Rectangle] = []
    for number, ((left, top, right, bottom), w, h) in enumerate(labels):
        grown = line // 2
        beside = left - grown, right + grown - w
        above, inside, below = top - grown - h, top + grown, bottom + grown
        corners = [(x, y) for x in beside for y in (above, inside, below, bottom - grown - h)]
        corners += [(left - grown, inside + step * (h + 1)) for step in range(1, max(1, (bottom - top) // (h + 1)))]
        places: list[Rectangle] = []
        for x, y in corners:
            x = max(0, min(x, width - w))
            if 0 <= y <= height - h:
                places.append((x, y, x + w, y + h))
        x, y = max(0, min(left - grown, width - w)), max(0, min(above, height - h))
        fallback = places[0] if places else (x, y, x + w, y + h)
        search = places if number < TRIED_LABELS else []
        taken.append(next((place for place in search if not any(_overlap(place, other) for other in taken)), fallback))
    return taken


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two labels touch: without a line of picture between them, two of one class would read as one."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
