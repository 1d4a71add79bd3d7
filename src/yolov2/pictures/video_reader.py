"""The frames of one open video, file or stream: PyAV's packets -> Frames. Opening is the business of others."""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from yolov2.errors import VideoError, Yolov2Warning, printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.records import Frame

if TYPE_CHECKING:  # loaded on first use: most runs see no video
    import av.container
    import av.video.frame
    import av.video.stream

SEEKABLE = frozenset({"mov", "matroska", "avi", "flv"})  # by key frame; others guess a place by its bytes
COPY_AGAIN = "copy the file again for the rest"
USUAL_FPS = 25.0  # where a file names no rate
MOST_FPS = 240.0  # of a live source: some name the rate of their clock instead
MAX_FAULTS_IN_A_ROW = 300  # packets: more than the 250 between two key frames of x264, where decoding recovers


def read_from(container: av.container.InputContainer, name: str, **rules: Any) -> VideoReader:
    """The frames of an open container, which is closed if there are none. `rules` as VideoReader takes them."""
    try:
        return VideoReader(container, name, **rules)
    except BaseException:
        container.close()
        raise


class VideoReader:
    """Iterates over the frames of one video: upright, in RGB, one pass. A damaged frame is passed over and counted.

    `size` is that of the first frame; later ones may differ. Iteration raises VideoError when too many packets in a row
    give no frame, and ends with a Yolov2Warning when frames were passed over or the file holds less than it promised.
    A frame's index is its place in the whole video; behind frames that were skipped unread, its time tells it.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        name: str,
        *,
        max_pixels: int,
        clip: Clip = WHOLE,
        is_stream: bool = False,
    ) -> None:
        """is_stream: it comes over a network or from a camera. One that names no length is live: all is read of it."""
        self._container, self._name, self._where = container, name, printable(name)
        self._max_pixels, self._is_stream = max_pixels, is_stream
        stream = next((s for s in container.streams.video if not is_cover(s)), None)
        if stream is None:
            raise VideoError.at(
                self._where,
                found="no picture track",
                expected="a video",
                repair="name a file that has pictures, not only sound",
            )
        self._stream = stream
        self._promised_s = _promised_s(container, stream)
        self.is_live = is_stream and not self._promised_s
        self._clip = WHOLE if self.is_live else clip
        context = stream.codec_context
        self._check_size(context.height or 1, context.width or 1)
        stream.thread_type = "SLICE" if self.is_live else "AUTO"  # decoding frames side by side holds some of them back
        # The decoder's own check, before a frame is made, where sizes grow in mid-stream; it counts its margins, too.
        context.options = {"max_pixels": str(min(2 * max_pixels + (1 << 16), (1 << 31) - 1))}
        self.fps = fps_of(stream)
        if self.is_live and self.fps > MOST_FPS:
            self.fps = USUAL_FPS
        self.faults = 0  # damaged frames passed over so far
        self._number: int | None = 0  # of the next frame, good or damaged; None: its time will tell
        self._good = 0  # frames that decoded
        self._due = 0  # no frame before this number is given out
        self._pending: list[int] = []  # times of packets whose frames are to come, a heap
        self._lost: set[int] = set()  # times of frames given up
        self._without_frame = 0  # packets since the last good frame
        self._is_damaged = False
        self._end_s = 0.0
        self._seek()
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise self._nothing()
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

    def _seek(self) -> None:
        """To the key frame at or before the start of the clip; where there is no such, all before it is decoded."""
        stream = self._stream
        is_seekable = not SEEKABLE.isdisjoint(self._container.format.name.split(","))
        if not self._clip.start_s or not is_seekable or not stream.time_base:
            return
        first = stream.start_time or 0
        target = first + int(self._clip.start_s / stream.time_base)
        try:
            is_there = self._finds_key_frame(target)
            self._container.seek(target if is_there else first, stream=stream)
        except load_av().FFmpegError as error:
            raise self._broken_off(f"no place at {self._clip.start_s:g} s ({reason(error)})") from None
        if is_there:
            self._number = None

    def _finds_key_frame(self, target: int) -> bool:
        """Whether a search for this time ends at a key frame that is not behind it."""
        self._container.seek(target, stream=self._stream)
        packet = next(self._container.demux(self._stream), None)
        return packet is not None and packet.is_keyframe and packet.pts is not None and packet.pts <= target

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
                        index, time_s = self._place(frame)
                        if self._clip.is_behind(time_s, self.fps):
                            self._warn_of_faults()
                            return
                        if index >= self._due and not self._clip.is_before(time_s, self.fps):
                            self._due = index + self._clip.stride
                            yield self._finish(frame, index, time_s)
        except av.FFmpegError as error:
            raise self._broken_off(reason(error)) from None  # an error of FFmpeg names the address, secrets and all
        self._pass_over(self._pending)
        self._warn_of_faults()
        self._warn_of_early_end()

    def _note_packet(self, pts: int | None) -> None:
        """Keeps the packet's time: it tells in the end whether its frame ever came."""
        self._without_frame += 1
        if self._without_frame > MAX_FAULTS_IN_A_ROW:
            raise self._broken_off(f"no good frame in {MAX_FAULTS_IN_A_ROW} packets")
        if pts is not None and not self.is_live:  # what a live source loses, nobody counts
            heapq.heappush(self._pending, pts)

    def _pass_over(self, lost: list[int]) -> None:
        """Counts lost frames, but only in a damaged file: some codecs have packets that no frame belongs to."""
        if self._is_damaged and self._number is not None:
            self.faults += len(lost)
            self._number += len(lost)
            self._lost.update(lost)

    def _place(self, frame: av.video.frame.VideoFrame) -> tuple[int, float]:
        """The number of the next frame and its time in seconds."""
        self._check_size(frame.height, frame.width)
        self._without_frame = 0
        if frame.pts is not None:
            due: list[int] = []
            while self._pending and self._pending[0] <= frame.pts:
                due.append(heapq.heappop(self._pending))
            self._pass_over([pts for pts in due if pts < frame.pts])
        time_s = None
        if frame.pts is not None and frame.time_base is not None:
            time_s = float((frame.pts - (self._stream.start_time or 0)) * frame.time_base)
        if self._number is None:  # the first one behind frames that nobody read
            self._number = round((self._clip.start_s if time_s is None else time_s) * self.fps)
        index, self._number = self._number, self._number + 1
        time_s = index / self.fps if time_s is None else time_s
        self._good += 1
        self._end_s = max(self._end_s, time_s + 1 / self.fps)
        return index, time_s

    def _finish(self, frame: av.video.frame.VideoFrame, index: int, time_s: float) -> Frame:
        pixels: Any = frame.to_ndarray(format="rgb24")
        quarters = round(frame.rotation / 90) % 4  # counter-clockwise, as NumPy counts
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
        return Frame(pixels, source=self._name, index=index, time_s=time_s, rate=self.fps / self._clip.stride)

    def _nothing(self) -> VideoError:
        if self._good:
            return VideoError.at(
                self._where,
                found=f"a video of {self._end_s:.2f} s",
                expected=f"frames from {self._clip.start_s:g} s on",
                repair="start earlier",
            )
        return VideoError.at(
            self._where,
            found=f"no frame that decodes ({self.faults} damaged)",
            expected="a video",
            repair="check the address or the camera" if self._is_stream else "copy the file again, or convert it",
        )

    def _broken_off(self, found: str) -> VideoError:
        return VideoError.at(
            self._where,
            found=f"{found} after {self._good} good frames",
            expected="frames that decode",
            repair="the results so far stand; " + ("try again later" if self._is_stream else COPY_AGAIN),
        )

    def _check_size(self, height: int, width: int) -> None:
        if height * width > self._max_pixels:
            raise VideoError.at(
                self._where,
                found=f"frames of {width:,} x {height:,} pixels",
                expected=f"at most {self._max_pixels:,} pixels",
                repair="make them smaller, or raise the limit with --max-pixels if you trust the file",
            )

    def _warn_of_faults(self) -> None:
        if self.faults and self._good:  # without a good one it is refused at the door
            message = f"{self._where}: passed over {self.faults} damaged frames, read {self._good}"
            warnings.warn(message, Yolov2Warning, stacklevel=2)

    def _warn_of_early_end(self) -> None:
        # A sound track may run on a little after the pictures.
        if self._good and self._promised_s - self._end_s > max(0.5, 0.05 * self._promised_s):
            lasted = f"{self._good} frames and {self._end_s:.1f} s of {self._promised_s:.1f} s"
            warnings.warn(f"{self._where}: ended early, after {lasted}", Yolov2Warning, stacklevel=2)


def _promised_s(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float:
    """How long a video says that it is; 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def fps_of(stream: av.video.stream.VideoStream) -> float:
    return float(stream.average_rate or stream.guessed_rate or USUAL_FPS)


def is_cover(stream: av.video.stream.VideoStream) -> bool:
    """Whether this is the cover of a record, which counts as a video track of one frame."""
    return bool(stream.disposition & load_av().stream.Disposition.attached_pic)


def reason(error: Exception) -> str:
    """What an error of FFmpeg or the system says, without the name of the file."""
    if isinstance(error, load_av().error.ExitError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def load_av() -> Any:
    import av

    return av
