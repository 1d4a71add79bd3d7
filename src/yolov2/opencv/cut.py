"""A network cut off behind one of OpenCV's layers, so that the backends answer with what comes out of that layer."""

from dataclasses import replace

import numpy as np

from yolov2.darknet.weights import Arrays, Weights
from yolov2.network.layers import Connected, Convolutional, Crop, Layer, Shortcut
from yolov2.network.spec import Network
from yolov2.opencv.names import Named, Part


def cut(network: Network, weights: Weights, named: Named) -> tuple[Network, Weights]:
    """The layers up to and with `named`, whose output is the raw head of this network."""
    *before, last = network.layers[: named.layer + 1]
    arrays = weights.layers[: named.layer]
    part = _part(last, named.part)
    return (
        replace(network, layers=(*before, part)),
        replace(weights, layers=(*arrays, _arrays_of(part, last, weights.layers[named.layer]))),
    )


def _part(layer: Layer, part: Part) -> Layer:
    """The layer without what OpenCV counts as layers behind this one."""
    match layer, part:
        case Convolutional() | Connected(), "sums":
            return replace(layer, batch_normalize=False, activation="linear")
        case Convolutional() | Connected(), "normed":
            return replace(layer, activation="linear")
        case Shortcut(), "sums":
            return replace(layer, activation="linear")
        case Crop(), "sums":
            return replace(layer, noadjust=True)
        case _:
            return layer


def _arrays_of(part: Layer, layer: Layer, arrays: Arrays) -> Arrays:
    """With a batch norm, the bias is added behind it: the sums before have none."""
    is_norm_gone = getattr(layer, "batch_normalize", False) and not getattr(part, "batch_normalize", False)
    if not is_norm_gone:
        return arrays
    return {"biases": np.zeros_like(arrays["biases"]), "weights": arrays["weights"]}
