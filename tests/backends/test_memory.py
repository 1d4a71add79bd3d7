"""What a network is said to take of memory is what it takes, in a process of its own; and weights do not stay behind."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from yolov2.backends.memory import MB, memory_of, peak_memory
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import Weights, initial_weights, write_weights
from yolov2.detect.classifier import Classifier
from yolov2.detect.detector import Detector
from yolov2.network import architectures
from yolov2.network.layers import Convolutional, MaxPool, Region, Route
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

CHILD = Path(__file__).with_name("memory_child.py")
LEAST = 0.5  # of what is said: a statement that is never wrong because it is far too large says nothing

needs_linux = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="only Linux tells a process's own peak"
)


def finite_weights(network: Network) -> Weights:
    """Drawn weights with which values stay finite from layer to layer."""
    return Weights(
        tuple(
            {name: np.ones_like(array) if name == "rolling_variance" else array for name, array in layer.items()}
            for layer in initial_weights(network).layers
        )
    )


def written(folder: Path, network: Network) -> Path:
    cfg = folder / "my.cfg"
    cfg.write_text(format_cfg(network))
    write_weights(cfg.with_suffix(".weights"), finite_weights(network), network)
    return cfg


def peak_of(cfg: Path, backend: str, cache: Path | str = "-") -> int:
    ran = subprocess.run([sys.executable, CHILD, cfg, backend, cache], check=True, capture_output=True, text=True)
    return int(ran.stdout)


def assert_met(network: Network, peak: int, backend: str, *, cached: bool = False):
    said = peak_memory(network, backend, cached=cached)
    assert LEAST * said < peak < said, f"{network.name}, {backend}, cached={cached}: {peak / MB:.0f} of {said / MB:.0f}"


def check(folder: Path, network: Network, backend: str):
    """The statement holds without a cache; for ONNX Runtime also while it is filled, and when it is."""
    cfg = written(folder, network)
    assert_met(network, peak_of(cfg, backend), backend)
    if backend == "onnxruntime":
        assert_met(network, peak_of(cfg, backend, folder / "cache"), backend)
        assert_met(network, peak_of(cfg, backend, folder / "cache"), backend, cached=True)


@needs_linux
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_small_network_takes_what_is_said(tmp_path, backend):
    check(tmp_path, architectures.yolov2_tiny_voc(width=0.25), backend)


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
@pytest.mark.parametrize("size", [416, 832])
def test_yolov2_voc_takes_what_is_said(tmp_path, backend, size):
    check(tmp_path, architectures.yolov2_voc(size=size), backend)


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_yolo9000_takes_what_is_said_though_most_boxes_pass(tmp_path, backend):
    network = architectures.yolo9000(tree="my.tree", map=None)
    lines = [f"n{node} {node // 5 - 1}" for node in range(9418)]  # five roots, and five nodes below each node
    (tmp_path / "my.tree").write_text("\n".join(lines) + "\n")
    check(tmp_path, network, backend)


def test_outputs_are_alive_until_their_last_reader():
    layers = (
        Convolutional(4, activation="linear"),  # 4 x 8 x 8, read by the route
        MaxPool(2, 2),
        MaxPool(2, 2),
        Route((0,)),
        Convolutional(6, activation="linear"),
        Region(((1.0, 1.0),), classes=1),
    )
    network = Network(Shape(3, 8, 8), layers)
    most = (4 + 6) * 64  # the route beside the second convolution; nothing reads the pools any more
    weights, head = 4 * (16 + 30), 4 * 6 * 64
    assert peak_memory(network, "torch") == 315 * MB + int(1.4 * weights) + 4 * 4 * most + 2 * head


def test_more_pixels_and_more_pictures_take_more():
    small, large = (peak_memory(architectures.yolov2_tiny_voc(size=size)) for size in (416, 832))
    assert large > small
    assert peak_memory(architectures.yolov2_tiny_voc(), batch=8) > small


def test_the_statement_in_words():
    said = memory_of(architectures.yolov2_voc(size=(352, 608)))
    assert said.words == "about 820 MB to open and run at 608x352, 400 MB from the cache"
    assert memory_of(architectures.yolov2_voc(), cache=False).words == "about 820 MB to open and run at 416x416"
    assert memory_of(architectures.yolov2_voc(), "torch").cached is None


class Watched(dict):
    """A mapping of arrays that can be watched."""


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
@pytest.mark.parametrize("cache", [False, True], ids=["no cache", "cache"])
def test_a_detector_keeps_no_weights_beside_its_backend(tmp_path, backend, cache):
    network = architectures.yolov2_tiny_voc(width=0.01)
    check_let_go(Detector, network, backend=backend, cache=tmp_path if cache else None)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_classifier_keeps_no_weights_beside_its_backend(backend):
    check_let_go(Classifier, architectures.darknet19(width=0.01), backend=backend)


def check_let_go(kind, network, **options):
    arrays = [Watched(layer) for layer in finite_weights(network).layers]
    watched = [weakref.ref(array) for array in arrays]
    watched += [weakref.ref(array["weights"]) for array in arrays if array]
    with kind(network, Weights(tuple(arrays)), **options):
        arrays.clear()
        gc.collect()
        assert [ref for ref in watched if ref() is not None] == []
