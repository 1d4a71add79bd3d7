"""`yolov2 compare` as it is typed: the table, the JSON, the exit status."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from yolov2.cli.compare import compare
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.errors import Yolov2Error, Yolov2Warning

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
    assert [line.split("  ")[0] for line in lines[2:6]] == ["input", "network", "decode, NMS", "end to end"]
    assert "decode, NMS  on B's raw heads   same " in lines[4]
    assert lines[-1].startswith("The boxes agree within tolerance: ")


def test_two_that_differ_leave_with_1_and_say_why(here):
    result = typed("small.cfg", "channels=BGR", "a.png", "--conf", "0.2")
    assert result.return_value == 1
    assert "  channels=BGR             largest difference 0 of 1, mean 0\n" in result.stdout
    assert result.stdout.endswith("\nThe boxes differ because B feeds the channels as BGR where A feeds RGB.\n")


def test_boxes_that_agree_to_the_eye_although_a_stage_differs(here):
    pixels = np.full((24, 40, 3), 128, np.uint8)
    pixels[0, 0, 0] += 1  # the one place where the order of the channels matters, and hardly
    Image.fromarray(pixels).save("faint.png")
    result = typed("small.cfg", "channels=BGR", "faint.png", "--conf", "0.2")
    lines = result.stdout.splitlines()
    assert result.return_value == 1
    row = re.fullmatch(r"end to end +same  +([1-9]\d*) of \1 boxes matched, (up to .*)", lines[5])
    assert row is not None
    apart = row[2]
    assert re.fullmatch(r"up to [\d.e-]+ px and [\d.e-]+ in score apart", apart)
    assert lines[-1] == f"The boxes agree, {apart}, although B feeds the channels as BGR where A feeds RGB."


def test_boxes_alone_have_no_second_row(here):
    Path("b.jsonl").write_text(json.dumps({"source": "a.png", "detections": []}) + "\n")
    table = typed("small.cfg", "b.jsonl", "a.png", "--conf", "0.99").stdout.splitlines()[2:]
    assert next(line.split("  ")[:2] for line in table if line) == ["boxes", "from the pictures"]
    assert not any(line.startswith("end to end") for line in table)


def test_a_bad_picture_is_named_and_passed_over(here, capsys):
    Path("bad.png").touch()
    Path("empty.png").touch()
    assert typed("small.cfg", "torch", "bad.png", "a.png", "--conf", "0.2").return_value == 1
    only = typed("small.cfg", "torch", "bad.png", "a.png", "--conf", "0.2")
    assert only.stdout.splitlines()[0] == "A small.cfg   B torch   1 picture"
    assert only.stderr.startswith("failed: bad.png: found 0 bytes, ")
    with pytest.raises(Yolov2Error) as refusal:
        typed("small.cfg", "torch", "bad.png", "empty.png")
    assert str(refusal.value) == "compare: found 2 pictures that can't be read, expected pictures; name others"


def test_an_empty_folder_among_pictures_is_named_and_passed_over(here):
    Path("nopics").mkdir()
    result = typed("small.cfg", "torch", "nopics", "a.png", "--conf", "0.2")
    assert result.return_value == 1
    assert result.stderr.startswith("failed: nopics: found no picture or video, ")


def test_of_many_pictures_the_first_are_taken_with_a_warning(here):
    for number in range(21):
        Image.open("a.png").save(f"{number}.png")
    with pytest.warns(Yolov2Warning) as told:
        result = typed("small.cfg", "torch", "[0-9]*.png", "--conf", "0.2")
    assert str(told[0].message) == "compare: takes the first 20 of 21 pictures; name others to compare those"
    assert result.stdout.splitlines()[0].endswith("   20 pictures")


BAD_EVIDENCE = {
    "this is text": "no JSON at column 1",
    "{}": "no key 'detections'",
    "[1": "no JSON at column 3",
    "[1]": "a value of another kind",
    '{"source": "a.png", "detections": [{"label": "bird", "box": [0, 0, 1, 1], "score": 1}]}': "the label 'bird', which is no class of the model",
}  # fmt: skip


@pytest.mark.parametrize("text, found", BAD_EVIDENCE.items())
def test_a_file_of_another_program_that_is_broken_is_told_in_our_words(text, found, here):
    Path("b.jsonl").write_text(text)
    with pytest.raises(Yolov2Error, match=re.escape(f"found {found}, expected ")):
        typed("small.cfg", "b.jsonl", "a.png")


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
        (("none.cfg", "torch", "a.png"), "none.cfg: found no such file, expected a .cfg file; check the path"),
        (("small.cfg", "none.jsonl", "a.png"), "none.jsonl: found no such file, expected detections as JSON Lines or COCO results; check the path"),
        (("small.cfg", "torch", "none.png"), "none.png: found no such file, expected a picture file; check the name"),
        (("small.cfg", "torch", "a.png", "--classes", "bird"), "--classes: found 'bird', expected a class of the model: cat, dog"),
    ],
)  # fmt: skip
def test_what_cannot_start_is_refused_in_one_line(arguments, message, here):
    with pytest.raises(Yolov2Error) as refusal:
        typed(*arguments)
    assert str(refusal.value) == message
