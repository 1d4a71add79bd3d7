"""How much memory an update takes, estimated before the first one; and how much there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from yolov2.errors import TrainingError
from yolov2.network.spec import Network
from yolov2.train.store import free_memory

MIB = 1 << 20
# Measured on a processor with nano, yolov2-tiny-voc and yolov2-voc: the estimate is 1.0 to 1.4 times what they take.
LIBRARIES = 120 * MIB  # what torch and its kernels take once they are in use
OF_WEIGHTS = 8  # weights, gradients, momentum, averaged weights, a copy for the model file, three for the state
COPIES = 3.9  # of every layer's output: what batch norm and the activation keep for the way back, and their gradients
HALF = 0.75  # of that in bf16 or fp16, where some of it stays in float32


def bytes_needed(network: Network, *, side: int, pictures: int, half: bool) -> int:
    """What a training with so many pictures at a time takes at its peak, from the sizes of all layers' outputs."""
    outputs = sum(shape.size for shape in network.at_size(side, side).shapes)
    weights = sum(parameter.size for _, parameter in network.parameters())
    of_outputs = COPIES * outputs * pictures * (HALF if half else 1)
    return LIBRARIES + int(4 * (OF_WEIGHTS * weights + of_outputs))


def smaller_parts(pictures: int) -> str:
    """What to do where only so many pictures at a time fit."""
    return f"give --set mini_batch={pictures}, or smaller sizes"


def check_memory(
    network: Network,
    *,
    side: int,
    pictures: int,
    half: bool,
    where: Path,
    processes: int = 1,
    repair: Callable[[int], str] = smaller_parts,
) -> int:
    """Bytes that are left for each of so many processes on this machine.

    Raises TrainingError for a run that it has not the memory for. repair: of the number of pictures that fit.
    """
    free = free_memory() // processes
    none, one, needed = (bytes_needed(network, side=side, pictures=count, half=half) for count in (0, 1, pictures))
    if needed <= free:
        return free - needed
    fitting = (free - none) // (one - none + 1)
    each = "" if processes == 1 else f" in each of {processes} processes"
    raise TrainingError.at(
        str(where),
        found=f"{needed // MIB:,} MiB needed for {pictures} pictures of {side} x {side} at a time{each}",
        expected=f"at most {free // MIB:,} MiB, which are free",
        repair=repair(fitting) if fitting > 0 else "take smaller inputs or a smaller network",
    )


def is_out_of_memory(wrong: RuntimeError) -> bool:
    """Whether that is what torch says where a device or a processor has no memory left."""
    return isinstance(wrong, torch.OutOfMemoryError) or "can't allocate memory" in str(wrong)
