"""`from yolov2 import opencv as cv2`: what is ours, what is the installed OpenCV's, and what it costs."""

import subprocess
import sys

import cv2
import pytest

from opencv_nets import CLASSIFIER, weights_for
from yolov2 import opencv
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import parse_weights
from yolov2.graph.build import write_graph
from yolov2.opencv import dnn
from yolov2.opencv.models import ClassificationModel, DetectionModel
from yolov2.opencv.net import Net
from yolov2.opencv.reading import readNet, readNetFromDarknet

OURS = {
    "Net": Net,
    "DetectionModel": DetectionModel,
    "ClassificationModel": ClassificationModel,
    "readNet": readNet,
    "readNetFromDarknet": readNetFromDarknet,
}


def test_importing_it_loads_no_opencv():
    code = "import sys; from yolov2 import opencv as cv2; print([n for n in ('cv2', 'numpy', 'onnxruntime') if n in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "[]\n"


@pytest.mark.parametrize("name, ours", OURS.items())
def test_ours_is_found_under_all_of_opencvs_spellings(name, ours):
    assert getattr(opencv, name) is getattr(opencv.dnn, name) is getattr(opencv, f"dnn_{name}") is ours


def test_everything_else_is_opencvs():
    assert opencv.imread is cv2.imread
    assert opencv.error is cv2.error
    assert opencv.FONT_HERSHEY_SIMPLEX == cv2.FONT_HERSHEY_SIMPLEX
    assert opencv.__version__ == cv2.__version__
    assert dnn.blobFromImage is opencv.dnn.blobFromImage is opencv.blobFromImage is cv2.dnn.blobFromImage
    assert dnn.readNetFromONNX is cv2.dnn.readNetFromONNX
    assert opencv.dnn_KeypointsModel is cv2.dnn.KeypointsModel


def test_a_name_that_nobody_has_is_an_attribute_error():
    with pytest.raises(AttributeError, match=rf"^neither yolov2\.opencv nor OpenCV {cv2.__version__} has 'nope'$"):
        _ = opencv.nope
    with pytest.raises(
        AttributeError, match=rf"^neither yolov2\.opencv\.dnn nor cv2\.dnn of OpenCV {cv2.__version__} has 'nope'$"
    ):
        _ = dnn.nope
    assert not hasattr(opencv, "__wrapped__")


def test_the_models_of_other_networks_are_opencvs_own(tmp_path):
    network = parse_cfg(CLASSIFIER)
    write_graph(tmp_path / "a.onnx", network, parse_weights(weights_for(CLASSIFIER), network))
    net = opencv.dnn.readNetFromONNX(str(tmp_path / "a.onnx"))
    assert type(net) is cv2.dnn.Net
    assert type(opencv.dnn.ClassificationModel(net)) is cv2.dnn.ClassificationModel
    assert type(opencv.dnn_DetectionModel(network=net)) is cv2.dnn.DetectionModel


def test_a_star_gives_the_names_of_opencv_and_ours():
    names: dict[str, object] = {}
    exec("from yolov2.opencv import *", names)  # a star is for the top of a file alone
    assert names["imread"] is cv2.imread
    assert names["readNetFromDarknet"] is opencv.readNetFromDarknet
    assert names["dnn"] is opencv.dnn
    assert "OURS" not in names
