"""Other programs' files give the numbers that those programs give, or are refused in one line; their code never runs."""

import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from foreign_nets import NAMES, NETWORK, foreign_net, state_of
from yolov2.errors import ForeignError
from yolov2.model import foreign_child
from yolov2.model.foreign import convert_state, read_foreign, read_state
from yolov2.model.module import DarknetModule
from yolov2.network.architectures import yolov2_voc
from yolov2.network.layers import BatchNorm, Connected, Convolutional
from yolov2.network.spec import Network

FLOAT32_NOISE = 1e-5  # sums of some hundred numbers near one, in two orders; outputs near one
TORCH = foreign_child._torch()


def raw_of(foreign, images):
    with torch.no_grad():
        return DarknetModule(foreign.network, foreign.weights).eval()(images)


def raw_difference(net, foreign) -> float:
    images = torch.rand((2, 3, 8, 12), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float((net(images) - raw_of(foreign, images)).abs().max())


def refusal_of(state, network=NETWORK, **options) -> str:
    with pytest.raises(ForeignError) as refusal:
        convert_state(state, network, where="net.pth", **options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


# --- the programs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [name for name in NAMES if "/" in name])
def test_a_known_programs_network_gives_its_numbers(program):
    net = foreign_net(program)
    found = convert_state(state_of(net), NETWORK, where="net.pth")
    assert found.program == program
    assert raw_difference(net, found) < FLOAT32_NOISE


def test_the_wrong_reorg_gives_other_numbers():
    net = foreign_net("tztztztztz/yolov2.pytorch")
    assert raw_difference(net, convert_state(state_of(net), NETWORK, where="net.pth", reorg="legacy")) > 0.1


@pytest.mark.parametrize("reorg", ["legacy", "plain"])
@pytest.mark.parametrize("join", ["cfg", "reversed"])
@pytest.mark.parametrize("pixels", [1.0, 255.0])
def test_what_is_said_of_an_unknown_program_counts(reorg, join, pixels):
    net = foreign_net("", reorg=reorg, reverse=join == "reversed", pixels=pixels)
    found = convert_state(state_of(net), NETWORK, where="net.pth", reorg=reorg, join=join, pixels=pixels)
    assert found.program == ""
    assert raw_difference(net, found) < FLOAT32_NOISE


def test_an_unknown_programs_network_is_taken_as_the_cfg_has_it():
    net = foreign_net("", reorg="legacy")
    found = convert_state(state_of(net), NETWORK, where="net.pth")
    assert raw_difference(net, found) < FLOAT32_NOISE
    assert found.notes[0].startswith("names of no known program: [reorg], [route] and input are taken as the .cfg has")


def test_batch_norm_is_torchs_whatever_was_asked_for():
    state = state_of(foreign_net(""))
    assert convert_state(state, replace(NETWORK, arithmetic="cpu"), where="net.pth").network.arithmetic == "gpu"


@pytest.mark.parametrize("options", [{"norms_last": True}, {"order": (2, 0, 1, 3, 4)}, {"order": (4, 3, 2, 1, 0)}])
def test_another_order_of_definition_is_matched_by_shape(options):
    net = foreign_net("flat", reorg="legacy", **options)
    assert list(state_of(net)) != list(state_of(foreign_net("flat")))
    assert raw_difference(net, convert_state(state_of(net), NETWORK, where="net.pth")) < FLOAT32_NOISE


def test_a_layer_taken_out_of_order_is_told_of():
    found = convert_state(state_of(foreign_net("", order=(2, 0, 1, 3, 4))), NETWORK, where="net.pth")
    assert [match.note for match in found.matches] == ["out of order", "out of order", "", "", ""]


def test_a_bias_before_batch_norm_goes_into_the_mean():
    net = foreign_net("", reorg="legacy", conv_bias=True)
    found = convert_state(state_of(net), NETWORK, where="net.pth")
    assert raw_difference(net, found) < FLOAT32_NOISE
    assert found.matches[0].note == "bias moved into the mean"


def test_a_head_without_a_bias_gets_zeros():
    found = convert_state(state_of(foreign_net("", head_bias=False)), NETWORK, where="net.pth")
    assert not found.weights.layers[8]["biases"].any()
    assert found.matches[-1].note == "biases 0"


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "_orig_mod."])
def test_the_prefix_of_a_wrapper_is_passed_over(prefix):
    state = state_of(foreign_net("uvipen/Yolo-v2-pytorch"), prefix)
    assert convert_state(state, NETWORK, where="net.pth").program == "uvipen/Yolo-v2-pytorch"


