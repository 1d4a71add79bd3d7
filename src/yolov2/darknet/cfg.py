"""Darknet .cfg -> Network. Its lines are the business of sections.py, the way back that of cfg_format.py."""

import types
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from yolov2.darknet.sections import NOT_A_CFG, Section, parse_sections, shown
from yolov2.darknet.text import read_text
from yolov2.errors import CfgError, Yolov2Warning
from yolov2.network.layers import (
    SECTION_NAMES,
    Convolutional,
    Cost,
    Crop,
    Layer,
    LayerOptions,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
)
from yolov2.network.mismatch import Mismatch
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network, TrainingOptions

# Where an option is spelled otherwise than the field of its record.
SPELLED: dict[tuple[type, str], str] = {
    (TrainingOptions, "b1"): "B1",
    (TrainingOptions, "b2"): "B2",
    (Cost, "kind"): "type",
    (Crop, "height"): "crop_height",
    (Crop, "width"): "crop_width",
    (Shortcut, "source"): "from",
}

LAYERS_BY_NAME: dict[str, type] = {name: layer for layer, name in SECTION_NAMES.items()} | {"reorg3d": Reorg}
ALIASES = {"conv": "convolutional", "max": "maxpool", "avg": "avgpool", "soft": "softmax", "conn": "connected"}

# Options that Darknet parses and that change nothing for the v2 family, or nothing for the network itself: AlexeyAB's
# letter_box is how pictures come to its input, which the stand-in for his command line reads.
WITHOUT_EFFECT = {
    "net": ("letter_box",),
    "network": ("letter_box",),
    "region": ("log", "sqrt", "classfix", "absolute"),
    "convolutional": ("dot",),
}
# Options that would change the arithmetic in a way that no network of the v2 family uses.
UNSUPPORTED = {"convolutional": ("binary", "xnor"), "reorg": ("flatten", "extra"), "reorg3d": ("flatten", "extra")}


def read_cfg(path: Path) -> Network:
    """The network of a .cfg file. Raises CfgError."""
    text = read_text(
        path, expected="a .cfg file", refusal=CfgError, tell_latin_1=False
    )  # at most comments are not UTF-8
    return parse_cfg(text, path)


def parse_cfg(text: str, path: Path = Path("network.cfg")) -> Network:
    """The network that the text of a .cfg describes; `path` is what messages call it.

    Raises CfgError with file and line for what can't be; warns (Yolov2Warning) of options it does not know.
    Source: Darknet `parse_network_cfg`.
    """
    sections = parse_sections(text, path)
    if not sections:
        raise CfgError.at(str(path), found="no section", expected="a file that begins with [net]", repair=NOT_A_CFG)
    net, *rest = sections
    if net.name not in ("net", "network"):
        found, repair = f"[{shown(net.name)}]", "move [net] to the top"
        raise CfgError.at(net.where(), found=found, expected="[net] as the first section", repair=repair)
    current = net
    try:
        training = TrainingOptions(**_values(net, TrainingOptions))
        given = _input_shape(net)
        layers: list[Layer] = []
        for current in rest:
            layers.append(_read_layer(current, len(layers)))
        network = Network(given, tuple(layers), training, name=path.stem)
    except Mismatch as wrong:
        guilty = current if wrong.layer is None else sections[wrong.layer + 1]
        raise CfgError.at(
            guilty.where(wrong.key), found=wrong.found, expected=wrong.expected, repair=wrong.repair
        ) from None
    for section in sections:
        _warn_of_unused(section)
    return network


SHAPE_KEYS = ("width", "height", "channels")


def _input_shape(net: Section) -> Shape:
    width, height, channels = (net.integer(key, 0) for key in SHAPE_KEYS)
    inputs = net.integer("inputs", 0)
    if inputs and not any((width, height, channels)):
        return Shape(inputs, 1, 1)
    return Shape(channels, height, width)


def _read_layer(section: Section, index: int) -> Layer:
    name = ALIASES.get(section.name, section.name)
    record = LAYERS_BY_NAME.get(name)
    if record is None:
        raise CfgError.at(
            section.where(),
            found=f"[{shown(section.name)}]",
            expected=f"a layer of the v2 family: {', '.join(sorted(LAYERS_BY_NAME))}",
            repair="correct the name" if name != "yolo" else "run YOLOv3 and later networks with another program",
        )
    for key in UNSUPPORTED.get(name, ()):
        if section.flag(key, False):
            found, repair = f"{key}={section.text(key, '')} in [{section.name}]", f"remove {key}, or use Darknet itself"
            raise CfgError.at(section.where(key), found=found, expected=f"{key}=0, as in the v2 family", repair=repair)
    options = LayerOptions(**_values(section, LayerOptions))
    reader = READERS.get(record, _read_fields)
    return record(**reader(section, record, index), options=options)


