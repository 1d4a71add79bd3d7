"""`darknet classifier train`: lines, rates and losses against a slow twin, files, and where a run goes on."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_runs import files, kept, updates
from voices import FakeVoice
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, initial_weights, read_weights, write_weights
from yolov2.errors import FormatError, LabelError, ModelError, NamesError
from yolov2.standin.classifier_train import shown_loss
from yolov2.standin.darknet import run

NET = """[net]
width=32
height=32
channels=3
batch=4
subdivisions=2
learning_rate=0.05
momentum=0.9
decay=0.0005
policy=poly
power=2
max_batches=3
min_crop=32
max_crop=48
"""
LAYERS = """
[convolutional]
filters=3
size=1
activation=linear
[avgpool]
[softmax]
"""
BIASES = (0.5, -0.2, 0.1)
NAMES = ("dog", "cat", "horse")
PICTURES = ("dog1", "cat1", "horse1", "dog2")
DIGITS = 1e-6  # of %f
NUMBER = r"(-?\d+\.\d{6})"
UPDATE = re.compile(rf"(\d+), (\d+\.\d{{3}}): {NUMBER}, {NUMBER} avg, {NUMBER} rate, {NUMBER} seconds, (\d+) images")


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: my.data, my.cfg, my.weights whose answer is BIASES, and four black pictures."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for name in PICTURES:
        Image.new("RGB", (40, 36)).save(f"pictures/{name}.png")
    Path("train.list").write_text("".join(f"pictures/{name}.png\n" for name in PICTURES))
    Path("labels.list").write_text("\n".join((*NAMES, "png", "pictures")))  # of which classes= takes the first ones
    Path("my.data").write_text("classes=3\ntrain=train.list\nlabels=labels.list\nbackup=backup\ntop=2\n")
    cfg()
    network = read_cfg(Path("my.cfg"))
    layer = {"biases": np.array(BIASES, np.float32), "weights": np.zeros((3, 3, 1, 1), np.float32)}
    write_weights("my.weights", Weights((layer, {}, {})), network)
    return tmp_path


def cfg(layers: str = LAYERS, **options: object) -> None:
    """my.cfg, with these options of [net] changed."""
    net = NET
    for key, value in options.items():
        net = re.sub(rf"^{key}=.*\n", "", net, flags=re.MULTILINE) + f"{key}={value}\n"
    Path("my.cfg").write_text(net + layers)


def trained(*words: str, status: int = 0, stop_after: int | None = None) -> FakeVoice:
    voice = FakeVoice(stop_after=stop_after)
    assert run(("classifier", "train", "my.data", "my.cfg", *words), voice.voice) == status
    return voice


def slowly(rates: list[float]) -> tuple[list[float], list[float]]:
    """Darknet's losses of black pictures, and the biases at the end; weights stay 0, as their inputs are."""
    b, memory, losses = list(BIASES), [0.0] * 3, []
    for rate in rates:
        total = sum(math.exp(one) for one in b)
        p = [math.exp(one) / total for one in b]
        truths = [NAMES.index(name.rstrip("12")) for name in PICTURES]
        losses.append(sum(-math.log(p[truth]) for truth in truths) / len(truths))
        gradient = [sum((n == truth) - p[n] for truth in truths) for n in range(3)]
        memory = [0.9 * old + new for old, new in zip(memory, gradient, strict=True)]
        b = [old + rate / len(truths) * step for old, step in zip(b, memory, strict=True)]
    return losses, b


def test_losses_rates_and_weights_are_those_of_a_slow_twin(school):
    found = updates(UPDATE, trained("my.weights"))
    rates = [0.05 * (1 - number / 3) ** 2 for number in (1, 2, 3)]
    losses, biases = slowly(rates)
    assert [(one[0], one[1], one[6]) for one in found] == [
        ("1", "1.000", "4"),
        ("2", "2.000", "8"),
        ("3", "3.000", "12"),
    ]
    np.testing.assert_allclose([float(one[2]) for one in found], losses, atol=2 * DIGITS)
    np.testing.assert_allclose([float(one[4]) for one in found], rates, atol=DIGITS)
    assert float(found[1][3]) == pytest.approx(0.9 * losses[0] + 0.1 * losses[1], abs=2 * DIGITS)
    np.testing.assert_allclose(kept("my.weights").layers[0]["biases"], biases, atol=DIGITS)
    np.testing.assert_array_equal(kept("my.weights").layers[0]["weights"], 0)


def test_the_lines_before_and_around_an_update(school):
    cfg(max_batches=1)
    voice = trained("my.weights")
    assert voice.said[:5] == ["my", "1", "Learning Rate: 0.05, Momentum: 0.9, Decay: 0.0005", "4", "32 48"]
    assert re.fullmatch(rf"Loaded: {NUMBER} seconds", voice.said[5])
    assert UPDATE.fullmatch(voice.said[6])
    assert len(voice.said) == 7
    assert voice.told[1] == "Loading weights from my.weights...Done!"
    assert (voice.noted, voice.failed) == ([], [])


def test_every_epoch_leaves_its_weights(school):
    cfg(batch=6, max_batches=4)  # 6, 12, 18 and 24 pictures: epochs 1, 3, 4 and 6 of four
    found = updates(UPDATE, trained())
    assert [one[1] for one in found] == ["1.500", "3.000", "4.500", "6.000"]
    assert files() == ["my.weights", "my_1.weights", "my_3.weights", "my_4.weights", "my_6.weights"]
    assert [kept(name).seen for name in files()] == [24, 6, 12, 18, 24]


