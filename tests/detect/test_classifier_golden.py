"""Pictures in, probabilities out: what Darknet's classifier commands give, by each preprocessing and with a tree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import Weights
from yolov2.detect.classifier import Classifier
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.spec import Network
from yolov2.records import Classification, Frame

SAME_SOFTMAX = 1e-5  # golden/MANIFEST.md; Darknet's own float32 rounding is 2e-7
BOTH = pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
VIEWS = {"valid10": 10, "validmulti": 8}  # whose outputs Darknet adds, where a Classification has their mean


def seeded(recipe, golden: Path, case: str, *, head: float) -> tuple[Network, Weights, dict[str, Any]]:
    """The network of a case with its weights, and its entry in cases.json."""
    (entry,) = [e for e in json.loads((golden / "g_classifier" / "cases.json").read_text()) if e["case"] == case]
    path = golden / entry["cfg"]
    network = parse_cfg(path.read_text(), path)
    if "width" in entry:
        network = network.at_size(entry["height"], entry["width"])
    arrays: list[dict[str, Any]] = [{} for _ in network.layers]
    for index, name, array in recipe.seeded_params(path.read_text(), entry["weights_seed"], head=head):
        arrays[index][name] = array
    return network, Weights(layers=tuple(arrays)), entry


def by_class(found: Classification) -> NDArray[np.float32]:
    """The probabilities in the order of the classes, as Darknet has them."""
    values = np.empty(len(found), np.float32)
    values[found.class_ids] = found.probabilities
    return values


def assert_same_top(found: Classification, expected: NDArray[np.int32]) -> None:
    """The same classes in the same order; two closer than the tolerance may change places."""
    values = by_class(found)
    for rank, (ours, theirs) in enumerate(zip(found.top(5).class_ids, expected, strict=True)):
        assert ours == theirs or abs(values[ours] - values[theirs]) <= SAME_SOFTMAX, (
            f"rank {rank}: {ours}, not {theirs}"
        )


@pytest.fixture(scope="module", params=["darknet19_224", "darknet19_448_448"])
def darknet19(request: pytest.FixtureRequest, golden: Path, recipe):
    network, weights, entry = seeded(recipe, golden, request.param, head=1.0)
    with np.load(golden / entry["npz"]) as arrays:
        expected = {k.removeprefix(f"{request.param}_"): arrays[k] for k in arrays if k.startswith(f"{request.param}_")}
    return network, weights, entry, expected, golden / "pictures"


@pytest.mark.golden
@BOTH
def test_darknet19_gives_darknets_probabilities(darknet19, recipe, backend):
    network, weights, entry, expected, pictures = darknet19
    side = network.input.height
    for preprocess in ("predict", "valid", "validcrop"):
        with Classifier(network, weights, backend=backend, preprocess=preprocess) as classifier:
            for picture in entry["pictures"]:
                found = classifier(pictures / f"{picture}.png")
                np.testing.assert_allclose(
                    by_class(found), expected[f"{picture}_{preprocess}_softmax"], rtol=0, atol=SAME_SOFTMAX
                )
                assert_same_top(found, expected[f"{picture}_{preprocess}_top5"])
            if preprocess == "predict":
                image = recipe.seeded_input((3, side, side), entry["input_seed"])
                (found,) = classifier.decode(classifier.raw([(image,)]), frames=[blank()])
                np.testing.assert_allclose(by_class(found), expected["seededinput_softmax"], rtol=0, atol=SAME_SOFTMAX)
                assert_same_top(found, expected["seededinput_top5"])


@pytest.mark.golden
@BOTH
@pytest.mark.parametrize("preprocess, key", [("valid10", "sum"), ("validfull", "softmax"), ("validmulti", "sum")])
@pytest.mark.parametrize("darknet19", ["darknet19_224"], indirect=True)
def test_darknet19_gives_darknets_probabilities_by_several_views_and_other_sizes(darknet19, backend, preprocess, key):
    network, weights, _, expected, pictures = darknet19
    with Classifier(network, weights, backend=backend, preprocess=preprocess) as classifier:
        found = classifier(pictures / "dog.png")
    values = by_class(found) * VIEWS.get(preprocess, 1)
    np.testing.assert_allclose(values, expected[f"dog_{preprocess}_{key}"], rtol=0, atol=SAME_SOFTMAX)
    if key == "softmax":
        assert_same_top(found, expected[f"dog_{preprocess}_top5"])


@pytest.mark.golden
@BOTH
@pytest.mark.parametrize("picture", [0, 1, 2])
def test_a_tree_classifier_gives_darknets_probabilities_of_the_leaves(golden, recipe, backend, picture):
    network, weights, entry = seeded(recipe, golden, "tree_cls", head=2.0)
    tree = WordTree.read(golden / "data" / "small.tree")
    image = recipe.seeded_input((1, 3, 12, 12), 41100 + picture)[0]
    with np.load(golden / entry["npz"]) as arrays:
        expected = dict(arrays)
    with Classifier(network, weights, tree=tree, backend=backend) as classifier:
        raw = classifier.raw([(image,)])
        (found,) = classifier.decode(raw, frames=[blank()])
    np.testing.assert_allclose(by_class(found), expected[f"leaves_{picture}"], rtol=0, atol=SAME_SOFTMAX)
    assert_same_top(found, expected[f"top5_{picture}"])
    # Darknet: validate_classifier_crop ranks the layer's own output, P(node given parent)
    with Classifier(network, weights, tree=tree, backend=backend, preprocess="validcrop", faithful=True) as classifier:
        (found,) = classifier.decode(raw, frames=[blank()])
    np.testing.assert_allclose(by_class(found), expected[f"soft_{picture}"], rtol=0, atol=SAME_SOFTMAX)


def blank() -> Frame:
    return Frame(np.zeros((1, 1, 3), np.uint8))


def test_the_comparison_notices_another_order():
    found = Classification(
        class_ids=np.array([2, 0, 1, 3, 4]), probabilities=np.array([0.5, 0.2, 0.2, 0.1, 0], np.float32), size=(1, 1)
    )
    assert_same_top(found, np.array([2, 1, 0, 3, 4]))
    with pytest.raises(AssertionError, match="^rank 0: 2, not 0"):
        assert_same_top(found, np.array([0, 2, 1, 3, 4]))
    np.testing.assert_allclose(by_class(found), [0.2, 0.2, 0.5, 0.1, 0], rtol=1e-6)
