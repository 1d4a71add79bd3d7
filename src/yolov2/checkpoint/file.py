"""Checkpoints: one .safetensors file with the weights and everything that is needed to use them.

How tensors lie in a file is the business of tensors.py, how all else becomes text that of header.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from yolov2.checkpoint.header import LETTERBOX, Preprocessing, format_metadata, known_metadata, parse_metadata
from yolov2.checkpoint.tensors import (
    STORED,
    Floats,
    Header,
    damaged,
    digest_of,
    open_tensors,
    read_header,
    read_tensor,
    write_tensors,
)
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.tree import Tree
from yolov2.darknet.weights import Weights, check_arrays, write_weights
from yolov2.errors import CheckpointError, printable
from yolov2.files import write_whole
from yolov2.network.layers import Region, Softmax
from yolov2.network.shapes import Parameter
from yolov2.network.spec import Network

LARGEST_HALF = 65_504.0  # of float16


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """A model as a whole. Raises ValueError if its parts do not fit each other."""

    network: Network
    weights: Weights
    names: tuple[str, ...] = ()  # of the classes, of those of the map if there is one; () if they have none
    tree: Tree | None = None  # of the classes
    map: tuple[int, ...] | None = None  # the nodes of the tree that are the classes of an answer; None: all
    preprocessing: Preprocessing = LETTERBOX
    thresholds: float | Mapping[str, float] | None = None  # for the score: one, or one a class; None: not chosen
    recipe: Mapping[str, Any] | None = None  # how it was trained: whatever JSON can say
    sha256: str = ""  # of the file that it was read from

    def __post_init__(self) -> None:
        classes = self.network.num_classes
        named = classes if self.map is None else len(self.map)
        if self.names and len(self.names) != named:
            raise ValueError(f"names: found {len(self.names):,}, expected {named:,}, one for each class")
        if any("\n" in name for name in self.names):
            raise ValueError("names: found a name of two lines, expected one")
        if self.tree is not None:
            _check_tree(self.tree, classes)
        if self.map is not None and not all(0 <= node < classes for node in self.map):
            raise ValueError(f"map: found {min(self.map)} to {max(self.map)}, expected nodes from 0 to {classes - 1}")
        _check_thresholds(self.thresholds, self.names)
        check_arrays(self.weights, self.network)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_checkpoint(path: str | Path, checkpoint: Checkpoint, *, half: bool = False) -> str:
    """Write a checkpoint, whole or not at all. Returns the SHA-256 that is sealed into it.

    half: kernels as float16, in half the space; biases and statistics, which are few, stay float32.
    Raises OutputError; CheckpointError for numbers that a checkpoint may not hold; ValueError for a network that a .cfg
    can't express.
    """
    path = Path(path)
    written = replace(parse_cfg(format_cfg(checkpoint.network)), arithmetic=checkpoint.network.arithmetic)
    if written != checkpoint.network:
        raise ValueError("network: found layers that a .cfg can't express")
    tensors: dict[str, NDArray[Any]] = {}
    for index, parameter in checkpoint.network.parameters():
        name, array = tensor_name(index, parameter), checkpoint.weights.layers[index][parameter.name]
        _check_numbers(array, name, path)
        tensors[name] = _halved(array, name, path) if half and parameter.name == "weights" else array
    with write_whole(path) as file:
        return write_tensors(file, tensors, _metadata(checkpoint))


def tensor_name(index: int, parameter: Parameter) -> str:
    """What a checkpoint calls an array: `layer_07.weights`."""
    return f"layer_{index:02}.{parameter.name}"


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    fields = {
        "seen": checkpoint.weights.seen,
        "weights_version": checkpoint.weights.version,
        "preprocessing": checkpoint.preprocessing,
        "names": checkpoint.names or None,
        "tree": checkpoint.tree,
        "map": checkpoint.map,
        "thresholds": checkpoint.thresholds,
        "recipe": checkpoint.recipe,
    }
    return format_metadata(checkpoint.network, fields)


def _halved(array: Floats, name: str, path: Path) -> NDArray[np.float16]:
    largest = float(np.abs(array).max(initial=0))
    if largest > LARGEST_HALF:
        found, expected = f"{largest:g} in {name}", f"at most {LARGEST_HALF:,.0f}, the largest float16"
        raise CheckpointError.at(str(path), found=found, expected=expected, repair="write it as float32")
    return array.astype(np.float16)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_checkpoint(path: str | Path) -> Checkpoint:
    """The checkpoint of a file. All is checked before memory is taken for the numbers.

    Raises CheckpointError, one line, for a file that is no checkpoint, damaged anywhere, of a newer format, or whose
    tensors are not those of its own network.
    """
    path = Path(path)
    with open_tensors(path) as file:
        header = read_header(file, path)
        metadata = known_metadata(header.metadata, path)
        _check_seal(file, header, path)
        parts = parse_metadata(metadata, path)
        _check_entries(header, parts["network"], path)
        layers = _read_layers(file, header, parts["network"], path)
    weights = Weights(layers, parts.pop("seen"), parts.pop("weights_version"))
    try:
        return Checkpoint(weights=weights, sha256=header.seal, **parts)
    except ValueError as wrong:
        raise CheckpointError(f"{path}: {printable(wrong)}; take the original file") from None


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """What a checkpoint says beside its network, names and tree."""

    preprocessing: Preprocessing
    thresholds: float | Mapping[str, float] | None
    recipe: Mapping[str, Any] | None
    number_formats: tuple[str, ...]  # of its kernels and of all else: float16, float32


def read_stored(path: str | Path) -> Stored:
    """What the header of a checkpoint says, without a look at its numbers. Raises CheckpointError."""
    path = Path(path)
    with open_tensors(path) as file:
        header = read_header(file, path)
        parts = parse_metadata(known_metadata(header.metadata, path), path)
    formats = {str(STORED[entry.dtype].name) for entry in header.entries.values() if entry.dtype in STORED}
    preprocessing = parts.get("preprocessing", LETTERBOX)
    return Stored(preprocessing, parts.get("thresholds"), parts.get("recipe"), tuple(sorted(formats)))


def read_network(path: str | Path) -> Network:
    """The network that a checkpoint says it holds, without a look at its numbers. Raises CheckpointError."""
    path = Path(path)
    with open_tensors(path) as file:
        return parse_metadata(known_metadata(read_header(file, path).metadata, path), path)["network"]


def _read_layers(file: BinaryIO, header: Header, network: Network, path: Path) -> tuple[dict[str, Floats], ...]:
    layers: list[dict[str, Floats]] = [{} for _ in network.layers]
    try:
        for index, parameter in network.parameters():
            name = tensor_name(index, parameter)
            layers[index][parameter.name] = read_tensor(file, header, name, path)
            _check_numbers(layers[index][parameter.name], name, path)
    except MemoryError:
        needed = 4 * sum(parameter.size for _, parameter in network.parameters())
        expected = f"{needed:,} bytes of it"
        raise damaged(path, "too little memory", expected=expected, repair="end other programs") from None
    return tuple(layers)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_seal(file: BinaryIO, header: Header, path: Path) -> None:
    """Raise CheckpointError if any byte of the file is another than the one that was written."""
    if header.seal != digest_of(file, header):
        found = "a wrong SHA-256" if header.seal else "no SHA-256 in its place"
        repair = "it is damaged or was rewritten by another program: take the original"
        raise damaged(path, found, expected="the one over its content", repair=repair)


def _check_entries(header: Header, network: Network, path: Path) -> None:
    """Raise CheckpointError unless the file's tensors are those of the network, by name, shape and number format."""
    expected = {tensor_name(index, parameter): parameter.shape for index, parameter in network.parameters()}
    for name, shape in expected.items():
        entry = header.entries.get(name)
        if entry is None or entry.shape != shape or entry.dtype not in STORED:
            found = f"no {name}" if entry is None else f"{name} as {entry.dtype} {list(entry.shape)}"
            wanted = f"F32 or F16 {list(shape)}, as its network says"
            raise damaged(path, found, expected=wanted, repair="take the original file")
    extra = sorted(header.entries.keys() - expected.keys())
    if extra:
        found = f"{len(extra)} tensors that its network does not have, such as {printable(extra[0], longest=60)}"
        raise damaged(path, found, expected=f"{len(expected)} tensors", repair="take the original file")


