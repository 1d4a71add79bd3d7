"""Batch norm in training as Darknet's own code has it, where its builds with cuDNN, and torch, divide by N."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

EPSILON = 1e-5
AXES = (0, 2, 3)  # batch, rows, columns


class PlainNorm(torch.autograd.Function):
    """(x - mean) / sqrt(variance + 1e-5) over a batch (B, C, H, W), the variance over N - 1; and both, (C,).

    Its gradient is Darknet's, which takes 2 / N for the derivative of that variance: close to the true one, not it.
    Source: Darknet `forward_batchnorm_layer`, `backward_batchnorm_layer`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean(AXES)
        variance = (x - mean[:, None, None]).square().sum(AXES) / (x.numel() // x.shape[1] - 1)
        ctx.save_for_backward(x, mean, variance)
        ctx.mark_non_differentiable(mean, variance)
        return (x - mean[:, None, None]) / torch.sqrt(variance + EPSILON)[:, None, None], mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, mean, variance = ctx.saved_tensors
        g, count = gradients[0], x.numel() // x.shape[1]
        away = x - mean[:, None, None]
        root = torch.sqrt(variance + EPSILON)
        of_mean = -g.sum(AXES) / root
        of_variance = -0.5 * (variance + EPSILON) ** -1.5 * (g * away).sum(AXES)
        # Darknet: normalize_delta_cpu, 2 / N where the variance over N - 1 would have 2 / (N - 1)
        spread = (2 * of_variance)[:, None, None] * away + of_mean[:, None, None]
        return g / root[:, None, None] + spread / count


def plain_norm(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised x, mean and variance: see PlainNorm."""
    function: Any = PlainNorm  # torch declares no type for apply
    return function.apply(x)
