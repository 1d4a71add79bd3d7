"""`yolov2 data stats`: the page a person sees, and what a program reads."""

import json

import pytest

from small_sets import voc_object, voc_xml, write_picture, write_voc

PAGE = """\
VOC  3 pictures, 4 boxes (1 difficult), 2 classes

class  boxes  pictures  difficult
cat        3         2          1  ########################################
cow        1         1          0  #############

boxes a picture  pictures
0                       1  ########################################
1                       1  ########################################
2                       0
3 - 5                   1  ########################################
6 - 10                  0
11 - 20                 0
21 - 30                 0
31 and more             0
mean 1.3, median 1, most 3

area in pixels         boxes                          width / height  boxes
small, under 32 x 32       3  ####################    under 0.2           0
medium, under 96 x 96      1  #######                 0.2 - 0.33          0
large, and above           0                          0.33 - 0.5          0
                                                      0.5 - 0.8           1  #######
                                                      0.8 - 1.25          3  ####################
                                                      1.25 - 2            0
                                                      2 - 3               0
                                                      3 - 5               0
                                                      5 and more          0

share of the boxes                   5%    25%    50%    75%    95%
are at most so large at 416 x 416  73.8  119.6  138.7  164.0  225.0
root of width x height in pixels, pictures fitted with their proportions

size of pictures  pictures
60 x 40                  3  ########################################
"""


@pytest.fixture
def voc(here):
    three = voc_xml(
        voc_object("cat", (1, 1, 30, 40)),
        voc_object("cat", (1, 1, 20, 20), extra="<difficult>1</difficult>"),
        voc_object("cow", (1, 1, 9, 9)),
    )
    one = voc_xml(voc_object("cat", (1, 1, 20, 20)))
    write_voc(here / "VOC", {"a": three, "b": one, "c": voc_xml()}, {"train": ["a", "b"], "val": ["c", "b"]})
    (here / "VOC/classes.names").write_text("cat\ncow\n")
    return here


def test_a_page_for_people(yolov2, voc):
    said = yolov2("data", "stats", "VOC")
    assert (said.status, said.err) == (0, "")
    assert said.out == PAGE


def test_json_has_the_figures(yolov2, voc):
    found = json.loads(yolov2("data", "stats", "VOC@val", "--size", "208x104", "--json").out)
    assert (found["data"], found["kind"], found["pictures"], found["boxes"]) == ("VOC@val", "voc", 2, 1)
    assert (found["input_width"], found["input_height"], found["sides"]["0.5"]) == (208, 104, 52)
    assert found["classes"][0] == {"name": "cat", "boxes": 1, "pictures": 1, "difficult": 0, "crowd": 0}
    assert found["areas"] == {"small": 1, "medium": 0, "large": 0}


def test_only_the_largest_classes_are_shown_unless_all_are_asked_for(yolov2, voc):
    (voc / "VOC/classes.names").write_text("".join(f"{number}\n" for number in range(43)))
    lines = yolov2("data", "stats", "VOC").out.splitlines()
    assert "and 3 classes more with 0 boxes: --all-classes" in lines
    assert not any(line.startswith("42 ") for line in lines)
    assert "42" in yolov2("data", "stats", "VOC", "--all-classes").out.split()


def test_labels_that_can_not_be_read_are_counted(yolov2, voc):
    (voc / "VOC/Annotations/c.xml").write_text("<annotation>")
    lines = yolov2("data", "stats", "VOC").out.splitlines()
    assert lines[1] == "1 label can't be read or understood; `yolov2 data check` lists them"


def test_pictures_with_a_class_each_are_counted_by_class(yolov2, here):
    for name in ("cat/1.jpg", "cat/2.jpg", "dog/3.jpg"):
        write_picture(here / "in" / name, seed=len(name))
    assert yolov2("data", "stats", "in").out == (
        f"in  3 pictures, 2 classes\n\nclass  pictures\ncat           2  {'#' * 40}\ndog           1  {'#' * 20}\n"
    )
