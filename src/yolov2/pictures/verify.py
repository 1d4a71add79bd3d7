"""Whether a picture decodes as a whole, and without complaint. Run as a program it looks at lists of pictures.

OpenCV's JPEG library decodes damaged data to garbage, and says so on standard error alone. A process of its own, whose
standard error is a file, can read what was said of which picture. Pillow's reader passes over the same complaints, and
raises for a few of those pictures alone.
"""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from yolov2.errors import PictureError
from yolov2.pictures.read import picture_size, read_picture

READY = "ready"
JPEG = b"\xff\xd8\xff"
LONGEST_COMPLAINT = 200  # characters


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one picture when all of it was decoded."""

    height: int  # of the upright picture; 0 where it does not decode
    width: int
    is_turned: bool  # its EXIF block changes rows and columns
    refusal: str  # the PictureError; "" where it decodes
    complaint: str  # what the JPEG library said of damaged data; "" where it said nothing


def verify(path: Path, complaints: BinaryIO) -> Verdict:
    """The verdict on a picture; `complaints` is the file that standard error goes to meanwhile. Raises nothing."""
    said = _end(complaints)
    try:
        height, width = read_picture(path).rgb.shape[:2]
        stored = picture_size(path, exif=False)
        is_jpeg = _starts_with(path, JPEG)
    except (PictureError, MemoryError) as refusal:
        return Verdict(0, 0, False, str(refusal) or f"{path}: found more pixels than memory", "")
    complaints.seek(said)
    lines = complaints.read().decode(errors="replace").splitlines() if is_jpeg else []
    return Verdict(height, width, (height, width) != stored, "", (lines or [""])[0][:LONGEST_COMPLAINT])


def main() -> None:
    """Say "ready"; then for each line of standard input, a JSON list of paths, a line with the list of verdicts."""
    with tempfile.TemporaryFile() as complaints:
        os.dup2(complaints.fileno(), 2)
        _answer(READY)
        for line in sys.stdin:
            verdicts = [verify(Path(path), complaints) for path in json.loads(line)]
            rows = [(one.height, one.width, one.is_turned, one.refusal, one.complaint) for one in verdicts]
            _answer(json.dumps(rows))
            complaints.truncate(0)


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


if __name__ == "__main__":
    main()
