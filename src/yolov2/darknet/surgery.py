"""Weights made of weights, as Darknet's commands on weight files make them. Reading and writing are weights.py's part.

Sums and products are Darknet's, in float32 and in its order, so that what is written is what it would write.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from yolov2.darknet.layout import NORM
from yolov2.darknet.weights import Arrays, Floats, Weights, check_arrays
from yolov2.network.layers import Connected, Convolutional, Layer
from yolov2.network.shapes import parameters
from yolov2.network.spec import Network

SWITCHED = (Convolutional, Connected)  # the layers that have batch norm or not, as their `batch_normalize` says
CONVOLUTIONAL_EPSILON = 1e-5  # Darknet: denormalize_convolutional_layer; its forward pass on a GPU has the same
CONNECTED_EPSILON = 1e-6  # Darknet: denormalize_connected_layer; its forward pass has 1e-5 here, too


def average(files: Sequence[Weights], network: Network) -> Weights:
    """The mean of the weights of one network; `seen` is that of the last.

    The batch norm of [connected] layers and all of [batchnorm] layers is not averaged: it is that of the first.
    Raises ValueError for no weights, or those of another network. Source: Darknet `average`.
    """
    if not files:
        raise ValueError("files: found none, expected one or more weights")
    for weights in files:
        check_arrays(weights, network)
    layers = [
        {
            name: _mean([weights.layers[index][name] for weights in files]) if _is_averaged(layer, name) else array
            for name, array in files[0].layers[index].items()
        }
        for index, layer in enumerate(network.layers)
    ]
    return Weights(tuple(layers), seen=files[-1].seen)


def denormalised(weights: Weights, network: Network) -> Weights:
    """Weights of `without_batch_norm(network)` that do what `weights` do in `network`; [batchnorm] layers stay.

    Source: Darknet `denormalize_net`.
    """
    check_arrays(weights, network)
    return replace(weights, layers=tuple(map(_folded, network.layers, weights.layers)))


def reset(weights: Weights, network: Network) -> Weights:
    """Weights of the same network, the batch norm folded into them: scale 1, mean 0 and variance 1 are left of it.

    Source: Darknet `reset_normalize_net`.
    """
    layers = [
        {**folded, **_fresh_norm(folded, variance=1)} if has_batch_norm(layer) else folded
        for layer, folded in zip(network.layers, denormalised(weights, network).layers, strict=True)
    ]
    return replace(weights, layers=tuple(layers))


def normalised(weights: Weights, network: Network) -> Weights:
    """Weights of `with_batch_norm(network)`. What is new has scale 1, mean 0 and variance 0: training must find it.

    Source: Darknet `normalize_net`.
    """
    check_arrays(weights, network)
    layers = [
        {**_fresh_norm(arrays, variance=0), **arrays} if isinstance(layer, SWITCHED) else arrays
        for layer, arrays in zip(network.layers, weights.layers, strict=True)
    ]
    return replace(weights, layers=tuple(layers))


def swapped_rgb(weights: Weights, network: Network) -> Weights:
    """Weights that see RGB where `weights` saw BGR, or the other way round.

    The first [convolutional] layer takes its channels in the other order. Raises ValueError unless it has three.
    Source: Darknet `rgbgr_net`.
    """
    check_arrays(weights, network)
    if (channels := first_channels(network)) != 3:
        raise ValueError(f"network: found a first convolution with {channels} channels, expected 3")
    first = _first_convolution(network)
    assert first is not None
    layers = list(weights.layers)
    layers[first] = {**layers[first], "weights": np.ascontiguousarray(layers[first]["weights"][:, ::-1])}
    return replace(weights, layers=tuple(layers))


def without_batch_norm(network: Network) -> Network:
    """The network without batch norm in its [convolutional] and [connected] layers."""
    return _with_switch(network, on=False)


def with_batch_norm(network: Network) -> Network:
    """The network with batch norm in all its [convolutional] and [connected] layers."""
    return _with_switch(network, on=True)


def first_channels(network: Network) -> int:
    """How many channels each filter of the first [convolutional] layer sees; 0 where there is no such layer."""
    first = _first_convolution(network)
    return 0 if first is None else parameters(network.layers[first], network.inputs[first])[-1].shape[1]


def has_batch_norm(layer: Layer) -> bool:
    """Whether this is a [convolutional] or [connected] layer with batch norm."""
    return isinstance(layer, SWITCHED) and layer.batch_normalize


def _first_convolution(network: Network) -> int | None:
    return next((index for index, layer in enumerate(network.layers) if isinstance(layer, Convolutional)), None)


def _with_switch(network: Network, *, on: bool) -> Network:
    layers = (replace(layer, batch_normalize=on) if isinstance(layer, SWITCHED) else layer for layer in network.layers)
    return replace(network, layers=tuple(layers))


def _is_averaged(layer: Layer, name: str) -> bool:
    return isinstance(layer, Convolutional) or name not in NORM


def _mean(arrays: Sequence[Floats]) -> Floats:
    total = arrays[0].copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for array in arrays[1:]:
            total += array
        total *= np.float32(1 / len(arrays))
    return total


def _folded(layer: Layer, arrays: Arrays) -> Arrays:
    """The biases and weights of a layer that need no batch norm any more."""
    if not has_batch_norm(layer):
        return arrays
    epsilon = CONVOLUTIONAL_EPSILON if isinstance(layer, Convolutional) else CONNECTED_EPSILON
    deviation = np.sqrt(arrays["rolling_variance"].astype(np.float64) + epsilon)
    kernels = arrays["weights"]
    with np.errstate(over="ignore", invalid="ignore"):
        factor = (arrays["scales"] / deviation).astype(np.float32)  # (outputs,)
        return {
            "biases": arrays["biases"] - arrays["rolling_mean"] * factor,
            "weights": kernels * factor.reshape(-1, *(1,) * (kernels.ndim - 1)),
        }


def _fresh_norm(arrays: Arrays, *, variance: float) -> Arrays:
    """Batch-norm arrays for these biases that training has not touched yet."""
    values = {"scales": 1.0, "rolling_mean": 0.0, "rolling_variance": variance}
    return {name: np.full_like(arrays["biases"], value) for name, value in values.items()}
