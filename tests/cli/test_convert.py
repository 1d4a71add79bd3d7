"""`yolov2 convert` from the command line to the files that it leaves."""

import errno
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from foreign_nets import NETWORK, foreign_net
from yolov2.checkpoint.file import read_checkpoint
from yolov2.cli import main as program
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.weights import initial_weights, read_weights, write_weights
from yolov2.network.layers import Reorg
from yolov2.zoo.registry import ZOO

NAMES = "dog\nblack cat\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder to stand in, with a model of Darknet's files."""
    monkeypatch.setitem(program.COMMANDS, "convert", "yolov2.cli.convert")
    monkeypatch.chdir(tmp_path)
    Path("my.cfg").write_text(format_cfg(NETWORK))
    Path("my.names").write_text(NAMES)
    write_weights("my.weights", initial_weights(NETWORK), NETWORK)
    return tmp_path


def convert(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        program.main(["convert", *arguments])
    return int(end.value.code or 0)


def test_a_cfg_becomes_a_checkpoint_with_all_that_is_known(folder, capsys):
    assert convert("my.cfg", "my.safetensors", "--conf", "dog=0.4", "--arithmetic", "cpu", "--resize", "stretch") == 0
    found = read_checkpoint("my.safetensors")
    assert (found.network.arithmetic, found.preprocessing.resize) == ("cpu", "stretch")
    assert (found.names, found.thresholds) == (("dog", "black cat"), {"dog": 0.4})
    assert capsys.readouterr().out == f"wrote my.safetensors  SHA-256 {found.sha256}\n"


def test_there_and_back_gives_the_same_weights_and_names(folder):
    assert convert("my.cfg", "a.safetensors") == 0
    assert convert("a.safetensors", "b.cfg") == 0
    assert Path("b.weights").read_bytes() == Path("my.weights").read_bytes()
    assert Path("b.names").read_text() == NAMES
    assert read_cfg(Path("b.cfg")) == NETWORK


def test_the_bundled_model_keeps_what_its_checkpoint_says(folder, capsys):
    path = ZOO["nano-voc"].bundled
    assert path is not None
    bundled = read_checkpoint(path)
    assert convert("nano-voc", "same.safetensors", "--half") == 0
    assert read_checkpoint("same.safetensors").sha256 == bundled.sha256
    assert convert("nano-voc", "plain.cfg") == 0
    assert "warning: a .cfg can't say: thresholds, the training recipe\n" in capsys.readouterr().err
    assert convert("nano-voc", "b.safetensors", "--names", "my.names") == 2
    assert "--names does nothing for a SOURCE like nano-voc" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["out/new/b.cfg", "out/new/b.safetensors"])
def test_the_folder_of_the_target_is_made(folder, target):
    assert convert("my.cfg", target) == 0
    assert Path(target).is_file()


def test_half_halves_the_file(folder):
    convert("my.weights", "a.safetensors")
    convert("a.safetensors", "h.safetensors", "--half")
    full, half = (sum(len(array) for array in kernels(Path(f"{name}.safetensors"))) for name in "ah")
    assert half * 2 == full


def kernels(path: Path) -> list[bytes]:
    """The bytes of every kernel in a checkpoint."""
    data = path.read_bytes()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    fields = json.loads(data[8:end])
    offsets = [fields[name]["data_offsets"] for name in fields if name.endswith(".weights")]
    return [data[end + start : end + stop] for start, stop in offsets]


def test_a_foreign_file_becomes_a_checkpoint_with_a_report(folder, capsys):
    net = foreign_net("tztztztztz/yolov2.pytorch")
    torch.save({"model": net.state_dict(), "epoch": 160}, "theirs.pth")
    assert convert("theirs.pth", "my.safetensors", "--cfg", "my.cfg") == 0
    report = capsys.readouterr().out.splitlines()
    assert report[0] == "layer  0 [convolutional] 8 x 3 x 3 x 3 <- conv1.0.0 + conv1.0.1"
    assert "recognised as a file of tztztztztz/yolov2.pytorch" in report
    found = read_checkpoint("my.safetensors")
    assert found.network.layers[5] == Reorg(stride=2, legacy=False)
    assert (found.preprocessing.resize, found.names) == ("stretch", ("dog", "black cat"))
    np.testing.assert_array_equal(found.weights.layers[8]["weights"], net.parts[4][0].weight.detach())


