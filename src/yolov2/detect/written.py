"""Which files a run wrote into a folder of many, so that --force clears these and nothing of anybody else's."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path, PurePath

from yolov2.files import refusal, write_whole

LIST = ".written"  # in a folder that has nothing but files of a run


class Written:
    """A hidden list of files below the folder that it lies in, a NUL behind each name. Raises OutputError.

    A name is in the list before its file is there, so that a run that was cut short has its files in it, too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """What was written, in the order of writing; nothing where there is no list."""
        try:
            data = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as wrong:
            raise refusal(self._path, wrong) from None
        return [os.fsdecode(name) for name in data.split(b"\0")[:-1]]  # what has no NUL behind it was cut short

    def add(self, *names: str | PurePath) -> None:
        """These files will be written; the folder of the list is there."""
        if not names:
            return
        try:
            with self._lock, open(self._path, "ab") as file:
                file.write(_listed(names))
        except OSError as wrong:
            raise refusal(self._path, wrong) from None

    def clear(self, *, keep: Collection[str] = ()) -> None:
        """Remove the files of the list but these, and the folders that are empty then; the list has what is kept."""
        home = Path(os.path.realpath(self._path.parent))
        names, kept = self.names, frozenset(keep)
        for name in names:
            target = home / name
            if name not in kept and home in (folder := Path(os.path.realpath(target.parent)), *folder.parents):
                _remove(target)
                for inner in PurePath(name).parents[:-1]:
                    _remove_empty(home / inner)
        if keep:
            with write_whole(self._path) as file:
                file.write(_listed(keep))
        elif names:
            self._path.unlink(missing_ok=True)


def _listed(names: Collection[str | PurePath]) -> bytes:
    return b"".join(os.fsencode(name) + b"\0" for name in names)


def _remove(path: Path) -> None:
    """The file is gone; a folder of that name is not ours, and stays."""
    try:
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
    except OSError as wrong:
        raise refusal(path, wrong) from None


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something else is in it
