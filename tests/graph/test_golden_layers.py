"""The ONNX graph against Darknet itself: every layer of every network of golden/a_forward, in both arithmetics."""

import numpy as np
import pytest

import golden_cases
from sessions import run_model
from yolov2.graph.build import build_graph
from yolov2.hierarchy.wordtree import WordTree, grouped_softmax
from yolov2.network.layers import Region, Softmax
from yolov2.region.decode import activate

pytestmark = pytest.mark.golden


def run_graph(case, **options):
    return run_model(build_graph(case.network, case.weights, **options), case.images)


@pytest.mark.parametrize("arithmetic", golden_cases.ARITHMETICS)
@pytest.mark.parametrize("name", golden_cases.SMALL)
def test_every_layer_is_darknets(small_golden, recipe, name, arithmetic):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic=arithmetic)
    assert case.executed
    for (index, expected), found in zip(
        case.executed.items(), run_graph(case, outputs=list(case.executed)), strict=True
    ):
        golden_cases.assert_close(found, expected, what=f"{name} layer {index}")


# The arrays that Darknet's two programs left behind for what comes after the raw head.
REGIONS = golden_cases.SMALL[6:12]
HEADS = [
    *((name, "gpu") for name in REGIONS),
    *((name, "cpu") for name in REGIONS[:4]),  # its CPU path can't do a tree, and leaves a mask raw
    *(("s15_softmax_tree", arithmetic) for arithmetic in golden_cases.ARITHMETICS),
]


@pytest.mark.parametrize("name, arithmetic", HEADS)
def test_the_decoded_head_is_darknets(small_golden, recipe, name, arithmetic):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic=arithmetic)
    golden_cases.assert_close(decoded(case), case.layers[case.network.head_index], what=name)


def decoded(case):
    """What Darknet's last layer makes of the graph's raw head."""
    (raw,), head = run_graph(case), case.network.head
    assert isinstance(head, Region | Softmax)
    tree = WordTree.read(case.folder / head.tree) if head.tree else None
    if isinstance(head, Region):
        return activate(raw, head, tree=tree, arithmetic=case.network.arithmetic)
    assert tree is not None
    return grouped_softmax(raw.reshape(len(raw), -1), tree)


@pytest.mark.parametrize(
    "name, arithmetic",
    [
        ("yolov2-tiny-voc_416", "gpu"),
        ("yolov2-tiny_416", "gpu"),
        ("yolov2-voc_416", "gpu"),
        ("yolov2-voc_416", "cpu"),
        pytest.param("yolov2-voc_608x416", "gpu", marks=pytest.mark.slow),
        pytest.param("yolov2-voc_608x416", "cpu", marks=pytest.mark.slow),
        pytest.param("yolov2_608", "gpu", marks=pytest.mark.slow),
    ],
)
def test_the_head_and_region_of_an_official_network_are_darknets(golden, recipe, name, arithmetic):
    case = golden_cases.big_case(golden, recipe, name=name, arithmetic=arithmetic)
    (raw,) = run_graph(case)
    expected = case.layers[case.network.raw_index]
    np.testing.assert_allclose(raw, expected, rtol=0, atol=golden_cases.BIG_TOLERANCE)
    if case.network.head_index in case.layers:  # of Darknet's CPU path there is the head alone
        expected, head = case.layers[case.network.head_index], case.network.region
        assert head is not None
        np.testing.assert_allclose(activate(raw, head), expected, rtol=0, atol=golden_cases.BIG_TOLERANCE)
