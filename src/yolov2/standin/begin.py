"""Where `train` begins: start values, or what a .weights file has of a network, be it whole or a backbone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolov2.darknet.layout import FLOAT, LONGEST_HEADER, borders, count, layout, parse_header
from yolov2.darknet.weights import Weights, initial_weights, read_weights
from yolov2.errors import printable
from yolov2.network.heads import last_with_weights
from yolov2.network.spec import Network
from yolov2.standin.model import loading
from yolov2.standin.voice import Voice


def begin(network: Network, weights: str | None, voice: Voice, *, is_cleared: bool) -> Weights:
    """The weights that a line begins with; is_cleared: no picture counts as seen, as `-clear` has it.

    Raises WeightsError. Source: Darknet `load_network`.
    """
    if weights is None:
        return initial_weights(network)
    with loading(weights, voice):
        begun = _read(Path(weights), network, voice)
    return replace(begun, seen=0) if is_cleared else begun


def _read(path: Path, network: Network, voice: Voice) -> Weights:
    """A file of all layers, of the first ones, or of the same network with another last layer; none other is taken.

    Darknet takes any: what is missing stays as it was, and layers of another shape get numbers that mean nothing.
    """
    floats = _floats(path, network)
    last = last_with_weights(network)
    for layer, before in borders(layout(network)):
        if floats and before == floats:
            voice.note(f"{printable(path)}: layers 0 to {layer - 1} are learned, those from {layer} on begin anew")
            return read_weights(path, network, cutoff=layer)
        if layer == last and floats is not None and _is_other_end(network, last, floats - before):
            voice.note(f"{printable(path)}: layer {last} is of another shape there and begins anew")
            return read_weights(path, network, cutoff=last, allow_trailing=True)
    return read_weights(path, network)


def _floats(path: Path, network: Network) -> int | None:
    """How many there are behind the header; None where that is for `read_weights` to refuse."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            header = parse_header(file.read(LONGEST_HEADER))
        length = path.stat().st_size
    except (OSError, ValueError):
        return None
    if header is None or (length - header.size) % FLOAT:
        return None
    floats = (length - header.size) // FLOAT
    return None if floats == count(layout(network, transposed=header.is_transposed)) else floats


def _is_other_end(network: Network, last: int, floats: int) -> bool:
    """Whether so many floats are the last layer of a detector with the same anchors, for another number of classes."""
    region = network.region
    if region is None or floats <= 0:
        return False
    size = sum(one.size for index, one in network.parameters() if index == last)
    outputs, rest = divmod(floats * region.channels, size)
    entries, more = divmod(outputs, region.num_anchors)
    return rest == more == 0 and entries > region.coords + 1
