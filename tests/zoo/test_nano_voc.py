"""The model that comes with the package: small, one file, and a Darknet network like any other."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from yolov2 import opencv
from yolov2.checkpoint.file import Checkpoint, read_checkpoint, write_darknet
from yolov2.detect.detector import Detector
from yolov2.network.summary import summarise
from yolov2.zoo.registry import BUNDLED, VOC_NAMES, ZOO

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples" / "photos"
LARGEST_FILE, LARGEST_WHEEL = 8_000_000, 12_000_000  # bytes
MOST_OPERATIONS = 1.5e9  # at 416, two for every multiply-add


@pytest.fixture(scope="module")
def path() -> Path:
    path = ZOO[BUNDLED].bundled
    assert path is not None
    return path


@pytest.fixture(scope="module")
def stored(path: Path) -> Checkpoint:
    return read_checkpoint(path)  # which checks its seal


def test_it_is_small_and_says_how_it_was_trained(path: Path, stored: Checkpoint) -> None:
    assert path.stat().st_size <= LARGEST_FILE
    assert summarise(stored.network.at_size(416, 416)).operations <= MOST_OPERATIONS
    assert stored.names == VOC_NAMES
    assert stored.recipe is not None
    assert isinstance(stored.thresholds, dict)


def test_its_card_is_about_this_file(path: Path) -> None:
    card = (ROOT / "docs" / "nano-voc.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert f"{path.stat().st_size:,} bytes" in card


@pytest.mark.parametrize(
    ("photo", "names"),
    [("sk-astronaut.jpg", {"person"}), ("sk-chelsea.png", {"cat"})],
)
def test_photographs_show_what_they_show(photo: str, names: set[str]) -> None:
    with Detector.open(BUNDLED) as detector:
        found = detector(PHOTOS / photo)
    assert set(found.names) == names


def test_it_is_a_plain_darknet_network(stored: Checkpoint, tmp_path: Path) -> None:
    cfg = tmp_path / "plain.cfg"
    write_darknet(cfg, stored)
    given = stored.network.input
    images = np.random.default_rng(0).random((1, 3, given.height, given.width), np.float32)
    with Detector.open(cfg) as plain, Detector.open(BUNDLED) as bundled:
        assert plain.names == bundled.names
        np.testing.assert_array_equal(plain.raw(images), bundled.raw(images))
    net = opencv.dnn.readNetFromDarknet(str(cfg), str(cfg.with_suffix(".weights")))
    net.setInput(images)
    assert net.forward().shape[1] == 5 + len(VOC_NAMES)


def test_the_wheel_has_it_and_is_small(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.iterdir()
    assert wheel.stat().st_size <= LARGEST_WHEEL
    assert "yolov2/zoo/nano-voc.safetensors" in zipfile.ZipFile(wheel).namelist()
