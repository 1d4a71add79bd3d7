"""The torch module against Darknet itself: every layer of every network of golden/a_forward, in both arithmetics."""

import numpy as np
import pytest
import torch

import golden_cases
from yolov2.model.module import DarknetModule

pytestmark = pytest.mark.golden


@pytest.mark.parametrize("arithmetic", golden_cases.ARITHMETICS)
@pytest.mark.parametrize("name", golden_cases.SMALL)
def test_every_layer_is_darknets(small_golden, recipe, name, arithmetic):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic=arithmetic)
    module = DarknetModule(case.network, case.weights).eval()
    with torch.inference_mode():
        outputs = module.layer_outputs(torch.from_numpy(case.images))
    assert case.executed
    for index, expected in case.executed.items():
        golden_cases.assert_close(outputs[index].numpy(), expected, what=f"{name} layer {index}")


@pytest.mark.parametrize(
    "name, arithmetic",
    [
        ("yolov2-tiny-voc_416", "gpu"),
        ("yolov2-tiny_416", "gpu"),
        pytest.param("yolov2-voc_416", "gpu", marks=pytest.mark.slow),
        pytest.param("yolov2-voc_416", "cpu", marks=pytest.mark.slow),
        pytest.param("yolov2-voc_608x416", "gpu", marks=pytest.mark.slow),
        pytest.param("yolov2-voc_608x416", "cpu", marks=pytest.mark.slow),
        pytest.param("yolov2_608", "gpu", marks=pytest.mark.slow),
    ],
)
def test_the_head_of_an_official_network_is_darknets(golden, recipe, name, arithmetic):
    case = golden_cases.big_case(golden, recipe, name=name, arithmetic=arithmetic)
    module = DarknetModule(case.network, case.weights).eval()
    with torch.inference_mode():
        head = module(torch.from_numpy(case.images))
    np.testing.assert_allclose(head, case.executed[case.network.raw_index], rtol=0, atol=golden_cases.BIG_TOLERANCE)
