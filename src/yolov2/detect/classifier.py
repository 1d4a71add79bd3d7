"""A model that names what a picture shows as a whole: pictures in, Classifications out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from yolov2.backends.base import Backend, open_backend
from yolov2.darknet.lists import read_names
from yolov2.darknet.weights import Weights
from yolov2.detect.classifier_settings import ClassifierOptions, ClassifierSettings, Size
from yolov2.detect.fitting import check_map, check_names, check_tree, sized
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model
from yolov2.detect.pipeline import stream
from yolov2.detect.sized_backends import SizedBackends
from yolov2.detect.sources import as_frame
from yolov2.errors import ModelError, NamesError, PictureError, Yolov2Warning
from yolov2.hierarchy.wordtree import (
    WordTree,
    absolute_probabilities,
    change_leaves,
    grouped_softmax,
    leaves_only,
    softmax,
)
from yolov2.network.layers import Softmax, section_name
from yolov2.network.mismatch import Mismatch
from yolov2.network.spec import Arithmetic, Network
from yolov2.pictures.channels import with_channels
from yolov2.pictures.crops import PREPROCESSINGS, RESIZED, TRY_MEANS, TRY_SIDE, Views
from yolov2.records import Classification, Failure, Frame

LARGEST_INPUT = 1 << 22  # pixels: a network holds a hundred times as many numbers at once
ANY_SIZE = ("validfull", "validmulti")  # preprocessings whose input has another size for every picture

STORED_RULES = {"letterbox": "predict", "stretch": "validcrop"}  # what a checkpoint says of resizing -> preprocess

# Where Darknet forgets `hierarchy_predictions`, so that P(node given parent) is ranked: which of a picture's views.
FORGOTTEN = {"validcrop": slice(None), "validmulti": slice(1, None, 2)}

log = logging.getLogger(__name__)


class Classifier:
    """Pictures -> Classifications. May be called from several threads; a context manager that closes its backends.

    names: by class id. tree: of a softmax over a WordTree; probabilities are then those of its leaves, and 0 above.
    map: nodes of the tree, leaves or not, that are the classes of an answer.
    Raises ModelError if the network is no classifier or there are names, but not one for each class, Mismatch if it
    does not fit `size`, BackendError if the backend can't run it.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        *,
        names: Sequence[str] = (),
        tree: WordTree | None = None,
        map: Sequence[int] | None = None,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "fp32",
        threads: int | None = None,
        cache: Path | None = None,
        **settings: Unpack[ClassifierOptions],
    ) -> None:
        self.settings = ClassifierSettings(**settings)
        self.network = sized(network, TRY_SIDE if self.settings.preprocess == "try" else self.settings.size)
        _check_classifier(self.network, tree, self.settings.preprocess)
        check_map(map, tree)
        self.names, self.tree, self.map = tuple(names), tree, map
        check_names(self.names, classes=self.num_classes, where=network.name or "network")
        self._temperature = self.network.head.temperature if isinstance(self.network.head, Softmax) else 1.0
        self.has_probabilities = _has_probabilities(self.network, self.settings.softmax)

        def open_at(size: Size, *, cache: Path | None = None) -> Backend:
            sized = self.network.at_size(*size)
            return open_backend(
                backend, sized, weights, device=device, precision=precision, threads=threads, cache=cache
            )

        self.backend: Backend | SizedBackends
        if self.settings.preprocess in ANY_SIZE:
            _check_any_size(self.network, self.settings.preprocess)
            self.backend = SizedBackends(open_at)  # without the cache, which one folder of photographs would fill
        else:
            self.backend = open_at(self.input_size, cache=cache)

    @classmethod
    def open(
        cls,
        model: str | Path | None = None,
        *,
        weights: str | Path | None = None,
        names: str | Path | None = None,
        data: str | Path | None = None,
        tree: str | Path | None = None,
        map: str | Path | None = None,
        leaves: str | Path | None = None,
        arithmetic: Arithmetic | None = None,
        partial: int | None = None,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "fp32",
        threads: int | None = None,
        cache: Path | None = None,
        **settings: Unpack[ClassifierOptions],
    ) -> Self:
        """The classifier of a model: a known name, a checkpoint, a .cfg with its .weights beside it, or their folder.

        leaves: a list of the nodes that count as leaves, in place of those without children. preprocess: what is not
        chosen is as the checkpoint's resize rule says. partial: how many layers the weights are of, as in load_model.
        Raises Yolov2Error, one line, for files that are missing or do not fit each other.
        """
        files = find_model(model, weights=weights, names=names, data=data, tree=tree, map=map)
        loaded = load_model(files, arithmetic=arithmetic, partial=partial)
        if stored := STORED_RULES.get(loaded.settings.get("resize", "")):
            settings.setdefault("preprocess", stored)
        return cls(
            loaded.network,
            loaded.weights,
            names=loaded.names,
            tree=loaded.tree if leaves is None else _with_leaves(loaded.tree, Path(leaves)),
            map=loaded.map,
            backend=backend,
            device=device,
            precision=precision,
            threads=threads,
            cache=cache,
            **settings,
        )

    @property
    def num_classes(self) -> int:
        """How many classes an answer has: those of the network, which with a tree are its nodes, or of the map."""
        return self.network.raw_shape.size if self.map is None else len(self.map)

    @property
    def channels(self) -> int:
        """How many a picture has: 3 are RGB, 1 is grey."""
        return self.network.input.channels

    @property
    def input_size(self) -> Size:
        """(height, width) of the network's own input."""
        return self.network.input.height, self.network.input.width

    def __call__(self, pictures: Any, *, bgr: bool = False) -> Any:
        """The Classification of one picture, or a list of them for a list.

        A picture is a path, encoded bytes, an array (H, W, 3) uint8 (RGB, or BGR with `bgr`), or a PIL image.
        Raises PictureError for one that can't be read, or has no size that the network takes.
        """
        if isinstance(pictures, (list, tuple)):
            return [self(picture, bgr=bgr) for picture in pictures]  # pyright: ignore[reportUnknownVariableType]
        frame = self.frame(pictures, bgr=bgr)
        return self.decode(self.raw([self.prepare(frame)]), frames=[frame])[0]

    def stream(
        self,
        sources: str | Path | Iterable[str | Path],
        *,
        batch: int = 1,
        on_failure: Callable[[Failure], None] | None = None,
        stride: int = 1,
        start_s: float = 0.0,
        end_s: float | None = None,
        allow_urls: bool = False,
    ) -> Iterator[Classification]:
        """The Classification of every picture and every frame of every video, in order, while reading runs ahead.

        Sources are files, folders, patterns, lists, "-", cameras and, with `allow_urls`, addresses of video. Of videos
        every `stride`-th frame is looked at, from `start_s` until `end_s`. What can't be read is handed to
        `on_failure`; without one it is warned of. Memory is bounded whatever the number of sources.
        """
        return stream(
            self, sources, batch=batch, on_failure=on_failure,
            stride=stride, start_s=start_s, end_s=end_s, allow_urls=allow_urls,
        )  # fmt: skip

    def frame(self, picture: Any, *, bgr: bool = False) -> Frame:
        """A picture of any kind that `classifier(...)` takes, as a Frame."""
        exif, max_pixels = not self.settings.faithful, self.settings.max_pixels
        return as_frame(picture, bgr=bgr, exif=exif, max_pixels=max_pixels, channels=self.channels)

    def prepare(self, frame: Frame) -> Views:
        """What the network is shown of a frame: one or more (C, H, W), in 0..1 but for preprocess try.

        Raises PictureError if a view would be too large, of a size that the network does not take, or of other
        channels than it has.
        """
        resized = RESIZED.get(self.settings.preprocess)
        for size in resized(frame.size, self.input_size) if resized else ():
            self._check_fits(frame, size)
        pixels = with_channels(frame, self.channels)
        return PREPROCESSINGS[self.settings.preprocess](pixels, self.input_size)

    def raw(self, images: Sequence[Views]) -> list[NDArray[np.float32]]:
        """The network's output for every view of every picture: (views, classes) a picture.

        Views of one size run together, as many at a time as there are pictures.
        """
        outputs = [np.empty((len(views), self.network.raw_shape.size), np.float32) for views in images]
        by_size: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        for picture, views in enumerate(images):
            for view, image in enumerate(views):
                by_size.setdefault(image.shape, []).append((picture, view))
        for places in by_size.values():
            for start in range(0, len(places), len(images)):
                chunk = places[start : start + len(images)]
                found = self.backend(np.stack([images[picture][view] for picture, view in chunk]))
                for (picture, view), output in zip(chunk, found, strict=True):
                    outputs[picture][view] = output.reshape(-1)
        return outputs

    def decode(self, raw: Sequence[NDArray[np.float32]], *, frames: Sequence[Frame]) -> list[Classification]:
        """What `raw` gives for the views of these frames -> Classifications of all classes."""
        return [self._result(outputs, frame) for outputs, frame in zip(raw, frames, strict=True)]

    def close(self) -> None:
        """Give back what the backends hold."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _result(self, outputs: NDArray[np.float32], frame: Frame) -> Classification:
        # Darknet: validate_classifier_10 and _multi rank the sum over the views; the mean stays a probability
        values = self._probabilities(outputs).mean(axis=0)
        if np.isnan(values).any():
            found = f"NaN among the outputs for {frame.source or 'a picture'}"
            repair = "its weights are damaged or were never trained; give others"
            raise ModelError.at(self.network.name or "network", found=found, expected="numbers", repair=repair)
        order = np.argsort(-values, kind="stable")  # Darknet: top_k, where of equals the first comes first, too
        return Classification(
            class_ids=order.astype(np.int64),
            probabilities=values[order],
            size=frame.size,
            labels=self.names,
            has_probabilities=self.has_probabilities,
            source=frame.source,
            frame_index=frame.index,
        )

    def _probabilities(
        self, outputs: NDArray[np.float32]
    ) -> NDArray[np.float32]:  # (views, outputs) -> (views, classes)
        if self.tree is None:
            applies = self.settings.softmax and not isinstance(self.network.head, Softmax)
            return softmax(outputs) if applies else outputs
        conditional = grouped_softmax(outputs / np.float32(self._temperature), self.tree)
        absolute = absolute_probabilities(conditional, self.tree)
        if self.map is not None:
            return absolute[:, list(self.map)]
        values = leaves_only(absolute, self.tree)
        if self.settings.faithful and self.settings.preprocess in FORGOTTEN:
            forgotten = FORGOTTEN[self.settings.preprocess]
            values[forgotten] = conditional[forgotten]
        return values

    def _check_fits(self, frame: Frame, size: Size) -> None:
        height, width = size
        repair = "use preprocess predict, which takes any picture"
        where, made = frame.source or "picture", f"{width} x {height} made of {frame.size[1]} x {frame.size[0]} pixels"
        if height * width > LARGEST_INPUT:
            expected = f"at most {LARGEST_INPUT:,} pixels"
            raise PictureError.at(where, found=f"an input of {made}", expected=expected, repair=repair)
        if self.settings.preprocess not in ANY_SIZE:
            return
        try:
            shape = self.network.at_size(height, width).raw_shape
        except Mismatch as wrong:
            expected = f"one that the network takes ({wrong})"
            raise PictureError.at(where, found=f"an input of {made}", expected=expected, repair=repair) from wrong
        if shape != self.network.raw_shape:
            found = f"an input of {made}, which gives {shape.width} x {shape.height} answers"
            raise PictureError.at(where, found=found, expected="one answer", repair=repair)


def _has_probabilities(network: Network, wants_softmax: bool | None) -> bool:
    """Whether the answers are probabilities; warns where that is nobody's wish."""
    if isinstance(network.head, Softmax) or wants_softmax:
        return True
    if wants_softmax is None:
        where = f"{network.name or 'network'}: ends with [{section_name(network.head)}]"
        text = f"{where}, so its outputs are scores, not probabilities; ask for softmax to turn them into these"
        warnings.warn(text, Yolov2Warning, stacklevel=3)
    return False


