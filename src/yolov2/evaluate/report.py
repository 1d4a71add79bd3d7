"""A run as one page that needs nothing beside it. Its look is in report.html, its photographs come from cards.py."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from yolov2 import __version__
from yolov2.errors import printable
from yolov2.evaluate.cards import picture_of
from yolov2.evaluate.drawings import (
    BACKGROUND,
    PANEL_H,
    PANEL_W,
    calibration_body,
    confusion_body,
    confusions,
    panel,
    panels_of,
)
from yolov2.evaluate.metrics_file import PER_CLASS, RULES, Change, Changes
from yolov2.evaluate.mistakes import KINDS, Kind, Mistake, find_mistakes
from yolov2.files import write_whole

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

TEMPLATE = Path(__file__).with_name("report.html")
MOST_CARDS = 12  # of a kind
MOST_CONFUSIONS = 12
GROUPS = {"voc07": "AP07", "voc12": "AP12", "coco": "COCO AP"}
SETTINGS = {
    "conf": "scores above",
    "iou": "NMS at IoU",
    "nms": "NMS by",
    "max_det": "boxes a picture",
    "tree_threshold": "tree threshold",
    "min_size": "smallest box",
    "max_size": "largest box",
}

TITLES: dict[Kind, tuple[str, str]] = {
    "missed": ("Missed", "Objects that no detection of their class overlaps by half; the largest first."),
    "class": ("Wrong class", "Detections on an object that is labelled as something else; the surest first."),
    "box": ("Poor box", "Detections that touch an object of their class, but overlap it by less than half."),
    "background": (
        "Nothing labelled there",
        "The surest detections where the labels have nothing like it. Look here first: the label may be missing.",
    ),
    "twice": ("Found twice", "A further detection of an object that was found already."),
}


def write_report(path: str | Path, run: Evaluation, *, changes: Changes | None = None, cards: int = MOST_CARDS) -> None:
    """Write the page, whole or not at all; with what changed since another run. Raises OutputError."""
    with write_whole(path) as file:
        file.write(page_of(run, changes=changes, cards=cards).encode("utf-8", "replace"))


def page_of(run: Evaluation, *, changes: Changes | None = None, cards: int = MOST_CARDS) -> str:
    """The page; `cards` mistakes of each kind are shown at most."""
    model = run.model["name"] if run.model else run.settings.get("detections", "detections")
    heading = f"{_text(Path(model).stem or model)} on {_text(Path(run.truth.name).name)}"
    sections: dict[str, tuple[str, str]] = {
        "classes": ("By class", _classes(run, changes)),
        **({"changes": ("Since the other run", _changes(changes))} if changes else {}),
        "rules": ("How it was measured", _rules(run)),
        "curves": ("Precision and recall", _curves(run)),
        "confusion": ("Confusion", _confusion(run)),
        "calibration": ("Calibration", _calibration(run)),
        "mistakes": ("Worst mistakes", _mistakes(run, cards)),
    }
    body = [f'<section id="{key}"><h2>{title}</h2>{text}</section>' for key, (title, text) in sections.items()]
    links = [f'<a href="#{key}">{title}</a>' for key, (title, _) in sections.items()]
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        title=f"{heading}: {_percent(run.voc07.mean)} mAP",
        heading=heading,
        subtitle=_subtitle(run),
        warnings="".join(f'<p class="warn">{line}</p>' for line in _warnings(run)),
        contents=" ".join(links),
        tiles=_tiles(run),
        body="\n".join(body),
        footer=_footer(run),
    )


def _subtitle(run: Evaluation) -> str:
    counted = int(run.voc07.truths.sum())
    parts = [f"{len(run.truth.samples):,} pictures", f"{counted:,} objects"]
    parts += [f"{int(run.truths.difficult.sum()):,} difficult"] if run.truths.difficult.any() else []
    parts += [f"{int(run.truths.crowd.sum()):,} crowds"] if run.truths.crowd.any() else []
    return ", ".join([*parts, f"{len(run.results):,} detections"])


def _warnings(run: Evaluation) -> list[str]:
    lines: list[str] = []
    for failure in run.failures[:1]:
        many = "1 picture" if len(run.failures) == 1 else f"{len(run.failures):,} pictures"
        lines.append(f"{many} could not be read and left out, the first: {_text(failure.error)}")
    if run.classes.only_data:
        lines.append(f"Left out, since the model does not have it: {_text(', '.join(run.classes.only_data))}")
    if run.classes.renamed:
        pairs = ", ".join(f"{ours} = {theirs}" for ours, theirs in run.classes.renamed)
        lines.append(f"Taken for the same class (model = data): {_text(pairs)}")
    return lines


def _tiles(run: Evaluation) -> str:
    of = run.coco
    shown = [
        ("main", run.voc07.mean, "VOC 2007 mAP"),
        ("main", run.voc12.mean, "VOC 2012 mAP"),
        ("main", of.ap, "COCO AP"),
        ("", of.ap50, "COCO AP50"),
        ("", of.ap75, "COCO AP75"),
        ("", of.ap_small, "COCO AP, small"),
        ("", of.ap_medium, "medium"),
        ("", of.ap_large, "large"),
        ("", of.ar100, "COCO AR, 100 boxes"),
        ("", run.recall.recall, "recall, any class"),
    ]
    return "".join(
        f'<div class="tile {kind}"><b>{_percent(value)}</b><span>{name}</span></div>' for kind, value, name in shown
    )


def _classes(run: Evaluation, changes: Changes | None) -> str:
    """A row a class: objects, the three average precisions, the threshold that is proposed."""
    groups = {"voc07": run.voc07.per_class, "voc12": run.voc12.per_class, "coco": run.coco.per_class}
    since = {group: {one.name: one for one in changes.per_class[group]} for group in PER_CLASS} if changes else {}
    heads = ["class", "objects"]
    for title in GROUPS.values():
        heads += [title, "by"] if changes else [title]
    heads += ["best F1", "above", "precision", "recall"]
    means = {"voc07": run.voc07.mean, "voc12": run.voc12.mean, "coco": run.coco.ap}
    totals = {"voc07": "VOC 2007 mAP", "voc12": "VOC 2012 mAP", "coco": "COCO AP"}
    cells = ["<td>mean</td>", f"<td>{int(run.voc07.truths.sum()):,}</td>"]
    for group, mean in means.items():
        cells.append(_bar(mean))
        cells += [_by(next(one for one in changes.totals if one.name == totals[group]))] if changes else []
    rows = [f'<tr class="mean">{"".join(cells)}<td></td><td></td><td></td><td></td></tr>']
    for index, name in enumerate(run.names):
        cells = [f"<td>{_text(name)}</td>", f"<td>{int(run.voc07.truths[index]):,}</td>"]
        for group, values in groups.items():
            cells.append(_bar(float(values[index])))
            cells += [_by(since[group][name])] if changes else []
        best = run.thresholds[index]
        numbers = (None,) * 4 if best is None else (best.f1, best.conf, best.precision, best.recall)
        cells += [f"<td>{'–' if value is None else f'{value:.2f}'}</td>" for value in numbers]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    note = "The threshold is where F1 is best on these pictures; what follows is shown at it."
    return f'<p class="note">{note}</p>' + _table(heads, rows) + _conf_line(run)


def _conf_line(run: Evaluation) -> str:
    """The thresholds as an option."""
    pairs = [f"{name}={best.conf:.3f}" for name, best in zip(run.names, run.thresholds, strict=True) if best]
    if not pairs:
        return ""
    option = f"--conf '{','.join(pairs)}'"
    return f'<details><summary class="note">as an option of detect</summary><code>{_text(option)}</code></details>'


def _changes(changes: Changes) -> str:
    notes = "".join(f'<p class="warn">Not quite comparable: {_text(note)}</p>' for note in changes.notes)
    rows = [
        f"<tr><td>{one.name}</td><td>{_percent(one.before)}</td><td>{_percent(one.now)}</td>{_by(one)}</tr>"
        for one in changes.totals
    ]
    where = f'<p class="note">Beside <code>{_text(changes.before.path)}</code>; by class in the table above.</p>'
    return f'{where}{notes}<div class="sides">{_table(["", "then", "now", "by"], rows)}</div>'


def _rules(run: Evaluation) -> str:
    names = {"voc07": "VOC 2007", "voc12": "VOC 2012", "coco": "COCO", "recall": "Recall"}
    rows = [(names[key], rule) for key, rule in RULES.items()]
    rows += [(SETTINGS.get(key, key), str(value)) for key, value in run.settings.items() if value not in (None, False)]
    if run.classes.only_model:
        rows.append(("ignored", f"{len(run.classes.only_model):,} classes of the model that the data does not have"))
    items = "".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in rows)
    return f"<dl>{items}</dl>"


def _curves(run: Evaluation) -> str:
    note = "At IoU 0.5; the number is the area (AP12), the dot where F1 is best."
    panels = "".join(f'<svg viewBox="0 0 {PANEL_W} {PANEL_H}">{panel(*one)}</svg>' for one in panels_of(run))
    return f'<p class="note">{note}</p><div class="panels">{panels}</div>'


def _confusion(run: Evaluation) -> str:
    body, width, height = confusion_body([*run.names, BACKGROUND], run.confusion)
    note = (
        "Rows are what is labelled, columns what it was taken for, above the thresholds. "
        "The last column was missed; in the last row nothing is labelled."
    )
    pairs = confusions([*run.names, BACKGROUND], run.confusion, MOST_CONFUSIONS)
    rows = [f"<tr><td>{_text(a)}</td><td>{_text(b)}</td><td>{count:,}</td></tr>" for a, b, count in pairs]
    table = _table(["labelled", "taken for", "times"], rows) if rows else ""
    plot = f'<svg class="plot" width="{width}" height="{height}" viewBox="0 0 {width} {height}">{body}</svg>'
    return f'<p class="note">{note}</p><div class="sides">{plot}<div>{table}</div></div>'


def _calibration(run: Evaluation) -> str:
    error = "–" if isnan(run.calibration.error) else f"{run.calibration.error:.3f}"
    note = (
        "Of the detections with such a score, the share that is right; on the dashed line a score is a probability. "
        f"Mean distance from it (expected calibration error): {error}."
    )
    body = calibration_body(run.calibration)
    return f'<p class="note">{note}</p><svg class="plot" width="480" viewBox="0 0 360 300">{body}</svg>'


def _mistakes(run: Evaluation, most: int) -> str:
    found = find_mistakes(run.shown, run.truths, sizes=run.sizes)
    key = '<span class="key truth">labelled</span> &nbsp; <span class="key found">found</span>'
    parts = [f'<p class="note">{key} &nbsp; dotted: other labels. At most one a picture of each kind.</p>']
    for kind in KINDS:
        title, note = TITLES[kind]
        total = len(found.by_kind[kind])
        cards = "".join(_card(run, mistake) for mistake in found.worst(kind, most))
        parts.append(f'<h3 id="{kind}">{title} <span class="quiet">{total:,}</span></h3>')
        parts.append(f'<p class="note">{note}</p><div class="cards">{cards}</div>' if total else "")
    return "".join(parts)


def _card(run: Evaluation, mistake: Mistake) -> str:
    keys: list[str] = []
    if mistake.truth is not None:
        keys.append(f'<span class="key truth">{_text(run.names[int(run.truths.class_ids[mistake.truth])])}</span>')
    if mistake.detection is not None:
        shown = run.shown
        name, score = run.names[int(shown.class_ids[mistake.detection])], shown.scores[mistake.detection]
        keys.append(f'<span class="key found">{_text(name)} {score:.2f}</span>')
    is_pair = mistake.truth is not None and mistake.detection is not None
    overlap = f"<span>IoU {mistake.iou:.2f}</span>" if is_pair else ""
    path = run.truth.samples.pictures[mistake.picture]
    file = f'<span class="file" title="{_text(path)}">{overlap}{_text(Path(path).name)}</span>'
    return f"<figure>{picture_of(run, mistake)}<figcaption><div>{''.join(keys)}</div>{file}</figcaption></figure>"


def _footer(run: Evaluation) -> str:
    parts = [f"yolov2 {__version__}", f"data {_text(run.truth.name)}"]
    if run.model:
        parts.append(f"model {_text(run.model['name'])}")
        if run.model.get("width"):
            parts.append(f"input {run.model['width']} x {run.model['height']}")
        if run.model.get("sha256"):
            parts.append(f"SHA-256 {run.model['sha256']}")
    return "; ".join(parts)


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{title}</th>" for title in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _bar(value: float) -> str:
    """A cell with a number of 0 to 1 in percent, and as long a bar."""
    if isnan(value):
        return "<td>–</td>"
    return f'<td class="bar" style="--v:{100 * value:.1f}%">{_percent(value)}</td>'


def _by(one: Change) -> str:
    """A cell with what changed."""
    if one.by is None:
        return "<td>–</td>"
    kind = "up" if one.by > 0.0005 else "down" if one.by < -0.0005 else "quiet"
    said = "0.0" if kind == "quiet" else f"{100 * one.by:+.1f}"
    return f'<td class="{kind}">{said}</td>'


def _percent(value: float | None) -> str:
    return "–" if value is None or isnan(value) else f"{100 * value:.1f}"


def _text(value: object) -> str:
    """Names and paths as the page may show them."""
    return escape(printable(value))
