"""What `eval -o` leaves in its folder: numbers, detections, drawings and the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yolov2.detect.formats import FORMATS
from yolov2.detect.outputs import make_folder, refuse_existing
from yolov2.evaluate.drawings import calibration_svg, confusion_svg, curves_svg
from yolov2.evaluate.metrics_file import NAME, Changes, write_metrics
from yolov2.evaluate.report import write_report
from yolov2.evaluate.result_files import write_results
from yolov2.evaluate.targets import check_writable
from yolov2.files import write_whole

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

REPORT = "report.html"
DRAWINGS = {"curves.svg": curves_svg, "confusion.svg": confusion_svg, "calibration.svg": calibration_svg}


def prepare_folder(folder: Path, *, force: bool) -> None:
    """The folder exists afterwards, without results of an earlier run in it unless `force`. Raises OutputError."""
    if not force:
        comp4 = sorted(folder.glob(FORMATS["voc"]))
        refuse_existing([folder / name for name in (NAME, REPORT, FORMATS["coco"], *DRAWINGS)] + comp4)
    make_folder(folder)
    check_writable(folder / NAME)


def write_run(folder: Path, run: Evaluation, *, changes: Changes | None = None) -> None:
    """metrics.json, coco_results.json, comp4 files, the drawings and report.html; metrics.json last, when all is there.

    Its metrics.json and comp4 files, perhaps of other classes, of an earlier run are removed first, so a folder with a
    metrics.json is whole. Raises OutputError.
    """
    (folder / NAME).unlink(missing_ok=True)
    for left in folder.glob(FORMATS["voc"]):
        left.unlink(missing_ok=True)
    write_results(folder, run)
    for name, draw in DRAWINGS.items():
        with write_whole(folder / name) as file:
            file.write(draw(run).encode("utf-8", "replace"))
    write_report(folder / REPORT, run, changes=changes)
    write_metrics(folder / NAME, run)
