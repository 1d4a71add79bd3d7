"""`darknet detector valid`: all that is found in a list of pictures, as VOC's, COCO's or ImageNet's judges read it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from yolov2.darknet.sections import Section
from yolov2.detect.coco_results import CocoResults
from yolov2.detect.outputs import make_folder
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.detect.text_writers import TextFile
from yolov2.detect.voc_results import PREFIX, VocResults, imagenet_line
from yolov2.detect.writers import Writer, Writers
from yolov2.errors import FormatError, printable
from yolov2.records import Detections, Failure
from yolov2.standin.model import folder_of, listed_path
from yolov2.standin.program import Program
from yolov2.standin.voice import Voice

KINDS = ("voc", "coco", "imagenet")
TOLD_EVERY = 4  # pictures; Darknet reads so many at once


@dataclass(frozen=True, slots=True)
class Results:
    """What is looked at, and where the answers go."""

    kind: str
    folder: Path
    out: str | None  # how the files are called; None: as Darknet calls them
    pictures: tuple[Path, ...]

    @classmethod
    def of(cls, data: Section, voice: Voice, *, out: str | None) -> Self:
        """What a .data file says by eval=, results= and valid=. Raises FormatError."""
        kind = data.text("eval", "voc")
        if kind not in KINDS:
            voice.note(f"{data.where('eval')}: eval={printable(kind)} is none of {', '.join(KINDS)}; voc is taken")
            kind = "voc"
        return cls(kind, Path(data.text("results", "results")), out, _listed(listed_path(data, voice), voice))

    def writer(self) -> Writer:
        """What writes them. Raises OutputError."""
        make_folder(self.folder)
        if self.kind == "coco":
            return CocoResults(self.folder / f"{self.out or 'coco_results'}.json")
        if self.kind == "imagenet":
            return TextFile(self.folder / f"{self.out or 'imagenet-detection'}.txt", ImageNetLines())
        return VocResults(self.folder, prefix=PREFIX if self.out is None else self.out)


class ImageNetLines:
    """Results in order -> their lines, which know a picture by its place in the list, from 1."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, result: Detections | Failure) -> str:
        self._number += 1
        if isinstance(result, Failure):
            return ""
        rows = zip(result.class_ids.tolist(), result.scores.tolist(), result.xyxy.tolist(), strict=True)
        return "".join(imagenet_line(self._number, k, score, xyxy, result.size) for k, score, xyxy in rows)


def validate(program: Program, results: Results, voice: Voice) -> int:
    """The exit status: 1 if a picture failed. The files appear at the end. Source: Darknet `validate_detector`."""
    options = program.detector.network.training
    voice.tell(f"Learning Rate: {options.learning_rate:g}, Momentum: {options.momentum:g}, Decay: {options.decay:g}")
    sources = [Source(path, "picture", Path(path.name)) for path in results.pictures]
    start, status = time.perf_counter(), 0
    with Writers(results.writer()) as writer:
        for number, result in enumerate(run(program, sources), start=1):
            if isinstance(result, Failure):
                voice.fail(result.error)
                status = 1
            writer.write(result)
            if number % TOLD_EVERY == 0:
                voice.tell(str(number))
    voice.tell(f"Total Detection Time: {time.perf_counter() - start:f} Seconds")
    return status


def _listed(path: Path, voice: Voice) -> tuple[Path, ...]:
    """The pictures of a list, a path a line, from the working directory or else from the list's own folder."""
    try:
        lines = [os.fsdecode(line) for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as wrong:
        found = f"a list that can't be read ({wrong.strerror})"
        repair = "correct valid= in the .data file"
        raise FormatError.at(str(path), found=found, expected="a picture's path a line", repair=repair) from None
    if not lines:
        repair = "add some, or correct valid= in the .data file"
        raise FormatError.at(str(path), found="no picture", expected="a picture's path a line", repair=repair)
    folder = folder_of(lines[0], path, printable(lines[0]), voice)
    return tuple(folder / line for line in lines)
