"""A mistake as a picture: the part of the photograph that it is in, with truth and detection drawn over it, as SVG."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import Yolov2Error
from yolov2.evaluate.mistakes import Mistake
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.read import read_picture

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

SHAPE = 4 / 3  # width : height of what is shown
AROUND = 0.6  # of a box's sides that is shown around it
LEAST = 96  # pixels of the narrower side of what is shown, where the picture has them
SHARPEST = 480  # pixels of the longer side that are kept of it

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a picture that is shown, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top


def window_around(box: Box, size: tuple[int, int]) -> Window:
    """The part of a picture of this (height, width) around a box: 4:3, and with room around it, as far as there is."""
    height, width = size
    x1, y1, x2, y2 = box
    wide, high = (x2 - x1) * (1 + 2 * AROUND), (y2 - y1) * (1 + 2 * AROUND)
    high = max(high, wide / SHAPE, LEAST)
    wide = min(high * SHAPE, width)
    high = min(high, height)
    left = min(max((x1 + x2 - wide) / 2, 0), width - wide)
    top = min(max((y1 + y2 - high) / 2, 0), height - high)
    left, top = round(left), round(top)
    return Window(
        left, top, min(width, max(left + 1, round(left + wide))), min(height, max(top + 1, round(top + high)))
    )


def picture_of(run: Evaluation, mistake: Mistake) -> str:
    """The SVG of a mistake; one without the photograph where that can't be read any more."""
    boxes: list[tuple[str, Box]] = []
    if mistake.truth is not None:
        boxes.append(("truth", _box(run.truths.xyxy[mistake.truth])))
    if mistake.detection is not None:
        boxes.append(("found", _box(run.shown.xyxy[mistake.detection])))
    height, width = run.sizes[mistake.picture].tolist()
    window = window_around(_union([box for _, box in boxes], (height, width)), (height, width))
    wide, high = window.size_wh
    others = [_rect("other", _box(run.truths.xyxy[row]), window) for row in _others(run, mistake)]
    drawn = [_rect(f"{kind} halo", box, window) + _rect(kind, box, window) for kind, box in boxes]
    return (
        f'<svg class="photo" viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(_title(run, mistake))}">'
        f"{_photo(run, mistake.picture, window)}{''.join(others)}{''.join(drawn)}</svg>"
    )


def _photo(run: Evaluation, picture: int, window: Window) -> str:
    """The pixels as an element of the SVG."""
    try:
        frame = read_picture(Path(run.truth.samples.pictures[picture]), exif=not run.settings.get("faithful", False))
    except Yolov2Error:
        return ""
    pixels = frame.rgb[window.top : window.bottom, window.left : window.right]
    if 0 in pixels.shape:  # of detections from a file: nobody has looked whether the labels' size is the picture's
        return ""
    data = base64.b64encode(encode_picture(smaller(pixels, most=SHARPEST), ending=".jpg")).decode()
    wide, high = window.size_wh
    place = f'width="{wide}" height="{high}" preserveAspectRatio="none"'
    return f'<image {place} href="data:image/jpeg;base64,{data}"/>'


def smaller(pixels: NDArray[np.uint8], *, most: int) -> NDArray[np.uint8]:
    """The picture with its longer side at most `most`: of each square of pixels the mean."""
    by = -(-max(pixels.shape[:2]) // most)
    height, width = (max(by, side - side % by) for side in pixels.shape[:2])
    if by == 1 or min(pixels.shape[:2]) < by:
        return np.ascontiguousarray(pixels)
    squares = pixels[:height, :width].reshape(height // by, by, width // by, by, -1)
    return squares.mean(axis=(1, 3)).round().astype(np.uint8)


def _rect(kind: str, box: Box, window: Window) -> str:
    x1, y1, x2, y2 = box
    place = f'x="{x1 - window.left:.1f}" y="{y1 - window.top:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
    return f'<rect class="{kind}" {place}/>'


def _others(run: Evaluation, mistake: Mistake) -> list[int]:
    """The other objects of the picture."""
    rows: list[int] = np.flatnonzero(run.truths.image_ids == mistake.picture).tolist()
    return [row for row in rows if row != mistake.truth]


def _union(boxes: list[Box], size: tuple[int, int]) -> Box:
    """The box around all of them, inside the picture."""
    height, width = size
    x1, y1 = (min(box[side] for box in boxes) for side in (0, 1))
    x2, y2 = (max(box[side] for box in boxes) for side in (2, 3))
    return min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)


def _box(row: NDArray[np.float64]) -> Box:
    x1, y1, x2, y2 = row.tolist()
    return x1, y1, x2, y2


def _title(run: Evaluation, mistake: Mistake) -> str:
    truth = "" if mistake.truth is None else f"labelled {run.names[int(run.truths.class_ids[mistake.truth])]}"
    found = "" if mistake.detection is None else f"found {run.names[int(run.shown.class_ids[mistake.detection])]}"
    return " ".join(filter(None, (truth, found))) + f" in {Path(run.truth.samples.pictures[mistake.picture]).name}"
