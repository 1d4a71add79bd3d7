"""Files that appear whole or not at all. What is in them is the business of whoever writes them."""

import errno
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from yolov2.errors import OutputError

# What the operating system says, as what was found, what was expected, and the repair.
REFUSALS: dict[int, tuple[str, str, str]] = {
    errno.ENOENT: ("no such folder", "a folder to write into", "create it"),
    errno.ENOTDIR: ("a file in place of a folder", "a folder to write into", "choose another path"),
    errno.EISDIR: ("a folder", "a file, or a new name", "add the file's name"),
    errno.EACCES: ("no permission to write here", "a folder to write into", "choose another one"),
    errno.EPERM: ("no permission to write here", "a folder to write into", "choose another one"),
    errno.EROFS: ("a read-only file system", "a folder to write into", "choose another one"),
    errno.ENOSPC: ("a full disk", "room for the whole file", "free some space or choose another folder"),
    errno.EDQUOT: ("a used-up disk quota", "room for the whole file", "free some space or choose another folder"),
}


@contextmanager
def write_whole(path: str | Path) -> Generator[BinaryIO]:
    """A binary file to write into, which takes the place of `path` once the block has ended well.

    Until then, and after any failure, `path` is as it was. A symbolic link is followed. What is no regular file, such
    as /dev/null, is written to straight away. Raises OutputError.
    """
    path = Path(path)
    try:
        is_special = path.exists() and not path.is_file()  # a rename would replace the device itself
        target = path if is_special else Path(os.path.realpath(path))
        draft = path if is_special else target.with_name(f".{secrets.token_hex(8)}.part")  # renamed within its folder
        file = open(draft, "wb" if is_special else "xb", opener=_readable)  # noqa: SIM115 - closed before the rename
    except OSError as wrong:
        raise refusal(path, wrong) from None
    try:
        yield file
        file.flush()
        if not is_special:
            os.fsync(file.fileno())
        file.close()
        if not is_special:
            os.replace(draft, target)
    except BaseException as wrong:
        with suppress(OSError):  # it tries once more to write what is left over
            file.close()
        if not is_special:
            draft.unlink(missing_ok=True)
        if isinstance(wrong, OSError) and wrong.filename in (None, str(draft)):  # another file's error has its own name
            raise refusal(path, wrong) from None
        raise
    if not is_special:
        _sync_folder(target.parent)


def _readable(path: str, flags: int) -> int:
    """Open a new file that all may read as far as the umask allows; tempfile.mkstemp would keep it to the owner."""
    return os.open(path, flags, 0o644)


def refusal(path: Path, wrong: OSError) -> OutputError:
    said = wrong.strerror or type(wrong).__name__
    found, expected, repair = REFUSALS.get(wrong.errno or 0, (said, "a file to write", "choose another path"))
    return OutputError.at(str(path), found=found, expected=expected, repair=repair)


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut, where the platform can sync a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # some file systems refuse; the file itself is safe by now
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
