"""The cases of golden/a_forward: a seeded network, its weights, an input, and what Darknet made of it, layer by layer.

Both executors face them: `tests/graph` and `tests/model`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import Weights
from yolov2.network.spec import Arithmetic, Network

Floats = NDArray[np.float32]

ARITHMETICS: tuple[Arithmetic, ...] = ("gpu", "cpu")

SMALL = (
    "s01_maxpool",
    "s02_reorg",
    "s03_route_shortcut",
    "s04_conv_pad",
    "s05_act",
    "s06_bn_mix_oldheader",
    "s07_region_softmax",
    "s08_region_logistic",
    "s09_region_background",
    "s10_region_1class",
    "s11_region_coords6",
    "s12_region_tree",
    "s13_softmax_avgpool",
    "s14_connected_crop_dropout",
    "s15_softmax_tree",
)
TREES = ("s12_region_tree", "s15_softmax_tree")  # their cfg names a .tree file, relative to the golden folder
BIG = ("yolov2-tiny-voc_416", "yolov2-tiny_416", "yolov2-voc_416", "yolov2-voc_608x416", "yolov2_608")

# golden/MANIFEST.md, "Tolerances". Both are several times what Darknet's own float32 rounding makes against float64.
LAYER_TOLERANCE = 5e-6  # of max(1, the largest value): see `assert_close`
BIG_TOLERANCE = 5e-4  # absolute, head and region, with values up to 20


@dataclass(frozen=True, eq=False, slots=True)
class ForwardCase:
    """One network of a_forward under one arithmetic."""

    name: str
    network: Network
    weights: Weights
    images: Floats  # (B, C, H, W)
    layers: Mapping[int, Floats]  # layer index -> its output with the batch first; a softmax comes flat, (B, N)
    folder: Path  # what `tree=` and `map=` of the network are relative to

    @property
    def executed(self) -> Mapping[int, Floats]:
        """Those layers that an executor runs itself: up to the raw head, without region and tree softmax."""
        return {index: array for index, array in self.layers.items() if index <= self.network.raw_index}


def small_case(golden: Path, recipe: ModuleType, *, name: str, arithmetic: Arithmetic) -> ForwardCase:
    """A small network with the outputs of all its layers (of the last three for the detectors)."""
    entry = _entries(golden / "a_forward" / "small_cases.json")[name]
    text = (golden / entry["cfg"]).read_text()
    with np.load(golden / entry["npz"]) as arrays:
        layers = {int(key[-2:]): arrays[key] for key in arrays if key.startswith((f"{arithmetic}_L", "both_L"))}
    return _case(golden, recipe, entry, text=text, arithmetic=arithmetic, layers=layers)


def big_case(golden: Path, recipe: ModuleType, *, name: str, arithmetic: Arithmetic) -> ForwardCase:
    """An official network with seeded weights and its head, and its region array where there is one."""
    entry = _entries(golden / "a_forward" / "big_cases.json")[name]
    text = _resized((golden / entry["cfg"]).read_text(), entry["width"], entry["height"])
    with np.load(golden / entry["npz"]) as arrays:
        head, region = arrays[f"{arithmetic}_head"], arrays.get(f"{arithmetic}_region")
    case = _case(golden, recipe, entry, text=text, arithmetic=arithmetic, layers={})
    layers = {case.network.raw_index: head[None]}
    if region is not None:
        layers[case.network.head_index] = region[None]
    return replace(case, layers=layers)


def assert_close(found: Floats, expected: Floats, *, what: str) -> None:
    """Equal within LAYER_TOLERANCE of max(1, the largest expected value); either array may be flat."""
    assert found.dtype == np.float32, what
    assert (len(found), found.size) == (len(expected), expected.size), what
    allowed = LAYER_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=allowed, err_msg=what)


@cache
def _entries(path: Path) -> dict[str, dict[str, Any]]:
    return {entry["case"]: entry for entry in json.loads(path.read_text())}


def _case(
    golden: Path,
    recipe: ModuleType,
    entry: Mapping[str, Any],
    *,
    text: str,
    arithmetic: Arithmetic,
    layers: Mapping[int, Floats],
) -> ForwardCase:
    network = replace(parse_cfg(text, golden / entry["cfg"]), arithmetic=arithmetic)
    arrays: list[dict[str, Floats]] = [{} for _ in network.layers]
    for index, name, array in recipe.seeded_params(text, entry["weights_seed"]):
        arrays[index][name] = array
    weights = Weights(layers=tuple(arrays), seen=entry["weights_seen"], version=tuple(entry["weights_version"]))
    shape = network.input.channels, network.input.height, network.input.width
    images = recipe.seeded_input((entry["batch"], *shape), entry["input_seed"])
    return ForwardCase(entry["case"], network, weights, images, layers, golden)


def _resized(text: str, width: int, height: int) -> str:
    """The cfg text with another input size; its first `width` and `height` are those of [net]."""
    lines = text.splitlines()
    for key, value in (("width", width), ("height", height)):
        first = next(i for i, line in enumerate(lines) if line.replace(" ", "").startswith(f"{key}="))
        lines[first] = f"{key}={value}"
    return "\n".join(lines) + "\n"