def _check_classifier(network: Network, tree: WordTree | None, preprocess: str) -> None:
    name, shape = network.name or "network", network.raw_shape
    if network.region is not None:
        repair = "use detect, which finds every object with its box"
        raise ModelError.at(name, found="a detector, with [region] at its end", expected="a classifier", repair=repair)
    if network.input.channels != len(TRY_MEANS) and preprocess == "try":
        found, repair = f"channels={network.input.channels}", "use preprocess predict"
        raise ModelError.at(name, found=found, expected="3, whose means preprocess try knows", repair=repair)
    if (shape.height, shape.width) != (1, 1):
        found, repair = f"{shape.width} x {shape.height} answers at its end", "write [avgpool] before its end"
        raise ModelError.at(name, found=found, expected="one, for the whole picture", repair=repair)
    check_tree(network, tree, classes=shape.channels)


def _check_any_size(network: Network, preprocess: str) -> None:
    """Refuse a network whose weights fit one size of the input alone."""
    twice = network.at_size(2 * network.input.height, 2 * network.input.width)
    if tuple(twice.parameters()) != tuple(network.parameters()):
        size = f"{network.input.width} x {network.input.height}"
        raise ModelError.at(
            network.name or "network",
            found=f"a layer that takes an input of {size} alone",
            expected=f"a network for any size, as preprocess {preprocess} needs",
            repair="use preprocess predict",
        )


def _with_leaves(tree: WordTree | None, path: Path) -> WordTree:
    """The tree with the leaves of a list file. Raises NamesError if none is in the tree."""
    if tree is None:
        raise ModelError.at(
            str(path), found="a list of leaves", expected="a model with a tree", repair="leave out --leaves"
        )
    changed = change_leaves(tree, read_names(path))
    leaves = int(changed.is_leaf.sum())
    if leaves == 0:
        expected = f"some of the {len(tree):,} of the tree"
        raise NamesError.at(
            str(path), found="no name of a node", expected=expected, repair="give the list that belongs to the tree"
        )
    log.info("%s: found %s leaves", path, f"{leaves:,}")
    return changed
