"""Watching live sources: which frames are kept, what happens when they break off, and how it ends. Without a camera."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rtsp_server import filming
from yolov2.errors import VideoError, Yolov2Warning
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.pictures.live import WAITS_S, Watch, watch
from yolov2.pictures.streams import open_stream
from yolov2.records import Frame

PIXELS = np.zeros((2, 2, 3), np.uint8)


class Reader:
    """What a Watch needs of a VideoReader: frames from a script."""

    def __init__(self, frames: Iterator[Frame], *, is_live: bool = True) -> None:
        self.is_live, self.fps, self._frames = is_live, 25.0, frames

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        return self._frames


def frames(count: int, before: Callable[[int], object] = lambda number: None) -> Iterator[Frame]:
    """So many frames, each after something has happened."""
    for number in range(count):
        before(number)
        yield Frame(PIXELS, "cam", index=number, time_s=100 + number / 25, rate=25.0)


def broken() -> VideoError:
    return VideoError("cam: found no answer in time, expected frames; try again later")


class Script:
    """Opens one reader after the other; an error in place of one is raised."""

    def __init__(self, *steps: Reader | VideoError) -> None:
        self.steps = list(steps)

    def __call__(self) -> Any:
        step = self.steps.pop(0)
        if isinstance(step, VideoError):
            raise step
        return step


def no_wait(seconds: float) -> None: ...


class Turns:
    """Lets a source give its next frame only when the one before was taken, or lets it run ahead."""

    def __init__(self, ahead: int = 1) -> None:
        self._taken = threading.Semaphore(ahead)

    def wait(self, number: int) -> None:
        assert self._taken.acquire(timeout=20)

    def took(self, count: int = 1) -> None:
        self._taken.release(count)


def taken_in_turn(script: Script, turns: Turns, **options: Any) -> list[Frame]:
    with Watch(script, "cam", sleep=no_wait, **options) as watched:
        found: list[Frame] = []
        for frame in watched:
            found.append(frame)
            turns.took()
    return found


def test_frames_that_are_looked_at_in_time_are_all_kept():
    turns, ticks = Turns(), iter(range(100))
    reader = Reader(frames(10, turns.wait))
    found = taken_in_turn(Script(reader), turns, clock=lambda: next(ticks) / 10)
    assert [frame.index for frame in found] == list(range(10))
    assert [frame.rate for frame in found] == [25] * 10


def test_of_frames_that_come_too_fast_the_newest_is_kept_and_the_others_are_counted():
    looked, came = threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 1:  # the first is looked at by now
            assert looked.wait(20)
        if number == 9:
            came.set()

    with Watch(Script(Reader(frames(10, before))), "cam") as watched:
        rest = iter(watched)
        first = next(rest)
        looked.set()
        assert came.wait(20)
        watched._thread.join(20)
        found = [first.index, *(frame.index for frame in rest)]
        with pytest.warns(Yolov2Warning) as caught:
            watched.close()
    assert found == [0, 9]
    said = "cam: dropped 8 of 10 frames, which came faster than they could be looked at"
    assert [str(warning.message) for warning in caught] == [said]


def test_what_has_a_length_loses_no_frame_however_slow_it_is_looked_at():
    with Watch(Script(Reader(frames(50), is_live=False)), "http://host/a.mp4") as watched:
        rest = iter(watched)
        first = next(rest)
        watched._thread.join(0.05)  # as far as it gets
        found = [first, *rest]
    assert [frame.index for frame in found] == list(range(50))
    assert [frame.time_s for frame in found][:2] == [100, 100.04]  # the film's own time


def test_a_part_of_a_live_source_counts_from_its_first_frame():
    now = [1000.0]

    def before(number: int) -> None:
        turns.wait(number)
        now[0] = 1000 + number / 10

    class Freely(Turns):
        def wait(self, number: int) -> None:
            """Frames that are not wanted are not waited for."""
            if number in (8, 10, 12, 14, 16):
                super().wait(number)

    turns = Freely(ahead=0)
    found = taken_in_turn(Script(Reader(frames(40, before))), turns, clip=Clip(0.6, 1.5, 2), clock=lambda: now[0])
    assert [(frame.index, frame.time_s, frame.rate) for frame in found] == [
        (index, pytest.approx(index / 10), 12.5) for index in (6, 8, 10, 12, 14)
    ]


def test_a_source_that_says_nothing_ends_when_its_time_is_over():
    hung, now = threading.Event(), [0.0]

    def before(number: int) -> None:
        if number == 1:
            hung.wait(20)

    with Watch(Script(Reader(frames(2, before))), "cam", clip=Clip(0, 10), clock=lambda: now[0]) as watched:
        rest = iter(watched)
        assert next(rest).index == 0
        now[0] = 10.0
        assert next(rest, None) is None
        assert watched._thread.is_alive()
        hung.set()


def test_a_source_that_breaks_off_is_asked_for_again_and_goes_on_counting(caplog):
    caplog.set_level(logging.WARNING, "yolov2")
    waits: list[float] = []
    turns = Turns()

    def breaking(count: int) -> Iterator[Frame]:
        yield from frames(count, turns.wait)
        turns.wait(count)
        turns.took()
        raise broken()

    script = Script(
        Reader(breaking(2)), broken(), broken(), Reader(breaking(1)), broken(), Reader(frames(2, turns.wait))
    )
    with Watch(script, "cam", sleep=waits.append) as watched:
        found: list[int | None] = []
        for frame in watched:
            found.append(frame.index)
            turns.took()
    assert found == [0, 1, 2, 3, 4]
    assert waits == [1, 2, 4, 1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "cam: broke off after 2 frames; trying again in 1 s (1 of 8)",
        "cam: broke off after 2 frames; trying again in 2 s (2 of 8)",
        "cam: broke off after 2 frames; trying again in 4 s (3 of 8)",
        "cam: broke off after 3 frames; trying again in 1 s (1 of 8)",
        "cam: broke off after 3 frames; trying again in 2 s (2 of 8)",
    ]


def test_a_source_that_stays_away_is_given_up_and_what_came_is_kept():
    waits: list[float] = []
    script = Script(Reader(frames(1)), *[broken()] * 99)
    with Watch(script, "cam", is_endless=True, sleep=waits.append) as watched:
        rest = iter(watched)
        assert next(rest).index == 0
        with pytest.raises(VideoError) as caught:
            next(rest)
    assert str(caught.value) == (
        "cam: found no picture in 8 tries after 1 frames, expected a source that comes back; "
        "the results so far stand; check that the source is on, and start again"
    )
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30] == list(WAITS_S)


def test_a_source_that_never_worked_is_not_asked_twice():
    script = Script(broken(), Reader(frames(1)))
    with Watch(script, "cam", sleep=no_wait) as watched, pytest.raises(VideoError, match="no answer in time"):
        next(iter(watched))
    assert len(script.steps) == 1


def test_a_file_that_breaks_off_is_not_read_twice():
    def breaking() -> Iterator[Frame]:
        yield from frames(2)
        raise broken()

    script = Script(Reader(breaking(), is_live=False), Reader(frames(1)))
    with Watch(script, "cam", sleep=no_wait) as watched:
        rest = iter(watched)
        assert [next(rest).index, next(rest).index] == [0, 1]
        with pytest.raises(VideoError, match="no answer in time"):
            next(rest)
    assert len(script.steps) == 1


@pytest.mark.parametrize("is_endless, left", [(True, 0), (False, 1)])
def test_the_regular_end_of_a_camera_is_an_interruption_and_that_of_a_web_video_its_end(is_endless, left):
    turns = Turns()
    script = Script(Reader(frames(2, turns.wait)), Reader(frames(2, turns.wait)), *[broken()] * 9)
    if is_endless:
        with pytest.raises(VideoError, match="found no picture in 8 tries after 4 frames"):
            taken_in_turn(script, turns, is_endless=True)
        assert len(script.steps) == 1
    else:
        assert len(taken_in_turn(script, turns)) == 2
        assert len(script.steps) == 10


def test_frames_end_at_once_when_nobody_wants_more():
    hung, unwanted = threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 1:
            hung.wait(20)

    with Watch(Script(Reader(frames(2, before))), "cam", is_unwanted=unwanted.is_set) as watched:
        rest = iter(watched)
        assert next(rest).index == 0
        unwanted.set()
        assert next(rest, None) is None
        assert watched._thread.is_alive()
        hung.set()


def test_closing_wakes_a_source_that_waits_between_two_tries(monkeypatch):
    monkeypatch.setattr("yolov2.pictures.live.WAITS_S", (60,))
    waiting = threading.Event()

    def breaking() -> Iterator[Frame]:
        yield from frames(1)
        waiting.set()
        raise broken()

    watched = Watch(Script(Reader(breaking())), "cam")
    assert next(iter(watched)).index == 0
    assert waiting.wait(20)
    watched.close()
    assert not watched._thread.is_alive()


def test_an_error_of_our_own_reaches_whoever_watches():
    def wrong() -> Any:
        raise ZeroDivisionError("ours")

    with Watch(wrong, "cam") as watched, pytest.raises(ZeroDivisionError, match="ours"):
        next(iter(watched))


def test_a_camera_on_the_network_comes_back_after_a_break():
    waits: list[float] = []
    with filming([np.full((48, 64, 3), level, np.uint8) for level in range(0, 200, 5)]) as camera:
        camera.breaks = [10, 10, 10]
        open_reader = lambda: open_stream(camera.url, timeout_s=5)  # noqa: E731
        indices: list[int] = []
        with Watch(open_reader, camera.url, is_endless=True, sleep=waits.append) as watched:
            for frame in watched:
                indices.append(frame.index or 0)
                if camera.viewers == 4:
                    break
            watched._dropped = 0  # how many were, depends on the machine
    assert waits[:3] == [1, 1, 1]
    assert indices == sorted(set(indices))


def test_an_address_and_a_camera_are_told_apart(monkeypatch):
    opened: list[tuple[str, ...]] = []
    monkeypatch.setattr("yolov2.pictures.live.open_camera", lambda *names, **rules: opened.append(names))
    monkeypatch.setattr("yolov2.pictures.live.open_stream", lambda *names, **rules: opened.append(names))
    for address, name, is_endless in (
        ("0", "camera 0", True), ("/dev/video1", "/dev/video1", True), ("rtsp://host/1", "rtsp://host/1", True),
        ("rtsps://host/1", "rtsps://host/1", True), ("http://host/a.mp4", "http://host/a.mp4", False),
    ):  # fmt: skip
        watched = watch(address, name, clip=WHOLE)
        watched.close()
        assert watched._is_endless is is_endless
    assert opened == [
        ("0", "camera 0"), ("/dev/video1", "/dev/video1"), ("rtsp://host/1",), ("rtsps://host/1",), ("http://host/a.mp4",),
    ]  # fmt: skip
