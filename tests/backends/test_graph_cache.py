"""The cache of prepared graphs: whole entries or none, and not more of them than its limit."""

import os

import pytest

from network_strategies import seeded_weights
from yolov2.backends.graph_cache import graph_key, prepared, prune
from yolov2.network.layers import Convolutional
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

NETWORK = Network(Shape(1, 2, 2), (Convolutional(2),))
WEIGHTS = seeded_weights(NETWORK, seed=0)


def writer(text):
    return lambda folder: (folder / "graph").write_text(text) and None


def test_a_key_tells_runtimes_apart_and_nothing_else_between_two_calls():
    key = graph_key(NETWORK, WEIGHTS, runtime="runtime 1")
    assert len(key) == 64
    assert graph_key(NETWORK, WEIGHTS, runtime="runtime 1") == key
    assert graph_key(NETWORK, WEIGHTS, runtime="runtime 2") != key


def test_an_entry_is_made_once(tmp_path):
    first = prepared(tmp_path, "key", writer("first"))
    assert prepared(tmp_path, "key", writer("second")) == first == tmp_path / "key"
    assert (first / "graph").read_text() == "first"


def test_a_failure_leaves_nothing_behind(tmp_path):
    def fail(folder):
        (folder / "graph").write_text("half of")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_that_make_the_same_the_quicker_one_counts(tmp_path):
    def slow(folder):
        prepared(tmp_path, "key", writer("quick"))
        (folder / "graph").write_text("slow")

    assert (prepared(tmp_path, "key", slow) / "graph").read_text() == "quick"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    for age, name in enumerate(["newest", "kept", "older", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "graph").write_bytes(bytes(10))
        os.utime(tmp_path / name, (0, 1000 - age))
    prune(tmp_path, keep=tmp_path / "kept", most_bytes=25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "newest"]


def test_an_entry_that_is_used_is_young_again(tmp_path):
    entry = prepared(tmp_path, "key", writer("graph"))
    os.utime(entry, (0, 0))
    prepared(tmp_path, "key", writer("graph"))
    assert entry.stat().st_mtime > 1e9
