"""The module as a whole: which layer feeds which, any input size, and that it can be trained and compiled."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from yolov2.model.blocks import ConvBlock, Norm
from yolov2.model.module import DarknetModule, done_after
from yolov2.network.layers import (
    Convolutional,
    Cost,
    Dropout,
    LayerOptions,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.shapes import Shape
from yolov2.network.spec import Arithmetic, Network

FLOAT32_NOISE = 1e-6  # a few roundings of numbers near 1


def conv(filters: int, *, size: int = 3, options: LayerOptions | None = None) -> Convolutional:
    padding = size // 2
    made = Convolutional(filters=filters, size=size, padding=padding, activation="leaky", batch_normalize=True)
    return made if options is None else replace(made, options=options)


def passthrough(*, arithmetic: Arithmetic = "gpu", frozen: int | None = None) -> Network:
    """A detector in small with the paper's passthrough: layer 2 goes through a reorg beside layers 3 and 4."""
    layers = [
        conv(4),
        MaxPool(size=2, stride=2, padding=1),
        conv(8),
        MaxPool(size=2, stride=2, padding=1),
        conv(8),
        Route((2,)),
        Reorg(stride=2),
        Route((6, 4)),
        Convolutional(filters=14, activation="linear"),
        Region(anchors=((1.0, 1.0), (2.0, 2.0)), classes=2),
    ]
    if frozen is not None:
        layers[frozen] = replace(layers[frozen], options=LayerOptions(stopbackward=True))
    return Network(Shape(3, 16, 16), tuple(layers), arithmetic=arithmetic)


def images(batch: int, height: int, width: int, *, channels: int = 3) -> Tensor:
    return torch.rand((batch, channels, height, width), generator=torch.Generator().manual_seed(5))


def conv_block(module: DarknetModule, index: int) -> ConvBlock:
    block = module.layers[index]
    assert isinstance(block, ConvBlock)
    return block


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.clone()


