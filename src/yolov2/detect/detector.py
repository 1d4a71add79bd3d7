"""A model that finds objects: pictures in, Detections out. Reading many inputs at once is pipeline.py's business."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from yolov2.backends.base import open_backend
from yolov2.boxes import xyxy_from_cxcywh
from yolov2.darknet.weights import Weights
from yolov2.detect.fitting import check_map, check_tree, sized
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model
from yolov2.detect.pipeline import stream
from yolov2.detect.settings import Settings, SettingsOptions, check_options
from yolov2.detect.sources import as_frame
from yolov2.errors import ModelError
from yolov2.hierarchy.wordtree import WordTree, paths_of
from yolov2.network.layers import Region
from yolov2.network.spec import Arithmetic, Network
from yolov2.pictures.letterbox import Placement, letterbox, place_letterbox, place_stretch, stretch, unletterbox
from yolov2.records import Detections, Failure, Frame, TreePath
from yolov2.region.decode import Candidates, candidates, mapped
from yolov2.region.select import Selection, select, select_nodes

PLACEMENTS = {"letterbox": place_letterbox, "stretch": place_stretch}
RESIZES = {"letterbox": letterbox, "stretch": stretch}


class Rows(NamedTuple):
    """What was found in one picture, best first, still in fractions of the network input."""

    boxes: NDArray[np.float32]  # (N, 4) cxcywh
    objectness: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    paths: tuple[TreePath, ...]


class Detector:
    """Pictures -> Detections. May be called from several threads; a context manager that closes its backend.

    names: by class id. tree: of a head whose classes are nodes. map: nodes of it that are the classes of an answer,
    in place of the one node that each box is walked down to.
    Raises ModelError if the network is no detector of colour pictures, Mismatch if it does not fit `size`,
    BackendError if the backend can't run it.
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
        **settings: Unpack[SettingsOptions],
    ) -> None:
        check_options(settings, known=inspect.signature(Detector).parameters)
        self.settings = Settings(**settings)
        self.network = sized(network, self.settings.size)
        self.region = _region_of(network, tree)
        check_map(map, tree)
        self.tree, self.map = tree, map
        self.names = tuple(names)
        self._thresholds = self.settings.thresholds(self.names, self.num_classes)
        self._is_closed = False
        self.backend = open_backend(
            backend, self.network, weights, device=device, precision=precision, threads=threads, cache=cache
        )

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
        arithmetic: Arithmetic | None = None,
        partial: int | None = None,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "fp32",
        threads: int | None = None,
        cache: Path | None = None,
        **settings: Unpack[SettingsOptions],
    ) -> Self:
        """The detector of a model: a known name, a checkpoint, a .cfg with its .weights beside it, or their folder.

        What a checkpoint says of thresholds and of the resize rule holds where `settings` do not.

        partial: the weights are those of the layers before this one alone, as training starts from; see `load_model`.
        Raises Yolov2Error, one line, for files that are missing or do not fit each other.
        """
        check_options(settings, known=inspect.signature(cls.open).parameters)
        files = find_model(model, weights=weights, names=names, data=data, tree=tree, map=map)
        loaded = load_model(files, arithmetic=arithmetic, partial=partial)
        return cls(
            loaded.network,
            loaded.weights,
            names=loaded.names,
            tree=loaded.tree,
            map=loaded.map,
            backend=backend,
            device=device,
            precision=precision,
            threads=threads,
            cache=cache,
            **(loaded.settings | settings),
        )

    def __repr__(self) -> str:
        height, width = self.input_size
        return f"Detector({self.network.name or 'network'}, {width} x {height}, {self.backend.name})"

    @property
    def num_classes(self) -> int:
        """How many classes an answer may have: those of the head, or of the map."""
        return self.region.classes if self.map is None else len(self.map)

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return self.network.input.height, self.network.input.width

    def __call__(self, pictures: Any, *, bgr: bool = False) -> Any:
        """The Detections of one picture, or a list of them for a list.

        A picture is a path, encoded bytes, an array (H, W, 3) uint8 (RGB, or BGR with `bgr`), or a PIL image.
        Raises PictureError for one that can't be read.
        """
        if isinstance(pictures, (list, tuple)):
            return [self(picture, bgr=bgr) for picture in pictures]  # pyright: ignore[reportUnknownVariableType]
        frame = self.frame(pictures, bgr=bgr)
        return self.decode(self.raw(self.prepare(frame)[None]), frames=[frame])[0]

    def stream(
        self,
        sources: str | Path | Iterable[str | Path],
        *,
        batch: int = 1,
        on_failure: Callable[[Failure], None] | None = None,
    ) -> Iterator[Detections]:
        """The Detections of every picture and every frame of every video, in order, while reading runs ahead.

        Sources are files, folders and patterns. What can't be read is handed to `on_failure`; without one it is
        warned of. Memory is bounded whatever the number of sources.
        """
        return stream(self, sources, batch=batch, on_failure=on_failure)

    def with_settings(self, **settings: Unpack[SettingsOptions]) -> Self:
        """The same model with other settings on the same backend: closing either closes both.

        Raises ValueError for another size, which needs a Detector of its own.
        """
        other = copy.copy(self)
        other.settings = replace(self.settings, **settings)
        if other.settings.size != self.settings.size:
            raise ValueError(
                f"size: found {other.settings.size}, expected {self.settings.size}, which the backend is for"
            )
        other._thresholds = other.settings.thresholds(self.names, self.num_classes)
        return other

    def frame(self, picture: Any, *, bgr: bool = False) -> Frame:
        """A picture of any kind that `detector(...)` takes, as a Frame."""
        exif, max_pixels = not self.settings.faithful, self.settings.max_pixels
        return as_frame(picture, bgr=bgr, exif=exif, max_pixels=max_pixels)

    def prepare(self, frame: Frame) -> NDArray[np.float32]:
        """The network's input for a frame: (3, H, W) RGB in 0..1."""
        return RESIZES[self.settings.resize](frame.pixels, self.input_size)

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The raw head of a batch (B, 3, H, W) in 0..1: (B, A * (coords + 1 + C), H / stride, W / stride)."""
        if self._is_closed:
            raise ValueError("this detector is closed")
        return self.backend(images)

    def decode(
        self,
        raw: NDArray[np.float32],
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        frames: Sequence[Frame] | None = None,
    ) -> list[Detections]:
        """Raw heads (B, ...) -> Detections, for pictures of these (height, width), or for these frames."""
        if frames is None:
            if sizes is None or len(sizes) != len(raw):
                raise ValueError(
                    f"decode: found {len(sizes or ())} sizes, expected one for each of {len(raw)} pictures"
                )
            return [self._result(size, None, rows) for size, rows in zip(sizes, self._rows(raw), strict=True)]
        return [self._result(frame.size, frame, rows) for frame, rows in zip(frames, self._rows(raw), strict=True)]

    def close(self) -> None:
        """Give back what the backend holds."""
        self._is_closed = True
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _rows(self, raw: NDArray[np.float32]) -> Iterator[Rows]:
        """What was selected in each picture."""
        lowest = float(self._thresholds.min())
        found = candidates(raw, self.region, threshold=lowest, tree=self.tree, is_walked=self.map is None)
        chosen = self._select(found)
        borders = np.searchsorted(chosen.pictures, np.arange(len(raw) + 1))
        for start, end in pairwise(borders.tolist()):
            rows = slice(start, end if self.settings.limit is None else min(end, start + self.settings.limit))
            yield Rows(
                chosen.boxes[rows],
                chosen.objectness[rows],
                chosen.class_ids[rows],
                chosen.scores[rows],
                self._paths(found, chosen, rows),
            )

    def _select(self, found: Candidates) -> Selection:
        """Which candidates count as found, and as what."""
        options = self.settings
        if self.tree is not None and self.map is not None:
            found = mapped(found, self.tree, np.array(self.map, np.int64))
        if self.tree is None or self.map is not None:
            return select(found, conf=self._thresholds, iou=options.iou, nms=options.nms)
        to_the_leaf = options.depth == "leaf"
        return select_nodes(
            found,
            self.tree,
            conf=self._thresholds,
            iou=options.iou,
            nms=options.nms,
            tree_threshold=-1.0 if to_the_leaf else options.tree_threshold,
            depth=options.depth if isinstance(options.depth, int) else None,
            faithful=options.faithful,
        )

    def _paths(self, found: Candidates, chosen: Selection, rows: slice) -> tuple[TreePath, ...]:
        """For every row of a tree model the nodes from a root down to its own, each with P(node)."""
        if self.tree is None or self.map is not None:
            return ()
        steps = paths_of(chosen.class_ids[rows], self.tree)  # (N, levels), -1 before a root
        conditional: NDArray[np.float32] = found.class_probs[chosen.candidates[rows][:, None], steps]
        absolute = np.cumprod(np.where(steps >= 0, conditional, 1), axis=1, dtype=conditional.dtype)
        return tuple(
            tuple((self._label(node), p) for node, p in zip(nodes, products, strict=True) if node >= 0)
            for nodes, products in zip(steps.tolist(), absolute.tolist(), strict=True)
        )

    def _label(self, node: int) -> str:
        return self.names[node] if node < len(self.names) else str(node)

    def _result(
        self,
        size: tuple[int, int],
        frame: Frame | None,
        rows: Rows,
    ) -> Detections:
        placement: Placement = PLACEMENTS[self.settings.resize](size, self.input_size)
        height, width = size
        relative = xyxy_from_cxcywh(unletterbox(rows.boxes, placement))
        return Detections(
            xyxy=(relative * np.array([width, height, width, height], np.float32)).astype(np.float32),
            scores=rows.scores.astype(np.float32),
            class_ids=rows.class_ids.astype(np.int64),
            objectness=rows.objectness.astype(np.float32),
            size=size,
            labels=self.names,
            paths=rows.paths,
            source=frame.source if frame else "",
            frame_index=frame.index if frame else None,
            frame=frame,
        )


def _region_of(network: Network, tree: WordTree | None) -> Region:
    name = network.name or "network"
    if network.region is None:
        repair = "use classify for one label a picture"
        raise ModelError.at(name, found="no [region] at its end", expected="a detector", repair=repair)
    if network.input.channels != 3:
        found = f"channels={network.input.channels}"
        raise ModelError.at(
            name, found=found, expected="3, for colour pictures", repair="use a network with channels=3"
        )
    check_tree(network, tree, classes=network.region.classes)
    return network.region
