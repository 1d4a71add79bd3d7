"""`yolov2 explain` as it is typed: the picture, the line, the JSON, the exit status."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov2.pictures.read import read_picture

PAGE = Path(__file__).parent.parent.parent / "docs" / "explain.md"
MODEL = ("-m", "small.cfg", "--masks", 20)


def test_a_picture_is_written_and_told_of_in_a_line(yolov2, here):
    said = yolov2("explain", "grey.png", *MODEL)
    assert (said.status, said.err) == (0, "")
    assert said.out == "explain.png: cat 84%, which depends most on what is at x 0, y 0\n"
    drawn = cv2.imread("explain.png")
    assert drawn is not None
    assert drawn.shape == (64, 64, 3)
    assert drawn[1, 1].tolist() == [77, 77, 77]  # 0.6 * 128: this network looks at nothing
    assert np.ptp(drawn[32, 16].astype(int)) > 100  # the left line of the box


def test_json_says_what_was_explained(yolov2, here):
    said = yolov2("explain", "grey.png", *MODEL, "-o", "why.jpg", "--json")
    assert (said.status, said.err) == (0, "")
    assert json.loads(said.out) == {
        "source": "grey.png", "label": "cat", "score": pytest.approx(0.839, abs=1e-3), "box": [16, 16, 48, 48],
        "masks": 20, "peak": [0, 0], "output": "why.jpg",
    }  # fmt: skip
    assert Path("why.jpg").read_bytes().startswith(b"\xff\xd8")
    assert not Path("explain.png").exists()


def test_a_class_can_be_asked_for(yolov2, here):
    said = yolov2("explain", "grey.png", *MODEL, "--class", "dog", "--conf", 0.1, "--json")
    assert json.loads(said.out)["label"] == "dog"


def test_the_nth_best_can_be_asked_for(yolov2, here):
    said = yolov2("explain", "grey.png", *MODEL, "--detection", 2, "--conf", 0.1, "--json")
    assert json.loads(said.out)["label"] == "dog"


@pytest.mark.parametrize("option", [("--seed", 1), ("--grid", 3), ("--masks", 21)])
def test_how_masks_are_drawn_can_be_chosen(yolov2, here, option):
    cfg, weights = Path("small.cfg"), bytearray(Path("small.weights").read_bytes())
    weights[-21 * 4 :] = np.linspace(-2, 2, 21, dtype=np.float32).tobytes()  # a network that looks
    Path("small.weights").write_bytes(weights)
    cv2.imwrite("busy.png", np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    first = yolov2("explain", "busy.png", "-m", cfg, "--masks", 20, "--conf", 0, "-o", "a.png")
    second = yolov2("explain", "busy.png", "-m", cfg, "--masks", 20, "--conf", 0, *option, "-o", "b.png")
    assert (first.status, second.status) == (0, 0)
    assert Path("a.png").read_bytes() != Path("b.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("grey.png", "--conf", 0.99),
            "failed: grey.png: found 0 detections above the threshold, expected at least 1; lower conf, or ask for another\n",
        ),
        (
            ("grey.png", "--class", "cat", "--detection", 2),
            "failed: grey.png: found 1 detection of cat above the threshold, expected at least 2; lower conf, or ask for another\n",
        ),
    ],
)
def test_nothing_to_explain_is_one_line_and_status_1(yolov2, here, words, line):
    said = yolov2("explain", *words, *MODEL)
    assert (said.status, said.out, said.err) == (1, "", line)
    assert not Path("explain.png").exists()


def test_a_picture_that_cannot_be_read_is_one_line_and_status_1(yolov2, here):
    Path("broken.png").write_bytes(b"no picture")
    said = yolov2("explain", "broken.png", *MODEL)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("failed: broken.png: found ")


def test_an_unknown_class_is_refused_with_the_closest(yolov2, here):
    said = yolov2("explain", "grey.png", *MODEL, "--class", "dgo")
    line = "yolov2: --class: found 'dgo', expected a class of the model: cat, dog; did you mean 'dog'?\n"
    assert (said.status, said.out, said.err) == (2, "", line)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.gif", "found the ending '.gif', expected one of .png .jpg .jpeg; name it, say, explain.png"),
        ("no/a.png", "found no such folder, expected a folder to write into; create it"),
        ("grey.png", "found the picture itself, expected a new file; choose another name with -o"),
        ("link.png", "found the picture itself, expected a new file; choose another name with -o"),
    ],
)
def test_a_file_that_could_not_be_written_is_refused_before_a_model_is_opened(yolov2, here, out, message):
    Path("link.png").symlink_to("grey.png")
    said = yolov2("explain", "grey.png", "-m", "absent.cfg", "-o", out)
    assert (said.status, said.out, said.err) == (2, "", f"yolov2: {out}: {message}\n")


@pytest.mark.parametrize(("option", "value"), [("--masks", 0), ("--grid", 0), ("--grid", 257), ("--batch", 0)])
def test_a_number_out_of_range_is_refused(yolov2, here, option, value):
    said = yolov2("explain", "grey.png", "-m", "small.cfg", option, value)
    assert said.status == 2
    assert f"Invalid value for '{option}'" in said.err


def test_a_picture_of_an_earlier_run_is_replaced(yolov2, here):
    Path("explain.png").write_bytes(b"old")
    assert yolov2("explain", "grey.png", *MODEL).status == 0
    assert read_picture(Path("explain.png")).size == (64, 64)


@pytest.fixture
def page(here) -> str:
    """The page of the docs, in a folder with the files that it names."""
    shutil.copy("grey.jpg", "photo.jpg")
    for ending in (".cfg", ".weights", ".names"):
        shutil.copy(f"small{ending}", f"my{ending}")
    return PAGE.read_text()


def test_the_commands_of_the_docs_run(yolov2, page):
    commands = re.findall(r"^\$ yolov2 (.+)$", page, re.MULTILINE)
    assert len(commands) == 4
    said = [yolov2(*command.split()) for command in commands]
    assert [one.status for one in said] == [0] * 4
    assert [one.out.partition(":")[0] for one in said[:3]] == ["explain.png", "cat.png", "explain.png"]


def test_the_python_of_the_docs_runs(page, capsys):
    (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == "(64, 64) (0, 0) ['cat']\n"
    assert read_picture(Path("why.png")).size == (64, 64)
