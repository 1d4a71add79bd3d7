"""A passthrough network in miniature, as the common PyTorch programs build it: their names, reorg, join and input."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yolov2.network.layers import Convolutional, MaxPool, Region, Reorg, Route
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network


def conv(filters: int, size: int) -> Convolutional:
    return Convolutional(filters, size=size, padding=size // 2, activation="leaky", batch_normalize=True)


NETWORK = Network(
    Shape(3, 8, 12),
    (
        conv(8, 3), MaxPool(2, 2, 1), conv(12, 3),  # 0 to 2
        Route((0,)), conv(4, 1), Reorg(stride=2),  # 3 to 5
        Route((5, 2)), conv(12, 3), Convolutional(14, activation="linear"),  # 6 to 8
        Region(((1.0, 2.0), (3.0, 4.0)), classes=2),
    ),
    name="passthrough",
)  # fmt: skip

# What each program calls its four convolutions with their batch norms, and its head.
NAMES = {
    "marvis/pytorch-yolo2": (
        ("models.0.conv1", "models.0.bn1"), ("models.2.conv2", "models.2.bn2"), ("models.4.conv3", "models.4.bn3"),
        ("models.7.conv4", "models.7.bn4"), ("models.8.conv5", ""),
    ),
    "longcw/yolo2-pytorch": (
        ("conv1s.0.0.conv", "conv1s.0.0.bn"), ("conv2.1.conv", "conv2.1.bn"), ("conv3.0.conv", "conv3.0.bn"),
        ("conv4.0.conv", "conv4.0.bn"), ("conv5.conv", ""),
    ),
    "tztztztztz/yolov2.pytorch": (
        ("conv1.0.0", "conv1.0.1"), ("conv2.1", "conv2.2"), ("downsampler.0", "downsampler.1"),
        ("conv4.0.0", "conv4.0.1"), ("conv4.1", ""),
    ),
    "uvipen/Yolo-v2-pytorch": (
        ("stage1_conv1.0", "stage1_conv1.1"), ("stage2_a_conv1.0", "stage2_a_conv1.1"),
        ("stage2_b_conv.0", "stage2_b_conv.1"), ("stage3_conv1.0", "stage3_conv1.1"), ("stage3_conv2", ""),
    ),
    "": (
        ("stem.layers.0", "stem.layers.1"), ("deep.layers.0", "deep.layers.1"), ("side.layers.0", "side.layers.1"),
        ("last.layers.0", "last.layers.1"), ("head", ""),
    ),
    "flat": (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("conv4", "bn4"), ("conv5", "")),
}  # fmt: skip


def plain_reorg(x: Tensor) -> Tensor:
    """Space to depth: channel (row in cell, column in cell, c)."""
    return torch.cat([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], 1)


def legacy_reorg(x: Tensor) -> Tensor:
    """The same after reading the numbers as a quarter of the channels on a map of twice the sides."""
    batch, channels, height, width = x.shape
    return plain_reorg(x.reshape(batch, channels // 4, height * 2, width * 2)).reshape(
        batch, -1, height // 2, width // 2
    )


class ForeignNet(nn.Module):
    """The network of one of the programs, with random numbers, ready to be asked and saved."""

    def __init__(
        self,
        names: Sequence[tuple[str, str]],
        *,
        order: Sequence[int] = range(5),
        norms_last: bool = False,
        conv_bias: bool = False,
        head_bias: bool = True,
        reorg: str = "plain",
        reverse: bool = False,
        pixels: float = 1.0,
    ) -> None:
        super().__init__()
        self.reorg, self.reverse, self.pixels = legacy_reorg if reorg == "legacy" else plain_reorg, reverse, pixels
        joined = 12 + 16
        sides = ((3, 8, 3), (8, 12, 3), (8, 4, 1), (joined, 12, 3), (12, 14, 1))
        self.parts: list[tuple[nn.Conv2d, nn.BatchNorm2d | None]] = []
        for index, (given, filters, size) in enumerate(sides):
            bias = conv_bias if index < 4 else head_bias
            kernels = nn.Conv2d(given, filters, size, padding=size // 2, bias=bias)
            largest = (6 / (given * size**2)) ** 0.5 / (pixels if index == 0 else 1)
            nn.init.uniform_(kernels.weight, -largest, largest)  # so that values stay near one, and every part counts
            self.parts.append((kernels, norm_of(filters) if index < 4 else None))
        late: list[tuple[str, nn.Module]] = []
        for index in order:
            (kernels, norm), (kernel_name, norm_name) = self.parts[index], names[index]
            add(self, kernel_name, kernels)
            if norm is not None:
                late.append((norm_name, norm))
                if not norms_last:
                    add(self, *late.pop())
        for name, norm in late:
            add(self, name, norm)

    def block(self, index: int, x: Tensor) -> Tensor:
        kernels, norm = self.parts[index]
        x = kernels(x)
        return x if norm is None else F.leaky_relu(norm(x), 0.1)

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, 8, 12) in 0 to 1 -> (B, 14, 4, 6)
        fine = self.block(0, images * self.pixels)
        coarse = self.block(1, F.max_pool2d(fine, 2))
        maps = [self.reorg(self.block(2, fine)), coarse]
        return self.block(4, self.block(3, torch.cat(maps[::-1] if self.reverse else maps, 1)))


def norm_of(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.uniform_(1, 2)
        for tensor in (norm.bias, norm.running_mean):
            assert tensor is not None
            tensor.uniform_(-1, 1)
        assert norm.running_var is not None
        norm.running_var.uniform_(0.5, 2)
    return norm


def add(module: nn.Module, name: str, part: nn.Module) -> None:
    """Put a module under a dotted name, with plain modules on the way."""
    *way, last = name.split(".")
    for step in way:
        if step not in dict(module.named_children()):
            module.add_module(step, nn.Module())
        module = getattr(module, step)
    module.add_module(last, part)


def foreign_net(program: str, **options: Any) -> ForeignNet:
    """The network as this program has it."""
    torch.manual_seed(7)
    if program == "uvipen/Yolo-v2-pytorch":
        options = {"reorg": "legacy", "reverse": True, "pixels": 255.0, "head_bias": False} | options
    return ForeignNet(NAMES[program], **options).eval()


def state_of(net: nn.Module, prefix: str = "") -> OrderedDict:
    """Its state dict as read_state gives it: arrays of float32, without counters."""
    return OrderedDict(
        (prefix + name, tensor.numpy().copy())
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point()
    )
