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
    with pytest.raises(BackendError, match=r"^backend torch: found device cuda:99, expected "):
        open_backend("auto", NETWORK, WEIGHTS, device="cuda:99")


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_what_is_no_device_anywhere_is_refused_by_all(name):
    with pytest.raises(BackendError) as refusal:
        open_backend(name, NETWORK, WEIGHTS, device="gpu")
    assert str(refusal.value) == "device: found gpu, expected auto, cpu, cuda:N or mps; use device auto"


@pytest.mark.parametrize("name", ["auto", "torch"])
@pytest.mark.parametrize("device", ["cuda:0", "mps"])
def test_a_device_of_torch_without_torch_says_what_to_install(name, device, monkeypatch):
    monkeypatch.setattr("yolov2.backends.base.find_spec", lambda package: None)
    with pytest.raises(BackendError) as refusal:
        open_backend(name, NETWORK, WEIGHTS, device=device)
    assert str(refusal.value) == (
        f"device {device} needs the torch backend, which is not installed; pip install 'yolov2[train]'"
    )


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


@pytest.mark.parametrize("threads", [0, 1025, 100_000])
def test_more_threads_than_any_machine_runs_are_refused(threads):
    with pytest.raises(BackendError) as refusal:
        open_backend("onnxruntime", NETWORK, WEIGHTS, threads=threads)
    said = "expected 1 to 1,024; leave threads out to have one for each core"
    assert str(refusal.value) == f"backend onnxruntime: found {threads:,} threads, {said}"
