"""A Network with its weights becomes an ONNX graph, node by node and without tracing. It ends at the raw head.

Input `images` (B, C, H, W), output `raw`; the batch is dynamic, rows and columns are when asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from yolov2 import __version__
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError
from yolov2.graph import nodes
from yolov2.graph.activations import activate
from yolov2.graph.fold import folded
from yolov2.graph.sheet import Sheet
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Cost,
    Crop,
    Dropout,
    Layer,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
    section_name,
)
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

Size = tuple[int, int] | Literal["dynamic"] | None  # height, width; None: the network's own

OPSET = 18  # ONNX Runtime, OpenVINO and OpenCV 5's new engine all take it
IR_VERSION = 8  # the one of that opset's release

INPUT, OUTPUT = "images", "raw"

SHORT_NAMES: dict[type[Layer], str] = {Convolutional: "conv", MaxPool: "pool", BatchNorm: "norm", Activation: "act"}


@dataclass(frozen=True, eq=False, slots=True)
class _Drawing:
    """A graph in the making."""

    network: Network  # at the size the graph is for
    dynamic: bool
    sheet: Sheet
    values: dict[int, str]  # layer index -> its value; -1 is the input


def build_graph(
    network: Network, weights: Weights, *, size: Size = None, outputs: Sequence[int] | None = None
) -> onnx.ModelProto:
    """The network as a checked ONNX model that holds its weights.

    size: (height, width) it is built for, by default the network's own, or "dynamic".
    outputs: layers whose values come out in place of `raw`, as `layer_07`; none after the raw head.
    Raises BackendError if a layer of a dynamic graph needs to know its size, or the weights are of another network;
    Mismatch if a layer does not fit `size`.
    """
    drawing = _draw(network, weights, size=size, outputs=outputs)
    model = _model(drawing, outputs, drawing.sheet.initializers())
    _check(model)
    return model


def write_graph(path: Path, network: Network, weights: Weights, *, size: Size = None) -> None:
    """Write the same model as two files, `path` and beside it `path` + ".data" with the weights.

    For large networks: a runtime maps these weights into memory, where it would hold copies of those inside a model.
    Raises OSError, and what `build_graph` raises.
    """
    drawing = _draw(network, weights, size=size, outputs=None)
    data = path.with_name(f"{path.name}.data")
    with data.open("wb") as file:
        initializers = drawing.sheet.initializers_beside(file, data.name)
    path.write_bytes(_model(drawing, None, initializers).SerializeToString())
    _check(path)


def _draw(network: Network, weights: Weights, *, size: Size, outputs: Sequence[int] | None) -> _Drawing:
    """Nodes and arrays of all that the outputs need."""
    if isinstance(size, tuple):
        network = network.at_size(*size)
    wanted = (network.raw_index,) if outputs is None else tuple(outputs)
    if not all(-1 <= index <= network.raw_index for index in wanted):
        raise ValueError(f"outputs: found {wanted}, expected layers from -1 to the raw head, {network.raw_index}")
    _check_weights(network, weights)
    drawing = _Drawing(network, size == "dynamic", Sheet(), {-1: INPUT})
    for index in sorted(_needed(network, wanted)):
        if drawing.dynamic:
            _refuse_fixed_size(network, index)
        drawing.values[index] = _layer(drawing, index, weights.layers[index])
    return drawing


def _check_weights(network: Network, weights: Weights) -> None:
    """Raises BackendError if an array is not as the network has it; a runtime may take it, and read beyond its end."""
    for index, parameter in network.parameters():
        array = weights.layers[index].get(parameter.name)
        if array is None or array.shape != parameter.shape:
            found = "none" if array is None else str(array.shape)
            raise _refusal(
                network,
                found=f"{parameter.name} of layer {index} [{section_name(network.layers[index])}] as {found}",
                expected=str(parameter.shape),
                repair="use the weights of this network, at the size it was trained at",
            )


def _needed(network: Network, wanted: Sequence[int]) -> set[int]:
    """The layers that the wanted ones are computed from, and these themselves."""
    needed: set[int] = set()
    open_ = [index for index in wanted if index >= 0]
    while open_:
        index = open_.pop()
        if index not in needed:
            needed.add(index)
            open_ += [source for source in network.sources(index) if source >= 0]
    return needed


def _layer(drawing: _Drawing, index: int, arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """The value of one layer, its nodes written onto the sheet."""
    network, sheet, dynamic = drawing.network, drawing.sheet, drawing.dynamic
    layer, given, made = network.layers[index], network.inputs[index], network.shapes[index]
    x, *others = (drawing.values[source] for source in network.sources(index))
    name = f"{SHORT_NAMES.get(type(layer)) or section_name(layer)}_{index:02d}"
    match layer:
        case Convolutional():
            kernels, bias = folded(layer, arrays, arithmetic=network.arithmetic)
            x = nodes.convolution(sheet, x, layer, weights=kernels, bias=bias, name=name)
            return activate(sheet, x, activation=layer.activation, name=name)
        case Connected():
            matrix, bias = folded(layer, arrays, arithmetic=network.arithmetic)
            x = nodes.connected(sheet, x, layer, weights=matrix, bias=bias, name=name)
            return activate(sheet, x, activation=layer.activation, name=name)
        case BatchNorm():
            factor, bias = folded(layer, arrays, arithmetic=network.arithmetic)
            return nodes.batch_norm(sheet, x, factor=factor, bias=bias, name=name)
        case Activation():
            return activate(sheet, x, activation=layer.activation, name=name)
        case MaxPool():
            return nodes.max_pool(sheet, x, layer, given=given, made=made, dynamic=dynamic, name=name)
        case AvgPool():
            return nodes.average_pool(sheet, x, name=name)
        case Upsample():
            return nodes.upsample(sheet, x, layer, name=name)
        case Reorg():
            return nodes.reorg(sheet, x, layer, given=given, made=made, dynamic=dynamic, name=name)
        case Route():
            return nodes.route(sheet, [x, *others], name=name)
        case Shortcut():
            source = network.shapes[layer.source]
            x = nodes.shortcut(sheet, x, others[0], layer, given=given, source=source, name=name)
            return activate(sheet, x, activation=layer.activation, name=name)
        case Crop():
            return nodes.crop(sheet, x, layer, given=given, name=name)
        case Softmax():
            return nodes.softmax(sheet, x, layer, given=given, dynamic=dynamic, name=name)
        case Dropout() | Cost() | Region():  # a Region is never needed: it comes after the raw head
            return x


def _refuse_fixed_size(network: Network, index: int) -> None:
    """Raises BackendError if layer `index` can't be written for a size that is known only at run time."""
    layer, given = network.layers[index], network.inputs[index]
    fixed = isinstance(layer, Crop | Connected)
    if isinstance(layer, Shortcut):
        source = network.shapes[layer.source]
        fixed = (source.height, source.width) != (given.height, given.width)
    if fixed:
        raise _refusal(
            network,
            found=f"[{section_name(layer)}] at layer {index}",
            expected="layers that take any size",
            repair="build the graph for one size",
        )


