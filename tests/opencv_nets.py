"""Small networks as `yolov2.opencv` is given them: the bytes of a .cfg and of its .weights."""

import json
import re
import struct
from typing import Any

import numpy as np

import golden_cases
from yolov2.darknet.cfg import parse_cfg
from yolov2.opencv.reading import readNetFromDarknet

NET = "[net]\nwidth=12\nheight=8\nchannels=3\n"
CONV = "[convolutional]\nfilters={filters}\nsize={size}\nstride=1\npad=1\nactivation={activation}\n"
REGION = "[region]\nanchors=1,2, 3,1, .5,.7\nnum=3\nclasses=4\nsoftmax=1\n"
HEAD = CONV.format(filters=27, size=1, activation="linear") + REGION
CLASSIFIER = NET + CONV.format(filters=5, size=3, activation="linear") + "[avgpool]\n[softmax]\n"


def conv(filters: int = 4, *, size: int = 1, activation: str = "linear", norm: bool = False) -> str:
    """A [convolutional] section."""
    text = CONV.format(filters=filters, size=size, activation=activation)
    return text + "batch_normalize=1\n" if norm else text


def detector(*, threshold: float = 0.02) -> str:
    """The text of a small detector: a grid of 8 x 12, three anchors, four classes."""
    return f"{NET}{conv(6, size=3, activation='leaky', norm=True)}{HEAD}thresh={threshold}\n"


def weights_for(text: str, *, seed: int = 0, gain: float = 1.0) -> bytes:
    """The bytes of a .weights file with random numbers, positive where they are variances."""
    generator = np.random.default_rng(seed)
    parts = [struct.pack("<3iQ", 0, 2, 0, 0)]
    for _, parameter in parse_cfg(text).parameters():
        values = gain * generator.standard_normal(parameter.size, np.float32)
        if parameter.name == "rolling_variance":
            values = np.abs(values) + np.float32(0.1)
        parts.append(values.astype("<f4").tobytes())
    return b"".join(parts)


def net_of(text: str, *, seed: int = 0, gain: float = 1.0, **options) -> Any:
    """A Net of this text with random weights; nothing is kept in a cache."""
    return readNetFromDarknet(text.encode(), weights_for(text, seed=seed, gain=gain), cache=False, threads=1, **options)


def blob(batch: int = 1, *, height: int = 8, width: int = 12, seed: int = 0) -> np.ndarray:
    """Images (B, 3, H, W) in 0..1."""
    return np.random.default_rng(seed).random((batch, 3, height, width), np.float32)


def golden_net(small_golden, recipe, *, name: str, threshold: float = 0.05):
    """The Net of a golden case in the arithmetic of Darknet's GPU program, with this thresh=, and the case."""
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic="gpu")
    text = (small_golden / "a_forward" / f"{name}.cfg").read_text()
    entries = json.loads((small_golden / "a_forward" / "small_cases.json").read_text())
    entry = next(entry for entry in entries if entry["case"] == name)
    data = recipe.seeded_weights(text, entry["weights_seed"], version=tuple(entry["weights_version"]))
    tree = getattr(case.network.head, "tree", None)
    text = re.sub(r"(?m)^thresh.*$", f"thresh={threshold}", text)
    path = None if tree is None else small_golden / tree
    return readNetFromDarknet(text.encode(), data, arithmetic="gpu", cache=False, threads=1, tree=path), case
