"""The choices between a picture and its boxes as one record, and a model run under any of them.

Programs that run the same network differ in these. What a difference means is compare.py's business.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from yolov2.backends.base import open_backend
from yolov2.boxes import cxcywh_from_xyxy, xyxy_from_cxcywh
from yolov2.darknet.weights import Weights
from yolov2.detect.decoder import PLACEMENTS
from yolov2.detect.detector import Detector
from yolov2.detect.models import Model
from yolov2.detect.settings import Settings
from yolov2.network.layers import BatchNorm, Reorg
from yolov2.network.spec import Network
from yolov2.pictures.elsewhere import render_opencv, render_pillow
from yolov2.pictures.letterbox import Image, Pixels, Placement, render, unletterbox
from yolov2.records import Detections, Frame

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]

INPUT = ("resize", "channels", "scale")
NETWORK = ("arithmetic", "reorg")
BOXES = ("anchors", "conf", "nms", "iou", "boxes", "unit")


@dataclass(frozen=True, slots=True)
class Setup:
    """How boxes are made of a picture, in the order in which it happens."""

    resize: str = "letterbox"  # of RULES; darknet's own, or after a dash another program's
    channels: str = "RGB"
    scale: float = 1.0  # what a white pixel is to the network
    arithmetic: str = "gpu"  # of EPSILONS
    reorg: str = "legacy"  # or "plain"
    anchors: float = 1.0  # a factor on those of the network
    conf: float | Mapping[str, float] = 0.25
    nms: str = "class"
    iou: float = 0.45
    boxes: str = "xyxy"  # of FORMATS
    unit: str = "picture"  # of UNITS

    def changes(self, base: Setup) -> dict[str, Any]:
        """What is otherwise than in `base`."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in pairs.items() if value != getattr(base, name)}


RENDERERS: dict[str, Callable[[Pixels, Placement], Image]] = {
    "": render,
    "opencv": render_opencv,
    "pillow": render_pillow,
}
RULES = tuple(f"{place}-{program}".rstrip("-") for program in RENDERERS for place in PLACEMENTS)
EPSILONS = {  # what batch norm divides by
    "gpu": "sqrt(variance + 1e-5) (Darknet on a GPU, PyTorch)",
    "cpu": "sqrt(variance) + 1e-6 (Darknet on a CPU)",
    "1e-3": "sqrt(variance + 1e-3) (Keras)",
    "1e-6": "sqrt(variance + 1e-6)",
}
FORMATS: dict[str, Callable[[Numbers], Numbers]] = {  # four numbers as written -> cxcywh
    "xyxy": cxcywh_from_xyxy,
    "xywh": lambda box: np.concatenate((box[..., :2] + box[..., 2:] / 2, box[..., 2:]), axis=-1),
    "cxcywh": lambda box: box,
}
UNITS = {
    "picture": "pixels of the picture",
    "fractions": "fractions of the picture",
    "letterboxed": "pixels of the picture with the letterbox not undone",
    "input": "pixels of the network input",
    "input fractions": "fractions of the network input",
}


ALTERNATIVES: dict[str, Sequence[Any]] = {
    "resize": RULES,
    "channels": ("RGB", "BGR"),
    "scale": (1.0, 255.0),
    "arithmetic": tuple(EPSILONS),
    "reorg": ("legacy", "plain"),
    "anchors": (1.0, 32.0, 1 / 32),
    "conf": (),  # whatever the lowest score says
    "nms": ("class", "objectness", "agnostic", "none"),
    "iou": (0.3, 0.4, 0.45, 0.5, 0.6, 0.7),
    "boxes": tuple(FORMATS),
    "unit": tuple(UNITS),
}


def alternatives(base: Setup, network: Network) -> dict[str, tuple[Any, ...]]:
    """What another program may have done in place of each choice of `base`, as far as it matters to this network."""
    is_normed = any(isinstance(x, BatchNorm) or getattr(x, "batch_normalize", False) for x in network.layers)
    is_reorged = any(isinstance(layer, Reorg) for layer in network.layers)
    idle = {"arithmetic": not is_normed, "reorg": not is_reorged}
    return {
        name: tuple(value for value in values if value != getattr(base, name) and not idle.get(name))
        for name, values in ALTERNATIVES.items()
    }


def base_setup(network: Network, settings: Settings) -> Setup:
    """What a model of ours does by itself."""
    plain = any(isinstance(layer, Reorg) and not layer.legacy for layer in network.layers)
    return Setup(
        resize=settings.resize,
        arithmetic=network.arithmetic,
        reorg="plain" if plain else "legacy",
        conf=settings.conf,
        nms=settings.nms,
        iou=settings.iou,
    )


def read_boxes(numbers: Numbers, setup: Setup, size: tuple[int, int], network_hw: tuple[int, int]) -> Numbers:
    """Boxes as somebody wrote them (N, 4), in the format and unit of `setup` -> xyxy in pixels of the picture."""
    (height, width), (net_h, net_w) = size, network_hw
    whole = {"picture": (width, height), "letterboxed": (width, height), "input": (net_w, net_h)}.get(
        setup.unit, (1, 1)
    )
    boxes = FORMATS[setup.boxes](numbers) / (whole * 2)
    if setup.unit not in ("picture", "fractions"):
        boxes = unletterbox(boxes, place(setup, size, network_hw))
    return xyxy_from_cxcywh(boxes) * ((width, height) * 2)


