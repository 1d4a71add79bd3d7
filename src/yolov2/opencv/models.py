"""`cv2.dnn.DetectionModel` and `ClassificationModel` as OpenCV 4 had them: pictures in, answers out.

A network that is not Darknet's gets the installed OpenCV's own class of that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.errors import ModelError
from yolov2.hierarchy.wordtree import WordTree, path_probability, top_prediction
from yolov2.opencv.net import Net
from yolov2.opencv.reading import is_darknet, readNet
from yolov2.opencv.refusals import refusals

Floats = NDArray[np.float32]
Found = tuple[Any, Any, Any]  # class ids (N,) int32, confidences (N,) float32, boxes (N, 4) int32; () each for nothing


class Model:
    """A Net with what is done to a picture before it. Setters return the model, so that they chain."""

    def __new__(cls, model: Any = None, config: Any = "", *, network: Any = None) -> Any:
        first = network if network is not None else model
        if isinstance(first, Net) or is_darknet(first, config):
            return super().__new__(cls)
        return getattr(cv2, f"dnn_{cls.__name__}")(*((first, config) if config else (first,)))

    def __init__(self, model: Any = None, config: Any = "", *, network: Net | None = None) -> None:
        first = network if network is not None else model
        self.net: Net = first if isinstance(first, Net) else readNet(first, config)
        self._output_names: tuple[str, ...] = ()
        self.setInputParams()

    def setInputParams(
        self,
        scale: float = 1.0,
        size: Sequence[int] = (0, 0),
        mean: Any = (0, 0, 0),
        swapRB: bool = False,
        crop: bool = False,
    ) -> None:
        """All of it at once; what is left out goes back to its default. size: (width, height)."""
        self.setInputScale(scale).setInputSize(size).setInputMean(mean).setInputSwapRB(swapRB).setInputCrop(crop)

    def setInputSize(self, *size: Any) -> Self:
        """(width, height), as one pair or two numbers."""
        width, height = size if len(size) == 2 else size[0]
        self._size_wh = int(width), int(height)
        return self

    def setInputScale(self, scale: Any) -> Self:
        """A factor of the pixels, or one a channel."""
        self._scale = tuple(map(float, scale)) if np.ndim(scale) else (float(scale),) * 4
        return self

    def setInputMean(self, mean: Any) -> Self:
        """What is taken from the pixels of every channel, before the factor."""
        self._mean: tuple[float, ...] = tuple(np.atleast_1d(np.asarray(mean, np.float64)).tolist())
        return self

    def setInputSwapRB(self, swapRB: bool) -> Self:
        """Whether the network wants RGB where the picture is BGR."""
        self._swaps = bool(swapRB)
        return self

    def setInputCrop(self, crop: bool) -> Self:
        """Whether the picture's sides are cut off rather than squeezed."""
        self._crops = bool(crop)
        return self

    def setOutputNames(self, outNames: Sequence[str]) -> Self:
        """The layers that `predict` answers with."""
        self._output_names = tuple(outNames)
        return self

    def setPreferableBackend(self, backendId: int) -> Self:
        """Accepted; see `Net`."""
        self.net.setPreferableBackend(backendId)
        return self

    def setPreferableTarget(self, targetId: int) -> Self:
        """Accepted; see `Net`."""
        self.net.setPreferableTarget(targetId)
        return self

    def enableWinograd(self, useWinograd: bool) -> Self:
        """Accepted; see `Net`."""
        return self

    def predict(self, frame: NDArray[Any]) -> tuple[Floats, ...]:
        """The outputs for a picture (H, W, C), BGR as OpenCV reads it."""
        with refusals("predict"):
            blob = self._blob(frame)
        with self.net.lock:  # no other thread's picture between the two
            self.net.setInput(blob)
            return self.net.forward(self._output_names or self.net.getUnconnectedOutLayersNames())

    def _blob(self, frame: Any) -> Floats:
        if 0 in self._size_wh:
            raise ModelError.at(
                "predict", found="no input size", expected="one", repair="call setInputSize(width, height) first"
            )
        picture = np.asarray(frame)
        if picture.ndim not in (2, 3) or picture.size == 0:
            found = "None" if frame is None else f"an array {picture.shape}"
            raise ModelError.at("predict", found=found, expected="a picture (H, W, 3)", repair="check that it was read")
        params = cv2.dnn.Image2BlobParams()
        params.scalefactor, params.mean = self._scale, self._mean
        params.size, params.swapRB = self._size_wh, self._swaps
        params.paddingmode = cv2.dnn.DNN_PMODE_CROP_CENTER if self._crops else cv2.dnn.DNN_PMODE_NULL
        return np.asarray(cv2.dnn.blobFromImageWithParams(picture, params), np.float32)


