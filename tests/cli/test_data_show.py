"""`yolov2 data show`: which files it writes, and what it says."""

from pathlib import Path

import pytest

from small_sets import write_darknet


@pytest.fixture
def small(here):
    return write_darknet(here / "d", {stem: f"{number % 2} .5 .5 .5 .5\n" for number, stem in enumerate("abcde")})


def written():
    return sorted(path.name for path in Path("out").iterdir())


def test_pictures_of_a_class_and_a_sheet(yolov2, small):
    said = yolov2("data", "show", "d/small.data", "-o", "out", "--class", "dog", "--sheet")
    assert (said.status, said.out, said.err) == (0, "", "wrote 3 files into out\n")
    assert written() == ["b.jpg", "d.jpg", "sheet.jpg"]


def test_so_many_as_asked_for_or_all(yolov2, small):
    yolov2("data", "show", "d/small.data", "-o", "out", "--number", 2, "--seed", 5)
    first = written()
    assert len(first) == 2
    yolov2("data", "show", "d/small.data", "-o", "out", "--number", 2, "--seed", 5, "--force")
    assert written() == first
    yolov2("data", "show", "d/small.data@train", "-o", "out", "--all", "--force")
    assert written() == [f"{stem}.jpg" for stem in "abcde"]


def test_pictures_that_can_not_be_read_are_named(yolov2, small):
    Path("d/images/a.jpg").unlink()
    assert yolov2("data", "show", "d/small.data", "-o", "without").status == 1
    good = Path("d/images/b.jpg").read_bytes()
    header = good[: good.index(b"\xff\xda")]  # without the pixels behind it
    Path("d/images/b.jpg").write_bytes(header)
    said = yolov2("data", "show", "d/small.data", "-o", "out")
    assert (said.status, written()) == (1, ["c.jpg", "d.jpg", "e.jpg"])
    told = said.err.splitlines()
    assert [line.split(", expected")[0] for line in told] == [
        f"failed: d/images/b.jpg: found a JPEG picture of {len(header):,} bytes that does not decode",
        "failed: d/train.txt:1: found no file d/images/a.jpg",
        "wrote 3 files into out",
    ]


def test_a_split_that_is_not_there_is_refused(yolov2, small):
    said = yolov2("data", "show", "d/small.data", "-o", "out", "--split", "val")
    assert (said.status, said.err) == (2, "yolov2: d: found the split val, expected one of train; correct it\n")


def test_no_readable_picture_is_refused_in_one_line(yolov2, small):
    for path in Path("d/images").iterdir():
        path.write_text("no picture")
    said = yolov2("data", "show", "d/small.data", "-o", "out")
    assert (said.status, said.out, Path("out").exists()) == (2, "", False)
    assert said.err == (
        "yolov2: d: found no picture that can be read, expected at least one; `yolov2 data check` lists what is wrong\n"
    )
