"""A checkpoint gives back what was written, byte for byte, and notices every byte that is another one."""

import hashlib
import json
import struct
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from network_strategies import seeded_weights, small_networks
from yolov2.checkpoint import header
from yolov2.checkpoint.file import (
    Checkpoint,
    darknet_texts,
    read_checkpoint,
    read_network,
    write_checkpoint,
    write_darknet,
)
from yolov2.checkpoint.header import Preprocessing
from yolov2.checkpoint.tensors import write_tensors
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.lists import read_names
from yolov2.darknet.tree import Tree, read_map, read_tree
from yolov2.darknet.weights import Weights, read_weights
from yolov2.errors import CheckpointError
from yolov2.network.architectures import yolov2, yolov2_voc
from yolov2.network.layers import Convolutional, Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

HALF_ROUNDING = 2.0**-11  # relative, of a number stored with 11 bits
FILES = Path(__file__).parent

TREE = Tree(("animal", "thing", "dog", "cat"), (-1, -1, 0, 0))
CONV = Convolutional(4, size=3, padding=1, activation="leaky", batch_normalize=True)
NETWORK = Network(
    Shape(3, 8, 8),
    (CONV, Convolutional(18, activation="linear"), Region(((1.0, 2.0), (3.0, 4.0)), classes=4, tree="data/my.tree")),
    arithmetic="cpu",
    name="tiny",
)
WEIGHTS = replace(seeded_weights(NETWORK, seed=3), seen=2**40 + 5, version=(0, 2, 5))
WHOLE = Checkpoint(
    NETWORK,
    WEIGHTS,
    names=("Tier", "größer als\t1", "dog", '"quoted"'),
    tree=TREE,
    preprocessing=Preprocessing("stretch"),
    thresholds={"dog": 0.25, "Tier": 0.5},
    recipe={"iterations": 10, "rates": [0.1, 1e-5], "note": "ünd so"},
)
BARE = Checkpoint(NETWORK, WEIGHTS)


def same(a: Weights, b: Weights) -> bool:
    return (a.seen, a.version) == (b.seen, b.version) and all(
        x.keys() == y.keys() and all(np.array_equal(x[name], y[name]) for name in x)
        for x, y in zip(a.layers, b.layers, strict=True)
    )


def refusal_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as refusal:
        read_checkpoint(path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value).removeprefix(str(path))


def resealed(path: Path, *, arrays=None, **changes: str | None) -> Path:
    """The file with other metadata or arrays, sealed as if it had been written so."""
    size = struct.unpack("<Q", path.read_bytes()[:8])[0]
    metadata = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"] | changes
    del metadata["sha256"]
    stored = load_file(path) | (arrays or {})
    with path.open("wb") as file:
        write_tensors(
            file,
            {name: array for name, array in stored.items() if array is not None},
            {key: text for key, text in metadata.items() if text is not None},
        )
    return path


@pytest.fixture
def file(tmp_path) -> Path:
    write_checkpoint(tmp_path / "a.safetensors", WHOLE)
    return tmp_path / "a.safetensors"


def test_everything_comes_back(file):
    found = read_checkpoint(file)
    assert (found.network, found.network.name) == (NETWORK, "tiny")
    assert same(found.weights, WEIGHTS)
    assert (found.names, found.tree, found.map) == (WHOLE.names, TREE, None)
    assert (found.preprocessing, found.thresholds, found.recipe) == (
        WHOLE.preprocessing,
        WHOLE.thresholds,
        WHOLE.recipe,
    )


def test_the_network_alone_is_read_without_the_numbers(file):
    file.write_bytes(file.read_bytes()[:-1] + b"?")  # which only reading them notices
    assert read_network(file) == NETWORK


def test_what_is_not_there_comes_back_as_absent(tmp_path):
    write_checkpoint(tmp_path / "a", BARE)
    found = read_checkpoint(tmp_path / "a")
    assert (found.names, found.tree, found.map, found.thresholds, found.recipe) == ((), None, None, None, None)
    assert found.preprocessing == Preprocessing("letterbox")


def test_one_threshold_and_a_map_come_back(tmp_path):
    write_checkpoint(tmp_path / "a", replace(BARE, thresholds=0.3, map=(2, 3), names=("Hund", "Katze")))
    found = read_checkpoint(tmp_path / "a")
    assert (found.thresholds, found.map, found.names) == (0.3, (2, 3), ("Hund", "Katze"))


def test_the_digest_is_returned_and_read(file):
    assert read_checkpoint(file).sha256 == write_checkpoint(file, WHOLE)


