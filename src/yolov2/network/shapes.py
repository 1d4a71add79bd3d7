"""From one layer to the next: the shape that comes out and the parameters inside. The only place that knows either."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from yolov2.network.layers import (
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Crop,
    Layer,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
    section_name,
)
from yolov2.network.mismatch import Mismatch


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels, height and width of what flows between two layers, for one picture."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """How many numbers that is."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.width} x {self.height} x {self.channels}"  # Darknet's order: width x height x channels


class Parameter(NamedTuple):
    """One array of a layer, as it stands in a .weights file."""

    name: str  # biases, scales, rolling_mean, rolling_variance or weights
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def parameters(layer: Layer, given: Shape) -> tuple[Parameter, ...]:
    """The arrays of a layer whose input is `given`, in the order of a .weights file. Source: `load_weights_upto`."""
    match layer:
        case Convolutional(filters=n):
            norm = _norm(n) if layer.batch_normalize else ()
            kernels = (n, given.channels // layer.groups, layer.size, layer.size)
            return (Parameter("biases", (n,)), *norm, Parameter("weights", kernels))
        case Connected(output=n):  # here the statistics come after the weights
            norm = _norm(n) if layer.batch_normalize else ()
            return (Parameter("biases", (n,)), Parameter("weights", (n, given.size)), *norm)
        case BatchNorm():
            return _norm(given.channels)
        case _:
            return ()


def output_shape(index: int, layer: Layer, given: Shape, earlier: Sequence[Shape]) -> Shape:
    """What layer `index` makes of `given`, the output before it; `earlier` are the outputs of layers 0 to index - 1.

    Raises Mismatch if the layer can't stand here.
    """
    c, h, w = given.channels, given.height, given.width
    match layer:
        case Convolutional():
            if c % layer.groups:
                raise _mismatch(
                    index, layer, "groups", f"groups={layer.groups} on {c} channels", "groups that divide them"
                )
            pad = 2 * layer.padding
            return Shape(
                layer.filters, *(_windows(index, layer, side, layer.size, layer.stride, pad) for side in (h, w))
            )
        case Connected():
            return Shape(layer.output, 1, 1)
        case MaxPool():
            pad = layer.padding
            return Shape(c, *(_windows(index, layer, side, layer.size, layer.stride, pad) for side in (h, w)))
        case AvgPool():
            return Shape(c, 1, 1)
        case Upsample(stride=s):
            return Shape(c, h * s, w * s)
        case Reorg():
            return _reorg_shape(index, layer, given)
        case Route():
            return _route_shape(index, layer, earlier)
        case Shortcut():
            return _shortcut_shape(index, layer, given, earlier)
        case Crop():
            if layer.height > h or layer.width > w:
                found = f"a crop of {layer.width} x {layer.height} from {w} x {h}"
                raise _mismatch(index, layer, "crop_width", found, "one that fits inside")
            return Shape(c, layer.height, layer.width)
        case Softmax():
            if layer.tree is None and not layer.spatial and given.size % layer.groups:
                found = f"groups={layer.groups} on {given.size} numbers"
                raise _mismatch(index, layer, "groups", found, "groups that divide them")
            return given
        case Region():
            return _region_shape(index, layer, given)
        case _:
            return given


def _norm(channels: int) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, (channels,)) for name in ("scales", "rolling_mean", "rolling_variance"))


def _windows(index: int, layer: Layer, side: int, size: int, stride: int, pad: int) -> int:
    """How many windows of `size` fit on a side with `pad` cells added in all."""
    if side + pad < size:
        raise _mismatch(index, layer, "size", f"size={size} on a side of {side}", "a window no larger than its input")
    return (side + pad - size) // stride + 1


def _reorg_shape(index: int, layer: Reorg, given: Shape) -> Shape:
    s, c, h, w = layer.stride, given.channels, given.height, given.width
    if c % (s * s) and (layer.reverse or layer.legacy):
        raise _mismatch(
            index, layer, "stride", f"stride={s} on {c} channels", f"channels that are a multiple of {s * s}"
        )
    if layer.reverse:
        return Shape(c // (s * s), h * s, w * s)
    if h % s or w % s:
        raise _mismatch(
            index, layer, "stride", f"stride={s} on {w} x {h}", f"width and height that are multiples of {s}"
        )
    return Shape(c * s * s, h // s, w // s)


def _route_shape(index: int, layer: Route, earlier: Sequence[Shape]) -> Shape:
    if not layer.layers:
        raise _mismatch(index, layer, "layers", "no layers", "at least one layer to take")
    for source in layer.layers:
        _check_source(index, layer, source, "layers")
    shapes = [earlier[source] for source in layer.layers]
    if len({(shape.height, shape.width) for shape in shapes}) > 1:
        found = " and ".join(
            f"{shape.width} x {shape.height} (layer {i})" for i, shape in zip(layer.layers, shapes, strict=True)
        )
        raise _mismatch(index, layer, "layers", found, "outputs of one size")
    return Shape(sum(shape.channels for shape in shapes), shapes[0].height, shapes[0].width)


def _shortcut_shape(index: int, layer: Shortcut, given: Shape, earlier: Sequence[Shape]) -> Shape:
    _check_source(index, layer, layer.source, "from")
    other = earlier[layer.source]
    shrink = (
        max(other.width // given.width, 1),
        max(other.height // given.height, 1),
    )  # Darknet asserts that these agree
    grow = max(given.width // other.width, 1), max(given.height // other.height, 1)
    if shrink[0] != shrink[1] or grow[0] != grow[1]:
        found = f"{other.width} x {other.height} (layer {layer.source}) onto {given.width} x {given.height}"
        raise _mismatch(index, layer, "from", found, "sizes that differ by one factor")
    return given


def _check_source(index: int, layer: Layer, source: int, key: str) -> None:
    if not 0 <= source < index:
        found = f"a reference to layer {source} (written {source - index} from here)"
        raise _mismatch(index, layer, key, found, f"one of the {index} layers before it")


def _region_shape(index: int, layer: Region, given: Shape) -> Shape:
    if given.channels != layer.channels:
        key = "filters" if index else "channels"
        each = f"{layer.coords + 1} + {layer.classes} classes"
        raise Mismatch(
            key,
            found=f"{key}={given.channels} before [region]",
            expected=f"{layer.channels} = {layer.num_anchors} anchors * ({each})",
            repair=f"write {key}={layer.channels}, or correct classes and num",
            layer=index - 1,
        )
    return given


def _mismatch(index: int, layer: Layer, key: str, found: str, expected: str) -> Mismatch:
    return Mismatch(
        key,
        found=f"{found} in [{section_name(layer)}]",
        expected=expected,
        repair=f"correct {key} of layer {index}, or the size of the network's input",
        layer=index,
    )
