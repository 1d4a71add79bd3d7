"""The resize rules of other programs, which pipelines around Darknet's networks use in place of its own."""

from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from yolov2.pictures.letterbox import CANVAS, Image, Pixels, Placement


def render_opencv(pixels: Pixels, placement: Placement) -> Image:
    """As `render`, resized by OpenCV's default: bilinear with pixel centres half a pixel in, rounded to bytes."""
    height, width = placement.resized
    return _on_canvas(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), placement)


def render_pillow(pixels: Pixels, placement: Placement) -> Image:
    """As `render`, resized as Pillow and torchvision do: bilinear, and smoothed where the picture shrinks."""
    height, width = placement.resized
    resized = Pillow.fromarray(pixels).resize((width, height), Pillow.Resampling.BILINEAR)
    return _on_canvas(np.asarray(resized), placement)


def _on_canvas(resized: Any, placement: Placement) -> Image:
    (net_h, net_w), (rows, columns), (top, left) = placement.network, placement.resized, placement.offset
    image = np.full((3, net_h, net_w), CANVAS, np.float32)
    image[:, top : top + rows, left : left + columns] = resized.transpose(2, 0, 1) / np.float32(255)
    return image