def test_the_same_checkpoint_gives_the_same_file(file):
    before = file.read_bytes()
    write_checkpoint(file, WHOLE)
    assert file.read_bytes() == before


def test_tensors_are_called_by_layer_and_parameter(file):
    assert sorted(load_file(file)) == [
        "layer_00.biases",
        "layer_00.rolling_mean",
        "layer_00.rolling_variance",
        "layer_00.scales",
        "layer_00.weights",
        "layer_01.biases",
        "layer_01.weights",
    ]


@settings(max_examples=30)
@given(network=small_networks(), seed=st.integers(0, 99))
def test_any_network_comes_back(tmp_path_factory, network, seed):
    path = tmp_path_factory.mktemp("any") / "a.safetensors"
    weights = seeded_weights(network, seed=seed)
    write_checkpoint(path, Checkpoint(network, weights))
    found = read_checkpoint(path)
    assert found.network == network
    assert same(found.weights, weights)


def test_half_stores_kernels_in_two_bytes_and_statistics_in_four(tmp_path):
    write_checkpoint(tmp_path / "a", WHOLE, half=True)
    stored = {name: array.dtype for name, array in load_file(tmp_path / "a").items()}
    assert stored["layer_00.weights"] == np.float16
    assert {stored[name] for name in stored if not name.endswith(".weights")} == {np.dtype(np.float32)}


def test_half_rounds_kernels_and_nothing_else(tmp_path):
    write_checkpoint(tmp_path / "a", WHOLE, half=True)
    for found, expected in zip(read_checkpoint(tmp_path / "a").weights.layers, WEIGHTS.layers, strict=True):
        for name, array in expected.items():
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(found[name], array, rtol=HALF_ROUNDING if name == "weights" else 0, atol=1e-7)


def with_number(number: float, *, parameter: str) -> Checkpoint:
    arrays = dict(WEIGHTS.layers[0])
    arrays[parameter] = arrays[parameter].copy()
    arrays[parameter].flat[1] = number
    return replace(BARE, weights=Weights((arrays, *WEIGHTS.layers[1:])))


def test_a_number_too_large_for_half_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(
        CheckpointError,
        match=r": found 70000 in layer_00.weights, expected at most 65,504, the largest float16; write it as float32$",
    ):
        write_checkpoint(tmp_path / "a", with_number(70000, parameter="weights"), half=True)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "number, parameter, found",
    [
        (np.nan, "weights", "NaN in layer_00.weights, expected finite numbers"),
        (np.inf, "scales", "infinity in layer_00.scales, expected finite numbers"),
        (-0.5, "rolling_variance", "-0.5 in layer_00.rolling_variance, expected variances of 0 and above"),
    ],
)
def test_bad_numbers_are_neither_written_nor_read(file, tmp_path, number, parameter, found):
    bad = with_number(number, parameter=parameter)
    with pytest.raises(CheckpointError, match=rf": found {found}; take weights"):
        write_checkpoint(tmp_path / "b", bad)
    resealed(file, arrays={f"layer_00.{parameter}": bad.weights.layers[0][parameter]})
    assert refusal_of(file) == f": found {found}; take weights of a training that went well"


# --- damage -----------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_noticed(file):
    data = file.read_bytes()
    for at in range(len(data)):
        for flip in (1, 0x20) if at % 8 == 0 else (1 << at % 8,):
            file.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            refusal_of(file)


def test_a_byte_of_the_padding_is_noticed(tmp_path):
    write_checkpoint(tmp_path / "a", replace(BARE, recipe={"": "x" * 3}))
    data = (tmp_path / "a").read_bytes()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    assert data[end - 1 : end] == b" "
    (tmp_path / "a").write_bytes(data[: end - 1] + b"\n" + data[end:])
    assert refusal_of(tmp_path / "a").startswith(": found a wrong SHA-256, expected the one over its content; ")


def test_every_length_a_cut_can_leave_is_noticed(file):
    data = file.read_bytes()
    for length in (*range(0, len(data), 7), len(data) - 1):
        file.write_bytes(data[:length])
        refusal_of(file)


def test_a_file_that_goes_on_is_noticed(file):
    file.write_bytes(file.read_bytes() + b"\0")
    assert refusal_of(file).startswith(": found a bad header (")


