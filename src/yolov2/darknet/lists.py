"""Darknet's small text files: .names, one class a line, and .data, the options of a data set."""

import warnings
from pathlib import Path

from yolov2.darknet.sections import Section, add_option, option_lines
from yolov2.darknet.text import read_text
from yolov2.errors import FormatError, NamesError, Yolov2Warning

HTML = ("<!doctype html", "<html")  # what a browser saves in place of a file


def read_names(path: Path, classes: int | None = None) -> tuple[str, ...]:
    """The class names of a .names file, a line each, verbatim but for the CR of a CRLF; blank lines and twins count.

    classes: how many the network has. Fewer names raise NamesError; further ones are cut off with a warning,
    blank ones at the end without. Source: Darknet `get_labels`.
    """
    text = read_text(path, expected="a class name on each line", refusal=NamesError)
    if text.lstrip().lower().startswith(HTML):
        repair = "download the plain ('raw') file"
        raise NamesError.at(str(path), found="a web page", expected="a class name on each line", repair=repair)
    names = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if classes is None:
        return tuple(names)
    if len(names) < classes:
        raise NamesError.at(
            str(path),
            found=f"{len(names):,} name{'s' * (len(names) != 1)}",
            expected=f"{classes:,}, one for each class of the network",
            repair="give the list that the network was trained with, or add the missing lines",
        )
    if any(name.strip() for name in names[classes:]):
        text = f"{path}: {len(names):,} names for {classes:,} classes; the first {classes:,} are used"
        warnings.warn(text, Yolov2Warning, stacklevel=2)
    return tuple(names[:classes])


def read_data(path: Path) -> Section:
    """The options of a .data file with their lines; paths stand as they are written. Raises FormatError.

    The rules for lines are those of a .cfg, without sections. Source: Darknet `read_data_cfg`.
    """
    section = Section(path, "data", 1)
    text = read_text(path, expected="a .data file", refusal=FormatError)
    for number, line in option_lines(text):
        add_option(section, line, number, expected="key=value, as in names=data/voc.names", refusal=FormatError)
    return section
