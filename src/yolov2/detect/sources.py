"""What a user names - files, folders, patterns, arrays - turned into pictures and videos to read, in a fixed order."""

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from yolov2.errors import PictureError
from yolov2.pictures.read import MAX_PIXELS, PICTURE_SUFFIXES, decode_picture, read_picture
from yolov2.pictures.video import VIDEO_SUFFIXES
from yolov2.records import Frame

RESULTS = "detections.jsonl"  # what `detect -o` leaves in its folder, see writers.py

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read, and the name that what is made of it goes by."""

    path: Path
    kind: Literal["picture", "video"]
    relative: Path  # below the folder or pattern that was named
    error: str = ""  # why there is nothing to read, known before reading


def expand_sources(arguments: Iterable[str | Path]) -> list[Source]:
    """The pictures and videos that files, folders (with what lies below them) and patterns name, sorted within each.

    A file that is named itself is always taken, whatever its ending: reading it will tell. A folder or pattern with
    nothing in it, a folder that can't be listed and what is no file at all become a Source with an error. Pictures and
    videos that an earlier run wrote into a folder below the one that is named are left out.
    Raises PictureError where nothing else was named.
    """
    sources: list[Source] = []
    for argument in arguments:
        try:
            sources += _expand(Path(argument))
        except PictureError as refusal:
            path = Path(argument)
            sources.append(Source(path, "picture", Path(path.name), error=str(refusal)))
    if sources and all(source.error for source in sources):
        raise PictureError(sources[0].error)
    return sources


def as_frame(picture: Any, *, bgr: bool = False, exif: bool = True, max_pixels: int = MAX_PIXELS) -> Frame:
    """A Frame of a path, encoded bytes, an array (H, W, 3) uint8, a PIL image, or a Frame itself.

    Raises PictureError if it can't be read, ValueError for anything else.
    """
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, str | Path):
        return read_picture(_no_video(Path(picture)), exif=exif, max_pixels=max_pixels)
    if isinstance(picture, bytes | bytearray):
        return decode_picture(bytes(picture), name="picture", exif=exif, max_pixels=max_pixels)
    if not hasattr(picture, "__array__") and not hasattr(picture, "convert"):
        expected = "a path, bytes, an array (H, W, 3) of uint8, a PIL image, or a Frame"
        raise ValueError(f"picture: found {type(picture).__name__}, expected {expected}")
    pixels = np.asarray(picture.convert("RGB") if hasattr(picture, "convert") else picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"picture: found {pixels.dtype} {pixels.shape}, expected uint8 (H, W, 3)")
    return Frame(np.ascontiguousarray(pixels[..., ::-1]) if bgr else pixels)


def kind_of(path: Path) -> Literal["picture", "video"]:
    """What a file is by its ending."""
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "picture"


def _expand(argument: Path) -> Sequence[Source]:
    _refuse_streams(argument)
    try:
        is_folder, is_there = argument.is_dir(), argument.exists()
    except OSError:  # inside a folder that may not be entered: reading the file will tell
        is_folder, is_there = False, True
    if is_folder:
        return _inside(argument)
    if not is_there and any(mark in str(argument) for mark in "*?["):
        root = Path(argument.anchor) if argument.is_absolute() else Path()
        pattern = str(argument.relative_to(argument.anchor))
        try:
            found = sorted(path for path in root.glob(pattern) if path.is_file())
        except ValueError as wrong:  # such as a**.jpg, which later versions of Python take
            said, expected = f"a bad pattern ({wrong})", "one such as photos/**/*.jpg"
            repair = "write ** between slashes"
            raise PictureError.at(str(argument), found=said, expected=expected, repair=repair) from None
        if not found:
            raise _nothing(argument, "no file that matches")
        return [Source(path, kind_of(path), Path(path.name)) for path in found]
    return [Source(argument, kind_of(argument), Path(argument.name))]


def _refuse_streams(argument: Path) -> None:
    """Raises PictureError for an address, for standard input and for a camera."""
    text = str(argument)
    if address := re.fullmatch(r"([a-z][a-z0-9+.-]+):/+(.*)", text, re.IGNORECASE | re.DOTALL):  # Path drops a slash
        where = f"{address[1]}://{address[2]}"
        raise PictureError.at(where, found="an address", expected="a file", repair="download it first")
    if text == "-" or (text.isdecimal() and not os.path.lexists(text)):
        found = "standard input" if text == "-" else "the number of a camera"
        repair = "standard input and cameras are not read in this version"
        raise PictureError.at(text, found=found, expected="a file", repair=repair)


def _written_in(folder: Path) -> frozenset[str]:
    """The names of the annotated files of an earlier run whose results lie in a folder."""
    try:
        text = Path(folder, RESULTS).read_bytes()
    except OSError:
        return frozenset()
    found: list[bytes] = re.findall(rb', "output": ("(?:[^"\\]|\\.)*")}\n', text)
    return frozenset(Path(json.loads(path)).name for path in found)


def _inside(folder: Path) -> list[Source]:
    """Pictures and videos below a folder, hidden ones and results of an earlier run left out."""
    sources: list[Source] = []
    written: dict[str, frozenset[str]] = {}  # by folder: the names that a run wrote there, or below there
    for here, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        above = written.get(os.path.dirname(here), frozenset())
        own = _written_in(Path(here)) if RESULTS in names and Path(here) != folder else frozenset[str]()
        written[here] = above | own
        for name in sorted(names):
            path = Path(here, name)
            if name in written[here]:
                log.info("%s: passed over, an earlier run wrote it", path)
            elif not name.startswith(".") and path.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES):
                sources.append(Source(path, kind_of(path), path.relative_to(folder)))
    if not sources:
        raise _nothing(folder, "no picture or video")
    return sources


def _refuse(wrong: OSError) -> None:
    found = f"a folder that can't be listed ({wrong.strerror})"
    raise PictureError.at(str(wrong.filename), found=found, expected="a readable one", repair="check its permissions")


def _nothing(argument: Path, found: str) -> PictureError:
    endings = " ".join((*sorted(PICTURE_SUFFIXES), *sorted(VIDEO_SUFFIXES)))
    return PictureError.at(str(argument), found=found, expected=f"files ending in {endings}", repair="check the path")


def _no_video(path: Path) -> Path:
    if kind_of(path) == "video":
        repair = "use detector.stream(path), which gives one result a frame"
        raise PictureError.at(str(path), found="a video", expected="a picture", repair=repair)
    return path
