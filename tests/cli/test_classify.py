"""`yolov2 classify`: what it prints, and its exit status."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.checkpoint.header import Preprocessing
from yolov2.cli.classify import PREPROCESSINGS, classify
from yolov2.cli.terminal import Messages
from yolov2.darknet.cfg import parse_cfg, read_cfg
from yolov2.darknet.weights import Weights, initial_weights, read_weights, write_weights
from yolov2.errors import ModelError, Yolov2Error, Yolov2Warning
from yolov2.pictures import crops

CFG = """[net]
width=8
height=8
channels=3

[convolutional]
filters=3
size=1
activation=linear

[avgpool]

[softmax]
"""
PERCENT = (0.25, 0.625, 0.125)  # of the three classes, whatever the picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    for stem, text in (
        ("same", CFG),
        ("plain", CFG.replace("[softmax]\n", "")),
        ("boxes", CFG.partition("[avgpool]")[0].replace("filters=3", "filters=6") + "[region]\nanchors=1,2\nnum=1\nclasses=1\n"),
    ):  # fmt: skip
        (tmp_path / f"{stem}.cfg").write_text(text)
        network = parse_cfg(text, Path(f"{stem}.cfg"))
        filters = network.shapes[0].channels
        biases = np.log(PERCENT, dtype=np.float32) if filters == 3 else np.zeros(filters, np.float32)
        arrays = {"biases": biases, "weights": np.zeros((filters, 3, 1, 1), np.float32)}
        weights = Weights(layers=(arrays, *({} for _ in network.layers[1:])))
        write_weights(tmp_path / f"{stem}.weights", weights, network)
    for stem in ("same", "plain"):
        (tmp_path / f"{stem}.names").write_text("cat\ndog\nbird\n")
    (tmp_path / "boxes.names").write_text("thing\n")
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((12, 20, 3), np.uint8)).save(tmp_path / name)
    return tmp_path


def run(*arguments: str) -> int:
    return classify.main(arguments, prog_name="yolov2 classify", standalone_mode=False, obj=Messages())


@pytest.mark.usefixtures("folder")
def test_the_best_classes_of_each_picture_are_shown(capsys):
    assert run("a.png", "b.png", "-m", "same.cfg", "--top", "2") == 0
    out, err = capsys.readouterr()
    assert out == "a.png  20 x 12\n   62.50%  dog\n   25.00%  cat\nb.png  20 x 12\n   62.50%  dog\n   25.00%  cat\n"
    assert err.startswith("2 pictures classified in ")


@pytest.mark.usefixtures("folder")
def test_json_has_a_line_a_picture(capsys):
    assert run("a.png", "-m", "same.cfg", "--json", "--top", "1", "--preprocess", "valid10") == 0
    line = json.loads(capsys.readouterr().out)
    (best,) = line.pop("classes")
    assert line == {"source": "a.png", "frame": None, "width": 20, "height": 12}
    assert (best["label"], best["class_id"]) == ("dog", 1)
    assert best["probability"] == pytest.approx(0.625, abs=1e-6)


@pytest.mark.usefixtures("folder")
def test_an_input_that_fails_is_named_and_stops_nothing(capsys):
    assert run("gone.png", "a.png", "-m", "same.cfg", "--json", "-q") == 1
    out, err = capsys.readouterr()
    error = "gone.png: found no such file, expected a picture file; check the name"
    assert json.loads(out.splitlines()[0]) == {"source": "gone.png", "error": error}
    assert len(out.splitlines()) == 2
    assert err == f"failed: {error}\n"


@pytest.mark.usefixtures("folder")
def test_scores_are_shown_as_such_unless_softmax_is_asked_for(capsys):
    with pytest.warns(Yolov2Warning, match=r"^plain: ends with \[avgpool\], so its outputs are scores"):
        assert run("a.png", "-m", "plain.cfg", "--top", "1") == 0
    assert capsys.readouterr().out == "a.png  20 x 12\n   -0.470  dog\n"  # log(0.625)
    assert run("a.png", "-m", "plain.cfg", "--top", "1", "--softmax") == 0
    assert capsys.readouterr().out == "a.png  20 x 12\n   62.50%  dog\n"


@pytest.mark.usefixtures("folder")
def test_a_detector_is_refused():
    with pytest.raises(ModelError) as refusal:
        run("a.png", "-m", "boxes.cfg")
    assert str(refusal.value) == (
        "boxes: found a detector, with [region] at its end, expected a classifier; use detect, which finds every object with its box"
    )


@pytest.mark.usefixtures("folder")
def test_every_option_reaches_the_classifier():
    Path("two.map").write_text("0\n")
    files = ("--weights", "same.weights", "--names", "same.names", "--map", "two.map", "--size", "16", "--threads", "1")
    rules = ("--arithmetic", "cpu", "--max-pixels", "10", "--batch", "2", "--faithful", "--leaves", "no.list")
    with pytest.raises(ModelError, match="^two.map: found a map, expected a model with a tree; leave out --map$"):
        run("a.png", "-m", "same.cfg", *files, *rules)


@pytest.mark.usefixtures("folder")
def test_softmax_on_a_network_that_has_one_is_told_of(yolov2):
    said = yolov2("classify", "a.png", "-m", "same.cfg", "--softmax")
    assert said.status == 0
    assert said.err.splitlines()[0] == "warning: --softmax has no effect: the network ends in [softmax]"
    assert "no effect" not in yolov2("classify", "a.png", "-m", "plain.cfg", "--softmax").err


@pytest.mark.usefixtures("folder")
def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(Yolov2Error) as refusal:
        run("a.png", "-m", "same.cfg", "--preprocess", "try", "--size", "448")
    assert str(refusal.value) == "--size: found (448, 448), expected none: preprocess try always takes 224"


def test_without_a_model_none_is_guessed():
    with pytest.raises(click.UsageError) as refusal:
        run("a.png")
    assert refusal.value.message == "No classifier named: give -m MODEL, such as -m darknet19.cfg."


def test_every_preprocessing_can_be_asked_for():
    assert tuple(crops.PREPROCESSINGS) == PREPROCESSINGS


def test_v_says_before_loading_what_memory_it_takes(yolov2, here):
    said = yolov2(
        "classify", "grey.png", "-m", "small.cfg", "-v", "--size", "64", "--no-cache"
    )  # no classifier, as is told after it
    assert said.err.splitlines()[0] == "info: memory: about 130 MB to open and run at 64x64"
    said = yolov2("classify", "grey.png", "-m", "small.cfg", "-v", "--preprocess", "validfull")
    assert "memory" not in said.err


@pytest.mark.parametrize(
    "stored, asked, used",
    [
        ("letterbox", (), "predict"),
        ("stretch", (), "validcrop"),
        ("stretch", ("--preprocess", "valid"), "valid"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("folder")
def test_a_checkpoints_resize_rule_is_the_default_below_the_option(stored, asked, used, monkeypatch):
    checkpoint = read_checkpoint_of("same.cfg", resize=stored)
    write_checkpoint("same.safetensors", checkpoint)
    seen: list[str] = []
    for name, views in crops.PREPROCESSINGS.items():

        def noted(*given, name=name, views=views):
            seen.append(name)
            return views(*given)

        monkeypatch.setitem(crops.PREPROCESSINGS, name, noted)
    assert run("a.png", "-m", "same.safetensors", *asked, "--no-cache") == 0
    assert seen == [used]


def read_checkpoint_of(cfg: str, *, resize: str) -> Checkpoint:
    network = read_cfg(Path(cfg))
    return Checkpoint(
        network,
        read_weights(Path(cfg).with_suffix(".weights"), network),
        ("cat", "dog", "bird"),
        preprocessing=Preprocessing(resize),
    )


@pytest.mark.usefixtures("folder")
def test_the_prepared_network_is_kept_where_it_is_wanted():
    assert run("a.png", "-m", "same.cfg", "--no-cache") == 0
    assert not Path(".cache").exists()
    for words in ((), ("--cache", "mine")):
        assert run("a.png", "-m", "same.cfg", *words) == 0
    assert len(list(Path(".cache/yolov2/graphs").iterdir())) == len(list(Path("mine").iterdir())) == 1


@pytest.mark.usefixtures("folder")
def test_weights_of_the_first_layers_are_enough_if_it_is_said():
    cut = read_cfg(Path("same.cfg"))
    write_weights("cut.weights", initial_weights(cut), cut, cutoff=0)
    words = ("a.png", "-m", "same.cfg", "--weights", "cut.weights", "--no-cache")
    with pytest.raises(Yolov2Error, match=r"^cut.weights: found "):
        run(*words)
    with pytest.raises(ModelError) as refusal:
        run(*words, "--partial", "4")
    assert str(refusal.value) == (
        "same.cfg: found --partial 4, expected a number from 1 to 3, as many layers as it has; "
        "give as many as the name of the weights says"
    )
    assert run("a.png", "-m", "same.cfg", "--partial", "1", "--no-cache") == 0
