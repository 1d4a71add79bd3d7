"""Plots: files of the right kind, the same for the same numbers; what is not possible is refused before the work."""

import sys

import cv2
import numpy as np
import pytest

from yolov2.errors import BackendError, OutputError
from yolov2.evaluate.anchors import Boxes, find_anchors
from yolov2.evaluate.plots import ANCHOR_COLOUR, check_plot, plot_anchors


@pytest.fixture(scope="module")
def found():
    wh = np.random.default_rng(0).uniform(10, 400, (300, 2))
    return find_anchors(Boxes(wh, np.full((300, 2), 416.0), 300, {}), 3)


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_name_chooses_the_format(tmp_path, found, name, start):
    plot_anchors(found, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_the_same_anchors_make_the_same_file(tmp_path, found):
    for name in ("a.png", "b.png"):
        plot_anchors(found, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_anchors_are_in_the_picture(tmp_path, found):
    plot_anchors(found, tmp_path / "a.png")
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    colour = [int(ANCHOR_COLOUR[at : at + 2], 16) for at in (5, 3, 1)]  # cv2 reads blue first
    thirds = np.split((picture == colour).all(axis=-1), [picture.shape[1] // 3, 2 * picture.shape[1] // 3], axis=1)
    assert all(part.sum() > 20 for part in thirds)  # the chosen k, the points among the boxes, the outlines


def test_a_name_without_a_format_is_refused():
    with pytest.raises(OutputError) as refused:
        check_plot("anchors.txt")
    expected = "found no format in the name, expected .png, .svg, .pdf; name it, say, anchors.png"
    assert str(refused.value) == f"anchors.txt: {expected}"


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError) as refused:
        check_plot("a.png")
    assert str(refused.value) == "plot: found no package, expected matplotlib; pip install 'yolov2[eval]'"


def test_a_folder_that_is_not_there_is_refused_before_long_work(tmp_path):
    with pytest.raises(OutputError, match=r"a.png: found no such folder, expected a folder to write into; create it$"):
        check_plot(tmp_path / "no" / "a.png")
