"""The thresholds that an evaluation proposes, stored into a copy of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolov2.checkpoint.file import Checkpoint, read_checkpoint, write_checkpoint
from yolov2.checkpoint.header import Preprocessing
from yolov2.darknet.tree import Tree
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model
from yolov2.errors import ModelError, OutputError, printable
from yolov2.evaluate.targets import check_writable

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

SUFFIX = ".safetensors"
FILES = ("weights", "names", "tree", "map")


def check_target(path: str | Path) -> None:
    """Refuse before a run what could not be written after it. Raises OutputError."""
    if Path(path).suffix != SUFFIX:
        found, repair = f"the ending {printable(Path(path).suffix)!r}", "name it, say, tuned.safetensors"
        raise OutputError.at(printable(path), found=found, expected=SUFFIX, repair=repair)
    check_writable(path)


def check_names(path: str | Path, model: str | Path | None = None, **options: Any) -> None:
    """Refuse before a run a model whose thresholds nobody could name. Raises ModelError."""
    _named_checkpoint(path, model, options)


def store_thresholds(
    path: str | Path, run: Evaluation, model: str | Path | None = None, **options: Any
) -> Mapping[str, float]:
    """Write the model that was evaluated as a checkpoint with the thresholds of the run, which it returns by class.

    A class without a proposal keeps what the model says of it. The resize rule of the run is stored, too, since the
    thresholds go with it. model, options: as they were given to `evaluate`.
    Raises OutputError; ModelError for a model without class names, which thresholds go by.
    """
    check_target(path)
    checkpoint = _named_checkpoint(path, model, options)
    known = checkpoint.thresholds
    told = dict(known) if isinstance(known, Mapping) else {}
    indices: list[int] = run.classes.of_model.tolist()
    for name, index in zip(checkpoint.names, indices, strict=True):
        best = run.thresholds[index] if index >= 0 else None
        if best is not None:
            told[name] = best.conf
        elif isinstance(known, float):
            told[name] = known
    preprocessing = Preprocessing(run.settings.get("resize", checkpoint.preprocessing.resize))
    write_checkpoint(path, replace(checkpoint, thresholds=told, preprocessing=preprocessing))
    return told


def _named_checkpoint(path: str | Path, model: str | Path | None, options: Mapping[str, Any]) -> Checkpoint:
    checkpoint = _as_checkpoint(model, options)
    if not checkpoint.names:
        repair = "give --names FILE"
        raise ModelError.at(str(path), found="a model without class names", expected="names", repair=repair)
    return checkpoint


def _as_checkpoint(model: str | Path | None, options: Mapping[str, Any]) -> Checkpoint:
    files = find_model(model, **{key: options[key] for key in FILES if options.get(key) is not None})
    loaded = load_model(files, arithmetic=options.get("arithmetic"), partial=options.get("partial"))
    tree = loaded.tree
    plain = None if tree is None else Tree(tree.names, tuple(int(parent) for parent in tree.parents))
    if files.checkpoint is None:
        return Checkpoint(loaded.network, loaded.weights, loaded.names, plain, loaded.map)
    stored = read_checkpoint(files.checkpoint)
    return replace(stored, network=loaded.network, names=loaded.names, tree=plain, map=loaded.map)
