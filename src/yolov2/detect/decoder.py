"""From raw heads to what was found in each picture: candidates, their place on the picture, selection, merging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.settings import Rectangle, Settings, both
from yolov2.detect.tiling import merge
from yolov2.hierarchy.wordtree import WordTree, paths_of, spans_of
from yolov2.network.layers import Region
from yolov2.pictures.letterbox import place_letterbox, place_stretch, unletterbox
from yolov2.records import TreePath
from yolov2.region.decode import Candidates, candidates, mapped
from yolov2.region.select import Selection, select, select_nodes

PLACEMENTS = {"letterbox": place_letterbox, "stretch": place_stretch}


class Rows(NamedTuple):
    """What was found in one picture, best first."""

    boxes: NDArray[np.float32]  # (N, 4) cxcywh in pixels of the picture
    objectness: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    paths: tuple[TreePath, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Decoder:
    """A region head with all that decides which of its boxes count as found."""

    region: Region
    input_hw: tuple[int, int]  # of the network
    settings: Settings
    thresholds: NDArray[np.float32]  # (C,)
    labels: tuple[str, ...]
    tree: WordTree | None
    map: tuple[int, ...] | None

    def rows(self, raw: NDArray[np.float32], views: Sequence[tuple[Rectangle, ...]]) -> Iterator[Rows]:
        """What was selected in each picture; the raw heads are of all views of the first, all of the second, ..."""
        lowest = float(self.thresholds.min())
        found = candidates(raw, self.region, threshold=lowest, tree=self.tree, is_walked=self.map is None)
        found = self._onto_pictures(found, [view for several in views for view in several])
        if self.settings.tile is None:  # else what the parts of an object become is measured
            fits = self._fits(found.boxes)
            found = Candidates(found.pictures[fits], found.boxes[fits], found.objectness[fits], found.class_probs[fits])
        chosen = self._select(found)  # view by view, which it takes for pictures
        first = 0
        for several in views:
            start, end = (int(np.searchsorted(chosen.pictures, view)) for view in (first, first + len(several)))
            rows, boxes = np.arange(start, end, dtype=np.int64), chosen.boxes[start:end]
            if len(several) > 1:
                rows, boxes = self._merged(chosen, rows, several, first)
            if self.settings.tile is not None:
                fits = self._fits(boxes)
                rows, boxes = rows[fits], boxes[fits]
            rows, boxes = rows[: self.settings.limit], boxes[: self.settings.limit]
            yield Rows(
                boxes, chosen.objectness[rows], chosen.class_ids[rows], chosen.scores[rows],
                self._paths(found, chosen, rows),
            )  # fmt: skip
            first += len(several)

    def _onto_pictures(self, found: Candidates, views: Sequence[Rectangle]) -> Candidates:
        """Boxes in fractions of the network input -> in pixels of the picture that each input is a view of."""
        place, boxes = PLACEMENTS[self.settings.resize], np.empty_like(found.boxes)
        borders = np.searchsorted(found.pictures, np.arange(len(views) + 1)).tolist()
        for (left, top, right, bottom), start, end in zip(views, borders[:-1], borders[1:], strict=True):
            height, width = bottom - top, right - left
            relative = unletterbox(found.boxes[start:end], place((height, width), self.input_hw))
            boxes[start:end] = relative * np.array([width, height, width, height], np.float32)
            boxes[start:end, :2] += np.array([left, top], np.float32)
        return replace(found, boxes=boxes)

    def _fits(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes (N, 4) are neither smaller nor larger than asked for."""
        least, most = self.settings.min_size or 0, self.settings.max_size or np.inf
        sides = boxes[:, :1:-1]  # (N, 2) height, width
        return np.all((sides >= both(least)) & (sides <= both(most)), axis=1)

    def _merged(
        self, chosen: Selection, rows: NDArray[np.int64], views: tuple[Rectangle, ...], first: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Of these rows, found in several views of one picture, those of each object once, best first; their boxes."""
        boxes, scores, class_ids = chosen.boxes[rows], chosen.scores[rows], chosen.class_ids[rows]
        if self.settings.nms == "none":
            best_first = np.argsort(-scores, kind="stable")
            return rows[best_first], boxes[best_first]
        spans = None
        if self.settings.nms == "agnostic":
            class_ids = np.zeros_like(class_ids)  # a box falls to a better one of any class
        elif self.tree is not None and self.map is None and not self.settings.faithful:
            spans = spans_of(class_ids, self.tree)
        kept, boxes = merge(
            boxes, scores, class_ids, chosen.pictures[rows] - first, views, iou=self.settings.iou, spans=spans
        )
        return rows[kept], boxes

    def _select(self, found: Candidates) -> Selection:
        """Which candidates count as found, and as what."""
        options = self.settings
        if self.tree is not None and self.map is not None:
            found = mapped(found, self.tree, np.array(self.map, np.int64))
        if self.tree is None or self.map is not None:
            return select(found, conf=self.thresholds, iou=options.iou, nms=options.nms)
        to_the_leaf = options.depth == "leaf"
        return select_nodes(
            found,
            self.tree,
            conf=self.thresholds,
            iou=options.iou,
            nms=options.nms,
            tree_threshold=-1.0 if to_the_leaf else options.tree_threshold,
            depth=options.depth if isinstance(options.depth, int) else None,
            faithful=options.faithful,
        )

    def _paths(self, found: Candidates, chosen: Selection, rows: NDArray[np.int64]) -> tuple[TreePath, ...]:
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
        return self.labels[node] if node < len(self.labels) else str(node)
