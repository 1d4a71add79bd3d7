"""Paths and buffers to a Net, and the broken ones refused."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from opencv_nets import NET, blob, conv, detector, net_of, weights_for
from yolov2.errors import CfgError, ModelError, WeightsError
from yolov2.opencv import reading
from yolov2.opencv.reading import _threshold, readNet

readNetFromDarknet: Any = reading.readNetFromDarknet  # called wrongly on purpose, too

FLOAT32_NOISE = 1e-6


@pytest.fixture
def files(tmp_path):
    """A .cfg and a .weights of one network."""
    cfg, weights = tmp_path / "a.cfg", tmp_path / "a.weights"
    cfg.write_text(detector())
    weights.write_bytes(weights_for(detector()))
    return cfg, weights


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    """Where the prepared networks of a test are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "yolov2" / "graphs"


def rows_of(net):
    net.setInput(blob())
    return net.forward()


def as_array(data):
    return np.frombuffer(data, np.uint8)


@pytest.mark.parametrize(
    "cfg_as, weights_as",
    [
        (str, str),
        (Path, Path),
        (Path.read_bytes, Path.read_bytes),
        (lambda path: bytearray(path.read_bytes()), lambda path: memoryview(path.read_bytes())),
        (lambda path: as_array(path.read_bytes()), lambda path: as_array(path.read_bytes())),
        (lambda path: as_array(path.read_bytes())[:, None], str),
        (str, lambda path: as_array(path.read_bytes()).view(np.int8)),
    ],
)
def test_paths_and_buffers_give_the_same_net(files, cfg_as, weights_as):
    expected = rows_of(net_of(detector()))
    cfg, weights = files
    np.testing.assert_array_equal(rows_of(readNetFromDarknet(cfg_as(cfg), weights_as(weights), threads=1)), expected)


def test_opencvs_keywords_are_taken(files):
    cfg, weights = files
    expected = rows_of(net_of(detector()))
    by_name = readNetFromDarknet(cfgFile=str(cfg), darknetModel=str(weights), threads=1)
    by_buffer = readNetFromDarknet(bufferCfg=cfg.read_bytes(), bufferModel=weights.read_bytes(), threads=1)
    np.testing.assert_array_equal(rows_of(by_name), expected)
    np.testing.assert_array_equal(rows_of(by_buffer), expected)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_weights_are_no_weights(files, nothing):
    assert readNetFromDarknet(files[0], nothing).loaded.weights is None


def test_weights_that_changed_after_they_were_read_are_refused_where_they_are_needed_again(files):
    cfg, weights = files
    net = readNetFromDarknet(cfg, weights, threads=1, cache=False)
    net.setInput(blob())
    net.forward()
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    net.setInput(blob(height=16))
    with pytest.raises(WeightsError) as refusal:
        net.forward()
    assert str(refusal.value) == (
        f"{weights}: found another file by now, expected the weights that were read; read the network anew"
    )


def test_read_net_takes_the_files_in_either_order(files):
    cfg, weights = map(str, files)
    for net in (
        readNet(cfg, weights),
        readNet(weights, cfg),
        readNet(model=weights, config=cfg, framework="Darknet"),
        readNet("darknet", files[1].read_bytes(), files[0].read_bytes()),
    ):
        assert net.loaded.network.region.classes == 4
        assert net.loaded.weights is not None
    assert readNet(cfg).loaded.weights is None


def test_read_net_of_weights_alone_asks_for_the_cfg(files):
    said = f"readNet: found {files[1]} alone, expected its .cfg, too; give the .cfg as the second argument"
    with pytest.raises(ModelError, match=f"^{re.escape(said)}$") as info:
        readNet(str(files[1]))
    assert isinstance(info.value, cv2.error)


def test_other_networks_are_opencvs_own_business(tmp_path):
    with pytest.raises(cv2.error, match="Cannot determine an origin framework"):
        readNet(str(tmp_path / "a.xyz"))


@pytest.mark.parametrize(
    "said, expected",
    [
        ("", 0.001),
        ("thresh=.6\n", 0.6),
        ("thresh = 0\n", 0.0),
        ("thresh=.2\nthresh=.3\n", 0.2),
        ("#thresh=.6\n", 0.001),
    ],
)
def test_the_threshold_is_that_of_the_cfg_and_else_opencvs(said, expected):
    assert _threshold(f"[net]\nthresh=.9\n[region]\nnum=1\n{said}[cost]\nthresh=.7\n") == expected


VARIANCES = np.array([0, 1e-8, 1e-6, 1e-2], np.float32)
ADDED = {"opencv": lambda v: np.sqrt(v + 1e-6), "gpu": lambda v: np.sqrt(v + 1e-5), "cpu": lambda v: np.sqrt(v) + 1e-6}


