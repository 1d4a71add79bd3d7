"""Weights of a classifier after some updates are those that Darknet had; labels, trees, costs and smoothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import parse_weights
from yolov2.errors import ModelError, TrainingError
from yolov2.hierarchy.wordtree import WordTree, grouped_softmax
from yolov2.model.blocks import Norm
from yolov2.model.module import DarknetModule
from yolov2.model.weights import arrays
from yolov2.network import architectures
from yolov2.network.layers import AvgPool, Cost, Softmax
from yolov2.samples import UNKNOWN
from yolov2.train.classification import Classification, check_classifier, nodes_of
from yolov2.train.optimizer import darknet_sgd, set_rate
from yolov2.train.schedule import darknet_rate

PARAMETER_NOISE = 1e-6  # MANIFEST.md
LOSS_NOISE = 1e-5  # relative
CASES = ["train_plain", "train_tree", "train_plain_costlayer"]
IGNORED = -1234  # Darknet's SECRET_NUM
NOISE = 1e-6

LOGITS = torch.tensor(np.random.default_rng(3).normal(0, 2, (4, 6, 1, 1)), dtype=torch.float32)
LABELS = torch.tensor([2, 5, 0, UNKNOWN])


def flat(*, temperature=1.0, groups=1, noloss=False, costs=(), **options):
    """The objective of a classifier of six classes."""
    network = architectures.darknet19(classes=6, width=0.1, size=32)
    softmax = Softmax(temperature=temperature, groups=groups, noloss=noloss)
    return Classification(replace(network, layers=(*network.layers[:-1], softmax, *costs)), **options)


def gradient(objective, labels=LABELS, raw=LOGITS):
    """The losses by name, and the gradient of their sum on the logits."""
    leaf = raw.clone().requires_grad_()
    terms = objective(leaf, labels, seen=4)
    torch.stack(list(terms.values())).sum().backward()
    assert leaf.grad is not None
    return {name: float(term.detach()) for name, term in terms.items()}, leaf.grad.flatten(1)


def wanted_of(labels=LABELS, classes=6):
    """(B, C) truths by hand; a picture of unknown class has its own probabilities."""
    wanted = LOGITS.flatten(1).softmax(-1)
    for row, label in zip(wanted, labels.tolist(), strict=True):
        if label != UNKNOWN:
            row[:] = torch.eye(classes)[label]
    return wanted


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_weights_after_two_updates_are_darknets(golden, recipe, name):
    case = next(one for one in json.loads((golden / "g_classifier/cases.json").read_text()) if one["case"] == name)
    stored, cfg = np.load(golden / case["npz"]), golden / case["cfg"]
    network = parse_cfg(cfg.read_text(), cfg)
    weights = parse_weights(recipe.seeded_weights(cfg.read_text(), case["weights_seed"], head=1.0), network)
    module = DarknetModule(network, weights, end=network.logits_index).train()
    for part in module.modules():
        if isinstance(part, Norm):
            part.is_plain = True
    options = network.training
    optimizer = darknet_sgd(module, momentum=options.momentum, decay=options.decay)
    assert isinstance(network.head, Softmax)
    tree = WordTree.read(golden / network.head.tree) if network.head.tree else None
    objective = Classification(network, tree=tree, faithful=True)

    for step in range(2):
        optimizer.zero_grad()
        for part in range(2 * step, 2 * step + 2):
            images = torch.tensor(recipe.seeded_input((2, 3, 12, 12), 42100 + part))
            terms = objective(module(images), labels_of(stored["truth"][part], tree), seen=0)
            (torch.stack(list(terms.values())).sum() / options.batch).backward()
            shown = sum(float(term.detach()) for term in terms.values()) / len(terms)  # Darknet: get_network_cost
            assert shown == pytest.approx(case["err"][part], rel=LOSS_NOISE)
        set_rate(optimizer, darknet_rate(options, step + 1, faithful=True))
        optimizer.step()
        for layer, values in enumerate(arrays(module).layers):
            for key, array in values.items():
                expected = stored[f"step{step + 1}.{layer}.{key}"]
                np.testing.assert_allclose(array.ravel(), expected, atol=PARAMETER_NOISE, err_msg=f"{step} {key}")


def labels_of(truths, tree):
    """The class of each of Darknet's truth vectors: of a tree the deepest node marked."""
    marked = [np.flatnonzero(truth == 1) for truth in truths]
    return torch.tensor(
        [int(nodes[-1] if tree is None else max(nodes, key=lambda n: tree.depths[n])) for nodes in marked]
    )


