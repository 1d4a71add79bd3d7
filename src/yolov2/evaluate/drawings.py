"""Curves, confusion and calibration of a run as SVG: parts for the page, and files that stand alone.

Colours are those of the page's style sheet, by class; a file of its own brings STYLE along.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yolov2.evaluate.curves import Calibration, Curve, Threshold

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

MOST_POINTS = 120  # of a curve
PANEL_W, PANEL_H = 168, 158  # of one curve, with its name
LEFT, TOP, SIDE = 26, 22, 120  # of the square that it is drawn in
COLUMNS = 5
BACKGROUND = "background"
MOST_NUMBERED = 30  # classes, up to which the cells of a confusion matrix hold numbers

STYLE = """
svg { font: 10px system-ui, sans-serif; background: #fff; color: #1d2127; }
.frame { fill: none; stroke: #c8ccd2; } .grid { stroke: #e6e8eb; } .ink { fill: currentColor; }
.quiet { fill: #6b7280; } .area { fill: #2f6fde; opacity: .14; }
.line { fill: none; stroke: #2f6fde; stroke-width: 1.5; }
.dot { fill: #d9480f; } .right { fill: #2f6fde; } .wrong { fill: #d9480f; } .bar { fill: #2f6fde; opacity: .75; }
.ideal { stroke: #6b7280; stroke-dasharray: 3 3; } .on { fill: #fff; }
"""


def curves_svg(run: Evaluation) -> str:
    """A file: precision by recall of every class."""
    panels = [panel(*one) for one in panels_of(run)]
    rows = -(-len(panels) // COLUMNS)
    placed = [
        f'<g transform="translate({index % COLUMNS * PANEL_W} {index // COLUMNS * PANEL_H})">{one}</g>'
        for index, one in enumerate(panels)
    ]
    return _file("".join(placed), min(COLUMNS, len(panels)) * PANEL_W, rows * PANEL_H)


def panels_of(run: Evaluation) -> list[tuple[str, float, Curve, Threshold | None]]:
    """For each class what `panel` takes."""
    return list(zip(run.names, run.voc12.per_class.tolist(), run.curves, run.thresholds, strict=True))


def panel(name: str, ap: float, of: Curve, best: Threshold | None) -> str:
    """Precision by recall of a class in a square of PANEL_W x PANEL_H; a dot where F1 is best."""
    parts = [_axes(), f'<text class="ink" x="{LEFT}" y="13" font-weight="600">{_short(name, 17)}</text>']
    said = "no objects" if not of.truths else f"{100 * ap:.1f}"
    parts.append(f'<text class="quiet" x="{LEFT + SIDE}" y="13" text-anchor="end">{said}</text>')
    if of.truths and len(of.recall):
        xs, ys = _thinned(of)
        area = np.maximum.accumulate(ys[::-1])[::-1]  # what an average precision is the area of
        first, last = _place(0, 0)[0], _place(float(xs[-1]), 0)[0]
        bottom = TOP + SIDE
        outline = f"M{first:.1f} {_place(0, float(area[0]))[1]:.1f} L{_points(xs, area)} L{last:.1f} {bottom}"
        parts.append(f'<path class="area" d="{outline} L{first:.1f} {bottom} Z"/>')
        parts.append(f'<polyline class="line" points="{_points(xs, ys)}"/>')
    if best is not None:
        x, y = _place(best.recall, best.precision)
        told = f"best F1 {best.f1:.2f} above {best.conf:.2f}: precision {best.precision:.2f}, recall {best.recall:.2f}"
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{told}</title></circle>')
    return "".join(parts)


def confusion_svg(run: Evaluation) -> str:
    """A file: what was there and what it was taken for."""
    body, width, height = confusion_body([*run.names, BACKGROUND], run.confusion)
    return _file(body, width, height)


def confusion_body(names: Sequence[str], table: NDArray[np.int64]) -> tuple[str, int, int]:
    """The matrix with its labels, and its (width, height): rows are truths, columns detections, by share of the row."""
    count = len(names)
    has_numbers = count <= MOST_NUMBERED
    cell = 28 if has_numbers else max(5, 840 // count)
    letters = 10 if cell >= 10 else max(4, cell - 1)
    left, top = 104, 92
    totals = np.maximum(table.sum(axis=1), 1)
    parts: list[str] = []
    for row, name in enumerate(names):
        at = top + (row + 0.5) * cell + letters / 3
        label = _short(name, 18)
        parts.append(
            f'<text class="ink" font-size="{letters}" x="{left - 6}" y="{at:.1f}" text-anchor="end">{label}</text>'
        )
        at = left + (row + 0.5) * cell + letters / 3
        turn = f"translate({at:.1f} {top - 6}) rotate({-60 if has_numbers else -90})"
        parts.append(f'<text class="ink" font-size="{letters}" transform="{turn}">{label}</text>')
    for row, column in np.argwhere(table).tolist():
        number, share = int(table[row, column]), float(table[row, column] / totals[row])
        x, y = left + column * cell, top + row * cell
        kind = "right" if row == column else "wrong"
        told = escape(_told(names, row, column, number, int(table[row].sum())))
        rectangle = f'x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}"'
        parts.append(
            f'<rect class="{kind}" {rectangle} opacity="{0.08 + 0.92 * share:.2f}"><title>{told}</title></rect>'
        )
        if has_numbers:
            ink = "on" if share > 0.5 else "ink"
            text = f"{number:,}" if number < 10_000 else f"{number // 1000}k"
            middle = (
                f'x="{x + (cell - 1) / 2}" y="{y + cell / 2 + 3}" text-anchor="middle" font-size="{_fitting(text)}"'
            )
            parts.append(f'<text class="{ink}" {middle} pointer-events="none">{text}</text>')
    end = cell * count
    parts.append(f'<rect class="frame" x="{left - 0.5}" y="{top - 0.5}" width="{end}" height="{end}"/>')
    edge = cell * (count - 1) - 0.5
    parts.append(f'<path class="frame" d="M{left + edge} {top} v{end} M{left} {top + edge} h{end}"/>')
    return "".join(parts), left + end + 40, top + end + 6


def confusions(names: Sequence[str], table: NDArray[np.int64], most: int) -> list[tuple[str, str, int]]:
    """The most frequent pairs of a class and another one that it was taken for; background is in none."""
    inner = table[:-1, :-1].copy()
    np.fill_diagonal(inner, 0)
    order: list[int] = np.argsort(-inner, axis=None, kind="stable")[:most].tolist()
    places = [divmod(at, inner.shape[1]) for at in order]
    return [(names[row], names[column], int(inner[row, column])) for row, column in places if inner[row, column]]


def calibration_svg(run: Evaluation) -> str:
    """A file: how often a score is right."""
    return _file(calibration_body(run.calibration), 360, 300)


def calibration_body(of: Calibration) -> str:
    """Precision by score in 360 x 300, and below how many detections have such a score, in powers of ten."""
    left, top, width, height, below = 48, 12, 296, 190, 44
    parts = [f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, x = top + (1 - share) * height, left + share * width
        parts.append(f'<path class="grid" d="M{left} {y:.1f} h{width}"/>')
        parts.append(f'<text class="quiet" x="{left - 5}" y="{y + 3:.1f}" text-anchor="end">{share:g}</text>')
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{top + height + 14}" text-anchor="middle">{share:g}</text>')
    largest = max(1.0, np.log10(max(10, int(of.counts.max()))))
    for low, high, count, mean, precision in zip(
        of.edges[:-1].tolist(), of.edges[1:].tolist(), of.counts.tolist(), of.mean_scores.tolist(),
        of.precision.tolist(), strict=True,
    ):  # fmt: skip
        if not count:
            continue
        x, wide = left + low * width + 2, (high - low) * width - 4
        told = f"{count:,} detections from {low:.1f} to {high:.1f}, {mean:.2f} on average: {precision:.0%} right"
        tall = precision * height
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{top + height - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}">'
            f"<title>{told}</title></rect>"
        )
        tall = below * max(0.05, np.log10(max(1, count)) / largest)
        base = top + height + 26
        parts.append(
            f'<rect class="quiet" x="{x:.1f}" y="{base}" width="{wide:.1f}" height="{tall:.1f}" opacity=".45">'
            f"<title>{told}</title></rect>"
        )
    parts.append(f'<path class="ideal" fill="none" d="M{left} {top + height} L{left + width} {top}"/>')
    middle = left + width / 2
    parts.append(
        f'<text class="quiet" x="{middle}" y="{top + height + 84}" text-anchor="middle">'
        "score; below, how many have it</text>"
    )
    turn = f"translate(11 {top + height / 2}) rotate(-90)"
    parts.append(f'<text class="quiet" transform="{turn}" text-anchor="middle">share that is right</text>')
    return "".join(parts)


def _file(body: str, width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<style>{STYLE}</style>{body}</svg>\n"
    )


def _axes() -> str:
    """The square, its middle lines, and the numbers at its ends."""
    bottom, middle = TOP + SIDE, SIDE / 2
    return (
        f'<path class="grid" d="M{LEFT + middle} {TOP} v{SIDE} M{LEFT} {TOP + middle} h{SIDE}"/>'
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f'<text class="quiet" font-size="8" x="{LEFT - 4}" y="{TOP + 6}" text-anchor="end">1</text>'
        f'<text class="quiet" font-size="8" x="{LEFT - 4}" y="{bottom}" text-anchor="end">0</text>'
        f'<text class="quiet" font-size="8" x="{LEFT}" y="{bottom + 10}" text-anchor="middle">0</text>'
        f'<text class="quiet" font-size="8" x="{LEFT + SIDE}" y="{bottom + 10}" text-anchor="middle">1</text>'
        f'<text class="quiet" font-size="8" x="{LEFT + middle}" y="{bottom + 10}" text-anchor="middle">recall</text>'
        f'<text class="quiet" font-size="8" transform="translate({LEFT - 5} {TOP + middle}) rotate(-90)" '
        f'text-anchor="middle">precision</text>'
    )


def _thinned(of: Curve) -> tuple[NDArray[Any], NDArray[Any]]:
    """Recall and precision after each hit, of many only some."""
    hits = np.flatnonzero(np.diff(of.recall, prepend=0.0) > 0)
    if not len(hits):
        hits = np.array([0])
    chosen = hits[np.unique(np.linspace(0, len(hits) - 1, min(len(hits), MOST_POINTS)).round().astype(int))]
    return of.recall[chosen], of.precision[chosen]


def _place(x: float, y: float) -> tuple[float, float]:
    return LEFT + SIDE * x, TOP + SIDE * (1 - y)


def _points(xs: NDArray[Any], ys: NDArray[Any]) -> str:
    places = (_place(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    return " ".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _told(names: Sequence[str], row: int, column: int, number: int, of: int) -> str:
    last = len(names) - 1
    if row == column:
        return f"{names[row]}: {number:,} of {of:,} found"
    if column == last:
        return f"{names[row]}: {number:,} of {of:,} missed"
    if row == last:
        return f"{number:,} times {names[column]} where nothing is labelled"
    return f"{names[row]}: {number:,} of {of:,} taken for {names[column]}"


def _fitting(text: str) -> int:
    return 10 if len(text) < 4 else 8


def _short(name: str, most: int) -> str:
    return escape(name if len(name) <= most else f"{name[: most - 1]}…")
