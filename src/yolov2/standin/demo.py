"""`darknet detector demo`: a video or a camera, frame by frame, each judged together with those just before it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import VideoError, printable
from yolov2.files import write_whole
from yolov2.pictures.clip import Clip
from yolov2.pictures.draw import draw_detections
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.streams import open_camera, open_stream, public_name
from yolov2.pictures.video import open_video
from yolov2.pictures.video_reader import VideoReader
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections
from yolov2.standin.answers import frame_lines, shown
from yolov2.standin.line import Dialect
from yolov2.standin.program import Program
from yolov2.standin.voice import Voice

FRAMES_AVERAGED: dict[Dialect, int] = {"pjreddie": 3, "alexeyab": 1}  # A averages the heads of later networks alone
INTERRUPTED = 130  # as a shell reports Ctrl-C


@dataclass(frozen=True, slots=True)
class Film:
    """What the flags of a demo say beside the thresholds."""

    dialect: Dialect
    averaged: int  # frames, the one that is shown among them
    passed_over: int  # frames behind each that is looked at
    camera: int
    prefix: str | None  # of pictures, one a frame
    out: str | None  # a video
    with_places: bool
    is_drawn: bool
    allow_urls: bool


class Average:
    """The mean of the region layer's output over the last frames.

    Darknet's ring of frames starts with zeros, which damp the scores of the first two; here they are not counted.
    Source: Darknet `remember_network`, `avg_predictions`.
    """

    def __init__(self, frames: int) -> None:
        self._last: deque[NDArray[np.float32]] = deque(maxlen=max(1, frames))

    def __call__(self, activated: NDArray[np.float32]) -> NDArray[np.float32]:
        self._last.append(activated)
        return np.asarray(np.mean(np.stack(self._last), axis=0, dtype=np.float32))


def show_video(program: Program, video: str | None, film: Film, voice: Voice) -> int:
    """The exit status: 1 if the video broke off. What was finished is kept then, and after Ctrl-C.

    Raises VideoError for a video that can't be opened. Source: Darknet `demo`.
    """
    average, status = Average(film.averaged), 0
    if video is not None and film.dialect == "pjreddie":
        voice.say(f"video file: {printable(public_name(video) if '://' in video else video)}")
    with ExitStack() as stack:
        reader = stack.enter_context(_open(video, film))
        outputs = stack.enter_context(FilmOutputs(film, reader, voice))
        stop = stack.enter_context(voice.interrupts())
        since = start = time.perf_counter()
        try:
            for number, frame in enumerate(reader):
                image = program.prepare(frame)
                found = program.decode_activated(average(program.activated(program.raw([image]))), frame=frame)
                now = time.perf_counter()
                _say(found, film, voice, fps=1 / (now - since), mean_fps=(number + 1) / (now - start))
                since = now
                outputs.write(found)
                if stop.requested:
                    voice.note("interrupted; what was finished is kept")
                    return INTERRUPTED
        except VideoError as failure:
            voice.fail(str(failure))
            status = 1
    return status


class FilmOutputs:
    """The files of a demo: a video that appears whole at the end, and a picture a frame, each whole at once."""

    def __init__(self, film: Film, reader: VideoReader, voice: Voice) -> None:
        self._film, self._count = film, 0
        self._video = None
        if film.out is not None:
            path = Path(film.out)
            if path.suffix.lower() != ".mp4":
                voice.note(f"{printable(path)} is written as MP4, whatever its name says")
            self._video = VideoWriter(path, reader.fps / (1 + film.passed_over), reader.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Keeps the frames so far, unless it was the file itself that failed, or somebody wants it to end at once."""
        if self._video is not None:
            self._video.close() if kind is None else self._video.abort()

    def write(self, found: Detections) -> None:
        """Add a frame. Raises OutputError."""
        film = self._film
        if self._video is None and film.prefix is None:
            return
        assert found.frame is not None
        pixels = found.frame.rgb
        if film.is_drawn:
            pixels = draw_detections(pixels, found if film.dialect == "pjreddie" else shown(found))
        if self._video is not None:
            self._video.write(pixels)
        if film.prefix is not None:
            with write_whole(f"{film.prefix}_{self._count:08d}.jpg") as file:
                file.write(encode_picture(pixels, ending=".jpg"))
        self._count += 1


def _open(video: str | None, film: Film) -> VideoReader:
    """The frames of a file, an address or a camera. Raises VideoError."""
    if video is None:
        return open_camera(str(film.camera), f"camera {film.camera}")
    clip = Clip(stride=1 + film.passed_over)
    if "://" not in video:
        return open_video(Path(video), clip=clip)
    if film.allow_urls:
        return open_stream(video, clip=clip)
    found, repair = "an address", "write yolov2 darknet --allow-urls, if you trust it"
    raise VideoError.at(printable(public_name(video)), found=found, expected="a file", repair=repair)


def _say(found: Detections, film: Film, voice: Voice, *, fps: float, mean_fps: float) -> None:
    """The lines of a frame. Source: Darknet `detect_in_thread`; A: `demo`. Neither clears the screen here."""
    voice.say("")
    rate = f"FPS:{fps:.1f}" if film.dialect == "pjreddie" else f"FPS:{fps:.1f} \t AVG_FPS:{mean_fps:.1f}"
    voice.say(rate)
    voice.say("Objects:")
    voice.say("")
    for line in frame_lines(found, film.dialect, with_places=film.with_places):
        voice.say(line)
