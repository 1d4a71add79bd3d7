"""What a line reads is not written over: Darknet would lose it if anything went wrong. Any other file is replaced."""

import os
from pathlib import Path

from yolov2.errors import OutputError, printable


def check_out(out: str | Path, *inputs: str | Path) -> None:
    """Raise OutputError if what is to be written is one of the files that are read, by whatever names."""
    for path in inputs:
        if is_same_file(out, path):
            found, expected = f"the name of an input, {printable(path)}", "a file that this command does not read"
            raise OutputError.at(printable(out), found=found, expected=expected, repair="choose another name")


def is_same_file(one: str | Path, other: str | Path) -> bool:
    """Whether both are there and are one file."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False
