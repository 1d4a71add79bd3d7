"""What is drawn of numbers: the anchors of a data set. The one home of matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yolov2.errors import BackendError, OutputError
from yolov2.evaluate.targets import check_writable
from yolov2.files import write_whole

if TYPE_CHECKING:
    from yolov2.evaluate.anchors import Anchors

FORMATS = (".png", ".svg", ".pdf")
MOST_POINTS = 20_000
BOX_COLOUR, ANCHOR_COLOUR, QUIET = "#2c5d9b", "#c0392b", "#666666"


def plot_anchors(found: Anchors, path: str | Path) -> None:
    """A file of three panels: mean IoU by k, the boxes with the anchors among them, and the anchors as boxes.

    Raises OutputError for a name that says no format, BackendError without matplotlib.
    """
    check_plot(path)
    figure = new_figure(width=13, height=4.4)
    by_k, cloud, shapes = figure.subplots(1, 3)
    _draw_curve(by_k, found)
    _draw_cloud(cloud, found)
    _draw_shapes(shapes, found)
    save(figure, path)


def check_plot(path: str | Path) -> None:
    """Refuse before long work what would be refused after it. Raises OutputError and BackendError."""
    if Path(path).suffix.lower() not in FORMATS:
        raise OutputError.at(
            str(path), found="no format in the name", expected=", ".join(FORMATS), repair="name it, say, anchors.png"
        )
    check_writable(path)
    new_figure(width=1, height=1)


def save(figure: Any, path: str | Path) -> None:
    """The figure as a file, in the format of its name. Raises OutputError."""
    kind, buffer = Path(path).suffix.lower().removeprefix("."), io.BytesIO()
    dated = {"png": "Creation Time", "svg": "Date", "pdf": "CreationDate"}[kind]
    figure.savefig(buffer, format=kind, dpi=110, metadata={dated: None})  # the same numbers make the same file
    with write_whole(path) as file:
        file.write(buffer.getvalue())


def new_figure(*, width: float, height: float) -> Any:
    """An empty figure; sides in inches. Without pyplot, which keeps figures and looks for a display."""
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise BackendError.at(
            "plot", found="no package", expected="matplotlib", repair="pip install 'yolov2[eval]'"
        ) from missing
    return Figure(figsize=(width, height), layout="constrained")


def _draw_curve(axes: Any, found: Anchors) -> None:
    k = len(found.cells)
    points = found.curve or ((k, found.mean_iou),)
    numbers, means = [number for number, _ in points], [100 * mean for _, mean in points]
    axes.plot(numbers, means, color=BOX_COLOUR, marker="o", markersize=4)
    axes.plot([k], [100 * found.mean_iou], color=ANCHOR_COLOUR, marker="o", markersize=8, linestyle="none")
    axes.annotate(
        f"k = {k}: {100 * found.mean_iou:.1f} %",
        (k, 100 * found.mean_iou),
        xytext=(10, -16),
        textcoords="offset points",
        color=ANCHOR_COLOUR,
    )
    axes.set(title="mean IoU with the nearest anchor", xlabel="number of anchors k", ylabel="mean IoU, %")
    axes.set_xticks(range(min(numbers), max(numbers) + 1, 2 if len(numbers) > 8 else 1))
    tidy(axes)


def _draw_cloud(axes: Any, found: Anchors) -> None:
    boxes = found.boxes.on_network(found.size, found.resize)
    some = np.random.default_rng(0).permutation(len(boxes))[:MOST_POINTS]
    alpha = float(np.clip(1500 / len(some), 0.06, 0.6))
    axes.plot(*boxes[some].T, ".", color=BOX_COLOUR, markersize=4, alpha=alpha, markeredgewidth=0, rasterized=True)
    axes.plot(*found.pixels.T, "o", color=ANCHOR_COLOUR, markersize=7, markeredgecolor="white")
    height, width = found.size
    axes.set(xlim=(0, width), ylim=(0, height), xlabel="width, pixels", ylabel="height, pixels")
    shown = "" if len(some) == len(boxes) else f", {len(some):,} shown"
    axes.set_title(f"{len(boxes):,} boxes{shown}, and the anchors")
    axes.set_aspect("equal")
    tidy(axes)


def _draw_shapes(axes: Any, found: Anchors) -> None:
    from matplotlib.patches import Rectangle

    height, width = found.size
    axes.add_patch(Rectangle((-width / 2, -height / 2), width, height, facecolor="#f2f2f2", edgecolor=QUIET))
    for w, h in found.pixels.tolist():
        axes.add_patch(Rectangle((-w / 2, -h / 2), w, h, fill=False, edgecolor=ANCHOR_COLOUR, linewidth=1.6))
    axes.set(xlim=(-width / 2 - 8, width / 2 + 8), ylim=(-height / 2 - 8, height / 2 + 8), xticks=[], yticks=[])
    axes.set_title(f"the anchors on a {width} x {height} input")
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def tidy(axes: Any) -> None:
    axes.grid(color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
