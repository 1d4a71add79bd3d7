"""One torch module for each kind of layer, made from its record. Which feeds which is the business of module.py."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yolov2.model.activations import ACTIVATIONS
from yolov2.model.plain_norm import plain_norm
from yolov2.model.shared_norm import is_shared, shared_norm
from yolov2.network import layers
from yolov2.network.shapes import Shape
from yolov2.network.spec import Arithmetic


class Norm(nn.Module):
    """Batch norm per channel of (B, C, H, W), in either of Darknet's two arithmetics.

    Training is torch's own in both: it normalises with the variance over N and keeps the one over N - 1, which is what
    Darknet does where it is built with cuDNN; `is_plain` is what it does without. Source: Darknet `batchnorm_layer.c`.
    """

    is_plain = False
    is_shared = False  # in training over the pictures of all processes, where there are several
    momentum: float | Tensor = 0.01  # the part of the new; Darknet: forward_batchnorm_layer keeps .99 of the old

    running_mean: Tensor  # (C,)
    running_var: Tensor  # (C,)

    def __init__(self, channels: int, *, arithmetic: Arithmetic, has_bias: bool = True) -> None:
        super().__init__()
        self.arithmetic = arithmetic
        self.weight = nn.Parameter(torch.ones(channels))
        if has_bias:
            self.bias = nn.Parameter(torch.zeros(channels))
        else:
            self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> same
        if self.arithmetic == "cpu" and not self.training:
            return self._normalize_cpu(x)
        if self.training and self.is_plain:
            return self._scaled(*plain_norm(x))
        if self.training and self.is_shared and is_shared():
            return self._scaled(*shared_norm(x)).to(x.dtype)
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=1e-5)
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        y = F.batch_norm(x, mean, variance, self.weight, self.bias, training=True, momentum=1.0, eps=1e-5)
        self._keep(mean, variance)
        return y

    def _scaled(self, normalised: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """The output of a batch normalised elsewhere, whose statistics are kept."""
        self._keep(mean, variance)
        return normalised * self.weight[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """The running statistics follow those of a batch."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)

    def _normalize_cpu(self, x: Tensor) -> Tensor:
        deviation = torch.sqrt(self.running_var) + 1e-6  # Darknet: normalize_cpu adds outside the root
        rows = (self.running_mean, deviation, self.weight, self.bias)
        mean, deviation, scale, bias = (row[:, None, None] for row in rows)  # (C, 1, 1)
        return (x - mean) / deviation * scale + bias


class ConvBlock(nn.Module):
    """One [convolutional] section. Source: Darknet `forward_convolutional_layer`."""

    def __init__(self, layer: layers.Convolutional, channels: int, *, arithmetic: Arithmetic = "gpu") -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels,
            layer.filters,
            layer.size,
            layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            bias=not layer.batch_normalize,
        )
        self.norm = Norm(layer.filters, arithmetic=arithmetic) if layer.batch_normalize else nn.Identity()
        self.activation = ACTIVATIONS[layer.activation]

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, filters, ...)
        return self.activation(self.norm(self.conv(x)))


class ConnectedBlock(nn.Module):
    """One [connected] section; it stays a map of one cell. Source: Darknet `forward_connected_layer`."""

    def __init__(self, layer: layers.Connected, given: Shape, *, arithmetic: Arithmetic = "gpu") -> None:
        super().__init__()
        self.linear = nn.Linear(given.size, layer.output, bias=not layer.batch_normalize)
        self.norm = Norm(layer.output, arithmetic=arithmetic) if layer.batch_normalize else nn.Identity()
        self.activation = ACTIVATIONS[layer.activation]

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, output, 1, 1)
        return self.activation(self.norm(self.linear(x.flatten(1))[:, :, None, None]))


