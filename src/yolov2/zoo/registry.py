"""Model names -> files: the model that comes with this package, and Darknet's official weights, where they are
published and where they lie on this machine.

Nothing is downloaded but by `pull`. A model of these names needs no .cfg: its network is that of architectures.py.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from yolov2.darknet.diagnose import explain
from yolov2.darknet.layout import FLOAT, LONGEST_HEADER, count, layout, parse_header
from yolov2.darknet.lists import read_names
from yolov2.darknet.tree import read_tree
from yolov2.errors import ModelError, NamesError, TreeError
from yolov2.network import architectures
from yolov2.network.spec import Network

WEIGHTS_HOST = "https://pjreddie.com/media/files"  # as Darknet's project page published them
LISTS_HOST = "https://raw.githubusercontent.com/pjreddie/darknet/master/data"
BUNDLED = "nano-voc"  # a checkpoint beside this file; docs/nano-voc.md says what it is
HEADERS = (16, 20)  # bytes, of older and newer files

VOC_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
COCO_NAMES = (
    "person", "bicycle", "car", "motorbike", "aeroplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "sofa", "pottedplant", "bed", "diningtable", "toilet",
    "tvmonitor", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip

Progress = Callable[[str, int, int | None], None]  # a file's name, its bytes that are here, those of all of it


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model known by name."""

    name: str
    about: str
    build: Callable[[], Network]
    names: tuple[str, ...] = ()  # of its classes, where they are known here
    names_file: str | None = None  # else the list that has them, perhaps with further ones behind
    tree_file: str | None = None

    @property
    def bundled(self) -> Path | None:
        """The checkpoint that comes with this package and has all that the model needs."""
        return Path(__file__).with_name(self.weights_file) if self.name == BUNDLED else None

    @property
    def weights_file(self) -> str:
        return f"{self.name}.safetensors" if self.name == BUNDLED else f"{self.name}.weights"

    @property
    def file_names(self) -> tuple[str, ...]:
        """All that has to be pulled, the weights last: they are the most likely to be refused."""
        if self.bundled is not None:
            return ()
        return tuple(name for name in (self.names_file, self.tree_file, self.weights_file) if name is not None)

    def address(self, file: str) -> str:
        """Where a file of this model is published."""
        return f"{WEIGHTS_HOST if file == self.weights_file else LISTS_HOST}/{file}"


@dataclass(frozen=True, slots=True)
class ModelCache:
    """Where the files of a model lie in the cache; None where one is not there or not needed."""

    weights: Path | None
    names: Path | None = None
    tree: Path | None = None


ENTRIES = (
    ModelEntry(BUNDLED, "small, comes with the package: detects the 20 classes of VOC", architectures.nano, VOC_NAMES),
    ModelEntry("yolov2", "detects the 80 classes of COCO", architectures.yolov2, COCO_NAMES),
    ModelEntry("yolov2-voc", "detects the 20 classes of VOC", architectures.yolov2_voc, VOC_NAMES),
    ModelEntry("yolov2-tiny", "small, detects the 80 classes of COCO", architectures.yolov2_tiny, COCO_NAMES),
    ModelEntry("yolov2-tiny-voc", "small, detects the 20 classes of VOC", architectures.yolov2_tiny_voc, VOC_NAMES),
    ModelEntry(
        "yolo9000", "detects 9418 classes of a WordTree", architectures.yolo9000,
        names_file="9k.names", tree_file="9k.tree",
    ),
    ModelEntry(
        "darknet19", "classifies, 1000 classes of ImageNet, trained at 224", architectures.darknet19,
        names_file="imagenet.shortnames.list",
    ),
    ModelEntry(
        "darknet19_448", "classifies, 1000 classes of ImageNet, tuned at 448", architectures.darknet19_448,
        names_file="imagenet.shortnames.list",
    ),
)  # fmt: skip
ZOO = {entry.name: entry for entry in ENTRIES}


