"""What a network takes over from another one's weights, and what begins anew."""

from dataclasses import replace

import numpy as np

from tiny_runs import begun, flat, network
from yolov2.darknet.weights import initial_weights
from yolov2.train.start import start


def learned():
    """Weights that no start value is, after 640 pictures."""
    weights = begun(network())
    layers = tuple({name: array + np.float32(0.5) for name, array in layer.items()} for layer in weights.layers)
    return replace(weights, layers=layers, seen=640)


def test_without_weights_all_begins_with_start_values():
    begins = start(network(), seed=3)
    np.testing.assert_array_equal(flat(begins.weights), flat(initial_weights(network(), seed=3)))
    assert begins.learned == 0


def test_weights_of_the_same_network_are_taken_over_and_pictures_counted_anew():
    begins = start(network(), source=network(), weights=learned())
    np.testing.assert_array_equal(flat(begins.weights), flat(learned()))
    assert begins.weights.seen == 0


def test_of_other_classes_all_but_the_head_is_taken_over():
    begins = start(network(), source=network(), weights=learned(), with_head=False, seed=3)
    fresh = initial_weights(network(), seed=3)
    assert begins.learned == 2
    for name, array in begins.weights.layers[0].items():
        np.testing.assert_array_equal(array, learned().layers[0][name])
    for name, array in begins.weights.layers[2].items():
        np.testing.assert_array_equal(array, fresh.layers[2][name])
