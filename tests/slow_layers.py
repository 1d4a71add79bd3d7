"""The slow twin of both executors: every layer as plain loops in float64, written from Darknet's rules and nothing else.

Batch norm is not folded, pools and reorg go value by value. Anybody can check it against Darknet's C; nobody should wait
for it on a map of more than a few cells.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.weights import Weights
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Crop,
    Layer,
    MaxPool,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.spec import Arithmetic, Network, is_decoded

Map = NDArray[np.float64]  # (C, H, W): one picture
Arrays = Mapping[str, NDArray[np.float32]]

FLT_MAX = float(np.finfo(np.float32).max)


def slow_outputs(network: Network, weights: Weights, images: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """The output of every layer (B, C, H, W); a region and a softmax over a tree give their input back."""
    per_picture = [_picture_outputs(network, weights, image.astype(np.float64)) for image in images]
    return [np.stack(maps) for maps in zip(*per_picture, strict=True)]


def _picture_outputs(network: Network, weights: Weights, image: Map) -> list[Map]:
    outputs: list[Map] = []
    for layer, arrays in zip(network.layers, weights.layers, strict=True):
        x = outputs[-1] if outputs else image
        outputs.append(_layer(layer, x, arrays, outputs, network.arithmetic))
    return outputs


def _layer(layer: Layer, x: Map, arrays: Arrays, outputs: list[Map], arithmetic: Arithmetic) -> Map:
    if is_decoded(layer):
        return x
    match layer:
        case Convolutional():
            sums = slow_convolution(x, arrays["weights"], layer)
            return slow_activation(_norm_or_bias(layer, sums, arrays, arithmetic), layer.activation)
        case Connected():
            sums = np.array([np.sum(row * x.ravel()) for row in arrays["weights"].astype(np.float64)])[:, None, None]
            return slow_activation(_norm_or_bias(layer, sums, arrays, arithmetic), layer.activation)
        case BatchNorm():
            return _normalised(x, arrays, arithmetic)
        case Activation():
            return slow_activation(x, layer.activation)
        case MaxPool():
            return slow_max_pool(x, layer)
        case AvgPool():
            return np.array([channel.sum() / channel.size for channel in x])[:, None, None]
        case Upsample():
            c, h, w = x.shape
            y = np.zeros((c, h * layer.stride, w * layer.stride))
            for k, j, i in np.ndindex(y.shape):
                y[k, j, i] = layer.scale * x[k, j // layer.stride, i // layer.stride]
            return y
        case Reorg():
            return slow_reorg(x, layer)
        case Route():
            return np.concatenate([outputs[source] for source in layer.layers])
        case Shortcut():
            return slow_activation(slow_shortcut(x, outputs[layer.source], layer), layer.activation)
        case Crop():
            top, left = (x.shape[1] - layer.height) // 2, (x.shape[2] - layer.width) // 2
            window = x[:, top : top + layer.height, left : left + layer.width]
            return window if layer.noadjust else 2 * window - 1
        case Softmax():
            return slow_softmax(x, layer)
        case _:  # dropout and cost do nothing at inference
            return x


def slow_convolution(x: Map, kernels: NDArray[np.float32], layer: Convolutional) -> Map:
    """Sums of products under every window, zeros outside; no bias yet. Source: Darknet `forward_convolutional_layer`."""
    n, size, stride, pad = layer.filters, layer.size, layer.stride, layer.padding
    c, h, w = x.shape
    inputs, filters = c // layer.groups, n // layer.groups  # of one group
    padded = np.zeros((c, h + 2 * pad, w + 2 * pad))
    padded[:, pad : pad + h, pad : pad + w] = x
    y = np.zeros((n, (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1))
    for k, j, i in np.ndindex(y.shape):
        first = k // filters * inputs
        window = padded[first : first + inputs, j * stride : j * stride + size, i * stride : i * stride + size]
        y[k, j, i] = np.sum(window * kernels[k])
    return y


def slow_max_pool(x: Map, layer: MaxPool) -> Map:
    """The largest of every window; half of the padding, rounded down, comes first. Source: `forward_maxpool_layer`."""
    c, h, w = x.shape
    size, stride, pad = layer.size, layer.stride, layer.padding
    y = np.full((c, (h + pad - size) // stride + 1, (w + pad - size) // stride + 1), -FLT_MAX)
    for k, j, i in np.ndindex(y.shape):
        for n, m in np.ndindex(size, size):
            row, column = j * stride - pad // 2 + n, i * stride - pad // 2 + m
            if 0 <= row < h and 0 <= column < w:
                y[k, j, i] = max(y[k, j, i], x[k, row, column])
    return y


def slow_reorg(x: Map, layer: Reorg) -> Map:
    """Rows and columns into channels or back, value by value. Source: `reorg_cpu`; the plain order: DARKNET.md 3."""
    s = layer.stride
    c, h, w = x.shape
    if not layer.reverse and not layer.legacy:
        plain = np.zeros((c * s * s, h // s, w // s))
        for k, j, i in np.ndindex(plain.shape):
            off, channel = divmod(k, c)
            plain[k, j, i] = x[channel, j * s + off // s, i * s + off % s]
        return plain
    given, made = x.ravel(), np.zeros(x.size)
    channels = c // (s * s)
    for k, j, i in np.ndindex(x.shape):  # loops of the input's size in both directions
        off, channel = divmod(k, channels)
        wide = (i * s + off % s) + w * s * ((j * s + off // s) + h * s * channel)
        narrow = i + w * (j + h * k)
        if layer.reverse:
            made[wide] = given[narrow]
        else:
            made[narrow] = given[wide]
    return made.reshape((channels, h * s, w * s) if layer.reverse else (c * s * s, h // s, w // s))


def slow_shortcut(x: Map, other: Map, layer: Shortcut) -> Map:
    """The previous output, with the earlier one added where both have a place. Source: `shortcut_cpu`."""
    stride, sample = max(other.shape[2] // x.shape[2], 1), max(x.shape[2] // other.shape[2], 1)
    y = x.copy()
    for k, j, i in np.ndindex(*(min(a, b) for a, b in zip(x.shape, other.shape, strict=True))):
        place = k, j * sample, i * sample
        y[place] = layer.alpha * x[place] + layer.beta * other[k, j * stride, i * stride]
    return y


def slow_softmax(x: Map, layer: Softmax) -> Map:
    """Equal parts of the flat input, or the channels of each position. Source: `softmax_cpu`."""
    parts = x.reshape(len(x), -1).T if layer.spatial else x.reshape(layer.groups, -1)
    rows = []
    for part in parts:
        powers = [math.exp(value / layer.temperature - part.max() / layer.temperature) for value in part]
        rows.append([power / sum(powers) for power in powers])
    return (np.array(rows).T if layer.spatial else np.array(rows)).reshape(x.shape)


def slow_activation(x: Map, name: str) -> Map:
    """Every value through one of Darknet's activations."""
    return np.array([ACTIVATIONS[name](float(value)) for value in x.ravel()]).reshape(x.shape)


