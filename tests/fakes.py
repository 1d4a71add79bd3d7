"""A detector without a network: every picture gives one box, whose class is the mean brightness of the picture."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.settings import Settings
from yolov2.records import Detections, Frame


class FakeDetector:
    """What pipeline.run needs of a Detector. `raw` is called for every batch with its size."""

    settings = Settings()
    channels = 3

    def __init__(self, *, on_batch: Callable[[int], None] = lambda size: None) -> None:
        self.on_batch = on_batch
        self.batches: list[int] = []

    def prepare(self, frame: Frame) -> NDArray[np.float32]:
        time.sleep(float(frame.pixels[0, 0, 1]) / 1000)  # a picture may say how slow it is to prepare
        return np.full((3, 2, 2), frame.pixels[0, 0, 0], np.float32)

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        self.on_batch(len(images))
        return images[:, 0, 0, 0]

    def decode(self, raw: NDArray[np.float32], *, frames: Sequence[Frame]) -> list[Detections]:
        return [one_box(frame, int(value)) for frame, value in zip(frames, raw, strict=True)]


def one_box(frame: Frame, class_id: int) -> Detections:
    return Detections(
        xyxy=np.array([[0, 0, 1, 1]], np.float32),
        scores=np.array([0.5], np.float32),
        class_ids=np.array([class_id], np.int64),
        objectness=np.array([0.75], np.float32),
        size=frame.size,
        source=frame.source,
        frame_index=frame.index,
        frame=frame,
    )