def _read_fields(section: Section, record: type, index: int) -> dict[str, Any]:
    return _values(section, record, skip=("options",))


def _read_convolutional(section: Section, record: type, index: int) -> dict[str, Any]:
    values = _values(section, record, skip=("options",))
    if section.flag("pad", False):  # Darknet: parse_convolutional lets pad override padding
        values["padding"] = values["size"] // 2
    return values


def _read_maxpool(section: Section, record: type, index: int) -> dict[str, Any]:
    stride = section.integer("stride", 1)
    size = section.integer("size", stride)
    return {"size": size, "stride": stride, "padding": section.integer("padding", size - 1)}


def _read_reorg(section: Section, record: type, index: int) -> dict[str, Any]:
    values = _values(section, record, skip=("options", "legacy"))
    return values | {"legacy": section.name != "reorg3d"}


def _read_route(section: Section, record: type, index: int) -> dict[str, Any]:
    return {"layers": tuple(_absolute(layer, index) for layer in section.integers("layers"))}


def _read_shortcut(section: Section, record: type, index: int) -> dict[str, Any]:
    if not section.has("from"):
        raise CfgError.at(
            section.where(), found="no from= in [shortcut]", expected="a layer", repair="write, say, from=-3"
        )
    values = _values(section, record, skip=("options", "source"))
    return values | {"source": _absolute(section.integer("from", 0), index)}


def _read_region(section: Section, record: type, index: int) -> dict[str, Any]:
    return _values(section, record, skip=("options", "anchors")) | {"anchors": _read_anchors(section)}


def _read_anchors(section: Section) -> tuple[tuple[float, float], ...]:
    """`num` pairs. Darknet leaves those that are not listed at .5 and writes past its memory for those beyond `num`."""
    num, numbers = section.integer("num", 1), section.numbers("anchors")
    if not 1 <= num <= 10_000:
        raise Mismatch(
            "num", found=f"num={num} in [region]", expected="how many anchors there are", repair="write num=5"
        )
    if not numbers:
        warnings.warn(
            f"{section.where()}: [region] lists no anchors; all {num} are .5 x .5 cells", Yolov2Warning, stacklevel=2
        )
        return ((0.5, 0.5),) * num
    if len(numbers) < 2 * num:
        raise Mismatch(
            "anchors",
            found=f"{len(numbers)} numbers in anchors",
            expected=f"{2 * num} = 2 * num={num}",
            repair=f"list all {num} anchors, or write num={max(len(numbers) // 2, 1)}",
        )
    if len(numbers) > 2 * num:
        unused = f"anchors lists {len(numbers)} numbers; the first {2 * num} are used, as num={num}"
        warnings.warn(f"{section.where('anchors')}: {unused}", Yolov2Warning, stacklevel=2)
    return tuple(zip(numbers[: 2 * num : 2], numbers[1 : 2 * num : 2], strict=True))


READERS: dict[type, Callable[[Section, type, int], dict[str, Any]]] = {
    Convolutional: _read_convolutional,
    MaxPool: _read_maxpool,
    Reorg: _read_reorg,
    Route: _read_route,
    Shortcut: _read_shortcut,
    Region: _read_region,
}


def _values(section: Section, record: type, *, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a section says of the fields of a record, the record's defaults where it says nothing."""
    hints = get_type_hints(record)
    values: dict[str, Any] = {}
    for field in fields(record):
        key = option_name(record, field.name)
        if field.name not in skip and section.has(key):
            values[field.name] = _value(section, key, hints[field.name], example=field.default)
    return {field.name: field.default for field in fields(record) if field.name not in skip} | values


def _value(section: Section, key: str, kind: Any, *, example: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):  # `int | None`: None is its absence
        kind = get_args(kind)[0]
    if kind is bool:
        return section.flag(key, False)
    if kind is int:
        return section.integer(key, example or 1)  # the option is there; a message shows the example
    if kind is float:
        return section.number(key, example or 1.0)
    if kind is str:
        return section.text(key, "")
    return section.integers(key) if get_args(kind)[0] is int else section.numbers(key)


def option_name(record: type, name: str) -> str:
    """What a .cfg calls a field of a record."""
    return SPELLED.get((record, name), name)


def _absolute(layer: int, index: int) -> int:
    return layer + index if layer < 0 else layer


def _warn_of_unused(section: Section) -> None:
    name = ALIASES.get(section.name, section.name)
    for key, option in section.unused():
        if key not in WITHOUT_EFFECT.get(name, ()):
            text = f"{section.path}:{option.line}: {shown(key)} is not an option of [{section.name}] and is passed over"
            warnings.warn(text, Yolov2Warning, stacklevel=2)
