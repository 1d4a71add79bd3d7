"""Picture files and bytes -> Frames. A size is read from the header before anything is decoded; nothing is resized."""

from __future__ import annotations

import importlib
import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from yolov2.errors import PictureError, printable
from yolov2.pictures.channels import NUMPY_MAGIC, decode_array, with_channels
from yolov2.records import Frame

PICTURE_SUFFIXES = frozenset(  # what a folder's pictures are found by; a file named outright is judged by its bytes
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
    | {".avif"}
)
MAX_PIXELS = 50_000_000
FORMATS_IN_WORDS = "a JPEG, PNG, WebP, BMP, GIF, TIFF, PPM or AVIF picture"

# The only formats tried, by their first bytes, and Pillow's class for each. Left to choose by itself, Pillow tries many
# more, one of which starts Ghostscript; the classes, unlike `Image.open`, also leave the limit on pixels to us.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (  # offset, bytes, name of the format
    (0, b"\xff\xd8\xff", "Jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "Png"),
    (8, b"WEBP", "WebP"),
    (0, b"GIF87a", "Gif"),
    (0, b"GIF89a", "Gif"),
    (0, b"BM", "Bmp"),
    (0, b"II*\x00", "Tiff"),
    (0, b"MM\x00*", "Tiff"),
    (4, b"ftypavif", "Avif"),
    (4, b"ftypavis", "Avif"),
    (4, b"ftypmif1", "Avif"),
    *((0, b"P%d" % kind, "Ppm") for kind in range(1, 7)),
)
VIDEO_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (  # offset, bytes, the ending that such a file should have
    (4, b"ftyp", ".mp4"),
    (0, b"\x1aE\xdf\xa3", ".mkv"),
    (8, b"AVI ", ".avi"),
    (0, b"FLV\x01", ".flv"),
)
NO_VIDEO = (b"ftyphe", b"ftypmsf1")  # HEIC, in the container of MP4
LONGEST_SIGNATURE = 16  # bytes, from the start of a file
TURNED = (5, 6, 7, 8)  # EXIF orientations in which rows and columns change places
REDUCED_GREY = (  # how many times smaller a picture may be decoded, and how OpenCV calls it
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
BYTES_PER_PIXEL = 8  # the most a format here needs, uncompressed: four channels of 16 bits
BYTES_BESIDE_PIXELS = 64 << 20  # headers, profiles, further frames

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a refusal is ours to word, once


class QuietJpeg(JpegImageFile):
    """Pillow's JPEG header without its search for dots per inch, which warns of every camera's broken EXIF block."""

    def _read_dpi_from_exif(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says of itself before it is decoded."""

    kind: str
    height: int
    width: int
    orientation: int  # EXIF, 1 to 8; 1 is upright


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS, exif: bool = True, channels: int = 3) -> Frame:
    """The picture in a file, upright unless `exif` is False (Darknet knows no EXIF).

    channels: 3 is RGB, 1 is grey, 4 keeps the alpha that is dropped else. Any other number needs a .npy file, which
    holds an array (H, W, channels) of uint8 and is taken as it is. Of an animation the first frame is taken; a TIFF
    file's own orientation always counts.
    Raises PictureError, in one line, whatever the file is.
    """
    data = _read_bytes(path, printable(path), max_pixels=max_pixels)
    return decode_picture(data, name=str(path), max_pixels=max_pixels, exif=exif, channels=channels)


def decode_picture(
    data: bytes, *, name: str, max_pixels: int = MAX_PIXELS, exif: bool = True, channels: int = 3
) -> Frame:
    """The picture in the bytes of a file, as read_picture gives it; `name` becomes the frame's source."""
    where = printable(name)
    if data.startswith(NUMPY_MAGIC):
        frame = Frame(decode_array(data, where, max_pixels=max_pixels), source=name)
        return Frame(with_channels(frame, channels), source=name)
    header = _read_header(io.BytesIO(data), where)
    if header.height * header.width > max_pixels:
        raise PictureError.at(
            where,
            found=f"a header that claims {header.width:,} x {header.height:,} pixels",
            expected=f"at most {max_pixels:,} pixels",
            repair="make it smaller, or raise the limit with --max-pixels if you trust the file",
        )
    pixels = _decode(data, header, where, with_alpha=channels == 4)
    if exif:
        pixels = turn_upright(pixels, header.orientation)
    frame = Frame(pixels, source=name)
    return frame if channels == pixels.shape[2] else Frame(with_channels(frame, channels), source=name)


def picture_size(path: Path, *, exif: bool = True) -> tuple[int, int]:
    """(height, width) of the picture in a file as read_picture gives it, from its header. Raises PictureError."""
    name = printable(path)
    with _opened(path, name) as file:
        if file.read(len(NUMPY_MAGIC)) == NUMPY_MAGIC:
            file.seek(0)
            height, width, _ = decode_array(file.read(), name, max_pixels=MAX_PIXELS).shape
            return height, width
        file.seek(0)
        header = _read_header(file, name)
    turned = exif and header.orientation in TURNED
    return (header.width, header.height) if turned else (header.height, header.width)


def read_small_grey(path: Path, *, shortest: int) -> NDArray[np.uint8]:
    """(H, W) a grey, upright picture with its shorter side at least `shortest` pixels, where the file has as many.

    A JPEG is decoded at a half, a quarter or an eighth of its size, which takes a fraction of the time.
    Raises PictureError.
    """
    name = printable(path)
    data = _read_bytes(path, name, max_pixels=MAX_PIXELS)
    if data.startswith(NUMPY_MAGIC):
        return cv2.cvtColor(read_picture(path).rgb, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    header = _read_header(io.BytesIO(data), name)
    times = min(header.height, header.width) // shortest
    reduced = next((flag for least, flag in REDUCED_GREY if times >= least), None)
    if header.kind != "JPEG" or reduced is None:
        return cv2.cvtColor(decode_picture(data, name=str(path)).rgb, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), reduced | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:  # the way to what is wrong with it
        return cv2.cvtColor(decode_picture(data, name=str(path)).rgb, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    return turn_upright(pixels[..., None], header.orientation)[..., 0]


def turn_upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture as its EXIF orientation wants it shown; an orientation outside 2 to 8 changes nothing."""
    if orientation in TURNED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _read_bytes(path: Path, name: str, *, max_pixels: int) -> bytes:
    with _opened(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        limit = max_pixels * BYTES_PER_PIXEL + BYTES_BESIDE_PIXELS
        if size > limit:
            raise PictureError.at(
                name,
                found=f"a file of {size:,} bytes",
                expected=f"at most {limit:,} bytes for {max_pixels:,} pixels",
                repair="make it smaller, or raise the limit with --max-pixels if you trust the file",
            )
        return file.read()


@contextmanager
def _opened(path: Path, name: str) -> Generator[BinaryIO]:
    """The bytes of a regular file. Raises PictureError, also for what the system says while it is read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a FIFO would wait for a writer
            raise PictureError.at(name, found=_kind_of(mode), expected="a picture file", repair="name a regular file")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise PictureError.at(name, found="no such file", expected="a picture file", repair="check the name") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PictureError.at(
            name,
            found=f"a file that can't be read ({reason})",
            expected="a picture file",
            repair="check its permissions and the disk",
        ) from error


def _kind_of(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something other than a file")


def picture_format(start: bytes) -> str | None:
    """Of which of the formats that are read here a file is, by its first LONGEST_SIGNATURE bytes; None of any other."""
    return next((kind for at, signature, kind in SIGNATURES if start.startswith(signature, at)), None)


def _video_ending(start: bytes) -> str:
    """The ending of the name of a video that starts so, or nothing."""
    if start.startswith(NO_VIDEO, 4):
        return ""
    return next((suffix for at, signature, suffix in VIDEO_SIGNATURES if start.startswith(signature, at)), "")


def _read_header(file: BinaryIO, where: str) -> Header:
    start = file.read(LONGEST_SIGNATURE)
    file.seek(0)
    kind = picture_format(start)
    if kind is None:
        if suffix := _video_ending(start):
            repair = f"rename it, so that it ends in {suffix}"
            raise PictureError.at(where, found="a video", expected=FORMATS_IN_WORDS, repair=repair)
        found = f"a file that starts with {_start(start)}" if start else "0 bytes"
        repair = "save it as one of these" if start else "copy it again"
        raise PictureError.at(where, found=found, expected=FORMATS_IN_WORDS, repair=repair)
    try:
        picture = _opener(kind)(file)
        width, height = picture.size
        # Not of TIFF: there it is a tag of the file, which OpenCV follows anyway, and Pillow in the size it tells.
        orientation = _orientation(picture.info.get("exif") or b"")
    except Exception as error:
        # Pillow raises what the damage happens to cause: SyntaxError, OSError, ValueError, struct.error, ...
        raise PictureError.at(
            where,
            found=f"a {kind.upper()} header that can't be read ({_first_line(error)})",
            expected="a whole picture with 8 or 16 bits a channel",
            repair="copy it again, or save it anew",
        ) from error
    return Header(kind.upper(), height, width, orientation)


def _opener(kind: str) -> Any:
    """Pillow's class for a format: reads the header alone. Each comes with the first file that needs it."""
    if kind == "Jpeg":
        return QuietJpeg
    return getattr(importlib.import_module(f"PIL.{kind}ImagePlugin"), f"{kind}ImageFile")


def _decode(data: bytes, header: Header, where: str, *, with_alpha: bool) -> NDArray[np.uint8]:
    """RGB (H, W, 3), or RGBA (H, W, 4) of a picture that has alpha."""
    reason = ""
    try:
        # OpenCV, not Pillow: as strict, faster, and right for 16-bit grey, which Pillow's convert("RGB") cuts at 255.
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if with_alpha and pixels is not None:
            pixels = _add_alpha(pixels, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    except cv2.error as error:
        pixels, reason = None, f" ({_first_line(error)})"
    claimed = f"{header.width} x {header.height}"
    if pixels is None:
        raise PictureError.at(
            where,
            found=f"a {header.kind} picture of {len(data):,} bytes that does not decode{reason}",
            expected=f"{claimed} whole pixels",
            repair="it is cut short, damaged or of an unusual kind; copy it again, or save it anew",
        )
    if pixels.shape[:2] != (header.height, header.width):
        raise PictureError.at(
            where,
            found=f"{pixels.shape[1]} x {pixels.shape[0]} decoded pixels",
            expected=f"{claimed} as its header says",
            repair="save it anew",
        )
    return pixels


def _add_alpha(rgb: NDArray[np.uint8], unchanged: Any) -> NDArray[np.uint8]:
    """RGBA, where the picture as its file has it holds alpha; else the RGB itself."""
    if unchanged.shape != (*rgb.shape[:2], 4):
        return rgb
    alpha = unchanged[..., 3]
    return np.dstack((rgb, alpha if alpha.dtype == np.uint8 else (alpha >> 8).astype(np.uint8)))


def _orientation(exif: bytes) -> int:
    """The orientation in an EXIF block; 1 where there is none, or none that can be read."""
    tiff = exif.removeprefix(b"Exif\x00\x00")
    if tiff[:2] not in (b"II", b"MM"):
        return 1
    order = "little" if tiff[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    entries = number(4, 4)
    for entry in range(entries + 2, min(entries + 2 + 12 * number(entries, 2), len(tiff)), 12):
        if number(entry, 2) == 0x0112:
            return number(entry + 8, 2)
    return 1


def _start(data: bytes) -> str:
    """The first bytes of a file as a person reads them: text in quotes, all else as hexadecimal numbers."""
    text = data[:8].decode("latin-1")
    is_text = all(char.isascii() and (char.isprintable() or char in "\r\n\t") for char in text)
    return f'"{printable(text)}"' if is_text else f"the bytes {data[:8].hex(' ')}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