def test_a_linear_layer_becomes_a_connected_one():
    network = Network(NETWORK.input, (Connected(5, activation="linear"),))
    linear = nn.Linear(3 * 8 * 12, 5)
    found = convert_state({"fc.weight": linear.weight.detach().numpy(), "fc.bias": linear.bias.detach().numpy()}, network, where="x")  # fmt: skip
    images = torch.rand(2, 3, 8, 12)
    with torch.no_grad():
        difference = (raw_of(found, images).flatten(1) - linear(images.flatten(1))).abs().max()
    assert difference < FLOAT32_NOISE


def test_the_report_says_what_became_what():
    state = state_of(foreign_net("uvipen/Yolo-v2-pytorch")) | {"anchors": np.ones((2, 2), np.float32)}
    assert convert_state(state, NETWORK, where="net.pth").lines() == [
        "layer  0 [convolutional] 8 x 3 x 3 x 3 <- stage1_conv1.0 + stage1_conv1.1  (times 255: its input was 0 to 255)",
        "layer  2 [convolutional] 12 x 8 x 3 x 3 <- stage2_a_conv1.0 + stage2_a_conv1.1",
        "layer  4 [convolutional] 4 x 8 x 1 x 1 <- stage2_b_conv.0 + stage2_b_conv.1",
        "layer  7 [convolutional] 12 x 28 x 3 x 3 <- stage3_conv1.0 + stage3_conv1.1  (input channels reordered)",
        "layer  8 [convolutional] 14 x 12 x 1 x 1 <- stage3_conv2  (biases 0)",
        "passed over: anchors",
        "recognised as a file of uvipen/Yolo-v2-pytorch",
        "[reorg] in legacy order",
        "input taken as RGB from 0 to 255; anchors, in cells, and classes are those of the .cfg",
    ]


# --- what does not fit ------------------------------------------------------------------------------------------------


def test_the_first_layer_that_does_not_match_is_named():
    layers = list(NETWORK.layers)
    layers[2] = replace(layers[2], filters=16)
    assert refusal_of(state_of(foreign_net("")), replace(NETWORK, layers=tuple(layers))) == (
        "net.pth: found deep.layers.0 (12 x 8 x 3 x 3, batch norm) for layer 2 [convolutional], "
        "expected 16 x 8 x 3 x 3 with batch norm; give the .cfg of the network that this file was trained as"
    )


def test_batch_norm_that_only_one_side_has_is_named():
    layers = list(NETWORK.layers)
    layers[8] = replace(layers[8], batch_normalize=True)
    assert refusal_of(state_of(foreign_net("")), replace(NETWORK, layers=tuple(layers))) == (
        "net.pth: found head (14 x 12 x 1 x 1) for layer 8 [convolutional], expected 14 x 12 x 1 x 1 with batch norm; "
        "give the .cfg of the network that this file was trained as"
    )


def test_a_file_with_too_few_layers_is_refused():
    state = OrderedDict((name, array) for name, array in state_of(foreign_net("")).items() if "head" not in name)
    assert refusal_of(state).startswith("net.pth: found no more than 4 convolutions for layer 8 [convolutional], ")


def test_a_file_without_a_layer_is_refused_in_words():
    assert refusal_of(OrderedDict({"anchors": np.zeros((5, 2, 1), np.float32)})).startswith(
        "net.pth: found no convolution"
    )


