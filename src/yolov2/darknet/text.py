"""Small text files of any kind: read whole, with one refusal for whatever is no text."""

import warnings
from pathlib import Path

from yolov2.errors import FormatError, Yolov2Warning

LARGEST_FILE = 16 * 2**20  # bytes: a hundred times the longest .cfg, .names or .tree of the family


def read_text(path: Path, *, expected: str, refusal: type[FormatError], tell_latin_1: bool = True) -> str:
    """The text of a small file without its byte-order mark; Latin-1, with a warning if wanted, where it is not UTF-8.

    `expected` is what messages call the file, "a .cfg file". Raises `refusal` for one missing, too large or no text.
    """
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "a special file" if path.exists() else "no such file"
            raise refusal.at(str(path), found=found, expected=expected, repair="check the path")
        if path.stat().st_size > LARGEST_FILE:
            found = f"{path.stat().st_size:,} bytes"
            raise refusal.at(str(path), found=found, expected=expected, repair="give another file")
        data = path.read_bytes()
    except OSError as wrong:
        found = wrong.strerror or type(wrong).__name__
        raise refusal.at(str(path), found=found, expected="a readable file", repair="check its permissions") from None
    return decode_text(data, str(path), expected=expected, refusal=refusal, tell_latin_1=tell_latin_1)


def decode_text(
    data: bytes, where: str, *, expected: str, refusal: type[FormatError], tell_latin_1: bool = True
) -> str:
    """The text that the bytes of a small file hold, by the same rules; `where` is what messages call it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refusal.at(where, found="UTF-16 text", expected="UTF-8", repair="save it as UTF-8")
    if b"\0" in data:
        raise refusal.at(where, found="binary data", expected=expected, repair="give another file")
    if not data.strip():
        raise refusal.at(where, found="nothing", expected=expected, repair="give another file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        if tell_latin_1:
            text = f"{where}: not UTF-8 at byte {wrong.start:,}; read as Latin-1"
            warnings.warn(text, Yolov2Warning, stacklevel=4)
        return data.decode("latin-1")
