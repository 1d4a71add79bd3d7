"""A copy of a data set in the making: files that are new, and links to, or copies of, those that stay."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from yolov2.data.whole_folder import write_whole_folder
from yolov2.errors import OutputError, printable


class Draft:
    """A folder in the making."""

    def __init__(self, folder: Path, *, copy: bool) -> None:
        self.folder, self._copy = folder, copy

    def write(self, name: str, data: bytes) -> None:
        """A new file of that name, below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def keep(self, source: str | Path, name: str) -> None:
        """A file or folder that stays as it is: a relative link to it, or a copy."""
        path = self.folder / name
        if os.path.lexists(path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._copy:
            # As seen from the folder's final place, which lies beside this one; real paths, as links are followed.
            start = os.path.realpath(path.parent)
            path.symlink_to(os.path.relpath(os.path.realpath(source), start))
        elif os.path.isdir(source):
            shutil.copytree(source, path)
        else:
            shutil.copy2(source, path)


@contextmanager
def drafted(target: Path, *, copy: bool) -> Generator[Draft]:
    """A draft that takes the place of `target` when the block has ended well; else nothing is left of it.

    Raises OutputError for a target that is there and no empty folder.
    """
    check_target(target)
    with write_whole_folder(target) as folder:
        yield Draft(folder, copy=copy)


def check_target(target: Path) -> None:
    """Refuse before long work what would be refused after it. Raises OutputError."""
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        found, expected = "a file" if target.is_file() else "a folder with files", "a new or empty folder"
        raise OutputError.at(printable(target), found=found, expected=expected, repair="name another one")
