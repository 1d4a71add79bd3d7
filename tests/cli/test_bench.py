"""`yolov2 bench`: its table, its JSON, and the backends it compares."""

import json
from pathlib import Path

import pytest

STAGES = ["read", "letterbox", "forward", "decode + NMS", "draw", "end to end"]


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    monkeypatch.setattr("yolov2.evaluate.bench.PIPELINE_S", 0.0)
    monkeypatch.setattr("yolov2.evaluate.bench.WARM_UP", 0)


def test_json_has_machine_versions_and_a_row_a_stage(yolov2, here):
    said = yolov2("bench", "grey.jpg", "-m", "small.cfg", "--seconds", "0", "--batch", "2", "--json")
    found = json.loads(said.out)
    assert said.status == 0
    assert set(found) == {"machine", "versions", "rows"}
    assert [row["stage"] for row in found["rows"]] == STAGES
    what = {(row["backend"], row["precision"], row["size"], row["batch"]) for row in found["rows"]}
    assert what == {("onnxruntime", "fp32", "32x32", 2)}
    assert all(0 < row["p50_ms"] <= row["p99_ms"] and row["per_second"] > 0 for row in found["rows"])


def test_the_table_has_a_line_a_stage(yolov2, here):
    said = yolov2("bench", "-m", "small.cfg", "--seconds", "0", "-q")
    lines = said.out.splitlines()
    assert said.status == 0
    assert lines[3] == "onnxruntime  fp32, input 32x32, batch 1"
    assert [line[2:16].strip() for line in lines[5:]] == STAGES


def test_a_folder_without_pictures_is_refused(yolov2, here):
    Path("clip.mp4").touch()
    said = yolov2("bench", "clip.mp4", "-m", "small.cfg")
    assert said.err == "yolov2: bench: found no pictures, expected picture files; name some, or none at all\n"
    assert said.status == 2


def test_a_bad_picture_is_refused(yolov2, here):
    Path("bad.jpg").touch()
    said = yolov2("bench", "bad.jpg", "-m", "small.cfg", "-q")
    assert said.status == 2
    assert said.err.startswith("yolov2: bad.jpg: found 0 bytes")


def test_a_bad_picture_among_others_is_named_and_passed_over(yolov2, here):
    Path("bad.jpg").touch()
    said = yolov2("bench", "bad.jpg", "grey.jpg", "-m", "small.cfg", "--seconds", "0", "-q")
    assert said.status == 1
    assert said.err.startswith("failed: bad.jpg: found 0 bytes, expected ")
    assert said.err.count("\n") == 1
    assert "end to end" in said.out


def test_bad_pictures_alone_are_refused(yolov2, here):
    Path("bad.jpg").touch()
    Path("worse.jpg").touch()
    said = yolov2("bench", "bad.jpg", "worse.jpg", "-m", "small.cfg", "-q")
    assert said.status == 2
    assert said.err == "yolov2: bench: found 2 pictures that can't be read, expected pictures; name others\n"


def test_a_classifier_is_refused(yolov2, here):
    text = Path("small.cfg").read_text()
    Path("small.cfg").write_text(text.partition("[region]")[0] + "[avgpool]\n[softmax]\n")
    said = yolov2("bench", "-m", "small.cfg", "-q")
    message = "yolov2: small.cfg: found no [region] at its end, expected a detector; bench measures detectors\n"
    assert said == (2, "", message)


@pytest.mark.slow
def test_every_backend_takes_its_turn_in_a_process_of_its_own(yolov2, here):
    said = yolov2("bench", "grey.jpg", "-m", "small.cfg", "--seconds", "0", "--compare", "--json")
    rows = json.loads(said.out)["rows"]
    assert [row["backend"] for row in rows] == ["onnxruntime"] * len(STAGES) + ["torch"] * len(STAGES)


@pytest.mark.slow
def test_a_model_that_no_backend_takes_is_refused_with_each_reason(yolov2, here):
    said = yolov2("bench", "grey.jpg", "-m", "small.cfg", "--compare", "--precision", "int8")
    first, second, last = said.err.splitlines()
    assert said.status == 2
    assert first.startswith("left out: backend onnxruntime: found precision int8")
    assert second.startswith("left out: backend torch: found precision int8")
    assert last.startswith("yolov2: bench: found no backend that runs this model")


def test_the_prepared_network_is_kept_where_it_is_wanted(yolov2, here):
    words = ("bench", "grey.jpg", "-m", "small.cfg", "--seconds", "0", "-q")
    assert yolov2(*words, "--no-cache").status == 0
    assert not Path(".cache").exists()
    assert yolov2(*words, "--cache", "mine").status == 0
    assert yolov2(*words).status == 0
    assert len(list(Path(".cache/yolov2/graphs").iterdir())) == len(list(Path("mine").iterdir())) == 1


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_seconds_without_an_end_are_refused(yolov2, here, seconds):
    said = yolov2("bench", "grey.jpg", "-m", "small.cfg", "--seconds", seconds)
    assert (said.status, said.out) == (2, "")
    expected = f"Error: Invalid value for '--seconds': found {seconds}, expected a number"
    assert said.err.splitlines()[-1] == expected
