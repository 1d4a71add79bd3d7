"""Lists of pictures, a path a line, as Darknet, Ultralytics and ImageNet have them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from yolov2.errors import LabelError, printable
from yolov2.samples import Fault

LARGEST_LIST = 1 << 30  # bytes: ten million paths
TRIED = 20  # entries of a list that are looked for to tell what its relative paths start at


class Line(NamedTuple):
    """One entry of a list."""

    text: str
    number: int  # from 1


def read_list(path: Path, *, expected: str = "a list of pictures, a path a line") -> list[Line]:
    """The entries of a list with their lines, without blanks around them; blank lines left out. Raises LabelError."""
    where = printable(path)
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            raise LabelError.at(where, found=found, expected=expected, repair="check the path")
        if path.stat().st_size > LARGEST_LIST:
            found = f"{path.stat().st_size:,} bytes"
            raise LabelError.at(where, found=found, expected=expected, repair="give another file")
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as wrong:
        found = f"a file that can't be read ({wrong.strerror})"
        raise LabelError.at(where, found=found, expected=expected, repair="check its permissions") from None
    if "\0" in text:
        raise LabelError.at(where, found="binary data", expected=expected, repair="give another file")
    stripped = ((line.strip(), number) for number, line in enumerate(text.split("\n"), start=1))
    return [Line(line, number) for line, number in stripped if line]


def base_of(entries: Sequence[str], bases: Sequence[Path]) -> Path:
    """The first base below which one of the first relative entries is; the first of all where none is.

    One base serves a whole list: an entry that it lacks is missing, and not looked for elsewhere.
    """
    relative = [entry for entry in entries if not os.path.isabs(entry)][:TRIED]
    having = (base for base in bases if any(os.path.exists(os.path.join(base, entry)) for entry in relative))
    return next(having, bases[0])


def joined(base: Path, entries: Sequence[str]) -> list[str]:
    """The path of each entry, below the base where it is relative."""
    return [os.path.normpath(os.path.join(base, entry)) for entry in entries]


def find_file(text: str, bases: Sequence[Path], *, where: str, what: str) -> Path:
    """The file that an option names, below the first base that has it. Raises LabelError, naming the places tried."""
    places = [Path(os.path.normpath(base / text)) for base in bases]
    for place in dict.fromkeys(places):
        if place.exists():
            return place
    tried = ", ".join(dict.fromkeys(printable(place) for place in places))
    raise LabelError.at(where, found=f"no file {tried}", expected=what, repair="correct the path, or add the file")


def without_twins(paths: Sequence[str], places: Sequence[str]) -> tuple[list[int], list[Fault]]:
    """The indices of the paths without those that came before, and a fault for each of these."""
    first: dict[str, int] = {}
    faults: list[Fault] = []
    for i, path in enumerate(paths):
        if first.setdefault(path, i) != i:
            found = f"{printable(path)} a second time"
            repair = "remove the line; it counts once"
            faults.append(Fault("listed-twice", places[i], found, "each picture once", repair, is_error=False))
    return list(first.values()), faults
