"""A command line run in this process, and a network so small and so sure of itself that its answers are known."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from sure_model import SURE_CFG
from yolov2.cli.main import main
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, write_weights

BIASES = np.array([0, 0, 0, 0, 3, 2, 0], np.float32)  # the middle half; objectness sigmoid(3), softmax(2, 0)


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def yolov2(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """A function: the words of a command line -> its exit status and what it said."""

    def run(*words: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with small.cfg, its weights and names, and pictures grey.jpg and grey.png, 64 x 64."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    Path("small.cfg").write_text(SURE_CFG)
    Path("small.names").write_text("cat\ndog\n")
    network = read_cfg(Path("small.cfg"))
    layer = {"biases": BIASES, "weights": np.zeros((7, 3, 1, 1), np.float32)}
    write_weights("small.weights", Weights((layer, {}), seen=640), network)
    for name in ("grey.jpg", "grey.png"):
        cv2.imwrite(name, np.full((64, 64, 3), 128, np.uint8))
    return tmp_path
