"""What one label file says, in plain values that go to a cache and between processes: boxes as written, and flaws."""

import stat
from pathlib import Path
from typing import NamedTuple

from yolov2.errors import FormatError, printable

DIFFICULT, CROWD = 1, 2  # bits of a box's flags
LARGEST_LABEL = 1 << 20  # bytes of one label file of one picture: twenty thousand boxes
LARGEST_NUMBER = 1e9  # of a coordinate: above it no picture reaches, and sums would overflow
LONGEST_SHOWN = 60  # characters of a file's text in a message


class Flaw(NamedTuple):
    """A Fault before it is known by which path the user came to the file."""

    code: str
    place: str  # within the file: a line number or a JSON path; "" is the file as a whole
    found: str
    expected: str
    repair: str
    is_error: bool


class Entry(NamedTuple):
    """What one label file of one picture says."""

    size: tuple[int, int] | None = None  # height, width; None: not stated
    picture: str = ""  # the name of the picture, where it is stated
    classes: tuple[str, ...] = ()  # (N,) as written
    numbers: tuple[float, ...] = ()  # (4 * N,) as written: VOC corners, Darknet's centre and size
    flags: tuple[int, ...] = ()  # (N,)
    lines: tuple[int, ...] = ()  # (N,)
    flaws: tuple[Flaw, ...] = ()


class UnreadableError(Exception):
    """A label file that can't be read at all; holds the flaw."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


def read_limited(path: str, *, largest: int, expected: str) -> bytes:
    """The bytes of a label file. Raises UnreadableError for one too large, of another kind, or locked."""
    repair = "give another file"
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for a writer
            found = "a folder" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise UnreadableError(Flaw("label-unreadable", "", found, expected, repair, is_error=True))
        if status.st_size > largest:
            found, expected = f"{status.st_size:,} bytes", f"{expected} of at most {largest:,}"
            raise UnreadableError(Flaw("label-unreadable", "", found, expected, repair, is_error=True))
        return Path(path).read_bytes()
    except (OSError, ValueError) as wrong:  # ValueError: a NUL byte in the name
        reason = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
        found, repair = f"a file that can't be read ({reason})", "check its permissions and the disk"
        raise UnreadableError(Flaw("label-unreadable", "", found, expected, repair, is_error=True)) from None


def is_unreadable(entry: Entry) -> bool:
    """Whether nobody knows what the file says: its picture can't count as one without objects."""
    return any(flaw.code in ("label-unreadable", "xml-broken") for flaw in entry.flaws)


def number(text: str) -> float | None:
    """The number that a text is; None where it is none. NaN and infinity are numbers here."""
    if "_" in text:  # 1_000 is a number in Python alone
        return None
    try:
        return float(text)
    except ValueError:
        return None


def flaw_of(error: FormatError, code: str) -> Flaw:
    """The parts of a refusal in the house form, as an error."""
    _, _, said = str(error).partition(": found ")
    found, _, said = said.partition(", expected ")
    expected, _, repair = said.rpartition("; ")
    return Flaw(code, "", found, expected, repair, is_error=True)


def is_finite(values: tuple[float, ...]) -> bool:
    """Whether all are numbers that a coordinate can be: neither NaN, nor infinite or near it."""
    return all(-LARGEST_NUMBER < value < LARGEST_NUMBER for value in values)


def shown(text: str) -> str:
    """Text of a file as a message shows it."""
    return printable(text, longest=LONGEST_SHOWN)
