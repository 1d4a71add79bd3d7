import pytest

from yolov2.data.spelling import is_slip, key, renames, slips, twins


@pytest.mark.parametrize(
    ("one", "other"),
    [("diningtable", "dining table"), ("RBC", "rbc"), ("Car", "cars"), ("traffic-light", "traffic_light"),
     ("airplane", "aeroplane"), ("potted plant", "PottedPlant"), ("tv", "tvmonitor")],
)  # fmt: skip
def test_these_are_one_class(one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("cat", "car"), ("bus", "bush"), ("dog", "hot dog"), ("glass", "glasses")])
def test_these_are_not(one, other):
    assert key(one) != key(other)


def test_a_class_takes_the_known_name_that_is_spelled_otherwise():
    assert renames(["dining table", "person", "boat"], ["person", "diningtable"]) == {"dining table": "diningtable"}


def test_a_name_that_is_known_as_it_is_stays():
    assert renames(["tv", "tvmonitor"], ["tvmonitor", "tv"]) == {}


def test_of_two_spellings_the_one_with_more_boxes_is_right():
    assert twins({"rbc": 1, "RBC": 4000, "WBC": 300, "Rbc": 2}) == {"rbc": "RBC", "Rbc": "RBC"}


def test_a_rare_name_one_letter_from_a_frequent_one_is_a_slip():
    assert slips({"RBC": 4000, "RCB": 2, "WBC": 300, "RBCC": 1, "cell": 1}) == {"RCB": "RBC", "RBCC": "RBC"}


@pytest.mark.parametrize("b", ["cats", "at", "cut", "act", "ct", "ca"])
def test_one_letter_more_less_other_or_two_swapped_is_a_slip(b):
    assert is_slip("cat", b)
    assert is_slip(b, "cat")


@pytest.mark.parametrize("b", ["cat", "dog", "tac", "catsy", "c", "cuts"])
def test_anything_else_is_none(b):
    assert not is_slip("cat", b)
