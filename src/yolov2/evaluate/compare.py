"""Why two programs find different boxes on the same pictures. Reads both sides; diagnosis.py judges."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from yolov2.backends.base import BACKENDS
from yolov2.detect.model_files import find_model
from yolov2.detect.models import Model, load_model
from yolov2.detect.settings import Settings
from yolov2.detect.sources import as_frame, expand_sources
from yolov2.errors import FormatError, ModelError, PictureError, Yolov2Warning
from yolov2.evaluate.comparison import Comparison
from yolov2.evaluate.diagnosis import Diagnosis, OtherRuns
from yolov2.evaluate.evidence import Boxes, Evidence, is_evidence, read_evidence
from yolov2.evaluate.setups import ALTERNATIVES, Runs, Setup
from yolov2.records import Failure, Frame

MOST_PICTURES = 20  # whose raw heads are held at a time; what differs, differs on these
RUNTIME = ("backend", "device", "precision")  # what B may change of A beside its Setup
CHANGES = ("resize", "channels", "scale", "arithmetic", "reorg", "anchors", "conf", "nms", "iou")

Side = str | Path | Model


def compare(
    a: Side,
    b: Side,
    pictures: Sequence[str | Path] | str | Path,
    *,
    files: Mapping[str, Any] | None = None,
    runtime: Mapping[str, Any] | None = None,
    on_failure: Callable[[Failure], None] | None = None,
    **settings: Any,
) -> Comparison:
    """Why the boxes of A and B differ on these pictures.

    a: a model, as `yolov2.load` takes it. b: another model, which gets the same options; a change of A, as "torch" or
    "resize=stretch,arithmetic=cpu"; or a file of what another program found, see `evidence.read_evidence`.
    files: weights, names, data, tree and arithmetic of A, runtime: backend, device, precision, threads, settings: those
    of a Detector, all by its keywords. on_failure: gets a picture that can't be read; without one it is warned of.
    Raises Yolov2Error for what can't be read, ValueError for settings that do not fit the model.
    """
    files, runtime = files or {}, runtime or {}
    model = _model(a, **files)
    given = replace(Settings(**model.settings), **settings)
    named = [pictures] if isinstance(pictures, (str, Path)) else pictures
    paths, frames = _read(named, given, on_failure or _warn)
    with Runs(model, frames, given, **runtime) as runs:
        base, other = runs.base, None
        if isinstance(b, (str, Path)) and is_evidence(Path(b)):
            found, form = read_evidence(Path(b), paths, runs.model)
            base = replace(base, boxes=form)
        else:
            other = _other(b, runs, runtime, files.get("arithmetic"))
            found = _shown(other, runs.model)
        known = [(frame, one) for frame, one in zip(frames, found, strict=True) if one is not None]
        if not known:
            repair = "give the pictures that B has seen"
            raise FormatError.at(str(b), found="nothing of these pictures", expected="results by name", repair=repair)
        known.sort(key=lambda pair: -len(pair[1].boxes.scores) if pair[1].boxes else 0)  # pairs are tried on the first
        runs.frames = [frame for frame, _ in known]
        if other is not None:
            other.runs.frames = runs.frames
        diagnosis = Diagnosis(runs, base, [one for _, one in known], other=other)
        stages = diagnosis.stages()
        if not stages:
            expected, repair = "the same keys for every picture", "save what is missing"
            raise FormatError.at(str(b), found="no array of every picture", expected=expected, repair=repair)
        return Comparison(_called(a), _called(b), len(known), diagnosis.outcome(), stages)


def _read(
    named: Sequence[str | Path], given: Settings, on_failure: Callable[[Failure], None]
) -> tuple[list[Path], list[Frame]]:
    """The first pictures that can be read. Raises PictureError if none can."""
    sources = expand_sources(named)
    for source in sources:
        if source.error:
            on_failure(Failure(source.name, source.error))
        elif not source.is_file:
            said = f"{source.name}: found no file, expected a picture in one; save it first"
            on_failure(Failure(source.name, said))
    paths = [source.path for source in sources if source.is_file and not source.error]
    if len(paths) > MOST_PICTURES:
        text = f"takes the first {MOST_PICTURES} of {len(paths):,} pictures; name others to compare those"
        warnings.warn(f"compare: {text}", Yolov2Warning, stacklevel=3)
    frames: dict[Path, Frame] = {}
    for path in paths:
        try:
            frames[path] = as_frame(path, exif=not given.faithful, max_pixels=given.max_pixels)
        except FormatError as refusal:
            if len(paths) == 1:
                raise
            on_failure(Failure(str(path), str(refusal)))
        if len(frames) == MOST_PICTURES:
            break
    if not frames:
        found, repair = f"{len(paths):,} pictures that can't be read", "name others"
        raise PictureError.at("compare", found=found, expected="pictures", repair=repair)
    return list(frames), list(frames.values())


def _warn(failure: Failure) -> None:
    warnings.warn(failure.error, Yolov2Warning, stacklevel=4)


def _model(model: Side, *, arithmetic: Any = None, **files: Any) -> Model:
    return model if isinstance(model, Model) else load_model(find_model(model, **files), arithmetic=arithmetic)


def _other(b: Side, runs: Runs, runtime: Mapping[str, Any], arithmetic: str | None) -> OtherRuns:
    """B as a run of ours: A with changes, or another model."""
    if isinstance(b, (str, Path)) and not Path(b).exists() and (str(b) in BACKENDS or "=" in str(b)):
        changed, setup = _changed(f"backend={b}" if str(b) in BACKENDS else str(b), runs.base)
        return OtherRuns(Runs(runs.model, runs.frames, runs.settings, **{**runtime, **changed}), setup)
    other = Runs(_model(b, arithmetic=arithmetic), runs.frames, runs.given, **runtime)
    return OtherRuns(other, other.base)


def _changed(text: str, base: Setup) -> tuple[dict[str, str], Setup]:
    """`resize=stretch,backend=torch` -> what is changed of the runtime, and the setup."""
    runtime: dict[str, str] = {}
    changes: dict[str, Any] = {}
    for pair in text.split(","):
        key, _, value = (part.strip() for part in pair.partition("="))
        if key in RUNTIME:
            runtime[key] = value
        elif key in CHANGES:
            changes[key] = _value(key, value)
        else:
            expected, repair = f"KEY=VALUE with one of {', '.join((*RUNTIME, *CHANGES))}", "or give a model or a file"
            raise ModelError.at("B", found=f"{pair!r}", expected=expected, repair=repair)
    return runtime, replace(base, **changes)


def _value(key: str, text: str) -> Any:
    """The value of one choice of a Setup."""
    known = ALTERNATIVES[key]
    try:
        if key in ("scale", "anchors", "conf", "iou"):
            number = float(text)
            if 0 <= number <= (1 if key in ("conf", "iou") else np.inf):
                return number
        elif text in known:
            return text
    except ValueError:
        pass
    expected = "a number" if key in ("scale", "anchors", "conf", "iou") else f"one of {', '.join(known)}"
    raise ModelError.at("B", found=f"{key}={text}", expected=expected, repair="correct it")


def _shown(other: OtherRuns, model: Model) -> list[Evidence | None]:
    """What there is of every picture where B is a run of ours; arrays only where A has them in the same shape."""
    with other.runs as runs:
        images, raws = runs.images(other.setup), runs.raws(other.setup)
        found = runs.found(other.setup, raws)
    has_input = runs.model.network.input == model.network.input
    has_raw = has_input and runs.model.network.raw_shape == model.network.raw_shape
    return [
        Evidence(
            image=image if has_input else None,
            raw=raw if has_raw else None,
            boxes=Boxes(one.xyxy.astype(np.float64), one.scores.astype(np.float64), one.class_ids),
        )
        for image, raw, one in zip(images, raws, found, strict=True)
    ]


def _called(side: Side) -> str:
    return side.network.name or "model" if isinstance(side, Model) else str(side)
