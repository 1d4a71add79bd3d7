import os
import time
from pathlib import Path

import pytest

from small_sets import write_picture
from yolov2.data import verified
from yolov2.data.verified import verdicts_of
from yolov2.pictures.verify import Verdict


@pytest.fixture
def pictures(tmp_path):
    """Forty pictures of 40 x 60, so that several lots are decoded."""
    return [str(write_picture(tmp_path / f"pictures/{number}.jpg", seed=number)) for number in range(40)]


def test_verdicts_come_in_the_order_of_the_pictures(tmp_path, pictures):
    Path(pictures[17]).write_text("no picture")
    verdicts = verdicts_of(pictures, root=tmp_path, cache=None)
    assert [i for i, one in enumerate(verdicts) if one.refusal] == [17]
    assert verdicts[0] == Verdict(40, 60, False, "", "")


def test_each_picture_is_told_once_with_the_number_of_all(tmp_path, pictures):
    told: list[int] = []
    verdicts_of(pictures, root=tmp_path, cache=None, on_picture=told.append)
    assert told == [40] * 40


def test_a_verdict_is_kept_until_its_file_changes(tmp_path, pictures):
    long_ago = time.time() - 60
    for picture in pictures:
        os.utime(picture, (long_ago, long_ago))
    told: list[int] = []
    first = verdicts_of(pictures, root=tmp_path, cache=tmp_path / "cache")
    Path(pictures[3]).write_text("no picture any more")
    second = verdicts_of(pictures, root=tmp_path, cache=tmp_path / "cache", on_picture=told.append)
    assert told == [1]
    assert [i for i in range(40) if first[i] != second[i]] == [3]


def test_a_picture_that_ends_its_process_is_told_and_the_others_are_decoded(tmp_path, pictures, monkeypatch):
    child = tmp_path / "fatal.py"
    child.write_text(
        "import os, sys\n"
        "from yolov2.pictures import verify\n"
        "whole = verify.verify\n"
        "verify.verify = lambda path, said: os._exit(1) if path.name == '5.jpg' else whole(path, said)\n"
        "verify.main()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(verified, "CHILD", "fatal")
    verdicts = verdicts_of(pictures, root=tmp_path, cache=None)
    assert [one.refusal for one in verdicts if one.refusal] == [
        f"{pictures[5]}: found a picture that ends the program that decodes it, expected one that decodes; save it anew"
    ]


def test_where_no_process_starts_pictures_are_decoded_here(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(verified, "CHILD", "yolov2.no_such_program")
    assert verdicts_of(pictures, root=tmp_path, cache=None) == [Verdict(40, 60, False, "", "")] * 40
