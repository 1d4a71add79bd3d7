"""The same network for other classes: the last layers follow from the data, never from editing by hand."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from yolov2.network.layers import Connected, Convolutional, Layer, Softmax
from yolov2.network.mismatch import Mismatch
from yolov2.network.shapes import Parameter, parameters
from yolov2.network.spec import Network

Anchors = Iterable[tuple[float, float]]  # width, height in cells


def for_classes(network: Network, classes: int, *, anchors: Anchors | None = None) -> Network:
    """The network with a head for so many classes, and for these anchors; without a tree and a map.

    Of a detector the layer before `[region]` gets the filters that the head wants; of a classifier the last layer with
    weights. Raises Mismatch where there is none that could.
    """
    layers, region = list(network.layers), network.region
    wanted = classes
    if region is not None:
        chosen = region.anchors if anchors is None else tuple((float(w), float(h)) for w, h in anchors)
        region = replace(region, anchors=chosen, classes=classes, tree=None, map=None)
        layers[-1], wanted = region, region.channels
    elif isinstance(network.head, Softmax):
        layers[network.head_index] = replace(network.head, tree=None)
    index = last_with_weights(network)
    layers[index] = _of_width(layers[index], wanted)
    return replace(network, layers=tuple(layers))


def same_layers(network: Network, other: Network) -> int:
    """How many layers, from the first on, have the same parameters in both: what one's weights can give the other."""
    ours, theirs = _parameters(network), _parameters(other)
    same = (type(a) is type(b) and ours[k] == theirs[k] for k, (a, b) in enumerate(zip(network.layers, other.layers)))  # noqa: B905 - the shorter decides
    return len(list(takewhile(bool, same)))


def _parameters(network: Network) -> list[list[Parameter]]:
    """The parameters of every layer."""
    return [list(parameters(layer, given)) for layer, given in zip(network.layers, network.inputs, strict=True)]


def last_with_weights(network: Network) -> int:
    """Index of the layer that says what the classes are. Raises Mismatch where there is none."""
    for index in range(len(network.layers) - 1, -1, -1):
        if isinstance(network.layers[index], Convolutional | Connected):
            return index
    expected = "a layer with weights before its end"
    raise Mismatch("layers", found="none", expected=expected, repair="take another network", layer=-1)


def _of_width(layer: Layer, width: int) -> Layer:
    if isinstance(layer, Convolutional):
        return replace(layer, filters=width)
    assert isinstance(layer, Connected)
    return replace(layer, output=width)
