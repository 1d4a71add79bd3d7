"""The files of a Darknet line -> network, weights, detector; Darknet's own words meanwhile on standard error."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.sections import Section, parse_sections
from yolov2.darknet.text import read_text
from yolov2.darknet.weights import read_weights
from yolov2.detect.detector import Detector
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_map, load_names, load_tree
from yolov2.detect.settings import Resize
from yolov2.errors import CfgError, printable
from yolov2.network.spec import Network
from yolov2.network.summary import summarise
from yolov2.standin.line import Dialect
from yolov2.standin.voice import Voice

NAMES = Path("data/names.list")  # where Darknet looks if a .data file has no names=
PICTURES = "data/train.list"  # where Darknet looks if a .data file has no valid=


def open_network(cfg: str | Path, voice: Voice) -> Network:
    """The network of a .cfg, whatever the file is called; its layers are told as Darknet does. Raises CfgError."""
    network = read_cfg(Path(cfg))
    voice.tell(summarise(network).table)
    return network


@contextmanager
def loading(weights: str | Path, voice: Voice) -> Generator[None]:
    """Around the reading of weights: Darknet's line about it, once they are read."""
    yield
    voice.tell(f"Loading weights from {printable(weights)}...Done!")


def open_detector(
    network: Network,
    cfg: str,
    weights: str,
    voice: Voice,
    *,
    names: Path | None,
    resize: Resize = "letterbox",
    map: Path | None = None,
    cache: Path | None = None,
) -> Detector:
    """The detector of a Darknet line. The names are those of the file, or of a list beside the .cfg that fits.

    Raises Yolov2Error for files that are missing or do not fit each other.
    """
    files = ModelFiles(Path(cfg), Path(weights), names=names, map=map)
    tree = load_tree(files, network)
    nodes = load_map(files, tree)
    labels = load_names(files, network, tree=tree, chosen=nodes)
    with loading(weights, voice):
        loaded = read_weights(Path(weights), network)
    return Detector(network, loaded, names=labels, tree=tree, map=nodes, cache=cache, resize=resize, faithful=True)


def says_letterbox(cfg: Path) -> bool:
    """Whether a .cfg says letter_box=1 in [net], as those of AlexeyAB's program may. Raises CfgError."""
    text = read_text(cfg, expected="a .cfg file", refusal=CfgError, tell_latin_1=False)
    return "letter_box" in text and bool(parse_sections(text, cfg)[0].integer("letter_box", 0))


def resize_of(cfg: str, dialect: Dialect, *, is_letterboxed: bool) -> Resize:
    """How a picture becomes the network's input: AlexeyAB's program distorts it unless told otherwise."""
    if dialect == "pjreddie" or is_letterboxed or says_letterbox(Path(cfg)):
        return "letterbox"
    return "stretch"


def names_path(data: Section, voice: Voice) -> Path | None:
    """The list that a .data file names; None where neither that nor Darknet's own place has one."""
    if data.has("names"):
        return data_path(data, "names", voice)
    return NAMES if NAMES.is_file() else None


def map_path(data: Section, network: Network, voice: Voice) -> Path | None:
    """The nodes of a tree that a .data file takes for classes. Source: Darknet `get_region_detections`."""
    if network.region is not None and network.region.tree is not None:
        return data_path(data, "map", voice)
    if data.has("map"):
        voice.note(f"{data.where('map')}: map= is passed over: the network has no tree")
    return None


def data_path(data: Section, key: str, voice: Voice, *, default: str = "") -> Path | None:
    """The file that a .data file names: from the working directory, as Darknet has it, or with a note from its own.

    A .data file often lies in Darknet's cfg/, and what it names below the folder above. None without key and default.
    """
    written = data.text(key, default)
    if not written:
        return None
    return folder_of(written, data.path, f"{key}={printable(written)}", voice) / written


def listed_path(data: Section, voice: Voice, *, key: str = "valid") -> Path:
    """The list of pictures that `valid=` of a .data file names, or another key."""
    path = data_path(data, key, voice, default=PICTURES)
    assert path is not None
    return path


def folder_of(written: str, named_in: Path, what: str, voice: Voice) -> Path:
    """The folder that a path in a file counts from, likewise; this one, too, where there is no such file anywhere."""
    if not Path(written).exists():
        for folder in (named_in.parent, named_in.parent / ".."):
            if (folder / written).exists():
                voice.note(f"{printable(named_in)}: {what} is not here; {printable(folder / written)} is taken")
                return folder
    return Path()
