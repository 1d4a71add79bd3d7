"""Darknet .weights files <-> arrays by layer. Where each array stands in a file is the business of layout.py."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.diagnose import FIRST_BYTES, explain, explain_bytes
from yolov2.darknet.layout import (
    DARKNET_VERSION,
    FLOAT,
    LONGEST_HEADER,
    Block,
    Header,
    Version,
    count,
    format_header,
    is_transposed,
    layout,
    parse_header,
)
from yolov2.errors import WeightsError
from yolov2.files import write_whole
from yolov2.network.layers import Convolutional, Layer, section_name
from yolov2.network.shapes import Shape, parameters
from yolov2.network.spec import Network

Floats = NDArray[np.float32]
Arrays = Mapping[str, Floats]

STORED = np.dtype("<f4")


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """The parameters of a network by layer, and what the header of a .weights file adds to them."""

    layers: tuple[Arrays, ...]  # one mapping a layer, from parameter name to array; empty where it has none
    seen: int = 0  # pictures trained on so far
    version: Version = DARKNET_VERSION  # of the file they came from

    def __repr__(self) -> str:
        numbers = sum(array.size for layer in self.layers for array in layer.values())
        return f"Weights({len(self.layers)} layers, {numbers:,} numbers, {self.seen:,} pictures seen)"

    @classmethod
    def read(cls, path: str | Path, network: Network) -> Weights:
        """The weights of a file that fits the network exactly. Raises WeightsError."""
        return read_weights(path, network)


def read_weights(
    path: str | Path,
    network: Network,
    *,
    cutoff: int | None = None,
    start: int = 0,
    base: Weights | None = None,
    allow_short: bool = False,
    allow_trailing: bool = False,
    allow_bad_numbers: bool = False,
) -> Weights:
    """The weights of a .weights file, as read-only arrays.

    The file must hold layers [start, cutoff) and nothing else. What it does not hold keeps its value in `base`; without
    one, the value that training starts from. allow_short takes a file that ends earlier, allow_trailing one that goes
    on after its last array, allow_bad_numbers one with NaN, infinity or a negative variance; Darknet does all three
    without a word. Raises WeightsError for a file that can't be read, does not fit or has such numbers.
    Source: Darknet `load_weights_upto`.
    """
    path = Path(path)
    _check_range(network, start, cutoff)
    if base is not None:
        check_arrays(base, network)
    try:
        with _open(path) as file:
            length = os.fstat(file.fileno()).st_size
            header = parse_header(file.read(LONGEST_HEADER))
            if header is None:
                raise explain(path, network, start=start, cutoff=cutoff)
            blocks = layout(network, start=start, cutoff=cutoff, transposed=header.is_transposed)
            spare = length - header.size - FLOAT * count(blocks)
            if (spare < 0 and not allow_short) or (spare > 0 and not allow_trailing):
                raise explain(path, network, start=start, cutoff=cutoff)
            floats = _read_floats(file, header, min(count(blocks), (length - header.size) // FLOAT))
        if not allow_bad_numbers:
            _check_floats(path, network, blocks, floats)
        return Weights(_by_layer(network, blocks, floats, base), header.seen, header.version)
    except OSError as wrong:
        raise _unreadable(path, wrong.strerror or type(wrong).__name__) from None
    except MemoryError:
        found, expected = "too little memory", f"{FLOAT * count(layout(network)):,} bytes of it"
        raise WeightsError.at(str(path), found=found, expected=expected, repair="end other programs") from None


def parse_weights(data: bytes | bytearray | memoryview, network: Network, *, name: str = "weights") -> Weights:
    """The weights that the bytes of a .weights file hold, as read-only arrays; `name` is what messages call them.

    They must fit the network exactly. Raises WeightsError as `read_weights` does.
    """
    held = memoryview(data)
    header = parse_header(bytes(held[:LONGEST_HEADER]))
    blocks = () if header is None else layout(network, transposed=header.is_transposed)
    if header is None or len(held) != header.size + FLOAT * count(blocks):
        raise explain_bytes(name, bytes(held[:FIRST_BYTES]), len(held), network)
    floats = np.frombuffer(held[header.size :], STORED).astype(np.float32)  # a copy: the caller may change the buffer
    floats.flags.writeable = False
    _check_floats(Path(name), network, blocks, floats)
    return Weights(_by_layer(network, blocks, floats, None), header.seen, header.version)


def write_weights(
    path: str | Path, weights: Weights, network: Network, *, cutoff: int | None = None, version: Version | None = None
) -> None:
    """Write a .weights file of layers [0, cutoff), whole or not at all.

    It has the version that `weights` has, so that what was read is written back byte for byte; DARKNET_VERSION is what
    Darknet itself would write. All filters of all layers but those with `dontsave` go into it.
    Raises OutputError; ValueError if the arrays are not those of the network.
    Source: Darknet `save_weights_upto`, which forgets about `flipped`: what it writes is not what it reads.
    """
    _check_range(network, 0, cutoff)
    check_arrays(weights, network)
    version = weights.version if version is None else version
    header = format_header(Header(version, weights.seen))
    with write_whole(path) as file:
        file.write(header)
        for block in layout(network, cutoff=cutoff, transposed=is_transposed(version), saving=True):
            array = weights.layers[block.layer][block.name]
            file.write(np.ascontiguousarray(_matrix(array).T if block.is_turned else array, STORED).data)


def initial_weights(network: Network, *, seed: int = 0) -> Weights:
    """The weights that training starts from where there is no file.

    Every layer draws from a stream of its own, so that its values do not depend on the layers before it.
    Source: Darknet `make_convolutional_layer`, `make_connected_layer`, `make_batchnorm_layer`; the draws are NumPy's.
    """
    pairs = zip(network.layers, network.inputs, strict=True)
    return Weights(tuple(_initial(layer, given, seed=seed, index=index) for index, (layer, given) in enumerate(pairs)))


def _initial(layer: Layer, given: Shape, *, seed: int, index: int) -> Arrays:
    generator = np.random.default_rng((seed, index))
    arrays: dict[str, Floats] = {}
    for name, shape in parameters(layer, given):
        if name == "weights":
            scale = np.float32(math.sqrt(2 / math.prod(shape[1:])))  # of all inputs of one output
            if isinstance(layer, Convolutional):
                arrays[name] = scale * generator.standard_normal(shape, np.float32)
            else:
                arrays[name] = scale * (2 * generator.random(shape, np.float32) - 1)
        else:  # Darknet starts the rolling variance at 0, too
            arrays[name] = np.full(shape, 1 if name == "scales" else 0, np.float32)
    return arrays


# --- reading ----------------------------------------------------------------------------------------------------------


def _open(path: Path) -> BinaryIO:
    """The opened file. Asked for its kind before, because opening a FIFO waits for somebody to write into it."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null byte in the path
        raise _unreadable(path, "no such file") from None
    if not stat.S_ISREG(mode):
        raise _unreadable(path, "a folder" if stat.S_ISDIR(mode) else "a special file")
    return path.open("rb")


