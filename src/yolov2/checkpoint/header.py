"""What the header of a checkpoint says beside its tensors: values <-> text. checkpoint.py judges whether they fit.

Single values and the .cfg stand as plain text, all others as JSON; what a model does not have is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from yolov2 import __version__
from yolov2.checkpoint.tensors import damaged
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.cfg_format import format_cfg
from yolov2.darknet.tree import Tree
from yolov2.errors import CfgError, CheckpointError
from yolov2.network.spec import Network

FORMAT = "yolov2"
FORMAT_VERSION = 1

# Metadata of a version -> that of the next. A reader knows every version up to its own.
UPGRADES: Mapping[int, Callable[[dict[str, str]], dict[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input. Its channels are RGB, its numbers from 0 to 1, in every checkpoint."""

    resize: str = "letterbox"  # a rule by its name on the command line

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.resize):
            raise ValueError(f"resize: found {self.resize!r}, expected the name of a rule, as in letterbox")


LETTERBOX = Preprocessing()


def format_metadata(network: Network, fields: Mapping[str, Any]) -> dict[str, str]:
    """The text of every field of a Checkpoint that is not None. Raises ValueError for what JSON can't say."""
    return {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "package_version": __version__,
        "name": network.name,
        "arithmetic": network.arithmetic,
        "network": format_cfg(network),
        **{key: _to_json(key, value) for key, value in fields.items() if value is not None},
    }


def _to_json(key: str, value: Any) -> str:
    """The JSON of a value. Raises ValueError for what has none: NaN, arrays, dates."""
    if isinstance(value, Mapping):
        value = dict(cast(Mapping[str, Any], value))
    elif isinstance(value, Tree):
        value = {"names": value.names, "parents": [int(parent) for parent in value.parents]}
    elif isinstance(value, Preprocessing):
        value = {"resize": value.resize, "channels": "RGB", "range": [0, 1]}
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"{key}: {wrong}") from None


def known_metadata(found: Mapping[str, str], path: Path) -> dict[str, str]:
    """The metadata as this version writes it. Raises CheckpointError for another program's file and a newer format."""
    metadata = dict(found)
    version = metadata.get("format_version", "")
    if metadata.get("format") != FORMAT or not re.fullmatch(r"[0-9]{1,6}", version):
        repair = "convert another program's model with `yolov2 convert`"
        raise damaged(path, "a safetensors file without our metadata", expected="a yolov2 checkpoint", repair=repair)
    if int(version) > FORMAT_VERSION:
        expected = f"at most {FORMAT_VERSION}"
        raise damaged(path, f"format version {version}", expected=expected, repair="install a newer yolov2")
    for step in range(int(version), FORMAT_VERSION):
        metadata = UPGRADES[step](metadata)
    return metadata


def parse_metadata(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """The fields of a Checkpoint but for its arrays, with `seen` and `weights_version`. Raises CheckpointError."""
    fields: dict[str, Any] = {"seen": 0, "weights_version": (0, 2, 0)}
    key = "network"
    try:
        fields[key] = _network(metadata, path)
        for key, parse in FIELDS.items():
            if key in metadata:
                fields[key] = parse(metadata[key])
        return fields
    except CfgError as wrong:
        raise CheckpointError(str(wrong)) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        expected = "what this package writes there"
        raise damaged(path, f"a bad {key!r} in its metadata", expected=expected, repair="take the original") from None


def _network(metadata: Mapping[str, str], path: Path) -> Network:
    arithmetic = metadata["arithmetic"]
    if arithmetic not in ("gpu", "cpu"):
        raise ValueError(arithmetic)
    return replace(parse_cfg(metadata["network"], path), arithmetic=arithmetic, name=metadata["name"])


def _seen(text: str) -> int:
    seen = json.loads(text)
    if type(seen) is not int or not -(2**31) <= seen < 2**64:  # an old header counts to 2 ** 31, and then on from below
        raise ValueError(text)
    return seen


def _version(text: str) -> tuple[int, int, int]:
    major, minor, revision = _indices(text)
    return major, minor, revision


def _texts(text: str) -> tuple[str, ...]:
    return tuple(_all(json.loads(text), str))


def _indices(text: str) -> tuple[int, ...]:
    return tuple(_all(json.loads(text), int))


def _tree(text: str) -> Tree:
    tree = json.loads(text)
    return Tree(tuple(_all(tree["names"], str)), tuple(_all(tree["parents"], int)))


def _all(values: Any, kind: type) -> list[Any]:
    """The values of a list whose members are all of one kind. Raises ValueError."""
    if not isinstance(values, list) or not all(type(value) is kind for value in cast(list[Any], values)):
        raise ValueError(kind)
    return cast(list[Any], values)


def _preprocessing(text: str) -> Preprocessing:
    fields = json.loads(text)
    if fields["channels"] != "RGB" or fields["range"] != [0, 1]:
        raise ValueError(text)
    return Preprocessing(fields["resize"])


def _thresholds(text: str) -> float | dict[str, float]:
    value = json.loads(text)
    if isinstance(value, dict):
        return {name: float(number) for name, number in cast(dict[str, Any], value).items()}
    return float(value)


def _recipe(text: str) -> dict[str, Any]:
    recipe = json.loads(text)
    if not isinstance(recipe, dict):
        raise ValueError(text)
    return cast(dict[str, Any], recipe)


FIELDS: Mapping[str, Callable[[str], Any]] = {
    "seen": _seen,
    "weights_version": _version,
    "names": _texts,
    "tree": _tree,
    "map": _indices,
    "preprocessing": _preprocessing,
    "thresholds": _thresholds,
    "recipe": _recipe,
}
