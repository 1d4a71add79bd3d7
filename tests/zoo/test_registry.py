"""yolov2.zoo.registry: the models known by name, and their download from a web server on this machine."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import yolov2
from hosts import Host, serving
from yolov2.darknet.lists import read_names
from yolov2.darknet.weights import initial_weights, read_weights, write_weights
from yolov2.errors import ModelError, NamesError, TreeError, WeightsError
from yolov2.network import architectures
from yolov2.network.layers import Region
from yolov2.zoo.registry import (
    COCO_NAMES,
    ENTRIES,
    VOC_NAMES,
    ZOO,
    ModelCache,
    class_names,
    default_cache,
    files,
    lengths,
    locate,
    pull,
)

TINY = dataclasses.replace(
    ZOO["yolov2-tiny-voc"], name="tiny", build=partial(architectures.yolov2_tiny_voc, width=0.01)
)
TINY_TREE = dataclasses.replace(
    ZOO["yolo9000"], name="tree", build=partial(architectures.yolo9000, 3, width=0.01)
)  # fmt: skip
PAGE = b"<!doctype html><title>Moved</title>"


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A weights file of TINY."""
    path = tmp_path_factory.mktemp("weights") / "tiny.weights"
    write_weights(path, initial_weights(TINY.build()), TINY.build())
    return path.read_bytes()


# --- what is known ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, length",
    [
        ("yolov2", 203_934_260), ("yolov2-voc", 202_704_264), ("yolov2-tiny", 44_948_600),
        ("yolov2-tiny-voc", 63_471_556), ("yolo9000", 195_230_024), ("darknet19", 83_427_120),
    ],
)  # fmt: skip
def test_a_length_is_counted_from_the_network(name: str, length: int) -> None:
    """yolov2, yolov2-tiny and yolov2-tiny-voc as others report the published files; the rest by 4 bytes a parameter."""
    assert length in lengths(ZOO[name].build())


PUBLISHED = tuple(entry for entry in ENTRIES if entry.bundled is None)


def test_every_official_network_but_darknet9000_has_an_entry() -> None:
    assert {*(entry.name for entry in PUBLISHED), "darknet9000"} == set(architectures.OFFICIAL)
    assert all(entry.build().name == entry.name for entry in PUBLISHED)


def test_the_bundled_model_comes_first_and_has_all_that_it_needs(tmp_path: Path) -> None:
    entry = ENTRIES[0]
    assert (entry.name, entry.file_names) == ("nano-voc", ())
    assert entry.bundled is not None
    assert files(entry, cache=tmp_path) == pull(entry, cache=tmp_path / "never made") == ModelCache(entry.bundled)
    assert not any(tmp_path.iterdir())
    assert entry.bundled.is_relative_to(Path(yolov2.__file__).parent)


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_class_has_a_name_or_a_list_that_is_pulled(entry) -> None:
    network = entry.build()
    classes = network.head.classes if isinstance(network.head, Region) else network.raw_shape.channels
    assert (len(entry.names) == classes) != (entry.names_file is not None)
    has_tree = isinstance(network.head, Region) and network.head.tree is not None
    assert has_tree == (entry.tree_file is not None)


def test_an_address_is_that_of_darknets_pages() -> None:
    entry = ZOO["yolo9000"]
    assert [entry.address(file).rpartition("/")[2] for file in entry.file_names] == list(entry.file_names)
    assert entry.address("yolo9000.weights") == "https://pjreddie.com/media/files/yolo9000.weights"
    assert entry.address("9k.tree") == "https://raw.githubusercontent.com/pjreddie/darknet/master/data/9k.tree"


def test_names_are_those_of_darknet(golden: Path) -> None:
    assert read_names(golden / "data" / "voc.names") == VOC_NAMES
    assert read_names(golden / "data" / "coco.names") == COCO_NAMES


def test_an_unknown_name_is_no_model() -> None:
    assert locate("yolov3") is None
    assert locate("yolov2") is ZOO["yolov2"]


def test_the_cache_is_in_the_platforms_cache_folder() -> None:
    assert default_cache().parts[-2:] == ("yolov2", "models")


def test_finding_a_model_loads_neither_numpy_nor_ssl() -> None:
    code = "import sys, yolov2.zoo.registry; print([name for name in ('numpy', 'ssl', 'urllib.request') if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "[]\n"


def test_only_files_that_lie_there_are_found(tmp_path: Path) -> None:
    assert files(TINY_TREE, cache=tmp_path / "none") == ModelCache(None)
    (tmp_path / "tree.weights").touch()
    (tmp_path / "9k.tree").mkdir()
    (tmp_path / "9k.names").touch()
    assert files(TINY_TREE, cache=tmp_path) == ModelCache(tmp_path / "tree.weights", tmp_path / "9k.names", None)


def test_class_names_are_known_or_the_first_of_the_list(tmp_path: Path) -> None:
    assert class_names(TINY, cache=tmp_path) == VOC_NAMES
    assert class_names(TINY_TREE, cache=tmp_path) == ()
    (tmp_path / "9k.names").write_text("animal\ncat\ndog\nfurther\n")
    assert class_names(TINY_TREE, cache=tmp_path) == ("animal", "cat", "dog")


# --- pulling ----------------------------------------------------------------------------------------------------------


def test_pulled_weights_are_those_of_the_file(host: Host, tmp_path: Path, weights: bytes) -> None:
    host.files["/w/tiny.weights"] = weights
    found = pull(TINY, cache=tmp_path, mirror=f"{host.url}/w/")
    assert found == ModelCache(tmp_path / "tiny.weights")
    assert found.weights is not None
    read = read_weights(found.weights, TINY.build())
    expected = initial_weights(TINY.build())
    np.testing.assert_array_equal(read.layers[0]["weights"], expected.layers[0]["weights"])
    assert host.asked == [("/w/tiny.weights", None)]


