"""The Classifier as its users call it: what comes out of it alone, in a batch and from threads; what it refuses."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.detect.classifier import Classifier
from yolov2.errors import ModelError, NamesError, PictureError, Yolov2Warning
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.spec import Network
from yolov2.pictures.crops import PREPROCESSINGS
from yolov2.records import Classification, Failure, Frame

LABELS = ("cat", "dog", "bird", "fish", "ant", "bee")
PICTURE = np.random.default_rng(3).integers(0, 256, (48, 80, 3), np.uint8)
SAME = 1e-6  # float32 rounding of numbers up to 1

CFG = """[net]
width=32
height=32
channels=3

[convolutional]
filters=8
size=3
pad=1
stride=2
activation=leaky

[convolutional]
filters=6
size=1
activation=linear

[avgpool]

[softmax]
"""
TREE_CFG = CFG.replace("[softmax]\n", "[softmax]\ntree=animals.tree\n")
CONNECTED_CFG = CFG.replace("[avgpool]", "[connected]\noutput=6\nactivation=linear")
DETECTOR_CFG = CFG.partition("[avgpool]")[0] + "[region]\nanchors=1,2\nnum=1\nclasses=1\n"

#         animal            thing
#        cat  dog            car       (poodle is a dog)
TREE = WordTree(("animal", "thing", "cat", "dog", "car", "poodle"), np.array([-1, -1, 0, 0, 1, 3]))
TREE_TEXT = "animal -1\nthing -1\ncat 0\ndog 0\ncar 1\npoodle 3\n"


def network(text: str = CFG) -> Network:
    return parse_cfg(text, Path("small.cfg"))


def classifier(text: str = CFG, **options: Any) -> Classifier:
    return Classifier(network(text), initial_weights(network(text), seed=4), **options)


def by_class(found: Classification) -> np.ndarray:
    values = np.empty(len(found), np.float32)
    values[found.class_ids] = found.probabilities
    return values


def decoded(classify: Classifier, *views: Sequence[float]) -> Classification:
    """What is made of these outputs of the network, one list a view."""
    (found,) = classify.decode([np.array(views, np.float32)], frames=[Frame(PICTURE)])
    return found


def test_all_classes_come_best_first_with_their_names():
    with classifier(names=LABELS) as classify:
        found = classify(PICTURE)
    assert sorted(found.names) == sorted(LABELS)
    assert found.size == (48, 80)
    assert (np.diff(found.probabilities) <= 0).all()
    np.testing.assert_allclose(found.probabilities.sum(), 1, atol=SAME)
    assert found.has_probabilities


def test_of_equal_classes_the_first_comes_first():
    with classifier(names=LABELS) as classify:
        found = decoded(classify, [0.1, 0.3, 0.1, 0.3, 0.1, 0.1])
    assert found.class_ids.tolist() == [1, 3, 0, 2, 4, 5]
    assert found.top(3).names == ["dog", "fish", "cat"]
    with classifier() as classify:
        many = decoded(classify, [0.25, 0.75] * 500)
    assert many.class_ids.tolist() == [*range(1, 1000, 2), *range(0, 1000, 2)]


def test_what_is_found_does_not_depend_on_how_the_picture_comes(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    with classifier() as classify:
        expected = by_class(classify(PICTURE))
        for picture in (path, str(path), path.read_bytes(), Image.fromarray(PICTURE)):
            np.testing.assert_array_equal(by_class(classify(picture)), expected)
        np.testing.assert_array_equal(by_class(classify(PICTURE[..., ::-1], bgr=True)), expected)
        assert classify(path).source == str(path)
        assert [one.size for one in classify([PICTURE, PICTURE[:20]])] == [(48, 80), (20, 80)]


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
@pytest.mark.parametrize("preprocess", ["predict", "valid10", "validfull"])
def test_a_picture_has_the_same_result_alone_in_a_batch_and_from_four_threads(tmp_path, backend, preprocess):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (side, 40, 3), np.uint8) for side in (30, 40, 50, 60, 70, 80)]
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    with classifier(backend=backend, preprocess=preprocess) as classify:
        alone = [by_class(classify(picture)) for picture in pictures]
        with ThreadPoolExecutor(4) as pool:
            threaded = [by_class(found) for found in pool.map(classify, pictures)]
        np.testing.assert_array_equal(threaded, alone)
        for batch in (1, 4):
            streamed = [by_class(found) for found in classify.stream(tmp_path, batch=batch)]
            np.testing.assert_allclose(streamed, alone, rtol=0, atol=SAME)


@pytest.mark.parametrize("preprocess", PREPROCESSINGS)
def test_a_result_is_the_mean_over_the_views_of_the_picture(preprocess):
    with classifier(preprocess=preprocess) as classify:
        found = classify(PICTURE)
        each = []
        for view in PREPROCESSINGS[preprocess](PICTURE, (32, 32)):
            with classifier(size=view.shape[1:]) as plain:
                each.append(by_class(decoded(plain, *plain.raw([(view,)])[0].tolist())))
    assert len(each) == {"valid10": 10, "validmulti": 8}.get(preprocess, 1)
    np.testing.assert_allclose(by_class(found), np.mean(each, axis=0), rtol=0, atol=SAME)


def test_of_many_views_no_more_run_at_a_time_than_there_are_pictures():
    sizes: list[int] = []
    with classifier(preprocess="valid10") as classify:
        run = classify.backend
        classify.backend = Counting(run, sizes)
        views = [classify.prepare(Frame(PICTURE)) for _ in range(3)]
        assert [outputs.shape for outputs in classify.raw(views)] == [(10, 6)] * 3
    assert sizes == [3] * 10


class Counting:
    """A backend that notes how many images come at a time."""

    def __init__(self, backend: Any, sizes: list[int]) -> None:
        self.name, self._backend, self._sizes = "counting", backend, sizes

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self._sizes.append(len(images))
        return self._backend(images)

    def close(self) -> None:
        self._backend.close()


def test_another_size_is_another_input():
    with classifier(size=(64, 48)) as classify:
        assert classify.input_size == (64, 48)
        assert classify.prepare(Frame(PICTURE))[0].shape == (3, 64, 48)


def test_a_network_without_softmax_gives_scores_and_says_so():
    text = CFG.replace("[softmax]\n", "")
    warning = "^small: ends with \\[avgpool\\], so its outputs are scores, not probabilities; ask for softmax to turn them into these$"
    with pytest.warns(Yolov2Warning, match=warning):
        classify = classifier(text)
    found = decoded(classify, [3, -1, 2, 0, 0, 7])
    assert not found.has_probabilities
    assert found.probabilities.tolist() == [7, 3, 2, 0, 0, -1]
    assert not classifier(text, softmax=False).has_probabilities  # nothing to warn of: it is wanted


def test_a_network_without_softmax_gives_probabilities_if_asked():
    found = decoded(classifier(CFG.replace("[softmax]\n", ""), softmax=True), [0, 0, 0, 0, 0, np.log(5)])
    assert found.has_probabilities
    np.testing.assert_allclose(found.probabilities, [0.5, 0.1, 0.1, 0.1, 0.1, 0.1], atol=SAME)


def test_a_network_with_softmax_gets_no_second_one():
    with classifier() as plain, classifier(softmax=True) as asked:
        np.testing.assert_array_equal(by_class(asked(PICTURE)), by_class(plain(PICTURE)))


LOGITS = [np.log(3), 0, np.log(0.25), np.log(0.75), 5, -7]  # animal .75, thing .25; cat .25, dog .75; car 1; poodle 1


def test_a_tree_gives_the_probabilities_of_its_leaves():
    found = decoded(classifier(TREE_CFG, names=TREE.names, tree=TREE), LOGITS)
    np.testing.assert_allclose(by_class(found), [0, 0, 0.75 * 0.25, 0, 0.25, 0.75 * 0.75], atol=SAME)
    assert found.top(3).names == ["poodle", "car", "cat"]


def test_a_map_gives_the_probabilities_of_its_nodes():
    classify = classifier(TREE_CFG, names=("vehicle", "dog", "pet"), tree=TREE, map=(4, 3, 0))
    assert classify.num_classes == 3
    found = decoded(classify, LOGITS)
    np.testing.assert_allclose(by_class(found), [0.25, 0.75 * 0.75, 0.75], atol=SAME)
    assert found.names == ["pet", "dog", "vehicle"]
    with pytest.raises(ValueError, match="^map: found nodes without a tree that has them, expected nodes of the tree$"):
        classifier(map=(0,))


def test_the_temperature_of_a_tree_softmax_counts():
    found = decoded(classifier(TREE_CFG + "temperature=2\n", tree=TREE), [2 * logit for logit in LOGITS])
    np.testing.assert_allclose(by_class(found), [0, 0, 0.75 * 0.25, 0, 0.25, 0.75 * 0.75], atol=SAME)


def test_faithful_forgets_the_tree_where_darknet_does():
    conditional, leaves = [0.75, 0.25, 0.25, 0.75, 1, 1], [0, 0, 0.1875, 0, 0.25, 0.5625]
    cut = decoded(classifier(TREE_CFG, tree=TREE, preprocess="validcrop", faithful=True), LOGITS)
    np.testing.assert_allclose(by_class(cut), conditional, atol=SAME)
    options: Any = {"tree": TREE, "preprocess": "validmulti"}
    views = [LOGITS, LOGITS]  # a picture and its mirror image
    multi = decoded(classifier(TREE_CFG, faithful=True, **options), *views)
    np.testing.assert_allclose(by_class(multi), np.add(conditional, leaves) / 2, atol=SAME)
    np.testing.assert_allclose(by_class(decoded(classifier(TREE_CFG, **options), *views)), leaves, atol=SAME)
    others = decoded(classifier(TREE_CFG, tree=TREE, preprocess="valid10", faithful=True), *views)
    np.testing.assert_allclose(by_class(others), leaves, atol=SAME)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "animals.tree").write_text(TREE_TEXT)
    for name, text in (("small", CFG), ("tree", TREE_CFG)):
        (tmp_path / f"{name}.cfg").write_text(text)
        write_weights(tmp_path / f"{name}.weights", initial_weights(network(text), seed=4), network(text))
    (tmp_path / "small.names").write_text("\n".join(LABELS))
    (tmp_path / "tree.names").write_text("\n".join(TREE.names))
    return tmp_path


def test_a_model_opens_by_its_files(folder):
    with Classifier.open(folder / "small.cfg") as opened, classifier() as expected:
        np.testing.assert_array_equal(by_class(opened(PICTURE)), by_class(expected(PICTURE)))
        assert opened.names == LABELS
    with Classifier.open(folder / "tree.cfg") as opened:
        assert opened.names == TREE.names
        assert opened.tree is not None
    (folder / "two.map").write_text("5\n1\n")
    (folder / "two.names").write_text("poodle\nthing\n")
    with Classifier.open(folder / "tree.cfg", map=folder / "two.map", names=folder / "two.names") as opened:
        assert decoded(opened, LOGITS).names == ["poodle", "thing"]


def test_a_list_of_leaves_takes_the_place_of_those_without_children(folder):
    (folder / "leaves.list").write_text("dog\nthing\nunicorn\n")
    with Classifier.open(folder / "tree.cfg", leaves=folder / "leaves.list") as opened:
        np.testing.assert_allclose(by_class(decoded(opened, LOGITS)), [0, 0.25, 0, 0.5625, 0, 0], atol=SAME)


def test_a_stream_goes_on_after_a_bad_picture_and_hands_it_over(tmp_path):
    for name in ("a.png", "c.png"):
        Image.fromarray(PICTURE).save(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"nothing")
    failures: list[Failure] = []
    with classifier() as classify:
        found = list(classify.stream(tmp_path, batch=2, on_failure=failures.append))
        with pytest.warns(Yolov2Warning, match="b.png: found "):
            assert len(list(classify.stream([tmp_path / "a.png", tmp_path / "b.png"]))) == 1
    assert [Path(one.source).name for one in found] == ["a.png", "c.png"]
    assert [failure.source for failure in failures] == [str(tmp_path / "b.png")]


def test_a_picture_too_narrow_for_a_preprocessing_is_a_failure_of_that_picture_alone(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((1, 5000, 3), np.uint8)).save(tmp_path / "b.png")
    failures: list[Failure] = []
    with classifier(preprocess="validfull") as classify:
        assert len(list(classify.stream(tmp_path, on_failure=failures.append))) == 1
        with pytest.raises(PictureError, match="^picture: found an input of 160000 x 32 made of 5000 x 1 pixels, "):
            classify(np.zeros((1, 5000, 3), np.uint8))
    made = "an input of 160000 x 32 made of 5000 x 1 pixels, expected at most 4,194,304 pixels"
    repair = "use preprocess predict, which takes any picture"
    assert [failure.error for failure in failures] == [f"{tmp_path / 'b.png'}: found {made}; {repair}"]


POOLED_CFG = CFG.replace("[avgpool]", "[maxpool]\nsize=16\nstride=16\npadding=0")


@pytest.mark.parametrize(
    ("preprocess", "picture", "message"),
    [
        ("validfull", (48, 160), "picture: found an input of 106 x 32 made of 160 x 48 pixels, which gives 3 x 1 answers, expected one answer; use preprocess predict, which takes any picture"),
        ("validmulti", (2, 60), "picture: found an input of 224 x 7 made of 60 x 2 pixels, expected one that the network takes (layer 2: found size=16 on a side of 4 in [maxpool], expected a window no larger than its input; correct size of layer 2, or the size of the network's input); use preprocess predict, which takes any picture"),
        ("try", (1, 80), "picture: found an input of 20480 x 256 made of 80 x 1 pixels, expected at most 4,194,304 pixels; use preprocess predict, which takes any picture"),
    ],
)  # fmt: skip
def test_a_picture_of_a_size_that_the_network_does_not_take_is_refused(preprocess, picture, message):
    with (
        classifier(CFG if preprocess == "try" else POOLED_CFG, preprocess=preprocess) as classify,
        pytest.raises(PictureError) as refusal,
    ):
        classify(np.zeros((*picture, 3), np.uint8))
    assert str(refusal.value) == message


def test_a_network_of_one_channel_is_shown_the_brightness_of_a_picture():
    colour = np.random.default_rng(5).integers(0, 256, (40, 40, 3), np.uint8)
    grey = (colour.astype(int) @ (77, 150, 29) // 256).astype(np.uint8)
    with classifier(CFG.replace("channels=3", "channels=1")) as classify:
        np.testing.assert_array_equal(classify(colour).probabilities, classify(grey).probabilities)
        assert classify(grey).class_ids.tolist() != classify(255 - grey).class_ids.tolist() or not np.array_equal(
            classify(grey).probabilities, classify(255 - grey).probabilities
        )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (DETECTOR_CFG, {}, "small: found a detector, with [region] at its end, expected a classifier; use detect, which finds every object with its box"),
        (CFG.replace("channels=3", "channels=1"), {"preprocess": "try"}, "small: found channels=1, expected 3, whose means preprocess try knows; use preprocess predict"),
        (CFG.replace("[avgpool]\n", ""), {}, "small: found 16 x 16 answers at its end, expected one, for the whole picture; write [avgpool] before its end"),
        (TREE_CFG, {}, "small: found no tree, expected a WordTree for its [softmax] with tree=; give tree=WordTree.read(FILE), or open the model"),
        (CFG, {"tree": TREE}, "small: found a tree, expected none, as its [softmax] has no tree=; leave the tree out"),
        (TREE_CFG, {"tree": WordTree(("a",), np.array([-1]))}, "small: found a tree of 1 nodes, expected 6, as many as the network has classes; give the tree it was trained with"),
        (CONNECTED_CFG, {"preprocess": "validfull"}, "small: found a layer that takes an input of 32 x 32 alone, expected a network for any size, as preprocess validfull needs; use preprocess predict"),
    ],
)  # fmt: skip
def test_a_network_that_can_not_classify_is_refused(text, options, message):
    with pytest.raises(ModelError) as refusal:
        classifier(text, **options)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocess": "squeeze"}, "preprocess: found 'squeeze', expected one of predict, valid, validcrop, valid10, validfull, validmulti, try"),
        ({"preprocess": "try", "size": 448}, "size: found 448, expected none: preprocess try always takes 224"),
        ({"max_pixels": 0}, "max_pixels: found 0, expected a number from 1"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError) as refusal:
        classifier(**options)
    assert str(refusal.value) == message


@pytest.mark.parametrize("count", [5, 7])
def test_another_number_of_names_than_classes_is_refused(count):
    with pytest.raises(ModelError) as refusal:
        classifier(names=(*LABELS, "wasp")[:count])
    expected = f"small: found {count} names, expected 6, one for each class; give all of them, or none"
    assert str(refusal.value) == expected


def test_leaves_need_a_tree_that_has_them(folder):
    leaves = folder / "leaves.list"
    leaves.write_text("unicorn\n")
    with pytest.raises(NamesError) as refusal:
        Classifier.open(folder / "tree.cfg", leaves=leaves)
    assert str(refusal.value) == (
        f"{leaves}: found no name of a node, expected some of the 6 of the tree; give the list that belongs to the tree"
    )
    with pytest.raises(ModelError) as refused:
        Classifier.open(folder / "small.cfg", leaves=leaves)
    assert str(refused.value) == f"{leaves}: found a list of leaves, expected a model with a tree; leave out --leaves"


def test_weights_that_give_no_numbers_are_refused():
    with classifier() as classify, pytest.raises(ModelError) as refusal:
        decoded(classify, [0.5, np.nan, 0, 0, 0, 0])
    assert str(refusal.value) == (
        "small: found NaN among the outputs for a picture, expected numbers; "
        "its weights are damaged or were never trained; give others"
    )


def test_closing_closes_the_backends():
    for preprocess in ("predict", "validmulti"):
        with classifier(preprocess=preprocess) as classify:
            classify(PICTURE)
        with pytest.raises(ValueError, match="^this backend is closed$"):
            classify(PICTURE)
