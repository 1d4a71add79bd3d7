"""A folder as Darknet's users have it: a small network that is sure of itself, its names, a .data file, pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sure_model import SURE_CFG
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, write_weights

CFG = SURE_CFG.replace("softmax=1", "softmax=0")
# The middle half of the picture; objectness sigmoid(3) = .953, cat sigmoid(2) = .881, dog sigmoid(-.3) = .426.
BIASES = np.array([0, 0, 0, 0, 3, 2, -0.3], np.float32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with cfg/my.data, my.cfg, my.weights, data/my.names, grey.png (64 x 48) and list.txt."""
    monkeypatch.chdir(tmp_path)
    Path("cfg").mkdir()
    Path("data").mkdir()
    Path("my.cfg").write_text(CFG)
    Path("data/my.names").write_text("cat\ndog\n")
    Path("cfg/my.data").write_text("classes=2\nnames=data/my.names\nvalid=list.txt\nresults=out\n")
    layer = {"biases": BIASES, "weights": np.zeros((7, 3, 1, 1), np.float32)}
    write_weights("my.weights", Weights((layer, {}), seen=640), read_cfg(Path("my.cfg")))
    cv2.imwrite("grey.png", np.full((48, 64, 3), 128, np.uint8))
    Path("list.txt").write_text("grey.png\n")
    return tmp_path


@pytest.fixture
def tree(here: Path) -> tuple[str, str]:
    """tree.cfg and tree.weights in it: roots a, b; a1, a2 below a. Objectness .953, P(a) = .881, P(a1) = .776."""
    text = CFG.replace("filters=7", "filters=9").replace("classes=2", "classes=4")
    Path("tree.cfg").write_text(text.replace("softmax=0", "tree=my.tree"))
    Path("my.tree").write_text("a -1\nb -1\na1 0\na2 0\n")
    Path("tree.names").write_text("a\nb\na1\na2\n")
    biases = np.array([0, 0, 0, 0, 3, 2, 0, 2, 0], np.float32)
    layer = {"biases": biases, "weights": np.zeros((9, 3, 1, 1), np.float32)}
    write_weights("tree.weights", Weights((layer, {}), seen=640), read_cfg(Path("tree.cfg")))
    return "tree.cfg", "tree.weights"


@pytest.fixture
def twins(here: Path) -> tuple[str, str]:
    """twins.cfg and twins.weights: two anchors with one and the same box, .95 * (cat .88, dog .43), .88 * (dog .88)."""
    text = CFG.replace("filters=7", "filters=14").replace("anchors=0.5,0.5", "anchors=0.5,0.5, 0.5,0.5")
    Path("twins.cfg").write_text(text.replace("num=1", "num=2"))
    biases = np.concatenate((BIASES, np.array([0, 0, 0, 0, 2, -9, 2], np.float32)))
    layer = {"biases": biases, "weights": np.zeros((14, 3, 1, 1), np.float32)}
    write_weights("twins.weights", Weights((layer, {}), seen=640), read_cfg(Path("twins.cfg")))
    return "twins.cfg", "twins.weights"
