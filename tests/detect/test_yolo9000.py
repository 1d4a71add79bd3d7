"""YOLO9000 as a whole: the full network with seeded weights, Darknet's own detections, and the paths of what is found."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rows import assert_same_rows, rows_of
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.tree import read_map
from yolov2.darknet.weights import Weights, initial_weights
from yolov2.detect.detector import Detector
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.shapes import Shape
from yolov2.records import Detections
from yolov2.region.decode import activate

HEAD_TOLERANCE = 1e-3  # MANIFEST.md: c_tree yolo9000; a side is exp of the head, so it may be off by as much of itself
REGION_TOLERANCE = 5e-4
SUM_TOLERANCE = 1e-3  # of a channel's 289 values, each of which may be off by the float32 rounding of its own sum
SIZE = (480, 640)  # of the picture that the boxes are for


@pytest.fixture(scope="module")
def case(golden: Path, recipe: ModuleType):
    """The official network at 544 with its seeded weights, the tree, and Darknet's arrays."""
    entries = {entry["case"]: entry for entry in json.loads((golden / "c_tree" / "cases.json").read_text())}
    entry = entries["yolo9000_544"]
    text = (golden / entry["cfg"]).read_text()
    network = replace(parse_cfg(text), input=Shape(3, entry["height"], entry["width"]))
    arrays: list[dict[str, np.ndarray]] = [{} for _ in network.layers]
    for index, name, array in recipe.seeded_params(text, entry["weights_seed"], head=2.0):
        arrays[index][name] = array
    images = recipe.seeded_input((1, 3, entry["height"], entry["width"]), entry["input_seed"])
    tree = WordTree.read(golden / "data" / "9k.tree")
    with np.load(golden / entry["npz"]) as expected:
        yield network, Weights(tuple(arrays)), images, tree, dict(expected)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_yolo9000_is_darknets(case, golden, backend):
    network, weights, images, tree, expected = case
    with Detector(
        network, weights, tree=tree, names=tree.names, backend=backend, nms="none", faithful=True
    ) as detector:
        raw = detector.raw(images)
        np.testing.assert_allclose(raw.ravel()[::499], expected["head_sub"], rtol=0, atol=HEAD_TOLERANCE)
        sums = raw[0].astype(np.float64).sum(axis=(1, 2))
        np.testing.assert_allclose(sums, expected["head_sum_per_channel"], rtol=0, atol=SUM_TOLERANCE * 289)
        region = activate(raw, detector.region, tree=tree)
        np.testing.assert_allclose(region.ravel()[::499], expected["region_sub"], rtol=0, atol=REGION_TOLERANCE)
        for key in [key for key in expected if key.startswith("det_")]:
            conf, hier = (float(part[1:]) for part in key.split("_")[1:])
            (found,) = detector.with_settings(conf=conf, tree_threshold=hier).decode(raw, sizes=[SIZE])
            assert_same_rows(rows_of(found), expected[key], conf=conf, what=key, tolerance=HEAD_TOLERANCE)
        check_mapped(network, weights, raw, tree, expected, golden)


def check_mapped(network, weights, raw, tree, expected, golden):
    """`map=inet9k.map`: the 200 classes of ImageNet's detection task, the best 500 probabilities above .0005."""
    nodes = read_map(golden / "data" / "inet9k.map", nodes=len(tree))
    with Detector(network, weights, tree=tree, map=nodes, nms="none", conf=0.0005, faithful=True) as detector:
        (found,) = detector.decode(raw, sizes=[SIZE])
    best = expected["map200_t0.0005_top500"]
    assert len(found) >= len(best)
    np.testing.assert_allclose(np.sort(found.scores)[::-1][: len(best)], np.sort(best[:, 2])[::-1], rtol=0, atol=1e-5)


# animal(dog(hound, terrier), cat), vehicle(car)
TREE = WordTree(("animal", "vehicle", "dog", "cat", "car", "hound", "terrier"), np.array([-1, -1, 0, 0, 1, 2, 2]))
CFG = """[net]
width=8
height=8
channels=3
[convolutional]
filters=12
activation=linear
[region]
anchors=2,2
classes=7
tree=my.tree
softmax=1
"""


