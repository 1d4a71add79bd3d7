"""The torch backend: the module's numbers with batch norm folded, and refusals for what is not there."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import golden_cases
from yolov2.backends.torch_backend import TorchBackend, find_device, without_batch_norm
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
from yolov2.model.module import DarknetModule
from yolov2.network.layers import BatchNorm, Connected, Convolutional, MaxPool
from yolov2.network.shapes import Shape, parameters
from yolov2.network.spec import Network

FOLDED_NOISE = 5e-6  # batch norm folded or apart, another order of sums: as between Darknet and float64, times 5

NETWORK = Network(
    Shape(3, 12, 8),
    (
        Convolutional(filters=6, size=3, padding=1, batch_normalize=True, activation="leaky"),
        MaxPool(size=2, stride=2, padding=1),
        BatchNorm(),
        Convolutional(filters=4, activation="linear"),
        Connected(output=5, batch_normalize=True, activation="linear"),
    ),
)


LOWEST = {"scales": 0.5, "rolling_mean": -0.1, "rolling_variance": 0.01, "biases": -0.1, "weights": -0.1}
SPAN = {"scales": 1.0, "rolling_mean": 0.2, "rolling_variance": 0.01, "biases": 0.2, "weights": 0.2}


def random_weights(network: Network) -> Weights:
    """Weights with small variances, on which the two arithmetics differ by a thousandth."""
    generator = np.random.default_rng(3)
    layers = [
        {
            name: np.float32(LOWEST[name]) + np.float32(SPAN[name]) * generator.random(shape, np.float32)
            for name, shape in parameters(layer, given)
        }
        for layer, given in zip(network.layers, network.inputs, strict=True)
    ]
    return Weights(tuple(layers))


WEIGHTS = random_weights(NETWORK)
IMAGES = np.random.default_rng(4).random((2, 3, 12, 8), np.float32)


@pytest.mark.parametrize("arithmetic", ["gpu", "cpu"])
def test_folding_changes_rounding_alone(arithmetic):
    network = replace(NETWORK, arithmetic=arithmetic)
    with torch.inference_mode():
        expected = DarknetModule(network, WEIGHTS).eval()(torch.from_numpy(IMAGES)).numpy()
    found = TorchBackend(network, WEIGHTS, device="cpu")(IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=FOLDED_NOISE * np.abs(expected).max())


def test_the_head_comes_with_channels_first_in_memory_too():
    network = Network(NETWORK.input, NETWORK.layers[:1])
    raw = TorchBackend(network, Weights(WEIGHTS.layers[:1]), device="cpu")(IMAGES)
    assert raw.shape == (2, 6, 12, 8)
    assert raw.flags.c_contiguous


def test_folded_layers_have_weights_and_biases_alone():
    network, weights = without_batch_norm(NETWORK, WEIGHTS)
    assert [set(arrays) for arrays in weights.layers] == [
        {"weights", "biases"},
        set(),
        {"scales", "rolling_mean", "rolling_variance"},
        {"weights", "biases"},
        {"weights", "biases"},
    ]
    assert network.shapes == NETWORK.shapes


@pytest.mark.golden
@pytest.mark.parametrize("arithmetic", golden_cases.ARITHMETICS)
@pytest.mark.parametrize("name", golden_cases.SMALL)
def test_the_raw_head_is_darknets(small_golden, recipe, name, arithmetic):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic=arithmetic)
    found = TorchBackend(case.network, case.weights, device="cpu")(case.images)
    golden_cases.assert_close(found, case.executed[case.network.raw_index], what=name)


@pytest.mark.golden
def test_the_head_of_tiny_yolov2_voc_is_darknets(golden, recipe):
    case = golden_cases.big_case(golden, recipe, name="yolov2-tiny-voc_416", arithmetic="gpu")
    found = TorchBackend(case.network, case.weights, device="cpu")(case.images)
    np.testing.assert_allclose(found, case.layers[case.network.raw_index], rtol=0, atol=golden_cases.BIG_TOLERANCE)


def test_views_that_torch_would_refuse_are_taken():
    backend = TorchBackend(NETWORK, WEIGHTS, device="cpu")
    read_only = IMAGES.copy()
    read_only.flags.writeable = False
    backwards = IMAGES[:, :, ::-1].copy()[:, :, ::-1]
    np.testing.assert_array_equal(backend(read_only), backend(IMAGES))
    np.testing.assert_array_equal(backend(backwards), backend(IMAGES))


def test_an_empty_batch_gives_no_rows():
    assert TorchBackend(NETWORK, WEIGHTS, device="cpu")(IMAGES[:0]).shape == (0, 5, 1, 1)


def test_threads_are_those_asked_for():
    before = torch.get_num_threads()
    try:
        TorchBackend(NETWORK, WEIGHTS, device="cpu", threads=before + 1)
        assert torch.get_num_threads() == before + 1
        TorchBackend(NETWORK, WEIGHTS, device="cpu")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "cpu:0:0", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    message = rf"^backend torch: found device {name}, expected one of auto, cpu.*; use device auto$"
    with pytest.raises(BackendError, match=message):
        TorchBackend(NETWORK, WEIGHTS, device=name)


def test_auto_is_cuda_where_it_is_and_else_the_cpu():
    assert find_device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")


def test_without_torch_the_refusal_says_how_to_install_it():
    code = """
import sys
sys.modules["torch"] = None
from yolov2.backends.torch_backend import TorchBackend
from yolov2.network.layers import Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
try:
    TorchBackend(Network(Shape(25, 1, 1), (Region(),)), Weights(({},)))
except BackendError as refusal:
    print(refusal)
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "backend torch: found no package, expected torch; pip install 'yolov2[train]'\n"


def test_the_file_itself_loads_no_torch():
    code = "import sys, yolov2.backends.torch_backend; print('torch' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "False\n"


@pytest.mark.gpu
def test_cuda_gives_float32_even_where_tf32_is_allowed():
    network = Network(Shape(64, 32, 32), (Convolutional(filters=64, size=3, padding=1, activation="linear"),))
    weights = random_weights(network)
    images = np.random.default_rng(4).random((1, 64, 32, 32), np.float32)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        found = TorchBackend(network, weights, device="cuda:0")(images)
    expected = TorchBackend(network, weights, device="cpu")(images)
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # sums of 576 products in another order; TF32 misses by 1e-4
