"""`yolov2 convert`: a model from one kind of file into another, with a report of what became what."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE
from yolov2.errors import OutputError, printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.checkpoint.file import Checkpoint
    from yolov2.model.foreign import Foreign

CHECKPOINT, DARKNET, FOREIGN = (".safetensors",), (".cfg", ".weights"), (".pth", ".pt", ".tar")

EPILOG = """
\b
Examples:
  yolov2 convert my.cfg my.safetensors               with my.weights and the names beside it
  yolov2 convert my.cfg small.safetensors --half     half the space
  yolov2 convert my.safetensors out/my.cfg           and my.weights, my.names beside it
  yolov2 convert theirs.pth my.safetensors --cfg yolov2-voc.cfg --names voc.names

\b
A .pth or .pt file is opened by a process of its own, which reads tensors and never runs what else is in the file.
Its layers are matched with those of the .cfg by shape and order; the report says which became which.
"""


@click.command(epilog=EPILOG)
@click.argument("source", type=options.A_FILE)
@click.argument("target", type=options.A_FILE)
@click.option(
    "--cfg", metavar="FILE", type=options.A_FILE, help="The network of a .pth or .pt file: a .cfg, or a known name."
)
@options.model_files
@options.arithmetic
@click.option("--half", is_flag=True, help="Store kernels as float16: half the space, numbers rounded.")
@click.option(
    "--conf",
    metavar="NUMBER",
    type=values.confidence,
    help="Store a threshold for the score, one or by class as person=0.4,dog=0.2.",
)
@click.option(
    "--resize",
    type=click.Choice(["letterbox", "stretch"]),
    help="Store how pictures are resized. [what SOURCE says; letterbox for a .cfg, stretch for a .pth]",
)
@click.option(
    "--reorg",
    type=click.Choice(["legacy", "plain"]),
    help="Order of [reorg] in the program of a .pth: Darknet's, or space-to-depth. [what is known of the program]",
)
@click.option(
    "--join",
    type=click.Choice(["cfg", "reversed"]),
    help="Order of the maps that a [route] joins in the program of a .pth. [likewise]",
)
@click.option("--pixels", type=values.Number(0, min_open=True), help="White at the input of a .pth. [likewise, 1]")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@options.as_json
@options.messages
@click.pass_context
def convert(
    ctx: click.Context, source: Path, target: Path, half: bool, force: bool, as_json: bool, **chosen: Any
) -> int:
    """Convert a model: SOURCE to TARGET, by the ends of their names.

    SOURCE is a .safetensors checkpoint, a .cfg or .weights (the other beside it), a folder of these, a known
    name, or a .pth or .pt file of another PyTorch program. TARGET is a .safetensors, or a .cfg and with it a .weights.
    """
    from yolov2.detect.model_files import checkpoint_at

    stored = checkpoint_at(source)
    _check_usage(ctx, source, target, half=half, is_stored=stored is not None, chosen=chosen)
    with options.refusals():
        checkpoint, foreign = _read(source, chosen) if stored is None else (_stored(stored, chosen["resize"]), None)
        if chosen["conf"] is not None:
            checkpoint = replace(checkpoint, thresholds=chosen["conf"])
        written, sha256 = _write(target, checkpoint, half=half, force=force)
    if lost := _lost(checkpoint) if target.suffix in DARKNET else []:
        options.messages_of(ctx).tell(f"warning: a .cfg can't say: {', '.join(lost)}")
    _report(source, written, sha256, foreign, as_json=as_json)
    return DONE


def _check_usage(
    ctx: click.Context, source: Path, target: Path, *, half: bool, is_stored: bool, chosen: dict[str, Any]
) -> None:
    """Raise UsageError for options that would do nothing here, and for a TARGET of no kind."""
    if target.suffix not in (*CHECKPOINT, *DARKNET):
        raise click.UsageError(f"TARGET ends in .safetensors, .cfg or .weights, not in {target.suffix!r}.", ctx)
    if half and target.suffix not in CHECKPOINT:
        raise click.UsageError("--half is for a TARGET of .safetensors.", ctx)
    if source.suffix in FOREIGN and chosen["cfg"] is None:
        raise click.UsageError("A .pth or .pt file has no network in it: give --cfg FILE.", ctx)
    sources = {key: ctx.get_parameter_source(key) for key in chosen}
    given = [key for key, origin in sources.items() if origin is not click.core.ParameterSource.DEFAULT]
    only_foreign = {"cfg", "reorg", "join", "pixels"}
    useless = {"weights", "arithmetic"} if source.suffix in FOREIGN else only_foreign
    if is_stored:
        useless = only_foreign | {"arithmetic", "weights", "names", "data", "tree", "map"}
    for key in given:
        if key in useless:
            raise click.UsageError(f"--{key} does nothing for a SOURCE like {printable(source.name)}.", ctx)


def _stored(path: Path, resize: str | None) -> Checkpoint:
    """The model of a checkpoint, with another resize rule where one is given."""
    from yolov2.checkpoint.file import read_checkpoint
    from yolov2.checkpoint.header import Preprocessing

    checkpoint = read_checkpoint(path)
    return replace(checkpoint, preprocessing=Preprocessing(resize)) if resize else checkpoint


def _read(source: Path, chosen: dict[str, Any]) -> tuple[Checkpoint, Foreign | None]:
    """The model of SOURCE, which is no checkpoint, and how it was converted if it is another program's."""
    from yolov2.checkpoint.file import Checkpoint
    from yolov2.checkpoint.header import Preprocessing
    from yolov2.darknet.tree import Tree
    from yolov2.detect.model_files import find_model
    from yolov2.detect.models import load_map, load_model, load_names, load_network, load_tree

    named = {key: chosen[key] for key in ("weights", "names", "data", "tree", "map") if key in chosen}
    foreign = None
    if source.suffix in FOREIGN:
        from yolov2.model.foreign import read_foreign

        files = find_model(chosen["cfg"], need_weights=False, **named)
        habits = {key: chosen[key] for key in ("reorg", "join", "pixels")}
        foreign = read_foreign(source, load_network(files), **habits)
        network, weights = foreign.network, foreign.weights
        tree = load_tree(files, network)
        nodes = load_map(files, tree)
        names = load_names(files, network, tree=tree, chosen=nodes)
    else:
        model = load_model(find_model(source, **named), arithmetic=chosen["arithmetic"])
        network, weights, names, tree, nodes = model.network, model.weights, model.names, model.tree, model.map
    plain = None if tree is None else Tree(tree.names, tuple(int(parent) for parent in tree.parents))
    preprocessing = Preprocessing(chosen["resize"] or ("letterbox" if foreign is None else "stretch"))
    return Checkpoint(network, weights, names, plain, nodes, preprocessing), foreign


