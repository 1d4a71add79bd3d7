"""`yolov2 train`: a run on a few pictures, what it leaves, how it goes on, and what it refuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from small_sets import voc_object, voc_xml, write_voc
from yolov2.checkpoint.file import read_checkpoint
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import read_weights

CFG = """[net]
width=64
height=64
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=4
pad=1
activation=leaky

[maxpool]
size=8
stride=8

[convolutional]
filters=18
size=1
activation=linear

[region]
anchors=1,1, 1,2
classes=4
num=2
softmax=1
bias_match=1
rescore=1
"""
SHORT = (
    "-m",
    "tiny.cfg",
    "--batch",
    "2",
    "--size",
    "64",
    "--threads",
    "1",
    "--set",
    "sizes=[64]",
    "--set",
    "precision=fp32",
)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A VOC folder of six pictures to train on and two to validate, each with a mug and a fork; tiny.cfg beside it."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.cfg").write_text(CFG)
    objects = [
        (voc_object("mug", (5 + shift, 5, 30 + 2 * shift, 30)), voc_object("fork", (20, 10, 50 - shift, 32 + shift)))
        for shift in range(8)
    ]
    stems = {f"p{number}": voc_xml(*boxes) for number, boxes in enumerate(objects)}
    return write_voc(tmp_path / "set", stems, {"train": [f"p{n}" for n in range(6)], "val": ["p6", "p7"]})


def test_a_run_leaves_models_a_log_pictures_and_its_recipe(yolov2, data):
    said = yolov2("train", data, "-o", "run", *SHORT, "--epochs", "2", "--json")
    assert said.status == 0, said.err
    outcome = json.loads(said.out)
    assert (outcome["updates"], outcome["ended"]) == (6, "done")
    assert "6 updates of 2 pictures, 2 epochs; size 64" in said.err
    assert "weights, drawn by chance\n" in said.err
    assert "6 updates, best mAP50 " in said.err
    made = read_checkpoint("run/best.safetensors")
    assert made.names == ("fork", "mug")
    assert made.network.region is not None
    assert (made.network.region.classes, made.network.layers[2].filters) == (2, 2 * (5 + 2))  # pyright: ignore[reportAttributeAccessIssue]
    assert made.recipe is not None
    assert made.recipe["recipe"]["batch"] == 2
    network = read_cfg(Path("run/last.cfg"))
    last = read_checkpoint("run/last.safetensors").weights
    np.testing.assert_array_equal(
        read_weights(Path("run/last.weights"), network).layers[0]["weights"], last.layers[0]["weights"]
    )
    assert sorted(path.name for path in Path("run/pictures").iterdir()) == ["1-p6.jpg", "2-p7.jpg"]
    rows = list(csv.DictReader(Path("run/log.csv").read_text().splitlines()))
    assert [row["update"] for row in rows if row["total"]] == ["1", "2", "3", "4", "5", "6"]
    assert "batch = 2\n" in Path("run/recipe.toml").read_text()
    assert yolov2("detect", data / "JPEGImages/p0.jpg", "-m", "run/best.safetensors").status == 0


def test_a_run_goes_on_and_another_is_not_written_over(yolov2, data):
    words = ("train", data, "-o", "run", *SHORT, "--set", "batches=3")
    assert yolov2(*words).status == 0
    again = yolov2(*words)
    assert again.status == 2
    assert again.err.endswith(
        "run: found state.safetensors, expected a folder without it; choose another folder with -o, or go on with a run there by --resume\n"
    )
    over = yolov2(*words, "--resume")
    assert over.err.endswith(
        "run: found a run that is over after 3 updates, expected some left; give --epochs or --set batches=N for more\n"
    )
    longer = yolov2("train", data, "-o", "run", *SHORT, "--set", "batches=5", "--resume", "--json")
    assert json.loads(longer.out)["updates"] == 5
    assert "weights, those of the run\n" in longer.err
    assert "goes on behind update 3 of 5\n" in longer.err
    other = yolov2("train", data, "-o", "run", *SHORT, "--set", "seed=4", "--resume")
    assert other.err == "yolov2: seed: found 4, expected 0, as the run was begun with; leave it out\n"
    none = yolov2("train", data, "-o", "new", *SHORT, "--resume")
    assert none.err.endswith(
        "new: found no state.safetensors, expected an interrupted run; leave --resume out, or name the folder of the run\n"
    )


def test_a_refused_resume_leaves_the_recipe_of_the_run(yolov2, data):
    words = ("train", data, "-o", "run", *SHORT)
    assert yolov2(*words, "--set", "batches=3").status == 0
    before = Path("run/recipe.toml").read_text()
    assert yolov2(*words, "--resume", "--epochs", "0.5").status == 2
    assert Path("run/recipe.toml").read_text() == before
    (data / "ImageSets/Main/train.txt").write_text("p0\np1\np2\n")
    assert "run: found a run with other " in yolov2(*words, "--resume", "--set", "batches=9").err
    assert Path("run/recipe.toml").read_text() == before
    assert "did you mean modern?" in yolov2(*words, "--resume", "--recipe", "moderm").err


@pytest.mark.parametrize("more", [(), ("--overfit", "2")])
@pytest.mark.parametrize("name", ["recipe.toml", "log.csv", "pictures/p0.jpg", "last.safetensors"])
def test_what_lies_in_the_folder_is_not_written_over(yolov2, data, name, more):
    Path("mine/pictures").mkdir(parents=True)
    if not name.startswith("pictures"):
        Path("mine/pictures").rmdir()
    Path("mine", name).write_text("epochs = 3 # mine\n")
    said = yolov2("train", data, "-o", "mine", *SHORT, *more)
    assert said.status == 2
    assert f"mine: found {name.partition('/')[0]}, expected a folder without it; " in said.err
    assert [path.name for path in Path("mine").iterdir()] == [name.partition("/")[0]]


def test_fewer_shapes_of_boxes_than_anchors_are_so_many_anchors(yolov2, data):
    for path in (data / "Annotations").iterdir():
        path.write_text(voc_xml(voc_object("mug", (5, 5, 30, 30))))
    said = yolov2("train", data, "-o", "run", *SHORT, "--set", "batches=1")
    assert said.status == 0, said.err
    assert "anchors: 1 in place of 2, as the boxes have no more different shapes" in said.err
    network = read_cfg(Path("run/last.cfg"))
    assert network.region is not None
    assert len(network.region.anchors) == 1


@pytest.mark.parametrize(
    "environment, words, message",
    [
        ({"RANK": "0", "WORLD_SIZE": "1"}, (), "yolov2: torchrun: found processes that do not meet ("),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, ("--device", "mps"), "yolov2: device: found mps under torchrun, "),
    ],
)  # fmt: skip
def test_processes_that_can_not_join_are_told_in_one_line(yolov2, data, monkeypatch, environment, words, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    said = yolov2("train", data, "-o", "run", *SHORT, *words)
    assert said.status == 2
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1


def test_what_is_learned_by_heart_is_judged(yolov2, data):
    said = yolov2("train", data, "-o", "run", *SHORT, "--overfit", "2", "--set", "batches=2")
    assert said.status == 1
    assert "2 pictures could not be learned by heart: mAP50 " in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "batch"), "Invalid value for '--set': found 'batch', expected NAME=VALUE, as in batch=32"),
        (("--set", "bach=3"), "yolov2: --set: found bach, expected a field of a recipe, such as batch; docs/recipes.md lists all"),
        (("--recipe", "moderm"), "yolov2: recipe: found moderm (did you mean modern?), expected one of voc-paper, "),
        (("--set", "class_weights={cow = 2}"), "yolov2: class_weights: found cow, expected a class of the data: fork, mug; correct it"),
        (("--freeze", "2"), "yolov2: freeze: found 2 layers without learned weights, expected at most 0; start from a model with -m or --weights"),
        (("-m", "absent.cfg"), "yolov2: absent.cfg: found no such file, expected a .cfg file; check the path"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_before_anything_is_written(yolov2, data, words, message):
    said = yolov2("train", data, "-o", "run", *SHORT, "--set", "batches=2", *words)
    assert said.status == 2
    assert message in " ".join(said.err.split())
    assert not Path("run/state.safetensors").exists()


def test_a_label_that_nobody_can_know_ends_it(yolov2, data):
    path = data / "Annotations" / "p1.xml"
    path.write_text(path.read_text().replace("<xmax>32</xmax>", "<xmax>nan</xmax>"))
    said = yolov2("train", data, "-o", "run", *SHORT)
    assert said.status == 2
    assert "p1.xml:" in said.err
    assert said.err.endswith("set` lists all\n")


def test_without_torch_one_line_says_how_to_get_it(data):
    code = "import sys; sys.modules['torch'] = None; from yolov2.cli.main import main; main()"
    said = subprocess.run([sys.executable, "-c", code, "train", data], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (
        2,
        "yolov2: train: found no package, expected torch; pip install 'yolov2[train]'\n",
    )
