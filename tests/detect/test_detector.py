"""The Detector as its users call it: pictures of any kind in, Detections out, alone, in a batch and from threads."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import yolov2
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import initial_weights
from yolov2.detect.detector import Detector
from yolov2.errors import ModelError, PictureError, Yolov2Warning
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.architectures import darknet19
from yolov2.network.architectures import yolov2 as build_yolov2
from yolov2.network.mismatch import Mismatch
from yolov2.network.spec import Network
from yolov2.records import Detections, Failure

LABELS = ("cat", "dog")
PICTURE = np.random.default_rng(3).integers(0, 256, (48, 80, 3), np.uint8)

SMALL_CFG = """[net]
width=72
height=72
channels=3

[convolutional]
filters=8
size=3
pad=1
stride=2
activation=leaky

[maxpool]
size=4
stride=4

[convolutional]
filters=14
size=1
activation=linear

[region]
anchors=1,2, 3,4
classes=2
num=2
softmax=1
"""


def network(text: str = SMALL_CFG) -> Network:
    return parse_cfg(text, Path("small.cfg"))


def detector(text: str = SMALL_CFG, **options: Any) -> Detector:
    small = network(text)
    found_easily: dict[str, Any] = {"conf": 0.3, "iou": 0.9}
    return Detector(small, initial_weights(small, seed=4), names=LABELS, **(found_easily | options))


def test_an_unknown_option_names_the_closest(tmp_path):
    load: Any = yolov2.load
    with pytest.raises(TypeError) as refusal:
        load(tmp_path / "absent.cfg", cnf=3)
    assert str(refusal.value) == "found the option 'cnf', which there is not; did you mean 'conf'?"
    with pytest.raises(TypeError) as refusal:
        detector(devise="cpu")
    assert str(refusal.value) == "found the option 'devise', which there is not; did you mean 'device'?"
    with pytest.raises(
        TypeError, match="^found the option 'zzzz', which there is not; there are arithmetic, backend, "
    ):
        load(tmp_path / "absent.cfg", zzzz=3)


def test_nothing_is_no_picture():
    with pytest.raises(ValueError, match="^picture: found NoneType, expected a path, bytes, "):
        detector()(None)


def test_a_closed_detector_says_so():
    for backend in ("onnxruntime", "torch"):
        closed = detector(backend=backend)
        closed.close()
        with pytest.raises(ValueError, match="^this detector is closed$"):
            closed(PICTURE)


def same(a: Detections, b: Detections) -> None:
    for name in ("xyxy", "scores", "class_ids", "objectness"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_a_network_of_nine_cells_a_side_finds_with_darknets_pools():
    with detector() as nine:
        assert nine.network.raw_shape.height == 9
        found = nine(PICTURE)
    assert len(found) > 5
    assert found.size == (48, 80)
    assert set(found.names) <= {"cat", "dog"}
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_allclose(found.class_probs * found.objectness, found.scores, rtol=1e-6)


def test_what_is_found_does_not_depend_on_how_the_picture_comes(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    with detector() as detect:
        expected = detect(PICTURE)
        for picture in (path, str(path), path.read_bytes(), Image.fromarray(PICTURE)):
            same(detect(picture), expected)
        same(detect(PICTURE[..., ::-1], bgr=True), expected)
        assert detect(path).source == str(path)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_picture_has_the_same_result_alone_in_a_batch_and_from_four_threads(backend):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (rng.integers(30, 90), 64, 3), np.uint8) for _ in range(12)]
    with detector(backend=backend) as detect:
        alone = [detect(picture) for picture in pictures]
        assert sum(len(found) for found in alone) > 20
        images = np.stack([detect.prepare(detect.frame(picture)) for picture in pictures])
        together = detect.decode(detect.raw(images), sizes=[picture.shape[:2] for picture in pictures])
        with ThreadPoolExecutor(4) as pool:
            threaded = list(pool.map(detect, pictures))
        for one, two, three in zip(alone, together, threaded, strict=True):
            same(one, three)
            np.testing.assert_allclose(one.scores, two.scores, rtol=1e-5)
            np.testing.assert_array_equal(one.class_ids, two.class_ids)


def test_a_list_in_gives_a_list_out():
    with detector() as detect:
        found = detect([PICTURE, PICTURE[:20]])
    assert [one.size for one in found] == [(48, 80), (20, 80)]


@pytest.mark.parametrize("size", [144, (144, 72)])
def test_another_size_is_another_grid(size):
    with detector(size=size) as large:
        height, width = (size, size) if isinstance(size, int) else size
        assert large.input_size == (height, width)
        assert large.raw(large.prepare(large.frame(PICTURE))[None]).shape == (1, 14, height // 8, width // 8)


def test_a_size_at_which_the_passthrough_does_not_fit_is_refused():
    net = build_yolov2(classes=2, width=1 / 16)
    with pytest.raises(Mismatch, match=r"^layer 27: found stride=2 on 25 x 25 in \[reorg\], expected width and height"):
        Detector(net, initial_weights(net), size=400)


def test_classes_and_limits_are_kept():
    with detector() as detect:
        everything = detect(PICTURE)
        dogs = detect.with_settings(classes=["dog"])(PICTURE)
        few = detect.with_settings(max_det=3)(PICTURE)
    assert set(dogs.names) == {"dog"}
    assert len(dogs) == everything.names.count("dog")
    same(few, everything[:3])


def test_faithful_has_no_limit():
    with detector(max_det=3) as detect:
        assert len(detect(PICTURE)) == 3
        assert len(detect.with_settings(faithful=True)(PICTURE)) > 3


def test_settings_can_not_change_the_size_of_an_open_detector():
    with (
        detector() as detect,
        pytest.raises(ValueError, match="^size: found 144, expected None, which the backend is for$"),
    ):
        detect.with_settings(size=144)


def test_unwanted_anchors_are_left_out_and_crlf_is_taken():
    text = SMALL_CFG.replace("num=2", "num=1").replace("filters=14", "filters=7").replace("\n", "\r\n")
    with pytest.warns(Yolov2Warning, match="anchors lists 4 numbers; the first 2 are used, as num=1"):
        found = detector(text)(PICTURE)
    assert len(found) > 0


def test_a_tree_head_gives_one_node_a_box(small_golden):
    tree = WordTree.read(small_golden / "data" / "small.tree")
    text = SMALL_CFG.replace("classes=2", f"classes={len(tree)}\ntree=small.tree").replace(
        "filters=14", f"filters={2 * (5 + len(tree))}"
    )
    small = network(text)
    weights = initial_weights(small, seed=4)
    with Detector(small, weights, names=tree.names, tree=tree, conf=0.05, iou=1, tree_threshold=0.1) as detect:
        found = detect(PICTURE)
    assert len(found) > 0
    assert len({tuple(box) for box in found.xyxy.tolist()}) == len(found)
    with pytest.raises(ModelError, match=r"^small: found no tree, expected a WordTree for its \[region\] with tree="):
        Detector(small, weights)


def test_a_classifier_is_refused():
    net = darknet19(classes=3, width=1 / 16)
    with pytest.raises(ModelError, match=r"^darknet19: found no \[region\] at its end, expected a detector; "):
        Detector(net, initial_weights(net))


def test_a_grey_network_is_refused():
    text = SMALL_CFG.replace("channels=3", "channels=1")
    with pytest.raises(ModelError, match="^small: found channels=1, expected 3, for colour pictures; "):
        detector(text)


def test_a_stream_goes_on_after_a_bad_picture_and_hands_it_over(tmp_path):
    for name in ("a.png", "c.png"):
        Image.fromarray(PICTURE).save(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"nothing")
    failures: list[Failure] = []
    with detector() as detect:
        found = list(detect.stream(tmp_path, batch=2, on_failure=failures.append))
        with pytest.warns(Yolov2Warning, match="b.png: found "):
            assert len(list(detect.stream([tmp_path / "a.png", tmp_path / "b.png"]))) == 1
    assert [Path(one.source).name for one in found] == ["a.png", "c.png"]
    assert [failure.source for failure in failures] == [str(tmp_path / "b.png")]


def test_a_picture_that_can_not_be_read_is_refused():
    with detector() as detect, pytest.raises(PictureError, match="^gone.jpg: found no such file"):
        detect("gone.jpg")


def test_raw_heads_want_the_size_of_every_picture():
    with detector() as detect:
        raw = detect.raw(np.zeros((2, 3, 72, 72), np.float32))
        with pytest.raises(ValueError, match="^decode: found 1 sizes, expected one for each of 2 pictures$"):
            detect.decode(raw, sizes=[(10, 10)])


def test_nan_in_the_head_finds_nothing():
    with detector() as detect:
        raw = np.full((1, 14, 9, 9), np.nan, np.float32)
        assert len(detect.decode(raw, sizes=[(10, 10)])[0]) == 0


def test_the_front_door_opens_a_model(tmp_path):
    from yolov2.darknet.weights import write_weights

    (tmp_path / "small.cfg").write_text(SMALL_CFG)
    (tmp_path / "small.names").write_text("cat\ndog\n")
    write_weights(tmp_path / "small.weights", initial_weights(network(), seed=4), network())
    with yolov2.load(tmp_path / "small.cfg", conf=0.3, iou=0.9) as opened, detector() as expected:
        same(opened(PICTURE), expected(PICTURE))
        assert opened.names == LABELS


def test_a_head_that_claims_boxes_beyond_all_measure_gives_numbers():
    with detector(text=SMALL_CFG.replace("anchors=1,2, 3,4", "anchors=1000,1000, 3,4")) as detect:
        raw = np.full((1, 14, 9, 9), 3e38, np.float32)
        (found,) = detect.decode(raw, sizes=[(48, 60_000)])
    assert len(found) > 0
    assert np.isfinite(found.xyxy).all()
    json.dumps(found.to_dict(), allow_nan=False)
