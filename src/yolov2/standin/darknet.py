"""Darknet's first word: which command a line asks for. Each loads its file when it is asked for."""

import difflib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from yolov2.errors import printable
from yolov2.standin.line import Dialect, Line, LineError
from yolov2.standin.voice import Voice

# Command -> the module whose function of that name, (Line, Voice) -> exit status, does it.
COMMANDS = {
    "average": "yolov2.standin.weight_files",
    "classifier": "yolov2.standin.classifier",
    "classify": "yolov2.standin.classifier",
    "denormalize": "yolov2.standin.weight_files",
    "detect": "yolov2.standin.detector",
    "detector": "yolov2.standin.detector",
    "normalize": "yolov2.standin.weight_files",
    "ops": "yolov2.standin.weight_files",
    "partial": "yolov2.standin.weight_files",
    "reset": "yolov2.standin.weight_files",
    "rgbgr": "yolov2.standin.weight_files",
}
# What Darknet does for other networks than the v2 family's, or not at all any more.
ELSEWHERE = (
    *("yolo", "super", "lsd", "cifar", "go", "rnn", "coco", "regressor", "isegmenter", "segmenter", "art", "tag", "3d"),
    *("test", "captcha", "nightmare", "statistics", "rescale", "speed", "oneoff", "oneoff2"),
    *("visualize", "mkimg", "imtest", "yolo_voc", "compare", "dice", "writing", "vid", "vis", "score"),
)
PROCESSOR = "the processor is chosen by yolov2 itself"


def run(
    words: Sequence[str],
    voice: Voice,
    *,
    dialect: Dialect | None = None,
    cache: Path | None = None,
    allow_urls: bool = False,
) -> int:
    """The exit status of a Darknet line: 0 done, 1 some inputs failed. Raises Yolov2Error where nothing could start.

    words: as behind `./darknet`, or with it. dialect: whose program is meant, where the line itself does not tell.
    cache: where prepared networks are kept; None: nowhere. allow_urls: a video may come over a network.
    Source: Darknet `main`.
    """
    words = list(words)
    if words and words[0].replace("\\", "/").rsplit("/", 1)[-1] in ("darknet", "darknet.exe"):
        del words[0]
    line = Line(words, note=voice.note, dialect=dialect, cache=cache, allow_urls=allow_urls)
    line.passed_over("-i", PROCESSOR, has_value=True)
    line.passed_over("-nogpu", PROCESSOR)
    line.passed_over("-gpus", PROCESSOR, has_value=True)
    name = line.next_word(expected="a command", repair=f"write one of: {', '.join(COMMANDS)}")
    if name not in COMMANDS:
        raise _no_command(name)
    return getattr(import_module(COMMANDS[name]), name)(line, voice)


def _no_command(name: str) -> LineError:
    known = ", ".join(COMMANDS)
    if name in ELSEWHERE:
        found = f"{name}, which is not for networks of the v2 family"
        return LineError.at("darknet", found=found, expected=f"one of {known}", repair="run Darknet itself for it")
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    repair = f"did you mean {near[0]}?" if near else "see yolov2 darknet --help"
    return LineError.at("darknet", found=printable(name, longest=40), expected=f"one of {known}", repair=repair)
