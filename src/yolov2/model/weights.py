"""Arrays by layer, as a .weights file holds them <-> the parameters and buffers of a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from yolov2.darknet.weights import Weights
from yolov2.model.blocks import ConnectedBlock, ConvBlock, Norm

if TYPE_CHECKING:
    from yolov2.model.module import DarknetModule

Floats = NDArray[np.float32]


def load_arrays(module: DarknetModule, weights: Weights) -> None:
    """Set every parameter of the module to its array.

    Raises ValueError if the weights are those of another network: a layer too many or too few, or another shape.
    """
    expected, found = len(module.network.layers), len(weights.layers)
    if found != expected:
        raise ValueError(f"weights: found arrays of {found} layers, expected {expected}")
    with torch.no_grad():
        for index, block in enumerate(module.layers):
            targets, arrays = tensors(block), weights.layers[index]
            wanted = {name: tuple(target.shape) for name, target in targets.items()}
            given = {name: array.shape for name, array in arrays.items()}
            if given != wanted:
                raise ValueError(f"weights of layer {index}: found {given}, expected {wanted}")
            for name, target in targets.items():
                # torch warns of arrays that it can't write to, as those of a file are: they are copied first
                target.copy_(torch.as_tensor(np.require(arrays[name], requirements=("C", "W"))))


def arrays(module: DarknetModule, *, seen: int = 0) -> Weights:
    """Copies of all parameters of the module in float32; `seen` is the number of pictures it was trained on."""
    head: list[dict[str, Floats]] = [{} for _ in module.network.layers[len(module.layers) :]]  # it has none
    copies = [{name: copied(tensor) for name, tensor in tensors(block).items()} for block in module.layers]
    return Weights(layers=(*copies, *head), seen=seen)


def tensors(block: nn.Module) -> dict[str, Tensor]:
    """What a block holds, by the names of `network.shapes.parameters`; nothing for a block that holds nothing."""
    match block:
        case ConvBlock():
            return {**_affine(block.norm, block.conv.bias), "weights": block.conv.weight}
        case ConnectedBlock():
            return {**_affine(block.norm, block.linear.bias), "weights": block.linear.weight}
        case Norm():
            return _statistics(block)
        case _:
            return {}


def copied(tensor: Tensor) -> Floats:
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous().numpy()


def _affine(norm: nn.Module, bias: Tensor | None) -> dict[str, Tensor]:
    if isinstance(norm, Norm):
        return {"biases": norm.bias, **_statistics(norm)}
    assert bias is not None
    return {"biases": bias}


def _statistics(norm: Norm) -> dict[str, Tensor]:
    return {"scales": norm.weight, "rolling_mean": norm.running_mean, "rolling_variance": norm.running_var}