def test_a_backup_is_kept_every_thousand_updates(school):
    cfg(max_batches=1001, batch=1, subdivisions=1)
    write_weights("later.weights", Weights(read("my.weights").layers, seen=998), read_cfg(Path("my.cfg")))
    assert [one[0] for one in updates(UPDATE, trained("later.weights"))] == ["999", "1000", "1001"]
    assert kept("my.backup").seen == 1000


def read(name: str) -> Weights:
    return read_weights(Path(name), read_cfg(Path("my.cfg")))


def test_a_run_goes_on_where_its_weights_were_and_clear_begins_anew(school):
    trained()
    cfg(max_batches=5)
    voice = trained("backup/my.weights")
    assert [one[0] for one in updates(UPDATE, voice)] == ["4", "5"]
    assert voice.noted == ["goes on behind update 3; what the momentum remembered is lost, as in Darknet"]
    assert [one[0] for one in updates(UPDATE, trained("backup/my.weights", "-clear"))] == ["1", "2", "3", "4", "5"]


def test_without_max_batches_it_goes_on_until_somebody_stops_it(school):
    cfg(max_batches=0, policy="constant")
    voice = trained(status=130, stop_after=6)
    assert [one[0] for one in updates(UPDATE, voice)] == ["1", "2", "3", "4", "5", "6", "7"]
    assert kept("my.backup").seen == 28
    assert "my.weights" not in files()


def test_a_new_size_is_told_every_forty_updates(school):
    cfg(max_batches=41, random=1)
    said = trained().said
    starts = [index for index, line in enumerate(said) if line == "Resizing"]
    assert [len([line for line in said[:start] if UPDATE.fullmatch(line)]) for start in starts] == [0, 40]
    for start in starts:
        side = int(said[start + 1])
        assert side in range(128, 449, 32)
        assert said[start + 2] == f"{side} {int(1.5 * side)}"


def test_a_tree_is_learned_along_the_path_of_each_label(school):
    Path("my.tree").write_text("dog -1\ncat 0\nhorse 0\n")
    cfg(LAYERS + "tree=my.tree\n", max_batches=1)
    found = updates(UPDATE, trained("my.weights"))
    cat, horse = (math.exp(one) / (math.exp(BIASES[1]) + math.exp(BIASES[2])) for one in BIASES[1:])
    assert float(found[0][2]) == pytest.approx(-(math.log(cat) + math.log(horse)) / 4, abs=2 * DIGITS)


def test_the_loss_is_the_mean_over_all_layers_that_have_one(school):
    cfg(LAYERS + "[cost]\n")
    network = read_cfg(Path("my.cfg"))
    assert shown_loss({"classes": 3.0, "cost": 1.0}, network) == 2.0
    cfg()
    assert shown_loss({"classes": 3.0}, read_cfg(Path("my.cfg"))) == 3.0


def test_pictures_without_a_class_are_named_and_the_others_are_learned(school):
    Path("train.list").write_text("pictures/dog1.png\npictures/cat1.png\npictures/none.png\n")
    voice = trained(status=1)
    assert [line.partition(":")[0] for line in voice.failed] == ["train.list"]
    assert "no label in pictures/none.png" in voice.failed[0]
    assert updates(UPDATE, voice)[0][1] == "1.333"  # of three lines in the list


@pytest.mark.filterwarnings("ignore:pictures/cat1.png.*it is left out:yolov2.errors.Yolov2Warning")
def test_a_picture_that_cannot_be_read_is_left_out(school):
    Path("pictures/cat1.png").write_bytes(b"no picture")
    assert len(updates(UPDATE, trained(status=1))) == 3


@pytest.mark.parametrize(
    "data, kind, message",
    [
        (
            "classes=2\ntrain=train.list\nlabels=labels.list\nbackup=backup\n",
            ModelError,
            "my.data:1: found classes=2, expected classes=3, the outputs of the network; write classes=3",
        ),
        (
            "classes=3\ntrain=train.list\nlabels=two.list\nbackup=backup\n",
            NamesError,
            "two.list: found 2 names, expected 3, one for each class of the network",
        ),
        (
            "classes=3\ntrain=no.list\nlabels=labels.list\nbackup=backup\n",
            LabelError,
            "no.list: found no such file, expected a list of pictures, a path a line; check the path",
        ),
    ],
    ids=["classes", "labels", "train"],
)
def test_a_data_file_that_does_not_fit_is_refused(school, data, kind, message):
    Path("two.list").write_text("dog\ncat\n")
    Path("my.data").write_text(data)
    with pytest.raises(kind) as caught:
        trained()
    assert str(caught.value).startswith(message)


def test_a_data_file_without_a_folder_for_weights_is_refused(school, monkeypatch):
    monkeypatch.setattr("yolov2.standin.training.BACKUP", "nowhere/")  # for Darknet's own may be there
    Path("my.data").write_text("classes=3\ntrain=train.list\nlabels=labels.list\n")
    with pytest.raises(FormatError, match=r"^my.data: found no backup=, expected a folder for the weights; add "):
        trained()


def test_a_backbone_of_a_classifier_gives_its_layers(school):
    more = "\n[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
    cfg(more + LAYERS, max_batches=1, policy="constant", learning_rate=0)
    network = read_cfg(Path("my.cfg"))
    write_weights("first.conv.1", initial_weights(network, seed=7), network, cutoff=1)
    trained("first.conv.1")
    first = initial_weights(network, seed=7).layers[0]["weights"]
    np.testing.assert_array_equal(kept("my.weights").layers[0]["weights"], first)
