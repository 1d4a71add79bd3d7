"""A Network as a torch module that ends at the raw head. What its numbers mean is the business of region/."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from yolov2.darknet.weights import Weights, initial_weights
from yolov2.model import blocks
from yolov2.model.weights import load_arrays
from yolov2.network import layers
from yolov2.network.shapes import Shape
from yolov2.network.spec import Arithmetic, Network


class DarknetModule(nn.Module):
    """Images (B, C, H, W) -> the raw head; of any size on which the layers fit, whatever the network's own.

    `layers[i]` is layer i of the network as far as the raw head, its parameters those of model/weights.py.
    Without `weights` it starts from Darknet's start values. end: the layer whose output comes out in its place.
    """

    def __init__(self, network: Network, weights: Weights | None = None, *, end: int | None = None) -> None:
        super().__init__()
        self.network, self.end = network, network.raw_index if end is None else end
        count = self.end + 1
        pairs = list(zip(network.layers[:count], network.inputs[:count], strict=True))
        self.layers = nn.ModuleList(block(layer, given, network.arithmetic) for layer, given in pairs)
        self._sources = [network.sources(index) for index in range(count)]
        self._done = done_after(self._sources, keep=self.end)
        self._frozen_to = max((i for i, (layer, _) in enumerate(pairs) if layer.options.stopbackward), default=-1)
        load_arrays(self, initial_weights(network) if weights is None else weights)

    def forward(self, images: Tensor) -> Tensor:
        outputs = {-1: images}
        for index in range(len(self.layers)):
            outputs[index] = self._run(index, outputs)
            for done in self._done[index]:
                del outputs[done]
        return outputs[self.end]

    def layer_outputs(self, images: Tensor) -> list[Tensor]:
        """The output of every layer as far as the raw head, in order."""
        outputs = {-1: images}
        for index in range(len(self.layers)):
            outputs[index] = self._run(index, outputs)
        return [outputs[index] for index in range(len(self.layers))]

    def _run(self, index: int, outputs: dict[int, Tensor]) -> Tensor:
        """The output of one layer. Nothing before `stopbackward` gets a gradient, on no way round it either."""
        y = cast(Tensor, self.layers[index](*(outputs[source] for source in self._sources[index])))
        if index == self._frozen_to:  # Darknet: backward_network ends there
            outputs.update({earlier: output.detach() for earlier, output in outputs.items()})
            return y.detach()
        return y


def block(layer: layers.Layer, given: Shape, arithmetic: Arithmetic) -> nn.Module:
    """The module that does what one record says."""
    match layer:
        case layers.Convolutional():
            return blocks.ConvBlock(layer, given.channels, arithmetic=arithmetic)
        case layers.Connected():
            return blocks.ConnectedBlock(layer, given, arithmetic=arithmetic)
        case layers.BatchNorm():
            # Darknet: make_batchnorm_layer has biases, but nothing trains or saves them
            return blocks.Norm(given.channels, arithmetic=arithmetic, has_bias=False)
        case layers.Activation():
            return blocks.Activation(layer.activation)
        case layers.MaxPool():
            return blocks.MaxPool(layer)
        case layers.AvgPool():
            return blocks.AvgPool()
        case layers.Upsample():
            return blocks.Upsample(layer)
        case layers.Reorg():
            return blocks.Reorg(layer)
        case layers.Route():
            return blocks.Route()
        case layers.Shortcut():
            return blocks.Shortcut(layer)
        case layers.Dropout():
            return nn.Dropout(layer.probability)
        case layers.Crop():
            return blocks.Crop(layer)
        case layers.Softmax():
            return blocks.Softmax(layer)
        case layers.Cost():
            return nn.Identity()
        case layers.Region():
            raise AssertionError("a Region ends the network, after the raw head")


def done_after(sources: Sequence[tuple[int, ...]], *, keep: int) -> list[tuple[int, ...]]:
    """For each layer the outputs that nothing reads after it, so that they need not be held; never `keep`."""
    last = {index: index for index in range(-1, len(sources))}  # what nothing reads is done when it is made
    for reader, read in enumerate(sources):
        last.update(dict.fromkeys(read, reader))
    return [tuple(index for index in last if last[index] == reader and index != keep) for reader in range(len(sources))]