class DetectionModel(Model):
    """A detector with OpenCV's `detect`. It turns off the suppression inside its Net's region layer, as OpenCV does."""

    def __init__(self, model: Any = None, config: Any = "", *, network: Net | None = None) -> None:
        super().__init__(model, config, network=network)
        self.net.suppresses = False
        self._across_classes = False

    def setNmsAcrossClasses(self, value: bool) -> Self:
        """Whether boxes of different classes take each other."""
        self._across_classes = bool(value)
        return self

    def getNmsAcrossClasses(self) -> bool:
        """Whether boxes of different classes take each other."""
        return self._across_classes

    def detect(self, frame: NDArray[Any], confThreshold: float = 0.5, nmsThreshold: float = 0.0) -> Found:
        """Class ids (N,), confidences (N,) and boxes (N, 4) of a picture: left, top, width, height in whole pixels.

        A box stands for its best class. They come class by class, best first; with nmsThreshold 0 nothing is
        suppressed, and they come as the rows do. Nothing found is three empty tuples.
        """
        with refusals("detect"):
            if self.net.loaded.network.region is None:
                found, repair = "a network without [region]", "use ClassificationModel, or predict(frame)"
                raise ModelError.at("detect", found=found, expected="a detector", repair=repair)
        output = np.concatenate([part.reshape(-1, part.shape[-1]) for part in self.predict(frame)])
        class_ids = output[:, 5:].argmax(axis=1)
        confidences = output[np.arange(len(output)), 5 + class_ids]
        passes = confidences >= np.float32(confThreshold)
        class_ids, confidences = class_ids[passes].astype(np.int32), confidences[passes]
        boxes = whole_boxes(output[passes, :4], width=frame.shape[1], height=frame.shape[0])
        kept = np.arange(len(boxes))
        if nmsThreshold:
            groups = (
                [kept] if self._across_classes else [np.nonzero(class_ids == one)[0] for one in np.unique(class_ids)]
            )
            kept = _suppressed(boxes, confidences, groups, float(confThreshold), float(nmsThreshold))
        return (class_ids[kept], confidences[kept], boxes[kept]) if len(kept) else ((), (), ())


class ClassificationModel(Model):
    """A classifier with OpenCV's `classify`."""

    _has_softmax = False

    def setEnableSoftmaxPostProcessing(self, enable: bool) -> Self:
        """Whether a softmax comes behind what the network gives."""
        self._has_softmax = bool(enable)
        return self

    def getEnableSoftmaxPostProcessing(self) -> bool:
        """Whether a softmax comes behind what the network gives."""
        return self._has_softmax

    def classify(self, frame: NDArray[Any]) -> tuple[int, float]:
        """The best class of a picture and its confidence; of a tree the node that it is walked down to, and P(node)."""
        outputs = self.predict(frame)
        tree = self.net.loaded.tree
        values = outputs[0].reshape(-1)
        if tree is not None and values.size == len(tree):
            return _walked(values, tree)
        if self._has_softmax:
            powers = np.exp(values - values.max())
            values = powers / powers.sum()
        best = int(values.argmax())
        return best, float(values[best])


def whole_boxes(boxes: Floats, *, width: int, height: int) -> NDArray[np.int32]:
    """cxcywh in fractions (N, 4) -> left, top, width, height in pixels, inside the picture.

    Sides are cut to whole pixels one by one, half of a side once more. Source: OpenCV `DetectionModel::detect`.
    """
    sides = np.array([width, height, width, height], np.float32)
    pixels = np.clip(boxes * sides, -(2.0**30), 2.0**30).astype(np.int32)
    limits = np.array([width, height], np.int32)
    half = pixels[:, 2:] // 2  # sides are never negative, so this is C's division
    corner = np.clip(pixels[:, :2] - half, 0, limits - 1)
    return np.concatenate((corner, np.clip(pixels[:, 2:], 1, limits - corner)), axis=1)


def _suppressed(
    boxes: NDArray[np.int32], confidences: Floats, groups: Sequence[NDArray[Any]], confidence: float, iou: float
) -> NDArray[np.int64]:
    """The rows that stay, group by group and best first.

    By OpenCV's own function: on whole pixels overlaps often lie exactly at the threshold, and must round as there.
    """
    kept = [np.zeros(0, np.int64)]
    for group in groups:
        if len(group):
            places = cv2.dnn.NMSBoxes(boxes[group].tolist(), confidences[group].tolist(), confidence, iou)
            kept.append(group[np.asarray(places, np.int64).reshape(-1)])
    return np.concatenate(kept)


def _walked(conditional: Floats, tree: WordTree) -> tuple[int, float]:
    nodes = top_prediction(conditional[None], tree, threshold=0.5)
    return int(nodes[0]), float(path_probability(conditional[None], nodes, tree)[0])
