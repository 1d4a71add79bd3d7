"""Batch norm in training over the pictures of all processes, as one process with all of them would have it."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

AXES = (0, 2, 3)  # batch, rows, columns
EPSILON = 1e-5


def shared_norm(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / sqrt(variance + 1e-5) with both over all processes; the mean, and the variance over N - 1, (C,).

    All in float32, as torch's own batch norm has it of bf16 and fp16.
    """
    x = x.float()
    count = x.numel() // x.shape[1] * dist.get_world_size()
    mean = _summed(x.sum(AXES)) / count
    away = x - mean[:, None, None]
    variance = _summed(away.square().sum(AXES)) / count
    normalised = away / torch.sqrt(variance + EPSILON)[:, None, None]
    return normalised, mean.detach(), variance.detach() * count / (count - 1)


def is_shared() -> bool:
    """Whether there are several processes."""
    return dist.is_available() and dist.is_initialized()


class Summed(torch.autograd.Function):
    """The sum over all processes. What each of them makes of it pulls on every part, so gradients are summed, too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        del ctx
        return _total(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        del ctx
        return _total(gradients[0])


def _summed(values: Tensor) -> Tensor:
    function: Any = Summed  # torch declares no type for apply
    return function.apply(values)


def _total(values: Tensor) -> Tensor:
    total = values.clone()
    dist.all_reduce(total)  # pyright: ignore[reportUnknownMemberType] - torch declares no type of a group
    return total
