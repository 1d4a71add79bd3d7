"""yolov2.standin.weight_files: .weights files made of others, by Darknet's own command lines."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from voices import FakeVoice
from yolov2.darknet.cfg import parse_cfg, read_cfg
from yolov2.darknet.surgery import average, denormalised, normalised, reset, swapped_rgb
from yolov2.darknet.weights import Weights, read_weights
from yolov2.errors import ModelError, OutputError, WeightsError, Yolov2Error, printable
from yolov2.standin.darknet import run

SEED = 50_001
TWO_LAYERS = "51cc50580d2e7deafb69299972ee0e95b39269b6b7c8a1dcf3583a36eda49545"  # golden/i_weights, of two layers


@pytest.fixture
def folder(small_golden: Path, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with net.cfg and two files of weights for it, which have seen 100 and 200 pictures."""
    text = (small_golden / "i_weights/net.cfg").read_text()
    (tmp_path / "net.cfg").write_text(text)
    (tmp_path / "a.weights").write_bytes(recipe.seeded_weights(text, SEED, version=(0, 1, 0), seen=100))
    (tmp_path / "b.weights").write_bytes(recipe.seeded_weights(text, SEED + 1, seen=200))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def darknet(line: str) -> FakeVoice:
    """What is heard of a line that ends well."""
    voice = FakeVoice()
    assert run(line.split(), voice.voice) == 0
    return voice


def refusal(line: str, kind: type[Yolov2Error] = Yolov2Error) -> str:
    with pytest.raises(kind) as caught:
        run(line.split(), FakeVoice().voice)
    return str(caught.value)


def seen_by(path: str) -> tuple[tuple[int, int, int], int]:
    """The version and the count in the header of a file that Darknet wrote."""
    major, minor, revision, seen = struct.unpack("<3iQ", Path(path).read_bytes()[:20])
    return (major, minor, revision), seen


def assert_same(found: Weights, expected: Weights) -> None:
    for index, (mine, theirs) in enumerate(zip(found.layers, expected.layers, strict=True)):
        assert set(mine) == set(theirs), index
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine), index


# --- what is written --------------------------------------------------------------------------------------------------


def test_partial_writes_the_bytes_that_darknet_writes_but_for_the_count(folder, recipe, small_golden):
    Path("b.weights").write_bytes(recipe.seeded_weights(Path("net.cfg").read_text(), SEED, seen=123456789012))
    voice = darknet("partial net.cfg b.weights out.weights 2")
    found = Path("out.weights").read_bytes()
    assert seen_by("out.weights") == ((0, 2, 0), 0)
    counted = found[:12] + struct.pack("<Q", 123456789012) + found[20:]  # Darknet's own file of these layers has it
    assert hashlib.sha256(counted).hexdigest() == TWO_LAYERS
    assert voice.told[-2:] == ["Loading weights from b.weights...Done!", "Saving weights to out.weights"]
    assert (voice.said, voice.noted) == ([], [])


def test_partial_of_more_layers_than_there_are_writes_all_and_says_so(folder):
    voice = darknet("partial net.cfg a.weights out.weights 99")
    assert Path("out.weights").read_bytes()[20:] == Path("a.weights").read_bytes()[16:]
    assert voice.noted == ["N 99 is more than the 7 layers there are: all are written"]


def test_average_writes_the_mean_of_any_number_of_files(folder):
    network = read_cfg(Path("net.cfg"))
    darknet("average net.cfg out.weights a.weights b.weights a.weights")
    files = [read_weights(name, network) for name in ("a.weights", "b.weights", "a.weights")]
    assert_same(read_weights("out.weights", network), average(files, network))
    assert seen_by("out.weights") == ((0, 2, 0), 100)
    darknet("average net.cfg out.weights a.weights b.weights")  # and again, over it: Darknet does not ask either
    assert seen_by("out.weights") == ((0, 2, 0), 200)


def test_denormalize_writes_no_batch_norm_and_says_which_cfg_fits(folder):
    network = read_cfg(Path("net.cfg"))
    voice = darknet("denormalize net.cfg a.weights out.weights")
    without = Path("net.cfg").read_text().replace("batch_normalize=1", "batch_normalize=0")
    fitting = parse_cfg(without, Path("without.cfg"))
    assert_same(read_weights("out.weights", fitting), denormalised(read_weights("a.weights", network), network))
    assert seen_by("out.weights") == ((0, 2, 0), 100)
    assert voice.noted == [
        "out.weights does not fit net.cfg, but a copy of it with batch_normalize=0 in layers 0, 2, 4"
    ]


def test_normalize_writes_batch_norm_everywhere_and_says_which_cfg_fits(folder):
    network = read_cfg(Path("net.cfg"))
    voice = darknet("normalize net.cfg a.weights out.weights")
    text = Path("net.cfg").read_text().replace("batch_normalize=1\n", "")
    for section in ("[convolutional]\n", "[connected]\n"):
        text = text.replace(section, f"{section}batch_normalize=1\n")
    fitting = parse_cfg(text, Path("with.cfg"))
    assert_same(read_weights("out.weights", fitting), normalised(read_weights("a.weights", network), network))
    assert voice.noted == ["out.weights does not fit net.cfg, but a copy of it with batch_normalize=1 in layers 1, 5"]


