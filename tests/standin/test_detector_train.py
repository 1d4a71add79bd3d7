"""`darknet detector train`: lines, rates and losses against a slow twin, files, and where a run goes on."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from darknet_runs import files, kept, updates
from sure_model import SURE_CFG
from voices import FakeVoice
from yolov2.darknet.cfg import parse_cfg, read_cfg
from yolov2.darknet.weights import Weights, initial_weights, parse_weights, write_weights
from yolov2.errors import CfgError, FormatError, LabelError, ModelError, NamesError, TrainingError, WeightsError
from yolov2.model.blocks import Norm
from yolov2.model.region_loss import Head
from yolov2.standin.darknet import run
from yolov2.standin.detector_run import Heard, region_line
from yolov2.standin.training import as_trained, learner_of
from yolov2.train.objective import Detection

NET = """[net]
width=32
height=32
channels=3
batch=4
subdivisions=2
learning_rate=0.05
momentum=0.9
decay=0.0005
policy=steps
steps=4,6
scales=.1,.5
burn_in=2
max_batches=6
"""
HEAD = "\n" + SURE_CFG[SURE_CFG.index("[conv") :].replace("softmax=1", "softmax=0") + "jitter=0\nobject_scale=5\n"
TRUNK = """
[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=leaky
"""
BIASES = (0.2, -0.1, 0.3, -0.2, 1.0, 0.5, -0.3)
CLASSES = (0, 1, 1, 0)  # of the one box, the middle half, of each picture
DIGITS = 1e-6  # of %f
NUMBER = r"(-?\d+\.\d{6})"
UPDATE = re.compile(rf"(\d+): {NUMBER}, {NUMBER} avg, {NUMBER} rate, {NUMBER} seconds, (\d+) images")
REGION = "Region Avg IOU: {:f}, Class: {:f}, Obj: {:f}, No Obj: {:f}, Avg Recall: {:f},  count: 2"


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: my.data, my.cfg, my.weights whose answer is BIASES, and four black pictures."""
    monkeypatch.chdir(tmp_path)
    for name in ("images", "labels"):
        Path(name).mkdir()
    for index, class_id in enumerate(CLASSES):
        Image.new("RGB", (32, 32)).save(f"images/{index}.png")
        Path(f"labels/{index}.txt").write_text(f"{class_id} .5 .5 .5 .5\n")
    Path("train.txt").write_text("".join(f"images/{index}.png\n" for index in range(len(CLASSES))))
    Path("my.names").write_text("cat\ndog\n")
    Path("my.data").write_text("classes=2\ntrain=train.txt\nvalid=train.txt\nnames=my.names\nbackup=backup\n")
    cfg()
    layer = {"biases": np.array(BIASES, np.float32), "weights": np.zeros((7, 3, 1, 1), np.float32)}
    write_weights("my.weights", Weights((layer, {})), read_cfg(Path("my.cfg")))
    return tmp_path


def cfg(*, trunk: str = "", head: str = HEAD, **options: Any) -> None:
    """my.cfg, with these options of [net] changed."""
    net = NET
    for key, value in options.items():
        net = re.sub(rf"^{key}=.*\n", "", net, flags=re.MULTILINE) + f"{key}={value}\n"
    Path("my.cfg").write_text(net + trunk + head)


def trained(*words: str, status: int = 0, stop_after: int | None = None, **options) -> FakeVoice:
    voice = FakeVoice(stop_after=stop_after)
    assert run(("detector", "train", "my.data", "my.cfg", *words), voice.voice, **options) == status
    return voice


# --- what is learned --------------------------------------------------------------------------------------------------


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slowly(rates: list[float]) -> tuple[list[float], list[float]]:
    """Darknet's losses, and the biases at the end: of black pictures with one box in a grid of one cell, loop by loop.

    Weights stay 0, as their inputs are. Source: DARKNET.md, sections 8 and 9.
    """
    b, memory, losses = list(BIASES), [0.0] * 7, []
    for rate in rates:
        cost, gradient = 0.0, [0.0] * 7
        for class_id in CLASSES:
            scale = 2 - 0.5 * 0.5
            x, y, objectness = sigmoid(b[0]), sigmoid(b[1]), sigmoid(b[4])
            delta = [scale * (0.5 - x), scale * (0.5 - y), scale * (0 - b[2]), scale * (0 - b[3]), 5 * (1 - objectness)]
            delta += [(1.0 if n == class_id else 0.0) - sigmoid(b[5 + n]) for n in range(2)]
            cost += sum(one**2 for one in delta)
            slopes = [x * (1 - x), y * (1 - y), 1, 1, objectness * (1 - objectness), 1, 1]
            gradient = [
                sum(pair) for pair in zip(gradient, (d * s for d, s in zip(delta, slopes, strict=True)), strict=True)
            ]
        losses.append(cost / len(CLASSES))
        memory = [0.9 * old + new for old, new in zip(memory, gradient, strict=True)]
        b = [old + rate / len(CLASSES) * step for old, step in zip(b, memory, strict=True)]
    return losses, b


RATES = [0.05 * (1 / 2) ** 4, 0.05, 0.05, 0.005, 0.005, 0.0025]  # burn_in=2 with power 4, then steps=4,6


def test_losses_rates_and_weights_are_those_of_a_slow_twin(school):
    found = updates(UPDATE, trained("my.weights"))
    losses, biases = slowly(RATES)
    assert [int(one[0]) for one in found] == [1, 2, 3, 4, 5, 6]
    assert [one[5] for one in found] == ["4", "8", "12", "16", "20", "24"]
    np.testing.assert_allclose([float(one[1]) for one in found], losses, atol=2 * DIGITS)
    np.testing.assert_allclose([float(one[3]) for one in found], RATES, atol=DIGITS)
    average, averages = losses[0], []
    for loss in losses:
        average = 0.9 * average + 0.1 * loss
        averages.append(average)
    np.testing.assert_allclose([float(one[2]) for one in found], averages, atol=2 * DIGITS)
    last = kept("my_final.weights")
    np.testing.assert_allclose(last.layers[0]["biases"], biases, atol=DIGITS)
    np.testing.assert_array_equal(last.layers[0]["weights"], 0)


def test_the_lines_around_an_update(school):
    cfg(max_batches=1, learning_rate=0)
    voice = trained("my.weights")
    assert voice.said[:2] == ["my", "Learning Rate: 0, Momentum: 0.9, Decay: 0.0005"]
    assert re.fullmatch(rf"Loaded: {NUMBER} seconds", voice.said[2])
    half = np.array([sigmoid(BIASES[0]), sigmoid(BIASES[1])])
    sides = np.exp(BIASES[2:4]) / 2
    low, high = np.maximum(half - sides / 2, 0.25), np.minimum(half + sides / 2, 0.75)
    shared = np.prod(high - low)
    iou = shared / (np.prod(sides) + 0.25 - shared)
    (cat, dog), objectness = (sigmoid(value) for value in BIASES[5:]), sigmoid(BIASES[4])
    pairs = {REGION.format(iou, (p + q) / 2, objectness, objectness, 1.0) for p in (cat, dog) for q in (cat, dog)}
    assert set(voice.said[3:5]) <= pairs  # a line a mini-batch, of whatever two pictures
    assert UPDATE.fullmatch(voice.said[5])
    assert len(voice.said) == 6
    assert voice.told[1:] == ["Loading weights from my.weights...Done!", "Saving weights to backup/my_final.weights"]
    assert (voice.noted, voice.failed) == ([], [])


def test_means_without_a_truth_are_no_numbers_as_in_darknet():
    assert region_line([0, 0, 0, 0, 0, 0, 1.5], 3) == (
        "Region Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.500000, Avg Recall: -nan,  count: 0"
    )


def test_without_weights_a_run_begins_with_start_values(school):
    cfg(max_batches=1, learning_rate=0, trunk=TRUNK)
    trained()
    begun = initial_weights(read_cfg(Path("my.cfg")))
    for name in ("weights", "scales"):
        np.testing.assert_array_equal(kept("my_final.weights").layers[0][name], begun.layers[0][name])


@pytest.mark.golden
@pytest.mark.parametrize("name", ["e01_constant_sub2", "e02_constant_sub1"])
def test_losses_and_region_lines_are_darknets(golden, recipe, name):
    case = next(one for one in json.loads((golden / "e_train_steps/cases.json").read_text()) if one["case"] == name)
    path, truths = golden / case["cfg"], np.load(golden / case["npz"])["truth"]
    network, chosen = as_trained(parse_cfg(path.read_text(), path), str(path))
    text = recipe.seeded_weights(path.read_text(), case["weights_seed"], seen=case["seen_at_start"])
    heard = Heard()
    assert network.region is not None
    learner = learner_of(
        network, parse_weights(text, network), Detection(Head(network.region), chosen, told=heard), chosen
    )
    for part in learner.module.modules():
        if isinstance(part, Norm):
            part.is_plain = True
    first, parts = int(case["input"].split("w),")[1].split("+")[0]), case["subdivisions"]
    lines = iter(case["printed"])
    for step in case["steps"]:
        indices = range((step["step"] - 1) * parts, step["step"] * parts)
        shape = (case["mini_batch"], 3, network.input.height, network.input.width)
        images = torch.tensor(np.concatenate([recipe.seeded_input(shape, first + index) for index in indices]))
        learner.update(images, np.concatenate([truths[index] for index in indices]), step["rate"])
        grid = network.raw_shape
        boxes = grid.height * grid.width * network.region.num_anchors * case["mini_batch"]
        loss, said = heard.taken(boxes=boxes, batch=case["mini_batch"] * parts)
        assert loss == pytest.approx(step["loss"], rel=1e-4)  # MANIFEST.md
        for line in said:
            mine, theirs = (list(map(float, re.findall(r"-?\d+\.?\d*", text))) for text in (line, next(lines)))
            np.testing.assert_allclose(mine, theirs, atol=2e-5)
    assert learner.seen == case["steps"][-1]["seen"]


# --- files, and where a run goes on -----------------------------------------------------------------------------------


def test_weights_are_kept_every_hundred_updates_and_a_run_goes_on_from_them(school):
    cfg(max_batches=200, learning_rate=1e-6)
    voice = trained()
    assert files() == ["my.backup", "my_100.weights", "my_200.weights", "my_final.weights"]
    assert [kept(name).seen for name in files()] == [800, 400, 800, 800]
    assert len(updates(UPDATE, voice)) == 200
    assert voice.told.count("Saving weights to backup/my.backup") == 2
    cfg(max_batches=202, learning_rate=1e-6)
    voice = trained("backup/my.backup")
    assert [(one[0], one[5]) for one in updates(UPDATE, voice)] == [("201", "804"), ("202", "808")]
    assert voice.noted == ["goes on behind update 200; what the momentum remembered is lost, as in Darknet"]
    assert kept("my_final.weights").seen == 808
    assert [one[0] for one in updates(UPDATE, trained("backup/my_100.weights", "-clear"))][:2] == ["1", "2"]


def test_a_run_that_goes_on_is_the_whole_run_but_for_the_momentum(school):
    cfg(max_batches=6, momentum=0)
    trained("my.weights")
    whole = kept("my_final.weights")
    cfg(max_batches=3, momentum=0)
    trained("my.weights")
    Path("backup/my_final.weights").rename("half.weights")
    cfg(max_batches=6, momentum=0)
    trained("half.weights")
    np.testing.assert_allclose(kept("my_final.weights").layers[0]["biases"], whole.layers[0]["biases"], atol=1e-7)


def test_a_run_that_is_done_writes_its_last_weights_and_says_so(school):
    trained()
    voice = trained("backup/my_final.weights")
    assert updates(UPDATE, voice) == []
    assert voice.noted == [
        "6 of 6 updates are done, so nothing is left to learn; -clear begins anew, max_batches= in the cfg says how many"
    ]
    assert kept("my_final.weights").seen == 24


def test_ctrl_c_keeps_the_weights_so_far(school):
    voice = trained("my.weights", status=130, stop_after=2)
    assert files() == ["my.backup"]
    assert kept("my.backup").seen == 12
    assert len(updates(UPDATE, voice)) == 3
    assert voice.noted == ["interrupted; the weights so far are kept"]


def test_a_backbone_gives_its_layers_and_the_others_begin_anew(school):
    cfg(trunk=TRUNK, learning_rate=0, max_batches=1)
    network = read_cfg(Path("my.cfg"))
    write_weights("first.conv.1", initial_weights(network, seed=7), network, cutoff=1)
    voice = trained("first.conv.1")
    last = kept("my_final.weights")
    np.testing.assert_array_equal(last.layers[0]["weights"], initial_weights(network, seed=7).layers[0]["weights"])
    np.testing.assert_array_equal(last.layers[1]["weights"], initial_weights(network).layers[1]["weights"])
    assert voice.noted == ["first.conv.1: layers 0 to 0 are learned, those from 1 on begin anew"]


@pytest.mark.parametrize("filters, classes", [(6, 1), (9, 4)])
def test_a_network_for_other_classes_gives_all_but_its_last_layer(school, filters, classes):
    cfg(trunk=TRUNK, head=HEAD.replace("filters=7", f"filters={filters}").replace("classes=2", f"classes={classes}"))
    network = read_cfg(Path("my.cfg"))
    write_weights("other.weights", initial_weights(network, seed=7), network)
    cfg(trunk=TRUNK, learning_rate=0, max_batches=1)
    voice = trained("other.weights")
    last = kept("my_final.weights")
    np.testing.assert_array_equal(last.layers[0]["weights"], initial_weights(network, seed=7).layers[0]["weights"])
    begun = initial_weights(read_cfg(Path("my.cfg")))
    np.testing.assert_array_equal(last.layers[1]["weights"], begun.layers[1]["weights"])
    assert voice.noted == ["other.weights: layer 1 is of another shape there and begins anew"]


def test_a_file_that_is_cut_short_is_refused(school):
    cfg(trunk=TRUNK)
    network = read_cfg(Path("my.cfg"))
    write_weights("whole.weights", initial_weights(network), network)
    Path("cut.weights").write_bytes(Path("whole.weights").read_bytes()[:-8])
    with pytest.raises(WeightsError, match=r"^cut.weights: found 157 floats "):
        trained("cut.weights")


def test_another_file_is_refused(school):
    cfg(trunk=TRUNK)
    with pytest.raises(WeightsError, match=r"^my.weights: found 28 floats "):
        trained("my.weights")
    assert not Path("backup").exists()


def test_a_new_size_is_told_and_taken(school):
    cfg(head=HEAD + "random=1\n", max_batches=1, subdivisions=4)
    assert trained().said[2:4] == ["Resizing", "608"]


# --- AlexeyAB's program -----------------------------------------------------------------------------------------------

HIS = re.compile(
    rf"\n (\d+): {NUMBER}, {NUMBER} avg loss, {NUMBER} rate, {NUMBER} seconds, (\d+) images, {NUMBER} hours left"
)


def test_alexeyabs_lines_and_files(school):
    cfg(max_batches=100, learning_rate=1e-6)
    voice = trained("my.weights", "-dont_show")
    found = [match.groups() for match in map(HIS.fullmatch, voice.said) if match]
    assert [one[0] for one in found] == list(map(str, range(1, 101)))
    assert found[0][6] == "-1.000000"
    assert 0 <= float(found[1][6]) < 1
    assert files() == ["my_final.weights", "my_last.weights"]
    assert voice.said[-1].endswith("then use flag in the end of training command: -clear ")
    assert voice.noted == [
        "-dont_show makes this a line for AlexeyAB's program; --like pjreddie takes it for the other",
        "-dont_show is passed over: no window is opened here",
    ]


def test_map_scores_the_weights_and_keeps_the_best(school):
    cfg(max_batches=2, learning_rate=0)
    voice = trained("my.weights", "-map", "-iou_thresh", ".4")
    assert voice.said.count("\n (next mAP calculation at 100 iterations) ") == 2
    (score,) = [line for line in voice.said if line.startswith("\n mean_average_precision")]
    assert "\n IoU threshold = 40 %, used Area-Under-Curve for each unique Recall " in voice.said
    assert re.fullmatch(r"\n mean_average_precision \(mAP@0.40\) = 0\.\d{6} ", score)
    assert float(score.split("= ")[1]) > 0.4  # cats: 1, 1/2 ...; dogs likewise
    assert voice.said[voice.said.index(score) + 1] == "New best mAP!"
    assert files() == ["my_best.weights", "my_final.weights"]
    np.testing.assert_array_equal(kept("my_best.weights").layers[0]["biases"], np.array(BIASES, np.float32))


def test_map_is_due_every_four_epochs_but_not_before_a_hundred_updates_or_the_burn_in(school):
    cfg(max_batches=250, learning_rate=1e-6, burn_in=120)
    voice = trained("my.weights", "-map")
    nexts = [line for line in voice.said if line.startswith("\n (next mAP")]
    assert nexts[119] == "\n (next mAP calculation at 120 iterations) "
    assert nexts[120] == "\n (next mAP calculation at 220 iterations) "
    assert sum(line.startswith("\n mean_average_precision") for line in voice.said) == 3  # at 120, 220 and 250
    assert sum(line.startswith("\n Last accuracy mAP@0.50 = ") for line in voice.said) == 130


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_picture_that_is_not_there_is_named_and_the_rest_is_learned(school):
    Path("images/2.png").unlink()
    voice = trained(status=1)
    assert len(voice.failed) == 1
    assert "images/2.png" in voice.failed[0]
    assert len(updates(UPDATE, voice)) == 6


def test_odd_labels_are_told_and_a_picture_without_labels_is_background(school):
    Path("labels/1.txt").unlink()
    Path("labels/2.txt").write_text("1 0 0 0 0\n")
    voice = trained("my.weights")
    (told,) = voice.noted
    assert told.startswith("2 odd labels, the first ")
    assert told.endswith("; yolov2 data check lists all")
    counts = [int(line.rpartition(" ")[2]) for line in voice.said if line.startswith("Region")]
    assert sum(counts) == 6 * 2  # of four pictures two have a box


def test_the_classes_of_labels_are_nodes_of_a_tree_by_the_map_of_the_cfg(school):
    Path("my.tree").write_text("a -1\nb -1\na1 0\na2 0\n")
    Path("my.map").write_text("1\n3\n")  # cats are b; dogs are a2, below a
    head = HEAD.replace("filters=7", "filters=9").replace("classes=2", "classes=4")
    cfg(head=head + "tree=my.tree\nmap=my.map\n", max_batches=1, learning_rate=0, subdivisions=1)
    biases = np.array([*BIASES[:5], 0.4, -0.3, 0.2, -0.6], np.float32)
    layer = {"biases": biases, "weights": np.zeros((9, 3, 1, 1), np.float32)}
    write_weights("tree.weights", Weights((layer, {})), read_cfg(Path("my.cfg")))
    Path("my.data").write_text("classes=2\ntrain=train.txt\nbackup=backup\n")
    (line,) = (line for line in trained("tree.weights").said if line.startswith("Region"))
    b, a2 = sigmoid(-0.3 - 0.4), sigmoid(0.4 + 0.3) * sigmoid(-0.6 - 0.2)
    assert f"Class: {(b + a2) / 2:f}," in line


def test_a_list_of_names_that_is_too_short_is_refused(school):
    Path("my.names").write_text("cat\n")
    Path("my.data").write_text("train=train.txt\nnames=my.names\nbackup=backup\n")
    for index in range(len(CLASSES)):
        Path(f"labels/{index}.txt").write_text("0 .5 .5 .5 .5\n")
    with pytest.raises(NamesError, match=r"^my.names: found 1 name, expected 2, one for each class of the network; "):
        trained()


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"policy": "poly", "max_batches": 0}, "policy=poly without max_batches= in [net], expected a run with an end"),
        ({"policy": "step", "step": 0}, "policy=step with step=0 in [net], expected a step of 1 or more"),
    ],
)
def test_a_rate_that_is_none_is_refused(school, changes, found):
    cfg(**changes)
    with pytest.raises(CfgError) as caught:
        trained()
    assert str(caught.value).startswith(f"my.cfg: found {found}")