def place(setup: Setup, size: tuple[int, int], network_hw: tuple[int, int]) -> Placement:
    """Where a picture of this size lies on the network input."""
    return PLACEMENTS[setup.resize.partition("-")[0]](size, network_hw)


class Runs:
    """A model on the same pictures again and again, each time under another Setup. A context manager.

    It holds one backend at a time, and the raw heads of one run.
    """

    def __init__(self, model: Model, frames: Sequence[Frame], settings: Settings, **runtime: Any) -> None:
        if settings.size is not None:
            height, width = (settings.size, settings.size) if isinstance(settings.size, int) else settings.size
            model = replace(model, network=model.network.at_size(height, width))
        self.model, self.frames, self.given = model, frames, settings
        self.settings = replace(settings, size=None)  # the model has it already
        self.base = base_setup(model.network, settings)
        self._runtime = runtime
        self._open: tuple[tuple[str, str], Detector] | None = None
        self._raws: tuple[Any, list[Floats]] | None = None

    @property
    def input_hw(self) -> tuple[int, int]:
        return self.model.network.input.height, self.model.network.input.width

    def images(self, setup: Setup, *, count: int | None = None) -> list[Floats]:
        """The network's input of every picture, or of the first so many: (3, H, W)."""
        program = RENDERERS[setup.resize.partition("-")[2]]
        images = [program(frame.pixels, place(setup, frame.size, self.input_hw)) for frame in self.frames[:count]]
        order = slice(None, None, -1) if setup.channels == "BGR" else slice(None)
        return [np.ascontiguousarray(image[order]) * np.float32(setup.scale) for image in images]

    def raws(self, setup: Setup, images: Sequence[Floats] | None = None, *, count: int | None = None) -> list[Floats]:
        """The raw heads of these inputs, or else of those that `setup` makes."""
        key = setup.resize, setup.channels, setup.scale, setup.arithmetic, setup.reorg, images is None, count
        if self._raws is None or self._raws[0] != key:
            images = self.images(setup, count=count) if images is None else images[:count]
            self._raws = key, [self.detector(setup).raw(image[None])[0] for image in images]
        return self._raws[1]

    def layer(self, index: int, setup: Setup, images: Sequence[Floats]) -> list[Floats]:
        """The output of one layer for every input, by the runtime itself: that of the network that ends there."""
        network, weights = varied(self.model, setup)
        first = replace(network, layers=network.layers[: index + 1])
        arrays = replace(weights, layers=weights.layers[: index + 1])
        how = dict(self._runtime)
        backend = open_backend(how.pop("backend", "auto"), first, arrays, **how)
        try:
            return [backend(image[None])[0] for image in images]
        finally:
            backend.close()

    def found(self, setup: Setup, raws: Sequence[Floats]) -> list[Detections]:
        """What is found in every picture, given its raw head."""
        options: Any = {
            "conf": setup.conf,
            "iou": setup.iou,
            "nms": setup.nms,
            "resize": setup.resize.partition("-")[0],
        }
        other = copy.copy(self.detector(setup))
        anchors = tuple((width * setup.anchors, height * setup.anchors) for width, height in other.region.anchors)
        other.region = replace(other.region, anchors=anchors)
        detector = other.with_settings(**options)  # which decodes by this region
        with np.errstate(all="ignore"):  # a wrong setup may leave float32
            return [detector.decode(raw[None], sizes=[f.size])[0] for raw, f in zip(raws, self.frames, strict=False)]

    def detector(self, setup: Setup) -> Detector:
        """A Detector with the network of `setup`."""
        key = setup.arithmetic, setup.reorg
        if self._open is None or self._open[0] != key:
            self.close()
            network, weights = varied(self.model, setup)
            model, given = self.model, self.settings
            settings: Any = {field.name: getattr(given, field.name) for field in fields(given)}
            made = Detector(
                network, weights, names=model.names, tree=model.tree, map=model.map, **self._runtime, **settings
            )
            self._open = key, made
        return self._open[1]

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def varied(model: Model, setup: Setup) -> tuple[Network, Weights]:
    """The network and weights of a model with another batch norm or reorg."""
    network, weights = model.network, model.weights
    is_legacy = setup.reorg == "legacy"
    layers = tuple(replace(x, legacy=is_legacy) if isinstance(x, Reorg) else x for x in network.layers)
    network = replace(network, layers=layers, arithmetic="cpu" if setup.arithmetic == "cpu" else "gpu")
    if setup.arithmetic in ("gpu", "cpu"):
        return network, weights
    more = np.float32(float(setup.arithmetic) - 1e-5)  # beside the 1e-5 of "gpu"
    arrays = [
        {name: array + more if name == "rolling_variance" else array for name, array in layer.items()}
        for layer in weights.layers
    ]
    return network, replace(weights, layers=tuple(arrays))
