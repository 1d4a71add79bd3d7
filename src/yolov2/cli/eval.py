"""`yolov2 eval`: how well a model finds what is in a data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import RED, Messages, Meter, counted, duration, paint
from yolov2.errors import OutputError, printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.data.class_names import ClassMap
    from yolov2.evaluate.evaluation import Evaluation
    from yolov2.evaluate.ground_truth import GroundTruth
    from yolov2.records import Detections, Failure

NAMED = 10  # so many failed pictures are named once more at the end
OF_A_MODEL = (  # options that say nothing of a file of detections
    *("model", "weights", "names", "data", "tree", "map", "partial", "arithmetic", "iou", "nms", "max_det"),
    *("tree_threshold", "depth", "roi", "tile", "min_size", "max_size", "size", "resize", "faithful", "max_pixels"),
    *("batch", "device", "backend", "precision", "threads", "cache", "no_cache", "store_thresholds"),
)

EPILOG = """
\b
Examples:
  yolov2 eval VOC2007@val -m my.cfg                        a table on screen
  yolov2 eval VOC2007@val -m my.cfg -o run                 and numbers, curves, the page of worst mistakes
  yolov2 eval instances_val.json -m my.cfg --images val/   COCO
  yolov2 eval my.data -m new.safetensors --compare run     what changed since that run
  yolov2 eval VOC2007@val --detections theirs/             comp4 files or COCO results of another program

\b
Exit status: 0 done; 1 some pictures could not be read, each is named; 2 nothing could start; 130 interrupted.
"""


@click.command("eval", epilog=EPILOG)
@click.argument("dataset", metavar="DATA", type=values.Place())
@options.model(options.NANO_VOC)
@click.option("-o", "--out", metavar="DIR", type=values.Place(), help="Write metrics.json, report.html and more here.")
@options.as_json
@click.option("--split", metavar="NAME", help="Which pictures. [that of DATA@NAME; else val, valid or test]")
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of a COCO .json lie.")
@click.option(
    "--detections", metavar="FILE|DIR", type=values.Place(),
    help="Score these in place of a model: COCO results, or comp4 files of the VOC development kit.",
)  # fmt: skip
@click.option(
    "--compare",
    metavar="DIR|FILE",
    type=values.Place(),
    help="Set the numbers beside those of another run: its folder.",
)
@click.option(
    "--store-thresholds", metavar="FILE", type=values.Place(),
    help="Write a copy of the model, a .safetensors, with the threshold of each class where its F1 is best.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite results of an earlier run.")
@click.option(
    "--conf", metavar="NUMBER", type=values.Number(0, 1), help="Only scores above it count. [0.005; of a file: all]"
)
@options.suppression
@click.option("--max-det", metavar="N", type=values.Whole(1), help="Keep the best N of a picture. [all]")
@options.walk
@options.parts
@options.size
@options.resize
@click.option("--faithful", is_flag=True, help="Darknet's accidents, too: EXIF rotation is ignored.")
@options.max_pixels
@options.model_files
@options.partial
@options.arithmetic
@options.batch
@options.runtime
@options.cache
@options.messages
@click.pass_context
def eval(
    ctx: click.Context,
    dataset: Path,
    model: Path | None,
    out: Path | None,
    as_json: bool,
    split: str | None,
    images: Path | None,
    detections: Path | None,
    compare: Path | None,
    store_thresholds: Path | None,
    force: bool,
    conf: float | None,
    max_det: int | None,
    classes: tuple[str, ...] | None,
    batch: int,
    cache: Path | None,
    no_cache: bool,
    **chosen: Any,
) -> int:
    """Measure a model on DATA: VOC 2007, VOC 2012 and COCO from one run.

    DATA is a VOC folder, a COCO .json, a Darknet .data or an Ultralytics data.yaml, with @SPLIT behind it for another
    split than val, valid or test.
    """
    _check_usage(ctx, out, detections, store_thresholds, force=force)
    from yolov2.cli.scores import score_json, score_lines
    from yolov2.detect.model_files import find_model
    from yolov2.evaluate.evaluation import evaluate
    from yolov2.evaluate.metrics_file import compare_runs, read_metrics
    from yolov2.evaluate.run_folder import prepare_folder, write_run
    from yolov2.evaluate.thresholds import check_names
    from yolov2.evaluate.thresholds import store_thresholds as store

    messages = options.messages_of(ctx)
    before = None if compare is None else read_metrics(compare)
    _check_targets(out, store_thresholds, force=force)
    if (names := chosen.pop("data")) is not None and chosen["names"] is None:
        chosen["names"] = find_model(model, weights=chosen["weights"], data=names).names
    follower = Follower(messages)
    told = options.given(chosen) | {"cache": options.cache_folder(cache, no_cache=no_cache)}
    with follower, options.refusals():
        if detections is None:
            options.tell_memory(model, cache=not no_cache, batch=batch, data=None, **chosen)
        if store_thresholds is not None:
            check_names(store_thresholds, model, **chosen)
        run = evaluate(
            dataset, model=model, detections=detections, split=split, images=images, conf=conf, max_det=max_det,
            classes=classes, batch=batch, on_start=follower.start, on_result=follower.add,
            **({} if detections else told),
        )  # fmt: skip
    changes = None if before is None else compare_runs(run, before)
    shown = json.dumps(score_json(run, changes)) if as_json else "\n".join(score_lines(run, changes))
    print(shown, flush=True)  # before the files: a full disk must not take the scores along
    if out is not None:
        prepare_folder(out, force=force)
        write_run(out, run, changes=changes)
    if store_thresholds is not None:
        store(store_thresholds, run, model, **chosen)
    for line in _end(run, follower, out, store_thresholds):
        messages.tell(line)
    return SOME_FAILED if run.failures else DONE


def _check_usage(
    ctx: click.Context, out: Path | None, detections: Path | None, thresholds: Path | None, *, force: bool
) -> None:
    """Raise UsageError for options that would have no effect."""
    if force and out is None and thresholds is None:
        raise click.UsageError("--force overwrites what -o DIR or --store-thresholds FILE would write.", ctx)
    for name in OF_A_MODEL if detections is not None else ():
        if name in ctx.params and options.is_given(ctx, name):
            option = "-m" if name == "model" else f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} has no effect with --detections, which were made elsewhere.", ctx)


def _check_targets(out: Path | None, thresholds: Path | None, *, force: bool) -> None:
    """Refuse before the run what could not be written after it. Raises OutputError."""
    from yolov2.evaluate.run_folder import prepare_folder
    from yolov2.evaluate.thresholds import check_target

    if out is not None:
        prepare_folder(out, force=force)  # first, for the thresholds may go into it
    if thresholds is not None:
        check_target(thresholds)
        if thresholds.exists() and not force:
            repair = "choose another name, or add --force to replace it"
            raise OutputError.at(printable(thresholds), found="a file", expected="a new name", repair=repair)


class Follower:
    """Progress of a run on standard error, and the pictures that failed."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._meter: Meter | None = None

    def start(self, truth: GroundTruth, classes: ClassMap) -> None:
        """Say what is about to be counted, before it is."""
        for failure in truth.failures:
            self._failed(failure)
        for line in _classes_told(classes):
            self._messages.tell(line)
        self._meter = Meter(len(truth.samples), "picture", "pictures", shown=self._messages.verbosity >= 0)
        self._meter.__enter__()

    def add(self, result: Detections | Failure) -> None:
        from yolov2.records import Failure

        assert self._meter is not None, "it starts before the first result"
        self._meter.advance()
        if isinstance(result, Failure):
            self._failed(result)

    @property
    def done(self) -> int:
        """Pictures so far."""
        return 0 if self._meter is None else self._meter.done

    elapsed_s = 0.0

    def __enter__(self) -> None:
        """Nothing yet: how many pictures there are is known at `start`."""

    def __exit__(self, *exception: Any) -> None:
        if self._meter is not None:
            self.elapsed_s = self._meter.elapsed_s
            self._meter.__exit__(*exception)

    def _failed(self, failure: Failure) -> None:
        self._messages.say(f"{paint('failed', RED)}: {printable(failure.error)}")