@pytest.fixture
def dog():
    """A detector and a head in which one cell holds, for sure, a dog that is not quite surely a hound."""
    network = parse_cfg(CFG)
    raw = np.full((1, 12, 8, 8), -20, np.float32)
    raw[0, 4, 3, 5] = 20  # objectness
    for node, probability in {0: 0.9, 1: 0.1, 2: 0.8, 3: 0.2, 4: 1.0, 5: 0.55, 6: 0.45}.items():
        raw[0, 5 + node, 3, 5] = np.log(probability)
    raw[0, :4, 3, 5] = 0
    with Detector(network, initial_weights(network), tree=TREE, names=TREE.names) as detector:
        yield detector, raw


def only(found: list[Detections]) -> tuple[str, float, list[tuple[str, float]]]:
    ((label,), (score,), (path,)) = found[0].names, found[0].scores.tolist(), found[0].paths
    return label, score, [(name, round(probability, 4)) for name, probability in path]


@pytest.mark.parametrize(
    "settings, label, path",
    [
        ({}, "dog", [("animal", 0.9), ("dog", 0.72)]),
        ({"tree_threshold": 0.8}, "animal", [("animal", 0.9)]),
        ({"tree_threshold": 0.3}, "hound", [("animal", 0.9), ("dog", 0.72), ("hound", 0.396)]),
        ({"depth": 0}, "animal", [("animal", 0.9)]),
        ({"depth": 1, "tree_threshold": 0.1}, "dog", [("animal", 0.9), ("dog", 0.72)]),
        ({"depth": "leaf"}, "hound", [("animal", 0.9), ("dog", 0.72), ("hound", 0.396)]),
    ],
)
def test_an_answer_goes_as_deep_as_it_is_sure_and_tells_its_path(dog, settings, label, path):
    detector, raw = dog
    found = only(detector.with_settings(**settings).decode(raw, sizes=[(8, 8)]))
    assert found == (label, pytest.approx(path[-1][1], abs=1e-6), path)


def test_faithful_is_darknets_score_and_its_double_product(dog):
    detector, raw = dog
    label, score, _ = only(detector.with_settings(faithful=True, tree_threshold=0.5).decode(raw, sizes=[(8, 8)]))
    assert (label, score) == ("dog", pytest.approx(1.0))  # 0.9 * 0.72 = 0.648 > 0.5; times 0.396 it is not
    label, _, _ = only(detector.with_settings(faithful=True, tree_threshold=0.65).decode(raw, sizes=[(8, 8)]))
    assert label == "animal"


def test_a_path_travels_with_its_row_and_into_json(dog):
    detector, raw = dog
    (found,) = detector.with_settings(conf=0.1).decode(raw, sizes=[(8, 8)])
    assert found[found.scores > 0.99].paths == ()
    assert found[:1].paths == found.paths
    (row,) = found.to_dict()["detections"]
    assert [name for name, _ in row["path"]] == ["animal", "dog"]
    assert all(len(str(probability)) <= 11 for _, probability in row["path"])  # as few digits as a float32 needs
    json.dumps(row)


def test_a_map_answers_with_its_own_classes(dog):
    detector, raw = dog
    network = detector.network
    with Detector(
        network, initial_weights(network), tree=TREE, map=[3, 2], names=["cat", "dog"], conf=0.1, nms="none"
    ) as mapped:
        (found,) = mapped.decode(raw, sizes=[(8, 8)])
    assert found.names == ["dog", "cat"]
    np.testing.assert_allclose(found.scores, [0.72, 0.18], atol=1e-6)
    assert found.paths == ()


def test_a_map_that_names_no_node_is_refused(dog):
    detector, _ = dog
    with pytest.raises(ValueError, match="^map: found nodes without a tree that has them, expected nodes of the tree$"):
        Detector(detector.network, initial_weights(detector.network), tree=TREE, map=[7])
