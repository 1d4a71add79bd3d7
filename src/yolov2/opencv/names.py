"""The layers of a network under OpenCV's names, as its Darknet importer gave them.

One section of a .cfg can be several of OpenCV's layers: a convolution, its batch norm, its activation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from yolov2.network.layers import (
    Activation,
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
)
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

# What of a section: its sums, these after batch norm, all of it; or what the region layer is given, channels last
Part = Literal["sums", "normed", "output", "turned"]

INPUT_NAME = "data"  # what `setInput` may call the input
LAYER_OF_INPUT = "_input"  # the layer with the number 0

ACTIVATION_TYPES = {"leaky": "ReLU", "relu": "ReLU", "logistic": "Sigmoid", "tanh": "TanH", "elu": "ELU"}


@dataclass(frozen=True, slots=True)
class Named:
    """One of OpenCV's layers."""

    name: str
    type: str  # OpenCV's word
    layer: int  # the section it belongs to, counted from 0
    part: Part = "output"


def named_layers(network: Network) -> tuple[Named, ...]:
    """The layers in OpenCV's order; the first has the number 1. The name of an activation counts on by one."""
    layers: list[Named] = []
    number = 0
    for index, layer in enumerate(network.layers):
        layers += _named(layer, index, number)
        number += 2 if _is_adjusted(layer) else 1
    return tuple(layers)


def unconnected(network: Network, layers: tuple[Named, ...]) -> tuple[int, ...]:
    """The numbers, from 1, of those layers whose outputs no other takes."""
    taken = {source for index in range(len(network.layers)) for source in network.sources(index)}
    last = {named.layer: number for number, named in enumerate(layers, start=1)}  # of a section, the one behind it all
    return tuple(number for layer, number in last.items() if layer not in taken)


def shape_of(named: Named, network: Network) -> Shape:
    """What comes out of a layer for one picture; `turned` as it was before."""
    return network.inputs[named.layer] if named.part == "turned" else network.shapes[named.layer]


def is_flat(network: Network, index: int) -> bool:
    """Whether OpenCV's output has two axes: after [connected], until a layer that has rows and columns again."""
    layer, before = network.layers[index], network.sources(index)[0]
    hands_on = isinstance(layer, Softmax | Activation | BatchNorm) or _type_and_name(layer)[1] == "identity"
    return isinstance(layer, Connected) or (hands_on and before >= 0 and is_flat(network, before))


def _named(layer: Layer, index: int, number: int) -> Iterator[Named]:
    match layer:
        case Convolutional() | Connected():
            kind, word = (
                ("Convolution", "conv") if isinstance(layer, Convolutional) else ("InnerProduct", "fullyConnected")
            )
            is_bare = layer.activation == "linear"
            yield Named(f"{word}_{number}", kind, index, "output" if is_bare and not layer.batch_normalize else "sums")
            if layer.batch_normalize:
                yield Named(f"bn_{number}", "BatchNorm", index, "output" if is_bare else "normed")
            yield from _activation(layer.activation, index, number)
        case Shortcut():
            yield Named(f"shortcut_{number}", "Eltwise", index, "output" if layer.activation == "linear" else "sums")
            yield from _activation(layer.activation, index, number)
        case Crop():
            yield Named(f"crop_{number}", "Slice", index, "sums" if _is_adjusted(layer) else "output")
            if _is_adjusted(layer):
                yield Named(f"adjust_crop_{number + 1}", "Scale", index)
        case Region():
            yield Named(f"permute_{number}", "Permute", index, "turned")
            yield Named("detection_out", "Region", index)
        case _:
            kind, word = _type_and_name(layer)
            yield Named(f"{word}_{number}", kind, index)


def _activation(activation: str, index: int, number: int) -> Iterator[Named]:
    if activation != "linear":
        yield Named(f"{activation}_{number + 1}", ACTIVATION_TYPES.get(activation, activation), index)


def _type_and_name(layer: Layer) -> tuple[str, str]:
    match layer:
        case MaxPool():
            return "Pooling", "pool"
        case AvgPool():
            return "Pooling", "avgpool"
        case Reorg():
            return "Reorg", "reorg"
        case Upsample():
            return "Resize", "upsample"
        case Softmax():
            return "Softmax", "softmax"
        case Route(layers=sources) if len(sources) > 1:
            return "Concat", "concat"
        case BatchNorm():  # this and the next: OpenCV has none, the names are ours
            return "BatchNorm", "bn"
        case Activation():
            return ACTIVATION_TYPES.get(layer.activation, layer.activation), "activation"
        case _:  # [dropout], [cost], [route] to one layer
            return "Identity", "identity"


def _is_adjusted(layer: Layer) -> bool:
    """Whether a [crop] maps 0..1 to -1..1, in OpenCV a layer with a number of its own."""
    return isinstance(layer, Crop) and not layer.noadjust