def _write(target: Path, checkpoint: Checkpoint, *, half: bool, force: bool) -> tuple[list[Path], str]:
    """The files that were written, and the SHA-256 of a checkpoint. Raises OutputError for one that is there."""
    from yolov2.checkpoint.file import darknet_texts, write_checkpoint, write_darknet
    from yolov2.detect.outputs import make_folder

    make_folder(target.parent)
    if target.suffix in CHECKPOINT:
        _refuse_existing([target], force=force)
        return [target], write_checkpoint(target, checkpoint, half=half)
    suffixes = [".weights", *darknet_texts(checkpoint, target.stem)]
    _refuse_existing([target.with_suffix(suffix) for suffix in suffixes], force=force)
    return write_darknet(target, checkpoint), ""


def _refuse_existing(paths: list[Path], *, force: bool) -> None:
    for path in paths:
        if os.path.isfile(path) and not force:  # False, too, in a folder that may not be entered: writing will tell
            repair = "choose another name, or add --force to replace it"
            raise OutputError.at(str(path), found="a file", expected="a new name", repair=repair)


def _lost(checkpoint: Checkpoint) -> list[str]:
    """What the files of Darknet have no place for."""
    parts = {
        "batch norm of Darknet's CPU program (give --arithmetic cpu)": checkpoint.network.arithmetic == "cpu",
        f"--resize {checkpoint.preprocessing.resize}": checkpoint.preprocessing.resize != "letterbox",
        "thresholds": checkpoint.thresholds is not None,
        "the training recipe": checkpoint.recipe is not None,
    }
    return [text for text, is_there in parts.items() if is_there]


def _report(source: Path, written: list[Path], sha256: str, foreign: Foreign | None, *, as_json: bool) -> None:
    if as_json:
        matches = [] if foreign is None else foreign.to_dicts()
        notes = [] if foreign is None else list(foreign.notes)
        answer = {"source": str(source), "written": list(map(str, written)), "sha256": sha256 or None}
        print(json.dumps(answer | ({} if foreign is None else {"layers": matches, "notes": notes})))
        return
    for line in () if foreign is None else foreign.lines():
        print(line)
    print(f"wrote {', '.join(printable(str(path)) for path in written)}" + (f"  SHA-256 {sha256}" if sha256 else ""))
