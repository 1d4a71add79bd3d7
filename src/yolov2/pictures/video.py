"""Video files -> Frames. Local files alone: no playlist is opened, and addresses are the business of streams.py."""

from __future__ import annotations

import os
from pathlib import Path

from yolov2.errors import VideoError, printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.pictures.read import LONGEST_SIGNATURE, MAX_PIXELS, picture_format
from yolov2.pictures.video_reader import VideoReader, fps_of, is_cover, load_av, read_from, reason

# One demuxer for each suffix. Left to choose by content, FFmpeg takes a text file that lists other files for a video.
DEMUXERS = {
    ".mp4": "mov",
    ".m4v": "mov",
    ".mov": "mov",
    ".3gp": "mov",
    ".mkv": "matroska",
    ".webm": "matroska",
    ".avi": "avi",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".mpg": "mpeg",
    ".mpeg": "mpeg",
    ".flv": "flv",
    ".wmv": "asf",
    ".ogv": "ogg",
}
VIDEO_SUFFIXES = frozenset(DEMUXERS)


def open_video(path: Path, *, max_pixels: int = MAX_PIXELS, clip: Clip = WHOLE) -> VideoReader:
    """The frames of a video file, to be closed after use. Raises VideoError where there is no picture to be had."""
    where = printable(path)
    try:
        is_file = path.is_file()  # FIFOs, devices, folders and addresses end here
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        found = "something other than a file" if os.path.lexists(str(path).replace("\0", "")) else "no such file"
        raise VideoError.at(where, found=found, expected="a video file", repair="check the name")
    demuxer = DEMUXERS.get(path.suffix.lower())
    if demuxer is None:
        raise VideoError.at(
            where,
            found=f"the suffix {printable(path.suffix)!r}",
            expected=f"one of {' '.join(sorted(DEMUXERS))}",
            repair="rename the file to the kind that it is, or convert it",
        )
    av = load_av()
    try:
        container = av.open(str(path.resolve()), format=demuxer, options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError) as error:
        if kind := _picture_in(path):
            found, repair = f"a {kind.upper()} picture", "rename it to the kind that it is"
            raise VideoError.at(where, found=found, expected=f"a {path.suffix.lower()} video", repair=repair) from error
        raise VideoError.at(
            where,
            found=f"a file that does not open as {demuxer} ({reason(error)})",
            expected=f"a whole {path.suffix.lower()} video",
            repair="it is cut short or of another kind; copy it again, or convert it",
        ) from error
    return read_from(container, str(path), max_pixels=max_pixels, clip=clip)


def _picture_in(path: Path) -> str | None:
    """The format of the picture that a file is by its first bytes; None where it is none."""
    try:
        with path.open("rb") as file:
            return picture_format(file.read(LONGEST_SIGNATURE))
    except OSError:
        return None


def promised_frames(path: Path, *, clip: Clip = WHOLE) -> int | None:
    """How many frames the header of a video promises; None where it does not say, or is none. Decodes nothing."""
    demuxer = DEMUXERS.get(path.suffix.lower())
    if demuxer is None or not os.path.isfile(path):
        return None
    av = load_av()
    try:
        with av.open(str(path.resolve()), format=demuxer, options={"protocol_whitelist": "file"}) as container:
            stream = next((s for s in container.streams.video if not is_cover(s)), None)
            if stream is None or not stream.frames:
                return None
            return clip.count(stream.frames, fps_of(stream))
    except (av.FFmpegError, OSError):  # reading it will tell
        return None
