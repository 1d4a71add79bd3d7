"""yolov2.files: a file appears whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from full_disks import files_no_longer_than
from yolov2.errors import OutputError
from yolov2.files import write_whole


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with write_whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_after_a_failure_the_old_file_stands_alone(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(kind), write_whole(path) as file:  # noqa: PT012
        file.write(b"half")
        raise kind
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644)])
def test_the_umask_decides_who_may_read(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with write_whole(tmp_path / "a.bin"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == mode


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "link.bin"
    path.symlink_to(tmp_path / "real" / "a.bin")
    with write_whole(path) as file:
        file.write(b"new")
    assert path.is_symlink()
    assert (tmp_path / "real" / "a.bin").read_bytes() == b"new"


def test_what_is_no_regular_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"  # not /dev/null: a failure of this test would replace that
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with write_whole(path) as file:
            file.write(b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert path.is_fifo()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.bin"
    with pytest.raises(OutputError) as caught, write_whole(path):
        pass
    assert str(caught.value) == f"{path}: found no such folder, expected a folder to write into; create it"


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, write_whole(tmp_path):
        pass
    assert str(caught.value) == f"{tmp_path}: found a folder, expected a file, or a new name; add the file's name"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "a.bin"
    with pytest.raises(OutputError) as caught, write_whole(path):
        pass
    wanted = "found a file in place of a folder, expected a folder to write into; choose another path"
    assert str(caught.value) == f"{path}: {wanted}"


def test_a_folder_without_permission_is_refused(open_folder: Path, without_rights) -> None:
    open_folder.chmod(0o555)
    path = open_folder / "a.bin"
    with without_rights(), pytest.raises(OutputError) as caught, write_whole(path):
        pass
    wanted = "found no permission to write here, expected a folder to write into; choose another one"
    assert str(caught.value) == f"{path}: {wanted}"


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with pytest.raises(OutputError) as caught, write_whole(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as `write` raises it
    wanted = "found a full disk, expected room for the whole file; free some space or choose another folder"
    assert str(caught.value) == f"{path}: {wanted}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [2_000, 1_000_000], ids=["when flushed", "when written"])
def test_a_disk_that_ends_within_the_file_leaves_the_old_one(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with files_no_longer_than(1_000), pytest.raises(OutputError) as caught, write_whole(path) as file:
        file.write(bytes(size))
    assert str(caught.value) == f"{path}: found File too large, expected a file to write; choose another path"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_error_of_another_file_stays_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_whole(tmp_path / "a.bin"):
        (tmp_path / "none").read_bytes()
    assert list(tmp_path.iterdir()) == []
