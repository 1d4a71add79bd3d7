"""`cv2.dnn.Net` as OpenCV 4 had it for a Darknet network: its calls, its names, its shapes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import ModelError, printable
from yolov2.network.spec import Network
from yolov2.network.summary import summarise
from yolov2.opencv.blobs import checked, scaled
from yolov2.opencv.loaded import Loaded
from yolov2.opencv.names import INPUT_NAME, LAYER_OF_INPUT, Named, named_layers, shape_of, unconnected
from yolov2.opencv.refusals import refusals
from yolov2.opencv.runner import Runner, Ticks

Floats = NDArray[np.float32]

log = logging.getLogger(__name__)

FLOAT = 4  # bytes
BACKENDS, NGRAPH = range(9), 1_000_000  # the numbers that OpenCV 4 knows
TARGETS = range(11)
PLAIN_BACKENDS, PLAIN_TARGETS = (0, 3), (0,)  # default and OpenCV; the CPU


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as `Net.getLayer` gives it."""

    name: str
    type: str


class Net:
    """A Darknet network with OpenCV 4's calls. Threads may share one; it answers one request at a time.

    Made by `readNetFromDarknet`; `Net()` is empty, as there.
    """

    def __init__(self, loaded: Loaded | None = None, *, cache: Path | None = None, threads: int | None = None) -> None:
        self.suppresses = True  # boxes within the region layer, as OpenCV's does; a DetectionModel turns it off
        self._loaded = loaded
        self.lock = threading.RLock()  # held for one request
        self._images: Floats | None = None
        self._ticks: Ticks | None = None
        self._runner: Runner | None = None
        self._layers: tuple[Named, ...] = ()
        if loaded is not None:
            self._layers = named_layers(loaded.network)
            if loaded.weights is not None:
                self._runner = Runner(loaded, loaded.weights, cache=cache, threads=threads)
        self._numbers = {named.name: number for number, named in enumerate(self._layers, start=1)}

    def __repr__(self) -> str:
        return f"Net({self._loaded.where})" if self._loaded is not None else "Net()"

    # --- running ------------------------------------------------------------------------------------------------------

    def setInput(self, blob: NDArray[Any], name: str = "", scalefactor: float = 1.0, mean: Any = ()) -> None:
        """Take a blob (B, C, H, W) as the next input: (blob - mean) * scalefactor, `mean` a number a channel.

        It is copied. Rows and columns may be any that the network's layers take.
        """
        with refusals("setInput"):
            if name not in ("", INPUT_NAME):
                found = f"no input {printable(name, longest=60)}"
                raise _refusal("setInput", found, INPUT_NAME, "leave the name out")
            images = scaled(checked(blob, self._network.input.channels), factor=float(scalefactor), mean=mean)
        with self.lock:
            self._images = images

    def forward(
        self, outputName: Any = None, outputBlobs: Any = None, *, outBlobNames: Sequence[str] | None = None
    ) -> Any:
        """The output of the last layer or of one that is named; a tuple of outputs for a list of names.

        A region layer gives rows (rows * columns * A, 5 + C), in a batch (B, ..., 5 + C): see the docs.
        An empty list stands for all layers that no other takes from.
        """
        names = outBlobNames if outBlobNames is not None else outputName
        if names is None or isinstance(names, str):
            return self._forward([names or ""])[0]
        listed = [str(name) for name in cast("Sequence[str]", names)]
        return self._forward(listed or list(self.getUnconnectedOutLayersNames()))

    def forwardAndRetrieve(self, outBlobNames: Sequence[str]) -> tuple[tuple[Floats, ...], ...]:
        """The outputs of the named layers, each in a tuple of its own."""
        return tuple((output,) for output in self._forward(list(outBlobNames)))

    def getPerfProfile(self) -> tuple[int, NDArray[np.float64]]:
        """Ticks of the last `forward`, in all and by layer.

        The network runs as one piece, whose time stands at the layer that gives the raw head; layers within it have 0,
        as those have in OpenCV that it fuses.
        """
        with refusals("getPerfProfile"):
            ticks = self._ticks
            if ticks is None:
                raise _refusal("getPerfProfile", "no forward() before it", "one", "call forward() first")
        by_layer = np.zeros(len(self._layers))
        raw = self._network.raw_index
        by_layer[max(i for i, named in enumerate(self._layers) if named.layer <= max(raw, 0))] = ticks.network
        by_layer[-1] += ticks.head
        return sum(ticks), by_layer

    # --- what it is made of -------------------------------------------------------------------------------------------

    def empty(self) -> bool:
        """Whether it has no layers."""
        return self._loaded is None

    def getLayerNames(self) -> tuple[str, ...]:
        """The names of all layers; the first has the number 1."""
        return tuple(named.name for named in self._layers)

    def getLayerId(self, layer: str) -> int:
        """The number of a layer, -1 if there is none of this name."""
        return 0 if layer == LAYER_OF_INPUT else self._numbers.get(layer, -1)

    def getLayer(self, layerId: int | str) -> Layer:
        """The layer with this number or name."""
        number = self.getLayerId(layerId) if isinstance(layerId, str) else int(layerId)
        if number == 0 and not self.empty():
            return Layer(LAYER_OF_INPUT, "")
        with refusals("getLayer"):
            if not 1 <= number <= len(self._layers):
                found = f"no layer {printable(layerId, longest=60)}"
                raise _refusal("getLayer", found, f"0 to {len(self._layers)}, or a name", "see getLayerNames()")
        return Layer(self._layers[number - 1].name, self._layers[number - 1].type)

    def getUnconnectedOutLayers(self) -> NDArray[np.int32]:
        """The numbers of the layers that no other takes from (N,)."""
        return np.array(() if self.empty() else unconnected(self._network, self._layers), np.int32)

    def getUnconnectedOutLayersNames(self) -> tuple[str, ...]:
        """The names of the layers that no other takes from."""
        return tuple(self._layers[int(number) - 1].name for number in self.getUnconnectedOutLayers().tolist())

    def getFLOPS(self, netInputShape: Sequence[int]) -> int:
        """Operations for an input of this shape (B, C, H, W), as Darknet counts: two for every multiply-add."""
        network = self._at(netInputShape)
        return int(netInputShape[0]) * summarise(network).operations

    def getMemoryConsumption(self, netInputShape: Sequence[int]) -> tuple[int, int]:
        """Bytes of all weights, and of the outputs of all layers for an input of this shape (B, C, H, W)."""
        network = self._at(netInputShape)
        anchors = 2 * network.region.num_anchors if network.region is not None else 0
        parameters = sum(parameter.size for _, parameter in network.parameters()) + anchors
        blobs = network.input.size + sum(shape_of(named, network).size for named in self._layers)
        return FLOAT * parameters, FLOAT * int(netInputShape[0]) * blobs

    # --- how it runs: always in float32 on the CPU --------------------------------------------------------------------

    def setPreferableBackend(self, backendId: int) -> None:
        """Any of OpenCV's numbers; it runs on ONNX Runtime all the same."""
        with refusals("setPreferableBackend"):
            if int(backendId) not in BACKENDS and not NGRAPH <= int(backendId) < NGRAPH + 10:
                raise _refusal(
                    "setPreferableBackend", f"backend {backendId}", "a DNN_BACKEND_ number", "use DNN_BACKEND_OPENCV"
                )
        if backendId not in PLAIN_BACKENDS:
            _tell_of_cpu("backend", int(backendId))

    def setPreferableTarget(self, targetId: int) -> None:
        """Any of OpenCV's numbers; it runs in float32 on the CPU all the same."""
        with refusals("setPreferableTarget"):
            if int(targetId) not in TARGETS:
                raise _refusal(
                    "setPreferableTarget", f"target {targetId}", "a DNN_TARGET_ number", "use DNN_TARGET_CPU"
                )
        if targetId not in PLAIN_TARGETS:
            _tell_of_cpu("target", int(targetId))

    def enableFusion(self, fusion: bool) -> None:
        """Accepted: layers are always run together, and every inner output is right all the same."""

    def enableWinograd(self, useWinograd: bool) -> None:
        """Accepted: the numbers are those without Winograd, the speed is not."""

    # --- within -------------------------------------------------------------------------------------------------------

    @property
    def loaded(self) -> Loaded:
        """What it was made of. Raises ModelError if it is empty."""
        if self._loaded is None:
            raise _refusal("Net", "an empty Net", "one from readNetFromDarknet", "read a network first")
        return self._loaded

    @property
    def _network(self) -> Network:
        return self.loaded.network

    def _forward(self, names: Sequence[str]) -> tuple[Floats, ...]:
        with refusals("forward"), self.lock:
            loaded = self.loaded
            wanted = [self._named(name) if name else self._layers[-1] for name in names]
            if self._runner is None:
                raise _refusal(
                    "forward", f"no weights for {loaded.where}", "them", "give readNetFromDarknet both files"
                )
            if self._images is None:
                raise _refusal("forward", "no input", "a blob", "call setInput(blob) first")
            outputs, self._ticks = self._runner(wanted, self._images, is_suppressed=self.suppresses)
            return outputs

    def _named(self, name: str) -> Named:
        number = self._numbers.get(name)
        if number is None:
            found, expected = f"no layer {printable(name, longest=60)}", f"a name such as {self._layers[-1].name}"
            raise _refusal("forward", found, expected, "see getLayerNames()")
        return self._layers[number - 1]

    def _at(self, shape: Sequence[int]) -> Network:
        """The network at the size of an input shape."""
        with refusals("input shape"):
            if len(shape) != 4 or int(shape[1]) != self._network.input.channels:
                expected = f"(B, {self._network.input.channels}, H, W)"
                raise _refusal("input shape", str(tuple(shape)), expected, "give the shape of a blob")
            return self._network.at_size(int(shape[2]), int(shape[3]))


def _refusal(where: str, found: str, expected: str, repair: str) -> ModelError:
    return ModelError.at(where, found=found, expected=expected, repair=repair)


@once
def _tell_of_cpu(what: str, number: int) -> None:
    """Say once a process that a backend or target makes no difference here."""
    log.warning("%s %d of OpenCV makes no difference to a Darknet network: it runs in float32 on the CPU", what, number)
