"""YOLOv2 and YOLO9000 with Darknet's numbers. The front door: every name loads its room on first use, none before."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolov2 import opencv as opencv
    from yolov2.darknet.weights import Weights as Weights
    from yolov2.detect.classifier import Classifier as Classifier
    from yolov2.detect.detector import Detector as Detector
    from yolov2.errors import Yolov2Error as Yolov2Error
    from yolov2.evaluate.check import check as check
    from yolov2.evaluate.evaluation import evaluate as evaluate
    from yolov2.network import architectures as architectures
    from yolov2.network.spec import Network as Network
    from yolov2.records import Classification as Classification
    from yolov2.records import Detections as Detections
    from yolov2.records import Frame as Frame
    from yolov2.verbs.train import train as train

    load = Detector.open

__version__ = "0.1.0"

__all__ = [
    "Classification",
    "Classifier",
    "Detections",
    "Detector",
    "Frame",
    "Network",
    "Weights",
    "Yolov2Error",
    "__version__",
    "architectures",
    "check",
    "evaluate",
    "load",
    "opencv",
    "train",
]

_HOMES = {  # public name -> its module and, where it is not the module itself, what to take from it
    "Classification": "yolov2.records:Classification",
    "Classifier": "yolov2.detect.classifier:Classifier",
    "Detections": "yolov2.records:Detections",
    "Detector": "yolov2.detect.detector:Detector",
    "Frame": "yolov2.records:Frame",
    "Network": "yolov2.network.spec:Network",
    "Weights": "yolov2.darknet.weights:Weights",
    "Yolov2Error": "yolov2.errors:Yolov2Error",
    "architectures": "yolov2.network.architectures",
    "check": "yolov2.evaluate.check:check",
    "evaluate": "yolov2.evaluate",
    "load": "yolov2.detect.detector:Detector.open",
    "opencv": "yolov2.opencv",
    "train": "yolov2.train",
}

_VERBS = {  # rooms that are also called: yolov2.evaluate(...), whoever imported yolov2.evaluate before
    "evaluate": "yolov2.evaluate.evaluation:evaluate",
    "train": "yolov2.verbs.train:train",
}


def __getattr__(name: str) -> Any:
    """The public name from its home, loaded now. Raises AttributeError for any other name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _load(_HOMES[name])
    globals()[name] = value  # asked once only
    return value


def _load(home: str) -> Any:
    module, _, path = home.partition(":")
    value = import_module(module)
    for attribute in path.split(".") if path else ():
        value = getattr(value, attribute)
    return value


class _Room(ModuleType):
    """A room that does its verb when it is called."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _load(_VERBS[self.__name__.rpartition(".")[2]])(*arguments, **options)


class _Door(ModuleType):
    """This module: the import system sets a room on it as soon as any file of the room is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and isinstance(value, ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
