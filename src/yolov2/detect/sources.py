"""What a user names - files, folders, patterns, lists, addresses, cameras, arrays - turned into what is to be read."""

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from yolov2.detect.formats import FORMATS
from yolov2.detect.lists import LIST_SUFFIXES, STDIN, Entry, entries_of, find_entry, is_picture, read_list, read_stdin
from yolov2.errors import PictureError, printable
from yolov2.pictures.channels import from_bgr
from yolov2.pictures.read import MAX_PIXELS, PICTURE_SUFFIXES, decode_picture, read_picture
from yolov2.pictures.streams import CAMERA, SCHEMES, public_name
from yolov2.pictures.video import VIDEO_SUFFIXES
from yolov2.records import Frame

RESULTS = "detections.jsonl"  # what `detect -o` leaves in its folder, see writers.py

# Path drops a slash of an address; the scheme is longer than the letter of a drive
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read, and the name that what is made of it goes by."""

    path: Path  # of a file; an empty one of anything else
    kind: Literal["picture", "video", "camera", "stream"]
    relative: Path  # below the folder or pattern that was named
    error: str = ""  # why there is nothing to read, known before reading
    address: str = field(default="", repr=False)  # of a stream, maybe with a password; of a camera its number or device
    data: bytes | None = field(default=None, repr=False)  # the picture itself, from standard input

    @property
    def is_file(self) -> bool:
        return not self.address and self.data is None

    @property
    def name(self) -> str:
        """What messages and results call it: never with a password."""
        if self.is_file:
            return str(self.path)
        if not self.address:
            return STDIN
        return f"camera {self.address}" if self.address.isdecimal() else public_name(self.address)


def expand_sources(
    arguments: Iterable[str | Path], *, allow_urls: bool = False, stdin: BinaryIO | None = None
) -> list[Source]:
    """What files, folders (with what lies below them), patterns, lists, cameras and addresses name, in this order.

    A file that is named itself is always taken, whatever its ending: reading it will tell. What a folder or a pattern
    has is sorted; pictures and videos that an earlier run wrote into a folder below the one that is named are left out.
    A .txt or .list file names a file a line, from the working directory or its own folder; so does standard input, "-",
    unless it is a picture. "0" or /dev/video0 is a camera. Addresses are taken with `allow_urls` alone.
    What has nothing in it, can't be listed or is nothing at all becomes a Source with an error.
    Raises PictureError where nothing else was named.
    """
    sources: list[Source] = []
    for argument in arguments:
        try:
            sources += _expand(argument, allow_urls=allow_urls, stdin=stdin)
        except PictureError as refusal:
            sources.append(_refused(str(argument), str(refusal)))
    if sources and all(source.error for source in sources):
        raise PictureError(sources[0].error)
    return sources


def as_frame(
    picture: Any, *, bgr: bool = False, exif: bool = True, max_pixels: int = MAX_PIXELS, channels: int = 3
) -> Frame:
    """A Frame of a path, encoded bytes, an array (H, W, C) or grey (H, W) of uint8, a PIL image, or a Frame itself.

    channels: how many a file is read with, see `read_picture`; an array keeps its own.
    Raises PictureError if it can't be read, ValueError for anything else.
    """
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, str | Path):
        if address := _address(str(picture)):
            repair = "download it first, or, of a video, use detector.stream(address, allow_urls=True)"
            where = printable(public_name(address))
            raise PictureError.at(where, found="an address", expected="a picture file", repair=repair)
        return read_picture(_no_video(Path(picture)), exif=exif, max_pixels=max_pixels, channels=channels)
    if isinstance(picture, bytes | bytearray):
        return decode_picture(bytes(picture), name="picture", exif=exif, max_pixels=max_pixels, channels=channels)
    if not hasattr(picture, "__array__") and not hasattr(picture, "convert"):
        expected = "a path, bytes, an array (H, W, channels) of uint8, a PIL image, or a Frame"
        raise ValueError(f"picture: found {type(picture).__name__}, expected {expected}")
    mode = "RGBA" if channels == 4 else "RGB"
    pixels = np.asarray(picture.convert(mode) if hasattr(picture, "convert") else picture)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"picture: found {pixels.dtype} {pixels.shape}, expected uint8 (H, W, channels)")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return Frame(np.ascontiguousarray(from_bgr(pixels)) if bgr else pixels)


def kind_of(path: Path) -> Literal["picture", "video"]:
    """What a file is by its ending."""
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "picture"


def _expand(argument: str | Path, *, allow_urls: bool, stdin: BinaryIO | None) -> Sequence[Source]:
    text = str(argument)
    if text == STDIN:
        data = read_stdin(stdin)
        if not is_picture(data):
            return [_listed(entry, None, allow_urls=allow_urls) for entry in entries_of(data, STDIN)]
        ending = ".png" if data.startswith(b"\x89PNG") else ".jpg"
        return [Source(Path(), "picture", Path(f"stdin{ending}"), data=data)]
    if address := _address(text):
        return [_stream(address, allow_urls=allow_urls)]
    if CAMERA.fullmatch(text) or (text.isdecimal() and not os.path.lexists(text)):
        return [Source(Path(), "camera", Path(), address=text)]
    path = Path(argument)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError:  # inside a folder that may not be entered: reading the file will tell
        is_folder, is_there = False, True
    if is_folder:
        return _inside(path)
    if not is_there and any(mark in text for mark in "*?["):
        return _matches(path)
    if path.suffix.lower() in LIST_SUFFIXES and os.path.isfile(path):
        return [_listed(entry, path.parent, allow_urls=allow_urls) for entry in read_list(path)]
    return [Source(path, kind_of(path), Path(path.name))]


def _refused(name: str, error: str) -> Source:
    if address := _address(name):
        return Source(Path(), "stream", Path(), error=error, address=address)
    return Source(Path(name), "picture", Path(Path(name).name), error=error)


def _listed(entry: Entry, beside: Path | None, *, allow_urls: bool) -> Source:
    """What one entry of a list names; a bad one is a Source with its error."""
    try:
        if address := _address(entry.name):
            return _stream(address, allow_urls=allow_urls)
        path = find_entry(entry, beside)
        return Source(path, kind_of(path), Path(path.name))
    except PictureError as refusal:
        return _refused(entry.name, str(refusal))


def _address(text: str) -> str:
    """The address that this is, or nothing."""
    parts = ADDRESS.fullmatch(text)
    return f"{parts[1].lower()}://{parts[2]}" if parts else ""


def _stream(address: str, *, allow_urls: bool) -> Source:
    """Raises PictureError for an address of a kind that is not taken, and for any where none is."""
    scheme = address.partition(":")[0]
    where = printable(public_name(address))
    if not allow_urls:
        repair = "download it first, or give --allow-urls (allow_urls=True)"
        raise PictureError.at(where, found="an address", expected="a file", repair=repair)
    if scheme not in SCHEMES:
        expected = f"one of {', '.join(SCHEMES)}"
        raise PictureError.at(where, found=f"an address of {scheme}", expected=expected, repair="name a file")
    return Source(Path(), "stream", Path(), address=address)


def _matches(pattern: Path) -> Sequence[Source]:
    """The files that a pattern names."""
    root = Path(pattern.anchor) if pattern.is_absolute() else Path()
    try:
        found = sorted(path for path in root.glob(str(pattern.relative_to(pattern.anchor))) if path.is_file())
    except ValueError as wrong:  # such as a**.jpg, which later versions of Python take
        said, expected = f"a bad pattern ({wrong})", "one such as photos/**/*.jpg"
        raise PictureError.at(str(pattern), found=said, expected=expected, repair="write ** between slashes") from None
    if not found:
        raise _nothing(pattern, "no file that matches")
    return [Source(path, kind_of(path), Path(path.name)) for path in found]


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
        is_written = RESULTS in names and Path(here) != folder
        own = _written_in(Path(here)) if is_written else frozenset[str]()
        if is_written and FORMATS["crops"] in folders:
            folders.remove(FORMATS["crops"])
            log.info("%s: passed over, an earlier run wrote it", Path(here, FORMATS["crops"]))
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
