"""Thresholds that an evaluation proposes, stored into a copy of the model."""

import hashlib
import math
import shutil

import numpy as np
import pytest

from small_sets import voc_object, voc_xml, write_voc
from sure_model import SURE_CFG
from yolov2.checkpoint.file import read_checkpoint
from yolov2.detect.detector import Detector
from yolov2.errors import ModelError, OutputError, Yolov2Warning
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.thresholds import store_thresholds

NUMBERS = np.array([0, 0, 0, 0, 3, 2, 0], np.float32)  # cat 0.839 and fox 0.114 in the middle of every picture


@pytest.fixture
def model(tmp_path, monkeypatch):
    """small.cfg with its weights and names, and pictures of it to be right about."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    both = voc_xml(voc_object("cat", (16, 6, 45, 35)), voc_object("fox", (16, 6, 45, 35)))
    write_voc(tmp_path / "pets", {"a": both}, {"val": ["a"]})
    path = tmp_path / "small.cfg"
    path.write_text(SURE_CFG)
    (tmp_path / "small.names").write_text("cat\nfox\n")
    header = np.array([0, 2, 0], np.int32).tobytes() + np.array([0], np.int64).tobytes()
    (tmp_path / "small.weights").write_bytes(header + NUMBERS.tobytes() + np.zeros(21, np.float32).tobytes())
    return path


def test_the_copy_finds_by_the_thresholds_of_the_run(model, tmp_path):
    run = evaluate(tmp_path / "pets", model=model)
    told = store_thresholds(tmp_path / "tuned.safetensors", run, model)
    stored = read_checkpoint(tmp_path / "tuned.safetensors")
    objectness = 1 / (1 + math.exp(-3))
    cat, fox = (objectness * share / (math.exp(2) + 1) for share in (math.exp(2), 1))
    cat, fox = (cat + 0.005) / 2, (fox + 0.005) / 2  # half-way to the floor
    assert stored.thresholds == told == pytest.approx({"cat": cat, "fox": fox}, abs=1e-6)
    assert stored.names == ("cat", "fox")
    with Detector.open(tmp_path / "tuned.safetensors") as detector:
        assert detector.settings.conf == told


def test_the_names_are_the_models_and_the_resize_rule_that_of_the_run(model, tmp_path):
    (tmp_path / "small.names").write_text("Cat\nfox\n")
    with pytest.warns(Yolov2Warning, match="Cat = cat"):
        run = evaluate(tmp_path / "pets", model=model, resize="stretch")
    assert run.thresholds[0] is not None
    assert "Cat" in store_thresholds(tmp_path / "tuned.safetensors", run, model)
    assert read_checkpoint(tmp_path / "tuned.safetensors").preprocessing.resize == "stretch"


def test_a_class_without_a_proposal_keeps_what_the_model_says(model, tmp_path):
    run = evaluate(tmp_path / "pets", model=model)
    first = store_thresholds(tmp_path / "first.safetensors", run, model)
    only = evaluate(tmp_path / "pets", model=tmp_path / "first.safetensors", classes=("cat",), conf=0.5)
    again = store_thresholds(tmp_path / "again.safetensors", only, tmp_path / "first.safetensors")
    (proposed,) = only.thresholds
    assert proposed is not None
    assert again["cat"] == proposed.conf > first["cat"]
    assert {**again, "cat": 0} == {**first, "cat": 0}


def test_the_numbers_say_which_file_they_are_of(model, tmp_path):
    run = evaluate(tmp_path / "pets", model=model)
    assert run.model == {
        "name": str(model), "width": 32, "height": 32, "backend": "onnxruntime",
        "sha256": hashlib.sha256((tmp_path / "small.weights").read_bytes()).hexdigest(),
    }  # fmt: skip
    shutil.copy(tmp_path / "small.weights", tmp_path / "other.weights")
    other = evaluate(tmp_path / "pets", model=model, weights=tmp_path / "other.weights", cache=None)
    assert other.model == run.model


def test_a_model_without_names_has_no_place_for_thresholds(model, tmp_path):
    (tmp_path / "small.names").unlink()
    with pytest.warns(Yolov2Warning, match="classes are called by their numbers|taken for those of the data"):
        run = evaluate(tmp_path / "pets", model=model)
    with pytest.warns(Yolov2Warning), pytest.raises(ModelError) as refused:
        store_thresholds(tmp_path / "tuned.safetensors", run, model)
    assert str(refused.value) == (
        f"{tmp_path}/tuned.safetensors: found a model without class names, expected names; give --names FILE"
    )


def test_another_ending_is_refused(model, tmp_path):
    run = evaluate(tmp_path / "pets", model=model)
    with pytest.raises(OutputError) as refused:
        store_thresholds(tmp_path / "tuned.weights", run, model)
    assert str(refused.value) == (
        f"{tmp_path}/tuned.weights: found the ending '.weights', expected .safetensors; name it, say, tuned.safetensors"
    )
