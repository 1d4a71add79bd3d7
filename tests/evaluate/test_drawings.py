"""Curves, confusion and calibration as SVG: where the numbers stand."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from scripted import ScriptedDetector, pets
from yolov2.evaluate.curves import Calibration, Curve, Threshold
from yolov2.evaluate.drawings import LEFT, SIDE, TOP, calibration_body, confusion_body, confusions, panel
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.run_folder import DRAWINGS

NAMES = ("cat", "dog", "background")
TABLE = np.array([[6, 3, 1], [0, 5, 0], [2, 4, 0]])


def elements(body, tag):
    return list(ET.fromstring(f"<svg>{body}</svg>").iter(tag))


def test_a_curve_runs_from_its_first_hit_to_its_last():
    of = Curve(np.array([0.9, 0.8, 0.7]), np.array([1, 0.5, 2 / 3]), np.array([0.5, 0.5, 1.0]), 2)
    body = panel("dog", 0.8333, of, Threshold(0.3, 0.8, 2 / 3, 1.0))
    (line,) = elements(body, "polyline")
    assert line.get("points") == f"{LEFT + SIDE / 2:.1f} {TOP:.1f} {LEFT + SIDE:.1f} {TOP + SIDE / 3:.1f}"
    (dot,) = elements(body, "circle")
    assert (float(dot.attrib["cx"]), float(dot.attrib["cy"])) == (LEFT + SIDE, TOP + SIDE / 3)
    assert dot[0].text == "best F1 0.80 above 0.30: precision 0.67, recall 1.00"
    assert [text.text for text in elements(body, "text")][-2:] == ["dog", "83.3"]


def test_a_long_curve_is_drawn_with_few_points():
    recall = np.linspace(0.0001, 1, 10_000)
    (line,) = elements(panel("dog", 0.5, Curve(1 - recall, 1 - recall / 2, recall, 10_000), None), "polyline")
    points = line.attrib["points"].split()
    assert len(points) == 2 * 120
    assert points[-2:] == [f"{LEFT + SIDE:.1f}", f"{TOP + SIDE / 2:.1f}"]


@pytest.mark.parametrize("truths, said", [(0, "no objects"), (3, "0.0")])
def test_a_class_without_hits_has_no_curve(truths, said):
    nothing = np.zeros(0)
    body = panel("<dog>", 0.0, Curve(nothing, nothing, nothing, truths), None)
    assert elements(body, "polyline") == []
    assert [text.text for text in elements(body, "text")][-2:] == ["<dog>", said]


def test_a_cell_is_as_dark_as_its_share_of_the_row():
    body, width, height = confusion_body(NAMES, TABLE)
    cells = [one for one in elements(body, "rect") if one.get("class") in ("right", "wrong")]
    assert [one[0].text for one in cells] == [
        "cat: 6 of 10 found",
        "cat: 3 of 10 taken for dog",
        "cat: 1 of 10 missed",
        "dog: 5 of 5 found",
        "2 times cat where nothing is labelled",
        "4 times dog where nothing is labelled",
    ]
    assert [one.get("class") for one in cells] == ["right", "wrong", "wrong", "right", "wrong", "wrong"]
    assert [one.get("opacity") for one in cells[:4]] == ["0.63", "0.36", "0.17", "1.00"]
    assert (width, height) == (104 + 3 * 28 + 40, 92 + 3 * 28 + 6)


def test_many_classes_leave_numbers_out():
    body, width, _ = confusion_body([str(number) for number in range(81)], np.eye(81, dtype=np.int64))
    assert len([one for one in elements(body, "text") if one.get("class") == "on"]) == 0
    assert width < 1000


def test_the_most_frequent_confusions_are_of_two_classes():
    assert confusions(NAMES, TABLE, 5) == [("cat", "dog", 3)]


def test_a_bar_is_as_high_as_scores_are_right():
    edges, nan = np.linspace(0, 1, 3), float("nan")
    body = calibration_body(Calibration(edges, np.array([0, 10]), np.array([nan, 0.8]), np.array([nan, 0.5]), 0.3))
    first, second = (one for one in elements(body, "rect") if one.get("class") in ("bar", "quiet"))
    assert (first.get("height"), second.get("class")) == ("95.0", "quiet")
    assert first[0].text == "10 detections from 0.5 to 1.0, 0.80 on average: 50% right"


def test_each_file_stands_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    run = evaluate(pets(tmp_path), model=ScriptedDetector())
    for draw in DRAWINGS.values():
        root = ET.fromstring(draw(run))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert ".quiet" in (root[0].text or "")
        assert not re.search(r"nan|var\(", draw(run))
