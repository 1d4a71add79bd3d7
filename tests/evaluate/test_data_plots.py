import sys

import cv2
import pytest

from small_sets import write_darknet, write_picture
from yolov2.errors import BackendError
from yolov2.evaluate.check import check
from yolov2.evaluate.data_plots import check_plots, plot_data

BOXES = "0 0.5 0.5 0.5 0.5\n1 0.3 0.5 0.3 0.5\n"


def test_four_panels_are_drawn_into_a_new_folder(tmp_path):
    found = check(write_darknet(tmp_path / "set", {"a": BOXES}), cache=None, pictures=False)
    path = plot_data(found.summary, tmp_path / "new/plots")
    assert path == tmp_path / "new/plots/boxes.png"
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (990, 1430, 3)
    filled = [(picture[rows, columns] < 200).any() for rows in (slice(0, 495), slice(495, 990))
              for columns in (slice(0, 715), slice(715, 1430))]  # fmt: skip
    assert filled == [True] * 4


@pytest.mark.parametrize("label", [None, ""])
def test_a_set_without_boxes_is_drawn_too(tmp_path, label):
    found = check(write_darknet(tmp_path / "set", {"a": label}), cache=None, pictures=False)
    assert plot_data(found.summary, tmp_path).is_file()


def test_classes_alone_are_drawn_too(tmp_path):
    write_picture(tmp_path / "set/cat/a.jpg")
    assert plot_data(check(tmp_path / "set", cache=None, pictures=False).summary, tmp_path).is_file()


def test_without_matplotlib_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BackendError) as refusal:
        check_plots()
    assert str(refusal.value) == "plot: found no package, expected matplotlib; pip install 'yolov2[eval]'"
