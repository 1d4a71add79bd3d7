"""The graph against the slow twin, on networks of any layers; and what is written into it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network_strategies import seeded_images, seeded_weights, small_networks
from sessions import run_model
from slow_layers import slow_outputs
from yolov2 import __version__
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
from yolov2.graph.build import build_graph, write_graph
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Cost,
    Crop,
    Dropout,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.mismatch import ACTIVATIONS, Mismatch
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

# float32 against float64, of max(1, the largest value): 6 layers of golden/MANIFEST.md's 1e-6, each of which may
# stretch the error of those before it (selu 1.8, alpha and beta 2 each).
TWIN_TOLERANCE = 5e-6


def raw_of(network, *, seed=1, **options):
    """Raw head of the graph and of the slow twin."""
    weights, images = seeded_weights(network, seed=seed), seeded_images(network, seed=seed)
    expected = slow_outputs(network, weights, images)[network.raw_index] if network.raw_index >= 0 else images
    return run_model(build_graph(network, weights, **options), images)[0], expected


def assert_twin(found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TWIN_TOLERANCE * max(1, abs(expected).max()))


def assert_every_layer_is_the_twins(network, *, seed):
    weights, images = seeded_weights(network, seed=seed), seeded_images(network, seed=seed)
    outputs = range(network.raw_index + 1)
    found = run_model(build_graph(network, weights, outputs=outputs), images)
    for layer, ours, expected in zip(network.layers, found, slow_outputs(network, weights, images), strict=False):
        try:
            assert_twin(ours, expected)
        except AssertionError as wrong:
            wrong.add_note(f"at {layer}")
            raise


@given(network=small_networks(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_layer_of_any_network_is_the_slow_twins(network, seed):
    assert_every_layer_is_the_twins(network, seed=seed)


@pytest.mark.slow
@given(network=small_networks(most=9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=1500)
def test_every_layer_of_very_many_networks_is_the_slow_twins(network, seed):
    assert_every_layer_is_the_twins(network, seed=seed)


INPUT = Shape(8, 9, 9)


@pytest.mark.parametrize(
    "layers",
    [
        [Convolutional(filters=6, size=3, stride=2, padding=1), Convolutional(filters=5, size=3, stride=3, padding=1)],
        [Convolutional(filters=12, size=3, padding=1, groups=4, activation="leaky", batch_normalize=True)],
        [Convolutional(filters=8, size=3, padding=1, groups=8, activation="leaky", batch_normalize=True)],
        [MaxPool(size=4, stride=4, padding=3)],
        [MaxPool(size=5, stride=1, padding=4)],
        [MaxPool(size=2, stride=3, padding=7)],
        [MaxPool(size=3, stride=2, padding=9)],
        [Reorg(stride=3, legacy=False), Reorg(stride=3, reverse=True)],
        [Convolutional(filters=18, size=3, padding=1), Reorg(stride=3), Reorg(stride=3, reverse=True)],
        [Convolutional(filters=5, size=3, stride=2), Shortcut(source=0, alpha=2.0, beta=0.5), Upsample(scale=0.5)],
        [MaxPool(2, 2, 0), Upsample(2), Shortcut(source=0, activation="leaky", alpha=0.5)],
        [MaxPool(2, 4, 1), Upsample(3), Shortcut(source=0, alpha=2.0, beta=2.0)],
        [Convolutional(filters=3), Convolutional(filters=9, size=4, stride=4), Shortcut(source=0, alpha=0.5)],
        [BatchNorm(), Activation("stair"), Dropout(), Connected(output=7, batch_normalize=True), Softmax(groups=7)],
        [Crop(height=4, width=7), AvgPool(), Softmax(temperature=2.0)],
        [Convolutional(filters=6, activation="linear"), Softmax(spatial=True, temperature=0.5), Cost()],
        [Convolutional(filters=10, size=3, padding=1, activation="linear"), AvgPool()],  # a classifier without softmax
    ],
)
def test_layers_as_they_seldom_stand_are_the_slow_twins(layers):
    assert_twin(*raw_of(Network(INPUT, tuple(layers))))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_is_the_slow_twins_at_its_knees_and_far_from_them(activation):
    knees = np.array([-50, -7.5, -5, -4, -3, -2.5, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 50], np.float32)
    images = np.concatenate([np.nextafter(knees, -np.inf), knees, np.nextafter(knees, np.inf)]).reshape(1, 1, 6, -1)
    network = Network(Shape(1, 6, 10), (Activation(activation),))
    weights = seeded_weights(network, seed=0)
    (found,) = run_model(build_graph(network, weights), images)
    assert_twin(found, slow_outputs(network, weights, images)[0])


def test_what_lies_outside_a_window_never_wins_even_over_the_lowest_numbers():
    network = Network(Shape(1, 2, 2), (MaxPool(size=2, stride=2, padding=5),))
    images = np.full((1, 1, 2, 2), -3e38, np.float32)
    (found,) = run_model(build_graph(network, seeded_weights(network, seed=0)), images)
    lowest = np.finfo(np.float32).min
    expected = np.full((1, 1, 3, 3), lowest, np.float32)
    expected[0, 0, 1, 1] = -3e38
    np.testing.assert_array_equal(found, expected)


def test_the_legacy_reorg_is_darknets_worked_example():
    network = Network(Shape(4, 4, 4), (Reorg(stride=2),))
    images = np.arange(64, dtype=np.float32).reshape(1, 4, 4, 4)
    (found,) = run_model(build_graph(network, seeded_weights(network, seed=0)), images)
    assert found.shape == (1, 16, 2, 2)
    np.testing.assert_array_equal(found[0, :3], [[[0, 2], [4, 6]], [[16, 18], [20, 22]], [[32, 34], [36, 38]]])
    np.testing.assert_array_equal(found[0, 4], [[1, 3], [5, 7]])


REGION = Region(anchors=((1.0, 1.0),), classes=3)


@pytest.mark.parametrize("layers", [(REGION,), (Dropout(), REGION)])
def test_a_network_without_layers_before_its_head_gives_its_input_back(layers):
    network = Network(Shape(8, 5, 7), layers)
    found, images = raw_of(network)
    assert network.raw_index == len(layers) - 2
    np.testing.assert_array_equal(found, images)


def leaky(filters, size=1, **options):
    return Convolutional(filters, size, padding=size // 2, activation="leaky", batch_normalize=True, **options)


DETECTOR = Network(
    Shape(3, 20, 12),
    (
        leaky(8, 3), MaxPool(2, 2, 1), leaky(12, 3), MaxPool(2, 1, 1), leaky(16, 3), MaxPool(2, 2, 1), leaky(6),
        Route((4,)), leaky(8), Reorg(2), Route((9, 6)), Convolutional(16, activation="linear"),
        Region(anchors=((1.0, 1.0), (2.0, 2.0)), classes=3),
    ),
    name="tiny",
)  # fmt: skip


def test_layers_are_named_after_their_section_and_number():
    model = build_graph(DETECTOR, seeded_weights(DETECTOR, seed=0))
    named = [node.name for node in model.graph.node if not node.name.startswith("reorg_09_")]
    assert named == [
        "conv_00", "conv_00_leaky", "pool_01", "conv_02", "conv_02_leaky", "pool_03", "conv_04", "conv_04_leaky",
        "pool_05", "conv_06", "conv_06_leaky", "conv_08", "conv_08_leaky", "reorg_09", "route_10", "raw",
    ]  # fmt: skip
    assert {tensor.name for tensor in model.graph.initializer} >= {"conv_00_weights", "conv_00_bias"}


def sides(value):
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]


def test_the_model_says_what_it_takes_and_how_it_was_made():
    model = build_graph(DETECTOR, seeded_weights(DETECTOR, seed=0))
    assert (model.ir_version, [(item.domain, item.version) for item in model.opset_import]) == (8, [("", 18)])
    assert (model.producer_name, model.producer_version, model.graph.name) == ("yolov2", __version__, "tiny")
    assert {item.key: item.value for item in model.metadata_props} == {"arithmetic": "gpu"}
    assert [(value.name, sides(value)) for value in model.graph.input] == [("images", ["batch", 3, 20, 12])]
    assert [(value.name, sides(value)) for value in model.graph.output] == [("raw", ["batch", 16, 5, 3])]


def test_a_layer_that_nothing_needs_is_not_in_the_graph():
    network = Network(Shape(3, 4, 4), (leaky(4), leaky(5), Route((0,)), Convolutional(2, activation="linear")))
    model = build_graph(network, seeded_weights(network, seed=0))
    assert [node.name for node in model.graph.node] == ["conv_00", "conv_00_leaky", "raw"]


def test_a_dynamic_graph_takes_every_size_with_the_numbers_of_the_fixed_one():
    weights = seeded_weights(DETECTOR, seed=2)
    dynamic = build_graph(DETECTOR, weights, size="dynamic")
    assert sides(dynamic.graph.input[0]) == ["batch", 3, "height", "width"]
    for height, width, batch in [(20, 12, 1), (8, 16, 3), (44, 28, 2)]:
        images = seeded_images(DETECTOR.at_size(height, width), seed=3, batch=batch)
        (fixed,) = run_model(build_graph(DETECTOR, weights, size=(height, width)), images)
        (found,) = run_model(dynamic, images)
        assert fixed.shape == (batch, 16, -(-height // 4), -(-width // 4))
        np.testing.assert_array_equal(found, fixed)


@pytest.mark.parametrize("layers", [(AvgPool(), Softmax(groups=2)), (Softmax(groups=4),), (Upsample(3, scale=2.0),)])
def test_softmax_and_upsample_take_every_size(layers):
    network = Network(Shape(4, 6, 5), layers)
    found, expected = raw_of(network, size="dynamic")
    assert_twin(found, expected)


@pytest.mark.parametrize(
    "layers, section, index",
    [
        ((Crop(height=2, width=2),), "crop", 0),
        ((MaxPool(2, 2, 1), Connected(output=3)), "connected", 1),
        ((leaky(3), MaxPool(2, 2, 0), Shortcut(source=0)), "shortcut", 2),
    ],
)
def test_a_layer_that_must_know_its_size_refuses_a_dynamic_graph(layers, section, index):
    network = Network(Shape(3, 4, 4), layers, name="small")
    with pytest.raises(BackendError) as refusal:
        build_graph(network, seeded_weights(network, seed=0), size="dynamic")
    expected = "expected layers that take any size; build the graph for one size"
    assert str(refusal.value) == f"graph of small: found [{section}] at layer {index}, {expected}"


def test_a_size_that_a_layer_refuses_is_refused_by_the_graph():
    with pytest.raises(Mismatch, match=r"^layer 9: found stride=2 on 6 x 9 in \[reorg\], expected width and height"):
        build_graph(DETECTOR, seeded_weights(DETECTOR, seed=0), size=(18, 12))


def test_weights_of_another_network_are_refused_before_a_runtime_reads_beyond_them():
    wrong = [dict(layer) for layer in seeded_weights(DETECTOR, seed=0).layers]
    wrong[2]["weights"] = wrong[2]["weights"][:, :7]
    with pytest.raises(BackendError) as refusal:
        build_graph(DETECTOR, Weights(tuple(wrong)))
    found = "found weights of layer 2 [convolutional] as (12, 7, 3, 3)"
    repair = "use the weights of this network, at the size it was trained at"
    assert str(refusal.value) == f"graph of tiny: {found}, expected (12, 8, 3, 3); {repair}"


def test_connected_layers_are_refused_at_another_size_than_their_weights():
    network = Network(Shape(3, 4, 4), (Connected(output=2),))
    with pytest.raises(BackendError, match=r"as \(2, 48\), expected \(2, 75\); "):
        build_graph(network, seeded_weights(network, seed=0), size=(5, 5))


def test_outputs_after_the_raw_head_are_refused():
    with pytest.raises(ValueError, match=r"^outputs: found \(12,\), expected layers from -1 to the raw head, 11$"):
        build_graph(DETECTOR, seeded_weights(DETECTOR, seed=0), outputs=[12])


def test_a_graph_in_two_files_is_the_one_in_memory(tmp_path):
    weights, images = seeded_weights(DETECTOR, seed=4), seeded_images(DETECTOR, seed=4)
    write_graph(tmp_path / "graph.onnx", DETECTOR, weights)
    assert {path.name for path in tmp_path.iterdir()} == {"graph.onnx", "graph.onnx.data"}
    (found,) = run_model(tmp_path / "graph.onnx", images)
    np.testing.assert_array_equal(found, run_model(build_graph(DETECTOR, weights), images)[0])
