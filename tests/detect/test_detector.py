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
    chosen: dict[str, Any] = {"names": LABELS, "conf": 0.3, "iou": 0.9} | options
    return Detector(small, initial_weights(small, seed=4), **chosen)


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


def pixels_of(channels: int) -> Any:
    return np.random.default_rng(channels).integers(0, 256, (48, 80, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_a_network_has_pictures_of_as_many_channels_as_its_cfg_says(tmp_path, channels):
    pixels = pixels_of(channels)
    np.save(tmp_path / "a.npy", pixels)
    with detector(SMALL_CFG.replace("channels=3", f"channels={channels}"), conf=0.05) as detect:
        found, from_file = detect([pixels, tmp_path / "a.npy"])
        (streamed,) = detect.stream(tmp_path / "a.npy")
        np.testing.assert_array_equal(found.xyxy, streamed.xyxy)
        assert len(found) > 0
        np.testing.assert_array_equal(found.xyxy, from_file.xyxy)
        assert detect.prepare(detect.frame(pixels)).shape == (channels, 72, 72)
        assert found.draw().size == (80, 48)


def test_a_grey_network_takes_colour_by_its_brightness_and_a_colour_network_takes_grey():
    grey = (PICTURE.astype(int) @ (77, 150, 29) // 256).astype(np.uint8)
    with detector(SMALL_CFG.replace("channels=3", "channels=1")) as detect:
        np.testing.assert_array_equal(detect(PICTURE).xyxy, detect(grey).xyxy)
        np.testing.assert_array_equal(detect(PICTURE[..., ::-1], bgr=True).xyxy, detect(grey).xyxy)
    with detector() as detect:
        np.testing.assert_array_equal(detect(grey).xyxy, detect(np.dstack([grey] * 3)).xyxy)


def test_a_picture_without_the_channels_of_a_network_is_refused(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    said = "found 3 channels, expected 6, as the network has; give an array (H, W, channels) of uint8, or a .npy file of one"
    with detector(SMALL_CFG.replace("channels=3", "channels=6")) as detect:
        with pytest.raises(PictureError) as refusal:
            detect(tmp_path / "a.png")
        assert str(refusal.value) == f"{tmp_path / 'a.png'}: {said}"
        with pytest.raises(PictureError) as refusal:
            detect(PICTURE)
        assert str(refusal.value) == f"picture: {said}"


@pytest.mark.parametrize("roi", [(16, 8, 64, 40), (0.2, 1 / 6, 0.8, 5 / 6)], ids=["pixels", "shares"])
def test_in_a_region_of_interest_is_found_what_a_picture_of_it_alone_shows(roi):
    with detector(roi=roi) as detect:
        found = detect(PICTURE)
    with detector() as detect:
        alone = detect(np.ascontiguousarray(PICTURE[8:40, 16:64]))
    assert len(found) == len(alone) > 0
    assert found.size == (48, 80)
    np.testing.assert_allclose(found.xyxy, alone.xyxy + np.array([16, 8, 16, 8]), atol=1e-4)


def test_a_picture_beside_the_region_of_interest_is_refused_and_the_next_one_is_not(tmp_path):
    Image.fromarray(PICTURE[:, :30]).save(tmp_path / "a.png")
    Image.fromarray(PICTURE).save(tmp_path / "b.png")
    failures: list[Failure] = []
    with detector(roi=(30, 0, 70, 40)) as detect:
        found = list(detect.stream(tmp_path, on_failure=failures.append))
    assert [Path(one.source).name for one in found] == ["b.png"]
    said = "roi: found 30,0,70,40, which has no pixel of a picture of 30 x 48"
    repair = "give one that lies in the picture, or shares of it as 0,0.5,1,1"
    assert [failure.error for failure in failures] == [f"{tmp_path / 'a.png'}: {said}; {repair}"]


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_names_than_classes_is_refused(count):
    with pytest.raises(ModelError) as refusal:
        detector(names=("cat", "dog", "bird")[:count])
    expected = f"small: found {count} names, expected 2, one for each class; give all of them, or none"
    assert str(refusal.value) == expected


def test_no_names_are_numbers():
    with detector(names=(), conf=0.3) as detect:
        assert {*detect(PICTURE).names} <= {"0", "1"}


def test_boxes_beyond_a_size_are_left_out_before_they_take_others():
    with detector(conf=0.2, iou=1) as detect:
        every = detect(PICTURE)
    height, width = (every.xyxy[:, 3] - every.xyxy[:, 1], every.xyxy[:, 2] - every.xyxy[:, 0])
    middle = float(np.median(height)), float(np.median(width))
    with detector(conf=0.2, iou=1, min_size=middle) as detect:
        np.testing.assert_array_equal(
            detect(PICTURE).scores, every.scores[(height >= middle[0]) & (width >= middle[1])]
        )
    with detector(conf=0.2, iou=1, max_size=middle) as detect:
        np.testing.assert_array_equal(
            detect(PICTURE).scores, every.scores[(height <= middle[0]) & (width <= middle[1])]
        )
    with detector(conf=0.2, iou=0.1) as detect:
        winner = detect(PICTURE)[0]
    with detector(conf=0.2, iou=0.1, max_size=float((winner.xyxy[0, 2:] - winner.xyxy[0, :2]).max()) - 0.5) as detect:
        assert detect(PICTURE).scores.max() < winner.scores[0]
        assert len(detect(PICTURE)) > 0


def test_a_picture_that_fits_a_tile_is_looked_at_as_ever_and_a_larger_one_in_tiles_too(tmp_path):
    with detector() as detect:
        plain, small = detect(PICTURE), detect(np.ascontiguousarray(PICTURE[:, 50:80]))
    with detector(tile=(60, 100)) as detect:
        np.testing.assert_array_equal(detect(PICTURE).xyxy, plain.xyxy)
    with detector(tile=(48, 30), nms="none", max_det=None) as detect:
        assert detect.views((48, 80)) == (
            (0, 0, 80, 48),
            (0, 0, 30, 48),
            (17, 0, 47, 48),
            (33, 0, 63, 48),
            (50, 0, 80, 48),
        )
        found = detect(PICTURE)
        Image.fromarray(PICTURE).save(tmp_path / "a.png")
        (streamed,) = detect.stream(tmp_path, batch=4)
    np.testing.assert_array_equal(found.xyxy, streamed.xyxy)
    assert np.all(np.diff(found.scores) <= 0)
    with detector(nms="none", max_det=None) as detect:
        small, plain = detect(np.ascontiguousarray(PICTURE[:, 50:80])), detect(PICTURE)
    rows = {(*map(round, box),) for box in found.xyxy.tolist()}
    assert {(*map(round, box),) for box in plain.xyxy.tolist()} <= rows
    assert {(*map(round, box),) for box in (small.xyxy + np.array([50, 0, 50, 0])).tolist()} <= rows


def test_sizes_are_measured_of_what_the_parts_in_tiles_become():
    with detector(tile=(48, 30), max_det=None, iou=0.3) as detect:
        every = detect(PICTURE)
    widest = float(np.median(every.xyxy[:, 2] - every.xyxy[:, 0]))
    with detector(tile=(48, 30), max_det=None, iou=0.3, max_size=(1e9, widest)) as detect:
        found = detect(PICTURE)
    fits = every.xyxy[:, 2] - every.xyxy[:, 0] <= widest
    assert 0 < fits.sum() < len(every)
    np.testing.assert_array_equal(found.xyxy, every.xyxy[fits])


def test_of_pictures_in_many_tiles_the_first_is_told(caplog):
    pixels = np.zeros((180, 180, 3), np.uint8)
    with detector(tile=40) as detect:
        assert len(detect.views((180, 180))) == 37
        detect.prepare(detect.frame(pixels))
        assert caplog.messages == []
        for height in (360, 400):
            detect.prepare(detect.frame(np.zeros((height, 360, 3), np.uint8)))
    assert caplog.messages == ["picture: becomes 122 views with tiles of 40 x 40 pixels"]


def test_more_tiles_than_memory_holds_are_refused_in_one_line():
    with detector(tile=1) as detect, pytest.raises(PictureError) as refusal:
        detect(np.zeros((900, 3000, 3), np.uint8))
    assert str(refusal.value) == (
        "picture: found 4,218,751 tiles, expected at most 118,357 with this network; give a larger tile"
    )


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
