"""Why a .weights file does not fit its network: what its first bytes and its length tell for certain."""

import codecs
import os
from pathlib import Path

from yolov2.darknet.layout import FLOAT, LONGEST_HEADER, count, layout, parse_header
from yolov2.darknet.misfit import Misfit, exact_fits
from yolov2.errors import WeightsError
from yolov2.network.layers import section_name
from yolov2.network.spec import Network

FIRST_BYTES = 512
LARGEST_VERSION = 2000  # of each number in a header; Darknet gives those above 1000 a meaning

# Other files' first bytes, from an offset, with what they are and the repair.
MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    (0, b"PK\x03\x04", "a zip archive, or a PyTorch checkpoint", "unpack it, or take the network's .weights file"),
    (0, b"\xfd7zXZ\x00", "an xz archive", "unpack it"),
    (0, b"BZh", "a bzip2 archive", "unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (0, b"\x89HDF\r\n", "a Keras or HDF5 file", "take the network's .weights file"),
    (8, b'{"', "a safetensors file", "give it as the model itself"),
)
# Beginnings of text files, in lower case.
TEXTS: tuple[tuple[bytes, str, str], ...] = (
    (b"<", "a web page", "download the file itself"),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself with `git lfs pull`"),
    (b"[", "a .cfg file", "give the .weights file"),
    (b"", "a text file", "give the .weights file"),
)


def explain(path: str | Path, network: Network, *, start: int = 0, cutoff: int | None = None) -> WeightsError:
    """The error for a file that does not hold layers [start, cutoff) of the network, to be raised by the caller.

    It gives both lengths, the layer at which the file ends, and what it fits instead. Only its first bytes are read.
    """
    with Path(path).open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        first = file.read(FIRST_BYTES)
    return explain_bytes(str(path), first, length, network, start=start, cutoff=cutoff)


def explain_bytes(
    where: str, first: bytes, length: int, network: Network, *, start: int = 0, cutoff: int | None = None
) -> WeightsError:
    """The same for `length` bytes that begin with `first`, FIRST_BYTES of them; `where` is what it calls them."""
    blocks = layout(network, start=start, cutoff=cutoff)
    expected = f"{count(blocks):,} floats for {_called(network)}"
    other = _other_format(first)
    if other is not None:
        found, repair = other
        return WeightsError.at(where, found=found, expected=expected, repair=repair)
    header = parse_header(first[:LONGEST_HEADER])
    if header is None:
        found = f"{length} bytes" if length else "an empty file"
        expected = f"a header of 16 or 20 bytes and {expected}"
        return WeightsError.at(where, found=found, expected=expected, repair="copy it again")
    found, rest = divmod(length - header.size, FLOAT)
    misfit = Misfit(network, header, found, rest, start, cutoff, blocks)
    return WeightsError.at(
        where,
        found=f"{found:,} floats{f' and {rest} bytes' if rest else ''} ({_place(misfit)})",
        expected=f"{count(blocks):,} for {_range(misfit)}{_called(network)}",
        repair=_explanation(misfit),
    )


# --- what it says of the file -----------------------------------------------------------------------------------------


def _called(network: Network) -> str:
    return f"{network.name}.cfg" if network.name else "this network"


def _range(misfit: Misfit) -> str:
    stop = len(misfit.network.layers) if misfit.cutoff is None else misfit.cutoff
    is_whole = misfit.start == 0 and stop == len(misfit.network.layers)
    return "" if is_whole else f"layers {misfit.start} to {stop - 1} of "


def _place(misfit: Misfit) -> str:
    """Where in the network the file ends."""
    if misfit.found == 0:
        return "a header alone"
    block = next((block for block in misfit.blocks if misfit.found < block.end), None)
    if block is None:
        more = misfit.found - misfit.expected
        return f"{more:,} after the last layer" if more else f"{misfit.rest} bytes after the last layer"
    layer = f"layer {block.layer} [{section_name(misfit.network.layers[block.layer])}]"
    within = misfit.found - block.offset
    if within == 0 and not misfit.rest:
        return f"they end before {block.name} of {layer}"
    return f"they end in {block.name} of {layer}, after {within:,} of {block.size:,}"


def _other_format(first: bytes) -> tuple[str, str] | None:
    """What the file is, and the repair, if it begins as no .weights file does."""
    for offset, magic, name, repair in MAGIC:
        if first[offset:].startswith(magic):
            return name, repair
    if len(first) < 16 or not _is_text(first):
        return None
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    name, repair = next((name, repair) for begin, name, repair in TEXTS if text.startswith(begin))
    return f"{name} that begins with {repr(first[:24])[1:]}", repair  # bytes without their b


def _is_text(first: bytes) -> bool:
    """Whether these are the first bytes of UTF-8 text; the version in a .weights file always has control characters."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)  # its last character may be cut
    except UnicodeDecodeError:
        return False
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in first)


def _explanation(misfit: Misfit) -> str:
    """The repair: every change that makes the length exactly right, likeliest first."""
    if misfit.rest == 0 and misfit.found:
        changes = exact_fits(misfit)
        if changes:
            return f"it fits exactly {', or '.join(changes)}"
    size = FLOAT * (misfit.found - misfit.expected) + misfit.rest
    version = misfit.header.version
    if not all(0 <= number <= LARGEST_VERSION for number in version):
        return f"its first bytes mean version {'.'.join(map(str, version))}, so it is no .weights file: check the path"
    tried = " and no network known here fits" if misfit.cutoff is None else ""
    if size < 0:
        return f"{-size:,} bytes are missing{tried}: most likely it is cut short, copy it again"
    return f"{size:,} bytes are too many{tried}: use the cfg it was trained with"