def test_a_file_with_too_many_layers_is_refused():
    state = state_of(foreign_net("")) | {"extra.weight": np.zeros((14, 12, 1, 1), np.float32)}
    assert refusal_of(state) == (
        "net.pth: found 6 convolutions, of which extra (14 x 12 x 1 x 1) is the first that no layer takes, "
        "expected the 5 of the .cfg; give the .cfg of the network that this file was trained as"
    )


def test_a_batch_norm_without_a_convolution_is_refused():
    state = OrderedDict(
        (name, array) for name, array in state_of(foreign_net("")).items() if "stem.layers.0" not in name
    )
    assert refusal_of(state) == (
        "net.pth: found a batch norm of 8 channels, stem.layers.1, expected a convolution of as many filters before it; "
        "this can't be converted"
    )


def test_a_network_with_a_batch_norm_of_its_own_is_refused():
    network = Network(NETWORK.input, (BatchNorm(), Convolutional()))
    assert refusal_of(state_of(foreign_net("")), network).startswith(
        "net.pth: found a batch norm of its own in layer 0"
    )


@pytest.mark.parametrize("leaf, number", [("stem.layers.0.weight", np.nan), ("side.layers.1.running_var", -1), ("head.bias", np.inf)])  # fmt: skip
def test_bad_numbers_are_refused_by_name(leaf, number):
    state = state_of(foreign_net(""))
    state[leaf].flat[0] = number
    assert refusal_of(state) == (
        f"net.pth: found NaN, infinity or a negative variance in {leaf}, expected finite numbers; "
        "take a file of a training that went well"
    )


@pytest.mark.parametrize(
    "name, program",
    [
        ("convsets_1.0.convs.0.weight", "yjh0410/PyTorch_YOLOv2"),
        ("passthrough.conv.weight", "ruiminshen/yolo2-pytorch"),
    ],
)
def test_a_program_with_another_head_is_refused(name, program):
    assert refusal_of({name: np.zeros((1, 1, 1, 1), np.float32)}) == (
        f"net.pth: found a file of {program}, whose head orders its channels otherwise, on an input with a mean "
        "subtracted, expected a network for RGB from 0 to 1; this can't be converted"
    )


# --- the process of its own -------------------------------------------------------------------------------------------


def test_a_file_gives_its_tensors_in_their_order(tmp_path):
    state = foreign_net("").state_dict()
    state["bf16"] = torch.tensor([1.5, -2], dtype=torch.bfloat16)
    state["f64"] = torch.tensor(0.1, dtype=torch.float64)
    torch.save(state, tmp_path / "net.pth")
    found = read_state(tmp_path / "net.pth")
    assert list(found) == [name for name in state if "num_batches" not in name]
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["stem.layers.0.weight"], state["stem.layers.0.weight"])
    np.testing.assert_array_equal(found["bf16"], [1.5, -2])
    assert found["f64"].shape == ()


def test_a_whole_file_converts(tmp_path):
    net = foreign_net("tztztztztz/yolov2.pytorch")
    torch.save({"model": nn.DataParallel(net).state_dict(), "epoch": 3, "lr": 0.1}, tmp_path / "net.pth")
    found = read_foreign(tmp_path / "net.pth", NETWORK)
    assert found.program == "tztztztztz/yolov2.pytorch"
    assert raw_difference(net, found) < FLOAT32_NOISE


