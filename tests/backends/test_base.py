"""Backends by name: the one that fits, or one line that says what there is."""

import subprocess
import sys

import numpy as np
import pytest

from network_strategies import seeded_images, seeded_weights
from yolov2.backends.base import BACKENDS, open_backend
from yolov2.errors import BackendError
from yolov2.network.layers import Convolutional
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

NETWORK = Network(Shape(3, 4, 4), (Convolutional(2, 3, padding=1, activation="leaky", batch_normalize=True),))
WEIGHTS = seeded_weights(NETWORK, seed=1)
ENGINE_NOISE = 1e-5  # two engines, another order of float32 sums; values near 1


def test_auto_is_onnx_runtime():
    assert open_backend("auto", NETWORK, WEIGHTS).name == "onnxruntime"
    assert open_backend("auto", NETWORK, WEIGHTS, device="cpu").name == "onnxruntime"


def test_auto_leaves_other_devices_to_torch():
    pytest.importorskip("torch", reason="torch comes with yolov2[train]")
    with pytest.raises(BackendError, match=r"torch.*toaster"):
        open_backend("auto", NETWORK, WEIGHTS, device="toaster")


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_gives_the_same_numbers(name):
    if name == "torch":
        pytest.importorskip("torch", reason="torch comes with yolov2[train]")
    images = seeded_images(NETWORK, seed=2)
    backend = open_backend(name, NETWORK, WEIGHTS, device="cpu", threads=1)
    found, expected = backend(images), open_backend("onnxruntime", NETWORK, WEIGHTS, threads=1)(images)
    assert (backend.name, found.shape, found.dtype) == (name, (2, 2, 4, 4), np.float32)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ENGINE_NOISE)
    backend.close()


@pytest.mark.parametrize(
    "name, options, line",
    [
        ("tensorrt", {}, "found no backend of this name, expected one of auto, onnxruntime, torch; use backend auto"),
        ("onnxruntime", {"precision": "bf16"}, "found precision bf16, expected fp32; use precision fp32"),
        (
            "onnxruntime",
            {"device": "cuda:0"},
            "found device cuda:0, expected auto or cpu; use backend torch, or device cpu",
        ),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(name, options, line):
    with pytest.raises(BackendError) as refusal:
        open_backend(name, NETWORK, WEIGHTS, **options)
    assert str(refusal.value) == f"backend {name}: {line}"


def test_naming_backends_loads_none():
    program = (
        "import sys; import yolov2.backends.base, yolov2.backends.onnxruntime_backend; "
        "print([name for name in ('onnxruntime', 'onnx', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
