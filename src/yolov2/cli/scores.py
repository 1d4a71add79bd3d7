"""What `eval` says of a run: a table, the rules that it was counted by, and what changed since another run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yolov2.cli.terminal import BOLD, DIM, GREEN, RED, columns, counted, paint
from yolov2.errors import printable
from yolov2.evaluate.metrics_file import RULES

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation
    from yolov2.evaluate.metrics_file import Changes


def score_json(run: Evaluation, changes: Changes | None) -> dict[str, Any]:
    """What --json prints: metrics.json, and what changed."""
    return run.to_dict() | ({"compared": changes.to_dict()} if changes else {})


def score_lines(run: Evaluation, changes: Changes | None) -> list[str]:
    """A table of classes, the means with the rules that they were counted by, and what changed."""
    title = paint(printable(run.truth.name), BOLD, stream=sys.stdout)
    difficult, crowds = int(run.truths.difficult.sum()), int(run.truths.crowd.sum())
    parts = [counted(len(run.truth.samples), "picture"), counted(int(run.voc07.truths.sum()), "object")]
    parts += [f"{difficult:,} difficult"] if difficult else []
    parts += [counted(crowds, "crowd")] if crowds else []
    parts.append(counted(len(run.results), "detection"))
    lines = [f"{title}  {', '.join(parts)}", "", *_class_table(run), "", *_totals(run), "", *_how(run)]
    return lines + (["", *_compared(changes)] if changes else [])


def _class_table(run: Evaluation) -> list[str]:
    rows: list[list[str]] = []
    triples = zip(run.voc07.per_class, run.voc12.per_class, run.coco.per_class, strict=True)
    for index, (name, aps) in enumerate(zip(run.names, triples, strict=True)):
        best = run.thresholds[index]
        cut = ["-", "-"] if best is None else [f"{best.f1:.2f}", f"{best.conf:.3f}"]
        rows.append([printable(name, longest=30), f"{run.voc07.truths[index]:,}", *map(_percent, aps), *cut])
    means = map(_percent, (run.voc07.mean, run.voc12.mean, run.coco.ap))
    rows.append(["mean", f"{int(run.voc07.truths.sum()):,}", *means, "", ""])
    head = ["class", "objects", "AP07", "AP12", "COCO AP", "best F1", "above"]
    lines = [f"  {line}" for line in columns([head, *rows], align="<>>>>>>")]
    return [paint(lines[0], DIM, stream=sys.stdout), *lines[1:-1], paint(lines[-1], BOLD, stream=sys.stdout)]


def _totals(run: Evaluation) -> list[str]:
    """The means, each with the rule that it was counted by."""
    of = run.coco
    precision = f"AP50 {_percent(of.ap50)}, AP75 {_percent(of.ap75)}"
    sizes = f"small {_percent(of.ap_small)}, medium {_percent(of.ap_medium)}, large {_percent(of.ap_large)}"
    found = f"AR {_percent(of.ar1)}, {_percent(of.ar10)}, {_percent(of.ar100)} with 1, 10, 100 boxes"
    recall = (
        f"mean IoU of all with the best box {_percent(run.recall.mean_iou)}; {run.recall.proposals:.1f} boxes a picture"
    )
    rows = [
        ("VOC 2007", _percent(run.voc07.mean), "mAP: " + RULES["voc07"]),
        ("VOC 2012", _percent(run.voc12.mean), "mAP: " + RULES["voc12"]),
        ("COCO", _percent(of.ap), "AP: " + RULES["coco"]),
        ("", "", f"{precision}; {sizes}"),
        ("", "", found),
        ("recall", _percent(run.recall.recall), RULES["recall"]),
        ("", "", recall),
    ]
    return columns(rows, align="<><")


def _how(run: Evaluation) -> list[str]:
    """How detections were made, where that is known."""
    said = run.settings
    if "detections" in said:
        floor = "all scores" if said["conf"] is None else f"scores above {said['conf']:g}"
        return [f"detections of {printable(said['detections'])}; {floor}"]
    limit = "all boxes" if said["max_det"] is None else f"the best {said['max_det']} boxes"
    thinned = "no NMS" if said["nms"] == "none" else f"NMS at {said['iou']:g} by {said['nms']}"
    size = f"{run.model['width']} x {run.model['height']}" if run.model and "width" in run.model else "its input"
    return [f"scores above {said['conf']:g}; {thinned}; {limit} of a picture; {said['resize']} to {size}"]


def _compared(changes: Changes) -> list[str]:
    """This run beside another one: means, then classes."""
    lines = [f"beside {printable(str(changes.before.path))}"]
    lines += [f"  not quite comparable: {printable(note)}" for note in changes.notes]
    rows = [["", "then", "now", "by"]]
    rows += [[one.name, _percent(one.before), _percent(one.now), _by(one.by)] for one in changes.totals]
    lines += _painted(columns(rows, align="<>>>"), [one.by for one in changes.totals])
    groups = changes.per_class.values()
    rows = [["class", "AP07 by", "AP12 by", "COCO AP by"]]
    rows += [
        [printable(a.name, longest=30), *(_by(one.by) for one in (a, b, c))] for a, b, c in zip(*groups, strict=True)
    ]
    return [*lines, "", *_painted(columns(rows, align="<>>>"), [one.by for one in next(iter(groups))])]


def _painted(lines: Sequence[str], by: Sequence[float | None]) -> list[str]:
    """A table whose rows are green or red where there is more or less now."""
    shown = [paint(f"  {lines[0]}", DIM, stream=sys.stdout)]
    for line, change in zip(lines[1:], by, strict=True):
        colours = () if change is None or abs(change) < 0.0005 else (GREEN,) if change > 0 else (RED,)
        shown.append(paint(f"  {line}", *colours, stream=sys.stdout))
    return shown


def _percent(value: float | None) -> str:
    return "-" if value is None or value != value else f"{100 * value:.1f}"


def _by(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f}" if abs(value) >= 0.0005 else "0.0"
