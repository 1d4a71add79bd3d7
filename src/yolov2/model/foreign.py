"""Other people's PyTorch files -> a Network with its weights, opened in a process of its own and never here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from yolov2.checkpoint.tensors import STORED, open_tensors, read_header, read_tensor
from yolov2.darknet.weights import Weights
from yolov2.errors import CheckpointError, ForeignError, printable
from yolov2.model.foreign_match import Floats, Match, match_state
from yolov2.model.foreign_programs import Habits, JoinOrder, Program, ReorgOrder, recognise
from yolov2.network.layers import Reorg
from yolov2.network.spec import Network

CHILD = Path(__file__).with_name("foreign_child.py")
LONGEST_S = 300.0
SPARE_MEMORY = 2**30  # bytes that the child may take beyond a few times the file's length
COPIES = 6  # of all numbers that the child may hold at once: as stored, as float32, as written
WRAPPERS = ("module.", "model.", "_orig_mod.")  # DataParallel, Lightning, torch.compile
UNKNOWN_PROGRAM = (
    "names of no known program: [reorg], [route] and input are taken as the .cfg has them; "
    "compare some pictures with the original program"
)


@dataclass(frozen=True, eq=False, slots=True)
class Foreign:
    """A converted model, and how it came about."""

    network: Network  # the one that was given, with that program's arithmetic
    weights: Weights
    program: str  # "" if it is not known
    matches: tuple[Match, ...]
    passed_over: tuple[str, ...]  # tensors that no layer takes
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report, a line for each layer and each peculiarity."""
        passed = [f"passed over: {printable(', '.join(self.passed_over))}"] if self.passed_over else []
        return [*map(str, self.matches), *passed, *self.notes]

    def to_dicts(self) -> list[dict[str, Any]]:
        """What became what, layer by layer, as JSON has it."""
        return [asdict(match) for match in self.matches]


def read_foreign(
    path: str | Path,
    network: Network,
    *,
    reorg: ReorgOrder | None = None,
    join: JoinOrder | None = None,
    pixels: float | None = None,
    timeout_s: float = LONGEST_S,
) -> Foreign:
    """The model in a .pth or .pt file of another program, whose network is `network` up to the given peculiarities.

    The options are those of `convert_state`. Raises ForeignError, one line.
    """
    state = read_state(Path(path), timeout_s=timeout_s)
    return convert_state(state, network, where=str(path), reorg=reorg, join=join, pixels=pixels)


def convert_state(
    state: Mapping[str, Floats],
    network: Network,
    *,
    where: str,
    reorg: ReorgOrder | None = None,
    join: JoinOrder | None = None,
    pixels: float | None = None,
) -> Foreign:
    """The model of a state dict in its order; `where` is what messages call it.

    reorg, join, pixels: the program's order of [reorg] and of the maps that a [route] joins, and what white is at its
    input; None: what is known of the program, else as the .cfg has it. Batch norm is that of torch, which is Darknet's
    GPU arithmetic. Raises ForeignError, one line.
    """
    state = _unwrapped(state)
    program = recognise(state)
    if program is not None and program.refusal:
        found, expected = f"a file of {program.name}, {program.refusal}", "a network for RGB from 0 to 1"
        raise ForeignError.at(where, found=found, expected=expected, repair="this can't be converted")
    known = program.habits if program is not None else Habits()
    habits = Habits(reorg or known.reorg, join or known.join, known.pixels if pixels is None else pixels)
    network = replace(_with_reorg(network, habits.reorg), arithmetic="gpu")
    weights, matches, passed_over = match_state(state, network, where=where, join=habits.join, pixels=habits.pixels)
    name = program.name if program is not None else ""
    return Foreign(network, weights, name, matches, passed_over, tuple(_notes(program, network, habits)))


def read_state(path: Path, *, timeout_s: float = LONGEST_S) -> dict[str, Floats]:
    """The tensors of a file by their names, in its order, as float32. Raises ForeignError.

    The file is opened by another process, which has a limit of memory and time and writes plain numbers.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "a special file" if path.exists() else "no such file"
        raise ForeignError.at(str(path), found=found, expected="a .pth or .pt file", repair="check the path")
    with tempfile.TemporaryDirectory(prefix="yolov2-") as folder:
        target = Path(folder) / "state.safetensors"
        names = _run_child(path, target, timeout_s)
        try:
            with open_tensors(target) as file:
                header = read_header(file, target)
                stored = {entry.dtype for entry in header.entries.values()}
                if set(header.entries) == {str(index) for index in range(len(names))} and stored <= STORED.keys():
                    return {name: read_tensor(file, header, str(i), target) for i, name in enumerate(names)}
        except CheckpointError:
            pass
    raise _ended(path, "without an answer")


def _run_child(path: Path, target: Path, timeout_s: float) -> list[str]:
    """The names of the tensors that the child wrote. Raises ForeignError for what it refuses, and for its end."""
    memory = COPIES * path.stat().st_size + SPARE_MEMORY
    # -P: its own folder is none to import from. Variables that speak to torch.load are not passed on.
    command = [sys.executable, "-P", str(CHILD), str(path.resolve()), str(target), str(memory)]
    environment = {key: value for key, value in os.environ.items() if "WEIGHTS_ONLY" not in key}
    environment["OMP_NUM_THREADS"] = "1"
    try:
        ended = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, env=environment, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise _ended(path, f"after {timeout_s:g} s") from None
    try:
        answer = json.loads(ended.stdout.splitlines()[-1])
        if "names" in answer:
            return [str(name) for name in cast(list[Any], answer["names"])]
        said = {key: printable(answer[key], longest=300) for key in ("found", "expected", "repair")}
    except (IndexError, ValueError, KeyError, TypeError):
        raise _ended(path, f"with status {ended.returncode}") from None
    raise ForeignError.at(str(path), **said)


def _ended(path: Path, how: str) -> ForeignError:
    found = f"an end {how} of the process that opened it"
    return ForeignError.at(str(path), found=found, expected="a state dict", repair="take another file")


def _unwrapped(state: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """The state dict without what wrappers put before every name."""
    for wrapper in WRAPPERS:
        if state and all(name.startswith(wrapper) for name in state):
            return _unwrapped({name.removeprefix(wrapper): array for name, array in state.items()})
    return state


def _with_reorg(network: Network, order: ReorgOrder | None) -> Network:
    if order is None:
        return network
    legacy = order == "legacy"
    layers = (replace(layer, legacy=legacy) if isinstance(layer, Reorg) else layer for layer in network.layers)
    return replace(network, layers=tuple(layers))


def _notes(program: Program | None, network: Network, habits: Habits) -> list[str]:
    """What a person must know who uses the result."""
    notes = [f"recognised as a file of {program.name}" if program is not None else UNKNOWN_PROGRAM]
    if habits.reorg is not None and any(isinstance(layer, Reorg) for layer in network.layers):
        other = "; if its numbers came from a Darknet file, convert with the other order"
        notes.append(f"[reorg] in {habits.reorg} order{other if habits.reorg == 'plain' else ''}")
    notes.append(
        f"input taken as RGB from 0 to {habits.pixels:g}; anchors, in cells, and classes are those of the .cfg"
    )
    return notes
