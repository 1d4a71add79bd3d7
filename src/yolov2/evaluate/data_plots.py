"""A data set drawn: how large its boxes are, of which shape, where they lie, and how many each class has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from yolov2.data.summary import Summary
from yolov2.evaluate.plots import ANCHOR_COLOUR, BOX_COLOUR, MOST_POINTS, new_figure, save, tidy
from yolov2.files import refusal

FILE = "boxes.png"
MOST_CLASSES = 30
PLACES = 40  # squares along each side of the map of centres
EDGES = np.linspace(-3, 3, 49)  # of the shapes: logarithms of width over height, to the base 2


def check_plots() -> None:
    """Refuse before long work what would be refused after it. Raises BackendError without matplotlib."""
    new_figure(width=1, height=1)


def plot_data(summary: Summary, folder: Path) -> Path:
    """The file in this folder, which is made if it is missing, with four panels. Raises OutputError, BackendError."""
    figure = new_figure(width=13, height=9)
    ((sizes, shapes), (places, classes)) = figure.subplots(2, 2)
    _draw_sizes(sizes, summary)
    _draw_shapes(shapes, summary)
    _draw_places(places, summary)
    _draw_classes(classes, summary)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise refusal(folder, wrong) from None
    save(figure, folder / FILE)
    return folder / FILE


def _draw_sizes(axes: Any, summary: Summary) -> None:
    """Widths and heights on the network's input, and the priors among them."""
    shapes = summary.shapes
    some = np.random.default_rng(0).permutation(len(shapes))[:MOST_POINTS]
    alpha = float(np.clip(1500 / max(len(some), 1), 0.06, 0.6))
    axes.plot(*shapes[some].T, ".", color=BOX_COLOUR, markersize=4, alpha=alpha, markeredgewidth=0, rasterized=True)
    axes.plot(*(32 * summary.view.anchors).T, "o", color=ANCHOR_COLOUR, markersize=7, markeredgecolor="white")
    height, width = summary.view.size
    axes.set(xlim=(0, width), ylim=(0, height), xlabel="width, pixels", ylabel="height, pixels")
    axes.set_title(f"{len(shapes):,} boxes at {width} x {height}, and the priors of {summary.view.source}")
    tidy(axes)


def _draw_shapes(axes: Any, summary: Summary) -> None:
    axes.hist(np.clip(np.log2(summary.ratios), EDGES[0], EDGES[-1]), bins=EDGES, color=BOX_COLOUR)
    axes.set_xticks(range(-3, 4), ["1:8", "1:4", "1:2", "1:1", "2:1", "4:1", "8:1"])
    axes.set(title="width to height", xlabel="", ylabel="boxes")
    tidy(axes)


def _draw_places(axes: Any, summary: Summary) -> None:
    centres = np.clip(summary.centres, 0, 1)
    counts, _, _ = np.histogram2d(centres[:, 1], centres[:, 0], bins=PLACES, range=((0, 1), (0, 1)))
    axes.imshow(counts, extent=(0, 1, 1, 0), cmap="Blues", aspect="auto", interpolation="nearest")
    axes.set(title="where the centres lie in the pictures", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])


def _draw_classes(axes: Any, summary: Summary) -> None:
    is_boxes = summary.task == "detect"
    many = sorted(summary.classes, key=lambda one: -(one.boxes if is_boxes else one.pictures))
    shown = many[:MOST_CLASSES][::-1]
    counts = [one.boxes if is_boxes else one.pictures for one in shown]
    axes.barh([one.name for one in shown], counts, color=BOX_COLOUR)
    more = f", the {len(shown)} with the most" if len(many) > len(shown) else ""
    axes.set(title=f"{'boxes' if is_boxes else 'pictures'} of {len(many):,} classes{more}")
    axes.tick_params(axis="y", labelsize=7 if len(shown) > 15 else 9)
    tidy(axes)