def test_a_file_rewritten_by_another_program_is_refused(file):
    size = struct.unpack("<Q", file.read_bytes()[:8])[0]
    metadata = json.loads(file.read_bytes()[8 : 8 + size])["__metadata__"]
    del metadata["sha256"]
    save_file(load_file(file), file, metadata)
    assert refusal_of(file) == (
        ": found no SHA-256 in its place, expected the one over its content; "
        "it is damaged or was rewritten by another program: take the original"
    )


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a", {"format": "pt"})
    assert refusal_of(tmp_path / "a") == (
        ": found a safetensors file without our metadata, expected a yolov2 checkpoint; "
        "convert another program's model with `yolov2 convert`"
    )


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_file_of_the_first_format_still_loads():
    found = read_checkpoint(FILES / "v1.safetensors")
    assert (found.network, found.names, found.tree, found.recipe) == (NETWORK, WHOLE.names, TREE, WHOLE.recipe)
    assert same(found.weights, WEIGHTS)


def test_a_newer_format_is_refused(file):
    resealed(file, format_version="2")
    assert refusal_of(file) == ": found format version 2, expected at most 1; install a newer yolov2"


def test_an_older_format_goes_through_every_step_since(file, monkeypatch):
    monkeypatch.setattr(header, "FORMAT_VERSION", 3)
    upgrades = {
        1: lambda metadata: metadata | {"labels": metadata["names"]},
        2: lambda metadata: metadata | {"names": metadata["labels"].replace("dog", "wolf")},
    }
    monkeypatch.setattr(header, "UPGRADES", upgrades)
    resealed(file, thresholds=None)
    assert read_checkpoint(file).names[2] == "wolf"


# --- what does not fit ------------------------------------------------------------------------------------------------

