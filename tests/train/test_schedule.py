"""Learning rates by batch number are those that Darknet computed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolov2.darknet.cfg import parse_cfg
from yolov2.network.spec import TrainingOptions
from yolov2.train.schedule import cosine_rate, darknet_rate

FLOAT32_NOISE = 2e-6  # relative; Darknet computes in float32, powers in double
NOTHING = 1e-15  # beside rates of 1e-3: at the end of policy=poly Darknet subtracts two float32 that are nearly equal

LAYER = "[convolutional]\nfilters=1\nsize=1\nactivation=linear\n"


def options_of(table) -> TrainingOptions:
    lines = "".join(f"{key}={value}\n" for key, value in table["net_options"].items())
    return parse_cfg(f"[net]\nwidth=8\nheight=8\nchannels=3\n{lines}{LAYER}", Path("a.cfg")).training


@pytest.mark.golden
@pytest.mark.parametrize(
    "name",
    [
        "constant", "constant_burnin", "steps_voc", "steps_unsorted_scales", "poly4", "poly_default_power_burnin", "exp",
        "sigmoid", "step",
    ],
)  # fmt: skip
def test_rates_are_darknets(small_golden, name):
    table = json.loads((small_golden / "e_train_steps/lr_tables.json").read_text())[name]
    options = options_of(table)
    options = replace(options, gamma=float(np.float32(options.gamma)))  # as Darknet reads it: 80,000 powers tell
    rates = [darknet_rate(options, batch, faithful=True) for batch in table["batch_num"]]
    assert rates == pytest.approx(table["rate"], rel=FLOAT32_NOISE, abs=NOTHING)


def test_a_negative_step_is_made_from_the_start_unless_faithful():
    options = TrainingOptions(learning_rate=1, policy="steps", steps=(-1, 100), scales=(0.1, 10))
    assert darknet_rate(options, 5) == pytest.approx(0.1)
    assert darknet_rate(options, 100) == pytest.approx(1)
    assert darknet_rate(options, 5, faithful=True) == 1


def test_a_random_rate_is_the_draw_to_its_power():
    assert darknet_rate(TrainingOptions(learning_rate=2, policy="random", power=3), 7, share=0.5) == 0.25


def test_a_cosine_rises_to_its_peak_and_ends_at_its_share():
    rates = [cosine_rate(0.1, batch, batches=1000, warmup=100, last=0.01) for batch in range(1, 1001)]
    assert rates[49] == pytest.approx(0.05)
    assert max(rates) == rates[99] == pytest.approx(0.1)
    assert rates[549] == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert rates[-1] == pytest.approx(0.001)
    assert cosine_rate(0.1, 2000, batches=1000, warmup=100, last=0.01) == pytest.approx(0.001)
