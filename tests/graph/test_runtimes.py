"""The same graph in other people's runtimes: they take it as it is, and agree with ONNX Runtime."""

import cv2
import numpy as np
import pytest

from network_strategies import seeded_images, seeded_weights
from sessions import run_model
from yolov2.graph.build import build_graph
from yolov2.network.layers import Convolutional, MaxPool, Region, Reorg, Route, Shortcut, Upsample
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

ENGINE_NOISE = 2e-5  # of max(1, the largest value): another order of float32 sums, and Winograd


def leaky(filters, size=1, **options):
    return Convolutional(filters, size, padding=size // 2, activation="leaky", batch_normalize=True, **options)


NETWORK = Network(
    Shape(3, 36, 28),
    (
        leaky(16, 3), MaxPool(2, 2, 1), leaky(16, 3, groups=4), MaxPool(2, 2, 1),  # 36 -> 18 -> 9 rows, 28 -> 14 -> 7
        leaky(16, 3), MaxPool(2, 1, 1), leaky(32, 3), Shortcut(6, activation="leaky"), leaky(24),
        Route((2,)), leaky(8), Reorg(2, legacy=True),  # 18 x 14 -> 9 x 7
        Route((11, 8)), Convolutional(16, activation="linear"),
        Region(anchors=((1.0, 1.0), (2.0, 2.0)), classes=3),
    ),
)  # fmt: skip
ODD = Network(
    Shape(3, 17, 13),
    (
        leaky(8, 3), MaxPool(2, 2, 1), leaky(8, 3), MaxPool(2, 2, 1), leaky(8, 3), MaxPool(3, 1, 2), leaky(8),
        Upsample(2), leaky(8, 3), Convolutional(4, activation="logistic"),
    ),
)  # fmt: skip


# A network, the size that its graph is built for, and the sizes that it is then run at.
CASES = pytest.mark.parametrize(
    "network, size, sizes",
    [
        pytest.param(NETWORK, None, [(36, 28)], id="fixed"),
        pytest.param(NETWORK, "dynamic", [(36, 28), (32, 64)], id="dynamic"),
        pytest.param(ODD, None, [(17, 13)], id="odd sides"),
        pytest.param(ODD, "dynamic", [(17, 13), (21, 30)], id="odd sides, dynamic"),
    ],
)


def agree(run, network, size, sizes):
    """Whether `run(model bytes)`, a function of images, gives what ONNX Runtime gives, with one picture and with two."""
    model = build_graph(network, seeded_weights(network, seed=5), size=size)
    other = run(model.SerializeToString())
    for height, width in sizes:
        for batch in (1, 2):
            images = seeded_images(network.at_size(height, width), seed=6, batch=batch)
            (expected,) = run_model(model, images)
            found = other(images)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=0, atol=ENGINE_NOISE * max(1, abs(expected).max()))


@CASES
def test_opencvs_new_engine_agrees(network, size, sizes):
    def run(model):
        net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8), engine=cv2.dnn.ENGINE_NEW)

        def call(images):
            net.setInput(images)
            return net.forward()

        return call

    agree(run, network, size, sizes)


@CASES
def test_openvino_agrees(network, size, sizes):
    openvino = pytest.importorskip("openvino", reason="openvino is not installed: it comes with `make setup`")

    def run(model):
        core = openvino.Core()
        exact = {"INFERENCE_PRECISION_HINT": "f32"}  # unasked, it takes bf16 on CPUs that have it
        compiled = core.compile_model(core.read_model(model), "CPU", exact)
        return lambda images: compiled(images)[0]

    agree(run, network, size, sizes)
