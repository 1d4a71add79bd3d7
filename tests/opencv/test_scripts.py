"""Four scripts of the kind that people have, under OpenCV 4 as they stand, and under `yolov2.opencv` with one line changed.

Every figure comes out of OpenCV 4 in the environment that `make opencv4` makes. Its Winograd convolutions, on unless a
script turns them off, round more coarsely than plain ones: so the scripts run there twice.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from difflib import ndiff
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, initial_weights, write_weights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "examples" / "opencv"
OPENCV4 = ROOT / "build" / "opencv4"
PLAINLY = Path(__file__).with_name("no_winograd_side.py")
THEIR_IMPORT, OUR_IMPORT = "import cv2\n", "from yolov2 import opencv as cv2\n"

PLAIN_NOISE = 1e-5  # of scores, with Winograd off: float32 sums of thousands of terms in another order
WINOGRAD_NOISE = 1e-4  # of scores, with it on: raw outputs move by up to 4e-4, and a sigmoid's slope is at most 1/4
PIXEL = 1  # of boxes: scripts cut corners to whole pixels, so the smallest difference may move one

MODELS = {
    "yolo-lite-voc": ("yolo-lite/voc-trial3-nobatch", "yolo-lite/voc.names", (224, 224)),
    "yolo-lite-coco": ("yolo-lite/coco-trial6", "yolo-lite/coco.names", (224, 224)),
    "tiny-voc": ("yolov2-tiny-voc-352x288/yolov2-tiny-voc-352x288", "yolov2-tiny-voc-352x288/voc.names", (352, 288)),
}
CLASSIFIER = """[net]
width=64
height=64
channels=3

[convolutional]
batch_normalize=1
filters=16
size=3
pad=1
stride=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=32
size=3
pad=1
stride=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=20
size=1
stride=1
activation=linear

[avgpool]

[softmax]
groups=1
"""

Line = dict[str, Any]


@pytest.fixture(scope="module")
def opencv4() -> Path:
    """The Python that has OpenCV 4."""
    if not any(OPENCV4.glob(".ok-*")):
        pytest.skip("no OpenCV 4 in build/opencv4 to compare with; make it with: make opencv4")
    return OPENCV4 / "bin" / "python"


@pytest.fixture
def both(opencv4: Path, tmp_path: Path) -> Callable[..., tuple[list[Line], list[Line], list[Line]]]:
    """A function: a script and its arguments -> what it printed under OpenCV 4, there without Winograd, and here.

    The argument `OUT` stands for a folder of each side's own: `theirs`, `plain` and `ours` in `tmp_path`.
    """

    def run(script: str, *arguments: object) -> tuple[list[Line], list[Line], list[Line]]:
        def side(name: str, *command: object) -> list[Line]:
            (tmp_path / name).mkdir(exist_ok=True)
            words = [str(text).replace("OUT", str(tmp_path / name)) for text in arguments]
            return printed(*command, *words, cache=tmp_path / "cache")

        theirs = SCRIPTS / script
        changed = tmp_path / script
        changed.write_text(theirs.read_text().replace(THEIR_IMPORT, OUR_IMPORT))
        return (
            side("theirs", opencv4, theirs),
            side("plain", opencv4, PLAINLY, theirs),
            side("ours", sys.executable, changed),
        )

    return run


def printed(*command: object, cache: Path) -> list[Line]:
    """The JSON lines on standard output of a command that must succeed; what it keeps for later goes into `cache`."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def model_options(models: Path, name: str) -> tuple[str, ...]:
    stem, names, _ = MODELS[name]
    return ("--cfg", f"{models / stem}.cfg", "--weights", f"{models / stem}.weights", "--names", f"{models / names}")


