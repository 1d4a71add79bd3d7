"""What a training of the stand-in has said, and left in the folder `backup` of the working directory."""

import re
from pathlib import Path

from voices import FakeVoice
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, read_weights


def updates(line: re.Pattern[str], voice: FakeVoice) -> list[tuple[str, ...]]:
    """The groups of every line about an update."""
    return [match.groups() for match in map(line.fullmatch, voice.said) if match]


def kept(name: str) -> Weights:
    """Weights of my.cfg."""
    return read_weights(Path("backup", name), read_cfg(Path("my.cfg")))


def files() -> list[str]:
    """The names of all."""
    return sorted(path.name for path in Path("backup").iterdir())
