"""`yolov2 info`: what a model is made of; `--system`: what is installed and what works here."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import click

from yolov2.cli import options
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.system import show_system
from yolov2.cli.terminal import BOLD, DIM, RED, columns, counted, paint
from yolov2.errors import ModelError, WeightsError, Yolov2Warning, printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.backends.memory import Memory
    from yolov2.checkpoint.file import Stored
    from yolov2.darknet.weights import Weights
    from yolov2.detect.model_files import ModelFiles
    from yolov2.hierarchy.wordtree import WordTree
    from yolov2.network.shapes import Shape
    from yolov2.network.summary import Row, Summary

EPILOG = """
\b
Examples:
  yolov2 info my.cfg              layers, shapes, weights, operations; a .cfg alone is enough
  yolov2 info my.weights --json   for a program
  yolov2 info my.cfg --size 608   at another input size
  yolov2 info --system            versions, backends that work, device and why, the cache
"""
NAMES_SHOWN = 8


@click.command(epilog=EPILOG)
@click.argument("model", required=False, type=options.A_FILE)
@click.option("--system", is_flag=True, help="What is installed, which backends work, on which device and why.")
@options.as_json
@options.size
@options.model_files
@options.arithmetic
@options.messages
@click.pass_context
def info(
    ctx: click.Context,
    model: Path | None,
    system: bool,
    as_json: bool,
    size: tuple[int, int] | None,
    arithmetic: Any,
    **files: Path | None,
) -> int:
    """Show layers, shapes, weights and operations of MODEL.

    MODEL is a .cfg, a .weights with its .cfg beside it, a folder of these, a .safetensors, or a name of
    `yolov2 models list`.
    """
    if system:
        return show_system(as_json=as_json)
    if model is None and files["weights"] is None:
        raise click.UsageError("Give a MODEL, or --system.", ctx)
    from yolov2.detect.model_files import find_model

    found = find_model(model, need_weights=False, **files)
    described = describe(found, size=size, arithmetic=arithmetic)
    (_print_json if as_json else _print_table)(described)
    if described.misfit is not None:
        options.messages_of(ctx).say(f"{paint('failed', RED)}: {printable(described.misfit)}")
        return SOME_FAILED
    return DONE


@dataclass(frozen=True, eq=False, slots=True)
class Description:
    """A model as far as its files tell of it."""

    files: ModelFiles
    summary: Summary
    memory: Memory
    arithmetic: str
    names: tuple[str, ...]
    tree: WordTree | None  # None, too, where the file that the .cfg names is not there: counting needs none
    map: tuple[int, ...] | None  # the nodes of the tree that are the classes of an answer; None: all
    weights: Weights | None
    misfit: str | None  # why the weights do not fit
    stored: Stored | None = None  # what a checkpoint says beside all this

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON has it."""
        of_tree: dict[str, Any] = (
            {} if self.tree is None else {"tree": {"nodes": len(self.tree), "levels": len(self.tree.levels)}}
        )
        if self.map is not None:
            of_tree["map"] = list(self.map)
        numbers = self.summary.to_dict() | {"memory": self.memory.to_dict()}
        if self.stored is not None:
            numbers["stored"] = {
                "resize": self.stored.preprocessing.resize,
                "thresholds": self.stored.thresholds,
                "number_formats": list(self.stored.number_formats),
                "recipe": None if self.stored.recipe is None else dict(self.stored.recipe),
            }
        return numbers | {"names": list(self.names)} | of_tree | {"provenance": self.provenance()}

    def provenance(self) -> dict[str, Any]:
        """Where the model comes from."""
        where: dict[str, Any] = {"model": self.files.where, "arithmetic": self.arithmetic, "weights": None}
        file = self.files.weights or self.files.checkpoint
        if file is not None and self.weights is not None:
            where["weights"] = {
                "file": str(file),
                "sha256": _sha256(file),
                "version": ".".join(map(str, self.weights.version)),
                "seen": self.weights.seen,
            }
        return where


def describe(files: ModelFiles, *, size: tuple[int, int] | None, arithmetic: str | None) -> Description:
    """What these files hold. Weights that do not fit are told of. Raises CfgError, NamesError."""
    from yolov2.backends.memory import memory_of
    from yolov2.checkpoint.file import read_stored
    from yolov2.darknet.weights import read_weights
    from yolov2.detect.models import load_map, load_model, load_names, load_network, load_tree
    from yolov2.network.summary import summarise

    stored = load_model(files) if files.checkpoint is not None else None
    network = load_network(files) if stored is None else stored.network
    with options.refusals():
        sized = network.at_size(*size) if size else network
    arithmetic = arithmetic or network.arithmetic
    if stored is not None:
        return Description(
            files,
            summarise(sized),
            memory_of(sized),
            arithmetic,
            stored.names,
            stored.tree,
            stored.map,
            stored.weights,
            misfit=None,
            stored=None if files.checkpoint is None else read_stored(files.checkpoint),
        )
    try:
        tree = load_tree(files, network)
    except ModelError:
        if files.map is not None:  # which has no meaning without its tree
            raise
        tree = None
    nodes = load_map(files, tree)
    weights, misfit = None, None
    if files.weights is not None:
        try:
            weights = read_weights(files.weights, network)
        except WeightsError as wrong:
            misfit = str(wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Yolov2Warning)  # a missing list of names is shown as such
        names = load_names(files, network, tree=tree, chosen=nodes)
    return Description(files, summarise(sized), memory_of(sized), arithmetic, names, tree, nodes, weights, misfit)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _print_json(described: Description) -> None:
    print(json.dumps(described.to_dict()))


