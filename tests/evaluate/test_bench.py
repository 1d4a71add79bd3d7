"""Rounds in turn, rows of numbers, and the machine they were measured on."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeDetector
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.errors import BackendError, PictureError, Yolov2Error
from yolov2.evaluate.bench import Label, Plan, There, batches, make_pictures, measure, row_of, time_pipeline, time_round
from yolov2.evaluate.machine import FLAGS, PACKAGES, machine, versions
from yolov2.network.layers import Convolutional, Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
from yolov2.pictures.read import read_picture

LABEL = Label("fake", "fp32", "64x32", batch=4)
TINY = Network(Shape(3, 32, 32), (Convolutional(filters=6, activation="linear"), Region(classes=1)))


class Turns:
    """A contender that notes when its turn is."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.label = Label(name, "fp32", "32x32", 1)
        self.turns = turns

    def round(self):
        self.turns.append(self.label.backend)
        return {"forward": [0.1, 0.3], "end to end": [0.2]}

    def close(self) -> None: ...


def test_a_row_has_median_percentile_and_rate():
    row = row_of(LABEL, "forward", [0.010] * 98 + [0.020, 0.030])
    assert row.to_dict() == {
        "backend": "fake",
        "precision": "fp32",
        "size": "64x32",
        "batch": 4,
        "stage": "forward",
        "p50_ms": 10.0,
        "p99_ms": 20.1,
        "per_second": round(4 * 100 / 1.03, 2),
    }


def test_contenders_take_turns_and_warm_up_first():
    turns: list[str] = []
    times = iter(range(100))
    rows = measure([Turns("a", turns), Turns("b", turns)], seconds=4, clock=lambda: next(times))
    rounds = len(turns) // 2
    assert turns == ["a", "b"] * rounds
    assert rounds == 2 + 3 + 3  # to warm up; the fewest; until the clock, asked from then on, says 4
    assert [(row.backend, row.stage) for row in rows] == [
        *(("a", "forward"), ("a", "end to end")),
        *(("b", "forward"), ("b", "end to end")),
    ]
    assert (rows[0].p50_ms, rows[0].per_second) == (200, 5)


def test_three_rounds_are_the_fewest():
    turns: list[str] = []
    measure([Turns("a", turns)], seconds=0)
    assert len(turns) == 2 + 3


def test_the_last_batch_is_filled_from_the_first_pictures():
    a, b, c = (Path(name) for name in "abc")
    assert batches([a, b, c], 2) == [[a, b], [c, a]]
    assert batches([a], 3) == [[a, a, a]]
    assert batches([a, b], 2) == [[a, b]]


def test_made_pictures_are_the_same_every_time_and_no_two_alike(tmp_path):
    (tmp_path / "again").mkdir()
    first = make_pictures(tmp_path, count=2, size=(48, 64))
    again = make_pictures(tmp_path / "again", count=2, size=(48, 64))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    one, two = (read_picture(path).pixels for path in first)
    assert one.shape == (48, 64, 3)
    assert (one != two).mean() > 0.5


def test_a_round_times_every_batch_of_every_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("yolov2.evaluate.bench.PIPELINE_S", 0.0)
    pictures = make_pictures(tmp_path, count=3, size=(48, 64))
    detector = FakeDetector()
    samples = time_round(detector, pictures, batch=2)  # pyright: ignore[reportArgumentType]
    assert {stage: len(times) for stage, times in samples.items()} == {
        **dict.fromkeys(("read", "letterbox", "forward", "decode + NMS", "draw"), 2),
        "end to end": 2,
    }
    assert detector.batches == [2] * 4
    assert all(time > 0 for times in samples.values() for time in times)


def test_a_picture_that_can_not_be_read_ends_a_round(tmp_path):
    with pytest.raises(PictureError, match=r"none\.jpg: found no such file"):
        time_pipeline(FakeDetector(), [tmp_path / "none.jpg"], batch=1)  # pyright: ignore[reportArgumentType]


def test_the_machine_names_its_processor_and_can_be_written():
    here = json.loads(json.dumps(machine()))
    assert set(here) == {"cpu", "flags", "cores", "memory_gib", "system", "load"}
    assert here["cpu"]
    assert here["cores"] >= 1
    assert set(here["flags"]) <= set(FLAGS)


def test_versions_are_those_installed():
    assert versions()["numpy"] == np.__version__
    assert set(versions()) == {"yolov2", "python", *PACKAGES}


@pytest.mark.slow
def test_a_contender_apart_hands_over_what_its_detector_refuses(tmp_path):
    with pytest.raises(Yolov2Error, match=r"none\.cfg"):
        There(Plan({"model": tmp_path / "none.cfg"}, ()))


@pytest.mark.slow
def test_a_contender_apart_leaves_ctrl_c_to_whoever_started_it(tmp_path, capfd):
    (tmp_path / "tiny.cfg").write_text(format_cfg(TINY))
    write_weights(tmp_path / "tiny.weights", initial_weights(TINY), TINY)
    contender = There(Plan({"model": tmp_path / "tiny.cfg"}, make_pictures(tmp_path, count=1)))
    assert contender._process.pid is not None
    os.kill(contender._process.pid, signal.SIGINT)
    assert contender.round()["forward"]
    contender.close()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_contender_that_dies_is_told_of(tmp_path):
    with pytest.raises(BackendError, match="^bench: found a process that ended with status 1, expected its times; "):
        There(Plan(1, ()))  # pyright: ignore[reportArgumentType]