def locate(name: str) -> ModelEntry | None:
    """The model of that name, if there is one."""
    return ZOO.get(name)


def default_cache() -> Path:
    """The folder of pulled files, by the platform's convention."""
    return user_cache_path("yolov2") / "models"


def files(entry: ModelEntry, *, cache: Path | None = None) -> ModelCache:
    """The files of a model that lie in the cache, pulled or put there by hand, or come along. They are not opened."""
    if entry.bundled is not None:
        return ModelCache(entry.bundled)
    folder = default_cache() if cache is None else cache

    def present(name: str | None) -> Path | None:
        return folder / name if name is not None and os.path.isfile(folder / name) else None

    return ModelCache(present(entry.weights_file), present(entry.names_file), present(entry.tree_file))


def class_names(entry: ModelEntry, *, cache: Path | None = None) -> tuple[str, ...]:
    """What the classes of a model are called; () if the list that has their names is not in the cache.

    Raises NamesError for a bad list.
    """
    path = files(entry, cache=cache).names
    return entry.names if path is None else read_names(path)[: entry.build().num_classes]


def lengths(network: Network) -> tuple[int, ...]:
    """Bytes that a .weights file of this network may have, with the older and the newer header."""
    floats = count(layout(network))
    return tuple(header + FLOAT * floats for header in HEADERS)


def not_pulled(entry: ModelEntry, *, cache: Path | None = None) -> ModelError:
    """The error for a model whose weights are not there, to be raised by whoever needs them."""
    path = (default_cache() if cache is None else cache) / entry.weights_file
    sizes = " or ".join(f"{length:,}" for length in lengths(entry.build()))
    repair = f"run: yolov2 models pull {entry.name}, or put the file there by hand ({sizes} bytes)"
    return ModelError.at(str(path), found="no such file", expected=f"the weights of {entry.name}", repair=repair)


def pull(
    entry: ModelEntry,
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    on_progress: Progress = lambda file, done, total: None,
    timeout_s: float = 30.0,
) -> ModelCache:
    """Have all files of a model in the cache, each one checked against its network; what lies there stays.

    mirror: the address of a folder that has the files under the same names, in place of where they were published.
    timeout_s: without a byte. Raises ModelError, OutputError, and FormatError for a wrong file that lies there already.
    """
    from yolov2.zoo.fetch import Wanted, fetch  # loads ssl, which finding a model need not pay for

    folder = default_cache() if cache is None else cache
    network = entry.build()
    for file in entry.file_names:
        url = entry.address(file) if mirror is None else f"{mirror.rstrip('/')}/{file}"
        sizes = lengths(network) if file == entry.weights_file else ()

        def check(path: Path, file: str = file) -> None:
            _check(entry, file, path, network)

        def progress(done: int, total: int | None, file: str = file) -> None:
            on_progress(file, done, total)

        fetch(Wanted(url, folder / file, check, sizes), on_progress=progress, timeout_s=timeout_s)
    return files(entry, cache=folder)


def check_weights(path: Path, network: Network) -> None:
    """Raise WeightsError, with its explanation, unless a file has the length that network and header ask for."""
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
        length = os.fstat(file.fileno()).st_size
    if header is None or length != header.size + FLOAT * count(layout(network)):
        raise explain(path, network)


def _check(entry: ModelEntry, file: str, path: Path, network: Network) -> None:
    classes = network.num_classes
    if file == entry.weights_file:
        check_weights(path, network)
    elif file == entry.tree_file:
        _check_count(path, len(read_tree(path).names), classes, "nodes", TreeError)
    else:
        found = len(read_names(path))
        _check_count(path, min(found, classes), classes, "names", NamesError)  # further ones are another network's


def _check_count(path: Path, found: int, expected: int, what: str, refusal: type[NamesError] | type[TreeError]) -> None:
    if found != expected:
        repair = "take the list that the network was trained with"
        raise refusal.at(str(path), found=f"{found:,} {what}", expected=f"{expected:,}", repair=repair)
