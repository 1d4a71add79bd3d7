"""Detections -> a picture with boxes and labels on it. Where either came from is not its business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.label_places import Rectangle, place_labels
from yolov2.records import Detections

Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB
Colour: TypeAlias = tuple[int, int, int]  # RGB, 0 to 255

COLOUR_STOPS = ((1, 0, 1), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0))  # blue, green, red
UNNAMED_CLASSES = 80  # without labels the number of classes is unknown; a fixed one keeps a class in its colour
LINE_SHARE, TEXT_SHARE = 0.003, 0.021  # of the mean side: 2 and 12 pixels at 640 x 480
USUAL_TEXT, READABLE_TEXT, SMALLEST_TEXT = 10, 8, 6  # pixels, at least: where there is room, a little, and none
NARROW = 2  # times as high as wide
TEXT_WEIGHT = 500  # between regular and semibold


@dataclass(frozen=True, slots=True)
class Mark:
    """One box with all that is claimed of it."""

    box: Rectangle
    texts: tuple[str, ...]  # what may be written, the longest first
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

    def fitting(self, texts: Sequence[str], width: int) -> str:
        """The longest of the texts that is no wider than this, or the beginning of the last."""
        for text in texts:
            if self.measure(text)[0] <= width:
                return text
        text = texts[-1]
        while len(text) > 1 and self.measure(f"{text}…")[0] > width:
            text = text[:-1]
        return f"{text}…"

    def write(self, canvas: Pixels, text: str, place: Rectangle, colour: Colour) -> None:
        left, top, right, bottom = place
        brightness = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
        ink = (0, 0, 0) if brightness > 110 else (255, 255, 255)
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
        baseline = left + self.pad, top + self.pad + round(0.82 * self.size)
        cv2.putText(canvas, text, baseline, ink, self.face, self.size, TEXT_WEIGHT)


def draw_detections(pixels: Pixels, found: Detections) -> Pixels:
    """A copy of the picture with every box and its label; the best lies on top. Source: Darknet `draw_detections`.

    Boxes are clamped to the picture. Line and letters grow with it, where Darknet's letters come in eight sizes. On a
    picture too narrow for its labels they stand upright.
    """
    height, width = pixels.shape[:2]
    return draw_marks(pixels, _marks(found, height, width))


def draw_marks(pixels: Pixels, marks: list[Mark]) -> Pixels:
    """A copy of the picture with these boxes and labels, the first on top; each has at least two texts."""
    height, width = pixels.shape[:2]
    if not _is_narrow(marks, height, width):
        canvas = np.array(pixels, order="C")
        _draw(canvas, marks)
        return canvas
    canvas = np.array(np.rot90(pixels, -1), order="C")
    _draw(canvas, [_turned(mark, height) for mark in marks])
    return np.ascontiguousarray(np.rot90(canvas))


def _draw(canvas: Pixels, marks: list[Mark]) -> None:
    """Draw boxes and labels onto the canvas, the best last."""
    height, width = canvas.shape[:2]
    line = max(1, round(LINE_SHARE * (height + width) / 2))
    lettering = _lettering(marks, height, width)
    texts = [lettering.fitting(mark.texts, width) for mark in marks]
    boxes, sizes = [mark.box for mark in marks], [lettering.measure(text) for text in texts]
    places = place_labels(boxes, sizes, picture_hw=(height, width), line=line)
    for mark in reversed(marks):
        left, top, right, bottom = mark.box
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), mark.colour, line)
    for mark, text, place in reversed(list(zip(marks, texts, places, strict=True))):
        if place is not None:
            lettering.write(canvas, text, place, mark.colour)


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
    boxes = on_canvas(found.xyxy, height, width)
    claims: dict[tuple[float, ...], list[int]] = {}
    for row, exact in enumerate(found.xyxy.tolist()):
        claims.setdefault(tuple(exact), []).append(row)
    marks: list[Mark] = []
    for rows in claims.values():
        class_ids = [int(found.class_ids[row]) for row in rows]
        said = [f"{found.label(k)} {100 * found.scores[row]:.0f}%" for k, row in zip(class_ids, rows, strict=True)]
        texts = tuple(map(drawable, (", ".join(said), said[0], found.label(class_ids[0]))))
        marks.append(Mark(boxes[rows[0]], texts, class_colour(class_ids[0], classes)))
    return marks


def on_canvas(boxes: NDArray[Any], height: int, width: int) -> list[Rectangle]:
    """Boxes (N, 4) in whole pixels and inside the picture; one beyond the edge leaves a line on it."""
    limit = np.array([width, height, width, height], boxes.dtype)
    whole: list[list[int]] = np.clip(np.rint(boxes), 0, limit).astype(int).tolist()
    corners = ((min(left, width - 1), min(top, height - 1), right, bottom) for left, top, right, bottom in whole)
    return [(left, top, max(right, left + 1), max(bottom, top + 1)) for left, top, right, bottom in corners]


def drawable(text: str) -> str:
    """The text as letters can write it, in one line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _lettering(marks: list[Mark], height: int, width: int) -> Lettering:
    """Letters in proportion to the picture, smaller where the longest label would not fit into it, but readable."""
    face = cv2.FontFace("sans")
    size = max(USUAL_TEXT, round(TEXT_SHARE * (height + width) / 2))
    size = max(SMALLEST_TEXT, min(size, max(READABLE_TEXT, height // 5), height // 3))
    while True:
        lettering = Lettering(face, size, pad=max(1, round(0.15 * size)))
        if size <= READABLE_TEXT or all(lettering.measure(mark.texts[0])[0] <= width for mark in marks):
            return lettering
        size = max(READABLE_TEXT, int(0.9 * size))


def _is_narrow(marks: list[Mark], height: int, width: int) -> bool:
    """Whether a picture is so high and narrow that what is found fits along it alone."""
    if height < NARROW * width:
        return False
    lettering = _lettering(marks, width, height)
    return any(lettering.measure(mark.texts[1])[0] > width for mark in marks)


def _turned(mark: Mark, height: int) -> Mark:
    """The mark on the picture of this height turned clockwise."""
    left, top, right, bottom = mark.box
    return replace(mark, box=(height - bottom, left, height - top, right))
