"""`yolov2 compare` as it is typed: the table, the JSON, the exit status."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from yolov2.cli.compare import compare
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.errors import Yolov2Error

CFG = """[net]
width=32
height=32
channels=3

[convolutional]
filters=8
size=3
pad=1
stride=4
activation=leaky

[convolutional]
filters=14
size=1
activation=linear

[region]
anchors=1,2, 3,4
classes=2
num=2
softmax=1
"""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a model and a picture."""
    monkeypatch.chdir(tmp_path)
    Path("small.cfg").write_text(CFG)
    Path("small.names").write_text("cat\ndog\n")
    network = parse_cfg(CFG)
    write_weights(Path("small.weights"), initial_weights(network, seed=4), network)
    pixels = np.random.default_rng(3).integers(0, 256, (24, 40, 3), np.uint8)
    Image.fromarray(pixels).save("a.png")
    return tmp_path


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(compare, arguments, standalone_mode=False, catch_exceptions=False)


def test_two_that_agree_leave_with_0(here):
    result = typed("small.cfg", "torch", "a.png", "--conf", "0.2")
    assert result.return_value == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "A small.cfg   B torch   1 picture"
    assert [line.split()[0] for line in lines[2:5]] == ["input", "network", "boxes"]
    assert lines[-1].startswith("The boxes agree within tolerance: ")


def test_two_that_differ_leave_with_1_and_say_why(here):
    result = typed("small.cfg", "channels=BGR", "a.png", "--conf", "0.2")
    assert result.return_value == 1
    assert "  channels=BGR             largest difference 0 of 1, mean 0\n" in result.stdout
    assert result.stdout.endswith("\nThe boxes differ because B feeds the channels as BGR where A feeds RGB.\n")


def test_json_holds_stages_trials_and_the_sentence(here):
    result = typed("small.cfg", "resize=stretch", "a.png", "--conf", "0.2", "--json")
    told = json.loads(result.stdout)
    assert result.return_value == 1
    assert set(told) == {"a", "b", "pictures", "agree", "sentence", "outcome", "stages"}
    assert told["sentence"] == "The boxes differ because B resizes by stretch where A does by letterbox."
    assert [stage["same"] for stage in told["stages"]] == [False, True, True]
    assert told["stages"][0]["trials"][1]["changes"] == {"resize": "stretch"}
    assert set(told["outcome"]) == {
        "same",
        "matched",
        "only_a",
        "only_b",
        "mean_iou",
        "score_difference",
        "box_difference_px",
    }


def test_the_options_are_those_of_both(here):
    assert typed("small.cfg", "small.cfg", "a.png", "--size", "64", "--resize", "stretch").return_value == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("none.cfg", "torch", "a.png"), "none.cfg: found no none.weights beside it, expected its weights; give --weights FILE, or put the file there"),
        (("small.cfg", "none.jsonl", "a.png"), "none.jsonl: found No such file or directory, expected detections as JSON Lines or COCO results; correct or write it anew"),
        (("small.cfg", "torch", "none.png"), "none.png: found no such file, expected a picture file; check the name"),
        (("small.cfg", "torch", "a.png", "--classes", "bird"), "classes: found 'bird', expected a class of the model: cat, dog"),
    ],
)  # fmt: skip
def test_what_cannot_start_is_refused_in_one_line(arguments, message, here):
    with pytest.raises(Yolov2Error) as refusal:
        typed(*arguments)
    assert str(refusal.value) == message
