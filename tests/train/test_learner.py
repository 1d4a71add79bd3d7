"""One update: what it changes and what it leaves, averages, cut gradients, number formats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_runs import CFG, RECIPE, begun, flat
from yolov2.darknet.cfg import parse_cfg
from yolov2.errors import TrainingError
from yolov2.model.blocks import ConvBlock, Norm
from yolov2.model.region_loss import Head
from yolov2.train import precision
from yolov2.train.learner import Learner
from yolov2.train.objective import Detection
from yolov2.train.precision import chosen_precision

PLAIN = replace(RECIPE, momentum=0.0, decay=0.0, ema=0.0, clip_norm=0.0, prior_until=0)
WITHOUT_NORM = CFG.replace("batch_normalize=1\n", "")
FLOAT32_NOISE = 1e-6
GRAPHS_NOISE = 1e-5  # sums in another order

of_the_compiler = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated", "ignore:Dynamo detected a call to a `functools.lru_cache`"
)


class Said:
    """An objective that is a function of the raw head."""

    def __init__(self, function):
        self._function = function

    def __call__(self, raw, truths, *, seen):
        return {"said": self._function(raw)}

    def to(self, device):
        return self


def learner_of(recipe=PLAIN, *, cfg=CFG, objective=None):
    net = parse_cfg(cfg, Path("tiny.cfg"))
    assert net.region is not None
    weights = begun(net) if "batch_normalize" in cfg else None
    return Learner(net, weights, objective or Detection(Head(net.region), recipe), recipe, batch=4)


def batch(number=0, *, side=32):
    """Four pictures with two boxes each, but for the last, which is background."""
    rng = np.random.default_rng(number)
    truths = np.zeros((4, 8, 5), np.float32)
    truths[:3, :2] = rng.uniform(0.2, 0.8, (3, 2, 5))
    truths[:3, :2, 4] = rng.integers(0, 3, (3, 2))
    return rng.integers(0, 256, (4, side, side, 3), np.uint8), truths


def conv(learner, index=0):
    block = learner.module.layers[index]
    assert isinstance(block, ConvBlock)
    return block


def values_of(learner):
    return {name: value.clone() for name, value in learner.module.state_dict().items()}


def changed(before, learner):
    """The names of what is no longer what it was."""
    return {name for name, value in learner.module.state_dict().items() if not torch.equal(value, before[name])}


# What is learned


def test_two_halves_of_a_batch_are_learned_as_the_whole_without_batch_norm():
    whole, halves = learner_of(cfg=WITHOUT_NORM), learner_of(replace(PLAIN, mini_batch=2), cfg=WITHOUT_NORM)
    losses = [one.update(*batch(), 0.05) for one in (whole, halves)]
    for name, term in losses[0].terms.items():
        assert float(losses[1].terms[name]) == pytest.approx(float(term), rel=FLOAT32_NOISE), name
    assert float(losses[1].norm) == pytest.approx(float(losses[0].norm), rel=GRAPHS_NOISE)
    moved = np.abs(flat(whole.weights()) - flat(learner_of(cfg=WITHOUT_NORM).weights())).max()
    assert moved > 1000 * FLOAT32_NOISE
    np.testing.assert_allclose(flat(halves.weights()), flat(whole.weights()), atol=FLOAT32_NOISE)
    assert halves.seen == whole.seen == 4


def test_weights_alone_decay():
    learner = learner_of(replace(PLAIN, decay=0.25), objective=Said(lambda raw: 0 * raw.sum()))
    with torch.no_grad():
        for parameter in learner.module.parameters():
            parameter.copy_(torch.linspace(-1, 2, parameter.numel()).view_as(parameter))
    before = values_of(learner)
    learner.update(*batch(), 0.1)
    for name in ("layers.0.conv.weight", "layers.2.conv.weight"):
        torch.testing.assert_close(learner.module.state_dict()[name], before[name] * (1 - 0.1 * 0.25))
    statistics = {"layers.0.norm.running_mean", "layers.0.norm.running_var"}
    assert changed(before, learner) - statistics == {"layers.0.conv.weight", "layers.2.conv.weight"}


def test_background_alone_teaches_that_there_is_nothing():
    learner = learner_of()
    images, truths = batch()
    nothing = np.zeros_like(truths)
    losses = [learner.update(images, nothing, 0.05).terms for _ in range(10)]
    assert [float(losses[0][name]) for name in ("box", "object", "classes", "prior")] == [0, 0, 0, 0]
    assert float(losses[-1]["no_object"]) < 0.5 * float(losses[0]["no_object"])
    assert learner.is_finite()


def test_convolutions_keep_channels_last():
    learner = learner_of()
    learner.update(*batch(), 0.01)
    assert conv(learner).conv.weight.is_contiguous(memory_format=torch.channels_last)


# What is left as it is


def test_nothing_up_to_stopbackward_learns_but_its_statistics_move():
    learner = learner_of(replace(PLAIN, decay=0.1), cfg=CFG.replace("filters=6\n", "filters=6\nstopbackward=1\n"))
    assert not any(parameter.requires_grad for parameter in learner.module.layers[0].parameters())
    before = values_of(learner)
    learner.update(*batch(), 0.1)
    assert changed(before, learner) == {
        "layers.0.norm.running_mean", "layers.0.norm.running_var", "layers.2.conv.weight", "layers.2.conv.bias",
    }  # fmt: skip


def test_frozen_layers_keep_their_statistics_too():
    learner = learner_of(replace(PLAIN, decay=0.1, freeze=1))
    before = values_of(learner)
    learner.update(*batch(), 0.1)
    assert changed(before, learner) == {"layers.2.conv.weight", "layers.2.conv.bias"}


def test_a_network_of_which_nothing_learns_is_refused():
    with pytest.raises(TrainingError) as refusal:
        learner_of(replace(PLAIN, freeze=3))
    assert str(refusal.value) == (
        "freeze: found 3 layers that keep their weights, expected fewer than the network has; freeze fewer"
    )


# Gradients and averages


def test_a_long_gradient_is_cut_and_told_as_it_was():
    free, cut = learner_of(), learner_of(replace(PLAIN, clip_norm=0.5))
    lengths = []
    for learner in (free, cut):
        before = torch.cat([value.detach().clone().flatten() for value in learner.module.parameters()])
        norm = float(learner.update(*batch(), 1.0).norm)
        after = torch.cat([value.detach().flatten() for value in learner.module.parameters()])
        lengths.append((norm, float((after - before).norm())))
    (norm, moved), (told, short) = lengths
    assert norm > 1
    assert told == pytest.approx(norm)
    assert moved == pytest.approx(norm, rel=GRAPHS_NOISE)
    assert short == pytest.approx(0.5, rel=GRAPHS_NOISE)


def test_averaged_weights_follow_quickly_at_first_then_by_the_decay():
    learner = learner_of(replace(PLAIN, ema=0.25))
    mean = {name: value.double() for name, value in values_of(learner).items()}
    for number in range(1, 7):
        learner.update(*batch(number), 0.05)
        keep = min(0.25, (1 + number) / (10 + number))  # 2 / 11, 3 / 12, then 0.25
        now = learner.module.state_dict()
        mean = {name: keep * value + (1 - keep) * now[name].double() for name, value in mean.items()}
    assert learner.averaged is not None
    for name, value in learner.averaged.state_dict().items():
        np.testing.assert_allclose(value.double(), mean[name], atol=FLOAT32_NOISE, err_msg=name)
    assert np.abs(flat(learner.weights()) - flat(learner_of().weights())).max() > 0.01


def test_the_first_running_statistics_are_the_mean_of_all_so_far():
    learner = learner_of(replace(PLAIN, norm_momentum=0.2))
    norm = conv(learner).norm
    assert isinstance(norm, Norm)
    means, variances = [norm.running_mean.clone()], [norm.running_var.clone()]
    given = []
    conv(learner).conv.register_forward_hook(lambda module, inputs, output: given.append(output.detach()))
    parts = []
    for number in range(1, 6):
        learner.update(*batch(number), 0.05)
        parts.append(float(norm.momentum))
        rows = given[-1].transpose(0, 1).flatten(1).double()
        means.append(rows.mean(1))
        variances.append(rows.var(1))
        if number <= 4:
            for found, all_so_far in ((norm.running_mean, means), (norm.running_var, variances)):
                expected = sum(one.double() for one in all_so_far) / (number + 1)
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=FLOAT32_NOISE)
    assert parts == pytest.approx([1 / 2, 1 / 3, 1 / 4, 0.2, 0.2])


def test_by_the_policy_cfg_running_statistics_take_darknets_part_at_all_times():
    learner = learner_of(replace(PLAIN, policy="cfg"))
    norm = conv(learner).norm
    assert isinstance(norm, Norm)
    given = []
    conv(learner).conv.register_forward_hook(lambda module, inputs, output: given.append(output.detach()))
    expected = norm.running_mean.clone()
    for number in range(1, 4):
        learner.update(*batch(number), 0.001)
        assert float(norm.momentum) == pytest.approx(0.01)
        expected = 0.99 * expected + 0.01 * given[-1].mean((0, 2, 3))
        torch.testing.assert_close(norm.running_mean, expected)


def test_chances_in_the_network_follow_from_the_number_of_the_update_alone():
    """What Dropout leaves out: the same again where a run goes on, and other numbers in the next update."""
    first, _, rest = CFG.partition("[maxpool]")
    with_dropout = f"{first}[dropout]\nprobability=.5\n\n[maxpool]{rest}"

    def learned(updates, others=0):
        learner = learner_of(cfg=with_dropout)
        learner.updates = updates
        torch.rand(others)  # what else is drawn in this process
        learner.update(*batch(1), 0.05)
        return flat(learner.weights())

    np.testing.assert_array_equal(learned(3), learned(3, others=5))
    assert np.abs(learned(3) - learned(4)).max() > 1e-4


def test_pictures_seen_are_those_of_the_whole_batch():
    learner = learner_of()
    images, truths = batch(1)
    learner.batch = 5  # of which this rank has three
    learner.update(images[:3], truths[:3], 0.05)
    assert learner.seen == 5


@pytest.mark.slow
@of_the_compiler
def test_updates_are_compiled_once_whatever_the_part_of_the_running_statistics():
    from torch._dynamo.utils import counters  # is slow to import

    torch.compiler.reset()
    counters.clear()
    learner = learner_of(replace(PLAIN, compile=True))
    for number in range(1, 5):
        learner.update(*batch(number), 0.05)
    assert counters["stats"]["unique_graphs"] == 1


# Number formats


@pytest.mark.parametrize(
    "info, has",
    [
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16\n", False),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16 amx_bf16\n", True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n", True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2\n", False),
    ],
)
def test_a_processor_counts_as_with_bf16_where_that_is_quicker(tmp_path, info, has):
    (tmp_path / "cpuinfo").write_text(info)
    assert precision._has_bf16(tmp_path / "cpuinfo") is has
    assert precision._has_bf16(tmp_path / "missing") is False


def test_auto_is_bf16_where_the_processor_multiplies_it(monkeypatch):
    for has, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precision, "_has_bf16", lambda has=has: has)
        assert chosen_precision("auto", torch.device("cpu")) == expected
        assert chosen_precision("fp16", torch.device("cpu")) == "fp16"


@pytest.mark.parametrize("mini_batch", [None, 2])
def test_bf16_learns_nearly_what_float32_does_and_keeps_its_weights_in_float32(mini_batch):
    recipe = replace(PLAIN, mini_batch=mini_batch)
    exact, half = learner_of(recipe), learner_of(replace(recipe, precision="bf16"))
    start = flat(exact.weights())
    losses = [sum(map(float, one.update(*batch(), 0.05).terms.values())) for one in (exact, half)]
    assert losses[0] != losses[1]  # else it was not used
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    moved = np.linalg.norm(flat(exact.weights()) - start)
    assert np.linalg.norm(flat(half.weights()) - flat(exact.weights())) < 0.1 * moved
    assert {value.dtype for value in half.module.parameters()} == {torch.float32}


def test_fp16_leaves_out_updates_that_do_not_fit_and_learns_from_the_others():
    """Its largest number is 65,504: the first gradients, times 65,536, are beyond it."""
    learner, exact = learner_of(replace(PLAIN, precision="fp16")), learner_of()
    before = values_of(learner)
    first = learner.update(*batch(), 0.05)
    statistics = {"layers.0.norm.running_mean", "layers.0.norm.running_var"}
    assert changed(before, learner) == statistics
    assert float(first.norm) == 0
    assert learner.scaler.get_scale() == 2**15
    while float(learner.update(*batch(), 0.05).norm) == 0:
        assert learner.updates < 20
    exact.update(*batch(), 0.05)
    for name, value in learner.module.named_parameters():
        wanted = exact.module.get_parameter(name)
        moved = float((wanted - before[name]).detach().norm())
        assert float((value - wanted).detach().norm()) < 0.02 * moved, name


def test_a_gradient_that_never_fits_is_told_in_the_end():
    learner = learner_of(replace(PLAIN, precision="fp16"), objective=Said(lambda raw: (0 * raw.float()).sqrt().sum()))
    norms = [float(learner.update(*batch(), 0.05).norm) for _ in range(18)]
    assert norms[:16] == [0] * 16  # 2 ** 16 is halved so often
    assert not np.isfinite(norms[17])


@pytest.mark.slow
@of_the_compiler
def test_a_compiled_update_is_the_same():
    plain, compiled = learner_of(), learner_of(replace(PLAIN, compile=True))
    losses = [one.update(*batch(), 0.05) for one in (plain, compiled)]
    for name, term in losses[0].terms.items():
        assert float(losses[1].terms[name]) == pytest.approx(float(term), rel=1e-4), name
    np.testing.assert_allclose(flat(compiled.weights()), flat(plain.weights()), atol=GRAPHS_NOISE)
    assert [name for name, _ in compiled.module.named_parameters()] == [
        name for name, _ in plain.module.named_parameters()
    ]