class Evil:
    """Unpickled as it is, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", ["zip", "old", "pickle"])
def test_code_in_a_file_never_runs(tmp_path, kind, protocol):
    proof, path = tmp_path / "it-ran", tmp_path / "net.pth"
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"state_dict": Evil(proof)}, protocol))
    else:
        torch.save({"state_dict": Evil(proof)}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=kind == "zip")  # fmt: skip
    with pytest.raises(ForeignError, match=rf"^{path}: found [^\n]*$"):
        read_state(path)
    assert not proof.exists()
    torch.load(path, weights_only=False) if kind != "pickle" else pickle.loads(path.read_bytes())
    assert proof.exists()  # it would have


def test_no_variable_of_the_environment_lets_code_run(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save({"state_dict": Evil(tmp_path / "it-ran")}, tmp_path / "net.pth")
    with pytest.raises(ForeignError, match=r"found a pickled object \(posix.mkdir\), which could run code, expected a state dict of tensors"):  # fmt: skip
        read_state(tmp_path / "net.pth")
    assert not (tmp_path / "it-ran").exists()


def test_variables_for_torch_load_do_not_get_in_the_way(tmp_path, monkeypatch):
    for name in ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"):  # both: torch.load gives up
        monkeypatch.setenv(name, "1")
    torch.save({"a.weight": torch.ones(2)}, tmp_path / "net.pth")
    assert read_state(tmp_path / "net.pth").keys() == {"a.weight"}


def fake_torch(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name in the way of the real one, for child processes."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("__version__ = '2.9.1+cpu'", "found torch 2.9.1+cpu, expected 2.10 or later, which opens files of strangers safely; pip install 'torch>=2.10'"),
        ("__version__ = '1.13'", "found torch 1.13, expected 2.10 or later, which opens files of strangers safely; pip install 'torch>=2.10'"),
        ("raise ImportError", "found no package torch, expected torch of 2.10 or later; pip install 'yolov2[train]'"),
        ("import os; os._exit(7)", "found an end with status 7 of the process that opened it, expected a state dict; take another file"),
        ("import os; os.kill(os.getpid(), 9)", "found an end with status -9 of the process that opened it, expected a state dict; take another file"),
    ],
    ids=["2.9", "1.13", "none", "exit", "killed"],
)  # fmt: skip
def test_another_torch_is_refused_and_opens_nothing(tmp_path, monkeypatch, text, expected):
    fake_torch(tmp_path, text, monkeypatch)
    (tmp_path / "net.pth").write_bytes(b"anything")
    with pytest.raises(ForeignError) as refusal:
        read_state(tmp_path / "net.pth")
    assert str(refusal.value) == f"{tmp_path / 'net.pth'}: {expected}"


def test_a_file_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    fake_torch(tmp_path, "import time\ntime.sleep(60)", monkeypatch)
    (tmp_path / "net.pth").write_bytes(b"anything")
    with pytest.raises(
        ForeignError, match=r": found an end after 0.5 s of the process that opened it, expected a state dict; "
    ):
        read_state(tmp_path / "net.pth", timeout_s=0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's memory here")
def test_a_small_file_that_claims_much_is_refused(tmp_path):
    torch.save({"a.weight": torch.zeros(1).expand(2**29)}, tmp_path / "net.pth")  # 4 bytes, shown as 2 GiB
    with pytest.raises(
        ForeignError, match=r": found more numbers than its length allows for, expected numbers that are"
    ):
        read_state(tmp_path / "net.pth")


def test_the_folder_one_stands_in_is_not_searched_for_modules(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise SystemExit(9)")
    torch.save({"a.weight": torch.ones(2)}, tmp_path / "net.pth")
    monkeypatch.chdir(tmp_path)
    assert read_state(Path("net.pth")).keys() == {"a.weight"}


@pytest.mark.parametrize("name, found", [("missing", "no such file"), ("", "a folder")])
def test_what_is_no_file_is_refused_without_a_process(tmp_path, name, found):
    with pytest.raises(ForeignError) as refusal:
        read_state(tmp_path / name)
    assert str(refusal.value) == f"{tmp_path / name}: found {found}, expected a .pth or .pt file; check the path"


# --- what the child finds, here without a process ---------------------------------------------------------------------

STATE = {"a.weight": torch.ones(2, 2)}
FOUND = {
    "plain": STATE,
    "ordered": OrderedDict(STATE),
    "state_dict": {"state_dict": STATE, "optimizer": {"state": {0: torch.ones(3)}}},
    "model": {"epoch": 1, "model": STATE, "best": torch.tensor(0.5)},
    "nested": {"model": {"state_dict": STATE}},
    "counters": STATE | {"n": torch.tensor(3), "note": "text"},
}


@pytest.mark.parametrize("name", FOUND)
def test_the_state_dict_is_found_where_training_puts_it(tmp_path, name):
    torch.save(FOUND[name], tmp_path / "net.pth")
    assert foreign_child._convert(TORCH, str(tmp_path / "net.pth"), str(tmp_path / "out")) == ["a.weight"]


def old_format(path: Path) -> bytes:
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def new_format(path: Path, saved: object = STATE) -> bytes:
    torch.save(saved, path)
    return path.read_bytes()


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.txt", "hello")
    return path.read_bytes()


STATE_DICT = "a state dict of tensors, as torch.save(model.state_dict(), FILE) writes"
SAVE_AGAIN = "save model.state_dict() with the program that trained it"
BAD = {
    "empty": (lambda path: b"", "an empty file"),
    "text": (lambda path: b"hello world\n", "no file of torch.save (KeyError)"),
    "german": (lambda path: b"einfach", "no file of torch.save (IndexError)"),
    "page": (lambda path: b"<!doctype html><html>", "no file of torch.save (UnpicklingError)"),
    "cut": (lambda path: new_format(path)[:-100], "a damaged file of torch.save (RuntimeError)"),
    "cut old": (lambda path: old_format(path)[:-10], "a damaged file of torch.save (RuntimeError)"),
    "zip": (zipped, "a damaged file of torch.save (RuntimeError)"),
    "numbers": (lambda path: struct.pack("<1000f", *range(1000)), "no file of torch.save (UnpicklingError)"),
    "module": (lambda path: new_format(path, nn.Conv2d(1, 1, 1)), "a pickled object (torch.nn.modules.conv.Conv2d), which could run code"),
    "list": (lambda path: new_format(path, [torch.ones(1)]), "an object of list"),
    "tensor": (lambda path: new_format(path, torch.ones(1)), "an object of Tensor"),
    "nothing": (lambda path: new_format(path, {}), "no tensors, but nothing"),
    "settings": (lambda path: new_format(path, {"epoch": 1, "lr": 0.1}), "no tensors, but epoch, lr"),
    "integers": (lambda path: new_format(path, {"a": torch.ones(3, dtype=torch.int32)}), "no tensors, but a"),
    "sparse": (lambda path: new_format(path, {"a": torch.eye(3).to_sparse()}), "a sparse or quantised tensor, a"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(tmp_path, name):
    write, found = BAD[name]
    path = tmp_path / "net.pth"
    path.write_bytes(write(path))
    with pytest.raises(foreign_child.Refusal) as refusal:
        foreign_child._convert(TORCH, str(path), str(tmp_path / "out"))
    assert refusal.value.args[0] == found
    assert all("\n" not in part for part in refusal.value.args)


def test_every_convolution_of_yolov2_voc_finds_its_layer():
    network = yolov2_voc()
    state = OrderedDict()
    for index, (name, shape) in network.parameters():
        array = np.broadcast_to(np.float32(0.5), shape)
        layer = network.layers[index]
        assert isinstance(layer, Convolutional)
        leaf = {"weights": "0.weight", "biases": "1.bias", "scales": "1.weight", "rolling_mean": "1.running_mean", "rolling_variance": "1.running_var"}[name]  # fmt: skip
        state[f"features.{index}.{leaf if layer.batch_normalize else leaf.replace('1.bias', '0.bias')}"] = array
    state = OrderedDict(sorted(state.items(), key=lambda item: (int(item[0].split(".")[1]), item[0])))
    found = convert_state(state, network, where="net.pth")
    assert len(found.matches) == 23
    assert all(match.note == "" for match in found.matches)
