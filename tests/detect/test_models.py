"""From what a user calls a model to its files."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.checkpoint.header import Preprocessing
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.detect.detector import Detector
from yolov2.detect.model_files import ModelFiles, find_model
from yolov2.detect.models import load_model, load_names, load_network, load_tree
from yolov2.errors import CfgError, ModelError, NamesError, WeightsError, Yolov2Warning
from yolov2.network import architectures
from yolov2.network.layers import Convolutional, Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
from yolov2.zoo.registry import VOC_NAMES, ZOO

NETWORK = Network(
    Shape(3, 32, 32),
    (Convolutional(filters=16, size=3, padding=1), Convolutional(filters=7, activation="linear"), Region(((1, 2),), classes=2)),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.cfg").write_text(format_cfg(NETWORK))
    write_weights(tmp_path / "tiny.weights", initial_weights(NETWORK), NETWORK)
    (tmp_path / "tiny.names").write_text("cat\ndog\n")
    return tmp_path


@pytest.mark.parametrize("name", [None, "nano-voc"])
def test_without_a_model_it_is_the_one_that_comes_with_the_package(name):
    files = find_model(name)
    assert (files.where, files.checkpoint) == ("nano-voc", ZOO["nano-voc"].bundled)
    model = load_model(files)
    assert model.names == VOC_NAMES
    assert [layer.filters for layer in model.network.layers if isinstance(layer, Convolutional)] == [
        layer.filters for layer in architectures.nano().layers if isinstance(layer, Convolutional)
    ]


def test_the_bundled_model_has_its_weights_already(folder):
    expected = "nano-voc: found --weights beside a checkpoint, expected a checkpoint alone, which holds its weights; leave one of the two out"
    with pytest.raises(ModelError, match=re.escape(expected)):
        find_model("nano-voc", weights=folder / "tiny.weights")


def test_a_folder_of_its_name_that_is_a_model_is_taken_where_it_is_named(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "nano-voc").mkdir()
    for name in ("tiny.cfg", "tiny.weights"):
        (folder / name).rename(folder / "nano-voc" / name)
    assert find_model("nano-voc").cfg == Path("nano-voc/tiny.cfg")
    assert find_model().checkpoint == ZOO["nano-voc"].bundled


@pytest.mark.parametrize("model", ["tiny.cfg", "tiny.weights", "."])
def test_a_model_is_a_cfg_its_weights_or_their_folder(folder, model):
    expected = ModelFiles(folder / "tiny.cfg", folder / "tiny.weights")
    assert find_model(folder / model) == expected
    loaded = load_model(expected)
    assert (loaded.network, loaded.names, loaded.tree) == (NETWORK, ("cat", "dog"), None)


def test_weights_of_a_training_find_the_cfg_they_were_started_with(folder):
    weights = (folder / "tiny.weights").rename(folder / "tiny_final.weights")
    assert find_model(weights) == ModelFiles(folder / "tiny.cfg", weights)
    assert find_model(weights=weights) == ModelFiles(folder / "tiny.cfg", weights)
    assert find_model(folder / "tiny.cfg", weights=weights) == ModelFiles(folder / "tiny.cfg", weights)


def test_the_arithmetic_is_recorded_in_the_network(folder):
    assert load_model(find_model(folder), arithmetic="cpu").network.arithmetic == "cpu"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "yolov9",
            "yolov9: found no such file, expected a .cfg, a .weights, a .safetensors, a folder of these, or a name of `yolov2 models list`; check the path or the name",
        ),
        (
            "model.onnx",
            "model.onnx: found a .onnx file, expected a .cfg, a .weights, a .safetensors, a folder of these, or a name of `yolov2 models list`; check the path or the name",
        ),
        (
            "alone.cfg",
            "alone.cfg: found no alone.weights beside it, expected its weights; give --weights FILE, or put the file there",
        ),
        (
            "lost.weights",
            "lost.weights: found no lost.cfg beside it, expected its .cfg; name the .cfg, and give --weights FILE",
        ),
        ("empty", "empty: found 0 .cfg files, expected one; name the .cfg itself"),
        (".", ".: found 2 .cfg files (alone.cfg, tiny.cfg), expected one; name the .cfg itself"),
    ],
)
def test_what_is_no_model_is_refused_with_what_was_looked_for(folder, monkeypatch, model, message):
    monkeypatch.chdir(folder)
    for name in ("model.onnx", "alone.cfg", "lost.weights"):
        (folder / name).touch()
    (folder / "empty").mkdir()
    with pytest.raises(ModelError) as refusal:
        find_model(model)
    assert str(refusal.value) == message


def test_names_are_those_given(folder):
    (folder / "other.names").write_text("x\ny\n")
    assert load_names(find_model(folder, names=folder / "other.names"), NETWORK) == ("x", "y")


def test_names_of_a_data_file_are_looked_for_beside_it_too(folder):
    (folder / "my.data").write_text("classes=2\nnames = data/tiny.names\n")
    assert find_model(folder, data=folder / "my.data").names == folder / "tiny.names"


def test_missing_names_are_refused_where_they_were_asked_for(folder):
    with pytest.raises(NamesError, match=r"gone.names: found no such file"):
        load_model(find_model(folder, names=folder / "gone.names"))


def test_the_one_names_file_that_fits_is_taken(folder):
    (folder / "tiny.names").unlink()
    (folder / "coco.names").write_text("one\ntwo\nthree\n")
    (folder / "my.names").write_text("one\ntwo\n")
    assert load_names(find_model(folder), NETWORK) == ("one", "two")


def test_without_names_that_fit_classes_are_numbers_with_a_warning(folder):
    (folder / "tiny.names").unlink()
    with pytest.warns(
        Yolov2Warning, match=r"tiny.cfg: no list of 2 names; classes are called by their numbers; give --names FILE$"
    ):
        assert load_names(find_model(folder), NETWORK) == ()


def test_under_a_map_classes_are_called_as_its_nodes(folder):
    (folder / "tiny.names").write_text("cat\ndog\n")
    assert load_names(find_model(folder), NETWORK, chosen=(1,)) == ("dog",)
    (folder / "tiny.names").unlink()
    (folder / "map.names").write_text("hound\n")  # no list of the network's own: one that fits the map
    assert load_names(find_model(folder), NETWORK, chosen=(1,)) == ("hound",)


def test_a_checkpoint_has_no_first_layers_alone(folder):
    path = folder / "tiny.safetensors"
    write_checkpoint(path, Checkpoint(NETWORK, initial_weights(NETWORK)))
    with pytest.raises(ModelError) as refusal:
        load_model(find_model(path), partial=1)
    expected = (
        "found --partial 1, expected a .weights file, which alone can have some of the layers; leave out --partial"
    )
    assert str(refusal.value) == f"{path}: {expected}"


def test_a_partial_file_loads_only_when_asked_for(folder):
    write_weights(folder / "tiny.weights", initial_weights(NETWORK, seed=1), NETWORK, cutoff=1)
    with pytest.raises(WeightsError, match="--partial 1"):
        load_model(find_model(folder))
    loaded = load_model(find_model(folder), partial=1).weights
    np.testing.assert_array_equal(loaded.layers[0]["weights"], initial_weights(NETWORK, seed=1).layers[0]["weights"])


def test_a_checkpoint_is_a_model_with_its_own_settings(folder):
    stored = Checkpoint(
        replace(NETWORK, arithmetic="cpu"),
        initial_weights(NETWORK),
        names=("cat", "dog"),
        preprocessing=Preprocessing(resize="stretch"),
        thresholds={"dog": 0.5},
    )
    write_checkpoint(folder / "a.safetensors", stored)
    model = load_model(find_model(folder / "a.safetensors"))
    assert (model.network.arithmetic, model.names) == ("cpu", ("cat", "dog"))
    assert model.settings == {"resize": "stretch", "conf": {"dog": 0.5}}
    assert load_model(find_model(folder / "a.safetensors"), arithmetic="gpu").network.arithmetic == "gpu"
    with Detector.open(folder / "a.safetensors") as detector:
        assert (detector.settings.resize, detector.settings.conf) == ("stretch", {"dog": 0.5})
    with Detector.open(folder / "a.safetensors", conf=0.75) as detector:
        assert detector.settings.conf == 0.75
    (folder / "other.names").write_text("x\ny\n")
    assert load_model(find_model(folder / "a.safetensors", names=folder / "other.names")).names == ("x", "y")
    with pytest.raises(
        ModelError, match=r"a.safetensors: found --weights beside a checkpoint, expected a checkpoint alone"
    ):
        find_model(folder / "a.safetensors", weights=folder / "tiny.weights")


def test_a_folder_that_can_not_be_listed_is_refused(open_folder, without_rights):
    locked = open_folder / "locked"
    locked.mkdir()
    locked.chmod(0)
    with without_rights(), pytest.raises(ModelError) as refusal:
        find_model(locked)
    found = "found a folder that can't be listed (Permission denied), expected a readable one; check its permissions"
    assert str(refusal.value) == f"{locked}: {found}"


def test_a_cfg_that_is_not_there_is_what_is_told(tmp_path):
    with pytest.raises(CfgError, match=r"nothere.cfg: found no such file, expected a .cfg file; check the path$"):
        find_model(tmp_path / "nothere.cfg")


def test_a_tree_is_looked_for_beside_above_and_here(folder, monkeypatch):
    text = format_cfg(NETWORK).replace("classes=2", "classes=2\ntree=my.tree")
    (folder / "sub").mkdir()
    (folder / "sub" / "tree.cfg").write_text(text)
    monkeypatch.chdir(folder / "sub")
    files = find_model("tree.cfg", need_weights=False)
    with pytest.raises(
        ModelError, match=r"no my.tree \(looked at my.tree, ../my.tree\), expected its tree; give --tree FILE$"
    ):
        load_tree(files, load_network(files))
    (folder / "my.tree").write_text("cat -1\ndog -1\n")
    tree = load_tree(files, load_network(files))
    assert tree is not None
    assert tree.names == ("cat", "dog")