@pytest.mark.golden
@pytest.mark.parametrize("label", [12, 15, 1])
def test_a_tree_pulls_where_darknets_truths_are_and_nowhere_else(golden, label):
    tree = WordTree.read(golden / "data/small.tree")
    truth = np.load(golden / "c_tree/functions_small.npz")[f"fill_hierarchy_{label}"]
    raw = torch.tensor(np.random.default_rng(label).normal(0, 2, (1, 23, 1, 1)), dtype=torch.float32)
    _, slope = gradient(over(tree), torch.tensor([label]), raw)
    is_ignored = truth == IGNORED
    np.testing.assert_array_equal(slope[0, is_ignored], 0)
    probabilities = grouped_softmax(raw.flatten().numpy(), tree)
    np.testing.assert_allclose((probabilities - slope[0].numpy())[~is_ignored], truth[~is_ignored], atol=NOISE)


def over(tree, **options):
    """The objective of a classifier over a tree."""
    network = architectures.darknet9000(classes=len(tree), width=0.1, size=32)
    return Classification(network, tree=tree, **options)


TREE = WordTree(("a", "b", "c", "d", "e", "f"), np.array([-1, -1, 0, 0, 3, 3]))


def test_the_loss_is_the_cross_entropy_and_a_picture_of_unknown_class_has_none():
    terms, slope = gradient(flat())
    shares = LOGITS.flatten(1).softmax(-1)
    expected = -sum(np.log(float(shares[row, label])) for row, label in enumerate([2, 5, 0]))
    assert terms == {"classes": pytest.approx(expected, rel=1e-6)}
    np.testing.assert_allclose(slope, shares - wanted_of(), atol=NOISE)
    assert not slope[3].any()


def test_the_loss_over_a_tree_is_that_of_the_path():
    shares = grouped_softmax(LOGITS.flatten(1).numpy(), TREE)
    terms, slope = gradient(over(TREE), torch.tensor([4, 2, 1, UNKNOWN]))
    paths = ((0, 3, 4), (0, 2), (1,))
    expected = -sum(np.log(shares[row, node]) for row, path in enumerate(paths) for node in path)
    assert terms == {"classes": pytest.approx(float(expected), rel=1e-6)}
    assert not slope[3].any()
    assert not slope[1, 4:].any()  # below the label nothing is said
    assert not slope[2, 2:].any()  # beside its path neither


def test_classes_of_the_data_may_be_any_nodes():
    mapped = over(TREE, nodes=nodes_of(("e", "b"), TREE))
    direct = over(TREE)
    one, other = gradient(mapped, torch.tensor([0, 1, 1, UNKNOWN])), gradient(direct, torch.tensor([4, 1, 1, UNKNOWN]))
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


def test_smoothing_gives_a_share_to_all_classes():
    _, slope = gradient(flat(smoothing=0.1))
    shares = LOGITS.flatten(1).softmax(-1)
    wanted = 0.9 * wanted_of() + 0.1 / 6
    np.testing.assert_allclose(slope[:3], (shares - wanted)[:3], atol=NOISE)


def test_smoothing_over_a_tree_stays_inside_the_groups_of_the_path():
    tree = WordTree(("a", "b", "c", "d", "e", "f"), np.array([-1, -1, -1, 0, 0, 3]))
    _, slope = gradient(over(tree, smoothing=0.12), torch.tensor([3, 5, 2, UNKNOWN]))
    shares = grouped_softmax(LOGITS.flatten(1).numpy(), tree)
    wanted = np.array(
        [(0.92, 0.04, 0.04, 0.94, 0.06, 0), (0.92, 0.04, 0.04, 0.94, 0.06, 1), (0.04, 0.04, 0.92, 0, 0, 0)]
    )
    is_said = wanted > 0
    np.testing.assert_allclose(slope[:3].numpy()[is_said], (shares[:3] - wanted)[is_said], atol=NOISE)
    assert not slope[:3].numpy()[~is_said].any()


def test_a_class_may_count_more():
    plain, weighted = (gradient(flat(class_weights=weights))[1] for weights in (None, [1, 1, 3, 1, 1, 0.5]))
    np.testing.assert_allclose(weighted, plain * torch.tensor([3, 0.5, 1, 1])[:, None], atol=NOISE)


def test_a_temperature_changes_probabilities_and_not_the_pull():
    _, slope = gradient(flat(temperature=2.0))
    np.testing.assert_allclose(slope[:3], ((LOGITS.flatten(1) / 2).softmax(-1) - wanted_of())[:3], atol=NOISE)


