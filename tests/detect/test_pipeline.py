"""Order, bounds, failures and endings of the pipeline, with a detector that is none."""

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fakes import FakeDetector
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.errors import PictureError
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
