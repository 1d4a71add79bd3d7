"""A model that finds objects: pictures in, Detections out. Reading many inputs at once is pipeline.py's business."""

from __future__ import annotations

import copy
import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from yolov2.backends.base import open_backend
from yolov2.boxes import xyxy_from_cxcywh
from yolov2.darknet.weights import Weights
from yolov2.detect.decoder import Decoder, Rows
from yolov2.detect.fitting import check_map, check_names, check_tree, sized
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model
from yolov2.detect.pipeline import stream
from yolov2.detect.settings import Rectangle, Settings, SettingsOptions, both, check_options
from yolov2.detect.sources import as_frame
from yolov2.detect.tiling import views_of
from yolov2.errors import ModelError, PictureError, printable
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region
from yolov2.network.spec import Arithmetic, Network
from yolov2.pictures.channels import with_channels
from yolov2.pictures.letterbox import Image, letterbox, stretch
from yolov2.records import Detections, Failure, Frame

VIEWS_AT_ONCE = 8  # of a picture in tiles: more gain nothing, and take memory
MANY_VIEWS = 64  # of a picture in tiles: from here on it is told, as a run takes so many times as long
MOST_RAW_BYTES = 512 << 20  # that the raw heads of all tiles of a picture may take

RESIZES = {"letterbox": letterbox, "stretch": stretch}

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class Tiled:
    """A picture of which the network sees several views; they are made a few at a time."""

    pixels: NDArray[np.uint8]  # (H, W, C)
    views: tuple[Rectangle, ...]


