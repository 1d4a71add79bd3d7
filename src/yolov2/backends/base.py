"""The Backend protocol, and the one place that knows every backend's name. Each runtime has a file of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
from yolov2.network.spec import Network

Floats = NDArray[np.float32]

MOST_THREADS = 1024  # a runtime starts as many as it is told, and ends by standing still


class Backend(Protocol):
    """Runs the network as far as the raw head, and knows nothing of boxes. May be called from several threads."""

    @property
    def name(self) -> str:
        """What `open_backend` calls it."""
        ...

    def __call__(self, images: Floats) -> Floats:
        """The raw head (B, channels, rows, columns) of images (B, C, H, W), RGB in [0, 1], of the network's size."""
        ...

    def close(self) -> None:
        """Give back what it holds; it is not called again."""
        ...


def open_backend(
    name: str,
    network: Network,
    weights: Weights,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "fp32",
    cache: Path | None = None,
) -> Backend:
    """The backend of that name, ready to run `network` at its own input size.

    name: one of BACKENDS, or "auto": torch for a device that only torch has, else ONNX Runtime.
    threads: of the CPU; None leaves the choice to the runtime. cache: a folder for what takes long to prepare.
    Raises BackendError for an unknown name or device, a missing package, too many threads, and what the backend lacks.
    """
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        expected, repair = f"1 to {MOST_THREADS:,}", "leave threads out to have one for each core"
        raise _refusal(name, found=f"{threads:,} threads", expected=expected, repair=repair)
    if precision != "fp32":
        raise _refusal(name, found=f"precision {precision}", expected="fp32", repair="use precision fp32")
    _check_device(name, device)
    if name == "auto":
        name = "onnxruntime" if device in ("auto", "cpu") else "torch"
    if name not in BACKENDS:
        expected = f"one of auto, {', '.join(BACKENDS)}"
        raise _refusal(name, found="no backend of this name", expected=expected, repair="use backend auto")
    return BACKENDS[name](network, weights, device, threads, cache)


def _check_device(name: str, device: str) -> None:
    """Raises BackendError for what is no device anywhere, and for one that only torch has where torch is missing."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device):
        expected = "auto, cpu, cuda:N or mps"
        raise BackendError.at("device", found=device, expected=expected, repair="use device auto")
    if name in ("auto", "torch") and device not in ("auto", "cpu") and find_spec("torch") is None:
        raise BackendError(
            f"device {device} needs the torch backend, which is not installed; pip install 'yolov2[train]'"
        )


def _onnxruntime(network: Network, weights: Weights, device: str, threads: int | None, cache: Path | None) -> Backend:
    from yolov2.backends.onnxruntime_backend import OnnxRuntimeBackend

    if device not in ("auto", "cpu"):
        repair = "use backend torch, or device cpu"
        raise _refusal("onnxruntime", found=f"device {device}", expected="auto or cpu", repair=repair)
    return OnnxRuntimeBackend(network, weights, threads=threads, cache=cache)


def _torch(network: Network, weights: Weights, device: str, threads: int | None, cache: Path | None) -> Backend:
    from yolov2.backends.torch_backend import TorchBackend

    return TorchBackend(network, weights, device=device, threads=threads)


def _refusal(name: str, *, found: str, expected: str, repair: str) -> BackendError:
    return BackendError.at(f"backend {name}", found=found, expected=expected, repair=repair)


Loader = Callable[[Network, Weights, str, int | None, Path | None], Backend]

BACKENDS: dict[str, Loader] = {"onnxruntime": _onnxruntime, "torch": _torch}