def _plse(x: float) -> float:
    return 0.01 * (x + 4) if x < -4 else 0.01 * (x - 4) + 1 if x > 4 else 0.125 * x + 0.5


def _lhtan(x: float) -> float:
    return 0.001 * x if x < 0 else 0.001 * (x - 1) + 1 if x > 1 else x


def _stair(x: float) -> float:
    n = math.floor(x)
    return float(math.floor(x / 2)) if n % 2 == 0 else (x - n) + math.floor(x / 2)


ACTIVATIONS: dict[str, Callable[[float], float]] = {  # Source: Darknet activations.h
    "linear": lambda x: x,
    "leaky": lambda x: x if x > 0 else 0.1 * x,
    "relu": lambda x: x if x > 0 else 0.0,
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "loggy": lambda x: 2 / (1 + math.exp(-x)) - 1,
    "tanh": math.tanh,
    "elu": lambda x: x if x >= 0 else math.exp(x) - 1,
    "selu": lambda x: 1.0507 * (x if x >= 0 else 1.6732 * (math.exp(x) - 1)),
    "relie": lambda x: x if x > 0 else 0.01 * x,
    "ramp": lambda x: max(x, 0.0) + 0.1 * x,
    "plse": _plse,
    "hardtan": lambda x: -1.0 if x < -1 else 1.0 if x > 1 else x,
    "lhtan": _lhtan,
    "stair": _stair,
}


def _norm_or_bias(layer: Convolutional | Connected, sums: Map, arrays: Arrays, arithmetic: Arithmetic) -> Map:
    if layer.batch_normalize:
        sums = _normalised(sums, arrays, arithmetic)
    return sums + arrays["biases"].astype(np.float64)[:, None, None]


def _normalised(x: Map, arrays: Arrays, arithmetic: Arithmetic) -> Map:
    """(x - mean) / deviation * scale; the two rules for the deviation are Darknet's two programs."""
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    y = np.zeros_like(x)
    for k, channel in enumerate(x):
        variance = exact["rolling_variance"][k]
        deviation = math.sqrt(variance + 1e-5) if arithmetic == "gpu" else math.sqrt(variance) + 1e-6
        y[k] = (channel - exact["rolling_mean"][k]) / deviation * exact["scales"][k]
    return y