def _refusal(network: Network, *, found: str, expected: str, repair: str) -> BackendError:
    return BackendError.at(f"graph of {network.name or 'the network'}", found=found, expected=expected, repair=repair)


def _model(
    drawing: _Drawing, outputs: Sequence[int] | None, initializers: Sequence[onnx.TensorProto]
) -> onnx.ModelProto:
    """The sheet as a model, with its doors named and what it was made from written down."""
    network, sheet = drawing.network, drawing.sheet
    if outputs is None:
        made = [_named(sheet, drawing.values[network.raw_index], OUTPUT)]
        shapes = [network.raw_shape]
    else:
        made = [sheet.add("Identity", drawing.values[i], name=f"layer_{i:02d}") for i in outputs]
        shapes = [network.shapes[i] if i >= 0 else network.input for i in outputs]
    graph = helper.make_graph(
        sheet.nodes,
        network.name or "network",
        [_door(INPUT, network.input, dynamic=drawing.dynamic, sides=("height", "width"))],
        [_door(name, shape, dynamic=drawing.dynamic) for name, shape in zip(made, shapes, strict=True)],
        initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="yolov2",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"arithmetic": network.arithmetic})
    return model


def _check(model: onnx.ModelProto | Path) -> None:
    """Let ONNX itself look at what was built; what it objects to is our mistake."""
    onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType] - a PathLike of anything


def _named(sheet: Sheet, value: str, name: str) -> str:
    """The value under another name: that of the node which makes it, or of a new one where it is the graph's input."""
    if value == INPUT:
        return sheet.add("Identity", value, name=name)
    sheet.rename(value, name)
    return name


def _door(
    name: str, shape: Shape, *, dynamic: bool, sides: tuple[str | None, ...] = (None, None)
) -> onnx.ValueInfoProto:
    """An input or output with its type; a dynamic side bears a name or none."""
    rows_columns = sides if dynamic else (shape.height, shape.width)
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", shape.channels, *rows_columns])