def assert_same(ours: list[Line], theirs: list[Line], *, noise: float) -> None:
    """The same lines but for the noise of scores and a pixel of boxes."""
    assert [without_numbers(line) for line in ours] == [without_numbers(line) for line in theirs]
    np.testing.assert_allclose(scores(ours), scores(theirs), atol=noise, rtol=0)
    np.testing.assert_allclose(boxes(ours), boxes(theirs), atol=PIXEL, rtol=0)


def without_numbers(line: Line) -> Line:
    return {key: value for key, value in line.items() if key not in ("score", "box")}


def scores(lines: list[Line]) -> list[float]:
    return [line["score"] for line in lines]


def boxes(lines: list[Line]) -> np.ndarray:
    return np.array([line["box"] for line in lines if "box" in line], dtype=float).reshape(-1, 4)


def found_in_frames(lines: list[Line]) -> list[Line]:
    """What yolo_video.py prints, an object a line; so that a frame without any counts, too."""
    keys = ("id", "score", "left", "top", "width", "height")
    objects = [(line["frame"], dict(zip(keys, found, strict=True))) for line in lines for found in line["found"]]
    return [
        {"frame": frame, "id": found["id"], "score": found["score"], "box": [found[key] for key in keys[2:]]}
        for frame, found in objects
    ] + [{"frames": [line["frame"] for line in lines], "score": 1.0}]


def best_classes(lines: list[Line]) -> list[Line]:
    return [{"image": line["image"], **answer} for line in lines for answer in line["top"]]


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_a_script_runs_here_with_one_line_changed(script):
    theirs = (SCRIPTS / script).read_text()
    ours = theirs.replace(THEIR_IMPORT, OUR_IMPORT)

    changed = [line for line in ndiff(theirs.splitlines(), ours.splitlines()) if line[0] in "+-"]

    assert changed == ["- import cv2", "+ from yolov2 import opencv as cv2"]


def test_opencv_4_and_5_read_and_prepare_pictures_alike(opencv4, shared, tmp_path):
    pictures = [*sorted((shared / "data" / "photos").glob("*.*")), shared / "data" / "video" / "car-detection.mp4"]
    program = Path(__file__).with_name("pixels_side.py")

    here, there = (printed(python, program, *pictures, cache=tmp_path) for python in (sys.executable, opencv4))

    assert len(here) == 16 + 12
    assert here == there


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("photograph", ["dog.jpg", "eagle.jpg", "giraffe.jpg"])
def test_the_tutorial_finds_the_same(both, models, shared, tmp_path, model, photograph):
    picture = shared / "data" / "photos" / photograph
    output = ("--output", "OUT/found.png", "--size", *MODELS[model][2])

    theirs, plain, ours = both("yolo_image.py", picture, *model_options(models, model), *output)

    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)
    assert is_drawn_on(tmp_path / "ours" / "found.png", picture) == bool(ours)


@pytest.mark.parametrize("model", MODELS)
def test_the_video_script_finds_the_same_in_every_frame(both, models, shared, tmp_path, model):
    video = shared / "data" / "video" / "car-detection.mp4"
    cut = ("--input", video, "--start", 203, "--frames", 12, "--output", "OUT/cars.avi")
    width, height = MODELS[model][2]

    sides = both("yolo_video.py", *cut, *model_options(models, model), "--width", width, "--height", height)
    theirs, plain, ours = (found_in_frames(lines) for lines in sides)

    assert len(ours) > 6
    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)
    assert sizes_of_frames(tmp_path / "ours" / "cars.avi") == [(432, 768)] * 12


def test_the_video_script_takes_a_mean_and_a_scale(both, models, shared):
    video = shared / "data" / "video" / "car-detection.mp4"
    given = ("--input", video, "--start", 203, "--frames", 8, "--mean", 20, 10, 0, "--scale", 1 / 240)

    sides = both("yolo_video.py", *given, *model_options(models, "tiny-voc"), "--width", 352, "--height", 288)
    theirs, plain, ours = (found_in_frames(lines) for lines in sides)

    assert len(ours) > 4
    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)


@pytest.mark.parametrize("model", MODELS)
def test_detection_model_finds_the_same_in_all_photographs(both, models, shared, tmp_path, model):
    pictures = [*sorted((shared / "data" / "photos").glob("*.*")), shared / "README.md"]
    size = "{}x{}".format(*MODELS[model][2])

    sides = both("detection_model.py", *pictures, *model_options(models, model), "--size", size, "--outdir", "OUT")
    theirs, plain, ours = (with_scores(lines) for lines in sides)

    assert len(ours) > 8
    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)
    assert {path.name for path in (tmp_path / "ours").iterdir()} == {path.name for path in pictures[:-1]}


def with_scores(lines: list[Line]) -> list[Line]:
    """The lines of detection_model.py; that of a picture which can't be read has no score of its own."""
    return [{"score": 0.0} | line for line in lines]


@pytest.fixture
def classifier(tmp_path: Path) -> tuple[object, ...]:
    """The options of a small classifier with drawn weights, under which the photographs fall into several classes."""
    cfg = tmp_path / "small.cfg"
    cfg.write_text(CLASSIFIER)
    network = read_cfg(cfg)
    random = np.random.default_rng(0)
    layers = [{key: array.copy() for key, array in layer.items()} for layer in initial_weights(network).layers]
    for layer in layers[:-3]:
        for key, array in layer.items():
            if key == "rolling_variance":
                array[:] = random.uniform(0.02, 0.1, array.shape)
            elif key in ("biases", "rolling_mean"):
                array[:] = random.normal(0, 0.3, array.shape)
    head = layers[-3]["weights"]
    head -= head.mean(axis=(1, 2, 3), keepdims=True)  # else the brightest channel decides for every picture
    head *= 3
    write_weights(cfg.with_suffix(".weights"), Weights(tuple(layers)), network)
    labels = cfg.with_suffix(".labels")
    labels.write_text("".join(f"class {number}\n" for number in range(20)))
    files = ("--cfg", cfg, "--weights", cfg.with_suffix(".weights"), "--labels", labels)
    return (*files, "--size", 64, "--mean", 120, 110, 100)


def test_the_batch_script_gives_the_same_classes_and_features(both, classifier, shared, tmp_path):
    pictures = sorted((shared / "data" / "photos").glob("*.jpg"))
    inside = ("--layer", "conv_4", "--features", "OUT/features.npy", "--batch", 4, "--top", 3)

    sides = both("classify_batch.py", *pictures, *classifier, *inside)
    theirs, plain, ours = (best_classes(lines) for lines in sides)

    assert len({line["id"] for line in ours[::5]}) > 2
    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)
    features = np.load(tmp_path / "ours" / "features.npy")
    assert features.shape == (len(pictures), 20 * 16 * 16)
    np.testing.assert_allclose(features, np.load(tmp_path / "plain" / "features.npy"), atol=1e-4 * features.std())


def test_classification_model_gives_the_same_classes(both, classifier, shared):
    pictures = sorted((shared / "data" / "photos").glob("*.*"))

    sides = both("classify_batch.py", *pictures, *classifier, "--one-by-one")
    theirs, plain, ours = (best_classes(lines) for lines in sides)

    assert len(ours) == len(pictures)
    assert_same(ours, plain, noise=PLAIN_NOISE)
    assert_same(ours, theirs, noise=WINOGRAD_NOISE)


def is_drawn_on(drawn: Path, picture: Path) -> bool:
    """Whether a picture has the size of the one it was drawn on, and other pixels somewhere."""
    now, before = (cv2.imread(str(path)) for path in (drawn, picture))
    assert now is not None
    assert before is not None
    return now.shape == before.shape and bool((now != before).any())


def sizes_of_frames(video: Path) -> list[tuple[int, ...]]:
    capture = cv2.VideoCapture(str(video))
    sizes: list[tuple[int, ...]] = []
    while (read := capture.read())[0]:
        sizes.append(read[1].shape[:2])
    return sizes
