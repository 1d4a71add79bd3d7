"""The sheet an ONNX graph is written on: nodes in order, and the arrays they read. Knows no layer."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

PAGE = 4096  # bytes; arrays that begin at a page can be mapped into memory

Array = NDArray[np.float32] | NDArray[np.int64]


class Sheet:
    """Nodes and arrays of one graph. A value is the name of what a node puts out; a node is named like its value."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[np.float32]] = {}  # what came from a weights file: large, and may stay outside
        self.constants: dict[str, Array] = {}  # what a node needs to know its shape or its formula: small

    def add(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """The value of one more node."""
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def weight(self, name: str, array: NDArray[np.float32]) -> str:
        """The value of an array of the network."""
        self.weights[name] = np.ascontiguousarray(array, dtype=np.float32)
        return name

    def number(self, name: str, value: float) -> str:
        """The value of one float."""
        return self.constant(name, np.asarray(value, dtype=np.float32))

    def integers(self, name: str, values: Sequence[int]) -> str:
        """The value of a shape, a list of axes and the like."""
        return self.constant(name, np.asarray(values, dtype=np.int64))

    def constant(self, name: str, array: Array) -> str:
        self.constants[name] = array
        return name

    def rename(self, value: str, name: str) -> None:
        """Call a value otherwise, in the node that makes it and in those that read it."""
        for node in self.nodes:
            for values in (node.input, node.output):
                for position, found in enumerate(values):
                    if found == value:
                        values[position] = name
            if node.name == value:
                node.name = name

    def initializers(self) -> list[onnx.TensorProto]:
        """All arrays, as a graph holds them."""
        arrays = self.constants | self.weights
        return [numpy_helper.from_array(array, name) for name, array in arrays.items()]

    def initializers_beside(self, file: BinaryIO, location: str) -> list[onnx.TensorProto]:
        """All arrays, the weights written into a file that the graph will find under the name `location`."""
        tensors = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        for name, array in self.weights.items():
            offset = file.seek(-file.tell() % PAGE, 1)
            file.write(np.asarray(array, "<f4").data)
            place = {"location": location, "offset": offset, "length": array.nbytes}
            tensors.append(_elsewhere(name, array.shape, place))
        return tensors


def _elsewhere(name: str, shape: Sequence[int], place: Mapping[str, str | int]) -> onnx.TensorProto:
    """An array that lies in another file."""
    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor
