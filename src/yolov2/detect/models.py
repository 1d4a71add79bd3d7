"""From what a user calls a model to its files, and from the files to a network with weights, names and tree."""

import warnings
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from yolov2.checkpoint.file import read_checkpoint, read_network
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.lists import read_data, read_names
from yolov2.darknet.tree import read_map
from yolov2.darknet.weights import Weights, read_weights
from yolov2.detect.settings import Resize, SettingsOptions
from yolov2.errors import ModelError, NamesError, Yolov2Warning
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region, Softmax
from yolov2.network.spec import Arithmetic, Network
from yolov2.zoo import registry as zoo

DEFAULT_MODEL = "nano-voc"
CHECKPOINT = ".safetensors"
NO_BUNDLED_MODEL = (
    f"{DEFAULT_MODEL}: found no bundled model in this version, expected a model file; "
    "run: make demo MODEL=my.cfg, or: yolov2 detect PICTURE -m my.cfg"
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model lies. Names and tree are None where none were named or found."""

    cfg: Path | None  # None where the network comes from elsewhere: a known name, a checkpoint
    weights: Path | None
    names: Path | None = None
    tree: Path | None = None
    map: Path | None = None
    entry: zoo.ModelEntry | None = None  # what is known by that name
    checkpoint: Path | None = None  # holds all of it

    @property
    def where(self) -> str:
        """What messages call the model."""
        return self.entry.name if self.entry is not None else str(self.cfg or self.checkpoint)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the files are looked for that a network names."""
        if self.cfg is None:
            return (Path(),)
        beside = self.cfg.parent
        above = Path("..") if beside == Path() else beside.parent  # the parent of "." is "." again
        return tuple(dict.fromkeys((beside, above, Path())))


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


def find_model(
    model: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    names: str | Path | None = None,
    data: str | Path | None = None,
    tree: str | Path | None = None,
    map: str | Path | None = None,
    need_weights: bool = True,
) -> ModelFiles:
    """The files of a model: a known name, a checkpoint, a .cfg with its weights beside it, a .weights, or a folder.

    Raises ModelError, one line that lists what was looked for.
    """
    model = Path(model if model is not None else weights if weights is not None else DEFAULT_MODEL)
    chosen_names = Path(names) if names is not None else _names_of_data(Path(data)) if data is not None else None
    chosen_tree, chosen_map = (None if path is None else Path(path) for path in (tree, map))
    if model.suffix == CHECKPOINT:
        if weights is not None:
            found, expected = "--weights beside a checkpoint", "a checkpoint alone, which holds its weights"
            raise ModelError.at(str(model), found=found, expected=expected, repair="leave one of the two out")
        return ModelFiles(None, None, chosen_names, chosen_tree, chosen_map, checkpoint=model)
    entry = _named(model)
    if entry is not None:
        pulled = zoo.files(entry)
        if weights is None and pulled.weights is None and need_weights:
            raise zoo.not_pulled(entry)
        found = pulled.weights if weights is None else Path(weights)
        return ModelFiles(None, found, chosen_names, chosen_tree or pulled.tree, chosen_map, entry)
    cfg = _find_cfg(model)
    found = (
        Path(weights) if weights is not None else model if model.suffix == ".weights" else cfg.with_suffix(".weights")
    )
    if not cfg.exists():
        read_cfg(cfg)  # which says so
    if not found.exists() and weights is None:
        if need_weights:
            found_, repair = f"no {found.name} beside it", "give --weights FILE, or put the file there"
            raise ModelError.at(str(cfg), found=found_, expected="its weights", repair=repair)
        found = None
    return ModelFiles(cfg, found, chosen_names, chosen_tree, chosen_map)


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


def _named(model: Path) -> zoo.ModelEntry | None:
    """The model known by that name, unless a folder of that name is a model itself."""
    entry = zoo.locate(str(model))
    return None if entry is None or (model.is_dir() and any(model.glob("*.cfg"))) else entry


def _find_cfg(model: Path) -> Path:
    if model.is_dir():
        return _cfg_in(model)
    if model.suffix == ".cfg":
        return model  # whether it is there, reading it will tell
    if model.suffix == ".weights":
        return _cfg_beside(model)
    if str(model) == DEFAULT_MODEL:
        raise ModelError(NO_BUNDLED_MODEL)
    found = "no such file" if not model.is_file() else f"a {model.suffix} file" if model.suffix else "another file"
    raise ModelError.at(
        str(model),
        found=found,
        expected="a .cfg, a .weights, a .safetensors, a folder of these, or a name of `yolov2 models list`",
        repair="check the path or the name",
    )


def _cfg_in(folder: Path) -> Path:
    """The one .cfg of a folder."""
    try:
        cfgs = sorted(path for path in folder.iterdir() if path.suffix == ".cfg")
    except OSError as wrong:
        found = f"a folder that can't be listed ({wrong.strerror})"
        raise ModelError.at(
            str(folder), found=found, expected="a readable one", repair="check its permissions"
        ) from None
    if len(cfgs) != 1:
        found = f"{len(cfgs)} .cfg files" + (f" ({', '.join(path.name for path in cfgs[:5])})" if cfgs else "")
        raise ModelError.at(str(folder), found=found, expected="one", repair="name the .cfg itself")
    return cfgs[0]


def _cfg_beside(weights: Path) -> Path:
    """The .cfg that training would have been started with: yolov2-voc.cfg for yolov2-voc_final.weights."""
    candidates = [weights.with_suffix(".cfg"), weights.with_name(weights.stem.rpartition("_")[0] + ".cfg")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelError.at(
        str(weights),
        found=f"no {candidates[0].name} beside it",
        expected="its .cfg",
        repair="name the .cfg, and give --weights FILE",
    )


def _names_of_data(data: Path) -> Path | None:
    """The names file of a Darknet .data file: as written, from here or from the folder of the .data file."""
    written = read_data(data).text("names", "")
    if not written:
        return None
    for place in (Path(written), data.parent / written, data.parent / Path(written).name):
        if place.is_file():
            return place
    return Path(written)
