"""Safetensors files: a header of JSON, then plain numbers. What the tensors are is the business of whoever asks.

The safetensors package judges the header. Numbers are read and written here: the package maps a file into memory, where
one that is cut short later kills the process, and writes from a second copy of all numbers, the metadata in any order.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import CheckpointError, printable

Floats = NDArray[np.float32]

LARGEST_HEADER = 16 * 2**20  # bytes: the names and the tree of yolo9000 take half a MB
CHUNK = 2**20
STORED = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}  # what is read and written here
METADATA = "__metadata__"

# A digest stands at the very beginning, so that its place is known before anything has been understood.
SEAL_PREFIX = b'{"__metadata__":{"sha256":"'
UNSEALED = b"0" * 64
SEAL = slice(8 + len(SEAL_PREFIX), 8 + len(SEAL_PREFIX) + len(UNSEALED))  # eight bytes of length come first


class Entry(NamedTuple):
    """Where one tensor stands in the file."""

    dtype: str  # F32, F16, or another that safetensors knows
    shape: tuple[int, ...]
    start: int  # byte after the header


@dataclass(frozen=True, eq=False, slots=True)
class Header:
    """What a safetensors file says of itself; every entry lies inside the file, and nothing else does."""

    metadata: Mapping[str, str]
    entries: Mapping[str, Entry]
    raw: bytes  # as it stands in the file, with the eight bytes of its length

    @property
    def seal(self) -> str:
        """The digest that `write_tensors` put into the file; "" where it has none in that place."""
        return self.raw[SEAL].decode("latin-1") if self.raw[8:].startswith(SEAL_PREFIX) else ""


# --- reading ----------------------------------------------------------------------------------------------------------


def open_tensors(path: Path) -> BinaryIO:
    """The opened file. Raises CheckpointError; asks for its kind first, because opening a FIFO would wait."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise damaged(path, "a folder" if stat.S_ISDIR(mode) else "a special file", repair="check the path")
        return path.open("rb")
    except OSError as wrong:
        found = "no such file" if isinstance(wrong, FileNotFoundError) else wrong.strerror or type(wrong).__name__
        raise damaged(path, found, repair="check the path") from None


def read_header(file: BinaryIO, path: Path) -> Header:
    """The header of an opened file, checked against the file's length. Raises CheckpointError."""
    from safetensors import SafetensorError, safe_open

    length = os.fstat(file.fileno()).st_size
    first = file.read(8)
    size = int.from_bytes(first, "little")
    if len(first) < 8:
        raise damaged(path, f"{length} bytes" if length else "an empty file")
    if size > LARGEST_HEADER:
        expected = f"a safetensors file whose header has at most {LARGEST_HEADER:,}"
        raise damaged(path, f"a header of {size:,} bytes", expected=expected, repair="give another file")
    try:
        with safe_open(path, framework="np"):  # which refuses what is no such file, or not as long as it says
            pass
    except (SafetensorError, OSError) as wrong:
        said = str(wrong).removeprefix("Error while deserializing header: ")
        raise damaged(path, f"a bad header ({printable(said, longest=120)})") from None
    raw = file.read(size)
    fields = json.loads(raw)
    metadata = fields.pop(METADATA, {})
    entries = {
        name: Entry(value["dtype"], tuple(value["shape"]), value["data_offsets"][0]) for name, value in fields.items()
    }
    return Header(metadata, entries, first + raw)


def digest_of(file: BinaryIO, header: Header) -> str:
    """SHA-256 of the whole file as it was before its digest was written into it. Takes no memory."""
    digest = hashlib.sha256(header.raw[: SEAL.start] + UNSEALED + header.raw[SEAL.stop :])
    file.seek(len(header.raw))
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def read_tensor(file: BinaryIO, header: Header, name: str, path: Path) -> Floats:
    """One tensor as a read-only array of float32, whatever it is stored as. Raises CheckpointError."""
    entry = header.entries[name]
    file.seek(len(header.raw) + entry.start)
    numbers = np.fromfile(file, STORED[entry.dtype], math.prod(entry.shape))
    if numbers.size != math.prod(entry.shape):
        raise damaged(path, f"an end within {printable(name)}", repair="wait until nobody writes to it")
    array = numbers.astype(np.float32, copy=False).reshape(entry.shape)
    array.flags.writeable = False
    return array


def damaged(
    path: Path, found: str, *, expected: str = "a safetensors file", repair: str = "copy it again"
) -> CheckpointError:
    """The refusal of a file that is not what it should be."""
    return CheckpointError.at(str(path), found=found, expected=expected, repair=repair)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_tensors(file: BinaryIO, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """Write arrays of float32 or float16 in their order. Returns the SHA-256 that seals the file."""
    stored = {name: _storable(array) for name, array in tensors.items()}
    header = _format_header(stored, metadata)
    digest = hashlib.sha256(header)
    for array in stored.values():
        digest.update(array.data)
    file.write(header[: SEAL.start] + digest.hexdigest().encode() + header[SEAL.stop :])
    for array in stored.values():
        file.write(array.data)
    return digest.hexdigest()


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    """The array as it lies in a file: little endian and in order; itself where it is so already."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _format_header(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The header with its length in front, zeros in the place of the digest, padded to a multiple of eight bytes.

    Raises ValueError if it is larger than the reader takes.
    """
    names = {dtype: name for name, dtype in STORED.items()}
    fields: dict[str, Any] = {METADATA: {"sha256": UNSEALED.decode(), **metadata}}
    at = 0
    for name, array in arrays.items():
        offsets = [at, at + array.nbytes]
        fields[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        at += array.nbytes
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    if len(text) > LARGEST_HEADER:
        raise ValueError(f"metadata: found {len(text):,} bytes, expected at most {LARGEST_HEADER:,}")
    return len(text).to_bytes(8, "little") + text