@pytest.mark.parametrize(
    "options, times",
    [
        ({"costs": [Cost()]}, 1),
        ({"costs": [Cost()], "faithful": True}, 2),
        ({"costs": [Cost("masked", scale=0.5)], "faithful": True}, 1.5),
        ({"costs": [Cost()], "noloss": True, "faithful": True}, 1),
        ({"noloss": True, "faithful": True}, 1),
        ({"faithful": True}, 1),
    ],
)
def test_a_cost_after_the_softmax_pulls_again_if_faithful(options, times):
    terms, slope = gradient(flat(**options))
    _, plain = gradient(flat())
    np.testing.assert_allclose(slope, times * plain, atol=NOISE)
    if "cost" in terms:
        squares = (wanted_of() - LOGITS.flatten(1).softmax(-1)).square().sum()
        assert terms["cost"] == pytest.approx(float(squares), rel=1e-5)


def test_the_cost_of_a_tree_pulls_on_the_path_alone():
    labels = torch.tensor([4, 2, 1, UNKNOWN])
    (_, plain), (terms, slope) = gradient(over(TREE), labels), gradient(over(TREE, faithful=True), labels)
    np.testing.assert_allclose(slope, 2 * plain, atol=NOISE)
    assert terms["cost"] == pytest.approx(float(plain.square().sum()), rel=1e-5)


def test_a_certain_network_loses_nothing_and_stays_finite():
    raw = torch.full((1, 6, 1, 1), -1e4)
    raw[0, 2] = 1e4
    terms, slope = gradient(flat(), torch.tensor([2]), raw)
    assert terms == {"classes": 0}
    assert not slope.any()
    terms, slope = gradient(flat(), torch.tensor([1]), raw)
    assert terms == {"classes": 2e4}
    assert slope[0].tolist() == [0, -1, 1, 0, 0, 0]


def test_half_precision_is_summed_in_full():
    terms, _ = gradient(flat(), LABELS, LOGITS.bfloat16())
    exact, _ = gradient(flat(), LABELS, LOGITS.bfloat16().float())
    assert terms == exact


def test_a_class_that_is_no_node_is_refused():
    with pytest.raises(TrainingError) as refusal:
        nodes_of(("e", "dog"), TREE)
    assert str(refusal.value) == (
        "classes: found dog, expected one of the 6 nodes of the tree; rename it, or take another model"
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda network: architectures.yolov2_voc(),
            (
                "yolov2-voc: found a detector, expected a classifier for pictures with a class; give a data set with boxes,"
                " or another model, such as darknet19"
            ),
        ),
        (
            lambda network: replace(network, layers=tuple(a for a in network.layers if not isinstance(a, AvgPool))),
            (
                "darknet19: found 1 x 2 answers at its end, expected one, for the whole picture; "
                "write [avgpool] before its end"
            ),
        ),
        (
            lambda network: replace(network, layers=(*network.layers[:-1], Softmax(groups=2))),
            "darknet19: found groups=2 in [softmax], expected one group, as a picture has one class; write groups=1",
        ),
    ],
)
def test_a_network_that_is_no_classifier_is_refused(change, message):
    with pytest.raises(TrainingError) as refusal:
        check_classifier(change(architectures.darknet19(classes=6, width=0.1, size=(64, 32))))
    assert str(refusal.value) == message


def test_a_cost_that_is_no_square_is_refused_if_faithful():
    with pytest.raises(TrainingError) as refusal:
        flat(costs=[Cost("l1")], faithful=True)
    assert str(refusal.value) == (
        "darknet19: found type=l1 in [cost], expected one of sse, masked, smooth; "
        "remove [cost]: the softmax has a loss of its own"
    )


def test_a_tree_that_is_not_the_networks_is_refused():
    with pytest.raises(ModelError):
        Classification(architectures.darknet9000(classes=7, width=0.1, size=32), tree=TREE)


def test_logits_come_from_before_the_softmax():
    network = architectures.darknet19(classes=6, width=0.1, size=32)
    assert network.logits_index == network.raw_index - 1
    tree = architectures.darknet9000(classes=6, width=0.1, size=32)
    assert tree.logits_index == tree.raw_index
    detector = architectures.yolov2_voc()
    assert detector.logits_index == detector.raw_index
    logits = DarknetModule(network, end=network.logits_index).train()
    whole = DarknetModule(network, arrays(logits)).train()
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(logits(images).softmax(1), whole(images))


def test_a_cfg_without_softmax_is_trained_as_if_it_had_one():
    network = architectures.darknet19(classes=6, width=0.1, size=32)
    bare = replace(network, layers=network.layers[:-1])
    assert bare.logits_index == bare.raw_index == network.logits_index
    assert gradient(Classification(bare))[0] == gradient(flat())[0]
