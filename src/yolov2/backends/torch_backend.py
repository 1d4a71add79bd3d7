"""The torch backend: the network as a torch module with batch norm folded, in exact float32 on any device of torch."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
from yolov2.graph.fold import folded
from yolov2.network.layers import Connected, Convolutional, Layer
from yolov2.network.spec import Network

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]

CUDNN_SWITCH = Lock()


class TorchBackend:
    """Runs a network with torch, as far as the raw head.

    device: "auto" is the first CUDA device if there is one, else the CPU. threads: those of torch on the CPU, set for
    the whole process; None leaves them as they are.
    Raises BackendError if torch is not installed or has no such device.
    """

    name = "torch"

    def __init__(self, network: Network, weights: Weights, *, device: str = "auto", threads: int | None = None) -> None:
        try:
            import torch
        except ImportError as missing:
            repair = "pip install 'yolov2[train]'"
            raise BackendError.at("backend torch", found="no package", expected="torch", repair=repair) from missing
        from yolov2.model.module import DarknetModule

        self.device = find_device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        module = DarknetModule(*without_batch_norm(network, weights)).eval().requires_grad_(False)
        # On a CPU, oneDNN's convolutions are a fifth quicker with channels last
        layout = torch.channels_last if self.device == "cpu" else torch.contiguous_format
        module.to(self.device).to(memory_format=layout)  # pyright: ignore[reportCallIssue] - torch's stubs lack it
        self._module, self._layout = module, layout

    def __call__(self, images: Floats) -> Floats:  # (B, C, H, W) -> (B, raw channels, rows, columns)
        import torch

        given = torch.as_tensor(np.require(images, np.float32, ("C", "W")))  # torch wants arrays it could write to
        with torch.inference_mode(), without_tf32(self.device):
            raw: torch.Tensor = self._module(given.to(self.device, memory_format=self._layout))
            return raw.to("cpu").contiguous().numpy()

    def close(self) -> None:
        """Nothing to close: memory goes with the object."""


def find_device(name: str) -> str:
    """The device of that name as torch calls it. Raises BackendError if torch does not have it here."""
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    known = ["cpu", *cuda, *mps]
    wanted = {"auto": cuda[0] if cuda else "cpu", "cuda": "cuda:0"}.get(name, name)
    if wanted not in known:
        raise BackendError.at(
            "backend torch",
            found=f"device {name}",
            expected=f"one of auto, {', '.join(known)}",
            repair="use device auto",
        )
    return wanted


@contextmanager
def without_tf32(device: str) -> Generator[None]:
    """Convolutions in full float32: TF32 keeps 10 bits of each factor, and torch allows cuDNN to use it unasked."""
    if not device.startswith("cuda"):
        yield
        return
    import torch

    # The switch is one for the process: a second thread would put it back under the first
    with CUDNN_SWITCH, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def without_batch_norm(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """The same network with batch norm folded into the weights of every convolutional and connected layer."""
    layers: list[Layer] = []
    arrays = list(weights.layers)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Convolutional | Connected) and layer.batch_normalize:
            kernels, bias = folded(layer, arrays[index], arithmetic=network.arithmetic)
            arrays[index] = {"weights": kernels, "biases": bias}
            layer = replace(layer, batch_normalize=False)
        layers.append(layer)
    return replace(network, layers=tuple(layers)), replace(weights, layers=tuple(arrays))
