"""Hypothesis strategies for small networks of any layers, and the weights and images to run them on."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from yolov2.darknet.weights import Weights
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Cost,
    Crop,
    Dropout,
    Layer,
    MaxPool,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.mismatch import ACTIVATIONS, Mismatch
from yolov2.network.shapes import Shape, output_shape
from yolov2.network.spec import Arithmetic, Network

MOST_VALUES = 1500  # of one map: the slow twin visits each of them

REORGS = [
    Reorg(s, reverse=reverse, legacy=legacy) for s in (2, 3) for reverse in (False, True) for legacy in (True, False)
]

ARITHMETICS: list[Arithmetic] = ["gpu", "cpu"]

factors = st.sampled_from([0.5, 1.0, 2.0])
activations = st.sampled_from(ACTIVATIONS)
sides = st.one_of(st.integers(1, 9), st.sampled_from([4, 6, 8]))  # even ones more often: reorg wants them


@st.composite
def small_networks(draw: st.DrawFn, *, most: int = 6) -> Network:
    """A network of one to `most` layers on a map of a few cells, under either arithmetic. A layer that can't stand
    where it was drawn is left out."""
    given = Shape(draw(st.integers(1, 9)), draw(sides), draw(sides))
    arithmetic: Arithmetic = draw(st.sampled_from(ARITHMETICS))
    network = Network(given, (draw(convolutionals(channels=given.channels, small=True)),), arithmetic=arithmetic)
    for _ in range(draw(st.integers(0, most - 1))):
        layer = draw(next_layers(network))
        try:
            longer = Network(given, (*network.layers, layer), arithmetic=arithmetic)
        except Mismatch:
            continue
        if longer.shapes[-1].size <= MOST_VALUES:
            network = longer
    return network


@st.composite
def next_layers(draw: st.DrawFn, network: Network) -> Layer:
    """A layer that may well stand at the end of `network`."""
    given, earlier = network.shapes[-1], st.integers(0, len(network.layers) - 1)
    others = [index for index, shape in enumerate(network.shapes) if shape != given] or [0]  # more to test than equals
    divisors = [k for k in range(1, given.size + 1) if given.size % k == 0]
    crops = {"height": st.integers(1, given.height), "width": st.integers(1, given.width), "noadjust": st.booleans()}
    kinds = [
        convolutionals(channels=given.channels),
        max_pools(),
        st.builds(Connected, output=st.integers(1, 6), activation=activations, batch_normalize=st.booleans()),
        st.builds(Activation, activation=activations),
        st.builds(Upsample, stride=st.integers(1, 3), scale=factors),
        st.sampled_from([layer for layer in REORGS if fits(layer, given)] or [Reorg(stride=1)]),
        st.lists(earlier, min_size=1, max_size=3).map(lambda sources: Route(tuple(sources))),
        st.builds(Shortcut, source=st.sampled_from(others), activation=activations, alpha=factors, beta=factors),
        st.builds(Softmax, groups=st.sampled_from(divisors), temperature=factors, spatial=st.booleans()),
        st.builds(Crop, **crops),
        st.sampled_from([BatchNorm(), AvgPool(), Dropout(), Cost()]),
    ]
    return draw(st.one_of(kinds))


def fits(layer: Layer, given: Shape) -> bool:
    """Whether this layer takes such an input."""
    try:
        return bool(output_shape(0, layer, given, ()))
    except Mismatch:
        return False


@st.composite
def max_pools(draw: st.DrawFn) -> MaxPool:
    """Any pool of which no window lies outside as a whole: -FLT_MAX is no number for the layers behind it."""
    size = draw(st.integers(1, 5))
    return MaxPool(size, draw(st.integers(1, 4)), draw(st.integers(0, 2 * size - 2) | st.just(size - 1)))


@st.composite
def convolutionals(draw: st.DrawFn, *, channels: int, small: bool = False) -> Convolutional:
    """Any convolution on so many channels; `small` fits a map of one cell."""
    groups = draw(st.sampled_from([k for k in range(1, channels + 1) if channels % k == 0]))
    size = draw(st.integers(1, 5))
    return Convolutional(
        filters=groups * draw(st.integers(1, max(1, 18 // groups))),
        size=size,
        stride=draw(st.integers(1, 3)),
        padding=size // 2 if small else draw(st.integers(0, 3)),
        groups=groups,
        activation=draw(activations),
        batch_normalize=draw(st.booleans()),
    )


def seeded_weights(network: Network, *, seed: int) -> Weights:
    """Weights that keep values near one through any number of layers."""
    generator = np.random.default_rng(seed)
    layers: list[dict[str, NDArray[np.float32]]] = [{} for _ in network.layers]
    for index, (name, shape) in network.parameters():
        array = generator.uniform(-1, 1, shape)
        if name == "weights":
            array *= np.sqrt(3 / np.prod(shape[1:]))
        elif name in ("scales", "rolling_variance"):
            array = 1 + array / 2
        else:
            array /= 5
        layers[index][name] = array.astype(np.float32)
    return Weights(tuple(layers))


def seeded_images(network: Network, *, seed: int, batch: int = 2) -> NDArray[np.float32]:
    """Random images in [0, 1) for a network: (B, C, H, W)."""
    given = network.input
    return np.random.default_rng(seed).random((batch, given.channels, given.height, given.width), np.float32)
