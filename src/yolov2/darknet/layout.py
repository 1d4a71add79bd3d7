"""Where everything stands in a .weights file: the header, and the one walk that reading, writing and counting share.

Sizes and places only; the numbers themselves are the business of weights.py. Source: Darknet `load_weights_upto`.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from yolov2.network.layers import BatchNorm, Connected, Convolutional, Layer
from yolov2.network.shapes import Parameter
from yolov2.network.spec import Network

FLOAT = 4  # bytes
LONGEST_HEADER = 20  # bytes
NORM = ("scales", "rolling_mean", "rolling_variance")

Version = tuple[int, int, int]
DARKNET_VERSION: Version = (0, 2, 0)  # what Darknet writes


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the floats."""

    version: Version  # major, minor, revision
    seen: int  # pictures trained on so far

    @property
    def size(self) -> int:
        """Length in bytes: `seen` has 64 bits in newer files, 32 in older ones."""
        return header_size(self.version)

    @property
    def is_transposed(self) -> bool:
        """Whether the weights of [connected] layers stand as (inputs, outputs)."""
        return is_transposed(self.version)


def header_size(version: Version) -> int:
    """Bytes before the first float."""
    major, minor, _ = version
    # Darknet: load_weights_upto
    return 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16


def is_transposed(version: Version) -> bool:
    """Whether a file of this version holds the weights of [connected] layers as (inputs, outputs)."""
    return version[0] > 1000 or version[1] > 1000


def parse_header(data: bytes) -> Header | None:
    """The header in the first LONGEST_HEADER bytes of a file; None if the file is shorter than its header."""
    if len(data) < 16:
        return None
    version: Version = struct.unpack_from("<3i", data)
    size = header_size(version)
    if len(data) < size:
        return None
    return Header(version, struct.unpack_from("<Q" if size == 20 else "<i", data, 12)[0])


def format_header(header: Header) -> bytes:
    """The bytes of a header. Raises ValueError if `seen` does not fit the version."""
    start = struct.pack("<3i", *header.version)
    if header.size == 20:
        return start + struct.pack("<Q", header.seen % 2**64)  # a negative count of an old file: as C converts it
    if not -(2**31) <= header.seen < 2**31:
        raise ValueError(f"seen: found {header.seen}, expected 32 bits in a header of version {header.version}")
    return start + struct.pack("<i", header.seen)


class Block(NamedTuple):
    """One array as it stands in a file."""

    layer: int
    name: str
    shape: tuple[int, ...]  # in memory; fewer filters than the layer has under `numload`
    offset: int  # floats between the header and this array
    is_turned: bool  # the file holds the transposed matrix, (inputs, outputs)

    @property
    def size(self) -> int:
        """Number of floats."""
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        """Floats between the header and what follows this array."""
        return self.offset + self.size


def layout(
    network: Network,
    *,
    start: int = 0,
    cutoff: int | None = None,
    transposed: bool = False,
    saving: bool = False,
) -> tuple[Block, ...]:
    """Every array of layers [start, cutoff) in the order of a .weights file.

    transposed: the file's version says so (`Header.is_transposed`). saving: as Darknet writes the network, which leaves
    out the layers with `dontsave`; otherwise as it loads it, which honours `dontload`, `dontloadscales` and `numload`.
    Source: Darknet `load_weights_upto`, `save_weights_upto`.
    """
    stop = len(network.layers) if cutoff is None else cutoff
    blocks: list[Block] = []
    offset = 0
    for index, parameter in network.parameters():
        layer = network.layers[index]
        if not start <= index < stop or not _is_stored(layer, parameter, saving=saving):
            continue
        shape = parameter.shape if saving else _loaded_shape(layer, parameter)
        turned = parameter.name == "weights" and _is_turned(layer, transposed)
        blocks.append(Block(index, parameter.name, shape, offset, turned))
        offset = blocks[-1].end
    return tuple(blocks)


def count(blocks: tuple[Block, ...]) -> int:
    """Number of floats of a layout."""
    return blocks[-1].end if blocks else 0


def borders(blocks: tuple[Block, ...]) -> Iterator[tuple[int, int]]:
    """(layer, floats before it) for every layer that has arrays in the file: where a partial file may end."""
    last = None
    for block in blocks:
        if block.layer != last:
            yield block.layer, block.offset
        last = block.layer


def _is_stored(layer: Layer, parameter: Parameter, *, saving: bool) -> bool:
    if saving:
        return not layer.options.dontsave
    if layer.options.dontload:
        return False
    # Darknet: load_batchnorm_weights reads them all the same
    return not layer.options.dontloadscales or isinstance(layer, BatchNorm) or parameter.name not in NORM


def _loaded_shape(layer: Layer, parameter: Parameter) -> tuple[int, ...]:
    if isinstance(layer, Convolutional) and layer.options.numload:
        return (min(layer.options.numload, layer.filters), *parameter.shape[1:])  # Darknet runs over its buffer instead
    return parameter.shape


def _is_turned(layer: Layer, transposed: bool) -> bool:
    return (isinstance(layer, Convolutional) and layer.flipped) or (isinstance(layer, Connected) and transposed)
