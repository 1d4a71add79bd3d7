"""`yolov2 info`: what a model is made of, and what works on this machine."""

import hashlib
import json
from pathlib import Path

import pytest

TABLE = """\
small  input 32 x 32 x 3

   layer          filters  kernel           input          output  weights  operations
0  convolutional        7  1 x 1 / 32  32 x 32 x 3  ->  1 x 1 x 7       28       0.0 M
1  region                               1 x 1 x 7  ->  1 x 1 x 7

weights       28
operations    0.00 billion a picture
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
