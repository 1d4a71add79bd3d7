"""What a user names - files, folders, patterns, arrays - turned into pictures and videos to read, in a fixed order."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from yolov2.errors import PictureError
from yolov2.pictures.read import MAX_PIXELS, PICTURE_SUFFIXES, decode_picture, read_picture
from yolov2.pictures.video import VIDEO_SUFFIXES
from yolov2.records import Frame


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read, and the name that what is made of it goes by."""

    path: Path
    kind: Literal["picture", "video"]
    relative: Path  # below the folder or pattern that was named


def expand_sources(arguments: Iterable[str | Path]) -> list[Source]:
    """The pictures and videos that files, folders (with what lies below them) and patterns name, sorted within each.

    A file that is named itself is always taken, whatever its ending: reading it will tell. Raises PictureError for
    a folder or pattern with nothing in it, and for a folder that can't be listed.
    """
    sources: list[Source] = []
    for argument in arguments:
        sources += _expand(Path(argument))
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
    pixels = np.asarray(picture.convert("RGB") if hasattr(picture, "convert") else picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"picture: found {pixels.dtype} {pixels.shape}, expected uint8 (H, W, 3)")
    return Frame(np.ascontiguousarray(pixels[..., ::-1]) if bgr else pixels)


def kind_of(path: Path) -> Literal["picture", "video"]:
    """What a file is by its ending."""
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "picture"


def _expand(argument: Path) -> Sequence[Source]:
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


def _inside(folder: Path) -> list[Source]:
    """Pictures and videos below a folder, hidden ones left out."""
    sources: list[Source] = []
    for here, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES):
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
