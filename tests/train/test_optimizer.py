"""Weights after some updates are those that Darknet had."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import parse_weights
from yolov2.model.blocks import Norm
from yolov2.model.module import DarknetModule
from yolov2.model.region_loss import Head, region_loss
from yolov2.model.weights import arrays
from yolov2.train.optimizer import clamp_weights, darknet_sgd, set_rate
from yolov2.train.schedule import darknet_rate

PARAMETER_NOISE = 1e-5  # MANIFEST.md
LOSS_NOISE = 1e-4  # relative

CASES = [
    "e01_constant_sub2", "e02_constant_sub1", "e03_burnin", "e04_steps", "e05_poly", "e06_exp", "e07_sigmoid", "e08_step",
    "e09_nodecay_nomomentum", "e10_nonsquare_prefill_to_after", "e11_layer_lr_scale", "e12_clip", "e13_multiscale",
]  # fmt: skip


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_weights_after_some_updates_are_darknets(golden_with, recipe, name):
    golden = golden_with(f"e_train_steps/{name}.npz")
    case = next(one for one in json.loads((golden / "e_train_steps/cases.json").read_text()) if one["case"] == name)
    stored = np.load(golden / case["npz"])
    cfg = golden / case["cfg"]
    network = parse_cfg(cfg.read_text(), cfg)
    options = network.training
    start = parse_weights(
        recipe.seeded_weights(cfg.read_text(), case["weights_seed"], seen=case["seen_at_start"]), network
    )
    module = plain(DarknetModule(network, start)).train()
    assert network.region is not None
    head = Head(network.region)
    optimizer = darknet_sgd(module, momentum=options.momentum, decay=options.decay)

    sizes = case["sizes_per_step"] or [(network.input.width, network.input.height)] * len(case["steps"])
    seen, first_input = case["seen_at_start"], int(case["input"].split("w),")[1].split("+")[0])
    for number, expected in enumerate(case["steps"], start=1):
        width, height = sizes[number - 1]
        optimizer.zero_grad()
        costs = 0.0
        for part in range(case["subdivisions"]):
            index = (number - 1) * case["subdivisions"] + part
            images = torch.tensor(recipe.seeded_input((case["mini_batch"], 3, height, width), first_input + index))
            seen += case["mini_batch"]
            loss = region_loss(module(images), torch.tensor(stored["truth"][index]), head, seen=seen)
            (loss.total / options.batch).backward()
            costs += float(loss.cost)
        set_rate(optimizer, darknet_rate(options, seen // options.batch, faithful=True))
        optimizer.step()
        if options.clip:
            clamp_weights(module, options.clip)
        assert costs / options.batch == pytest.approx(expected["loss"], rel=LOSS_NOISE)
        if number in case["kept_steps"]:
            assert_same(module, stored, number)


def plain(module: DarknetModule) -> DarknetModule:
    for part in module.modules():
        if isinstance(part, Norm):
            part.is_plain = True
    return module


def assert_same(module: DarknetModule, stored: Any, number: int) -> None:
    for layer, values in enumerate(arrays(module).layers):
        for name, array in values.items():
            expected = stored[f"step{number}.{layer}.{name}"]
            np.testing.assert_allclose(
                array.ravel(), expected, atol=PARAMETER_NOISE, err_msg=f"step {number}, {layer}.{name}"
            )