def test_a_network_without_batch_norm_is_denormalized_to_itself(folder):
    text = Path("net.cfg").read_text().replace("batch_normalize=1", "batch_normalize=0")
    Path("plain.cfg").write_text(text)
    darknet("denormalize net.cfg a.weights plain.weights")
    voice = darknet("denormalize plain.cfg plain.weights again.weights")
    assert Path("again.weights").read_bytes() == Path("plain.weights").read_bytes()
    assert voice.noted == ["again.weights fits plain.cfg as it is"]


@pytest.mark.parametrize("command, change", [("reset", reset), ("rgbgr", swapped_rgb)])
def test_reset_and_rgbgr_write_weights_for_the_same_cfg(folder, command, change):
    network = read_cfg(Path("net.cfg"))
    voice = darknet(f"{command} net.cfg a.weights out.weights")
    assert_same(read_weights("out.weights", network), change(read_weights("a.weights", network), network))
    assert Path("out.weights").read_bytes()[20:] != Path("a.weights").read_bytes()[16:]
    assert seen_by("out.weights") == ((0, 2, 0), 100)
    assert voice.noted == []


# --- ops --------------------------------------------------------------------------------------------------------------


@pytest.mark.golden
@pytest.mark.parametrize("name", ["yolov2-voc_416x416", "yolov2-tiny_416x416", "darknet19_256x256"])
def test_ops_prints_the_operations_that_darknet_counts_and_its_table(models, small_golden, tmp_path, name):
    case = json.loads((small_golden / "j_cfg_summary/summary.json").read_text())[name]
    cfg = models / "darknet-cfg" / Path(case["cfg"]).name
    voice = darknet(f"ops {cfg}")
    assert voice.said == [
        f"Floating Point Operations: {round(case['total_conv_bflops'] * 1e9)}",
        f"Floating Point Operations: {case['total_conv_bflops']:.2f} Bn",
    ]
    assert "\n".join(voice.told).splitlines()[: len(case["printed_table"])] == case["printed_table"]


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["0", "two", "1.5", "²", "9" * 5000])
def test_partial_wants_a_number_of_layers(folder, number):
    assert refusal(f"partial net.cfg a.weights out.weights {number}") == (
        f"darknet partial: found N {printable(number, longest=40)}, expected a whole number from 1 to 7, how many layers to keep; "
        "write, say, 7 for all"
    )
    assert not Path("out.weights").exists()


@pytest.mark.parametrize(
    "line, out, source",
    [
        ("partial net.cfg a.weights a.weights 2", "a.weights", "a.weights"),
        ("average net.cfg ./b.weights a.weights b.weights", "./b.weights", "b.weights"),
        ("denormalize net.cfg a.weights net.cfg", "net.cfg", "net.cfg"),
        ("rgbgr net.cfg a.weights link.weights", "link.weights", "a.weights"),
        ("reset net.cfg a.weights hard.weights", "hard.weights", "a.weights"),
    ],
)
def test_no_command_writes_over_what_it_reads(folder, line, out, source):
    Path("link.weights").symlink_to("a.weights")
    Path("hard.weights").hardlink_to("a.weights")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert refusal(line, OutputError) == (
        f"{out}: found the name of an input, {source}, expected a file that this command does not read; "
        "choose another name"
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_weights_of_another_network_leave_nothing_behind(folder):
    Path("short.weights").write_bytes(Path("a.weights").read_bytes()[:-4])
    message = refusal("average net.cfg out.weights a.weights short.weights", WeightsError)
    assert message.startswith("short.weights: found 552 floats (they end in weights of layer 5 [connected], after 34")
    assert not Path("out.weights").exists()


def test_rgbgr_wants_three_channels(folder):
    Path("grey.cfg").write_text("[net]\nwidth=4\nheight=4\nchannels=1\n[convolutional]\nfilters=1\n")
    Path("grey.weights").write_bytes(struct.pack("<3iQ2f", 0, 2, 0, 0, 1, 1))
    assert refusal("rgbgr grey.cfg grey.weights out.weights", ModelError) == (
        "grey: found 1 channel into its first convolution, expected 3, for red, green, blue; "
        "use the weights as they are: there is nothing to swap"
    )
    assert not Path("out.weights").exists()


@pytest.mark.parametrize(
    "line, words",
    [("partial net.cfg a.weights out.weights", "CFG WEIGHTS OUT N"), ("average net.cfg out.weights", "CFG OUT WEIGHTS...")],
)  # fmt: skip
def test_a_line_that_is_too_short_says_what_belongs_into_it(folder, line, words):
    assert refusal(line).endswith(f"; write darknet {line.split()[0]} {words}")
