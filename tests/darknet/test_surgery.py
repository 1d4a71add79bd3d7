"""yolov2.darknet.surgery: weights made of weights, by Darknet's formulas, and networks that do the same with them."""

import math
from dataclasses import replace

import numpy as np
import pytest

import golden_cases
from sessions import run_model
from yolov2.darknet.surgery import (
    average,
    denormalised,
    normalised,
    reset,
    swapped_rgb,
    with_batch_norm,
    without_batch_norm,
)
from yolov2.darknet.weights import Weights, check_arrays, initial_weights
from yolov2.graph.build import build_graph
from yolov2.network.layers import BatchNorm, Connected, Convolutional, MaxPool
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

NETWORK = Network(
    Shape(3, 4, 4),
    (
        Convolutional(4, size=3, padding=1, groups=1, batch_normalize=True),
        MaxPool(2, 2),
        Convolutional(2),
        BatchNorm(),
        Connected(5, batch_normalize=True),
        Connected(3),
    ),
    name="small",
)
NORM = ("scales", "rolling_mean", "rolling_variance")
EPSILON_OF_1E_5 = 6e-6  # what sqrt(1 + 1e-5) differs from 1 by, and a little float32
CONNECTED = ("s14_connected_crop_dropout",)  # Darknet folds its [connected] layers with another epsilon


def seeded(seed: int, *, seen: int = 0) -> Weights:
    """Random arrays for NETWORK, variances above 0."""
    start = initial_weights(NETWORK, seed=seed)
    generator = np.random.default_rng(seed)
    layers = [
        {
            name: array if name == "weights" else 0.5 + generator.random(array.shape, np.float32)
            for name, array in arrays.items()
        }
        for arrays in start.layers
    ]
    return Weights(tuple(layers), seen=seen)


def arrays_of(weights: Weights) -> dict[str, np.ndarray]:
    return {f"{index}.{name}": array for index, layer in enumerate(weights.layers) for name, array in layer.items()}


# --- average ----------------------------------------------------------------------------------------------------------


def test_the_average_is_the_mean_of_what_darknet_averages_and_the_first_of_the_rest():
    files = [seeded(seed, seen=seed) for seed in (1, 2, 3)]
    found = arrays_of(average(files, NETWORK))
    first, second, third = map(arrays_of, files)
    for key, array in found.items():
        layer, name = key.split(".")
        if layer == "3" or (layer == "4" and name in NORM):
            assert np.array_equal(array, first[key]), key
        else:
            assert np.array_equal(array, (first[key] + second[key] + third[key]) * np.float32(1 / 3)), key
            assert not np.array_equal(array, first[key]), key


def test_the_average_is_summed_in_float32_in_the_order_of_the_files():
    large, one = np.float32(2**24), np.float32(1)
    files = [
        replace(seeded(1), layers=tuple({k: np.full_like(a, value) for k, a in layer.items()} for layer in seeded(1).layers))
        for value in (large, one, one)
    ]  # fmt: skip
    found = average(files, NETWORK).layers[0]["weights"].ravel()[0]
    assert found == (large + one + one) * np.float32(1 / 3) == np.float32(2**24) * np.float32(1 / 3)
    turned = average(files[::-1], NETWORK).layers[0]["weights"].ravel()[0]
    assert turned == np.float32(2**24 + 2) * np.float32(1 / 3) != found


def test_the_average_has_seen_what_the_last_has_and_leaves_its_arguments_alone():
    files = [seeded(1, seen=10), seeded(2, seen=7)]
    before = [array.copy() for array in arrays_of(files[0]).values()]
    assert average(files, NETWORK).seen == 7
    assert all(map(np.array_equal, arrays_of(files[0]).values(), before))


def test_the_average_of_one_is_itself():
    found = arrays_of(average([seeded(4)], NETWORK))
    assert all(np.array_equal(array, arrays_of(seeded(4))[key]) for key, array in found.items())


def test_no_weights_and_those_of_another_network_are_a_programmers_mistake():
    with pytest.raises(ValueError, match="^files: found none, expected one or more weights$"):
        average([], NETWORK)
    with pytest.raises(ValueError, match="^weights: found 2 layers, expected 6$"):
        average([seeded(1), Weights(({}, {}))], NETWORK)


# --- batch norm folded into weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("index, epsilon", [(0, 0.00001), (4, 0.000001)])
def test_denormalised_layers_follow_darknets_formula(index: int, epsilon: float):
    old, new = seeded(5).layers[index], denormalised(seeded(5), NETWORK).layers[index]
    assert set(new) == {"biases", "weights"}
    assert {array.dtype for array in new.values()} == {np.dtype(np.float32)}
    for row in range(len(old["biases"])):  # the slow twin, one output after the other, in C's types
        factor = np.float32(float(old["scales"][row]) / math.sqrt(float(old["rolling_variance"][row]) + epsilon))
        assert new["biases"][row] == old["biases"][row] - old["rolling_mean"][row] * factor
        assert np.array_equal(new["weights"][row], old["weights"][row] * factor)


def test_only_layers_with_the_switch_lose_their_batch_norm():
    old = seeded(6)
    new = denormalised(old, NETWORK)
    check_arrays(new, without_batch_norm(NETWORK))
    assert [new.layers[i] is old.layers[i] for i in range(6)] == [False, True, True, True, False, True]
    assert [bool(set(arrays) & set(NORM)) for arrays in new.layers] == [False, False, False, True, False, False]


@pytest.mark.golden
@pytest.mark.parametrize("name", [name for name in golden_cases.SMALL if name not in CONNECTED])
def test_a_denormalised_network_gives_darknets_numbers_in_every_layer(small_golden, recipe, name):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic="gpu")
    weights, network = denormalised(case.weights, case.network), without_batch_norm(case.network)
    assert any("scales" in arrays for arrays in case.weights.layers)
    found = run_model(build_graph(network, weights, outputs=list(case.executed)), case.images)
    for (index, expected), output in zip(case.executed.items(), found, strict=True):
        golden_cases.assert_close(output, expected, what=f"{name} layer {index}")


@pytest.mark.golden
@pytest.mark.parametrize("name", ["s06_bn_mix_oldheader", *CONNECTED])
def test_a_reset_network_and_a_denormalised_one_give_darknets_numbers_but_for_an_epsilon(small_golden, recipe, name):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic="gpu")
    for network, weights in (
        (case.network, reset(case.weights, case.network)),
        (without_batch_norm(case.network), denormalised(case.weights, case.network)),
    ):
        found = run_model(build_graph(network, weights, outputs=list(case.executed)), case.images)
        for (index, expected), output in zip(case.executed.items(), found, strict=True):
            allowed = EPSILON_OF_1E_5 * len(network.layers) * max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(
                output.reshape(expected.shape), expected, rtol=0, atol=allowed, err_msg=str(index)
            )


def test_reset_leaves_a_batch_norm_that_does_nothing():
    old = seeded(7)
    new = reset(old, NETWORK)
    check_arrays(new, NETWORK)
    folded = denormalised(old, NETWORK)
    for index in (0, 4):
        assert [set(new.layers[index][name].tolist()) for name in NORM] == [{1.0}, {0.0}, {1.0}]
        assert np.array_equal(new.layers[index]["weights"], folded.layers[index]["weights"])
    assert new.layers[3] is old.layers[3]


# --- batch norm added, channels swapped -------------------------------------------------------------------------------


def test_normalised_layers_get_a_batch_norm_that_training_has_not_touched():
    new = normalised(seeded(8), NETWORK)
    check_arrays(new, with_batch_norm(NETWORK))
    for index in (2, 5):
        assert [set(new.layers[index][name].tolist()) for name in NORM] == [{1.0}, {0.0}, {0.0}]
    for index in (0, 4):
        assert all(np.array_equal(new.layers[index][name], seeded(8).layers[index][name]) for name in NORM)


def test_the_switch_is_that_of_convolutional_and_connected_layers():
    switches = [getattr(layer, "batch_normalize", None) for layer in without_batch_norm(NETWORK).layers]
    assert switches == [False, None, False, None, False, False]
    assert [getattr(layer, "batch_normalize", None) for layer in with_batch_norm(NETWORK).layers] == [
        True, None, True, None, True, True,
    ]  # fmt: skip


@pytest.mark.golden
def test_swapped_weights_see_bgr_as_the_others_see_rgb(small_golden, recipe):
    case = golden_cases.small_case(small_golden, recipe, name="s07_region_softmax", arithmetic="gpu")
    swapped = swapped_rgb(case.weights, case.network)
    (found,) = run_model(build_graph(case.network, swapped), np.ascontiguousarray(case.images[:, ::-1]))
    golden_cases.assert_close(found, case.layers[case.network.raw_index], what="head")
    (unswapped,) = run_model(build_graph(case.network, swapped), case.images)
    assert np.abs(unswapped - found).max() > 0.1


def test_swapping_changes_the_first_convolution_alone_and_twice_is_nothing():
    old = seeded(9)
    new = swapped_rgb(old, NETWORK)
    assert np.array_equal(new.layers[0]["weights"][:, 0], old.layers[0]["weights"][:, 2])
    assert np.array_equal(new.layers[0]["weights"][:, 1], old.layers[0]["weights"][:, 1])
    assert all(new.layers[i] is old.layers[i] for i in range(1, 6))
    twice = swapped_rgb(new, NETWORK)
    assert np.array_equal(twice.layers[0]["weights"], old.layers[0]["weights"])


@pytest.mark.parametrize(
    "network, channels",
    [(Network(Shape(1, 4, 4), (Convolutional(2),)), 1), (Network(Shape(3, 4, 4), (Connected(2),)), 0)],
)
def test_there_is_nothing_to_swap_without_three_channels(network: Network, channels: int):
    message = f"^network: found a first convolution with {channels} channels, expected 3$"
    with pytest.raises(ValueError, match=message):
        swapped_rgb(initial_weights(network), network)