def _classes_told(classes: ClassMap) -> list[str]:
    """Which classes do not count, and why."""
    from yolov2.data.class_names import few

    lines: list[str] = []
    if classes.only_data:
        many = counted(len(classes.only_data), "class", "classes")
        lines.append(f"left out, since the model does not have them: {many} of the data ({few(classes.only_data)})")
    if classes.only_model:
        many = counted(len(classes.only_model), "class", "classes")
        lines.append(f"ignored, since the data does not have them: {many} of the model ({few(classes.only_model)})")
    return lines


def _end(run: Evaluation, follower: Follower, out: Path | None, thresholds: Path | None) -> list[str]:
    """How the run went, and where its results lie."""
    lines: list[str] = []
    if follower.done and follower.elapsed_s:
        rate = f"{follower.done / follower.elapsed_s:.3g} per second"
        lines.append(f"{counted(follower.done, 'picture')} in {duration(follower.elapsed_s)} ({rate})")
    if out is not None:
        lines.append(f"results in {printable(str(out))}; open {printable(str(out / 'report.html'))}")
    if thresholds is not None:
        lines.append(f"thresholds in {printable(str(thresholds))}")
    if run.failures:
        names = [printable(failure.source) for failure in run.failures]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        of = counted(len(run.truth.samples) + len(names), "picture")
        lines.append(f"{len(names):,} of {of} failed and do not count: {', '.join(names[:NAMED])}{more}")
    return lines
