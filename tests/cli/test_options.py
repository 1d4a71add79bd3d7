"""What the words of options become, and what is refused."""

from pathlib import Path

import click
import pytest

from yolov2.backends import base
from yolov2.cli import options
from yolov2.cli.values import confidence, depth, size_hw, words


@pytest.mark.parametrize("text, height, width", [("416", 416, 416), ("608x352", 352, 608), ("608X352", 352, 608)])
def test_a_size_is_one_side_or_width_by_height(text, height, width):
    assert size_hw(text) == (height, width)


@pytest.mark.parametrize("text", ["", "0", "416x", "x", "4x4x4", "-32", "4.5", "416x0", "ten"])
def test_other_sizes_are_refused(text):
    with pytest.raises(click.BadParameter, match="expected one side as 416, or width x height as 608x352$"):
        size_hw(text)


def test_confidence_is_a_number_or_one_by_class():
    assert confidence("0.4") == 0.4
    assert confidence("person=0.4, traffic light=.2") == {"person": 0.4, "traffic light": 0.2}


@pytest.mark.parametrize("text", ["", "2", "-0.1", "nan", "high", "person=2", "person=", "=0.3", "person=0.3,0.4"])
def test_other_confidences_are_refused(text):
    with pytest.raises(click.BadParameter, match="expected "):
        confidence(text)


def test_a_class_with_two_confidences_is_refused():
    with pytest.raises(click.BadParameter, match="^found 'dog' twice, expected each class once$"):
        confidence("dog=0.2,cat=0.3, dog=0.4")


def test_help_puts_ranges_in_words(yolov2):
    said = " ".join(yolov2("detect", "--help").out.split())
    assert "--iou NUMBER Boxes of one class that overlap more are one object. [default: 0.45; from 0 to 1]" in said
    assert "--batch N Pictures a pass. [default: 1; at least 1]" in said
    assert "--pixels NUMBER White at the input of a .pth. [likewise, 1] [above 0]" in " ".join(
        yolov2("convert", "--help").out.split()
    )


@pytest.mark.parametrize("command", ["bench", "classify", "compare", "convert", "detect", "info"])
def test_no_help_shows_a_range_as_a_formula(yolov2, command):
    said = yolov2(command, "--help").out
    assert "x>" not in said
    assert "<x" not in said
    assert "RANGE" not in said


@pytest.mark.parametrize("option", ["--confidence", "--threshold", "--thresh", "-thresh"])
def test_other_names_of_an_option_lead_to_ours(yolov2, option):
    said = yolov2("detect", "a.jpg", option, "0.4")
    assert said.status == 2
    assert said.err.splitlines()[-1] == f"Error: No such option '{option}'. Did you mean '--conf'?"


def test_names_are_parted_by_commas():
    assert words("person, traffic light,dog") == ("person", "traffic light", "dog")
    with pytest.raises(click.BadParameter, match="found no name"):
        words(" , ")


def test_depth_is_a_number_or_leaf():
    assert (depth("3"), depth("leaf")) == (3, "leaf")
    with pytest.raises(click.BadParameter, match="found 'deep', expected a whole number from 0, or leaf"):
        depth("deep")


def test_a_bad_value_names_its_option(yolov2):
    said = yolov2("detect", "a.jpg", "--conf", "3")
    assert said.status == 2
    last = "Error: Invalid value for '--conf': found '3', expected a number from 0 to 1, or CLASS=NUMBER,..."
    assert said.err.splitlines()[-1] == last


def test_a_command_line_allows_as_many_threads_as_a_backend(yolov2):
    assert options.MOST_THREADS == base.MOST_THREADS == 1024
    said = yolov2("detect", "a.jpg", "-m", "small.cfg", "--threads", "100000")
    assert said.status == 2
    expected = "Error: Invalid value for '--threads': 100000 is not in the range from 1 to 1024."
    assert said.err.splitlines()[-1] == expected


def test_no_cache_is_none_and_without_a_word_it_is_the_platforms(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert options.cache_folder(Path("mine"), no_cache=False) == Path("mine")
    assert options.cache_folder(Path("mine"), no_cache=True) is None
    assert options.cache_folder(None, no_cache=False) == options.default_cache()
