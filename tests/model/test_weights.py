"""Arrays into a module and out again, exactly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov2.darknet.weights import Weights, initial_weights
from yolov2.model.module import DarknetModule
from yolov2.model.weights import arrays, load_arrays, tensors
from yolov2.network.layers import BatchNorm, Connected, Convolutional, MaxPool, Region
from yolov2.network.shapes import Shape, parameters
from yolov2.network.spec import Network

EVERY_KIND = Network(
    Shape(4, 6, 6),
    (
        Convolutional(filters=6, size=3, stride=2, padding=1, groups=2, batch_normalize=True, activation="leaky"),
        BatchNorm(),
        MaxPool(size=2, stride=2, padding=1),
        Connected(output=5, batch_normalize=True, activation="linear"),
        Connected(output=3, activation="linear"),
        Convolutional(filters=6, activation="linear"),
        Region(classes=1),
    ),
)


def random_weights(network: Network, *, seed: int = 1) -> Weights:
    generator = np.random.default_rng(seed)
    layers = [
        {name: generator.random(shape, np.float32) + np.float32(0.5) for name, shape in parameters(layer, given)}
        for layer, given in zip(network.layers, network.inputs, strict=True)
    ]
    return Weights(tuple(layers), seen=640)


def assert_equal(found: Weights, expected: Weights) -> None:
    assert [set(layer) for layer in found.layers] == [set(layer) for layer in expected.layers]
    for index, layer in enumerate(expected.layers):
        for name, array in layer.items():
            np.testing.assert_array_equal(found.layers[index][name], array, err_msg=f"layer {index} {name}")
            assert found.layers[index][name].dtype == np.float32


def test_what_goes_in_comes_out():
    weights = random_weights(EVERY_KIND)
    assert_equal(arrays(DarknetModule(EVERY_KIND, weights), seen=640), weights)


def test_seen_is_written_down():
    assert arrays(DarknetModule(EVERY_KIND), seen=99).seen == 99


def test_every_parameter_and_buffer_has_its_array_but_for_the_bias_of_a_batchnorm_layer():
    module = DarknetModule(EVERY_KIND)
    known = {id(tensor) for block in module.layers for tensor in tensors(block).values()}
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    assert [name for name, tensor in state.items() if id(tensor) not in known] == ["layers.1.bias"]


def test_without_weights_a_module_has_darknets_start_values():
    assert_equal(arrays(DarknetModule(EVERY_KIND)), initial_weights(EVERY_KIND))


def test_arrays_are_copies():
    module = DarknetModule(EVERY_KIND, random_weights(EVERY_KIND))
    before = arrays(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    assert_equal(before, random_weights(EVERY_KIND))


def test_a_module_does_not_share_memory_with_its_weights():
    weights = random_weights(EVERY_KIND)
    with torch.no_grad():
        for parameter in DarknetModule(EVERY_KIND, weights).parameters():
            parameter.add_(1)
    assert_equal(weights, random_weights(EVERY_KIND))


def test_read_only_arrays_are_taken():
    weights = random_weights(EVERY_KIND)
    for layer in weights.layers:
        for array in layer.values():
            array.flags.writeable = False
    assert_equal(arrays(DarknetModule(EVERY_KIND, weights)), weights)


def test_weights_of_another_depth_are_refused():
    weights = random_weights(EVERY_KIND)
    with pytest.raises(ValueError, match=r"^weights: found arrays of 6 layers, expected 7$"):
        load_arrays(DarknetModule(EVERY_KIND), replace(weights, layers=weights.layers[:-1]))


def test_an_array_of_another_shape_is_refused_by_its_layer():
    weights = random_weights(EVERY_KIND)
    wrong = {**weights.layers[4], "biases": np.zeros(4, np.float32)}
    layers = (*weights.layers[:4], wrong, *weights.layers[5:])
    message = (
        r"^weights of layer 4: found \{'biases': \(4,\), 'weights': \(3, 5\)\}, "
        r"expected \{'biases': \(3,\), 'weights': \(3, 5\)\}$"
    )
    with pytest.raises(ValueError, match=message):
        load_arrays(DarknetModule(EVERY_KIND), replace(weights, layers=layers))
