"""OpenCV 4's spelling of the same calls: `from yolov2 import opencv as cv2` where a script said `import cv2`.

What read and ran Darknet's networks in OpenCV 4 is ours; everything else is the installed OpenCV's, under its own name.
Nothing is loaded before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolov2.opencv import dnn as dnn
    from yolov2.opencv.models import ClassificationModel as ClassificationModel
    from yolov2.opencv.models import DetectionModel as DetectionModel
    from yolov2.opencv.net import Net as Net
    from yolov2.opencv.reading import readNet as readNet
    from yolov2.opencv.reading import readNetFromDarknet as readNetFromDarknet

OURS = ("ClassificationModel", "DetectionModel", "Model", "Net", "readNet", "readNetFromDarknet")  # of `dnn`
FORWARDED = ("__version__",)  # of what Python itself looks for in a module, what scripts print


def __getattr__(name: str) -> Any:
    """Ours, or else what `cv2` calls so, or else `cv2.dnn`. Raises AttributeError for any other name."""
    if name == "__all__":  # of `from yolov2.opencv import *`
        return _names()
    if name.startswith("__") and name not in FORWARDED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "dnn" or name.removeprefix("dnn_") in OURS:
        ours = import_module("yolov2.opencv.dnn")
        return ours if name == "dnn" else getattr(ours, name.removeprefix("dnn_"))
    import cv2

    if hasattr(cv2, name):
        return getattr(cv2, name)
    if hasattr(cv2.dnn, name):  # `from yolov2 import opencv as dnn`
        return getattr(cv2.dnn, name)
    raise AttributeError(f"neither yolov2.opencv nor OpenCV {cv2.__version__} has {name!r}")


def _names() -> list[str]:
    """The public names of `cv2`, and ours."""
    import cv2

    return sorted({"dnn", *OURS, *(f"dnn_{name}" for name in OURS), *(n for n in dir(cv2) if not n.startswith("_"))})
