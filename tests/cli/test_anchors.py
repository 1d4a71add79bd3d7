"""`yolov2 anchors`: what a person sees, what a program reads, and what is refused."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

TABLE = """\
my.data  8 boxes in 4 pictures
k-means under 1 - IoU, seed 0; pictures keep their proportions on an input of 416 x 416

            cells       pixels
    1.30 x   1.30    42 x   42
    5.20 x   3.90   166 x  125

mean IoU  100.0%

for [region] of the .cfg; the [convolutional] before it needs filters = 2 * (5 + classes):
anchors=1.3000,1.3000, 5.2000,3.9000
num=2
"""


@pytest.fixture
def labels(here):
    """The working directory with my.data: four pictures of 100 x 100, each with boxes of 10 x 10 and 40 x 30."""
    Path("pictures").mkdir()
    for number in range(4):
        cv2.imwrite(f"pictures/{number}.png", np.zeros((100, 100, 3), np.uint8))
        Path(f"pictures/{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.4 0.5 0.4 0.3\n")
    Path("list.txt").write_text("".join(f"{here}/pictures/{number}.png\n" for number in range(4)))
    Path("my.data").write_text("classes=2\ntrain=list.txt\nnames=small.names\n")
    return here


def test_a_table_and_the_lines_to_paste(yolov2, labels):
    said = yolov2("anchors", "my.data", "-k", 2)
    assert (said.status, said.err) == (0, "")
    assert said.out == TABLE


def test_json_has_the_anchors_and_how_they_were_found(yolov2, labels):
    said = yolov2("anchors", "my.data@train", "-k", 2, "--size", "608x320", "--json")
    assert (said.status, said.err) == (0, "")
    assert json.loads(said.out) == {
        "k": 2, "mean_iou": pytest.approx(1), "anchors": [[1, 1], [4, 3]], "unit": "cells", "curve": [],
        "stride": 32, "width": 608, "height": 320, "method": "iou", "resize": "letterbox", "seed": 0,
        "boxes": 8, "left_out": {},
    }  # fmt: skip


def test_the_input_may_be_filled_by_stretching(yolov2, labels):
    said = yolov2("anchors", "my.data", "-k", 2, "--size", "640x320", "--resize", "stretch", "--json")
    assert json.loads(said.out)["anchors"] == [[2, 1], [8, 3]]


def test_alexeyabs_rule_stretches_unless_told_otherwise(yolov2, labels):
    said = yolov2("anchors", "my.data", "-k", 1, "--method", "alexeyab", "--size", "640x320", "--json")
    found = json.loads(said.out)
    assert (found["method"], found["resize"], found["anchors"]) == ("alexeyab", "stretch", [[5, 2]])


def test_the_curve_is_printed_where_asked_for(yolov2, labels):
    lines = yolov2("anchors", "my.data", "-k", 1, "--curve").out.splitlines()
    assert lines[8:11] == ["k  mean IoU", "1     54.2%  #", "2    100.0%  ############################"]


def test_the_papers_table_is_printed_where_asked_for(yolov2, labels):
    for number in range(4):
        rows = [f"0 0.5 0.5 {0.05 + 0.1 * number} {0.05 * side}\n" for side in range(1, 6)]
        Path(f"pictures/{number}.txt").write_text("".join(rows))
    said = yolov2("anchors", "my.data", "--compare")
    rows = [line.split("  ") for line in said.out.splitlines() if line.endswith(("58.7%", "61.0%", "60.9%", "67.2%"))]
    assert [row[0] for row in rows] == [
        "k-means, Euclidean", "k-means, 1 - IoU", "hand-picked, of Faster R-CNN", "k-means, 1 - IoU"
    ]  # fmt: skip
    table = json.loads(yolov2("anchors", "my.data", "--compare", "--json").out)["compared"]
    assert [(row["k"], row["paper"]) for row in table] == [(5, 0.587), (5, 0.61), (9, 0.609), (9, 0.672)]


def test_a_plot_is_written_with_the_curve(yolov2, labels):
    said = yolov2("anchors", "my.data", "-k", 2, "--plot", "a.png")
    assert (said.status, said.err) == (0, "")
    picture = cv2.imread("a.png")
    assert picture is not None
    assert picture.shape[1] > 1000
    assert "\n2    100.0%  " in said.out


def test_a_plot_without_a_format_is_refused_before_the_data_is_opened(yolov2, here):
    said = yolov2("anchors", "missing.data", "--plot", "a.bmp")
    assert (said.status, said.out) == (2, "")
    assert said.err == (
        "yolov2: a.bmp: found no format in the name, expected .png, .svg, .pdf; name it, say, anchors.png\n"
    )


def test_a_plot_into_a_folder_that_is_not_there_is_refused_before_the_data_is_opened(yolov2, here):
    said = yolov2("anchors", "missing.data", "--plot", "no/a.png")
    assert (said.status, said.out, said.err) == (
        2, "", "yolov2: no/a.png: found no such folder, expected a folder to write into; create it\n"
    )  # fmt: skip


def test_anchors_are_shown_even_where_the_plot_can_not_be_written(yolov2, labels, monkeypatch):
    monkeypatch.setattr("yolov2.evaluate.plots.check_writable", lambda path: None)  # the folder goes during the run
    said = yolov2("anchors", "my.data", "-k", 2, "--plot", "no/a.png")
    assert said.status == 2
    assert "num=2" in said.out


def test_too_many_anchors_for_the_boxes_are_refused(yolov2, labels):
    said = yolov2("anchors", "my.data")
    assert (said.status, said.out) == (2, "")
    assert said.err == (
        "yolov2: my.data: found 2 different box shapes, expected at least 5, one an anchor; "
        "ask for 2 anchors or fewer\n"
    )


def test_left_out_boxes_are_told(yolov2, here):
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (here / "VOC" / folder).mkdir(parents=True)
    things = "".join(
        f"<object><name>cat</name><difficult>{hard}</difficult><bndbox><xmin>1</xmin><ymin>1</ymin>"
        f"<xmax>{side}</xmax><ymax>{side}</ymax></bndbox></object>"
        for hard, side in ((0, 10), (0, 20), (1, 30))
    )
    size = "<size><width>64</width><height>64</height><depth>3</depth></size>"
    Path("VOC/Annotations/grey.xml").write_text(f"<annotation>{size}{things}</annotation>")
    Path("grey.jpg").rename("VOC/JPEGImages/grey.jpg")
    Path("VOC/ImageSets/Main/train.txt").write_text("grey\n")
    assert yolov2("anchors", "VOC", "-k", 2).out.startswith("VOC  2 boxes in 1 picture; left out: 1 marked difficult\n")
    assert yolov2("anchors", "VOC", "-k", 3, "--difficult").out.startswith("VOC  3 boxes in 1 picture\n")
