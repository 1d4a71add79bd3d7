"""What `yolov2 data check` shows a person: a data set in numbers, then all that is wrong with it, the worst first."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from yolov2.cli.terminal import BOLD, DIM, GREEN, RED, YELLOW, columns, counted, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from yolov2.data.doctor import Findings
    from yolov2.data.repair import Repairs
    from yolov2.data.summary import Summary
    from yolov2.samples import Fault

CLASSES_SHOWN = 20
BAR = 24  # characters of the longest one
GAP = "    "


def lines_of(found: Findings, *, limit: int) -> list[str]:
    """The whole report; of each code at most `limit` lines."""
    return [*_numbers(found.summary), *_findings(found, limit=limit), _verdict(found)]


def repair_lines(done: Repairs) -> list[str]:
    """What --fix did, in a few lines."""
    made = ", ".join(f"{count:,} {code}" for code, count in done.counts.items()) or "nothing was to be repaired"
    left = ", ".join(f"{count:,} {code}" for code, count in done.left.items())
    return [
        f"{printable(done.data)}: {made}; listed in {printable(done.log)}",
        *([f"left as it is: {left}"] if left else []),
    ]


# --- in numbers -------------------------------------------------------------------------------------------------------


def _numbers(summary: Summary) -> list[str]:
    parts = [counted(summary.pictures, "picture")]
    if summary.task == "detect":
        parts.append(counted(summary.boxes, "box", "boxes"))
    parts.append(counted(len(summary.classes), "class", "classes"))
    if summary.empty:
        parts.append(f"{summary.empty:,} without boxes")
    title = paint(printable(summary.data), BOLD, stream=sys.stdout)
    splits = ", ".join(f"{printable(name)} {one.pictures:,}" for name, one in summary.splits.items())
    lines = [f"{title}  {', '.join(parts)}", f"{summary.kind}: {splits}", "", *_classes(summary), ""]
    if summary.grid is None:
        return lines
    return [*lines, *_shapes(summary), "", *_priors(summary), ""]


def _classes(summary: Summary) -> list[str]:
    """A row a class, those with the most boxes first."""
    is_boxes = summary.task == "detect"
    many = sorted(summary.classes, key=lambda one: -(one.boxes if is_boxes else one.pictures))
    shown = many[:CLASSES_SHOWN]
    most = max((one.boxes if is_boxes else one.pictures for one in many), default=0)
    rows = [["class", "boxes", "pictures", ""] if is_boxes else ["class", "pictures", ""]]
    for one in shown:
        count = one.boxes if is_boxes else one.pictures
        numbers = [f"{one.boxes:,}", f"{one.pictures:,}"] if is_boxes else [f"{one.pictures:,}"]
        rows.append([printable(one.name, longest=30), *numbers, _bar(count, most)])
    head, *body = columns(rows, align="<>><" if is_boxes else "<><")
    lines = [paint(head, DIM, stream=sys.stdout), *body]
    if len(many) > len(shown):
        rest = sum(one.boxes if is_boxes else one.pictures for one in many[len(shown) :])
        noun = counted(rest, "box", "boxes") if is_boxes else counted(rest, "picture")
        lines.append(
            paint(f"and {counted(len(many) - len(shown), 'class', 'classes')} more, {noun}", DIM, stream=sys.stdout)
        )
    return lines


def _shapes(summary: Summary) -> list[str]:
    """Two histograms side by side."""
    width, height = summary.view.size[1], summary.view.size[0]
    left = _histogram(f"pixels at {width} x {height}", summary.size_bins())
    right = _histogram("width / height", summary.ratio_bins())
    space = max(map(len, left))
    lines = [f"{a:{space}}{GAP}{b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]
    return [paint(lines[0], DIM, stream=sys.stdout), *lines[1:]]


def _histogram(title: str, bins: Sequence[tuple[str, int]]) -> list[str]:
    most = max(count for _, count in bins)
    return columns(
        [[title, "boxes", ""], *([name, f"{count:,}", _bar(count, most)] for name, count in bins)], align="<><"
    )


def _priors(summary: Summary) -> list[str]:
    grid, view = summary.grid, summary.view
    assert grid is not None
    rows, cols = view.grid
    fit = f"best possible recall {grid.recall_at_50:.1%} at IoU 0.5, mean IoU {grid.mean_iou:.1%}"
    line = f"{len(view.anchors)} priors of {printable(view.source)}: {fit}"
    share = grid.shared_priors / max(len(summary.sides), 1)
    shared = (
        f"grid of {cols} x {rows}: {counted(grid.shared_cells, 'cell')} with more than one box; "
        f"{counted(grid.shared_priors, 'box', 'boxes')} ({share:.1%}) with another of the same prior"
    )
    return [line, shared]


def _bar(count: int, most: int) -> str:
    return "#" * (max(1, round(BAR * count / most)) if count else 0)


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _findings(found: Findings, *, limit: int) -> list[str]:
    root = str(found.facts.dataset.root)
    lines: list[str] = []
    for is_error in (True, False):
        for code, faults in found.by_code(errors=is_error):
            lines += [*_group(code, faults, root, limit=limit), ""]
    return lines


def _group(code: str, faults: Sequence[Fault], root: str, *, limit: int) -> list[str]:
    """A heading, and a line for each of the first faults."""
    from yolov2.data.catalogue import CODES

    colour, kind = (RED, "error") if faults[0].is_error else (YELLOW, "warning")
    title = f"{paint(kind, colour, stream=sys.stdout)}  {paint(code, BOLD, stream=sys.stdout)}"
    lines = [f"{title}  {CODES.get(code, '')}" + (f": {len(faults):,}" if len(faults) > 1 else "")]
    is_common = len({(fault.expected, fault.repair) for fault in faults}) == 1
    rows = [(_short(fault.where, root), _said(fault, root, whole=not is_common)) for fault in faults[:limit]]
    lines += [f"  {where}  {said}".rstrip() if where else f"  {said}" for where, said in rows]
    if len(faults) > limit:
        lines.append(paint(f"  and {len(faults) - limit:,} more; --json has all", DIM, stream=sys.stdout))
    if is_common:
        advice = f"  expected {_within(faults[0].expected, root)}; {faults[0].repair}"
        lines.append(paint(printable(advice), DIM, stream=sys.stdout))
    return lines


def _said(fault: Fault, root: str, *, whole: bool) -> str:
    text = f"found {fault.found}, expected {fault.expected}; {fault.repair}" if whole else fault.found
    return printable(_within(text, root))


def _short(where: str, root: str) -> str:
    """A place within the data set; "" is the data set as a whole."""
    return "" if where == root else printable(where.removeprefix(root + os.sep))


def _within(text: str, root: str) -> str:
    return text.replace(root + os.sep, "")


def _verdict(found: Findings) -> str:
    errors, warnings = counted(len(found.errors), "error"), counted(len(found.warnings), "warning")
    if found.errors:
        return paint(f"{errors}, {warnings}: training would stop at the errors", RED, stream=sys.stdout)
    return paint(f"no error, {warnings}" if found.warnings else "nothing is wrong", GREEN, stream=sys.stdout)
