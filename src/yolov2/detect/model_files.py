"""From what a user calls a model to its files: a name, a checkpoint, a .cfg, a .weights or a folder."""

from dataclasses import dataclass
from pathlib import Path

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.lists import read_data
from yolov2.errors import ModelError
from yolov2.zoo import registry as zoo

DEFAULT_MODEL = zoo.BUNDLED
CHECKPOINT = ".safetensors"


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
    is_default = model is None and weights is None
    model = Path(model if model is not None else weights if weights is not None else DEFAULT_MODEL)
    chosen_names = Path(names) if names is not None else _names_of_data(Path(data)) if data is not None else None
    chosen_tree, chosen_map = (None if path is None else Path(path) for path in (tree, map))
    entry = zoo.locate(DEFAULT_MODEL) if is_default else _named(model)
    checkpoint = checkpoint_at(model) if entry is None else entry.bundled
    if checkpoint is not None:
        if weights is not None:
            found, expected = "--weights beside a checkpoint", "a checkpoint alone, which holds its weights"
            raise ModelError.at(str(model), found=found, expected=expected, repair="leave one of the two out")
        return ModelFiles(None, None, chosen_names, chosen_tree, chosen_map, entry, checkpoint)
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


def checkpoint_at(model: Path) -> Path | None:
    """The checkpoint that is meant: the file itself, or the one that comes with this package; None for other models."""
    if model.suffix == CHECKPOINT:
        return model
    entry = _named(model)
    return None if entry is None else entry.bundled


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