@pytest.mark.parametrize("arithmetic", ADDED)
def test_batch_norm_divides_as_the_chosen_program_does(arithmetic):
    text = "[net]\nwidth=1\nheight=1\nchannels=1\n" + conv(norm=True)
    zeros, ones = np.zeros(4, "<f4"), np.ones(4, "<f4")
    data = weights_for(text)[:20] + b"".join(part.tobytes() for part in (zeros, ones, zeros, VARIANCES, ones))
    net = readNetFromDarknet(text.encode(), data, arithmetic=arithmetic, cache=False)
    net.setInput(np.ones((1, 1, 1, 1), np.float32))
    expected = 1 / ADDED[arithmetic](VARIANCES.astype(np.float64))
    np.testing.assert_allclose(net.forward().ravel(), expected, rtol=FLOAT32_NOISE)


def test_prepared_networks_are_kept_with_those_of_the_command_line(files, cache_folder, tmp_path):
    rows_of(readNetFromDarknet(*files, cache=False))
    assert not cache_folder.exists()
    rows_of(readNetFromDarknet(*files, cache=tmp_path / "elsewhere"))
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert not cache_folder.exists()
    rows_of(readNetFromDarknet(*files))
    assert len(list(cache_folder.iterdir())) == 1


def test_inner_layers_are_not_kept(files, cache_folder):
    net = readNetFromDarknet(*files)
    net.setInput(blob())
    net.forward("bn_0")
    assert not cache_folder.exists()


def test_a_buffer_may_change_after_it_was_read(files):
    data = bytearray(files[1].read_bytes())
    net = readNetFromDarknet(files[0], data, threads=1)
    data[20:] = bytes(len(data) - 20)
    np.testing.assert_array_equal(rows_of(net), rows_of(net_of(detector())))


BROKEN = [
    (lambda data: data[:-4], r"buffer.weights: found 374 floats \(they end in weights of layer 1 \[convolutional\], after 161 of 162\), expected 375 for buffer.cfg; "),
    (lambda data: data + bytes(8), r"buffer.weights: found 377 floats \(2 after the last layer\), expected 375 for buffer.cfg; "),
    (lambda data: data[:10], r"buffer.weights: found 10 bytes, expected a header of 16 or 20 bytes and 375 floats for buffer.cfg; copy it again$"),
    (lambda data: b"", r"buffer.weights: found an empty file, expected a header of 16 or 20 bytes and 375 floats for buffer.cfg; copy it again$"),
    (lambda data: data[:20] + b"\xff" * 4 + data[24:], r"buffer.weights: found NaN in biases of layer 0 \[convolutional\], expected finite numbers; "),
]  # fmt: skip


@pytest.mark.parametrize("break_it, said", BROKEN)
def test_weights_that_opencv_reads_without_a_word_are_refused(break_it, said):
    with pytest.raises(WeightsError, match=f"^{said}") as info:
        readNetFromDarknet(detector().encode(), break_it(weights_for(detector())), cache=False)
    assert isinstance(info.value, cv2.error)


@pytest.mark.parametrize(
    "cfg, said",
    [
        (b"", "buffer.cfg: found nothing, expected a .cfg file; give another file"),
        (b"hello\n", 'buffer.cfg:1: found "hello", expected [net] before any option; begin the file with [net]'),
        (b"[net]\0", "buffer.cfg: found binary data, expected a .cfg file; give another file"),
    ],
)
def test_what_is_no_cfg_is_refused(cfg, said):
    with pytest.raises(CfgError, match=f"^{re.escape(said)}$") as info:
        readNetFromDarknet(cfg)
    assert isinstance(info.value, cv2.error)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: readNetFromDarknet(), "readNetFromDarknet: found no cfg, expected a path or a buffer"),
        (lambda: readNetFromDarknet(5), "buffer: found int, expected a path, bytes or an array of uint8"),
        (lambda: readNetFromDarknet(np.zeros(3)), "buffer: found an array of float64, expected uint8"),
        (
            lambda: readNetFromDarknet(b"", arithmetic="tpu"),
            "arithmetic: found 'tpu', expected one of opencv, gpu, cpu",
        ),
    ],
)
def test_a_wrong_call_is_a_value_error(call, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        call()


def test_threads_are_those_of_opencv_if_it_was_told(monkeypatch):
    from yolov2.opencv import runner

    monkeypatch.setattr(runner.cv2, "getNumberOfCPUs", lambda: 8)
    monkeypatch.setattr(runner.cv2, "getNumThreads", lambda: 8)
    assert runner._threads() is None
    monkeypatch.setattr(runner.cv2, "getNumThreads", lambda: 3)
    assert runner._threads() == 3


def test_a_tree_is_found_beside_the_cfg_or_given(tmp_path):
    text = NET + conv(7) + "[region]\nanchors=1,1\nnum=1\nclasses=2\nsoftmax=1\ntree=two.tree\n"
    (tmp_path / "a.cfg").write_text(text)
    data = weights_for(text)
    with pytest.raises(ModelError, match=r"expected its tree"):
        readNetFromDarknet(tmp_path / "a.cfg", data)
    (tmp_path / "two.tree").write_text("a -1\nb 0\n")
    assert len(readNetFromDarknet(tmp_path / "a.cfg", data).loaded.tree) == 2
    assert len(readNetFromDarknet(text.encode(), data, tree=tmp_path / "two.tree").loaded.tree) == 2