@pytest.mark.parametrize("height, width", [(16, 16), (32, 16), (8, 24)])
def test_any_size_on_which_the_layers_fit_is_taken(height, width):
    raw = DarknetModule(passthrough()).eval()(images(2, height, width))
    assert raw.shape == (2, 14, height // 4, width // 4)


@pytest.mark.parametrize("height, width", [(16, 16), (32, 16)])
def test_layer_outputs_have_the_shapes_of_the_network(height, width):
    network = passthrough()
    outputs = DarknetModule(network).eval().layer_outputs(images(2, height, width))
    shapes = network.at_size(height, width).shapes[: network.raw_index + 1]
    assert [tuple(output.shape[1:]) for output in outputs] == [(s.channels, s.height, s.width) for s in shapes]


def test_the_raw_head_is_the_last_of_the_layer_outputs():
    module = DarknetModule(passthrough()).eval()
    assert torch.equal(module(images(1, 16, 16)), module.layer_outputs(images(1, 16, 16))[8])


def test_a_network_that_is_a_head_alone_gives_its_input_back():
    x = images(1, 3, 5, channels=7)
    network = Network(Shape(7, 3, 5), (Region(classes=2),))
    assert torch.equal(DarknetModule(network)(x), x)


def test_a_classifier_ends_at_its_softmax_before_the_cost():
    network = Network(Shape(2, 1, 1), (Softmax(), Cost()))
    x = torch.log(torch.tensor([1.0, 3.0])).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(DarknetModule(network)(x).flatten(), [0.25, 0.75], atol=FLOAT32_NOISE)


def test_a_classifier_ends_before_its_tree():
    network = Network(Shape(2, 1, 1), (Upsample(stride=1, scale=2.0), Softmax(tree="a.tree")))
    assert DarknetModule(network)(torch.ones(1, 2, 1, 1)).flatten().tolist() == [2, 2]


def test_shortcut_takes_the_previous_output_first():
    twice, five_times = Upsample(stride=1, scale=2.0), Upsample(stride=1, scale=5.0)
    network = Network(Shape(1, 1, 1), (twice, five_times, Shortcut(0, alpha=1.0, beta=100.0)))
    assert DarknetModule(network)(torch.ones(1, 1, 1, 1)).item() == 10 + 100 * 2


# What is held


def test_an_output_is_done_when_its_last_reader_is():
    read = [(-1,), (0,), (1,), (0,), (3, 1)]
    assert done_after(read, keep=4) == [(-1,), (), (2,), (0,), (1, 3)]


def test_outputs_that_nothing_reads_any_more_are_freed():
    module = DarknetModule(passthrough()).eval()
    made: list[weakref.ref[Tensor]] = []
    alive: list[list[int]] = []

    def note(_module: object, _given: object, output: Tensor) -> None:
        gc.collect()
        alive.append([index for index, output in enumerate(made) if output() is not None])
        made.append(weakref.ref(output))

    for layer in module.layers:
        layer.register_forward_hook(note)
    with torch.inference_mode():
        module(images(1, 16, 16))
    # Alive while layer i runs: layer 2 waits for the route at 5 (which makes nothing new), layer 4 for that at 7.
    assert alive == [[], [0], [1], [2], [2, 3], [2, 4], [2, 4, 5], [4, 6], [7]]


# Training


@pytest.mark.parametrize("arithmetic", ["gpu", "cpu"])
def test_gradients_reach_the_first_convolution_on_both_ways(arithmetic):
    module = DarknetModule(passthrough(arithmetic=arithmetic)).train()
    module(images(2, 16, 16)).square().sum().backward()
    weight = conv_block(module, 0).conv.weight
    both = gradient(weight)
    with torch.no_grad():  # the head no longer reads the deep layers: what is left comes through the reorg
        conv_block(module, 8).conv.weight[:, 32:] = 0
    module.zero_grad()
    module(images(2, 16, 16)).square().sum().backward()
    one = gradient(weight)
    assert both.abs().min() > 0
    assert one.abs().min() > 0
    assert not torch.equal(one, both)


def test_the_gradient_of_a_weight_is_its_difference_quotient():
    module = DarknetModule(passthrough()).double().train()
    x = images(2, 16, 16).double()
    weight = conv_block(module, 0).conv.weight

    def loss() -> Tensor:
        return module(x).square().mean()

    loss().backward()
    found = gradient(weight)[0, 0, 1, 1].item()
    step = 1e-6
    with torch.no_grad():
        weight[0, 0, 1, 1] += step
        above = loss().item()
        weight[0, 0, 1, 1] -= 2 * step
        below = loss().item()
    assert found == pytest.approx((above - below) / (2 * step), rel=1e-5)  # error of a central difference at this step
    assert abs(found) > 1e-3


def test_a_training_step_moves_the_running_statistics_by_a_hundredth():
    module = DarknetModule(passthrough()).train()
    block = conv_block(module, 0)
    assert isinstance(block.norm, Norm)
    x = images(2, 16, 16)
    values = block.conv(x).detach().transpose(0, 1).reshape(4, -1).double().numpy()
    module(x)
    np.testing.assert_allclose(block.norm.running_mean, 0.01 * values.mean(1), atol=1e-7)  # Darknet starts both at 0
    np.testing.assert_allclose(block.norm.running_var, 0.01 * values.var(1, ddof=1), atol=1e-7)


def test_nothing_up_to_stopbackward_gets_a_gradient_on_no_way_round_it():
    module = DarknetModule(passthrough(frozen=4)).train()  # layer 2 goes round layer 4 through the reorg
    module(images(2, 16, 16)).sum().backward()
    learning = {name.split(".")[1] for name, parameter in module.named_parameters() if parameter.grad is not None}
    assert learning == {"8"}


def test_dropout_drops_in_training_alone():
    module = DarknetModule(Network(Shape(1, 8, 8), (Dropout(probability=0.5),)))
    ones = torch.ones(1, 1, 8, 8)
    assert torch.equal(module.eval()(ones), ones)
    assert set(module.train()(ones).flatten().tolist()) == {0.0, 2.0}


def test_the_module_compiles_as_one_graph():
    module = DarknetModule(passthrough()).eval()
    x = images(1, 16, 16)
    with torch.inference_mode():
        found = torch.compile(module, backend="eager", fullgraph=True)(x)
        np.testing.assert_array_equal(found, module(x))
