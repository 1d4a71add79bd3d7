"""How much memory an update takes, estimated before the first one; and how much there is."""

from __future__ import annotations

from pathlib import Path

from yolov2.errors import TrainingError
from yolov2.network.spec import Network
from yolov2.train.store import free_memory

COPIES = 3.0  # of every layer's output: what batch norm and the activation keep for the way back, and their gradients
OF_WEIGHTS = 5  # weights, gradients, momentum, averaged weights, and the copy that is being saved
MIB = 1 << 20


def bytes_needed(network: Network, *, side: int, pictures: int, half: bool) -> int:
    """What an update of so many pictures at a time takes at its peak, from the sizes of all layers' outputs."""
    outputs = sum(shape.size for shape in network.at_size(side, side).shapes)
    weights = sum(parameter.size for _, parameter in network.parameters())
    return int(COPIES * outputs * pictures * (2 if half else 4)) + 4 * OF_WEIGHTS * weights


def check_memory(network: Network, *, side: int, pictures: int, half: bool, where: Path) -> None:
    """Raises TrainingError for a run that this machine has not the memory for."""
    needed, free = bytes_needed(network, side=side, pictures=pictures, half=half), free_memory()
    if needed > free:
        fitting = max(1, int(pictures * free / needed * 0.8))
        raise TrainingError.at(
            str(where),
            found=f"{needed // MIB:,} MiB needed for {pictures} pictures of {side} x {side} at a time",
            expected=f"at most {free // MIB:,} MiB, which are free",
            repair=f"give --set mini_batch={fitting}, or smaller sizes",
        )
