"""What a network is made of, layer by layer: shapes, weights, operations, and the table that Darknet prints of it."""

from dataclasses import dataclass
from typing import Any

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
from yolov2.network.shapes import Shape, parameters
from yolov2.network.spec import Network

HEADING = "layer     filters    size              input                output"


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a network; counts are for one picture."""

    index: int
    kind: str  # as in a .cfg, without brackets
    layer: Layer
    sources: tuple[int, ...]  # the layers it reads; -1 is the picture
    inputs: tuple[Shape, ...]  # what each of them gives
    output: Shape
    parameters: int  # floats in a .weights file
    operations: int  # two for every multiply-add, as in the paper

    @property
    def input(self) -> Shape:
        """What goes in: the output of the layer before, or what a Route joins."""
        return self.output if isinstance(self.layer, Route) else self.inputs[0]

    @property
    def line(self) -> str:
        """What Darknet prints of this layer."""
        return f"{self.index:5d} {_line(self)}"

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it; shapes are [channels, height, width]."""
        sizes = {key: getattr(self.layer, key) for key in ("filters", "size", "stride") if hasattr(self.layer, key)}
        return {
            "index": self.index,
            "type": self.kind,
            **sizes,
            "from": list(self.sources),
            "input": _triple(self.input),
            "output": _triple(self.output),
            "weights": self.parameters,
            "operations": self.operations,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """A network in numbers."""

    name: str
    input: Shape
    rows: tuple[Row, ...]
    classes: int | None  # None where the network ends in no vector of classes, as a backbone does
    anchors: tuple[tuple[float, float], ...]  # width, height in cells; empty for a classifier

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def operations(self) -> int:
        """Operations of all convolutional and connected layers. Source: Darknet `operations`."""
        return sum(row.operations for row in self.rows)

    @property
    def table(self) -> str:
        """The table that Darknet prints when it loads the network."""
        return "\n".join((HEADING, *(row.line for row in self.rows)))

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON has it."""
        return {
            "name": self.name,
            "input": _triple(self.input),
            "layers": [row.to_dict() for row in self.rows],
            "weights": self.parameters,
            "operations": self.operations,
            "classes": self.classes,
            "anchors": [list(anchor) for anchor in self.anchors],
        }


def summarise(network: Network) -> Summary:
    """Shapes, weights and operations of every layer of a network."""
    rows = tuple(_row(network, index) for index in range(len(network.layers)))
    last = network.shapes[network.head_index]
    region = network.region
    return Summary(
        network.name,
        network.input,
        rows,
        classes=region.classes if region else last.channels if last.height == last.width == 1 else None,
        anchors=region.anchors if region else (),
    )


def operations(layer: Layer, given: Shape, output: Shape) -> int:
    """Two for every multiply-add of a layer on one picture.

    Bias, batch norm, activation and pooling are not counted. Source: Darknet `operations`; the paper counts likewise.
    """
    match layer:
        case Convolutional(size=k, groups=groups):
            return 2 * k * k * (given.channels // groups) * output.size
        case Connected():
            return 2 * given.size * output.size
        case _:
            return 0


def _row(network: Network, index: int) -> Row:
    layer, given, output = network.layers[index], network.inputs[index], network.shapes[index]
    sources = network.sources(index)
    return Row(
        index,
        section_name(layer),
        layer,
        sources=sources,
        inputs=tuple(network.input if source < 0 else network.shapes[source] for source in sources),
        output=output,
        parameters=sum(parameter.size for parameter in parameters(layer, given)),
        operations=operations(layer, given, output),
    )


def _line(row: Row) -> str:
    """A layer in Darknet's columns. Source: the `make_*_layer` functions."""
    given, output = row.input, row.output
    maps = f"{_map(given)}   ->  {_map(output)}"
    match row.layer:
        case Convolutional(filters=n, size=k, stride=s):
            return f"conv  {n:5d} {k:2d} x{k:2d} /{s:2d}  {maps}  {row.operations / 1e9:5.3f} BFLOPs"
        case MaxPool(size=k, stride=s):
            return f"max          {k} x {k} / {s}  {maps}"
        case AvgPool():
            return f"{'avg':24s}{_map(given)}   ->  {output.channels:4d}"
        case Route(layers=sources):
            return "route " + "".join(f" {source}" for source in sources)
        case Reorg(stride=s):
            return f"{'reorg':19s}/{s:2d}  {maps}"
        case Upsample(stride=s):
            return f"{'upsample':19s}{s:2d}x  {maps}"
        case Shortcut(source=source):  # Darknet: make_shortcut_layer shows the earlier layer as the input
            return f"res  {source:3d}{'':16s}{_map(row.inputs[1])}   ->  {_map(output)}"
        case Connected():
            return f"{'connected':37s}{given.size:4d}  ->  {output.size:4d}"
        case Dropout(probability=p):
            return f"dropout       p = {p:.2f}{'':15s}{given.size:4d}  ->  {output.size:4d}"
        case Softmax():
            return f"{'softmax':47s}{given.size:4d}"
        case Cost():
            return f"{'cost':47s}{given.size:4d}"
        case Region():
            return "detection"
        case Crop():  # Darknet: make_crop_layer has the height first
            size = f"{output.height} x {output.width} x {output.channels}"
            return f"Crop Layer: {given.height} x {given.width} -> {size} image"
        case BatchNorm():
            return f"Batch Normalization Layer: {given} image"
        case Activation():
            return f"Activation Layer: {given.size} inputs"


def _map(shape: Shape) -> str:
    return f"{shape.width:4d} x{shape.height:4d} x{shape.channels:4d}"


def _triple(shape: Shape) -> list[int]:
    return [shape.channels, shape.height, shape.width]
