"""`yolov2 info`: what a model is made of, and what works on this machine."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from yolov2.checkpoint.file import read_checkpoint, write_checkpoint
from yolov2.cli.info import _amount
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import initial_weights, write_weights

TABLE = """\
small  input 32 x 32 x 3

   layer          filters  kernel           input          output  weights  operations
0  convolutional        7  1 x 1 / 32  32 x 32 x 3  ->  1 x 1 x 7       28       0.0 M
1  region                               1 x 1 x 7  ->  1 x 1 x 7

weights       28
operations    42 a picture
memory        about 130 MB to open and run at 32x32, 130 MB from the cache
classes       2: cat, dog
anchors       0.5 x 0.5 cells
arithmetic    batch norm of Darknet's GPU program
model         small.cfg
weights file  small.weights, version 0.2.0, 640 pictures seen
"""


def words_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_model_is_a_table_and_facts(yolov2, here):
    said = yolov2("info", "small.cfg")
    assert (said.status, said.err) == (0, "")
    assert words_of(said.out) == words_of(TABLE)
    assert "\n1  region                               " in said.out


def test_a_cfg_alone_is_enough(yolov2, here):
    Path("small.weights").unlink()
    Path("small.names").unlink()
    said = yolov2("info", "small.cfg")
    assert (said.status, said.err) == (0, "")
    assert "classes       2: no names found; give --names FILE\n" in said.out
    assert said.out.endswith("weights file  none beside the .cfg\n")


def test_json_has_it_all(yolov2, here):
    found = json.loads(yolov2("info", "small.weights", "--json", "--arithmetic", "cpu").out)
    assert {key: found[key] for key in ("name", "input", "weights", "operations", "classes", "names", "anchors")} == {
        "name": "small",
        "input": [3, 32, 32],
        "weights": 28,
        "operations": 42,
        "classes": 2,
        "names": ["cat", "dog"],
        "anchors": [[0.5, 0.5]],
    }
    assert 100e6 < found["memory"]["from_cache"] < found["memory"]["open_and_run"] < 140e6
    assert [layer["type"] for layer in found["layers"]] == ["convolutional", "region"]
    assert found["provenance"] == {
        "model": "small.cfg",
        "arithmetic": "cpu",
        "weights": {
            "file": "small.weights",
            "sha256": hashlib.sha256(Path("small.weights").read_bytes()).hexdigest(),
            "version": "0.2.0",
            "seen": 640,
        },
    }


def test_another_input_size_changes_the_shapes(yolov2, here):
    found = json.loads(yolov2("info", "small.cfg", "--json", "--size", "96x64").out)
    assert found["input"] == [3, 64, 96]
    assert found["layers"][-1]["output"] == [7, 2, 3]


def test_weights_that_do_not_fit_are_told_of_after_the_table(yolov2, here):
    data = Path("small.weights").read_bytes()
    Path("small.weights").write_bytes(data[:-4])
    said = yolov2("info", "small.cfg")
    assert said.status == 1
    assert said.out.startswith("small  input 32 x 32 x 3\n")
    assert said.err.startswith("failed: small.weights: ")
    assert said.err.count("\n") == 1


def test_no_model_is_a_mistake(yolov2):
    said = yolov2("info")
    assert said.status == 2
    assert said.err.endswith("Error: Give a MODEL, or --system.\n")


def test_a_cfg_that_is_none_is_refused_in_one_line(yolov2, here):
    Path("bad.cfg").write_text("[net]\nwidth=ten\n")
    said = yolov2("info", "bad.cfg")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("yolov2: bad.cfg:2: found width=ten")


def test_a_network_with_a_tree_needs_no_tree_file(yolov2, here):
    text = Path("small.cfg").read_text() + "tree=absent.tree\n"
    Path("tree.cfg").write_text(text)
    assert yolov2("info", "tree.cfg").status == 0


def test_a_tree_is_counted(yolov2, here):
    Path("tree.cfg").write_text(Path("small.cfg").read_text() + "tree=two.tree\n")
    Path("two.tree").write_text("cat -1\ndog 0\n")
    assert json.loads(yolov2("info", "tree.cfg", "--json").out)["tree"] == {"nodes": 2, "levels": 1}


CHECKPOINT_FACTS = """\
resize rule   stretch
thresholds    {}
stored as     {}
"""


@pytest.mark.parametrize(
    "conf, half, thresholds, formats",
    [
        ((), (), "none stored, 0.25", "float32"),
        (("--conf", "0.4"), (), "0.4", "float32"),
        (
            ("--conf", "cat=0.5,dog=0.7"),
            ("--half",),
            "cat 0.5, dog 0.7, others 0.25",
            "float16, all but the kernels as float32",
        ),
    ],
)
def test_a_checkpoint_says_what_it_stores(yolov2, here, conf, half, thresholds, formats):
    yolov2("convert", "small.cfg", "small.safetensors", "--resize", "stretch", *conf, *half)
    said = yolov2("info", "small.safetensors")
    assert (said.status, said.err) == (0, "")
    assert said.out.endswith("\n" + CHECKPOINT_FACTS.format(thresholds, formats))


def test_a_checkpoint_with_a_recipe_shows_it(yolov2, here):
    yolov2("convert", "small.cfg", "small.safetensors", "--conf", "dog=0.7")
    write_checkpoint("trained.safetensors", replace(read_checkpoint("small.safetensors"), recipe={"batch": 64}))
    assert yolov2("info", "trained.safetensors").out.endswith("\nrecipe        batch 64\n")
    assert json.loads(yolov2("info", "trained.safetensors", "--json").out)["stored"] == {
        "resize": "letterbox",
        "thresholds": {"dog": 0.7},
        "number_formats": ["float32"],
        "recipe": {"batch": 64},
    }


def test_help_names_every_kind_of_model(yolov2):
    said = " ".join(yolov2("info", "--help").out.split())
    assert "a folder of these, a .safetensors, or a name of `yolov2 models list`." in said


@pytest.mark.parametrize(
    "operations, words",
    [(42, "42"), (44_000, "0.04 million"), (999_000_000, "999.00 million"), (5_360_000_000, "5.36 billion")],
)
def test_operations_are_told_in_the_unit_that_shows_them(operations, words):
    assert _amount(operations) == words


def test_the_system_shows_the_graph_cache(yolov2, here):
    kept = here / ".cache" / "yolov2" / "graphs"
    (kept / "one").mkdir(parents=True)
    (kept / "one" / "graph.onnx.data").write_bytes(bytes(3_000_000))
    assert f"\ngraph cache             {kept}, 3 MB of at most 2 GiB\n" in yolov2("info", "--system").out
    found = json.loads(yolov2("info", "--system", "--json").out)["graph_cache"]
    assert found == {"folder": str(kept), "bytes": 3_000_000, "limit": 2 * 2**30}


def test_the_system_lists_packages_that_are_used(yolov2):
    found = json.loads(yolov2("info", "--system", "--json").out)["versions"]
    assert list(found) == [
        "yolov2", "python", "numpy", "onnxruntime", "onnx", "opencv-python-headless", "pillow", "av", "torch",
    ]  # fmt: skip


def test_the_system_says_what_works(yolov2):
    said = yolov2("info", "--system")
    assert said.status == 0
    assert "\nbackend onnxruntime  works on cpu: the only device it is used on\n" in said.out
    assert "\nbackend auto         works on cpu: onnxruntime is the default\n" in said.out


@pytest.mark.parametrize("key", ["cpu", "flags", "cores", "memory_gib", "system", "load"])
def test_the_system_as_json_names_the_machine(yolov2, key):
    found = json.loads(yolov2("info", "--system", "--json").out)
    assert key in found["machine"]
    assert found["backends"]["onnxruntime"]["error"] is None
    assert found["versions"]["yolov2"] == "0.1.0"


TREE_CFG = """[net]
width=8
height=8
channels=3

