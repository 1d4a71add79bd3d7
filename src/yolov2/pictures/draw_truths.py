"""A Sample -> its picture with the truth drawn on it; and many pictures on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.draw import Mark, Pixels, class_colour, draw_marks, drawable, on_canvas
from yolov2.samples import UNKNOWN, Sample

SHEET_COLUMNS, CELL, GAP = 5, 320, 6  # of a sheet; pixels
PAPER = 255


def draw_truths(pixels: Pixels, sample: Sample, classes: Sequence[str]) -> Pixels:
    """A copy of the picture (H, W, 3) RGB with every box and its class; small boxes lie on top of large ones.

    What is difficult or a crowd says so behind its class. The class of a whole picture stands in its corner.
    """
    height, width = pixels.shape[:2]
    areas = np.prod(sample.boxes[:, 2:] - sample.boxes[:, :2], axis=1)
    boxes = on_canvas(sample.boxes, height, width)
    order: list[int] = np.argsort(areas, kind="stable").tolist()
    marks = [_mark(boxes[row], sample, row, classes) for row in order]
    if sample.label is not None:
        name = _name(sample.label, classes)
        marks.append(Mark((0, 0, width, height), (name, name), class_colour(sample.label, len(classes))))
    return draw_marks(pixels, marks)


def contact_sheet(pictures: Sequence[Pixels]) -> Pixels:
    """All pictures on one, made small, five in a row."""
    columns = min(SHEET_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (CELL + GAP) + GAP, columns * (CELL + GAP) + GAP, 3), PAPER, np.uint8)
    for index, picture in enumerate(pictures):
        small = thumbnail(picture)
        height, width = small.shape[:2]
        top = GAP + index // columns * (CELL + GAP) + (CELL - height) // 2
        left = GAP + index % columns * (CELL + GAP) + (CELL - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet


def thumbnail(picture: Pixels) -> NDArray[np.uint8]:
    """The picture with its longer side as long as a cell of the sheet; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = CELL / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mark(box: tuple[int, int, int, int], sample: Sample, row: int, classes: Sequence[str]) -> Mark:
    class_id = int(sample.class_ids[row])
    name = _name(class_id, classes)
    flags = [word for word, is_set in (("difficult", sample.difficult[row]), ("crowd", sample.crowd[row])) if is_set]
    said = f"{name} ({', '.join(flags)})" if flags else name
    return Mark(box, (said, name), class_colour(max(0, class_id), len(classes)))


def _name(class_id: int, classes: Sequence[str]) -> str:
    return "unknown class" if class_id == UNKNOWN else drawable(classes[class_id])
