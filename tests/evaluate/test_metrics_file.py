"""metrics.json: its shape, the way back, and what changed since another run."""

import json
from dataclasses import replace

import pytest

from scripted import AP07, AP12, SAID, ScriptedDetector, pets
from yolov2 import __version__
from yolov2.errors import FormatError
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.metrics_file import RULES, compare_runs, read_metrics, write_metrics


@pytest.fixture(autouse=True)
def no_cache_of_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.fixture
def run(tmp_path):
    return evaluate(pets(tmp_path), model=ScriptedDetector())


@pytest.fixture
def file(run, tmp_path):
    write_metrics(tmp_path / "metrics.json", run)
    return tmp_path / "metrics.json"


def test_the_shape(file, tmp_path, run):
    said = json.loads(file.read_text())
    assert list(said) == [
        "format", "format_version", "package_version", "model", "data", "pictures", "failed", "objects", "difficult",
        "crowd", "detections", "voc07", "voc12", "coco", "recall", "thresholds", "confusion", "calibration", "classes",
        "settings", "rules",
    ]  # fmt: skip
    assert (said["format"], said["format_version"], said["package_version"]) == ("yolov2 metrics", 1, __version__)
    assert said["data"] == {"name": str(tmp_path / "pets"), "kind": "voc", "split": "val"}
    assert (said["pictures"], said["failed"], said["detections"]) == (4, [], 6)
    assert (said["objects"], said["difficult"], said["crowd"]) == ({"cat": 2, "fox": 2}, 1, 0)
    assert said["voc07"] == {"map": pytest.approx(sum(AP07.values()) / 2), "per_class": pytest.approx(AP07)}
    assert said["voc12"] == {"map": pytest.approx(sum(AP12.values()) / 2), "per_class": pytest.approx(AP12)}
    assert {"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar100", "per_class"} <= said["coco"].keys()
    assert said["coco"]["ap_large"] is None  # no object above 96 x 96
    assert said["recall"] == {"recall": 0.75, "mean_iou": pytest.approx(run.recall.mean_iou), "boxes_per_picture": 1.5}
    assert said["thresholds"]["fox"] == pytest.approx({"conf": 0.3025, "f1": 0.8, "precision": 2 / 3, "recall": 1})
    assert said["confusion"] == {"classes": ["cat", "fox", "background"], "table": [[1, 0, 1], [0, 2, 0], [1, 1, 0]]}
    assert said["calibration"]["bins"][9] == {
        "from": 0.9, "to": 1.0, "count": 1, "mean_score": pytest.approx(0.95), "precision": 0.0,
    }  # fmt: skip
    assert said["settings"]["conf"] == 0.005
    assert said["rules"] == RULES


def test_a_folder_stands_for_its_file(file):
    assert read_metrics(file.parent).said == read_metrics(file).said


def test_the_same_run_changes_nothing(run, file):
    changes = compare_runs(run, read_metrics(file))
    assert {one.by for one in changes.totals} == {0}
    assert changes.notes == ()


def test_what_changed_by_class(run, file, tmp_path):
    now = evaluate(tmp_path / "pets", model=ScriptedDetector(SAID | {"d": []}))
    changes = compare_runs(now, read_metrics(file))
    (cat, fox) = changes.per_class["voc12"]
    assert (cat.name, cat.before, cat.now, cat.by) == ("cat", 0.25, 0.5, 0.25)
    assert fox.by == 0
    told = changes.to_dict()
    assert told["with"] == str(file)
    assert told["per_class"]["voc12"] == {"cat": 0.25, "fox": 0}
    assert told["totals"]["VOC 2012 mAP"]["by"] == pytest.approx(0.125)


def test_a_class_that_the_other_run_did_not_count_has_no_change(file, run, tmp_path):
    only = evaluate(tmp_path / "pets", model=ScriptedDetector(), classes=("fox",))
    write_metrics(tmp_path / "fox.json", only)
    changes = compare_runs(run, read_metrics(tmp_path / "fox.json"))
    assert [one.by for one in changes.per_class["voc07"]] == [None, 0]
    assert changes.notes == ("other classes or other objects than then",)


def test_what_is_not_comparable_is_told(file, tmp_path):
    train = evaluate(tmp_path / "pets", split="train", model=ScriptedDetector(), conf=0.1)
    assert compare_runs(train, read_metrics(file)).notes == ("split val then, train now", "4 pictures then, 1 now")
    other = evaluate(tmp_path / "pets", model=ScriptedDetector(), batch=2)
    assert compare_runs(other, read_metrics(file)).notes == ()
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"settings": said["settings"] | {"iou": 0.5}}))
    assert compare_runs(other, read_metrics(file)).notes == ("iou 0.5 then, 0.45 now",)


@pytest.mark.parametrize(
    "change, note",
    [
        ({"model": {"width": 608, "height": 320}}, "input 608 x 320 then, 416 x 352 now"),
        ({"data": {"name": "other@val", "split": "val"}}, "data other then, pets now"),
        ({"data": {"name": "./pets@test", "split": "test"}}, "split test then, val now"),
    ],
)
def test_another_input_and_other_data_are_told(run, file, change, note):
    now = replace(run, model={"width": 416, "height": 352}, truth=replace(run.truth, data="pets"))
    write_metrics(file, now)
    before = read_metrics(file)
    assert compare_runs(now, before).notes == ()
    file.write_text(json.dumps({**before.said, **change}))
    assert compare_runs(now, read_metrics(file)).notes == (note,)


def refusal(path):
    with pytest.raises(FormatError) as refused:
        read_metrics(path)
    return str(refused.value).replace(str(path.parent), "")


REPAIR = "expected metrics of `yolov2 eval`; name the folder or the metrics.json of a run"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "another"}', "[" * 100_000])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert refusal(tmp_path / "a.json") == f"/a.json: found another file, {REPAIR}"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert (
        refusal(tmp_path / "a.json")
        == f"/a.json: found a file that can't be read (No such file or directory), {REPAIR}"
    )


def test_a_newer_format_is_refused(file):
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format_version": 2}))
    assert refusal(file) == "/metrics.json: found format version 2, expected at most 1; install a newer yolov2"


@pytest.mark.parametrize(
    "change",
    [{"voc07": 3}, {"voc07": {"map": "high", "per_class": {}}}, {"coco": {"ap": 7, "per_class": {}}},
     {"voc12": {"map": 0, "per_class": {"cat": [1]}}}, {"pictures": None}, {"objects": []}, {"settings": []}],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused(file, change):
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert refusal(file) == f"/metrics.json: found metrics that were changed, {REPAIR}"
