"""`yolov2.train`: a classifier, a detector that begins with its layers, a detector without boxes, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import yolov2
from drawn_objects import CLASSES, write_objects
from small_sets import voc_object, voc_xml, write_picture, write_voc
from yolov2.checkpoint.file import read_checkpoint
from yolov2.detect.classifier import Classifier
from yolov2.detect.detector import Detector
from yolov2.errors import LabelError, TrainingError
from yolov2.network.layers import Convolutional, Region, Reorg, Softmax

CLASSIFIER = """[net]
width=32
height=32
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=4
pad=1
activation=leaky

[convolutional]
batch_normalize=1
filters=8
size=3
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=32
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=10
size=1
activation=linear

[avgpool]

[softmax]
"""
QUICK: dict[str, Any] = {
    "batch": 4, "batches": 3, "sizes": "[32]", "precision": "fp32", "ema": 0, "learning_rate": 0.05, "warmup": 0,
}  # fmt: skip


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """A folder of two class folders, each with one colour; classifier.cfg beside it."""
    monkeypatch.chdir(tmp_path)
    Path("classifier.cfg").write_text(CLASSIFIER)
    for split, count in (("train", 6), ("val", 3)):
        for name in ("lily", "rose"):
            folder = tmp_path / "flowers" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                write_picture(folder / f"{number}.png", seed=number)
    return tmp_path / "flowers"


def trained(data: Any = None, **options: Any):
    told: list[str] = []
    run = yolov2.train(data, threads=1, tell=told.append, **QUICK | options)
    return run, told


def test_pictures_with_a_class_each_make_a_classifier_and_its_layers_a_detector(flowers, tmp_path):
    run, told = trained(flowers, model="classifier.cfg", out="classified")
    assert (run.measure, run.updates, run.ended) == ("top-1", 3, "done")
    assert run.score is not None
    made = read_checkpoint(run.best)
    assert (made.names, type(made.network.head)) == (("lily", "rose"), Softmax)
    assert told[0] == "data: 12 pictures to train on, 6 to validate; 2 classes"
    with Classifier.open(run.best) as classify:
        assert classify(next((flowers / "val" / "rose").iterdir())).probabilities.sum() == pytest.approx(1)

    boxes = voc_xml(
        voc_object("mug", (5, 5, 30, 30)), voc_object("fork", (20, 5, 50, 30)), voc_object("mug", (2, 2, 9, 20))
    )
    sizes = [
        voc_xml(voc_object("mug", (1, 1, 10 + 9 * n, 35 - 3 * n)), voc_object("fork", (9, 9, 11 + n, 30)))
        for n in range(3)
    ]
    stems = {"a": boxes, **dict(zip("bcd", sizes, strict=True))}
    data = write_voc(tmp_path / "set", stems, {"train": list("abc"), "val": ["d"]})
    run, told = trained(data, model=run.best, out="found")
    found = read_checkpoint(run.last).network
    kinds = [type(layer) for layer in found.layers]
    assert kinds[-2:] == [Convolutional, Region]
    assert Reorg in kinds
    assert any("4 of 13 layers begin with what they have learned" in line for line in told)
    with Detector.open(run.last) as detect:
        assert detect.names == ("fork", "mug")


def test_a_class_is_learned(flowers):
    for split in ("train", "val"):
        for path in (flowers / split / "rose").iterdir():  # nothing but red
            Image.fromarray(np.full((40, 60, 3), (250, 20, 30), np.uint8)).save(path)
    changes: dict[str, Any] = {"batches": 40, "augment": "centre", "hue": 0}
    run, told = trained(flowers, model="classifier.cfg", out="run", **changes, overfit=6)
    assert run.score == 1
    assert told[-1] == "your data and labels can be learned: top-1 100.0 % on 6 pictures known by heart"


def test_a_few_cut_outs_make_a_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_picture(tmp_path / "rooms" / f"{number}.jpg", size=(90, 120), seed=number)
    words: dict[str, Any] = {
        "one_shot": write_objects(tmp_path / "objects"),
        "backgrounds": tmp_path / "rooms",
        "out": "run",
    }
    changes = {"sizes": [64]}
    run, told = trained(**words, **changes)
    assert (run.measure, run.updates) == ("mAP50", 3)
    assert any("3 cut-outs of 3 classes on 3 backgrounds" in line for line in told)
    assert len(list((tmp_path / "run" / "held-back").iterdir())) == 200
    assert read_checkpoint(run.last).names == CLASSES
    words["out"] = "parted"
    begun, _ = trained(**words, **changes, is_stopped=lambda: True)
    assert (begun.updates, begun.ended) == (1, "stopped")
    again, _ = trained(**words, **changes, resume=True)
    assert again.updates == 3
    for one, other in zip(*(read_checkpoint(made.last).weights.layers for made in (run, again)), strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "train: found neither DATA nor a folder of cut-outs, expected one of the two; give DATA or --one-shot DIR"),
        ({"data": "a", "one_shot": "b"}, "train: found DATA and a folder of cut-outs, expected one of the two; give DATA or --one-shot DIR"),
        ({"data": "a", "backgrounds": "b"}, "backgrounds: found a folder without cut-outs for it, expected --one-shot DIR; add it"),
        ({"one_shot": "a", "overfit": 3}, "train: found --overfit with --one-shot, expected DATA, which --overfit is about; leave it out"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(words, message):
    with pytest.raises(TrainingError) as refusal:
        yolov2.train(**words)
    assert str(refusal.value) == message


def test_what_the_doctor_finds_wrong_ends_it_before_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stems = {"a": voc_xml(voc_object("mug", (5, 5, 30, 30))), "b": voc_xml(voc_object("mug", (30, 5, 5, 30)))}
    data = write_voc(tmp_path / "set", stems, {"train": ["a", "b"]})
    with pytest.raises(LabelError) as refusal:
        trained(data, out="run")
    assert str(refusal.value).startswith(f"{data}/Annotations/b.xml:")
    assert str(refusal.value).endswith(f"; `yolov2 data check {data}` lists all")
    assert not Path("run").exists()


def test_nothing_to_learn_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = write_voc(tmp_path / "set", {"a": voc_xml(), "b": voc_xml()}, {"train": ["a", "b"]})
    with pytest.raises(TrainingError) as refusal:
        trained(data, out="run")
    assert (
        str(refusal.value)
        == f"{data}: found no box to learn, expected one at least; `yolov2 data check {data}` shows what there is"
    )
