"""Darknet's weight update in torch's words: SGD with momentum, decay on weights alone, a rate for each layer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from yolov2.model.module import DarknetModule
from yolov2.model.weights import tensors


def darknet_sgd(module: DarknetModule, *, momentum: float, decay: float) -> torch.optim.SGD:
    """SGD over all parameters that are trained. `set_rate` gives it the rate of each update.

    On the mean loss of a batch it is Darknet's update, which adds up a batch's gradients and scales the decay by its
    size. Weights of convolutions and connected layers decay; biases and scales do not.
    Source: Darknet `update_convolutional_layer`, `update_connected_layer`.
    """
    groups: list[dict[str, object]] = []
    for layer, block in zip(module.network.layers, module.layers, strict=False):
        trained = {name: tensor for name, tensor in tensors(block).items() if _is_trained(tensor)}
        for decays in (True, False):
            chosen = [tensor for name, tensor in trained.items() if (name == "weights") is decays]
            if chosen:
                scale = layer.options.learning_rate
                groups.append({"params": chosen, "weight_decay": decay if decays else 0.0, "scale": scale})
    return torch.optim.SGD(groups, lr=0.0, momentum=momentum)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next update; a layer with `learning_rate=` in its cfg takes so many times it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


@torch.no_grad()
def clamp_weights(module: DarknetModule, limit: float) -> None:
    """No weight of a convolution lies beyond the limit afterwards: `clip=` in `[net]`, done after every update.

    Source: Darknet `update_convolutional_layer_gpu`.
    """
    for convolution in _convolutions(module):
        convolution.weight.clamp_(-limit, limit)


def _convolutions(module: nn.Module) -> Iterable[nn.Conv2d]:
    return (part for part in module.modules() if isinstance(part, nn.Conv2d))


def _is_trained(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad
