"""D-RISE over networks that look at one known part of the picture."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import Weights
from yolov2.detect.detector import Detector
from yolov2.errors import OutputError, PictureError
from yolov2.evaluate.explain import check_output, explain, explain_detection, propose
from yolov2.evaluate.saliency import Masks, draw_masks
from yolov2.hierarchy.wordtree import WordTree
from yolov2.pictures.read import read_picture

FLOAT32_NOISE = 1e-6
SUM_NOISE = 1e-5  # of a thousand terms in another order

CFG = """[net]
width=96
height=96
channels=3

[convolutional]
filters=1
size=32
stride=32
activation=linear

[convolutional]
filters=7
size=3
pad=1
stride=1
activation=linear

[region]
anchors=1,1
classes=2
num=1
softmax=1
"""
UPPER_RIGHT = (0, 2)  # of the 3 x 3 cells that the second layer sees
MASKS = Masks(count=400, grid=6)


def neighbour_detector(text: str = CFG, **options: Any) -> Detector:
    """Nine cells of 32 x 32; each finds its own square if the square to the upper right of it is white."""
    brightness = {"biases": np.zeros(1, np.float32), "weights": np.full((1, 3, 32, 32), 1 / 3072, np.float32)}
    head = np.zeros((7, 1, 3, 3), np.float32)
    head[4, 0, *UPPER_RIGHT] = 22
    biases = np.array([0, 0, 0, 0, -18, 2, 0], np.float32)  # black e-18, grey e-7, white e4; softmax(2, 0)
    layers = (brightness, {"biases": biases, "weights": head}, {})
    chosen: dict[str, Any] = {"names": ("cat", "dog")} | options
    return Detector(parse_cfg(text), Weights(layers), **chosen)


def picture(*patches: tuple[int, int, int, int], size: tuple[int, int] = (96, 96), value: int = 255) -> np.ndarray:
    """Black but for these rectangles: left, top, right, bottom."""
    pixels = np.zeros((*size, 3), np.uint8)
    for left, top, right, bottom in patches:
        pixels[top:bottom, left:right] = value
    return pixels


CORNER = (64, 0, 96, 32)


def is_inside(peak: tuple[int, int], patch: tuple[int, int, int, int]) -> bool:
    return patch[0] <= peak[0] < patch[2] and patch[1] <= peak[1] < patch[3]


def test_the_peak_lies_where_the_network_looks_and_not_where_its_box_is():
    with neighbour_detector() as detector:
        found = explain(detector, picture(CORNER), masks=MASKS)
    assert found.target.names == ["cat"]
    np.testing.assert_allclose(found.target.xyxy, [[32, 32, 64, 64]], atol=1e-4)
    assert is_inside(found.peak, CORNER)
    assert (found.saliency.shape, found.saliency.dtype) == ((96, 96), np.float32)
    assert (found.saliency.min(), found.saliency.max()) == (0, 1)
    assert found.saliency[8:24, 72:88].min() > 0.6
    assert found.saliency[:32, 64:].mean() > 3 * found.saliency[32:, :64].mean()


def test_the_map_is_the_mean_similarity_of_the_pictures_that_show_a_pixel():
    masks = Masks(count=25, grid=6)
    with neighbour_detector() as detector:
        found = explain(detector, picture(CORNER), masks=masks, batch=4)
        drawn = np.concatenate(list(draw_masks(masks, (96, 96), batch=25))).astype(np.float64)
        # one proposal alone overlaps with the box: its own, so its objectness is the similarity
        shown = drawn[:, :32, 64:].mean(axis=(1, 2))
        weights = 1 / (1 + np.exp(18 - 22 * shown))
    expected = np.zeros((96, 96))
    for y in range(96):
        for x in range(96):
            expected[y, x] = sum(w * mask[y, x] for w, mask in zip(weights, drawn, strict=True)) / drawn[:, y, x].sum()
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    np.testing.assert_allclose(found.saliency, expected, atol=1e-4)  # a head in float32, its sums scaled up


def test_each_detection_has_a_map_of_its_own():
    below = (64, 32, 96, 64)
    pixels = picture(CORNER) | picture(below, value=225)
    with neighbour_detector() as detector:
        first, second = (explain(detector, pixels, detection=n, masks=MASKS) for n in (1, 2))
    np.testing.assert_allclose(first.target.xyxy, [[32, 32, 64, 64]], atol=1e-4)
    np.testing.assert_allclose(second.target.xyxy, [[32, 64, 64, 96]], atol=1e-4)
    assert is_inside(first.peak, CORNER)
    assert is_inside(second.peak, below)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_the_map_fits_a_picture_of_other_proportions(resize):
    patch = (128, 0, 192, 64)
    with neighbour_detector(resize=resize) as detector:
        found = explain(detector, picture(patch, size=(64, 192)), masks=MASKS)
    assert found.saliency.shape == (64, 192)
    assert is_inside(found.peak, patch)


def test_beside_the_region_of_interest_nothing_matters():
    with neighbour_detector(roi=(48, 0, 96, 48)) as detector:
        found = explain(detector, picture((80, 0, 96, 16)), masks=MASKS)
    assert is_inside(found.peak, (80, 0, 96, 16))
    assert found.saliency[:, :48].max() == found.saliency[48:].max() == 0


def test_the_same_seed_gives_the_same_map_and_another_seed_another():
    with neighbour_detector() as detector:
        maps = [explain(detector, picture(CORNER), masks=Masks(50, 6, seed)).saliency for seed in (5, 5, 6)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert np.abs(maps[0] - maps[2]).max() > 0.1


def test_the_map_does_not_depend_on_the_batch():
    with neighbour_detector() as detector:
        maps = [explain(detector, picture(CORNER), masks=Masks(50, 6), batch=n).saliency for n in (1, 7, 50)]
    np.testing.assert_allclose(maps[1:], [maps[0]] * 2, atol=SUM_NOISE)


def test_the_masks_are_never_in_memory_all_at_once():
    masks = Masks(count=1000, grid=6)
    all_of_them = masks.count * 96 * 96 * 4  # 37 MB
    with neighbour_detector() as detector:
        explain(detector, picture(CORNER), masks=Masks(8))
        tracemalloc.start()
        try:
            explain(detector, picture(CORNER), masks=masks)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < all_of_them / 5


def test_every_mask_is_told_of():
    told: list[int] = []
    with neighbour_detector() as detector:
        explain(detector, picture(CORNER), masks=Masks(21), batch=8, on_mask=lambda: told.append(1))
    assert len(told) == 21


def test_a_detection_that_never_changes_has_an_empty_map():
    always = np.array([0, 0, 0, 0, 3, 2, 0])
    with one_layer_detector(always, "classes=2\nsoftmax=1") as detector:
        found = explain(detector, picture(), masks=Masks(20))
    assert found.saliency.max() == 0
    assert found.peak == (0, 0)


def test_a_class_can_be_asked_for():
    with neighbour_detector(conf=0.05) as detector:  # softmax(2, 0): cat 0.88, dog 0.12
        found = explain(detector, picture(CORNER), class_name="dog", masks=MASKS)
    assert found.target.names == ["dog"]
    assert is_inside(found.peak, CORNER)


def test_an_unknown_class_is_refused_with_the_closest():
    with neighbour_detector() as detector, pytest.raises(ValueError) as refusal:
        explain(detector, picture(CORNER), class_name="cats")
    assert str(refusal.value) == "class: found 'cats', expected a class of the model: cat, dog; did you mean 'cat'?"


@pytest.mark.parametrize(
    ("pixels", "asked", "message"),
    [
        (
            picture(),
            {},
            "picture: found 0 detections above the threshold, expected at least 1; lower conf, or ask for another",
        ),
        (
            picture(CORNER),
            {"detection": 2, "class_name": "cat"},
            "picture: found 1 detection of cat above the threshold, expected at least 2; lower conf, or ask for another",
        ),
    ],
)
def test_a_detection_that_is_not_there_is_refused(pixels, asked, message):
    with neighbour_detector() as detector, pytest.raises(PictureError) as refusal:
        explain(detector, pixels, **asked)
    assert str(refusal.value) == message


def test_a_wrong_call_is_refused():
    with neighbour_detector() as detector:
        two = detector(picture(CORNER, (64, 32, 96, 64)))
        with pytest.raises(ValueError, match=r"^target: found 2 detections, expected one, as found\[0\]$"):
            explain_detection(detector, two)
        with pytest.raises(ValueError, match=r"^detection: found 0, expected a number from 1$"):
            explain(detector, picture(CORNER), detection=0)
        tiled = detector.with_settings(tile=48)
        with pytest.raises(ValueError, match=r"^tile: found 48, expected none: a picture is explained in one piece$"):
            explain_detection(tiled, two[0])


# --- proposals of other heads -----------------------------------------------------------------------------------------

TREE = WordTree(("animal", "vehicle", "dog", "cat"), np.array([-1, -1, 0, 0]))


def one_layer_detector(claims: np.ndarray, region: str, **options: Any) -> Detector:
    """A head that says the same of every picture: one anchor, so many claims, in each of 2 x 2 cells."""
    text = f"""[net]\nwidth=64\nheight=64\nchannels=3\n
[convolutional]\nfilters={len(claims)}\nsize=1\nstride=32\nactivation=linear\n
[region]\nanchors=1,1\nnum=1\n{region}\n"""
    layer = {"biases": claims.astype(np.float32), "weights": np.zeros((len(claims), 3, 1, 1), np.float32)}
    return Detector(parse_cfg(text), Weights((layer, {})), **options)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_a_tree_head_proposes_the_probability_of_every_node():
    claims = np.array([0, 0, 0, 0, logit(0.7), math.log(0.9), math.log(0.1), math.log(0.8), math.log(0.2)])
    with one_layer_detector(claims, "classes=4\nsoftmax=1\ntree=my.tree", tree=TREE) as detector:
        found = propose(detector, np.zeros((1, 3, 64, 64), np.float32))
    np.testing.assert_allclose(found.objectness, [0.7] * 4, rtol=1e-5)
    np.testing.assert_allclose(found.class_probs, [[0.9, 0.1, 0.72, 0.18]] * 4, rtol=1e-5)
    np.testing.assert_allclose(found.boxes[3], [0.5, 0.5, 1, 1], atol=FLOAT32_NOISE)


@pytest.mark.parametrize(("objectness", "least", "proposed"), [(0.0005, 1, 0), (0.002, 1, 4), (0.0005, 0.0006, 4)])
def test_a_tree_head_proposes_no_box_without_a_trace_of_an_object(objectness, least, proposed):
    claims = np.array([0, 0, 0, 0, logit(objectness), 0, 0, 0, 0])
    with one_layer_detector(claims, "classes=4\nsoftmax=1\ntree=my.tree", tree=TREE) as detector:
        found = propose(detector, np.zeros((1, 3, 64, 64), np.float32), least=least)
    assert len(found.objectness) == proposed


def test_other_heads_propose_every_box():
    with neighbour_detector() as detector:
        found = propose(detector, np.zeros((2, 3, 96, 96), np.float32))
    np.testing.assert_array_equal(found.pictures, np.repeat([0, 1], 9))
    np.testing.assert_allclose(found.objectness, 1 / (1 + math.exp(18)), atol=FLOAT32_NOISE)


def test_where_there_is_no_objectness_the_surest_class_stands_in():
    claims = np.array([0, 0, 0, 0, math.log(0.5), math.log(0.2), math.log(0.3)])  # nothing, cat, dog
    with one_layer_detector(claims, "classes=2\nsoftmax=1\nbackground=1") as detector:
        found = propose(detector, np.zeros((1, 3, 64, 64), np.float32))
    np.testing.assert_allclose(found.class_probs, [[0.2, 0.3]] * 4, rtol=1e-5)
    np.testing.assert_allclose(found.objectness, [0.3] * 4, rtol=1e-5)


# --- the picture of it ------------------------------------------------------------------------------------------------


def test_the_picture_shows_the_heat_and_the_box_and_stays_as_it_was(tmp_path):
    pixels = picture((0, 0, 96, 96), value=100) | picture(CORNER)
    before = pixels.copy()
    with neighbour_detector() as detector:
        found = explain(detector, pixels, masks=MASKS)
    found.write(tmp_path / "a.png")
    shown = read_picture(tmp_path / "a.png").rgb
    np.testing.assert_array_equal(shown, np.asarray(found.draw()))
    x, y = found.peak
    assert shown[y, x, 0] > shown[y, x, 2] + 50  # glows
    assert np.ptp(shown[90, 5].astype(int)) == 0  # grey
    assert shown[90, 5, 0] < 100  # and dim
    assert np.ptp(shown[48, 32].astype(int)) > 200  # the left line of the box
    np.testing.assert_array_equal(pixels, before)
    assert (found._repr_png_() or b"").startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "start"), [("a.jpg", b"\xff\xd8"), ("a.JPEG", b"\xff\xd8"), ("a.PNG", b"\x89PNG")])
def test_the_files_ending_chooses_its_format(tmp_path, name, start):
    with neighbour_detector() as detector:
        explain(detector, picture(CORNER), masks=Masks(8)).write(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.gif", "a.gif: found the ending '.gif', expected one of .png .jpg .jpeg; name it, say, explain.png"),
        ("a", "a: found no ending, expected one of .png .jpg .jpeg; name it, say, explain.png"),
        ("no/a.png", "no/a.png: found no such folder, expected a folder to write into; create it"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError) as refusal:
        check_output(name)
    assert str(refusal.value) == message


def test_an_explanation_says_what_it_is_of():
    with neighbour_detector() as detector:
        found = explain(detector, picture(CORNER), masks=Masks(8, 6, 3))
    said = found.to_dict()
    assert list(said) == ["source", "label", "class_id", "score", "objectness", "box", "masks", "grid", "seed", "peak"]
    assert (said["label"], said["class_id"], said["masks"], said["grid"], said["seed"]) == ("cat", 0, 8, 6, 3)
    assert said["peak"] == list(found.peak)


@pytest.mark.golden
@pytest.mark.slow
def test_a_real_network_looks_at_what_it_found(models, shared):
    with Detector.open(models / "yolo-lite" / "coco-trial6.cfg", names=models / "yolo-lite" / "coco.names") as detector:
        found = explain(detector, shared / "data" / "photos" / "dog.jpg", class_name="bicycle", masks=Masks(300))
    assert found.target.scores[0] == pytest.approx(0.77, abs=0.01)
    left, top, right, bottom = np.rint(found.target.xyxy[0]).astype(int).tolist()
    assert is_inside(found.peak, (left, top, right, bottom))
    in_box = found.saliency[top:bottom, left:right]
    assert in_box.mean() > 1.5 * (found.saliency.sum() - in_box.sum()) / (found.saliency.size - in_box.size)
