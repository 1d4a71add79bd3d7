"""Batch norm folded into the weights before it, in float64 and by Darknet's own formulas."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from yolov2.network.layers import BatchNorm, Connected, Convolutional
from yolov2.network.spec import Arithmetic

Floats = NDArray[np.float32]


def folded(
    layer: Convolutional | Connected | BatchNorm, arrays: Mapping[str, Floats], *, arithmetic: Arithmetic
) -> tuple[Floats, Floats]:
    """Weights and bias that do what the layer's own and its batch norm do together; for [batchnorm] factor and bias.

    arrays: those of the layer by the names of `network.shapes.parameters`.
    Source: Darknet `forward_batchnorm_layer`, `normalize_cpu`; y = (x - mean) / deviation * scale + bias.
    """
    if not isinstance(layer, BatchNorm) and not layer.batch_normalize:
        return arrays["weights"], arrays["biases"]
    factor = arrays["scales"].astype(np.float64) / deviation(arrays["rolling_variance"], arithmetic)  # (C,)
    bias = -factor * arrays["rolling_mean"]
    if isinstance(layer, BatchNorm):
        return _rounded(factor), _rounded(bias)
    weights = arrays["weights"]
    rounded = np.empty_like(weights)
    for row, k in enumerate(factor):  # filter by filter: a float64 copy of the whole would double the memory
        rounded[row] = _rounded(weights[row] * k)
    return rounded, _rounded(bias + arrays["biases"])


def deviation(variance: Floats, arithmetic: Arithmetic) -> NDArray[np.float64]:
    """What batch norm divides by, in float64. A variance below 0 gives NaN, as in Darknet."""
    exact = variance.astype(np.float64)
    with np.errstate(invalid="ignore"):
        if arithmetic == "cpu":
            return np.sqrt(exact) + 1e-6  # Darknet: normalize_cpu
        return np.sqrt(exact + 1e-5)  # Darknet: normalize_delta_kernel and cuDNN's rule; trained with


def _rounded(exact: NDArray[np.float64]) -> Floats:
    with np.errstate(over="ignore", under="ignore"):
        return exact.astype(np.float32)
