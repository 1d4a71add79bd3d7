"""The two executors run the same network: any small one, layer by layer, against the slow twin and against each other."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from network_strategies import seeded_images, seeded_weights, small_networks
from slow_layers import slow_outputs
from yolov2.graph.build import build_graph
from yolov2.model.module import DarknetModule

# float32 against float64, of max(1, the largest value): the tolerance of golden/MANIFEST.md for layer outputs. Between
# the executors twice that, as each may be off on its own side.
TWIN_TOLERANCE = 5e-6
EXECUTOR_TOLERANCE = 2 * TWIN_TOLERANCE


def module_outputs(network, weights, images):
    with torch.inference_mode():
        return [output.numpy() for output in DarknetModule(network, weights).eval().layer_outputs(torch.tensor(images))]


def graph_outputs(network, weights, images):
    model = build_graph(network, weights, outputs=range(network.raw_index + 1)).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})


def assert_layers_equal(network, found, expected, *, tolerance):
    for index, layer in enumerate(network.layers[: network.raw_index + 1]):
        assert found[index].shape == expected[index].shape, f"layer {index}, {layer}"
        allowed = tolerance * max(1.0, np.abs(expected[index]).max())
        np.testing.assert_allclose(
            found[index], expected[index], rtol=0, atol=allowed, err_msg=f"layer {index}, {layer}"
        )


@given(network=small_networks(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_layer_of_the_module_is_the_slow_twins(network, seed):
    weights, images = seeded_weights(network, seed=seed), seeded_images(network, seed=seed)
    found, expected = module_outputs(network, weights, images), slow_outputs(network, weights, images)
    assert_layers_equal(network, found, expected, tolerance=TWIN_TOLERANCE)


@given(network=small_networks(most=9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_layer_of_the_module_is_the_graphs(network, seed):
    weights, images = seeded_weights(network, seed=seed), seeded_images(network, seed=seed)
    found, expected = module_outputs(network, weights, images), graph_outputs(network, weights, images)
    assert_layers_equal(network, found, expected, tolerance=EXECUTOR_TOLERANCE)


@pytest.mark.slow
@given(network=small_networks(most=9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=1500)
def test_every_layer_of_very_many_modules_is_the_graphs(network, seed):
    weights, images = seeded_weights(network, seed=seed), seeded_images(network, seed=seed)
    found, expected = module_outputs(network, weights, images), graph_outputs(network, weights, images)
    assert_layers_equal(network, found, expected, tolerance=EXECUTOR_TOLERANCE)