class Activation(nn.Module):
    """One [activation] section."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x)


class MaxPool(nn.Module):
    """The largest of each window, with Darknet's total padding: half of it in front, the larger half behind.

    Source: Darknet `forward_maxpool_layer`, whose first window starts padding // 2 before the first row.
    """

    def __init__(self, layer: layers.MaxPool) -> None:
        super().__init__()
        self.size, self.stride, self.padding = layer.size, layer.stride, layer.padding
        # torch pads both sides alike and at most half a window; then no copy of the input is needed
        self.is_symmetric = layer.padding % 2 == 0 and layer.padding <= layer.size

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, (H + padding - size) // stride + 1, likewise)
        if self.is_symmetric:
            return F.max_pool2d(x, self.size, self.stride, padding=self.padding // 2)
        left, right = self._pads(x.shape[3])
        top, bottom = self._pads(x.shape[2])
        if left or right or top or bottom:
            # Darknet: forward_maxpool_layer counts what lies outside as -FLT_MAX
            x = F.pad(x, (left, right, top, bottom), value=torch.finfo(x.dtype).min)
        return F.max_pool2d(x, self.size, self.stride)

    def _pads(self, side: int) -> tuple[int, int]:
        """Cells to add in front of and behind a side; behind, only as far as the last window reaches."""
        before = self.padding // 2
        last = (side + self.padding - self.size) // self.stride * self.stride - before  # where the last window starts
        return before, max(last + self.size - side, 0)


class AvgPool(nn.Module):
    """The mean over rows and columns: (B, C, H, W) -> (B, C, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


class Upsample(nn.Module):
    """Every value repeated in both directions, times `scale`: (B, C, H, W) -> (B, C, H * stride, W * stride)."""

    def __init__(self, layer: layers.Upsample) -> None:
        super().__init__()
        self.stride, self.scale = layer.stride, layer.scale

    def forward(self, x: Tensor) -> Tensor:
        repeated = F.interpolate(x, scale_factor=self.stride, mode="nearest")
        return repeated if self.scale == 1 else self.scale * repeated


class Reorg(nn.Module):
    """Rows and columns into channels: (B, C, H, W) -> (B, C * s * s, H / s, W / s); the way back with `reverse`.

    Source: paper section 2, "Fine-Grained Features"; Darknet `reorg_cpu`.
    """

    def __init__(self, layer: layers.Reorg) -> None:
        super().__init__()
        self.stride, self.reverse, self.legacy = layer.stride, layer.reverse, layer.legacy

    def forward(self, x: Tensor) -> Tensor:
        s = self.stride
        batch, channels, height, width = x.shape
        if self.reverse:  # channel (row in cell, column in cell, c) -> that row and column of channel c
            cells = x.reshape(batch, s, s, channels // (s * s), height, width).permute(0, 3, 4, 1, 5, 2)
            return cells.reshape(batch, channels // (s * s), height * s, width * s)
        if self.legacy:
            # Darknet: reorg_cpu reads the numbers as if they were (C / s / s, H * s, W * s)
            cells = x.reshape(batch, channels // (s * s), height, s, width, s)
        else:
            cells = x.reshape(batch, channels, height // s, s, width // s, s)
        return cells.permute(0, 3, 5, 1, 2, 4).reshape(batch, channels * s * s, height // s, width // s)


class Route(nn.Module):
    """The given maps, one after the other along the channels."""

    def forward(self, *maps: Tensor) -> Tensor:
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)


class Shortcut(nn.Module):
    """alpha * x + beta * other on the channels and places that both have, x elsewhere; then the activation.

    Of a larger `other` every stride-th cell is taken; a smaller one is spread over every stride-th cell of x.
    Source: Darknet `shortcut_cpu`.
    """

    def __init__(self, layer: layers.Shortcut) -> None:
        super().__init__()
        self.alpha, self.beta = layer.alpha, layer.beta
        self.activation = ACTIVATIONS[layer.activation]

    def forward(self, x: Tensor, other: Tensor) -> Tensor:  # (B, C, H, W), (B, C2, H2, W2) -> (B, C, H, W)
        if x.shape == other.shape:
            return self.activation(self.alpha * x + self.beta * other)
        channels, height, width = (min(a, b) for a, b in zip(x.shape[1:], other.shape[1:], strict=True))
        stride, spread = max(other.shape[3] // x.shape[3], 1), max(x.shape[3] // other.shape[3], 1)
        taken = other[:, :channels, ::stride, ::stride][:, :, :height, :width]
        y = x.clone()
        shared = y[:, :channels, : height * spread : spread, : width * spread : spread]
        shared.copy_(self.alpha * shared + self.beta * taken)
        return self.activation(y)


class Crop(nn.Module):
    """The middle window of (B, C, H, W), then 2x - 1.

    In training, too: where chance cuts is the business of the augmentation, not of the network.
    Source: Darknet `forward_crop_layer`.
    """

    def __init__(self, layer: layers.Crop) -> None:
        super().__init__()
        self.height, self.width, self.noadjust = layer.height, layer.width, layer.noadjust

    def forward(self, x: Tensor) -> Tensor:
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        window = x[:, :, top : top + self.height, left : left + self.width]
        return window if self.noadjust else 2 * window - 1


class Softmax(nn.Module):
    """Softmax over each of `groups` equal parts of all numbers of a picture, or over the channels of every place.

    Source: Darknet `forward_softmax_layer`.
    """

    def __init__(self, layer: layers.Softmax) -> None:
        super().__init__()
        self.groups, self.temperature, self.spatial = layer.groups, layer.temperature, layer.spatial

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> same
        tempered = x / self.temperature
        if self.spatial:
            return torch.softmax(tempered, dim=1)
        return torch.softmax(tempered.reshape(x.shape[0], self.groups, -1), dim=2).reshape(x.shape)
