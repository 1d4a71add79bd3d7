"""What must be saved so that a run goes on exactly where it was: one sealed safetensors file, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolov2.checkpoint.tensors import open_tensors, read_header, read_tensor, write_tensors
from yolov2.errors import TrainingError
from yolov2.files import write_whole
from yolov2.train.learner import Learner

FORMAT, VERSION = "yolov2-training", 1


def save_state(path: Path, learner: Learner, progress: dict[str, Any]) -> None:
    """Write all that the next update depends on, and what else `progress` says of the run. Raises OutputError."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in _tensors(learner)}
    fields = {"updates": learner.updates, "seen": learner.seen, "scaler": learner.scaler.state_dict(), **progress}
    metadata = {"format": FORMAT, "format_version": str(VERSION), "progress": json.dumps(fields)}
    with write_whole(path) as file:
        write_tensors(file, tensors, metadata)


def load_state(path: Path, learner: Learner) -> dict[str, Any]:
    """Set the learner to what was saved. The progress that was saved with it.

    Raises CheckpointError for a damaged file, TrainingError for one of another run.
    """
    with open_tensors(path) as file:
        header = read_header(file, path)
        version = header.metadata.get("format_version")
        if header.metadata.get("format") != FORMAT or version != str(VERSION):
            found, expected = f"format version {version}", f"the state of a training, version {VERSION}"
            raise TrainingError.at(str(path), found=found, expected=expected, repair="resume with the version it is of")
        targets = dict(_tensors(learner))
        shapes = {name: tuple(tensor.shape) for name, tensor in targets.items()}
        if shapes != {name: entry.shape for name, entry in header.entries.items()}:
            repair = "resume with the model and the recipe that it was begun with"
            raise TrainingError.at(
                str(path), found="another network's state", expected="that of this run", repair=repair
            )
        with torch.no_grad():
            for name, target in targets.items():
                target.copy_(torch.tensor(read_tensor(file, header, name, path)))
    progress: dict[str, Any] = json.loads(header.metadata["progress"])
    learner.updates, learner.seen = progress["updates"], progress["seen"]
    if progress.get("scaler"):  # of fp16
        learner.scaler.load_state_dict(progress["scaler"])
    return progress


def _tensors(learner: Learner) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that an update reads and writes, by a name of its own."""
    for name, tensor in _numbers(learner.module):
        yield f"module.{name}", tensor
    if learner.averaged is not None:
        for name, tensor in _numbers(learner.averaged):
            yield f"averaged.{name}", tensor
    names = {parameter: name for name, parameter in learner.module.named_parameters()}
    for group in learner.optimizer.param_groups:
        for parameter in group["params"]:
            yield f"momentum.{names[parameter]}", _momentum(learner, parameter)


def _numbers(module: torch.nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from ((name, buffer) for name, buffer in module.named_buffers() if buffer.is_floating_point())


def _momentum(learner: Learner, parameter: Tensor) -> Tensor:
    """The optimizer's memory of a parameter; zeros before the first update, which is what it then counts as."""
    state = learner.optimizer.state[parameter]
    if state.get("momentum_buffer") is None:
        state["momentum_buffer"] = torch.zeros_like(parameter)
    return state["momentum_buffer"]
