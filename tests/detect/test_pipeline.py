"""Order, bounds, failures and endings of the pipeline, with a detector that is none."""

import os
import shutil
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fakes import FakeDetector
from hosts import serving
from rtsp_server import filming
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import initial_weights
from yolov2.detect.detector import Detector
from yolov2.detect.pipeline import run, stream
from yolov2.detect.sources import Source
from yolov2.detect.writers import open_writers
from yolov2.errors import PictureError, Yolov2Warning
from yolov2.pictures.clip import Clip
from yolov2.pictures.letterbox import letterbox
from yolov2.pictures.live import Watch
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections, Failure, Frame


def pictures(folder: Path, count: int, *, slow: dict[int, int] | None = None) -> list[Source]:
    """Grey pictures 0, 1, 2, ...; `slow` says how many milliseconds some take to prepare."""
    sources: list[Source] = []
    for number in range(count):
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[..., 0], pixels[..., 1] = number, (slow or {}).get(number, 0)
        path = folder / f"{number:03d}.png"
        Image.fromarray(pixels).save(path)
        sources.append(Source(path, "picture", Path(path.name)))
    return sources


def classes(results: list[Detections | Failure]) -> list[int | None]:
    return [int(result.class_ids[0]) if isinstance(result, Detections) else None for result in results]


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("workers", [1, 4])
def test_results_come_in_the_order_of_the_sources(tmp_path, batch, workers):
    sources = pictures(tmp_path, 20, slow={0: 60, 5: 30, 6: 5})
    detector = FakeDetector()
    assert classes(list(run(detector, sources, batch=batch, workers=workers))) == list(range(20))
    assert detector.batches == [batch] * (20 // batch) + ([20 % batch] if 20 % batch else [])


def test_a_bad_picture_stands_in_its_place_as_a_failure_and_stops_nothing(tmp_path):
    sources = pictures(tmp_path, 5)
    sources[2].path.write_bytes(b"not a picture")
    sources[4].path.unlink()
    results = list(run(FakeDetector(), sources, batch=2))
    assert classes(results) == [0, 1, None, 3, None]
    failed = [result for result in results if isinstance(result, Failure)]
    assert [failure.source for failure in failed] == [str(sources[2].path), str(sources[4].path)]
    assert failed[1].error.startswith(f"{sources[4].path}: found no such file")


def test_when_all_fail_the_network_is_not_run(tmp_path):
    sources = [Source(tmp_path / f"{n}.jpg", "picture", Path(f"{n}.jpg")) for n in range(7)]
    detector = FakeDetector()
    assert classes(list(run(detector, sources, batch=3))) == [None] * 7
    assert detector.batches == []


def test_no_sources_give_nothing():
    assert list(run(FakeDetector(), [])) == []


def test_no_more_is_read_ahead_than_the_bound(tmp_path):
    sources = pictures(tmp_path, 40)
    results = run(FakeDetector(), sources, batch=2, workers=2)
    next(results)
    for source in sources[12:]:  # far behind what may be read by now: ahead 2 + 2, two batches of 2 on their way
        source.path.unlink()
    assert classes([*results])[-28:] == [None] * 28


def test_closing_early_stops_the_reading(tmp_path):
    sources = pictures(tmp_path, 30)
    results = run(FakeDetector(), sources)
    assert classes([next(results)]) == [0]
    results.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("yolov2-")]


def test_a_fault_of_the_network_reaches_the_caller(tmp_path):
    def fail(size: int) -> None:
        raise ZeroDivisionError("the network broke")

    with pytest.raises(ZeroDivisionError, match="the network broke"):
        list(run(FakeDetector(on_batch=fail), pictures(tmp_path, 10)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("yolov2-")]


def test_a_fault_of_our_own_in_the_reader_reaches_the_caller(tmp_path, monkeypatch):
    def broken(path: Path, **options: object) -> None:
        raise ZeroDivisionError("the reader broke")

    monkeypatch.setattr("yolov2.detect.pipeline.read_picture", broken)
    with pytest.raises(ZeroDivisionError, match="the reader broke"):
        list(run(FakeDetector(), pictures(tmp_path, 3)))


def test_a_batch_of_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="^batch: found 0, expected a number from 1$"):
        next(run(FakeDetector(), pictures(tmp_path, 1), batch=0))


def test_every_frame_of_a_video_comes_in_order(shared):
    path = shared / "data" / "video" / "bottle-detection.mp4"
    results = list(run(FakeDetector(), [Source(path, "video", Path(path.name))], batch=4))
    assert [result.frame_index for result in results if isinstance(result, Detections)] == list(range(597))


def test_a_frame_that_can_not_be_prepared_is_a_failure_in_its_place(tmp_path):
    class Choosy(FakeDetector):
        def prepare(self, frame: Frame) -> NDArray[np.float32]:
            if frame.index == 1:
                raise PictureError("too narrow")
            return super().prepare(frame)

    path = tmp_path / "a.mp4"
    writer = VideoWriter(path, 10, (16, 16))
    for _ in range(3):
        writer.write(np.zeros((16, 16, 3), np.uint8))
    writer.close()
    first, failure, last = run(Choosy(), [Source(path, "video", Path("a.mp4"))], batch=2)
    assert isinstance(first, Detections)
    assert failure == Failure(str(path), "too narrow")
    assert isinstance(last, Detections)


