"""The list of files that a run wrote: what is cleared by it, and above all what is not."""

from pathlib import Path

import pytest

from results import left_in
from yolov2.detect.written import Written
from yolov2.errors import OutputError


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A list in home/ of home/a.txt, home/sub/deep/b\\n.txt and home/gone.txt, which is not there."""
    (tmp_path / "home" / "sub" / "deep").mkdir(parents=True)
    for name in ("a.txt", "sub/deep/b\n.txt"):
        (tmp_path / "home" / name).touch()
    written = Written(tmp_path / "home" / ".written")
    written.add("a.txt", Path("sub/deep/b\n.txt"))
    written.add("gone.txt")
    return written


def test_names_are_kept_in_order(written):
    assert written.names == ["a.txt", "sub/deep/b\n.txt", "gone.txt"]


def test_what_is_listed_goes_and_its_empty_folders_and_the_list(written, tmp_path):
    (tmp_path / "home" / "mine.txt").touch()
    written.clear()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["home", "home/mine.txt"]


def test_what_is_kept_stays_listed(written, tmp_path):
    written.clear(keep=["sub/deep/b\n.txt"])
    assert left_in(tmp_path) == ["home/.written", "home/sub/deep/b\n.txt"]
    assert written.names == ["sub/deep/b\n.txt"]


def test_a_name_that_was_cut_short_is_none(written, tmp_path):
    with open(tmp_path / "home" / ".written", "ab") as file:
        file.write(b"mine")
    assert written.names[-1] == "gone.txt"


def test_nothing_outside_its_folder_goes(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "home" / "link").symlink_to(tmp_path / "other")
    outside = [tmp_path / "mine.txt", tmp_path / "other" / "mine.txt"]
    for path in outside:
        path.touch()
    written = Written(tmp_path / "home" / ".written")
    written.add("../mine.txt", str(outside[0]), "link/mine.txt", "sub/../../mine.txt", ".", "", "..")
    written.clear()
    assert all(path.exists() for path in outside)


def test_a_folder_of_a_listed_name_stays(written, tmp_path):
    (tmp_path / "home" / "gone.txt").mkdir()
    written.clear()
    assert (tmp_path / "home" / "gone.txt").is_dir()


def test_without_a_list_nothing_happens(tmp_path):
    (tmp_path / "mine.txt").touch()
    for folder in (tmp_path, tmp_path / "none", tmp_path / "mine.txt"):
        Written(folder / ".written").clear()
        Written(folder / ".written").add()
    assert left_in(tmp_path) == ["mine.txt"]


def test_a_list_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / ".written").mkdir()
    with pytest.raises(OutputError) as refusal:
        Written(tmp_path / ".written").add("a.txt")
    assert str(refusal.value) == (
        f"{tmp_path}/.written: found a folder, expected a file, or a new name; add the file's name"
    )
