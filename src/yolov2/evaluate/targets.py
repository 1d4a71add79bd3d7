"""Files that a long run will write at its end, refused before it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from yolov2.files import refusal


def check_writable(path: str | Path) -> None:
    """Refuse a path that `write_whole` could not write to. Raises OutputError."""
    target = Path(os.path.realpath(path))
    folder = target.parent
    number = 0
    if target.is_dir():
        number = errno.EISDIR
    elif not folder.exists():
        number = errno.ENOENT
    elif not folder.is_dir():
        number = errno.ENOTDIR
    elif not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise refusal(Path(path), OSError(number, os.strerror(number)))
