"""Network -> the text of a Darknet .cfg, which cfg.py parses to the same network."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, cast

from yolov2.darknet.cfg import SHAPE_KEYS, option_name
from yolov2.network.layers import (
    Convolutional,
    Layer,
    LayerOptions,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    section_name,
)
from yolov2.network.spec import Network, TrainingOptions

# Options written even where they have their default, because a reader looks for them.
ALWAYS_WRITTEN: dict[type, tuple[str, ...]] = {
    Convolutional: ("filters", "size", "stride", "activation"),
    MaxPool: ("size", "stride"),
    Reorg: ("stride",),
    Region: ("classes", "coords", "softmax"),
}


def format_cfg(network: Network) -> str:
    """The text of a .cfg that parses to the same network."""
    head = ["[net]", *_lines(network.training), *(f"{key}={getattr(network.input, key)}" for key in SHAPE_KEYS)]
    blocks = [head]
    for index, layer in enumerate(network.layers):
        blocks.append([f"[{section_name(layer)}]", *WRITERS.get(type(layer), _write_layer)(layer, index)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _write_layer(layer: Any, index: int) -> list[str]:
    return [*_lines(layer), *_lines(layer.options)]


def _write_maxpool(layer: MaxPool, index: int) -> list[str]:
    padding = [] if layer.padding == layer.size - 1 else [f"padding={layer.padding}"]
    return [*_lines(layer, skip=("padding",)), *padding, *_lines(layer.options)]


def _write_convolutional(layer: Convolutional, index: int) -> list[str]:
    pad = "pad=1" if layer.padding == layer.size // 2 else f"padding={layer.padding}"
    return [*_lines(layer, skip=("padding",)), pad, *_lines(layer.options)]


def _write_reorg(layer: Reorg, index: int) -> list[str]:
    return [*_lines(layer, skip=("legacy",)), *_lines(layer.options)]


def _write_route(layer: Route, index: int) -> list[str]:
    return [f"layers={','.join(str(source - index) for source in layer.layers)}", *_lines(layer.options)]


def _write_shortcut(layer: Shortcut, index: int) -> list[str]:
    return [f"from={layer.source - index}", *_lines(layer, skip=("source",)), *_lines(layer.options)]


def _write_region(layer: Region, index: int) -> list[str]:
    anchors = ", ".join(f"{_text(width)},{_text(height)}" for width, height in layer.anchors)
    return [
        f"anchors={anchors}",
        f"num={layer.num_anchors}",
        *_lines(layer, skip=("anchors",)),
        *_lines(layer.options),
    ]


WRITERS: dict[type, Callable[[Any, int], list[str]]] = {
    Convolutional: _write_convolutional,
    MaxPool: _write_maxpool,
    Reorg: _write_reorg,
    Route: _write_route,
    Shortcut: _write_shortcut,
    Region: _write_region,
}


def _lines(record: Layer | LayerOptions | TrainingOptions, *, skip: tuple[str, ...] = ()) -> Iterator[str]:
    """`key=value` for every field that differs from its default, or that a reader looks for."""
    always = ALWAYS_WRITTEN.get(type(record), ())
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name not in (*skip, "options") and (value != field.default or field.name in always):
            yield f"{option_name(type(record), field.name)}={_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, cast(tuple[Any, ...], value)))
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