def _unreadable(path: Path, found: str) -> WeightsError:
    return WeightsError.at(
        str(path), found=found, expected="a readable .weights file", repair="check the path and its permissions"
    )


def _read_floats(file: BinaryIO, header: Header, number: int) -> Floats:
    """The first floats of a file as one read-only array.

    Not a memory map: a file that is overwritten under it changes a network that has been checked, one that is cut
    short kills the process, and to check the numbers all of it must be read anyway.
    """
    file.seek(header.size)
    floats = np.fromfile(file, STORED, number).astype(np.float32, copy=False)
    if floats.size < number:
        raise WeightsError.at(
            file.name,
            found=f"{floats.size:,} floats",
            expected=f"{number:,} as its length told when it was opened",
            repair="wait until nobody writes to it",
        )
    floats.flags.writeable = False
    return floats


def _check_floats(path: Path, network: Network, blocks: tuple[Block, ...], floats: Floats) -> None:
    """Raise WeightsError for the first array with NaN, infinity or, in a rolling variance, a number below 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        has_suspects = not np.isfinite(np.sum(floats))  # one quick pass; large but finite numbers may be among them
    for block in blocks:
        array = floats[block.offset : block.end]
        if has_suspects and not np.isfinite(array).all():
            what = "NaN" if np.isnan(array).any() else "infinity"
            raise _bad_number(path, network, block, what, "finite numbers")
        if block.name == "rolling_variance" and array.size and array.min() < 0:
            raise _bad_number(path, network, block, f"{array.min():g}", "variances of 0 and above")


def _bad_number(path: Path, network: Network, block: Block, found: str, expected: str) -> WeightsError:
    where = f"{block.name} of layer {block.layer} [{section_name(network.layers[block.layer])}]"
    repair = "the file is damaged, of another network, or of a training that failed: take another"
    return WeightsError.at(str(path), found=f"{found} in {where}", expected=expected, repair=repair)


def _by_layer(network: Network, blocks: tuple[Block, ...], floats: Floats, base: Weights | None) -> tuple[Arrays, ...]:
    """The arrays of every layer: those of the file, and the former ones where it has none or not all of one."""
    stored = {(block.layer, block.name): block for block in blocks}
    layers: list[Arrays] = []
    for index, (layer, given) in enumerate(zip(network.layers, network.inputs, strict=True)):
        arrays: dict[str, Floats] = {}
        former: Arrays | None = base.layers[index] if base is not None else None
        for parameter in parameters(layer, given):
            block = stored.get((index, parameter.name))
            if block is not None and block.shape == parameter.shape and block.end <= floats.size:
                arrays[parameter.name] = _array(block, floats[block.offset : block.end])
                continue
            if former is None:
                former = _initial(layer, given, seed=0, index=index)
            arrays[parameter.name] = _mixed(block, floats, former[parameter.name])
        layers.append(arrays)
    return tuple(layers)


def _array(block: Block, floats: Floats) -> Floats:
    """The floats of one whole block in the block's shape: a view, or a copy where the file has them turned."""
    if not block.is_turned:
        return floats.reshape(block.shape)
    rows = block.shape[0]
    array = np.ascontiguousarray(floats.reshape(-1, rows).T).reshape(block.shape)
    array.flags.writeable = False
    return array


