"""Every bad tree, map, list of names and checkpoint, through the command line: one line, and exit status 2.

What may pass passes, with the words of a warning where there is something to be told.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.checkpoint.tensors import write_tensors
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.tree import Tree
from yolov2.darknet.weights import Weights, write_weights

CFG = """[net]
width=32
height=32
channels=3

[convolutional]
filters=9
size=1
stride=32
activation=linear

[region]
anchors=0.5,0.5
classes=4
num=1
softmax=1
"""
BIASES = np.array([0, 0, 0, 0, 3, 0, 9, 0, 0], np.float32)  # surely an object, and surely the second of four classes
WEIGHTS = Weights(({"biases": BIASES, "weights": np.zeros((9, 3, 1, 1), np.float32)}, {}))
NAMES = ("animal", "thing", "dog", "cat")
TREE = Tree(NAMES, (-1, -1, 0, 0))
GOOD_TREE = "animal -1\nthing -1\ndog 0\ncat 0\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with plain.cfg, tree.cfg, their weights, good.tree and a picture."""
    monkeypatch.chdir(tmp_path)
    network = parse_cfg(CFG)
    for name, more in (("plain", ""), ("tree", "tree=good.tree\n")):
        Path(f"{name}.cfg").write_text(CFG + more)
        write_weights(f"{name}.weights", WEIGHTS, network)
    Path("good.tree").write_text(GOOD_TREE)
    Path("plain.names").write_text("a\nb\nc\nd\n")
    cv2.imwrite("p.png", np.full((32, 32, 3), 128, np.uint8))
    return tmp_path


def assert_refused(yolov2, *words: object, line: str):
    """Nothing is found, nothing else is said, whichever command is asked."""
    said = yolov2("detect", "p.png", "--no-cache", *words)
    assert said == (2, "", f"yolov2: {line}\n")


def label_of(yolov2, *words: object) -> tuple[str, str]:
    """What the one box is called, and what was said beside it."""
    said = yolov2("detect", "p.png", "--no-cache", "--json", *words)
    assert said.status == 0
    ((detection,),) = [json.loads(line)["detections"] for line in said.out.splitlines()]
    *warned, _ = said.err.splitlines()  # the last one counts pictures
    return detection["label"], "\n".join(warned)


# --- trees ------------------------------------------------------------------------------------------------------------

EARLIER = "expected -1 or the number of an earlier node, 0 to {} (line 1 is node 0); move the parent up, or correct the number"
OF_FOUR = "expected 4, as many as the network has classes; give the tree it was trained with"
TREES = {
    "itself": ("animal -1\nthing -1\ndog 2\ncat 0\n", f"bad.tree:3: found parent 2, {EARLIER.format(1)}"),
    "later": ("animal -1\nthing -1\ndog 3\ncat 0\n", f"bad.tree:3: found parent 3, {EARLIER.format(1)}"),
    "unknown": ("animal -1\nthing -1\ndog 9999\ncat 0\n", f"bad.tree:3: found parent 9999, {EARLIER.format(1)}"),
    "cycle": ("animal -1\nthing 2\ndog 1\ncat 0\n", f"bad.tree:2: found parent 2, {EARLIER.format(0)}"),
    "below -1": ("animal -1\nthing -2\ndog 0\ncat 0\n", f"bad.tree:2: found parent -2, {EARLIER.format(0)}"),
    "word": (
        "animal -1\nthing -1\ndog animal\ncat 0\n",
        "bad.tree:3: found parent animal, expected the number of its node, or -1 for a root; write a whole number",
    ),
    "fraction": (
        "animal -1\nthing -1\ndog 0.0\ncat 0\n",
        "bad.tree:3: found parent 0.0, expected the number of its node, or -1 for a root; write a whole number",
    ),
    "root": (
        "animal 0\nthing -1\ndog 0\ncat 0\n",
        "bad.tree:1: found parent 0 on the first line, expected a root, -1; begin with the roots",
    ),
    "no parent": (
        "animal\nthing -1\n",
        "bad.tree:1: found animal, expected a name and its parent; write `animal -1` if it is a root",
    ),
    "three words": (
        "animal -1 x\n",
        "bad.tree:1: found animal -1 x, expected a name and its parent; correct the line",
    ),
    "blank": (
        "animal -1\n\ndog 0\n",
        "bad.tree:2: found a blank line, expected a name and its parent; correct the line",
    ),
    "apart": (
        "animal -1\ndog 0\nthing -1\ncat 0\n",
        "bad.tree:3: found thing with parent -1, apart from its sibling on line 1, expected siblings on adjacent lines; move it there, and renumber the parents below",
    ),
    "fewer": ("animal -1\nthing -1\ndog 0\n", f"tree: found a tree of 3 nodes, {OF_FOUR}"),
    "more": (GOOD_TREE + "cow 0\n", f"tree: found a tree of 5 nodes, {OF_FOUR}"),
    "empty": ("", "bad.tree: found nothing, expected a .tree file; give another file"),
    "binary": ("animal -1\n\0\n", "bad.tree: found binary data, expected a .tree file; give another file"),
}


