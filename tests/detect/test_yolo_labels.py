"""YOLO labels: a file a picture or frame, whose boxes lie inside it."""

from pathlib import Path

import pytest

from results import FAILED, found, left_in, picture, write_all
from yolov2.detect.yolo_labels import YoloLabels, yolo_line, yolo_text
from yolov2.errors import OutputError

STEMS = {"in/sub/a.jpg": Path("sub/a"), "clip.mp4": Path("clip")}


def test_a_box_is_written_in_parts_of_the_picture():
    assert yolo_line(7, (16, 12, 48, 36), (48, 64)) == "7 0.500000 0.500000 0.500000 0.500000\n"


def test_a_box_over_the_edge_is_cut_there():
    assert yolo_line(0, (-100, 24, 32, 500), (48, 64)) == "0 0.250000 0.750000 0.500000 0.500000\n"


def test_what_lies_beside_the_picture_has_no_line():
    beside = [(0, 0.9, (70, 1, 80, 9)), (0, 0.8, (1, -9, 9, -1)), (1, 0.7, (0, 0, 64, 48))]
    assert yolo_text(found(*beside)) == "1 0.500000 0.500000 1.000000 1.000000\n"


def test_every_picture_and_frame_has_a_file_and_a_failure_none(tmp_path):
    results = [found(source="in/sub/a.jpg"), FAILED, picture("clip.mp4", index=12)]
    write_all(YoloLabels(tmp_path / "labels", STEMS), results)
    assert left_in(tmp_path) == ["labels/.written", "labels/clip_000012.txt", "labels/sub/a.txt"]
    assert (tmp_path / "labels" / "sub" / "a.txt").read_text() == ""
    assert (tmp_path / "labels" / "clip_000012.txt").read_text() == "3 0.007812 0.010417 0.015625 0.020833\n"


def test_a_file_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "labels" / "clip_000012.txt").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"clip_000012\.txt: found a folder, expected a file, or a new name; "):
        write_all(YoloLabels(tmp_path / "labels", STEMS), [picture("clip.mp4", index=12)])
    assert left_in(tmp_path) == ["labels/.written"]


def test_labels_of_an_earlier_run_go_and_what_else_is_there_stays(tmp_path):
    write_all(YoloLabels(tmp_path, STEMS), [found(source="in/sub/a.jpg"), picture("clip.mp4", index=12)])
    (tmp_path / "classes.txt").touch()
    write_all(YoloLabels(tmp_path, STEMS), [picture("clip.mp4", index=13)])
    assert left_in(tmp_path) == [".written", "classes.txt", "clip_000013.txt"]
