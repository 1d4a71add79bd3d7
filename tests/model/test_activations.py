"""Every activation against its one-line formula, and its gradient against Darknet's, which it takes from the output."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import slow_layers
from yolov2.model.activations import ACTIVATIONS
from yolov2.network import mismatch

FLOAT32_NOISE = 3e-7  # a few roundings of numbers near 1, as part of max(1, |y|)

# The derivative as a function of the output. Source: Darknet's activations.h.
DERIVATIVES: dict[str, Callable[[float], float]] = {
    "linear": lambda y: 1,
    "leaky": lambda y: 1 if y > 0 else 0.1,
    "relu": lambda y: float(y > 0),
    "logistic": lambda y: y * (1 - y),
    "loggy": lambda y: 2 * ((y + 1) / 2) * (1 - (y + 1) / 2),
    "tanh": lambda y: 1 - y * y,
    "elu": lambda y: 1 if y >= 0 else y + 1,
    "selu": lambda y: 1.0507 if y >= 0 else y + 1.0507 * 1.6732,
    "relie": lambda y: 1 if y > 0 else 0.01,
    "ramp": lambda y: (y > 0) + 0.1,
    "plse": lambda y: 0.01 if y < 0 or y > 1 else 0.125,
    "hardtan": lambda y: float(-1 < y < 1),
    "lhtan": lambda y: 1 if 0 < y < 1 else 0.001,
    "stair": lambda y: float(y != math.floor(y)),
}
# No whole number among them: at a kink the derivative is a matter of taste.
POINTS = [-9.75, -5.3, -4.2, -3.6, -2.7, -1.4, -0.9, -0.3, -0.04, 0.02, 0.4, 0.8, 1.3, 1.9, 2.6, 3.7, 4.4, 6.2, 9.1]


def test_every_activation_a_network_can_name_is_there():
    assert tuple(ACTIVATIONS) == mismatch.ACTIVATIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_its_formula(name):
    expected = np.array([slow_layers.ACTIVATIONS[name](x) for x in POINTS])
    found = ACTIVATIONS[name](torch.tensor(POINTS)).numpy()
    np.testing.assert_array_less(np.abs(found - expected) / np.maximum(1, np.abs(expected)), FLOAT32_NOISE)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_is_darknets_function_of_the_output(name):
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    y = ACTIVATIONS[name](x)
    (found,) = torch.autograd.grad(y.sum(), x)
    expected = [DERIVATIVES[name](value) for value in y.tolist()]
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)