def test_weights_with_the_older_header_are_pulled(host: Host, tmp_path: Path, weights: bytes) -> None:
    host.files["/tiny.weights"] = np.array([0, 1, 0, 0], "<i4").tobytes() + weights[20:]
    found = pull(TINY, cache=tmp_path, mirror=host.url)
    assert found.weights is not None
    assert read_weights(found.weights, TINY.build()).version == (0, 1, 0)


def test_a_length_that_contradicts_the_header_is_refused(host: Host, tmp_path: Path, weights: bytes) -> None:
    host.files["/tiny.weights"] = weights[:-4]  # as long as a file with the older header
    with pytest.raises(ModelError, match=r"tiny.weights: found .* floats \(they end in weights of layer 14"):
        pull(TINY, cache=tmp_path, mirror=host.url)
    assert os.listdir(tmp_path) == [".tiny.weights.lock"]


def test_a_web_page_is_refused_in_one_line_with_the_way_by_hand(host: Host, tmp_path: Path) -> None:
    host.files["/tiny.weights"] = PAGE
    with pytest.raises(ModelError) as caught:
        pull(TINY, cache=tmp_path, mirror=host.url)
    short, long = lengths(TINY.build())
    assert str(caught.value) == (
        f"{host.url}/tiny.weights: found a web page that begins with '<!doctype html><title>Mo', expected "
        f"{(short - 16) // 4:,} floats for yolov2-tiny-voc.cfg; download the file itself; "
        f"put the right file at {tmp_path / 'tiny.weights'} by hand ({short:,} or {long:,} bytes)"
    )


def test_the_weights_of_another_network_are_called_by_its_name(host: Host, tmp_path: Path) -> None:
    other = architectures.yolov2_tiny_voc(80, width=0.01)
    write_weights(tmp_path / "other.weights", initial_weights(other), other)
    host.files["/tiny.weights"] = (tmp_path / "other.weights").read_bytes()
    with pytest.raises(ModelError, match=r"it fits exactly .*80"):
        pull(TINY, cache=tmp_path, mirror=host.url)


def test_weights_put_there_by_hand_are_taken(host: Host, tmp_path: Path, weights: bytes) -> None:
    (tmp_path / "tiny.weights").write_bytes(weights)
    assert pull(TINY, cache=tmp_path, mirror=host.url).weights == tmp_path / "tiny.weights"
    assert host.asked == []


def test_wrong_weights_put_there_by_hand_are_explained(host: Host, tmp_path: Path, weights: bytes) -> None:
    (tmp_path / "tiny.weights").write_bytes(weights[:1000])
    with pytest.raises(WeightsError, match=r"most likely it is cut short, copy it again$"):
        pull(TINY, cache=tmp_path, mirror=host.url)


def test_lists_come_before_the_weights_and_stay_when_those_are_refused(host: Host, tmp_path: Path) -> None:
    host.files = {"/9k.names": b"animal\ncat\ndog\n", "/9k.tree": b"a -1\nb 0\nc 0\n"}
    with pytest.raises(ModelError, match=r"tree.weights: found status 404"):
        pull(TINY_TREE, cache=tmp_path, mirror=host.url)
    assert files(TINY_TREE, cache=tmp_path) == ModelCache(None, tmp_path / "9k.names", tmp_path / "9k.tree")


def test_progress_names_its_file(host: Host, tmp_path: Path, weights: bytes) -> None:
    host.files = {"/tiny.weights": weights}
    told: list[tuple[str, int, int | None]] = []
    pull(TINY, cache=tmp_path, mirror=host.url, on_progress=lambda *now: told.append(now))
    assert told[-1] == ("tiny.weights", len(weights), len(weights))


@pytest.mark.parametrize(
    "names, tree, message",
    [
        (
            b"cat\ndog\n",
            b"a -1\n",
            r"9k.names: found 2 names, expected 3; take the list that .*; put the right file at",
        ),
        (b"a\nb\nc\nd\n", b"a -1\nb 0\n", r"9k.tree: found 2 nodes, expected 3; take the list"),
        (b"a\nb\nc\n", b"a 1\n", r"/9k.tree:1: found parent 1 on the first line, expected a root"),
        (PAGE, b"", r"9k.names: found a web page, expected a class name on each line"),
        (b"<?xml?><p>gone</p>", b"", r"9k.names: found 1 names, expected 3"),
    ],
)
def test_a_wrong_list_is_refused(host: Host, tmp_path: Path, names: bytes, tree: bytes, message: str) -> None:
    host.files = {"/9k.names": names, "/9k.tree": tree}
    with pytest.raises(ModelError, match=message):
        pull(TINY_TREE, cache=tmp_path, mirror=host.url)


@pytest.mark.parametrize("file, refusal", [("9k.names", NamesError), ("9k.tree", TreeError)])
def test_a_wrong_list_that_lies_there_is_refused(host: Host, tmp_path: Path, file: str, refusal: type) -> None:
    host.files = {"/9k.names": b"a\nb\nc\n", "/9k.tree": b"a -1\nb 0\nc 0\n"}
    (tmp_path / file).write_bytes(b"a -1\n")
    with pytest.raises(refusal, match=rf"^{tmp_path / file}: found 1 "):
        pull(TINY_TREE, cache=tmp_path, mirror=host.url)
