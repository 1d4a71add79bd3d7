"""Video files -> Frames, and pictures -> video files. Local files alone: no address and no playlist is opened."""

from __future__ import annotations

import heapq
import os
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from yolov2.errors import VideoError, Yolov2Warning, printable
from yolov2.pictures.read import MAX_PIXELS
from yolov2.records import Frame

if TYPE_CHECKING:  # loaded on first use: most runs see no video
    import av.container
    import av.video.frame
    import av.video.stream

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
USUAL_FPS = 25.0  # where a file names no rate
MAX_FAULTS_IN_A_ROW = 300  # packets: more than the 250 between two key frames of x264, where decoding recovers


def open_video(path: Path, *, max_pixels: int = MAX_PIXELS) -> VideoReader:
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
        raise VideoError.at(
            where,
            found=f"a file that does not open as {demuxer} ({reason(error)})",
            expected=f"a whole {path.suffix.lower()} video",
            repair="it is cut short or of another kind; copy it again, or convert it",
        ) from error
    try:
        return VideoReader(container, path, max_pixels=max_pixels)
    except BaseException:
        container.close()
        raise


def promised_frames(path: Path) -> int | None:
    """How many frames the header of a video promises; None where it does not say, or is none. Decodes nothing."""
    demuxer = DEMUXERS.get(path.suffix.lower())
    if demuxer is None or not os.path.isfile(path):
        return None
    av = load_av()
    try:
        with av.open(str(path.resolve()), format=demuxer, options={"protocol_whitelist": "file"}) as container:
            stream = next((s for s in container.streams.video if not _is_cover(s)), None)
            return (stream.frames or None) if stream is not None else None
    except (av.FFmpegError, OSError):  # reading it will tell
        return None


class VideoReader:
    """Iterates over the frames of one video: upright, in RGB, one pass. A damaged frame is passed over and counted.

    `size` is that of the first frame; later ones may differ. Iteration raises VideoError when too many packets in a row
    give no frame, and ends with a Yolov2Warning when frames were passed over or the file holds less than it promised.
    """

    def __init__(self, container: av.container.InputContainer, path: Path, *, max_pixels: int) -> None:
        self._container, self._path, self._where = container, path, printable(path)
        self._max_pixels = max_pixels
        stream = next((s for s in container.streams.video if not _is_cover(s)), None)
        if stream is None:
            raise VideoError.at(
                self._where,
                found="no picture track",
                expected="a video",
                repair="name a file that has pictures, not only sound",
            )
        self._stream = stream
        context = stream.codec_context
        self._check_size(context.height or 1, context.width or 1)
        stream.thread_type = "AUTO"
        # The decoder's own check, before a frame is made, where sizes grow in mid-stream; it counts its margins, too.
        context.options = {"max_pixels": str(min(2 * max_pixels + (1 << 16), (1 << 31) - 1))}
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else USUAL_FPS
        self.faults = 0  # damaged frames passed over so far
        self._number = 0  # frames so far, good or damaged
        self._pending: list[int] = []  # times of packets whose frames are to come, a heap
        self._lost: set[int] = set()  # times of frames given up
        self._without_frame = 0  # packets since the last good frame
        self._is_damaged = False
        self._end_s = 0.0
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise VideoError.at(
                self._where,
                found=f"no frame that decodes ({self.faults} damaged)",
                expected="a video",
                repair="copy the file again, or convert it",
            )
        self.size = self._first.size  # (height, width)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the file back; iteration is over."""
        self._frames.close()
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _decode(self) -> Generator[Frame, None, None]:
        av = load_av()
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    self._note_packet(packet.pts)
                try:
                    decoded = packet.decode()
                except av.FFmpegError:
                    self._is_damaged = True
                    continue
                for frame in decoded:
                    if frame.is_corrupt:
                        self._is_damaged = True
                    elif frame.pts not in self._lost:  # after damage, some come when their time is over
                        yield self._finish(frame)
        except av.FFmpegError as error:
            raise self._broken_off(reason(error)) from error
        self._pass_over(self._pending)
        self._warn_at_the_end()

    def _note_packet(self, pts: int | None) -> None:
        """Keeps the packet's time: it tells in the end whether its frame ever came."""
        self._without_frame += 1
        if self._without_frame > MAX_FAULTS_IN_A_ROW:
            raise self._broken_off(f"no good frame in {MAX_FAULTS_IN_A_ROW} packets")
        if pts is not None:
            heapq.heappush(self._pending, pts)

    def _pass_over(self, lost: list[int]) -> None:
        """Counts lost frames, but only in a damaged file: some codecs have packets that no frame belongs to."""
        if self._is_damaged:
            self.faults += len(lost)
            self._number += len(lost)
            self._lost.update(lost)

    def _finish(self, frame: av.video.frame.VideoFrame) -> Frame:
        self._check_size(frame.height, frame.width)
        self._without_frame = 0
        if frame.pts is not None:
            due: list[int] = []
            while self._pending and self._pending[0] <= frame.pts:
                due.append(heapq.heappop(self._pending))
            self._pass_over([pts for pts in due if pts < frame.pts])
        index, self._number = self._number, self._number + 1
        time_s = index / self.fps
        if frame.pts is not None and frame.time_base is not None:
            time_s = float((frame.pts - (self._stream.start_time or 0)) * frame.time_base)
        self._end_s = max(self._end_s, time_s + 1 / self.fps)
        pixels: Any = frame.to_ndarray(format="rgb24")
        quarters = round(frame.rotation / 90) % 4  # counter-clockwise, as NumPy counts
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
        return Frame(pixels, source=str(self._path), index=index, time_s=time_s)

    def _broken_off(self, found: str) -> VideoError:
        return VideoError.at(
            self._where,
            found=f"{found} after {self._number - self.faults} good frames",
            expected="frames that decode",
            repair="the results so far stand; copy the file again for the rest",
        )

    def _check_size(self, height: int, width: int) -> None:
        if height * width > self._max_pixels:
            raise VideoError.at(
                self._where,
                found=f"frames of {width:,} x {height:,} pixels",
                expected=f"at most {self._max_pixels:,} pixels",
                repair="make them smaller, or raise the limit with --max-pixels if you trust the file",
            )

    def _warn_at_the_end(self) -> None:
        good = self._number - self.faults
        if not good:
            return  # refused at the door
        if self.faults:
            message = f"{self._where}: passed over {self.faults} damaged frames, read {good}"
            warnings.warn(message, Yolov2Warning, stacklevel=2)
        stream, promised_s = self._stream, 0.0
        if stream.duration and stream.time_base:
            promised_s = float(stream.duration * stream.time_base)
        elif self._container.duration:
            promised_s = self._container.duration / 1e6
        # A sound track may run on a little after the pictures.
        if promised_s - self._end_s > max(0.5, 0.05 * promised_s):
            message = f"{self._where}: ended early, after {good} frames and {self._end_s:.1f} s of {promised_s:.1f} s"
            warnings.warn(message, Yolov2Warning, stacklevel=2)


def _is_cover(stream: av.video.stream.VideoStream) -> bool:
    """Whether this is the cover of a record, which counts as a video track of one frame."""
    return bool(stream.disposition & load_av().stream.Disposition.attached_pic)


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def load_av() -> Any:
    import av

    return av
