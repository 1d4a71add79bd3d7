"""The network as data: an input shape and a tuple of layers. Everything else in the house is a walk over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from yolov2.network.layers import Cost, Layer, Region, Route, Shortcut, Softmax, section_name
from yolov2.network.mismatch import Mismatch
from yolov2.network.shapes import Parameter, Shape, output_shape, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

Arithmetic = Literal["gpu", "cpu"]  # which of Darknet's two programs: batch norm over sqrt(v + 1e-5), or sqrt(v) + 1e-6

POLICIES = ("constant", "step", "steps", "exp", "poly", "sigmoid", "random")
LARGEST = 2**31  # parameters, or values flowing for one picture: more than any network of the family by far


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The options of `[net]` that only training reads. Source: Darknet `parse_net_options`."""

    batch: int = 1  # pictures a weight update
    subdivisions: int = 1
    time_steps: int = 1
    learning_rate: float = 0.001
    momentum: float = 0.9
    decay: float = 0.0001
    policy: str = "constant"
    burn_in: int = 0
    power: float = 4.0
    step: int = 1
    scale: float = 1.0
    steps: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    gamma: float = 1.0
    max_batches: int = 0
    angle: float = 0.0
    aspect: float = 1.0
    saturation: float = 1.0
    exposure: float = 1.0
    hue: float = 0.0
    min_crop: int | None = None  # None: the input's width
    max_crop: int | None = None  # None: twice that
    min_ratio: float | None = None  # None: min_crop / width
    max_ratio: float | None = None
    center: bool = False
    clip: float = 0.0
    random: bool = False
    notruth: bool = False
    adam: bool = False
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-7

    def __post_init__(self) -> None:
        for key in ("batch", "subdivisions", "time_steps"):
            if getattr(self, key) < 1:
                raise Mismatch(
                    key,
                    found=f"{key}={getattr(self, key)} in [net]",
                    expected="a whole number from 1",
                    repair=f"write {key}=1",
                    layer=-1,
                )
        if self.policy not in POLICIES:
            raise Mismatch(
                "policy",
                found=f"policy={self.policy} in [net]",
                expected=f"one of {', '.join(POLICIES)}",
                repair="write policy=constant, or what the network was trained with",
                layer=-1,
            )
        if self.policy == "steps" and not 0 < len(self.steps) <= len(self.scales):
            raise Mismatch(
                "steps",
                found=f"{len(self.steps)} steps and {len(self.scales)} scales in [net]",
                expected="a scale for every step, as policy=steps",
                repair="complete steps and scales, or write policy=constant",
                layer=-1,
            )


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the v2 family, checked as a whole.

    Raises Mismatch, a ValueError that names the layer, if a layer does not fit what comes before it.
    """

    input: Shape
    layers: tuple[Layer, ...]
    training: TrainingOptions = TrainingOptions()
    arithmetic: Arithmetic = "gpu"
    name: str = field(default="", compare=False)
    shapes: tuple[Shape, ...] = field(init=False, compare=False, repr=False)  # what comes out of every layer

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", infer_shapes(self.input, self.layers))

    @classmethod
    def read(cls, path: str | Path) -> Network:
        """The network of a Darknet .cfg file. Raises CfgError."""
        from yolov2.darknet.cfg import read_cfg

        return read_cfg(Path(path))

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """What goes into every layer: the output of the one before it."""
        return (self.input, *self.shapes[:-1])

    def parameters(self) -> Iterator[tuple[int, Parameter]]:
        """Every array of the network with the index of its layer, in the order of a .weights file."""
        for index, (layer, given) in enumerate(zip(self.layers, self.inputs, strict=True)):
            for parameter in parameters(layer, given):
                yield index, parameter

    @property
    def head_index(self) -> int:
        """Index of the last layer that computes anything: that before a closing [cost]."""
        index = len(self.layers) - 1
        while index > 0 and isinstance(self.layers[index], Cost):
            index -= 1
        return index

    @property
    def head(self) -> Layer:
        """The last layer that computes anything: a Region for detectors, most often a Softmax for classifiers."""
        return self.layers[self.head_index]

    @property
    def region(self) -> Region | None:
        """The detection head, if the network is a detector."""
        return self.head if isinstance(self.head, Region) else None

    @property
    def num_classes(self) -> int:
        """How many classes a detector or classifier tells apart; with a tree, its nodes."""
        return self.head.classes if isinstance(self.head, Region) else self.raw_shape.channels

    @property
    def raw_index(self) -> int:
        """The layer whose output is the raw head, where the executors end; -1 is the input itself.

        A Region and the softmax over a tree are not run by the executors but by `region/` and `hierarchy/`.
        """
        return self.head_index - 1 if is_decoded(self.head) else self.head_index

    @property
    def logits_index(self) -> int:
        """The layer whose output training looks at: the raw head, or what goes into a softmax at the end."""
        return self.head_index - 1 if isinstance(self.head, Region | Softmax) else self.head_index

    @property
    def raw_shape(self) -> Shape:
        """Shape of the raw head for one picture."""
        return self.input if self.raw_index < 0 else self.shapes[self.raw_index]

    def sources(self, index: int) -> tuple[int, ...]:
        """The layers whose outputs go into layer `index`, in the order it takes them; -1 is the network's input."""
        layer = self.layers[index]
        if isinstance(layer, Route):
            return layer.layers
        return (index - 1, layer.source) if isinstance(layer, Shortcut) else (index - 1,)

    def at_size(self, height: int, width: int) -> Network:
        """The same network on another input size. Raises Mismatch if a layer does not fit there."""
        return replace(self, input=Shape(self.input.channels, height, width))


def is_decoded(layer: Layer) -> bool:
    """Whether this layer is left to what comes after the executors."""
    return isinstance(layer, Region) or (isinstance(layer, Softmax) and layer.tree is not None)


def infer_shapes(given: Shape, layers: tuple[Layer, ...]) -> tuple[Shape, ...]:
    """The output shape of every layer of a network. Raises Mismatch."""
    _check_input(given)
    if not layers:
        raise Mismatch("layers", found="no layers", expected="at least one", repair="add a layer", layer=-1)
    shapes: list[Shape] = []
    total = given.size
    for index, layer in enumerate(layers):
        try:
            shapes.append(output_shape(index, layer, given, shapes))
        except Mismatch as wrong:
            wrong.layer = index if wrong.layer is None else wrong.layer
            raise
        if is_decoded(layer) and not all(isinstance(later, Cost) for later in layers[index + 1 :]):
            raise _not_last(index, layer)
        total += shapes[-1].size + sum(parameter.size for parameter in parameters(layer, given))
        given = shapes[-1]
        _check_total(index, layer, total)
    return tuple(shapes)


def _check_input(given: Shape) -> None:
    for key in ("width", "height", "channels"):
        value = getattr(given, key)
        if not 0 < value < LARGEST:
            raise Mismatch(
                key,
                found=f"{key}={value} in [net]",
                expected="a whole number above 0",
                repair=f"write {key}={3 if key == 'channels' else 416}",
                layer=-1,
            )


def _check_total(index: int, layer: Layer, total: int) -> None:
    if total > LARGEST:
        raise Mismatch(
            "filters",
            found=f"{total:,} parameters and values up to [{section_name(layer)}]",
            expected=f"at most {LARGEST:,}",
            repair="correct filters, size, or the network's width and height",
            layer=index,
        )


def _not_last(index: int, layer: Layer) -> Mismatch:
    return Mismatch(
        "classes",
        found=f"layers after [{section_name(layer)}]",
        expected="the end of the network, or [cost]",
        repair="remove what follows",
        layer=index,
    )