def test_a_bad_video_is_a_failure(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (result,) = run(FakeDetector(), [Source(tmp_path / "a.mp4", "video", Path("a.mp4"))])
    assert isinstance(result, Failure)
    assert result.error.startswith(f"{tmp_path / 'a.mp4'}: found ")


# --- parts of videos, cameras, addresses ------------------------------------------------------------------------------


def film(count: int, size: tuple[int, int] = (48, 64)) -> list[NDArray[np.uint8]]:
    return [np.full((*size, 3), number, np.uint8) for number in range(count)]


def write_film(path: Path, count: int) -> Path:
    with VideoWriter(path, 10, (48, 64)) as writer:
        for pixels in film(count):
            writer.write(pixels)
    return path


def source_of(address: str) -> Source:
    return Source(Path(), "stream", Path(), address=address)


def frames_of(results: list[Detections | Failure]) -> list[tuple[int | None, float | None]]:
    """Index and rate of every frame."""
    return [
        (result.frame_index, result.frame.rate) for result in results if isinstance(result, Detections) and result.frame
    ]


def test_a_part_of_a_video_is_looked_at(tmp_path):
    path = write_film(tmp_path / "a.mp4", 30)
    results = list(run(FakeDetector(), [Source(path, "video", Path("a.mp4"))], batch=2, clip=Clip(1, 2, 4)))
    assert frames_of(results) == [(10, 2.5), (14, 2.5), (18, 2.5)]


def test_stream_takes_the_part_by_its_names(tmp_path):
    path = write_film(tmp_path / "a.mp4", 30)
    found = list(stream(FakeDetector(), path, start_s=1, end_s=2, stride=4))
    assert [result.frame_index for result in found] == [10, 14, 18]
    with pytest.raises(ValueError, match="^end_s: found 1 s, expected more than the 2 s of the start$"):
        list(stream(FakeDetector(), path, start_s=2, end_s=1))


def test_stream_opens_no_address_unless_it_may():
    with pytest.raises(PictureError, match="^rtsp://host/1: found an address, expected a file; download it first, "):
        list(stream(FakeDetector(), "rtsp://host/1"))


def test_the_size_may_change_in_mid_stream(tmp_path):
    parts = []
    for number, size in enumerate([(48, 64), (96, 128)]):
        path = tmp_path / f"{number}.ts"
        with av.open(str(path), "w") as container:
            video = container.add_stream("mpeg4", rate=25)
            video.height, video.width, video.pix_fmt = *size, "yuv420p"
            for pixels in film(4, size):
                container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(video.encode(None))
        parts.append(path.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))

    class Planner(FakeDetector):
        def prepare(self, frame: Frame) -> NDArray[np.float32]:
            return letterbox(frame.pixels, (32, 32))

    results = list(run(Planner(), [Source(tmp_path / "both.ts", "video", Path("both.ts"))], batch=3))
    assert [result.size for result in results if isinstance(result, Detections)] == [(48, 64)] * 4 + [(96, 128)] * 4


def test_a_video_that_can_not_be_looked_at_is_told_once_and_the_next_source_is_read(tmp_path):
    class Choosy(FakeDetector):
        def prepare(self, frame: Frame) -> NDArray[np.float32]:
            if frame.index is not None:
                raise PictureError("a.mp4: too small")
            return super().prepare(frame)

    sources = [Source(write_film(tmp_path / "a.mp4", 30), "video", Path("a.mp4")), *pictures(tmp_path, 1)]
    results = list(run(Choosy(), sources, batch=4))
    assert [result.error for result in results if isinstance(result, Failure)] == ["a.mp4: too small"]
    assert len(results) == 2


def test_failures_wait_for_no_batch_of_good_ones(tmp_path):
    bad = [Source(tmp_path / f"{number}.jpg", "picture", Path(f"{number}.jpg")) for number in range(3)]
    detector = FakeDetector()
    results = run(detector, [*bad, *pictures(tmp_path, 1)], batch=64)
    assert [type(next(results)) for _ in range(3)] == [Failure] * 3
    assert detector.batches == []
    results.close()


def test_every_frame_of_a_film_on_a_web_server_is_looked_at(tmp_path):
    with serving() as host:
        host.files["/a.mp4"] = write_film(tmp_path / "a.mp4", 30).read_bytes()
        results = list(run(FakeDetector(on_batch=lambda size: time.sleep(0.002)), [source_of(f"{host.url}/a.mp4")]))
    assert frames_of(results) == [(index, 10) for index in range(30)]


