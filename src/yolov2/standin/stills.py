"""`darknet detector test`: one picture after the other, its lines at once, its files whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from yolov2.detect.sources import kind_of
from yolov2.errors import OutputError, PictureError, printable
from yolov2.files import refusal, write_whole
from yolov2.pictures.draw import draw_detections
from yolov2.pictures.encode import encode_picture
from yolov2.records import Detections
from yolov2.standin.answers import (
    JSON_BETWEEN,
    JSON_END,
    JSON_START,
    answer_lines,
    json_frame,
    label_path,
    label_text,
    shown,
)
from yolov2.standin.inputs import check_out, is_same_file
from yolov2.standin.line import Dialect
from yolov2.standin.program import Program
from yolov2.standin.voice import Voice

PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What becomes of an answer beside its lines."""

    dialect: Dialect
    out: str | None = None  # the picture's name without its ending; of AlexeyAB's program the JSON file
    with_places: bool = False
    saves_labels: bool = False
    inputs: tuple[str, ...] = ()  # the files of the line that are read

    @property
    def picture(self) -> Path:
        """Where the annotated picture goes. Source: Darknet `save_image`, which adds the ending whatever the name."""
        name = self.out if self.out is not None and self.dialect == "pjreddie" else PREDICTIONS
        return Path(f"{name}.jpg")

    @property
    def json(self) -> Path | None:
        return Path(self.out) if self.out is not None and self.dialect == "alexeyab" else None

    def check(self, *inputs: str) -> None:
        """Raise OutputError if one of these files would be written over."""
        for out in (self.picture, self.json):
            if out is not None:
                check_out(out, *inputs)


def answer(
    program: Program,
    pictures: Iterable[str],
    outputs: Outputs,
    voice: Voice,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """The exit status: 1 if a picture failed. Each that fails is noted, and the run goes on.

    Raises OutputError if the JSON file can't be written, or if it is itself named as a picture.
    Source: Darknet `test_detector`, which ends at the first picture that it can't read.
    """
    status = count = 0
    files = Files(outputs)
    with ExitStack() as stack:
        json = None if outputs.json is None else stack.enter_context(write_whole(outputs.json))
        if json is not None:
            json.write(JSON_START.encode())
        for picture in pictures:
            if outputs.json is not None:
                check_out(outputs.json, picture)  # which would be lost at the end
            try:
                found = _look(program, picture, outputs, voice, clock)
                if json is not None:
                    count += 1
                    between = JSON_BETWEEN if count > 1 else ""
                    json.write((between + json_frame(found, frame_id=count, picture=picture)).encode())
                files.write(found, picture)
            except (PictureError, OutputError) as failure:
                voice.fail(str(failure))
                status = 1
        if json is not None:
            json.write(JSON_END.encode())
    return status


def _look(program: Program, picture: str, outputs: Outputs, voice: Voice, clock: Callable[[], float]) -> Detections:
    """What is found in a picture, once its lines are said. Raises PictureError."""
    if kind_of(Path(picture)) == "video":
        repair = "write darknet detector demo"
        raise PictureError.at(picture, found="a video", expected="a picture", repair=repair)
    frame = program.detector.frame(picture)
    image = program.prepare(frame)
    start = clock()
    raw = program.raw([image])
    took_s = clock() - start
    took = f"{took_s:f} seconds" if outputs.dialect == "pjreddie" else f"{1000 * took_s:f} milli-seconds"
    voice.say(f"{printable(picture)}: Predicted in {took}.")
    found = program.decode(raw, frames=[frame])[0]
    for line in answer_lines(found, outputs.dialect, with_places=outputs.with_places):
        voice.say(line)
    return found


class Files:
    """The annotated picture, which each one replaces, and the label files. None of it is written over an input."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._is_ours = False  # whether the annotated picture that is there was written here
        self._in_place: list[str] = []  # pictures to look at that lie where it would go

    def write(self, found: Detections, picture: str) -> None:
        """The annotated picture, and a label file if one is wanted. Raises OutputError."""
        outputs = self._outputs
        assert found.frame is not None
        if not self._is_ours:
            self._in_place += [picture] if is_same_file(outputs.picture, picture) else []
            check_out(outputs.picture, *self._in_place[:1])
        drawn = draw_detections(found.frame.rgb, found if outputs.dialect == "pjreddie" else shown(found))
        with write_whole(outputs.picture) as file:
            file.write(encode_picture(drawn, ending=".jpg"))
        self._is_ours = True
        if outputs.saves_labels:
            path = label_path(picture)
            check_out(path, picture, *outputs.inputs)
            _make_folder(Path(path).parent)
            with write_whole(path) as file:
                file.write(label_text(found).encode())


def _make_folder(path: Path) -> None:
    """labels/ beside images/ or JPEGImages/, which Darknet expects to be there. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise refusal(path, wrong) from None