MISFITS = {
    "missing": ({"layer_01.weights": None}, ": found no layer_01.weights, expected F32 or F16 [18, 4, 1, 1], as its network says; take the original file"),
    "shape": ({"layer_00.scales": np.zeros(5, np.float32)}, ": found layer_00.scales as F32 [5], expected F32 or F16 [4], as its network says; take the original file"),
    "extra": ({"anchors": np.zeros(5, np.float32)}, ": found 1 tensors that its network does not have, such as anchors, expected 7 tensors; take the original file"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_tensors_that_are_not_the_networks_are_refused(file, name):
    arrays, expected = MISFITS[name]
    assert refusal_of(resealed(file, arrays=arrays)) == expected


def test_another_number_format_is_refused(file):
    data = file.read_bytes().replace(b'"F32","shape":[4]', b'"I32","shape":[4]', 1)
    begin = data.index(b'"sha256":"') + len(b'"sha256":"')
    digest = hashlib.sha256(data[:begin] + b"0" * 64 + data[begin + 64 :]).hexdigest().encode()
    file.write_bytes(data[:begin] + digest + data[begin + 64 :])
    assert refusal_of(file).startswith(
        ": found layer_00.biases as I32 [4], expected F32 or F16 [4], as its network says; "
    )


def test_a_network_of_another_size_is_refused_before_memory_is_taken(file):
    network = yolov2_voc()
    resealed(file, network=darknet_texts(Checkpoint(network, Weights(arrays_without_memory(network))), "a")[".cfg"])
    tracemalloc.start()
    refusal = refusal_of(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.startswith(": found layer_00.biases as F32 [4], expected F32 or F16 [32]")
    assert peak < 8 * 2**20


def arrays_without_memory(network: Network):
    layers = [{} for _ in network.layers]
    for index, parameter in network.parameters():
        layers[index][parameter.name] = np.broadcast_to(np.float32(0), parameter.shape)
    return tuple(layers)


BAD_METADATA = {
    "names": ("[1, 2, 3, 4]", "found a bad 'names' in its metadata, expected what this package writes there; take the original"),
    "tree": ('{"names": ["a"]}', "found a bad 'tree' in its metadata"),
    "seen": ("1.5", "found a bad 'seen' in its metadata"),
    "weights_version": ("[1, 2]", "found a bad 'weights_version' in its metadata"),
    "preprocessing": ('{"resize": "stretch", "channels": "BGR", "range": [0, 1]}', "found a bad 'preprocessing' in its metadata"),
    "thresholds": ('"high"', "found a bad 'thresholds' in its metadata"),
    "recipe": ("[" * 100_000, "found a bad 'recipe' in its metadata"),
    "arithmetic": ("tpu", "found a bad 'network' in its metadata"),
    "network": (None, "found a bad 'network' in its metadata"),
}  # fmt: skip


@pytest.mark.parametrize("key", BAD_METADATA)
def test_bad_metadata_is_refused(file, key):
    text, expected = BAD_METADATA[key]
    assert refusal_of(resealed(file, **{key: text})).startswith(f": {expected}")


def test_a_bad_cfg_inside_is_refused_at_its_line(file):
    resealed(file, network="[net]\nwidth=8\nheight=8\nchannels=3\n\n[conv]\nfilters=many\n")
    assert refusal_of(file).startswith(":7: found filters=many in [conv")


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"names": '["a"]'}, ": names: found 1, expected 4, one for each class; take the original file"),
        ({"tree": '{"names": ["a", "b", "c", "d"], "parents": [-1, 0, -1, 0]}'}, ": tree: found parent -1 of node 2, expected siblings together, after it; take the original file"),
        ({"thresholds": "1.5"}, ": thresholds: found 1.5, expected numbers from 0 to 1; take the original file"),
        ({"thresholds": '{"wolf": 0.5}'}, ": thresholds: found 'wolf', expected names of classes; take the original file"),
        ({"map": "[0, 4]", "names": None, "thresholds": None}, ": map: found 0 to 4, expected nodes from 0 to 3; take the original file"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_each_other_are_refused(file, changes, expected):
    assert refusal_of(resealed(file, **changes)) == expected


def test_a_checkpoint_of_another_networks_weights_is_a_value_error():
    with pytest.raises(ValueError, match=r"^layer 1, biases: found float32 \(18,\), expected float32 \(30,\)$"):
        Checkpoint(replace(NETWORK, layers=(CONV, Convolutional(30), Region(((1.0, 2.0),) * 2, classes=10))), WEIGHTS)


@pytest.mark.parametrize("recipe", [{"rate": float("nan")}, {"rate": np.float32(1)}, {"when": object()}])
def test_a_recipe_that_json_can_not_say_is_a_value_error(tmp_path, recipe):
    with pytest.raises(ValueError, match=r"^recipe: "):
        write_checkpoint(tmp_path / "a", replace(BARE, recipe=recipe))
    assert list(tmp_path.iterdir()) == []


# --- Darknet's files --------------------------------------------------------------------------------------------------


def test_darknets_files_say_what_the_checkpoint_says(tmp_path):
    write_darknet(tmp_path / "my.cfg", replace(WHOLE, map=(2, 3), names=("Hund", "Katze"), thresholds=None))
    network = read_cfg(tmp_path / "my.cfg")
    assert network.region is not None
    assert network.region.tree == "my.tree"
    assert read_tree(tmp_path / "my.tree") == TREE
    assert read_map(tmp_path / "my.map") == (2, 3)
    assert read_names(tmp_path / "my.names") == ("Hund", "Katze")
    assert same(read_weights(tmp_path / "my.weights", network), WEIGHTS)


def round_trip(cfg: Path, weights: Path, folder: Path) -> bytes:
    """The .weights file that comes of these by way of a checkpoint."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = read_cfg(cfg)
    checkpoint = Checkpoint(network, read_weights(weights, network))
    write_checkpoint(folder / "a.safetensors", checkpoint)
    write_darknet(folder / "b.cfg", read_checkpoint(folder / "a.safetensors"))
    assert read_cfg(folder / "b.cfg") == network
    return (folder / "b.weights").read_bytes()


def test_a_negative_count_of_an_old_header_comes_back(tmp_path):
    old = Weights(WEIGHTS.layers, seen=-7, version=(0, 1, 0))
    write_checkpoint(tmp_path / "a", replace(BARE, weights=old))
    assert same(read_checkpoint(tmp_path / "a").weights, old)


@pytest.mark.golden
def test_real_weights_come_back_byte_for_byte(models, tmp_path):
    pairs = [(path, path.with_suffix(".weights")) for path in sorted(models.rglob("*.cfg"))]
    pairs = [(cfg, weights) for cfg, weights in pairs if weights.is_file()]
    assert len(pairs) >= 2
    for cfg, weights in pairs:
        assert round_trip(cfg, weights, tmp_path) == weights.read_bytes(), cfg.stem


@pytest.mark.golden
def test_golden_weights_of_every_header_come_back_byte_for_byte(small_golden, recipe, tmp_path):
    for case in json.loads((small_golden / "a_forward" / "small_cases.json").read_text()):
        cfg = small_golden / case["cfg"]
        data = recipe.seeded_weights(
            cfg.read_text(), case["weights_seed"], tuple(case["weights_version"]), case["weights_seen"]
        )
        assert hashlib.sha256(data).hexdigest() == case["weights_sha256"]
        (tmp_path / "in.weights").write_bytes(data)
        assert round_trip(cfg, tmp_path / "in.weights", tmp_path) == data, case["case"]


def test_the_layers_of_a_large_network_are_in_order(tmp_path):
    network = yolov2(classes=2, width=1 / 32)
    weights = seeded_weights(network, seed=1)
    write_checkpoint(tmp_path / "a", Checkpoint(network, weights))
    assert same(read_checkpoint(tmp_path / "a").weights, weights)
