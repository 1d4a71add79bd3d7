"""darknet/tree.py: .tree and .map files."""

from pathlib import Path

import pytest

from yolov2.darknet.text import LARGEST_FILE
from yolov2.darknet.tree import read_map, read_tree
from yolov2.errors import TreeError


def write(folder: Path, content: str | bytes, name: str = "my.tree") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_line_is_a_node_and_its_parent(tmp_path):
    tree = read_tree(write(tmp_path, "animal -1\nvehicle -1\ndog 0\ncat 0\ncar 1\n"))
    assert tree.names == ("animal", "vehicle", "dog", "cat", "car")
    assert tree.parents == (-1, -1, 0, 0, 1)


@pytest.mark.parametrize(
    "content",
    ["a -1\nb 0", "a -1\r\nb 0\r\n", "\ufeffa -1\nb 0\n", "a -1\nb 0\n\n \n", "a\t-1\n  b   0  \n"],
    ids=["no last newline", "CRLF", "byte-order mark", "blank lines at the end", "tabs and blanks"],
)
def test_how_people_write_it_does_not_matter(tmp_path, content):
    assert read_tree(write(tmp_path, content)) == (("a", "b"), (-1, 0))


@pytest.mark.golden
def test_the_tree_of_yolo9000_has_9418_nodes(golden):
    tree = read_tree(golden / "data" / "9k.tree")
    assert len(tree.names) == len(set(tree.names)) == len(tree.parents) == 9418
    assert tree.parents.count(-1) == 4


APART = "move it there, and renumber the parents below"
EARLIER = "expected -1 or the number of an earlier node"
UP = "move the parent up, or correct the number"
REFUSALS = {
    "nothing": ("", ": found nothing, expected a .tree file; give another file"),
    "blank lines alone": ("\n \n", ": found nothing, expected a .tree file; give another file"),
    "binary": (b"a -1\n\xff\x00", ": found binary data, expected a .tree file; give another file"),
    "a zero byte": (b"a -1\nb\x00 0", ": found binary data, expected a .tree file; give another file"),
    "no root first": ("a 0\n", ":1: found parent 0 on the first line, expected a root, -1; begin with the roots"),
    "a later parent": ("a -1\nb 2\nc 0\n", f":2: found parent 2, {EARLIER}, 0 to 0 (line 1 is node 0); {UP}"),
    "its own parent": ("a -1\nb 0\nc 2\n", f":3: found parent 2, {EARLIER}, 0 to 1 (line 1 is node 0); {UP}"),
    "a parent below -1": ("a -1\nb -2\n", f":2: found parent -2, {EARLIER}, 0 to 0 (line 1 is node 0); {UP}"),
    "a word for a parent": (
        "a -1\nb zero\n",
        ":2: found parent zero, expected the number of its node, or -1 for a root; write a whole number",
    ),
    "an endless number": (
        "a -1\nb 99999999999\n",
        ":2: found parent 99999999999, expected the number of its node, or -1 for a root; write a whole number",
    ),
    "no parent": ("a -1\nb\n", ":2: found b, expected a name and its parent; write `b -1` if it is a root"),
    "three words": ("a -1\nmy dog 0\n", ":2: found my dog 0, expected a name and its parent; correct the line"),
    "a blank line": ("a -1\n\nb 0\n", ":2: found a blank line, expected a name and its parent; correct the line"),
    "siblings apart": (
        "a -1\nb -1\nc 0\nd 1\ne 0\n",
        f":5: found e with parent 0, apart from its sibling on line 3, expected siblings on adjacent lines; {APART}",
    ),
    "roots apart": (
        "a -1\nb 0\nc -1\n",
        f":3: found c with parent -1, apart from its sibling on line 1, expected siblings on adjacent lines; {APART}",
    ),
}


@pytest.mark.parametrize("content, message", REFUSALS.values(), ids=REFUSALS)
def test_a_broken_tree_is_refused_at_its_line(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(TreeError) as refusal:
        read_tree(path)
    assert str(refusal.value) == f"{path}{message}"


def test_a_folder_is_no_tree(tmp_path):
    with pytest.raises(TreeError, match=r"found a folder, expected a \.tree file; check the path$"):
        read_tree(tmp_path)


def test_a_missing_tree_is_refused(tmp_path):
    with pytest.raises(TreeError, match=r"my\.tree: found no such file, expected a \.tree file; check the path$"):
        read_tree(tmp_path / "my.tree")


def test_a_tree_that_is_far_too_long_is_refused_unread(tmp_path):
    path = tmp_path / "my.tree"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(TreeError, match=r"found 16,777,217 bytes, expected a \.tree file"):
        read_tree(path)


def test_a_map_is_a_node_a_line(tmp_path):
    assert read_map(write(tmp_path, "18\n 5 \r\n0\n\n"), nodes=19) == (18, 5, 0)


@pytest.mark.golden
@pytest.mark.parametrize("name, classes", [("coco9k.map", 80), ("inet9k.map", 200)])
def test_darknets_maps_are_taken_whole(golden, name, classes):
    assert len(read_map(golden / "data" / name, nodes=9418)) == classes


MAP_REFUSALS = {
    "nothing": ("", ": found nothing, expected a .map file; give another file"),
    "a word": ("3\ndog\n", ":2: found dog, expected the number of a node, from 0 to 22; correct the line"),
    "a blank line": (
        "3\n\n4\n",
        ":2: found a blank line, expected the number of a node, from 0 to 22; correct the line",
    ),
    "a negative number": ("-1\n", ":1: found -1, expected the number of a node, from 0 to 22; correct the line"),
    "no such node": ("22\n23\n", ":2: found 23, expected the number of a node, from 0 to 22; correct the line"),
}


@pytest.mark.parametrize("content, message", MAP_REFUSALS.values(), ids=MAP_REFUSALS)
def test_a_broken_map_is_refused_at_its_line(tmp_path, content, message):
    path = write(tmp_path, content, "my.map")
    with pytest.raises(TreeError) as refusal:
        read_map(path, nodes=23)
    assert str(refusal.value) == f"{path}{message}"