class Hurried:
    """A live source of so many frames that waits for nobody; what a Watch needs of a VideoReader."""

    is_live, fps = True, 25.0

    def __init__(self, count: int) -> None:
        self._frames = (Frame(pixels, "cam", index=number) for number, pixels in enumerate(film(count, (2, 2))))

    def __enter__(self) -> "Hurried":
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        return self._frames


def test_of_a_live_source_late_frames_are_dropped_and_told_of(monkeypatch):
    watched: list[Watch] = []

    def watch(address: str, name: str, **rules: Any) -> Watch:
        opened: Any = Hurried(200)
        watched.append(Watch(lambda: opened, name))
        return watched[0]

    def look(size: int) -> None:
        watched[0]._thread.join(20)  # as long as the source has something to show

    monkeypatch.setattr("yolov2.detect.pipeline.watch", watch)
    results = run(FakeDetector(on_batch=look), [source_of("rtsp://host/1")])
    with pytest.warns(Yolov2Warning) as caught:
        indices = [result.frame_index or 0 for result in results if isinstance(result, Detections)]
    assert indices == sorted(set(indices))
    assert indices[-1] == 199
    assert len(indices) <= 8  # one looked at, three and one on their way, one kept
    said = f"rtsp://host/1: dropped {200 - len(indices)} of 200 frames, which came faster than they could be looked at"
    assert [str(warning.message) for warning in caught] == [said]


def test_stop_ends_a_camera_that_says_nothing_more():
    stop = threading.Event()
    with filming(film(40)) as camera:
        camera.stays = True
        results = run(FakeDetector(), [source_of(camera.url), Source(Path("no.png"), "picture", Path())], stop=stop)
        first = next(results)
        stop.set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Yolov2Warning)  # how many frames were dropped, depends on the machine
            rest = list(results)
        assert isinstance(first, Detections)
        assert all(isinstance(result, Detections) for result in rest)  # the next source is not tried
        assert len(rest) < 40


def test_a_camera_that_is_not_there_is_a_failure_by_its_name():
    (result,) = run(FakeDetector(), [Source(Path(), "camera", Path(), address="99")])
    assert isinstance(result, Failure)
    assert result.source == "camera 99"
    assert result.error.startswith("camera 99: found no device /dev/video99, ")


def test_a_picture_from_standard_input_is_looked_at(tmp_path):
    (named,) = pictures(tmp_path, 1)
    source = Source(Path(), "picture", Path("stdin.png"), data=named.path.read_bytes())
    cut = Source(Path(), "picture", Path("stdin.png"), data=named.path.read_bytes()[:50])
    good, bad = run(FakeDetector(), [source, cut])
    assert isinstance(good, Detections)
    assert good.source == "-"
    assert isinstance(bad, Failure)
    assert (bad.source, bad.error[:10]) == ("-", "-: found a")


# --- memory -----------------------------------------------------------------------------------------------------------

CFG = """[net]
width=64
height=64
channels=3

[convolutional]
filters=7
size=3
stride=32
pad=1
activation=linear

[region]
anchors=0.5,0.5
classes=2
num=1
softmax=1
"""
MOST_GROWTH = 4 << 20  # bytes between 500 and 2,000 frames; a frame that stayed would make 25 MB of it
STATM = Path("/proc/self/statm")


@pytest.mark.slow
@pytest.mark.skipif(not STATM.is_file(), reason="no /proc here that tells how much memory a process has")
def test_two_thousand_frames_take_no_more_memory_than_five_hundred(tmp_path):
    (tmp_path / "small.cfg").write_text(CFG)
    network = read_cfg(tmp_path / "small.cfg")
    film = write_film(tmp_path / "0.mp4", 50)
    films = [film, *(Path(shutil.copy(film, tmp_path / f"{number}.mp4")) for number in range(1, 40))]
    sources = [Source(path, "video", Path(path.name)) for path in films]
    resident: dict[int, int] = {}
    with (
        Detector(network, initial_weights(network), conf=0.1) as detector,
        open_writers(tmp_path / "out", sources) as writers,
    ):
        for number, result in enumerate(run(detector, sources, batch=4), start=1):
            writers.write(result)
            if number in (500, 2000):
                resident[number] = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert len((tmp_path / "out/detections.jsonl").read_text().splitlines()) == 2000
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 40
    assert resident[2000] - resident[500] < MOST_GROWTH


@pytest.mark.parametrize("sources", [[np.zeros((4, 4, 3), np.uint8)], np.zeros((4, 4, 3), np.uint8), 7])
def test_an_array_is_no_source(sources):
    with pytest.raises(TypeError) as refused:
        list(stream(FakeDetector(), sources))
    kind = "int" if type(sources) is int else "ndarray"
    expected = f"sources: found {kind}, expected paths (str or Path); for pictures in memory call detector(pictures)"
    assert str(refused.value) == expected


@pytest.mark.parametrize("batch", ["x", 0, 1.5, None])
def test_a_batch_is_a_number_from_1(batch):
    with pytest.raises(ValueError) as refused:
        list(run(FakeDetector(), [], batch=batch))
    assert str(refused.value) == f"batch: found {batch!r}, expected a number from 1"
