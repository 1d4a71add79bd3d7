"""Results as text: a line of JSON, rows of CSV, and the file that has its name when it is closed."""

import csv
import json
from pathlib import Path

import pytest

from results import FAILED, left_in, picture
from yolov2.detect.text_writers import TextFile, csv_rows, json_line
from yolov2.errors import OutputError


def test_a_picture_is_a_line_of_json():
    assert json.loads(json_line(picture())) == {
        "source": "a.jpg",
        "frame": None,
        "width": 64,
        "height": 48,
        "detections": [{"label": "3", "class_id": 3, "score": 0.5, "objectness": 0.75, "box": [0, 0, 1, 1]}],
        "output": None,
    }
    assert json_line(picture()).count("\n") == 1


def test_a_failure_is_a_line_of_json_with_its_error():
    assert json_line(FAILED) == '{"source": "bad.jpg", "error": "bad.jpg: found 0 bytes"}\n'


def test_csv_has_a_row_a_detection_and_none_for_a_failure():
    row = {"source": "a,b.jpg", "frame": "7", "label": "3", "class_id": "3", "score": "0.5", "objectness": "0.75"}
    text = "source,frame,label,class_id,score,objectness,x1,y1,x2,y2\n" + csv_rows(picture("a,b.jpg", index=7))
    assert list(csv.DictReader(text.splitlines())) == [row | {"x1": "0.0", "y1": "0.0", "x2": "1.0", "y2": "1.0"}]
    assert csv_rows(FAILED) == ""


def test_stray_bytes_of_a_file_name_come_out_as_they_were(tmp_path):
    writer = TextFile(tmp_path / "found.csv", csv_rows)
    writer.write(picture("caf\udce9.jpg"))
    writer.close()
    assert (tmp_path / "found.csv").read_bytes().startswith(b"caf\xe9.jpg,")


def test_a_text_file_has_its_name_only_when_closed(tmp_path):
    writer = TextFile(tmp_path / "found.jsonl", json_line)
    writer.write(FAILED)
    assert not (tmp_path / "found.jsonl").exists()
    writer.close()
    assert left_in(tmp_path) == ["found.jsonl"]
    assert (tmp_path / "found.jsonl").read_text() == json_line(FAILED)


def test_an_aborted_text_file_leaves_what_was_there(tmp_path):
    (tmp_path / "found.jsonl").write_text("earlier\n")
    writer = TextFile(tmp_path / "found.jsonl", json_line)
    writer.write(FAILED)
    writer.abort()
    assert left_in(tmp_path) == ["found.jsonl"]
    assert (tmp_path / "found.jsonl").read_text() == "earlier\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this platform")
def test_a_full_disk_is_one_line(tmp_path):
    full = tmp_path / "found.jsonl"
    full.symlink_to("/dev/full")
    writer = TextFile(full, lambda result: "x" * 100_000)
    said = (
        r"found\.jsonl: found a full disk, expected room for the whole file; free some space or choose another folder"
    )
    with pytest.raises(OutputError, match=said):
        writer.write(FAILED)
    writer.abort()  # after an error, nothing more happens