def _check_numbers(array: Floats, name: str, path: Path) -> None:
    """Raise CheckpointError for NaN, infinity, or a variance below 0."""
    is_variance = name.endswith("rolling_variance")
    if not np.isfinite(array).all() or (is_variance and array.size and array.min() < 0):
        what = "NaN" if np.isnan(array).any() else "infinity" if np.isinf(array).any() else f"{array.min():g}"
        expected = "variances of 0 and above" if is_variance else "finite numbers"
        raise damaged(path, f"{what} in {name}", expected=expected, repair="take weights of a training that went well")


def _check_tree(tree: Tree, classes: int) -> None:
    """Raise ValueError unless these are the classes of a network, and a tree. Source: `darknet.tree.read_tree`."""
    if not len(tree.names) == len(tree.parents) == classes:
        raise ValueError(f"tree: found {len(tree.names):,} nodes, expected {classes:,}, one for each class")
    last_of: dict[int, int] = {}  # parent -> its latest child
    for node, parent in enumerate(tree.parents):
        if not -1 <= parent < node or last_of.get(parent, node - 1) != node - 1:
            raise ValueError(f"tree: found parent {parent} of node {node}, expected siblings together, after it")
        last_of[parent] = node
    if any(len(name.split()) != 1 for name in tree.names):
        raise ValueError("tree: found a name with spaces, expected one word")