class Detector:
    """Pictures -> Detections. May be called from several threads; a context manager that closes its backend.

    names: by class id. tree: of a head whose classes are nodes. map: nodes of it that are the classes of an answer,
    in place of the one node that each box is walked down to.
    A picture has as many channels as the network's input: three are RGB, one is grey, four keep alpha, and any other
    number comes as an array or a .npy file.
    Raises ModelError if the network is no detector or there are names, but not one for each class, Mismatch if it
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
        **settings: Unpack[SettingsOptions],
    ) -> None:
        check_options(settings, known=inspect.signature(Detector).parameters)
        self.settings = Settings(**settings)
        self.network = sized(network, self.settings.size)
        self.region = _region_of(network, tree)
        check_map(map, tree)
        self.tree, self.map = tree, map
        self.names = tuple(names)
        check_names(self.names, classes=self.num_classes, where=network.name or "network")
        self._decoder = self._decoder_by(self.settings)
        self._is_closed = False
        self._many_told = threading.Lock()  # taken by the first picture of many views
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
    def channels(self) -> int:
        """How many a picture has: 3 are RGB, 1 is grey."""
        return self.network.input.channels

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return self.network.input.height, self.network.input.width

    def __call__(self, pictures: Any, *, bgr: bool = False) -> Any:
        """The Detections of one picture, or a list of them for a list.

        A picture is a path, encoded bytes, an array (H, W, C) uint8 (RGB, or BGR with `bgr`), or a PIL image.
        Raises PictureError for one that can't be read.
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
    ) -> Iterator[Detections]:
        """The Detections of every picture and every frame of every video, in order, while reading runs ahead.

        Sources are files, folders, patterns, lists, "-", cameras and, with `allow_urls`, addresses of video. Of videos
        every `stride`-th frame is looked at, from `start_s` until `end_s`. What can't be read is handed to
        `on_failure`; without one it is warned of. Memory is bounded whatever the number of sources.
        """
        return stream(
            self, sources, batch=batch, on_failure=on_failure,
            stride=stride, start_s=start_s, end_s=end_s, allow_urls=allow_urls,
        )  # fmt: skip

    def with_settings(self, **settings: Unpack[SettingsOptions]) -> Self:
        """The same model with other settings on the same backend: closing either closes both.

        Raises ValueError for another size, which needs a Detector of its own.
        """
        other = copy.copy(self)
        other._many_told = threading.Lock()
        other.settings = replace(self.settings, **settings)
        if other.settings.size != self.settings.size:
            raise ValueError(
                f"size: found {other.settings.size}, expected {self.settings.size}, which the backend is for"
            )
        other._decoder = self._decoder_by(other.settings)
        return other

    def frame(self, picture: Any, *, bgr: bool = False) -> Frame:
        """A picture of any kind that `detector(...)` takes, as a Frame."""
        exif, max_pixels = not self.settings.faithful, self.settings.max_pixels
        return as_frame(picture, bgr=bgr, exif=exif, max_pixels=max_pixels, channels=self.channels)

    def prepare(self, frame: Frame) -> Any:
        """The network's input for a frame, (C, H, W) in 0..1; with `tile` a Tiled, of which `raw` makes several.

        Raises PictureError for a frame that has other channels, no pixel in the region of interest, or too many tiles.
        The first of more than MANY_VIEWS views is told of in a warning of the log.
        """
        pixels = with_channels(frame, self.channels)
        try:
            views = self.views(frame.size)
        except ValueError as wrong:
            raise PictureError(f"{printable(frame.source) or 'picture'}: {wrong}") from None
        if self.settings.tile is None:
            return self._image(pixels, views[0])
        most = max(1, MOST_RAW_BYTES // (4 * self.network.raw_shape.size))
        if len(views) > most:
            where, expected = printable(frame.source) or "picture", f"at most {most:,} with this network"
            raise PictureError.at(where, found=f"{len(views):,} tiles", expected=expected, repair="give a larger tile")
        if len(views) > MANY_VIEWS and self._many_told.acquire(blocking=False):
            where, (height, width) = printable(frame.source) or "picture", both(self.settings.tile)
            log.warning("%s: becomes %s views with tiles of %s x %s pixels", where, f"{len(views):,}", width, height)
        return Tiled(pixels, views)

    def views(self, size: tuple[int, int]) -> tuple[Rectangle, ...]:
        """What the network sees of a picture of this (height, width): the region of interest, and the tiles of it."""
        area, tile = self.settings.area(size), self.settings.tile
        return (area,) if tile is None else views_of(area, both(tile))

    def raw(self, images: Any) -> NDArray[np.float32]:
        """The raw head of a batch (B, C, H, W) in 0..1: (B, A * (coords + 1 + C), H / stride, W / stride).

        Or of a list of what `prepare` gave: then of all views of the first frame, all of the second, and so on.
        """
        if self._is_closed:
            raise ValueError("this detector is closed")
        if isinstance(images, np.ndarray):
            return self.backend(cast("NDArray[np.float32]", images))
        views: list[Callable[[], Image]] = []
        for image in images:
            if isinstance(image, Tiled):
                views.extend(partial(self._image, image.pixels, view) for view in image.views)
            else:
                views.append(partial(np.asarray, image))
        parts = [views[start : start + VIEWS_AT_ONCE] for start in range(0, len(views), VIEWS_AT_ONCE)]
        heads = [self.backend(np.stack([make() for make in part])) for part in parts]
        return np.concatenate(heads) if len(heads) > 1 else heads[0]

    def _image(self, pixels: NDArray[np.uint8], view: Rectangle) -> Image:
        """The network's input (C, H, W) for a part of a picture."""
        left, top, right, bottom = view
        return RESIZES[self.settings.resize](pixels[top:bottom, left:right], self.input_size)

    def decode(
        self,
        raw: NDArray[np.float32],
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        frames: Sequence[Frame] | None = None,
    ) -> list[Detections]:
        """Raw heads (B, ...) -> Detections, for pictures of these (height, width), or for these frames."""
        given = sizes or () if frames is None else [frame.size for frame in frames]
        views = [self.views(size) for size in given]
        if sum(map(len, views)) != len(raw):
            found = (
                f"{len(given)} sizes" if self.settings.tile is None else f"{sum(map(len, views))} views in these sizes"
            )
            raise ValueError(f"decode: found {found}, expected one for each of {len(raw)} pictures")
        kept: Sequence[Frame | None] = frames if frames is not None else [None] * len(given)
        return [
            self._result(size, frame, rows)
            for size, frame, rows in zip(given, kept, self._decoder.rows(raw, views), strict=True)
        ]

    def close(self) -> None:
        """Give back what the backend holds."""
        self._is_closed = True
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _decoder_by(self, settings: Settings) -> Decoder:
        thresholds = settings.thresholds(self.names, self.num_classes)
        chosen = None if self.map is None else tuple(self.map)
        return Decoder(self.region, self.input_size, settings, thresholds, self.names, self.tree, chosen)

    def _result(
        self,
        size: tuple[int, int],
        frame: Frame | None,
        rows: Rows,
    ) -> Detections:
        return Detections(
            xyxy=xyxy_from_cxcywh(rows.boxes).astype(np.float32),
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
    check_tree(network, tree, classes=network.region.classes)
    return network.region
