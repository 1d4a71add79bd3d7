"""Paths that a run could not write to at its end."""

import pytest

from yolov2.errors import OutputError
from yolov2.evaluate.targets import check_writable

FOLDER = "expected a folder to write into"


@pytest.mark.parametrize(
    "path, said",
    [
        ("no/a.png", f"found no such folder, {FOLDER}; create it"),
        ("file/a.png", f"found a file in place of a folder, {FOLDER}; choose another path"),
        ("folder", "found a folder, expected a file, or a new name; add the file's name"),
    ],
)
def test_a_path_that_can_not_be_written_to_is_refused(tmp_path, monkeypatch, path, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as refused:
        check_writable(path)
    assert str(refused.value) == f"{path}: {said}"


@pytest.mark.parametrize("name", ["new.png", "old.png"])
def test_a_new_file_and_an_old_one_may_be_written(tmp_path, name):
    (tmp_path / "old.png").touch()
    check_writable(tmp_path / name)