@pytest.mark.parametrize("name", TREES)
def test_a_bad_tree_is_refused_in_one_line(yolov2, name):
    text, line = TREES[name]
    Path("bad.tree").write_text(text)
    assert_refused(yolov2, "-m", "tree.cfg", "--tree", "bad.tree", line=line)


@pytest.mark.parametrize(
    "words, line",
    [
        (("tree.cfg", "--tree", "absent"), "absent: found no such file, expected a .tree file; check the path"),
        (
            ("plain.cfg", "--tree", "good.tree"),
            "plain: found a tree, expected none, as its [region] has no tree=; leave the tree out",
        ),
    ],
)
def test_a_tree_that_is_missing_or_has_no_place_is_refused_in_one_line(yolov2, words, line):
    assert_refused(yolov2, "-m", *words, line=line)


# --- maps -------------------------------------------------------------------------------------------------------------

A_NODE = "expected the number of a node, from 0 to 3; correct the line"
MAPS = {
    "too large": ("2\n4\n", f"bad.map:2: found 4, {A_NODE}"),
    "negative": ("2\n-1\n", f"bad.map:2: found -1, {A_NODE}"),
    "word": ("2\ncat\n", f"bad.map:2: found cat, {A_NODE}"),
    "fraction": ("2.0\n", f"bad.map:1: found 2.0, {A_NODE}"),
    "blank": ("2\n\n3\n", f"bad.map:2: found a blank line, {A_NODE}"),
    "empty": ("", "bad.map: found nothing, expected a .map file; give another file"),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_bad_map_is_refused_in_one_line(yolov2, name):
    text, line = MAPS[name]
    Path("bad.map").write_text(text)
    assert_refused(yolov2, "-m", "tree.cfg", "--map", "bad.map", line=line)


@pytest.mark.parametrize(
    "words, line",
    [
        (("tree.cfg", "--map", "absent"), "absent: found no such file, expected a .map file; check the path"),
        (("plain.cfg", "--map", "a.map"), "a.map: found a map, expected a model with a tree; leave out --map"),
    ],
)
def test_a_map_that_is_missing_or_has_no_tree_is_refused_in_one_line(yolov2, words, line):
    Path("a.map").write_text("2\n3\n")
    assert_refused(yolov2, "-m", *words, line=line)


# --- names ------------------------------------------------------------------------------------------------------------

A_LIST = "expected a class name on each line"
NAMES_REFUSED = {
    "fewer": (
        b"a\nb\nc\n",
        "bad.names: found 3 names, expected 4, one for each class of the network; give the list that the network was trained with, or add the missing lines",
    ),
    "empty": (b"", f"bad.names: found nothing, {A_LIST}; give another file"),
    "blank": (b"\n\r\n \n", f"bad.names: found nothing, {A_LIST}; give another file"),
    "binary": (b"a\0\nb\n", f"bad.names: found binary data, {A_LIST}; give another file"),
    "web page": (b"<html>\n", f"bad.names: found a web page, {A_LIST}; download the plain ('raw') file"),
    "utf-16": ("a\nb\nc\nd\n".encode("utf-16"), "bad.names: found UTF-16 text, expected UTF-8; save it as UTF-8"),
}
NAMES_TAKEN = {
    "more": (b"a\nb\nc\nd\ne\n", "b", "warning: bad.names: 5 names for 4 classes; the first 4 are used"),
    "a blank line": (b"a\n\nc\nd\n", "", ""),
    "blank lines at the end": (b"a\nb\nc\nd\n\n\n", "b", ""),
    "crlf": (b"a\r\nb\r\nc\r\nd\r\n", "b", ""),
    "twins": (b"a\na\nb\nb\n", "a", ""),
    "latin-1": (
        "a\nbébé\nc\nd\n".encode("latin-1"),
        "bébé",
        "warning: bad.names: not UTF-8 at byte 3; read as Latin-1",
    ),
}


@pytest.mark.parametrize("name", NAMES_REFUSED)
def test_a_list_of_names_that_can_not_be_is_refused_in_one_line(yolov2, name):
    data, line = NAMES_REFUSED[name]
    Path("bad.names").write_bytes(data)
    assert_refused(yolov2, "-m", "plain.cfg", "--names", "bad.names", line=line)


def test_names_that_are_missing_are_refused_in_one_line(yolov2):
    line = f"absent: found no such file, {A_LIST}; check the path"
    assert_refused(yolov2, "-m", "plain.cfg", "--names", "absent", line=line)


@pytest.mark.parametrize("name", NAMES_TAKEN)
def test_an_odd_list_of_names_is_taken_with_a_word(yolov2, name):
    data, label, warned = NAMES_TAKEN[name]
    Path("bad.names").write_bytes(data)
    assert label_of(yolov2, "-m", "plain.cfg", "--names", "bad.names") == (label, warned)


# --- checkpoints ------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(here: Path) -> Path:
    """A good checkpoint of the network with the tree, bad.safetensors."""
    path = Path("bad.safetensors")
    write_checkpoint(path, Checkpoint(parse_cfg(CFG + "tree=good.tree\n"), WEIGHTS, names=NAMES, tree=TREE))
    return path


def resealed(file: Path, *, arrays: Mapping[str, Any] | None = None, changes: Mapping[str, str] | None = None) -> None:
    """Write the file with other metadata or arrays, sealed as if it had been made so."""
    data, stored = file.read_bytes(), load_file(file) | dict(arrays or {})
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"] | dict(changes or {})
    del metadata["sha256"]
    with file.open("wb") as out:
        write_tensors(out, {name: array for name, array in stored.items() if array is not None}, metadata)


def test_the_checkpoint_itself_is_good(yolov2, file):
    assert label_of(yolov2, "-m", file) == ("thing", "")


A_FILE = "expected a safetensors file; copy it again"
NOT_SO_LONG = "expected a safetensors file whose header has at most 16,777,216; give another file"
UNCOVERED = f"found a bad header (incomplete metadata, file not fully covered), {A_FILE}"


def length(number: int) -> bytes:
    return number.to_bytes(8, "little")


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


BYTES = {
    "empty": (lambda data: b"", f"found an empty file, {A_FILE}"),
    "short": (lambda data: b"123", f"found 3 bytes, {A_FILE}"),
    "text": (lambda data: b"just text, no tensor", f"found a header of 8,675,467,939,940,627,818 bytes, {NOT_SO_LONG}"),
    "huge header": (lambda data: length(2**40) + b"{}", f"found a header of 1,099,511,627,776 bytes, {NOT_SO_LONG}"),
    "bad json": (
        lambda data: length(8) + b'{"a": ,}',
        f"found a bad header (invalid JSON in header: expected value at line 1 column 7), {A_FILE}",
    ),
    "cut in its header": (lambda data: data[:100], f"found a bad header (invalid header length), {A_FILE}"),
    "cut in its numbers": (lambda data: data[:-4], UNCOVERED),
    "too long": (lambda data: data + b"0000", UNCOVERED),
    "a flipped byte": (
        flipped,
        "found a wrong SHA-256, expected the one over its content; it is damaged or was rewritten by another program: take the original",
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_damaged_checkpoint_is_refused_in_one_line(yolov2, file, name):
    damage, line = BYTES[name]
    file.write_bytes(damage(file.read_bytes()))
    assert_refused(yolov2, "-m", file, line=f"{file}: {line}")


CHANGES = {
    "newer": ({"format_version": "2"}, "found format version 2, expected at most 1; install a newer yolov2"),
    "names": ({"names": '["a"]'}, "names: found 1, expected 4, one for each class; take the original file"),
    "names of no text": (
        {"names": "[1, 2, 3, 4]"},
        "found a bad 'names' in its metadata, expected what this package writes there; take the original",
    ),
    "tree": (
        {"tree": '{"names": ["a", "b", "c", "d"], "parents": [-1, -1, 3, 0]}'},
        "tree: found parent 3 of node 2, expected siblings together, after it; take the original file",
    ),
    "tree of another size": (
        {"tree": '{"names": ["a"], "parents": [-1]}'},
        "tree: found 1 nodes, expected 4, one for each class; take the original file",
    ),
    "map": (
        {"map": "[2, 4]", "names": '["a", "b"]'},
        "map: found 2 to 4, expected nodes from 0 to 3; take the original file",
    ),
}


def test_a_bad_network_in_a_checkpoint_is_refused_at_its_line(yolov2, file):
    resealed(file, changes={"network": CFG.replace("filters=9", "filters=0")})
    line = f"{file}:7: found filters=0 in [convolutional], expected a whole number from 1 to 2147483647; write, say, filters=1"
    assert_refused(yolov2, "-m", file, line=line)


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_says_what_can_not_be_is_refused_in_one_line(yolov2, file, name):
    changes, line = CHANGES[name]
    resealed(file, changes=changes)
    assert_refused(yolov2, "-m", file, line=f"{file}: {line}")


WANTED = "expected F32 or F16 [9], as its network says; take the original file"
ARRAYS = {
    "missing": ({"layer_00.biases": None}, f"found no layer_00.biases, {WANTED}"),
    "another shape": (
        {"layer_00.biases": np.zeros(8, np.float32)},
        f"found layer_00.biases as F32 [8], {WANTED}",
    ),
    "one too many": (
        {"more": np.zeros(1, np.float32)},
        "found 1 tensors that its network does not have, such as more, expected 2 tensors; take the original file",
    ),
    "nan": (
        {"layer_00.biases": np.full(9, np.nan, np.float32)},
        "found NaN in layer_00.biases, expected finite numbers; take weights of a training that went well",
    ),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_checkpoint_whose_numbers_are_not_the_networks_is_refused_in_one_line(yolov2, file, name):
    arrays, line = ARRAYS[name]
    resealed(file, arrays=arrays)
    assert_refused(yolov2, "-m", file, line=f"{file}: {line}")


def test_a_safetensors_file_of_another_program_is_refused_in_one_line(yolov2):
    save_file({"a": np.zeros(3, np.float32)}, "other.safetensors")
    line = "other.safetensors: found a safetensors file without our metadata, expected a yolov2 checkpoint; convert another program's model with `yolov2 convert`"
    assert_refused(yolov2, "-m", "other.safetensors", line=line)


def test_a_checkpoint_that_is_missing_is_refused_in_one_line(yolov2):
    line = f"absent.safetensors: found no such file, {A_FILE.replace('copy it again', 'check the path')}"
    assert_refused(yolov2, "-m", "absent.safetensors", line=line)


def test_a_checkpoint_beside_weights_is_refused_in_one_line(yolov2, file):
    line = f"{file}: found --weights beside a checkpoint, expected a checkpoint alone, which holds its weights; leave one of the two out"
    assert_refused(yolov2, "-m", file, "--weights", "plain.weights", line=line)