[convolutional]
filters=3
size=1

[avgpool]

[softmax]
tree=t.tree
"""


@pytest.fixture
def with_tree(here):
    """t.cfg with a tree of three nodes, and two.map with two of them."""
    Path("t.cfg").write_text(TREE_CFG)
    Path("t.tree").write_text("animal -1\ncat 0\ndog 0\n")
    Path("t.names").write_text("animal\ncat\ndog\n")
    Path("two.map").write_text("2\n0\n")


def test_a_map_is_shown_with_the_names_of_its_nodes(yolov2, with_tree):
    said = yolov2("info", "t.cfg", "--map", "two.map")
    assert (said.status, said.err) == (0, "")
    assert "classes       2: dog, animal\n" in said.out
    assert "map           2 nodes of the tree are the classes of an answer\n" in said.out
    found = json.loads(yolov2("info", "t.cfg", "--map", "two.map", "--json").out)
    assert (found["map"], found["names"]) == ([2, 0], ["dog", "animal"])
    assert "map" not in json.loads(yolov2("info", "t.cfg", "--json").out)


def test_the_map_of_a_checkpoint_is_shown(yolov2, with_tree):
    network = read_cfg(Path("t.cfg"))
    write_weights("t.weights", initial_weights(network), network)
    assert yolov2("convert", "t.cfg", "t.safetensors", "--map", "two.map").status == 0
    assert json.loads(yolov2("info", "t.safetensors", "--json").out)["map"] == [2, 0]


@pytest.mark.parametrize(
    "model, map_file, line",
    [
        ("t.cfg", "nope", "nope: found no such file, expected a .map file; check the path"),
        ("t.cfg", "bad.map", "bad.map:1: found 3, expected the number of a node, from 0 to 2; correct the line"),
        ("small.cfg", "two.map", "two.map: found a map, expected a model with a tree; leave out --map"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(yolov2, with_tree, model, map_file, line):
    Path("bad.map").write_text("3\n")
    assert yolov2("info", model, "--map", map_file) == (2, "", f"yolov2: {line}\n")


def test_a_map_without_its_tree_is_refused_as_elsewhere(yolov2, with_tree):
    Path("t.tree").unlink()
    said = yolov2("info", "t.cfg", "--map", "two.map")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("yolov2: t.cfg: found no t.tree (looked at ")
