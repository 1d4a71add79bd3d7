"""What the words of options become, and what is refused."""

import click
import pytest

from yolov2.cli.options import confidence, depth, size_hw, words


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
