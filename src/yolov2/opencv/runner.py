"""What comes out of any of OpenCV's layers of a network, computed by the backends and by `region/`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.backends.base import Backend, open_backend
from yolov2.darknet.weights import Weights
from yolov2.detect.sized_backends import SizedBackends
from yolov2.hierarchy.wordtree import grouped_softmax
from yolov2.network.spec import Network
from yolov2.opencv.cut import cut
from yolov2.opencv.loaded import Held, Loaded
from yolov2.opencv.names import Named, is_flat
from yolov2.opencv.rows import RowMaker

Floats = NDArray[np.float32]

MOST_CUT = 4  # networks cut off behind an inner layer that are kept open; each may hold the weights once more


class Ticks(NamedTuple):
    """Where the time of one request went, in ticks of OpenCV's clock."""

    network: int
    head: int  # from the raw head to rows or probabilities


class Runner:
    """Layers and images in, their outputs out; a backend opens when the first images of its size come."""

    def __init__(self, loaded: Loaded, weights: Held, *, cache: Path | None, threads: int | None) -> None:
        self._loaded, self._weights, self._threads = loaded, weights, threads
        network = loaded.network
        self._whole = self._open(lambda: (network, weights.take()), cache=cache)
        self._cut: dict[Named, SizedBackends] = {}  # the one used last is the last
        self._rows = None
        if network.region is not None:
            self._rows = RowMaker(network.region, loaded.threshold, loaded.tree, network.arithmetic)

    def __call__(
        self, wanted: Sequence[Named], images: Floats, *, is_suppressed: bool
    ) -> tuple[tuple[Floats, ...], Ticks]:
        """The outputs of the wanted layers, in OpenCV's shapes. The whole network runs once at most."""
        start = cv2.getTickCount()
        raw = self._whole(images) if any(map(self._is_of_head, wanted)) else None
        inner = {named: self._inner(named, images) for named in set(wanted) if not self._is_of_head(named)}
        ran = cv2.getTickCount()
        outputs = [
            inner[named] if raw is None or named in inner else self._of_head(named, raw, is_suppressed=is_suppressed)
            for named in wanted
        ]
        shaped = tuple(self._shaped(named, output) for named, output in zip(wanted, outputs, strict=True))
        return shaped, Ticks(ran - start, cv2.getTickCount() - ran)

    def _is_of_head(self, named: Named) -> bool:
        """Whether a layer's output follows from the raw head."""
        raw = self._loaded.network.raw_index
        return named.part == "turned" or (named.part == "output" and named.layer >= raw)

    def _of_head(self, named: Named, raw: Floats, *, is_suppressed: bool) -> Floats:
        network, tree = self._loaded.network, self._loaded.tree
        if named.part == "turned":
            return np.ascontiguousarray(np.moveaxis(raw, 1, -1))
        if named.layer == network.raw_index:
            return raw
        if self._rows is not None:
            rows = self._rows(raw, is_suppressed=is_suppressed)
            return rows[0] if len(rows) == 1 else rows
        if tree is not None:
            return np.moveaxis(grouped_softmax(np.moveaxis(raw, 1, -1), tree), -1, 1)
        return raw  # [cost]

    def _inner(self, named: Named, images: Floats) -> Floats:
        backend = self._cut.pop(named, None)
        if backend is None:
            while len(self._cut) >= MOST_CUT:
                self._cut.pop(next(iter(self._cut))).close()
            backend = self._open(lambda: cut(self._loaded.network, self._weights.take(), named), cache=None)
        self._cut[named] = backend
        return backend(images)

    def _shaped(self, named: Named, output: Floats) -> Floats:
        is_rows = self._rows is not None and named.part == "output" and named.layer > self._loaded.network.raw_index
        if is_rows or named.part == "turned" or not is_flat(self._loaded.network, named.layer):
            return output
        return output.reshape(len(output), -1)

    def _open(self, model: Callable[[], tuple[Network, Weights]], *, cache: Path | None) -> SizedBackends:
        def open_at(size: tuple[int, int]) -> Backend:
            network, weights = model()
            threads = self._threads or _threads()
            return open_backend("onnxruntime", network.at_size(*size), weights, threads=threads, cache=cache)

        return SizedBackends(open_at)


def _threads() -> int | None:
    """As many as `cv2.setNumThreads` was told; None, the runtime's own choice, where it was not called."""
    return None if cv2.getNumThreads() == cv2.getNumberOfCPUs() else max(1, cv2.getNumThreads())