def test_labels_of_classes_that_the_network_does_not_have_are_refused(school):
    Path("my.data").write_text("classes=3\ntrain=train.txt\nbackup=backup\n")
    Path("labels/1.txt").write_text("2 .5 .5 .5 .5\n")
    with pytest.raises(LabelError) as caught:
        trained()
    assert str(caught.value) == (
        "my.data: found labels of class 2, expected 0 to 1, the classes of my.cfg; "
        "correct the labels, or classes= and filters= in the .cfg"
    )


def test_a_loss_that_is_no_number_ends_the_run_and_nothing_of_it_is_kept(school):
    cfg(learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"^update 2: found no number in .* at a rate of 1e\+30, with images/"):
        trained("my.weights")
    assert files() == []


@pytest.mark.parametrize(
    "change, kind, message",
    [
        (
            {"batch": 2, "subdivisions": 4},
            CfgError,
            "batch=2 and subdivisions=4 in [net], expected a picture in each subdivision at least; write subdivisions=1",
        ),
        (
            {"adam": 1},
            CfgError,
            "adam=1 in [net], expected gradient descent with momentum, as in all cfgs of the family; write adam=0",
        ),
        (
            {"head": "\n[avgpool]\n[softmax]\n"},
            ModelError,
            "no [region] at its end, expected a detector; write darknet classifier train DATA CFG",
        ),
    ],
)
def test_a_cfg_that_is_not_trained_is_refused(school, change, kind, message):
    cfg(**change)
    with pytest.raises(kind) as caught:
        trained()
    assert str(caught.value) == f"my.cfg: found {message}"


def test_a_batch_that_does_not_divide_is_what_darknet_makes_of_it(school):
    cfg(batch=5, subdivisions=2)
    assert [one[5] for one in updates(UPDATE, trained())] == ["4", "8", "12", "16", "20", "24"]


def test_a_data_file_without_a_folder_for_weights_is_refused(school, monkeypatch):
    monkeypatch.setattr("yolov2.standin.training.BACKUP", "nowhere/")  # for Darknet's own may be there
    Path("my.data").write_text("classes=2\ntrain=train.txt\nnames=my.names\n")
    with pytest.raises(FormatError, match=r"^my.data: found no backup=, expected a folder for the weights; add "):
        trained()


def test_flags_that_change_nothing_are_named(school):
    voice = trained("-gpus", "0,1", "-mjpeg_port", "8090", "-chart", "c.png", dialect="pjreddie")
    assert voice.noted == [
        "-gpus is passed over: the processor is chosen by yolov2 itself",
        "-chart is passed over: no chart is drawn",
        "-mjpeg_port is passed over: results are not served here",
    ]
