"""What other PyTorch programs of the v2 family do otherwise than Darknet, recognised by how they call their tensors."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

ReorgOrder = Literal["legacy", "plain"]  # Darknet's order, or space-to-depth: `[reorg3d]`
JoinOrder = Literal["cfg", "reversed"]  # of the maps that a [route] joins


@dataclass(frozen=True, slots=True)
class Habits:
    """Where a program's arithmetic differs; None: as the .cfg says."""

    reorg: ReorgOrder | None = None
    join: JoinOrder = "cfg"
    pixels: float = 1.0  # what white is at the network's input


@dataclass(frozen=True, slots=True)
class Program:
    """Another program. One that can't be converted says why."""

    name: str
    sign: str  # a pattern that the name of one of its tensors fits, and of no other program's
    habits: Habits = Habits()
    refusal: str = ""


OTHER_HEAD = "whose head orders its channels otherwise, on an input with a mean subtracted"

# Read from the programs' own sources. All resize by stretching; all but the last two leave the head as Darknet has it.
PROGRAMS = (
    Program("marvis/pytorch-yolo2", r"models\.\d+\.conv\d+\.weight", Habits(reorg="plain")),
    Program("longcw/yolo2-pytorch", r"conv1s\.\d+\.\d+\.conv\.weight", Habits(reorg="plain")),
    Program("tztztztztz/yolov2.pytorch", r"downsampler\.0\.weight", Habits(reorg="plain")),
    Program(
        "uvipen/Yolo-v2-pytorch",
        r"stage2_b_conv\.0\.weight",
        Habits(reorg="legacy", join="reversed", pixels=255.0),
    ),
    Program("ruiminshen/yolo2-pytorch", r"passthrough\.conv\.weight", refusal=OTHER_HEAD),
    Program("yjh0410/PyTorch_YOLOv2", r"convsets_1\.\d+\.convs\.\d+\.weight", refusal=OTHER_HEAD),
)


def recognise(names: Collection[str]) -> Program | None:
    """The program whose names these are, None if it is not known."""
    for program in PROGRAMS:
        if any(re.fullmatch(program.sign, name) for name in names):
            return program
    return None