def _mixed(block: Block | None, floats: Floats, former: Floats) -> Floats:
    """`former`, with as much of the array as the file has.

    Where the file ends within a turned array, every number keeps its place; Darknet also turns what it could not read.
    """
    held = 0 if block is None else min(max(floats.size - block.offset, 0), block.size)
    array = former.view()
    if block is not None and held:
        array = former.copy()
        part = array[: block.shape[0]]
        mine = _matrix(part).T.ravel() if block.is_turned else part.ravel()
        mine = np.concatenate([floats[block.offset : block.offset + held], mine[held:]])
        part[...] = _array(block, mine)
    array.flags.writeable = False
    return array


# --- checks -----------------------------------------------------------------------------------------------------------


def _matrix(array: Floats) -> Floats:
    """(outputs, inputs), whatever the inputs are."""
    return array.reshape(array.shape[0], -1)


def _check_range(network: Network, start: int, cutoff: int | None) -> None:
    layers = len(network.layers)
    if not 0 <= start <= (layers if cutoff is None else cutoff) <= layers:
        raise ValueError(f"start={start}, cutoff={cutoff}: expected 0 <= start <= cutoff <= {layers} layers")


def check_arrays(weights: Weights, network: Network) -> None:
    """Raise ValueError unless these are the arrays of this network."""
    if len(weights.layers) != len(network.layers):
        raise ValueError(f"weights: found {len(weights.layers)} layers, expected {len(network.layers)}")
    for index, parameter in network.parameters():
        array = weights.layers[index].get(parameter.name)
        if array is None or array.shape != parameter.shape or array.dtype != np.float32:
            found = "none" if array is None else f"{array.dtype} {array.shape}"
            raise ValueError(f"layer {index}, {parameter.name}: found {found}, expected float32 {parameter.shape}")
