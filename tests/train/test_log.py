"""What a run leaves for people: rows without doubles, curves, models that are read back; a full disk in one line."""

import csv
import sys

import numpy as np
import pytest

from full_disks import files_no_longer_than
from tiny_runs import begun, flat, network
from yolov2.checkpoint.file import Checkpoint, read_checkpoint
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import read_weights
from yolov2.errors import OutputError
from yolov2.train.log import COLUMNS, Keeper, Log

LOSSES = {"box": 1.5, "object": 0.25, "no_object": 0.125, "classes": 2.0, "prior": 0.0}


def write(log, updates, *, scored=()):
    for update in updates:
        log.updated(update, LOSSES, rate=0.01, side=320, waited_s=0.0)
        if update in scored:
            log.validated(update, update / 10, is_best=True)


def rows_of(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.reader(file))


def test_a_row_has_the_losses_by_name_their_sum_and_in_one_of_its_own_a_score(tmp_path):
    with Log(tmp_path, updates_an_epoch=4) as log:
        write(log, [1], scored=[1])
    assert rows_of(tmp_path) == [
        list(COLUMNS),
        ["1", "0.250", "0.01", "320", "1.5", "0.25", "0.125", "2", "0", "", "3.875", ""],
        ["1", "0.250", *[""] * 9, "0.1000"],
    ]


def test_a_resumed_log_is_that_of_a_run_without_a_break(tmp_path):
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    with Log(tmp_path / "whole", updates_an_epoch=4) as log:
        write(log, range(1, 10), scored=(3, 6))
    with Log(tmp_path / "broken", updates_an_epoch=4) as log:
        write(log, range(1, 8), scored=(3, 6))
    with open(tmp_path / "broken" / "log.csv", "a") as file:
        file.write(
            "8,2.000,0.01,32,1.5,0.25,0.125,2,0,,3.875,\n9,2.250,0.01,32,1.5,0.25,0.125,2,0,,3.875,\n1"
        )  # of a 10
    with Log(tmp_path / "broken", updates_an_epoch=4, done=5) as log:
        write(log, range(6, 10), scored=(6,))
    assert rows_of(tmp_path / "broken") == rows_of(tmp_path / "whole")


def test_a_run_from_its_beginning_has_a_log_of_its_own(tmp_path):
    for _ in range(2):
        with Log(tmp_path, updates_an_epoch=4) as log:
            write(log, [1, 2])
    assert [row[0] for row in rows_of(tmp_path)] == ["update", "1", "2"]


def test_a_full_disk_ends_the_log_in_one_line_and_a_later_one_begins_with_whole_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "yolov2.train.log._board", lambda folder, done: None
    )  # events are written by a thread, some time
    with Log(tmp_path, updates_an_epoch=4) as log:
        write(log, [1, 2])
        with files_no_longer_than((tmp_path / "log.csv").stat().st_size + 20), pytest.raises(OutputError) as refusal:
            write(log, [3])
    assert str(refusal.value) == (
        f"{tmp_path / 'log.csv'}: found File too large, expected a file to write; choose another path"
    )
    with Log(tmp_path, updates_an_epoch=4, done=2) as log:
        write(log, [3])
    assert [row[0] for row in rows_of(tmp_path)] == ["update", "1", "2", "3"]


def test_without_tensorboard_there_are_no_events(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with Log(tmp_path, updates_an_epoch=4) as log:
        write(log, [1], scored=[1])
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


class Board:
    """A writer of events that remembers them, or has no room for them."""

    def __init__(self, folder, purge_step=None, *, is_full=False):
        self.folder, self.purge_step, self.is_full, self.points = folder, purge_step, is_full, []

    def add_scalar(self, name, value, update):
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.points.append((name, value, update))

    def close(self):
        if self.is_full:
            raise OSError(28, "No space left on device")


def test_curves_have_every_loss_the_rate_and_the_score(tmp_path, monkeypatch):
    board = Board(tmp_path / "events")
    monkeypatch.setattr("yolov2.train.log._board", lambda folder, done: board)
    with Log(tmp_path, updates_an_epoch=4) as log:
        write(log, [1], scored=[1])
    assert board.points == [
        *((f"loss/{name}", value, 1) for name, value in LOSSES.items()),
        ("loss/total", 3.875, 1),
        ("rate", 0.01, 1),
        ("score", 0.1, 1),
    ]


def test_curves_without_room_end_the_run_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("yolov2.train.log._board", lambda folder, done: Board(folder, is_full=True))
    with pytest.raises(OutputError) as refusal, Log(tmp_path, updates_an_epoch=4) as log:
        write(log, [1])
    assert str(refusal.value) == (
        f"{tmp_path / 'events'}: found a full disk, expected room for the whole file; "
        "free some space or choose another folder"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # tensorboard's own, of its libraries
def test_tensorboard_reads_the_events_and_no_point_twice_after_a_resume(tmp_path):
    pytest.importorskip("tensorboard", reason="no tensorboard: events are not written here")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # pyright: ignore

    with Log(tmp_path, updates_an_epoch=4) as log:
        write(log, range(1, 6), scored=(2, 4))
    with Log(tmp_path, updates_an_epoch=4, done=3) as log:
        write(log, range(4, 7), scored=(4,))
    read = EventAccumulator(str(tmp_path / "events"))
    read.Reload()
    assert [point.step for point in read.Scalars("loss/box")] == [1, 2, 3, 4, 5, 6]
    assert [(point.step, round(point.value, 6)) for point in read.Scalars("score")] == [(2, 0.2), (4, 0.4)]
    assert {point.value for point in read.Scalars("loss/total")} == {3.875}


def test_a_model_is_kept_as_a_checkpoint_and_as_darknets_three_files(tmp_path):
    weights = begun(network())
    made = []

    def checkpoint(weights, score):
        made.append(score)
        return Checkpoint(network(), weights, names=("a", "b", "c"))

    Keeper(tmp_path, network(), ("a", "b", "c"), checkpoint).keep("best", weights, 0.5)
    assert made == [0.5]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.cfg", "best.names", "best.safetensors", "best.weights",
    ]  # fmt: skip
    assert (tmp_path / "best.names").read_text() == "a\nb\nc\n"
    read = read_checkpoint(tmp_path / "best.safetensors")
    np.testing.assert_array_equal(flat(read.weights), flat(weights))
    net = read_cfg(tmp_path / "best.cfg")
    assert net.layers == network().layers
    np.testing.assert_array_equal(flat(read_weights(tmp_path / "best.weights", net)), flat(weights))
