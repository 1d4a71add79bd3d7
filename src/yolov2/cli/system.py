"""`yolov2 info --system`: what is installed, which backends work, on which device and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yolov2.cli import options
from yolov2.cli.status import DONE
from yolov2.cli.terminal import columns, counted
from yolov2.errors import BackendError, printable

if TYPE_CHECKING:
    from pathlib import Path

WHY = {
    ("onnxruntime", "cpu"): "the only device it is used on",
    ("torch", "cpu"): "torch finds no CUDA device",
    ("torch", "cuda"): "the first CUDA device that torch finds",
}


def show_system(*, as_json: bool) -> int:
    """Print what is installed, and which backends work."""
    from yolov2.backends.base import BACKENDS
    from yolov2.evaluate.machine import machine, versions

    here, installed = machine(), versions()
    backends = {name: try_backend(name) for name in (*BACKENDS, "auto")}
    kept = _graph_cache(options.default_cache())
    if as_json:
        print(json.dumps({"machine": here, "versions": installed, "backends": backends, "graph_cache": kept}))
        return DONE
    facts = [
        ("processor", f"{here['cpu']}, {counted(here['cores'], 'core')}, {here['memory_gib']} GiB"),
        ("can do", ", ".join(here["flags"]) or "nothing that matters here"),
        ("system", here["system"]),
        *((name, version or "not installed") for name, version in installed.items()),
        ("graph cache", printable(_cache_words(kept))),
    ]
    print("\n".join(columns(facts, align="<<")), "", sep="\n")
    rows = [
        (
            f"backend {name}",
            printable(of["error"] or f"works on {of['device']}" + (f": {of['why']}" if of["why"] else "")),
        )
        for name, of in backends.items()
    ]
    print("\n".join(columns(rows, align="<<")))
    return DONE


def _graph_cache(folder: Path) -> dict[str, Any]:
    """Where prepared networks are kept, the bytes they take, and how many they may take."""
    from yolov2.backends.graph_cache import MOST_BYTES, size_of

    return {"folder": str(folder), "bytes": size_of(folder), "limit": MOST_BYTES}


def _cache_words(kept: dict[str, Any]) -> str:
    return f"{kept['folder']}, {kept['bytes'] / 1e6:,.0f} MB of at most {kept['limit'] / 2**30:.0f} GiB"


def try_backend(name: str) -> dict[str, str | None]:
    """The device on which this backend ran a tiny network, and why that one; or the error."""
    import numpy as np

    from yolov2.backends.base import open_backend
    from yolov2.darknet.weights import initial_weights
    from yolov2.network.layers import Convolutional
    from yolov2.network.shapes import Shape
    from yolov2.network.spec import Network

    network = Network(Shape(3, 4, 4), (Convolutional(filters=1, size=1, activation="linear"),))
    try:
        backend = open_backend(name, network, initial_weights(network))
        backend(np.zeros((1, 3, 4, 4), np.float32))
    except BackendError as refusal:
        return {"device": None, "why": None, "error": str(refusal)}
    device = getattr(backend, "device", "cpu")
    why = f"{backend.name} is the default" if name == "auto" else WHY.get((name, device.partition(":")[0]))
    backend.close()
    return {"device": device, "why": why, "error": None}
