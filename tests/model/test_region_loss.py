"""The region loss: its cost, its gradient and its averages are those that Darknet wrote down."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.tree import read_map, read_tree
from yolov2.hierarchy.wordtree import WordTree
from yolov2.model.module import DarknetModule
from yolov2.model.region_loss import Head, LossRule, RegionLoss, region_loss
from yolov2.network.architectures import yolov2_tiny_voc
from yolov2.network.layers import Region
from yolov2.region.assign import Extra, assign

DELTA_NOISE = 5e-6  # of the largest delta, or of 1; MANIFEST.md
COST_NOISE = 1e-5  # relative
STATS_NOISE = 2e-6

CASES = [
    "d01_default_prefill", "d02_default_after", "d03_boundary_12799", "d04_rescore0", "d05_biasmatch0",
    "d06_defaults_only", "d07_logistic", "d08_logistic_two_in_cell", "d09_softmax_two_in_cell", "d10_background",
    "d11_background_prefill_norescore", "d12_scales", "d13_zero_truths", "d14_thirty_truths",
    "d15_border_and_x_equal_1", "d16_stops_at_first_x0", "d17_one_class", "d18_resize", "d19_voc20_batch4", "d20_tree",
    "d21_tree_prefill", "d22_tree_classonly_and_box", "d23_tree_classonly_second_of_three", "d24_tree_map",
    "d25_map_no_tree", "d26_perfect_prediction", "d30_9k_boxes", "d31_9k_classonly", "d32_9k_coco_map",
]  # fmt: skip


def head_of(cfg: Path, golden: Path) -> tuple[Region, Head]:
    layer = read_cfg(cfg).region
    assert layer is not None
    tree = None if layer.tree is None else WordTree.read(golden / layer.tree)
    nodes = None if layer.map is None else read_map(golden / layer.map, nodes=len(tree) if tree else layer.classes)
    return layer, Head(layer, tree=tree, map=nodes)


def raw_of(case: dict[str, Any], layer: Region, stored: Any, recipe: Any, golden: Path) -> Tensor:
    """The head that Darknet was given, made anew as MANIFEST.md says."""
    shape = case["batch"], layer.channels, case["grid_h"], case["grid_w"]
    if "head" in stored:
        raw = stored["head"]
    elif layer.tree is not None:
        parents = read_tree(golden / layer.tree)[1]
        sizes = layer.num_anchors, layer.classes, case["grid_h"], case["grid_w"]
        raw = np.stack([recipe.tree_head(*sizes, parents, case["head_seed"] + 50 * b) for b in range(case["batch"])])
    else:
        raw = recipe.seeded_input(shape, case["head_seed"], 1.5, signed=True)
    return torch.tensor(raw).reshape(shape)


def deltas_of(raw: Tensor, layer: Region) -> Tensor:
    """What Darknet calls delta: the gradient on the raw head before its logistic derivatives, sign turned."""
    assert raw.grad is not None
    shape = raw.shape[0], layer.num_anchors, layer.entries, *raw.shape[2:]
    values, deltas = raw.detach().double().view(shape), -raw.grad.double().view(shape).clone()
    squashed = [0, 1] if layer.background else [0, 1, 4]
    answers = values[:, :, squashed].sigmoid()
    deltas[:, :, squashed] /= answers * (1 - answers)
    return deltas.view(raw.shape)


def test_every_recorded_case_is_looked_at(small_golden):
    recorded = json.loads((small_golden / "d_region_train/cases.json").read_text())
    assert sorted(one["case"] for one in recorded) == sorted(CASES)


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_cost_gradient_and_averages_are_darknets(golden_with, recipe, name):
    golden = golden_with(f"d_region_train/{name}.npz")
    case = next(one for one in json.loads((golden / "d_region_train/cases.json").read_text()) if one["case"] == name)
    stored = np.load(golden / case["npz"])
    layer, head = head_of(golden / case["cfg"], golden)
    raw = raw_of(case, layer, stored, recipe, golden).requires_grad_()
    loss = region_loss(raw, torch.tensor(stored["truth"]), head, seen=case["seen"], rule=LossRule(faithful=True))
    loss.total.backward()

    delta = torch.tensor(stored["delta"]).double()
    assert float((deltas_of(raw, layer) - delta).abs().max()) <= DELTA_NOISE * max(1, float(delta.abs().max()))
    assert float(loss.cost) == pytest.approx(float(stored["cost"]), rel=COST_NOISE)
    ious, probs, objects, recalled, boxes, labels, every = loss.stats.double()
    places = raw.numel() / layer.entries
    averages = torch.stack(
        (ious / boxes, probs / (boxes + labels), objects / boxes, every / places, recalled / boxes, boxes)
    )
    np.testing.assert_allclose(averages.numpy(), stored["stats"], atol=STATS_NOISE)


def seeded(batch: int = 2) -> tuple[Region, Tensor, Tensor]:
    layer = Region(anchors=((1, 2), (3, 1), (2, 2)), classes=4, softmax=True, rescore=True, bias_match=True, thresh=0.6)
    generator = torch.Generator().manual_seed(7)
    raw = torch.randn((batch, layer.channels, 5, 6), generator=generator)
    truths = torch.zeros(batch, 8, 5)
    truths[:, :3] = torch.rand((batch, 3, 5), generator=generator) * torch.tensor((0.8, 0.8, 0.5, 0.5, 3.9)) + 0.05
    return layer, raw, truths


TREE = WordTree(("a", "b", "c", "d"), np.array([-1, -1, 0, 0]))
KINDS: dict[str, tuple[dict[str, Any], LossRule]] = {
    "softmax": ({}, LossRule()),
    "logistic": ({"softmax": False, "rescore": False}, LossRule()),
    "background": ({"background": True}, LossRule()),
    "predicted shapes": ({"bias_match": False}, LossRule(faithful=True)),
    "further anchors": ({}, LossRule(extra=Extra(iou=0.3, weight=0.5), smoothing=0.1)),
    "tree": ({"tree": "small.tree"}, LossRule()),
}


def head_of_kind(name: str) -> tuple[Head, LossRule]:
    changes, rule = KINDS[name]
    layer = replace(seeded()[0], **changes)
    return Head(layer, tree=TREE if layer.tree else None, class_weights=[1.0, 2.0, 0.5, 1.0]), rule


@pytest.mark.parametrize("seen", [100, 20_000])  # with every box pulled to its anchor, and without
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_asks_the_device_for_no_value(kind, seen):
    _, raw, truths = seeded()
    head, rule = head_of_kind(kind)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:  # has shapes alone, and fails where a value is wanted
        given = fake.from_tensor(raw).requires_grad_()
        loss = region_loss(given, fake.from_tensor(truths), head, seen=seen, rule=rule)
        (gradient,) = torch.autograd.grad(loss.total, given)
    assert gradient.shape == raw.shape


def test_the_whole_way_from_images_to_gradients_asks_for_no_value():
    net = yolov2_tiny_voc(classes=4, width=0.1)
    assert net.region is not None
    module, head = DarknetModule(net).train(), Head(net.region)
    truths = torch.tensor([[[0.5, 0.5, 0.2, 0.2, 1], [0, 0, 0, 0, 0]]])
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        state: dict[str, Tensor] = {
            name: fake.from_tensor(value.detach()) for name, value in module.state_dict().items()
        }
        trained = {name: state[name].requires_grad_() for name, _ in module.named_parameters()}
        raw = torch.func.functional_call(module, state, (fake.from_tensor(torch.zeros(1, 3, 64, 96)),))
        loss = region_loss(raw, fake.from_tensor(truths), head, seen=20_000)
        gradients = torch.autograd.grad(loss.total, list(trained.values()))
    assert [gradient.shape for gradient in gradients] == [value.shape for value in trained.values()]


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # which array module it is
@pytest.mark.parametrize("kind", ["softmax", *(pytest.param(kind, marks=pytest.mark.slow) for kind in list(KINDS)[1:])])
def test_the_loss_compiles_as_one_graph(kind):
    _, raw, truths = seeded()
    head, rule = head_of_kind(kind)

    def total(raw: Tensor, truths: Tensor) -> Tensor:
        return region_loss(raw, truths, head, seen=20_000, rule=rule).total

    compiled = torch.compile(total, fullgraph=True, backend="aot_eager")
    assert float(compiled(raw, truths)) == pytest.approx(float(total(raw, truths)), rel=COST_NOISE)


def test_terms_add_up_over_the_pictures_of_a_batch():
    layer, raw, truths = seeded(batch=3)
    together = region_loss(raw, truths, Head(layer), seen=0)
    alone = [region_loss(raw[k : k + 1], truths[k : k + 1], Head(layer), seen=0) for k in range(3)]
    for name in ("box", "object", "no_object", "classes", "prior", "cost"):
        expected = sum(float(getattr(one, name)) for one in alone)
        assert float(getattr(together, name)) == pytest.approx(expected, rel=COST_NOISE), name


def test_a_truth_on_the_right_edge_belongs_to_the_last_cell_of_its_row_and_to_darknets_next_row_if_faithful():
    layer, _, _ = seeded()
    truths = torch.tensor([[[1.0, 0.5, 0.2, 0.2, 1]]])
    assert int(assign(truths, layer, (5, 6)).cells) == 2 * 6 + 5
    assert int(assign(truths, layer, (5, 6), faithful=True).cells) == 3 * 6


@pytest.mark.parametrize(
    ("layer", "tree", "message"),
    [
        (Region(coords=6), None, "region loss: found coords=6, expected 4; masks are not trained"),
        (Region(tree="a.tree"), None, "region loss: found a tree or none, expected one for a head with tree=, and for no other"),
    ],
)  # fmt: skip
def test_a_head_that_can_not_be_trained_is_refused(layer, tree, message):
    with pytest.raises(ValueError) as refusal:
        Head(layer, tree=tree)
    assert str(refusal.value) == message


def terms(loss: RegionLoss) -> dict[str, float]:
    return {name: float(getattr(loss, name)) for name in ("box", "object", "no_object", "classes", "prior")}


def test_a_place_where_there_may_be_something_is_told_nothing():
    layer, raw, _ = seeded(batch=1)
    clear = torch.zeros(1, 2, 5)
    clear[0, 0] = torch.tensor((0.5, 0.5, 0.4, 0.5, -1))
    told = region_loss(raw, clear, Head(layer), seen=20_000)
    assert [terms(told)[name] for name in ("box", "object", "classes", "prior")] == [0, 0, 0, 0]
    objectness = raw.view(3, 9, 5, 6)[:, 4].sigmoid()
    inside = torch.zeros(5, 6, dtype=torch.bool)
    inside[1:4, 2:4] = True  # the cells whose middle lies in x 0.3 to 0.7 and y 0.25 to 0.75
    expected = objectness.square()[:, ~inside].sum() / 2
    assert terms(told)["no_object"] == pytest.approx(float(expected), rel=COST_NOISE)


def test_a_further_anchor_of_a_truth_counts_by_its_weight():
    layer, raw, _ = seeded(batch=1)
    truths = torch.zeros(1, 2, 5)
    truths[0, 0] = torch.tensor(
        (0.5, 0.5, 2 / 6, 2 / 5, 2)
    )  # two cells wide and high: anchor 2; anchor 0 overlaps by half
    rule = LossRule(extra=Extra(iou=0.45, weight=0.25))
    alone = terms(region_loss(raw, truths, Head(layer), seen=20_000))
    both = terms(region_loss(raw, truths, Head(layer), seen=20_000, rule=rule))
    first = replace(layer, anchors=layer.anchors[:1])
    other = terms(region_loss(raw[:, :9], truths, Head(first), seen=20_000))
    for name in ("box", "object", "classes"):
        assert both[name] == pytest.approx(alone[name] + 0.25 * other[name], rel=COST_NOISE), name
    assert both["no_object"] < alone["no_object"]


def test_smoothing_gives_a_share_of_the_certainty_to_all_classes():
    layer, raw, _ = seeded(batch=1)
    truths = torch.zeros(1, 2, 5)
    truths[0, 0] = torch.tensor((0.5, 0.5, 2 / 6, 2 / 5, 2))
    smooth = terms(region_loss(raw, truths, Head(layer), seen=20_000, rule=LossRule(smoothing=0.1)))["classes"]
    each = []
    for label in range(4):
        truths[0, 0, 4] = label
        each.append(terms(region_loss(raw, truths, Head(layer), seen=20_000))["classes"])
    assert smooth == pytest.approx(0.9 * each[2] + 0.1 * sum(each) / 4, rel=COST_NOISE)


def test_a_truth_counts_by_the_weight_of_its_class():
    layer, raw, truths = seeded(batch=2)
    truths[..., 4] = truths[..., 4].floor()
    plain = terms(region_loss(raw, truths, Head(layer), seen=20_000))
    twice = terms(region_loss(raw, truths, Head(layer, class_weights=[2.0] * 4), seen=20_000))
    nothing = terms(region_loss(raw, truths, Head(layer, class_weights=[0.0] * 4), seen=20_000))
    for name in ("box", "object", "classes"):
        assert twice[name] == pytest.approx(2 * plain[name], rel=COST_NOISE), name
        assert nothing[name] == 0, name
    assert twice["no_object"] == nothing["no_object"] == plain["no_object"]