def test_a_foreign_file_becomes_darknets_files(folder):
    torch.save(foreign_net("").state_dict(), "theirs.pt")
    assert convert("theirs.pt", "new.weights", "--cfg", "my.cfg", "--reorg", "plain") == 0
    network = read_cfg(Path("new.cfg"))
    assert network.layers[5] == Reorg(stride=2, legacy=False)
    assert read_weights("new.weights", network).seen == 0


def test_json_has_the_report_too(folder, capsys):
    torch.save(foreign_net("").state_dict(), "theirs.pt")
    convert("theirs.pt", "my.safetensors", "--cfg", "my.cfg", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["source"], answer["written"]) == ("theirs.pt", ["my.safetensors"])
    assert answer["sha256"] == read_checkpoint("my.safetensors").sha256
    sources = [layer["sources"] for layer in answer["layers"]]
    assert sources[0] == ["stem.layers.0", "stem.layers.1"]
    assert len(answer["notes"]) == 2


def test_what_a_cfg_can_not_say_is_told(folder, capsys):
    convert("my.cfg", "a.safetensors", "--arithmetic", "cpu", "--conf", "0.3")
    convert("a.safetensors", "b.cfg")
    assert capsys.readouterr().err.splitlines()[-1] == (
        "warning: a .cfg can't say: batch norm of Darknet's CPU program (give --arithmetic cpu), thresholds"
    )


@pytest.mark.parametrize("there", ["b.cfg", "b.weights", "b.names"])
def test_a_file_that_is_there_stays(folder, capsys, there):
    convert("my.cfg", "a.safetensors")
    Path(there).write_text("precious")
    assert convert("a.safetensors", "b.cfg") == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"yolov2: {there}: found a file, expected a new name; choose another name, or add --force to replace it"
    )
    assert Path(there).read_text() == "precious"
    assert [path.name for path in folder.glob("b.*")] == [there]
    assert convert("a.safetensors", "b.cfg", "--force") == 0


REFUSED = {
    "my.cfg out.onnx": "Error: TARGET ends in .safetensors, .cfg or .weights, not in '.onnx'.",
    "my.cfg out.cfg --half": "Error: --half is for a TARGET of .safetensors.",
    "their.pth out.safetensors": "Error: A .pth or .pt file has no network in it: give --cfg FILE.",
    "my.cfg out.safetensors --reorg plain": "Error: --reorg does nothing for a SOURCE like my.cfg.",
    "a.safetensors out.cfg --names my.names": "Error: --names does nothing for a SOURCE like a.safetensors.",
    "their.pth out.safetensors --cfg my.cfg --arithmetic gpu": "Error: --arithmetic does nothing for a SOURCE like their.pth.",
    "their.pth out.safetensors --cfg my.cfg": "yolov2: their.pth: found no such file, expected a .pth or .pt file; check the path",
    "a.safetensors out.cfg": "yolov2: a.safetensors: found no such file, expected a safetensors file; check the path",
    "my.cfg out.safetensors --conf wolf=0.2": "yolov2: --conf: found 'wolf', expected names of classes",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_can_not_be_done_is_refused_and_leaves_nothing(folder, capsys, line):
    before = set(folder.iterdir())
    assert convert(*line.split()) == 2
    assert capsys.readouterr().err.splitlines()[-1] == REFUSED[line]
    assert set(folder.iterdir()) == before


def test_a_folder_that_may_not_be_entered_is_refused_in_the_house_form(folder, capsys, monkeypatch):
    is_file, may_open = Path.is_file, open

    def refuse_locked(path):
        if Path(path).parent.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def asked(path, **how):
        refuse_locked(path)
        return is_file(path, **how)

    def opened(path, *how, **more):
        refuse_locked(path)
        return may_open(path, *how, **more)

    monkeypatch.setattr(Path, "is_file", asked)
    monkeypatch.setattr("yolov2.files.open", opened, raising=False)
    for target in ("locked/a.cfg", "locked/a.safetensors"):
        assert convert("my.cfg", target, "--names", "my.names") == 2
        name = target.replace(".cfg", ".weights")
        found, repair = "no permission to write here", "expected a folder to write into; choose another one"
        assert capsys.readouterr().err == f"yolov2: {name}: found {found}, {repair}\n"