def _check_thresholds(thresholds: float | Mapping[str, float] | None, names: tuple[str, ...]) -> None:
    if thresholds is None:
        return
    by_class = thresholds if isinstance(thresholds, Mapping) else {"": thresholds}
    if not all(0 <= value <= 1 for value in by_class.values()):
        raise ValueError(f"thresholds: found {thresholds}, expected numbers from 0 to 1")
    unknown = [name for name in by_class if name not in names]
    if isinstance(thresholds, Mapping) and unknown:
        raise ValueError(f"thresholds: found {unknown[0]!r}, expected names of classes")


# --- back to Darknet's files ------------------------------------------------------------------------------------------


def write_darknet(path: str | Path, checkpoint: Checkpoint) -> list[Path]:
    """Write `path` with the suffix .weights, and likewise the .cfg and whatever names, tree and map there are.

    Each is written whole or not at all; returns their paths. Raises OutputError.
    """
    path = Path(path)
    files = {path.with_suffix(suffix): text for suffix, text in darknet_texts(checkpoint, path.stem).items()}
    write_weights(path.with_suffix(".weights"), checkpoint.weights, checkpoint.network)
    for place, text in files.items():
        with write_whole(place) as file:
            file.write(text.encode())
    return [path.with_suffix(".weights"), *files]


def darknet_texts(checkpoint: Checkpoint, stem: str) -> dict[str, str]:
    """What a checkpoint says, in the text files of Darknet: their text by suffix.

    The .cfg names the tree after itself, so that it is found beside it. A map= in it is another one, for training.
    """
    network, head = checkpoint.network, checkpoint.network.head
    texts: dict[str, str] = {}
    changes: dict[str, str] = {}
    if checkpoint.names:
        texts[".names"] = "".join(f"{name}\n" for name in checkpoint.names)
    if checkpoint.tree is not None:
        if isinstance(head, (Region, Softmax)) and head.tree is not None:
            changes["tree"] = f"{stem}.tree"
        nodes = zip(checkpoint.tree.names, checkpoint.tree.parents, strict=True)
        texts[".tree"] = "".join(f"{name} {parent}\n" for name, parent in nodes)
    if checkpoint.map is not None:
        texts[".map"] = "".join(f"{node}\n" for node in checkpoint.map)
    layers = list(network.layers)
    layers[network.head_index] = replace(cast(Any, head), **changes)
    return {".cfg": format_cfg(replace(network, layers=tuple(layers)))} | texts
