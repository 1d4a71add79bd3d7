"""From the files of a model to a network with weights, names, tree and settings."""

import warnings
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from yolov2.checkpoint.file import read_checkpoint, read_network
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.lists import read_names
from yolov2.darknet.tree import read_map
from yolov2.darknet.weights import Weights, read_weights
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.settings import Resize, SettingsOptions
from yolov2.errors import ModelError, NamesError, Yolov2Warning
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region, Softmax
from yolov2.network.spec import Arithmetic, Network
from yolov2.zoo import registry as zoo


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A network that can run: with its weights, and what its classes are called."""

    network: Network
    weights: Weights
    names: tuple[str, ...]
    tree: WordTree | None
    map: tuple[int, ...] | None  # the nodes that are the classes of an answer
    files: ModelFiles
    settings: SettingsOptions = field(
        default_factory=SettingsOptions
    )  # what the model's file says of thresholds and of the resize rule


def load_model(files: ModelFiles, *, arithmetic: Arithmetic | None = None, partial: int | None = None) -> Model:
    """The model of these files, checked as a whole. Raises FormatError for a bad file, ModelError for a missing one.

    arithmetic: None is what a checkpoint says, else that of Darknet's GPU program.
    partial: the file has only the layers before this one, such as darknet19_448.conv.23; the others get start values.
    """
    if files.checkpoint is not None:
        if partial is not None:
            found, expected = f"--partial {partial}", "a .weights file, which alone can have some of the layers"
            raise ModelError.at(files.where, found=found, expected=expected, repair="leave out --partial")
        return _load_checkpoint(files, files.checkpoint, arithmetic)
    network = replace(load_network(files), arithmetic=arithmetic or "gpu")
    if files.weights is None:
        raise ModelError.at(files.where, found="no weights", expected="its weights", repair="give --weights FILE")
    if partial is not None and not 1 <= partial <= len(network.layers):
        expected = f"a number from 1 to {len(network.layers)}, as many layers as it has"
        repair = "give as many as the name of the weights says"
        raise ModelError.at(files.where, found=f"--partial {partial}", expected=expected, repair=repair)
    tree = load_tree(files, network)
    chosen = load_map(files, tree)
    names = load_names(files, network, tree=tree, chosen=chosen)
    return Model(network, read_weights(files.weights, network, cutoff=partial), names, tree, chosen, files)


def _load_checkpoint(files: ModelFiles, path: Path, arithmetic: Arithmetic | None) -> Model:
    """The model of a checkpoint, with the names, tree and map that were given in place of its own."""
    stored = read_checkpoint(path)
    network = stored.network if arithmetic is None else replace(stored.network, arithmetic=arithmetic)
    tree = None if stored.tree is None else WordTree(stored.tree.names, np.array(stored.tree.parents, np.int64))
    if files.tree is not None:
        tree = WordTree.read(files.tree)
    chosen = stored.map if files.map is None else load_map(files, tree)
    is_own = files.names is None and chosen == stored.map and bool(stored.names)
    names = stored.names if is_own else load_names(files, network, tree=tree, chosen=chosen)
    settings: SettingsOptions = {"resize": cast(Resize, stored.preprocessing.resize)}
    if stored.thresholds is not None:
        settings["conf"] = stored.thresholds
    return Model(network, stored.weights, names, tree, chosen, files, settings)


def load_network(files: ModelFiles) -> Network:
    """The network of a model, without its weights. Raises CfgError, CheckpointError."""
    if files.checkpoint is not None:
        return read_network(files.checkpoint)
    if files.entry is not None:
        return files.entry.build()
    assert files.cfg is not None
    return read_cfg(files.cfg)


def load_names(
    files: ModelFiles, network: Network, *, tree: WordTree | None = None, chosen: tuple[int, ...] | None = None
) -> tuple[str, ...]:
    """The class names of a network: those given, those known of its name, or of the one .names file that fits it.

    Without these the ids of the tree's nodes, or () with a warning. `chosen` are the nodes of a map.
    """
    of_network = network.num_classes
    classes = of_network if chosen is None else len(chosen)
    if files.names is not None:
        return read_names(files.names, classes)
    known = zoo.class_names(files.entry) if files.entry is not None else _names_of(files.cfg, of_network, chosen)
    if len(known) == classes:
        return known
    if tree is not None:
        return tree.names if chosen is None else tuple(tree.names[node] for node in chosen)
    pull = f"run: yolov2 models pull {files.entry.name}, or " if files.entry is not None and not known else ""
    text = f"{files.where}: no list of {classes:,} names; classes are called by their numbers; {pull}give --names FILE"
    warnings.warn(text, Yolov2Warning, stacklevel=2)
    return ()


def _names_of(cfg: Path | None, classes: int, chosen: tuple[int, ...] | None) -> tuple[str, ...]:
    """The names beside a .cfg; under a map those of its nodes, else a list with a name for each class of the map."""
    if chosen is None:
        return names_beside(cfg, classes)
    with suppress(NamesError):
        if names := names_beside(cfg, classes):
            return tuple(names[node] for node in chosen)
    return names_beside(cfg, len(chosen))


def names_beside(cfg: Path | None, classes: int) -> tuple[str, ...]:
    """The names of the file that is called like the .cfg, or of the only list in its folder with as many; else ()."""
    if cfg is None:
        return ()
    beside = cfg.with_suffix(".names")
    if beside.is_file():
        return read_names(beside, classes)
    fitting: set[tuple[str, ...]] = set()
    for path in sorted(cfg.parent.glob("*.names")):
        with suppress(NamesError):
            names = read_names(path)
            if len(names) == classes:
                fitting.add(names)
    return fitting.pop() if len(fitting) == 1 else ()


def load_tree(files: ModelFiles, network: Network) -> WordTree | None:
    """The WordTree of a network whose head names one; looked for beside the .cfg, in the folder above, and here."""
    head = network.head
    written = head.tree if isinstance(head, (Region, Softmax)) else None
    if written is None and files.tree is None:
        return None
    if files.tree is not None:
        return WordTree.read(files.tree)
    assert written is not None
    places = [folder / written for folder in files.folders]
    for place in places:
        if place.is_file():
            return WordTree.read(place)
    looked = ", ".join(str(place) for place in places)
    repair = (
        "give --tree FILE"
        if files.entry is None
        else f"run: yolov2 models pull {files.entry.name}, or give --tree FILE"
    )
    raise ModelError.at(files.where, found=f"no {written} (looked at {looked})", expected="its tree", repair=repair)


def load_map(files: ModelFiles, tree: WordTree | None) -> tuple[int, ...] | None:
    """The nodes that are the classes of an answer, if a map was named. That of a .cfg is for training alone."""
    if files.map is None:
        return None
    if tree is None:
        raise ModelError.at(str(files.map), found="a map", expected="a model with a tree", repair="leave out --map")
    return read_map(files.map, nodes=len(tree))
