"""Darknet's activations as functions of a tensor, by the names a .cfg gives them. Source: Darknet `activations.h`."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor


def linear(x: Tensor) -> Tensor:
    return x


def loggy(x: Tensor) -> Tensor:
    """The logistic function from -1 to 1."""
    return 2 * torch.sigmoid(x) - 1


def selu(x: Tensor) -> Tensor:
    return 1.0507 * F.elu(x, alpha=1.6732)  # Darknet: selu_activate rounds both constants, torch's own selu does not


def ramp(x: Tensor) -> Tensor:
    return F.relu(x) + 0.1 * x


def plse(x: Tensor) -> Tensor:
    """A logistic function of three straight pieces."""
    low, high = 0.01 * (x + 4), 0.01 * (x - 4) + 1
    return torch.where(x < -4, low, torch.where(x > 4, high, 0.125 * x + 0.5))


def lhtan(x: Tensor) -> Tensor:
    """Flat, then the identity from 0 to 1, then flat again."""
    return torch.where(x < 0, 0.001 * x, torch.where(x > 1, 0.001 * (x - 1) + 1, x))


def stair(x: Tensor) -> Tensor:
    """Flat from an even number to the next odd one, then rising by 1 to the next even one."""
    whole, half = torch.floor(x), torch.floor(x / 2)
    return torch.where(torch.remainder(whole, 2) == 0, half, (x - whole) + half)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": linear,
    "leaky": partial(F.leaky_relu, negative_slope=0.1),
    "relu": F.relu,
    "logistic": torch.sigmoid,
    "loggy": loggy,
    "tanh": torch.tanh,
    "elu": F.elu,
    "selu": selu,
    "relie": partial(F.leaky_relu, negative_slope=0.01),
    "ramp": ramp,
    "plse": plse,
    "hardtan": F.hardtanh,
    "lhtan": lhtan,
    "stair": stair,
}
