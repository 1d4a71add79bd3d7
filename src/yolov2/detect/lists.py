"""Lists of files, as Darknet's train and valid lists or `find -print0` give them, and what comes on standard input."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from yolov2.errors import PictureError, printable
from yolov2.pictures.channels import NUMPY_MAGIC
from yolov2.pictures.read import BYTES_BESIDE_PIXELS, BYTES_PER_PIXEL, MAX_PIXELS, SIGNATURES

LIST_SUFFIXES = frozenset({".txt", ".list"})
LARGEST_LIST = 1 << 30  # bytes
LARGEST_PICTURE = MAX_PIXELS * BYTES_PER_PIXEL + BYTES_BESIDE_PIXELS
STDIN = "-"

# Two signatures are also how a name may begin: BMW.jpg, P1.jpg. Behind them a picture goes on as no name does.
BMP = re.compile(rb"BM.{4}\0{4}", re.DOTALL)
PPM = re.compile(rb"P[1-6]\s+(#[^\n]*\n\s*)*[0-9]+\s")
NO_NAMES = re.compile(rb"\0\0|[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # but in jest


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a list, and where it stands: `train.txt:3`."""

    name: str
    where: str


def read_list(path: Path) -> list[Entry]:
    """The names in a list, one a line; blank lines are passed over. Raises PictureError if there are none."""
    where = printable(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_LIST:
            raise _no_list(where, f"{size:,} bytes")
        data = path.read_bytes()
    except OSError as wrong:
        found = f"a list that can't be read ({wrong.strerror or type(wrong).__name__})"
        repair = "check its permissions"
        raise PictureError.at(where, found=found, expected="names of files", repair=repair) from None
    return entries_of(data, where)


def read_stdin(stdin: BinaryIO | None) -> bytes:
    """All that comes on standard input, but no more than a picture or a list may have. Raises PictureError."""
    file = (sys.stdin.buffer if sys.stdin else None) if stdin is None else stdin
    data = b"" if file is None else file.read(16)
    limit = LARGEST_PICTURE if is_picture(data) else LARGEST_LIST
    if file is not None and data:
        data += file.read(limit)
    if not data.strip(b"\0\r\n\t "):
        expected = "a picture, or names of files, one a line or with a NUL behind each"
        raise PictureError.at(STDIN, found="nothing on standard input", expected=expected, repair="pipe it in")
    if len(data) > limit:
        raise PictureError.at(STDIN, found="too much", expected=f"at most {limit:,} bytes", repair="name files instead")
    return data


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as a picture does, and not as the name of one may."""
    if data.startswith(NUMPY_MAGIC):
        return True
    found = next((name for at, signature, name in SIGNATURES if data.startswith(signature, at)), None)
    doubtful = {"Bmp": BMP, "Ppm": PPM}.get(found or "")
    return found is not None and (doubtful is None or doubtful.match(data) is not None)


def entries_of(data: bytes, where: str) -> list[Entry]:
    """The names in a list: with a NUL behind each if there is one, as `find -print0` writes them, else one a line.

    Raises PictureError if there are none.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PictureError.at(where, found="UTF-16 text", expected="UTF-8", repair="save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")  # a byte-order mark
    if NO_NAMES.search(data[:4096]):
        raise _no_list(where, "bytes that are no list of names")
    names = data.split(b"\0") if b"\0" in data else [line.strip() for line in data.split(b"\n")]
    entries = [Entry(os.fsdecode(name), f"{where}:{number}") for number, name in enumerate(names, start=1) if name]
    if not entries:
        raise _no_list(where, "nothing")
    return entries


def find_entry(entry: Entry, beside: Path | None) -> Path:
    """The file that an entry names: from the working directory, or from the folder that the list lies in.

    Raises PictureError with the entry's place.
    """
    path = Path(entry.name)
    candidates = [path] if beside is None else [path, beside / path]
    for candidate in candidates:
        if os.path.isfile(candidate):
            return candidate
    shown = printable(entry.name, longest=100)
    is_folder = any(os.path.isdir(candidate) for candidate in candidates)
    found = f"the folder {shown}" if is_folder else f"no file {shown}"
    expected = "a file" if is_folder else "one here" if beside is None else "one here or beside the list"
    repair = "list the files in it" if is_folder else "correct the line"
    raise PictureError.at(entry.where, found=found, expected=expected, repair=repair)


def _no_list(where: str, found: str) -> PictureError:
    repair = "give a list of pictures and videos"
    return PictureError.at(where, found=found, expected="names of files, one a line", repair=repair)
