"""OpenCV 4's `readNetFromDarknet` and `readNet`: paths or buffers to a Net, checked as this package checks files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.backends.graph_cache import default_cache
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.sections import option_lines
from yolov2.darknet.text import decode_text, read_text
from yolov2.darknet.weights import Weights, parse_weights, read_weights
from yolov2.detect.fitting import check_tree
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_tree
from yolov2.errors import CfgError, ModelError, WeightsError, printable
from yolov2.network.spec import Network
from yolov2.opencv.loaded import ARITHMETICS, Arithmetic, Held, Loaded, with_arithmetic
from yolov2.opencv.net import Net
from yolov2.opencv.refusals import refusals

Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]
Given: TypeAlias = str | os.PathLike[str] | Buffer

DARKNET = "darknet"
THRESHOLD = 0.001  # OpenCV's, for a [region] without thresh=
CFG_BUFFER, WEIGHTS_BUFFER = Path("buffer.cfg"), "buffer.weights"  # what messages call them


def readNetFromDarknet(
    cfgFile: Given | None = None,
    darknetModel: Given | None = None,
    *,
    bufferCfg: Buffer | None = None,
    bufferModel: Buffer | None = None,
    arithmetic: Arithmetic = "opencv",
    cache: str | os.PathLike[str] | bool = True,
    threads: int | None = None,
    tree: str | os.PathLike[str] | None = None,
) -> Net:
    """The Net of a Darknet .cfg and .weights, each a path or the bytes of the file.

    Without weights the Net has names and shapes, and can't run.
    The options after `bufferModel` are ours. arithmetic: "opencv" gives OpenCV 4's numbers, "gpu" and "cpu" those of
    Darknet's two programs. cache: a folder for prepared networks; True is that of the command line, False none.
    threads: None follows `cv2.setNumThreads`. tree: the .tree file, where it does not lie where the .cfg says.
    Raises CfgError, WeightsError and other Yolov2Errors, each also a `cv2.error`; ValueError for a wrong call.
    """
    cfg = cfgFile if cfgFile is not None else bufferCfg
    weights = darknetModel if darknetModel is not None else bufferModel
    if cfg is None:
        raise ValueError("readNetFromDarknet: found no cfg, expected a path or a buffer")
    if arithmetic not in ARITHMETICS:
        raise ValueError(f"arithmetic: found {arithmetic!r}, expected one of {', '.join(ARITHMETICS)}")
    with refusals("readNetFromDarknet"):
        loaded = _load(cfg, None if isinstance(weights, str) and not weights else weights, arithmetic, tree)
    kept = (default_cache() if cache else None) if isinstance(cache, bool) else Path(cache)
    return Net(loaded, cache=kept, threads=threads)


def readNet(model: Any, config: Any = "", framework: Any = "") -> Any:
    """The Net of `readNetFromDarknet` for a .cfg and a .weights in either order; else what `cv2.dnn.readNet` gives.

    Also as readNet(framework, bufferModel, bufferConfig), where the framework is "darknet".
    """
    if isinstance(model, str) and model.lower() == DARKNET:  # the overload for buffers
        return readNetFromDarknet(framework, config)
    if not is_darknet(model, config, framework):
        return cv2.dnn.readNet(model, config, framework)
    first, second = str(model), str(config)
    cfg, weights = (first, second) if _suffix(first) == ".cfg" or _suffix(second) == ".weights" else (second, first)
    if not cfg:
        found, expected = f"{printable(weights)} alone", "its .cfg, too"
        with refusals("readNet"):
            raise ModelError.at(
                "readNet", found=found, expected=expected, repair="give the .cfg as the second argument"
            )
    return readNetFromDarknet(cfg, weights or None)


def is_darknet(model: Any, config: Any = "", framework: Any = "") -> bool:
    """Whether these arguments of `readNet` mean a Darknet network."""
    return str(framework).lower() == DARKNET or any(_suffix(path) in (".cfg", ".weights") for path in (model, config))


def _suffix(path: Any) -> str:
    return Path(str(cast(object, path))).suffix.lower() if isinstance(path, str | os.PathLike) else ""


def _load(cfg: Given, weights: Given | None, arithmetic: Arithmetic, tree: str | os.PathLike[str] | None) -> Loaded:
    path, text = _text(cfg)
    network = parse_cfg(text, path)
    files = ModelFiles(None if path is CFG_BUFFER else path, None, tree=None if tree is None else Path(tree))
    held = None
    if weights is not None:
        given, source = network, weights  # of which `network` is a changed one below

        stamp = _stamp(source)

        def read() -> Weights:
            if _stamp(source) != stamp:
                expected, repair = "the weights that were read", "read the network anew"
                raise WeightsError.at(str(source), found="another file by now", expected=expected, repair=repair)
            return with_arithmetic(given, _weights(source, given), arithmetic)[1]

        network, found = with_arithmetic(given, _weights(source, given), arithmetic)
        held = Held(found, read if isinstance(source, str | os.PathLike) else None)
    words = load_tree(files, network)
    check_tree(network, words, classes=network.num_classes)
    return Loaded(str(path), network, held, _threshold(text), words)


def _stamp(source: Given) -> tuple[int, ...] | None:
    """What tells a file from another of the same name; None for a buffer and for a file that is not there."""
    if not isinstance(source, str | os.PathLike):
        return None
    try:
        status = os.stat(source)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _text(cfg: Given) -> tuple[Path, str]:
    """What messages call the .cfg, and its text. Raises CfgError."""
    expected = "a .cfg file"
    if isinstance(cfg, str | os.PathLike):
        path = Path(cfg)
        return path, read_text(path, expected=expected, refusal=CfgError, tell_latin_1=False)
    data = bytes(_bytes(cfg))
    return CFG_BUFFER, decode_text(data, str(CFG_BUFFER), expected=expected, refusal=CfgError, tell_latin_1=False)


def _weights(weights: Given, network: Network) -> Weights:
    if isinstance(weights, str | os.PathLike):
        return read_weights(Path(weights), network)
    return parse_weights(_bytes(weights), network, name=WEIGHTS_BUFFER)


def _bytes(buffer: Any) -> memoryview:
    """The bytes of a buffer. Raises ValueError for what is none."""
    if isinstance(buffer, np.ndarray):
        array = cast("NDArray[Any]", buffer)
        if array.dtype.itemsize != 1:
            raise ValueError(f"buffer: found an array of {array.dtype}, expected uint8")
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data.cast("B")
    if isinstance(buffer, bytes | bytearray):
        return memoryview(buffer)
    if isinstance(buffer, memoryview):
        return cast("memoryview[Any]", buffer).cast("B")
    raise ValueError(f"buffer: found {type(buffer).__name__}, expected a path, bytes or an array of uint8")


def _threshold(text: str) -> float:
    """What the first thresh= of [region] says; OpenCV's own number where there is none.

    Darknet itself reads it for training alone, and the record of the layer does not tell .5 from nothing.
    """
    section = ""
    for _, line in option_lines(text):
        key, equals, value = ("".join(part.split()) for part in line.partition("="))
        if line[0] == "[":
            section = key
        elif section == "[region]" and key == "thresh" and equals and value:
            return float(value)  # which parse_cfg has checked
    return THRESHOLD