def _print_table(described: Description) -> None:
    summary = described.summary
    title = printable(summary.name or described.files.where)
    print(f"{paint(title, BOLD, stream=sys.stdout)}  input {_wide(summary.input)}\n")
    heading = ("", "layer", "filters", "kernel", "input", "", "output", "weights", "operations")
    rows = [heading, *(_cells(row) for row in summary.rows)]
    head, *lines = columns(rows, align="><><><>>>")
    print(paint(head, DIM, stream=sys.stdout), *lines, "", sep="\n")
    print("\n".join(columns(_facts(described), align="<<")))


def _cells(row: Row) -> tuple[str, ...]:
    """One layer as a line of the table."""
    from yolov2.network.layers import Convolutional, MaxPool, Reorg, Route, Shortcut

    layer, kernel, filters = row.layer, "", ""
    if isinstance(layer, Convolutional):
        groups = f" of {layer.groups}" if layer.groups > 1 else ""
        filters = f"{layer.filters:,}{groups}"
    if isinstance(layer, Convolutional | MaxPool):
        kernel = f"{layer.size} x {layer.size}" + (f" / {layer.stride}" if layer.stride > 1 else "")
    elif isinstance(layer, Reorg):
        kernel = f"/ {layer.stride}"
    given = ", ".join(map(str, row.sources)) if isinstance(layer, Route) else _wide(row.input)
    given += f" + {layer.source}" if isinstance(layer, Shortcut) else ""
    weights = f"{row.parameters:,}" if row.parameters else ""
    operations = f"{row.operations / 1e6:,.1f} M" if row.operations else ""
    return (str(row.index), row.kind, filters, kernel, given, "->", _wide(row.output), weights, operations)


def _facts(described: Description) -> list[tuple[str, str]]:
    """What holds for the network as a whole, as name and text."""
    summary, files = described.summary, described.files
    facts = [
        ("weights", f"{summary.parameters:,}"),
        ("operations", f"{_amount(summary.operations)} a picture"),
        ("memory", described.memory.words),
    ]
    if summary.classes is not None:
        shown = ", ".join(map(printable, described.names[:NAMES_SHOWN])) or "no names found; give --names FILE"
        more = ", ..." if len(described.names) > NAMES_SHOWN else ""
        classes = summary.classes if described.map is None else len(described.map)
        facts.append(("classes", f"{classes:,}: {shown}{more}"))
    if described.tree is not None:
        facts.append(("tree", f"{len(described.tree):,} nodes in {len(described.tree.levels)} levels below its roots"))
    if described.map is not None:
        facts.append(("map", f"{counted(len(described.map), 'node')} of the tree are the classes of an answer"))
    if summary.anchors:
        facts.append(("anchors", ", ".join(f"{w:.4g} x {h:.4g}" for w, h in summary.anchors) + " cells"))
    facts.append(("arithmetic", f"batch norm of Darknet's {described.arithmetic.upper()} program"))
    facts.append(("model", printable(files.where)))
    if described.weights is not None:
        version, seen = ".".join(map(str, described.weights.version)), described.weights.seen
        file = printable(str(files.weights or files.checkpoint))
        facts.append(("weights file", f"{file}, version {version}, {seen:,} pictures seen"))
    elif files.weights is None:
        facts.append(("weights file", "none beside the .cfg"))
    return facts + ([] if described.stored is None else _stored_facts(described.stored))


def _stored_facts(stored: Stored) -> list[tuple[str, str]]:
    """What a checkpoint says of its use, as name and text."""
    formats = stored.number_formats
    is_half = "float16" in formats
    facts = [
        ("resize rule", stored.preprocessing.resize),
        ("thresholds", _thresholds(stored.thresholds)),
        ("stored as", "float16, all but the kernels as float32" if is_half else ", ".join(formats)),
    ]
    if stored.recipe is not None:
        values = [one for pair in stored.recipe.items() for one in _values(*pair)]
        shown = [f"{key} {value}" for key, value in values if value is not None]
        more = ", ..." if len(shown) > NAMES_SHOWN else ""
        facts.append(("recipe", printable(", ".join(shown[:NAMES_SHOWN])) + more))
    return facts


def _values(key: str, value: Any) -> list[tuple[str, Any]]:
    """What stands under a key: the values of a table by their own keys."""
    return list(cast("Mapping[str, Any]", value).items()) if isinstance(value, Mapping) else [(key, value)]


def _thresholds(stored: float | Mapping[str, float] | None) -> str:
    from yolov2.detect.settings import DEFAULT_CONF

    if not isinstance(stored, Mapping):
        return f"none stored, {DEFAULT_CONF:g}" if stored is None else f"{stored:g}"
    by_class = [f"{printable(name)} {value:g}" for name, value in stored.items()]
    shown = [*by_class[:NAMES_SHOWN], *(["..."] if len(by_class) > NAMES_SHOWN else [])]
    return ", ".join([*shown, f"others {DEFAULT_CONF:g}"])


def _amount(operations: int) -> str:
    """`5.36 billion`, `0.04 million`, `42`: in the unit that shows them."""
    if operations < 10_000:
        return f"{operations:,}"
    return f"{operations / 1e9:,.2f} billion" if operations >= 1e9 else f"{operations / 1e6:,.2f} million"


def _wide(shape: Shape) -> str:
    return f"{shape.width} x {shape.height} x {shape.channels}"  # Darknet's order
