"""`yolov2 darknet`: a line for Darknet behind our own options, dashes and all."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = ("my.data", "small.cfg", "small.weights")
HEAVY = ("torch", "onnxruntime", "onnx", "numpy", "cv2", "PIL", "av")


@pytest.fixture
def line(here: Path) -> tuple[str, ...]:
    """A line that finds a cat in grey.png."""
    Path("my.data").write_text("names=small.names\n")
    return ("darknet", "detector", "test", *MODEL)


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_lines_go_to_standard_output_and_the_table_to_standard_error(yolov2, line):
    said = yolov2(*line, "grey.png", "-thresh", ".3", "-i", "0")
    assert said.status == 0
    assert said.out.splitlines()[0].startswith("grey.png: Predicted in ")
    assert said.out.splitlines()[1:] == ["cat: 84%"]
    told = said.err.splitlines()
    assert told[0] == "note: -i is passed over: the processor is chosen by yolov2 itself"
    assert told[1].startswith("layer     filters ")
    assert told[-1] == "Loading weights from small.weights...Done!"


def test_quiet_keeps_the_failures(yolov2, line):
    said = yolov2("-q", *line, "no.png", "-dont_show")
    assert said == (1, "", "failed: no.png: found no such file, expected a picture file; check the name\n")


def test_names_of_pictures_come_over_standard_input(yolov2, line, monkeypatch):
    os.rename("grey.png", b"gr\xe9y.png")
    stdin(monkeypatch, b"gr\xe9y.png\r\nno.png\ngr\xe9y.png")
    said = yolov2(*line)
    assert said.status == 1
    asked = said.out.split("Enter Image Path: ")
    assert len(asked) == 5
    assert asked[0] == asked[2] == asked[4] == ""
    assert asked[1].startswith("gr\\udce9y.png: Predicted in ")
    assert asked[1].endswith("cat: 84%\n")


@pytest.mark.parametrize("before", [["./darknet"], ["-i", "1"], ["-nogpu"], []])
def test_what_may_stand_before_the_command(yolov2, line, before):
    """`-h` and `-q` in a word of Darknet's are not ours."""
    assert yolov2("darknet", *before, *line[1:], "grey.png", "-hier", ".5", "-quiet_please", "1").err.splitlines()[
        -1
    ] == (
        "yolov2: darknet detector test: found -quiet_please, expected one of -ext_output -hier -letter_box -nms -out -save_labels -thresh; leave it out"
    )
    assert yolov2("darknet", *before, *line[1:], "grey.png", "-hier", ".5").status == 0


@pytest.mark.parametrize(("like", "unit"), [("pjreddie", "seconds."), ("alexeyab", "milli-seconds.")])
@pytest.mark.parametrize("spelling", [["--like={}"], ["--like", "{}"], ["--no-cache", "--like", "{}", "-v"]])
def test_the_program_can_be_stated(yolov2, line, like, unit, spelling):
    said = yolov2("darknet", *(word.format(like) for word in spelling), *line[1:], "grey.png")
    assert said.out.splitlines()[0].split()[-1] == unit


@pytest.mark.parametrize("letters", ["-vv", "-vvv", "-qv"])
def test_letters_of_ours_may_stand_together(yolov2, line, letters):
    said = yolov2("darknet", letters, *line[1:], "grey.png", "-thresh", ".3")
    assert (said.status, said.out.splitlines()[1:]) == (0, ["cat: 84%"])


@pytest.mark.parametrize("letters", ["-vx", "-xv", "-vo"])
def test_letters_that_are_not_all_ours_are_darknets(yolov2, line, letters):
    said = yolov2("darknet", letters, *line[1:], "grey.png")
    assert said.status == 2
    assert said.err.splitlines()[-1].startswith(f"yolov2: darknet detector test: found {letters}, expected one of ")


def test_an_option_of_ours_behind_the_line_is_darknets(yolov2, line):
    said = yolov2(*line, "grey.png", "--like", "alexeyab")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("yolov2: darknet detector test: found --like, expected one of ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "yolov2: darknet: found no further word, expected a command; write one of: "),
        (
            ["detector", "test"],
            "yolov2: darknet detector test: found 0 words, expected at least 3; write darknet detector test DATA CFG WEIGHTS [PICTURE]",
        ),
        (
            ["detector", "valid2", "x.data"],
            "yolov2: darknet detector: found valid2, which is not in this version, expected one of test, valid, demo, map, recall, calc_anchors, train; ",
        ),
        (
            ["detector", "test", "no.data", "a", "b"],
            "yolov2: no.data: found no such file, expected a .data file; check the path",
        ),
    ],
)
def test_what_can_not_start_ends_with_one_line(yolov2, here, words, message):
    said = yolov2("darknet", *words)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1


def test_an_unknown_program_is_refused(yolov2, here):
    said = yolov2("darknet", "--like", "other", "detector")
    assert said.status == 2
    assert said.err.endswith("Error: Invalid value for '--like': 'other' is not one of 'pjreddie', 'alexeyab'.\n")


def test_prepared_networks_are_kept_unless_told_otherwise(yolov2, line):
    yolov2("darknet", "--no-cache", *line[1:], "grey.png")
    assert not Path(".cache").exists()
    yolov2("darknet", "--cache", "mine", *line[1:], "grey.png")
    assert list(Path("mine").iterdir()) != []


def test_help_loads_nothing_heavy():
    probe = (
        "import sys\nfrom yolov2.cli.main import root\nroot.main(['darknet', '--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.splitlines()[-1] == "[]"
