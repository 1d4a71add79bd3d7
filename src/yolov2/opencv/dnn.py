"""`cv2.dnn` as OpenCV 4 had it: with a reader of Darknet's networks. All else is the installed OpenCV's own."""

from typing import Any

import cv2

from yolov2.opencv.models import ClassificationModel, DetectionModel, Model
from yolov2.opencv.net import Net
from yolov2.opencv.reading import readNet, readNetFromDarknet

__all__ = ["ClassificationModel", "DetectionModel", "Model", "Net", "readNet", "readNetFromDarknet"]

DNN_BACKEND_HALIDE = 1  # gone from OpenCV 5; accepted like the others


def __getattr__(name: str) -> Any:
    """What the installed OpenCV has under this name. Raises AttributeError."""
    if name.startswith("__") or not hasattr(cv2.dnn, name):
        raise AttributeError(f"neither yolov2.opencv.dnn nor cv2.dnn of OpenCV {cv2.__version__} has {name!r}")
    return getattr(cv2.dnn, name)
