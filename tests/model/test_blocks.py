"""Each block against a loop that anybody can check, or against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from slow_layers import slow_max_pool, slow_reorg, slow_shortcut
from yolov2.model.blocks import (
    AvgPool,
    ConnectedBlock,
    ConvBlock,
    Crop,
    MaxPool,
    Norm,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network import layers
from yolov2.network.shapes import Shape

FLOAT32_NOISE = 1e-6  # a few roundings of numbers near 1


def counting(*shape: int) -> Tensor:
    return torch.arange(float(np.prod(shape))).reshape(shape)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


def fill(block: ConvBlock, weight: float) -> None:
    """All weights of a convolution alike, and no bias."""
    assert block.conv.bias is not None
    torch.nn.init.constant_(block.conv.weight, weight)
    torch.nn.init.zeros_(block.conv.bias)


# Convolution, connected, batch norm


def test_an_even_kernel_is_padded_by_half_on_both_sides():
    block = ConvBlock(layers.Convolutional(filters=1, size=2, padding=1, activation="linear"), 1)
    fill(block, 1)
    expected = [[0, 1, 1], [2, 6, 4], [2, 5, 3]]
    np.testing.assert_array_equal(block(counting(1, 1, 2, 2)).detach()[0, 0], expected)


def test_a_group_of_filters_sees_its_own_channels_alone():
    block = ConvBlock(layers.Convolutional(filters=2, groups=2, activation="linear"), 4)
    fill(block, 1)
    np.testing.assert_array_equal(block(counting(1, 4, 1, 1)).detach().flatten(), [0 + 1, 2 + 3])


def test_connected_reads_channels_then_rows_then_columns():
    block = ConnectedBlock(layers.Connected(output=1, activation="linear"), Shape(2, 2, 2))
    with torch.no_grad():
        block.linear.weight.copy_(8.0 ** torch.arange(8))
        block.linear.bias.zero_()
    x = counting(1, 2, 2, 2).contiguous(memory_format=torch.channels_last)  # another order in memory
    assert block(x).shape == (1, 1, 1, 1)
    assert block(x).item() == 0o76543210


@pytest.mark.parametrize("arithmetic, deviation", [("gpu", (4e-4 + 1e-5) ** 0.5), ("cpu", 0.02 + 1e-6)])
def test_batch_norm_divides_as_the_arithmetic_says(arithmetic, deviation):
    norm = Norm(1, arithmetic=arithmetic).eval()
    with torch.no_grad():
        for tensor, value in ((norm.running_mean, 3.0), (norm.running_var, 4e-4), (norm.weight, 2.0), (norm.bias, 0.5)):
            tensor.fill_(value)
    found = norm(torch.full((1, 1, 1, 1), 3.01)).item()
    assert found == pytest.approx(0.01 / deviation * 2 + 0.5, abs=2e-5)  # 3.01 in float32, a hundredfold


def test_batch_norm_of_a_layer_without_bias_keeps_it_out_of_training():
    norm = Norm(3, arithmetic="gpu", has_bias=False)
    assert [name for name, _ in norm.named_parameters()] == ["weight"]
    assert norm.bias.tolist() == [0, 0, 0]


@pytest.mark.parametrize("arithmetic", ["gpu", "cpu"])
def test_training_normalises_by_n_and_keeps_a_hundredth_of_the_variance_by_n_minus_1(arithmetic):
    norm = Norm(2, arithmetic=arithmetic)
    torch.nn.init.zeros_(norm.running_var)
    x = noise(2, 2, 3, 1)
    values = x.transpose(0, 1).reshape(2, 6).double().numpy()
    mean, by_n, by_n_minus_1 = values.mean(1), values.var(1), values.var(1, ddof=1)
    y = norm(x)
    expected = (values - mean[:, None]) / np.sqrt(by_n + 1e-5)[:, None]
    np.testing.assert_allclose(y.detach().transpose(0, 1).reshape(2, 6), expected, atol=FLOAT32_NOISE)
    np.testing.assert_allclose(norm.running_mean, 0.01 * mean, atol=1e-8)
    np.testing.assert_allclose(norm.running_var, 0.01 * by_n_minus_1, atol=1e-8)


# Pools


@given(data=st.data())
def test_max_pool_is_the_loop_over_windows(data):
    size, stride, padding = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 6)))
    sides = st.integers(max(1, size - padding), 11)
    height, width = data.draw(sides), data.draw(sides)
    x = noise(1, 2, height, width) - 3  # below 0: a pad of zeros would win
    layer = layers.MaxPool(size=size, stride=stride, padding=padding)
    np.testing.assert_array_equal(MaxPool(layer)(x)[0], slow_max_pool(x[0].double().numpy(), layer))


@pytest.mark.parametrize("stride, side", [(1, 13), (2, 7)])
def test_a_pool_of_2_leaves_13_rows_or_the_larger_half_of_them(stride, side):
    assert MaxPool(layers.MaxPool(size=2, stride=stride, padding=1))(noise(1, 1, 13, 13)).shape[2:] == (side, side)


def test_a_pool_of_4_starts_one_row_before_the_first():
    rows = MaxPool(layers.MaxPool(size=4, stride=4, padding=3))(counting(1, 1, 12, 1))  # YOLO-LITE trial 5
    np.testing.assert_array_equal(rows.flatten(), [2, 6, 10])


def test_the_gradient_of_a_pool_goes_to_its_largest_cell():
    x = torch.tensor([[[[-5.0, -1.0, -3.0]]]], requires_grad=True)
    MaxPool(layers.MaxPool(size=2, stride=2, padding=1))(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.flatten(), [0, 1, 1])


def test_average_pool_is_the_mean_of_each_channel():
    np.testing.assert_array_equal(AvgPool()(counting(1, 2, 2, 3)), [[[[2.5]], [[8.5]]]])


# Reorg


def test_legacy_reorg_of_four_channels_of_2_by_2():
    found = Reorg(layers.Reorg(stride=2))(counting(1, 4, 2, 2))
    assert found.shape == (1, 16, 1, 1)
    np.testing.assert_array_equal(found.flatten(), [0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("legacy", [False, True])
@given(s=st.integers(1, 3), channels=st.integers(1, 3), rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_reorg_is_the_loop_over_numbers(legacy, reverse, s, channels, rows, columns):
    shape = channels * s * s, rows * s, columns * s
    x = counting(2, *shape).contiguous(memory_format=torch.channels_last)
    layer = layers.Reorg(stride=s, legacy=legacy, reverse=reverse)
    np.testing.assert_array_equal(Reorg(layer)(x), [slow_reorg(picture.double().numpy(), layer) for picture in x])


def test_reverse_undoes_the_plain_reorg():
    x = counting(2, 4, 6, 9)
    there = Reorg(layers.Reorg(stride=3, legacy=False))(x)
    np.testing.assert_array_equal(Reorg(layers.Reorg(stride=3, reverse=True))(there), x)


# Route, shortcut, upsample, crop, softmax


def test_route_keeps_the_listed_order():
    joined = Route()(counting(1, 1, 1, 2) + 10, counting(1, 2, 1, 2))
    np.testing.assert_array_equal(joined[0, :, 0], [[10, 11], [0, 1], [2, 3]])


@pytest.mark.parametrize(
    "shape, other",
    [
        ((3, 4, 6), (3, 4, 6)),
        ((3, 4, 6), (2, 4, 6)),
        ((2, 4, 6), (5, 4, 6)),
        ((2, 3, 4), (3, 6, 8)),
        ((2, 6, 9), (3, 2, 3)),
        ((2, 3, 3), (2, 5, 5)),  # not twice as large: the corner that both have
        ((2, 5, 5), (2, 3, 3)),
    ],
)
@pytest.mark.parametrize("alpha, beta", [(1.0, 1.0), (0.5, -2.0)])
def test_shortcut_is_the_loop_over_cells(shape, other, alpha, beta):
    x, a = counting(2, *shape), counting(2, *other) * 100
    layer = layers.Shortcut(source=0, alpha=alpha, beta=beta)
    expected = [slow_shortcut(p.double().numpy(), q.double().numpy(), layer) for p, q in zip(x, a, strict=True)]
    np.testing.assert_array_equal(Shortcut(layer)(x, a), expected)


def test_shortcut_leaves_its_inputs_as_they_are():
    x, a = counting(1, 2, 2, 2), counting(1, 1, 2, 2)
    Shortcut(layers.Shortcut(source=0, alpha=3.0))(x, a)
    np.testing.assert_array_equal(x, counting(1, 2, 2, 2))


def test_upsample_repeats_and_scales():
    found = Upsample(layers.Upsample(stride=2, scale=0.5))(torch.tensor([[[[2.0, 4.0]]]]))
    np.testing.assert_array_equal(found[0, 0], [[1, 1, 2, 2], [1, 1, 2, 2]])


@pytest.mark.parametrize("noadjust, expected", [(True, [[6, 7], [11, 12]]), (False, [[11, 13], [21, 23]])])
def test_crop_is_the_middle_from_minus_1_to_1(noadjust, expected):
    found = Crop(layers.Crop(height=2, width=2, noadjust=noadjust))(counting(1, 1, 4, 5))
    np.testing.assert_array_equal(found[0, 0], expected)


def test_softmax_of_groups_divides_by_the_temperature():
    x = torch.log(torch.tensor([1.0, 9.0, 4.0, 4.0])).reshape(1, 4, 1, 1)
    found = Softmax(layers.Softmax(groups=2, temperature=2.0))(x)
    assert found.shape == (1, 4, 1, 1)
    np.testing.assert_allclose(found.flatten(), [0.25, 0.75, 0.5, 0.5], atol=FLOAT32_NOISE)


def test_spatial_softmax_sums_to_one_over_the_channels_of_each_cell():
    x = torch.log(torch.tensor([[1.0, 2.0], [3.0, 2.0]])).reshape(1, 2, 1, 2)
    found = Softmax(layers.Softmax(spatial=True))(x)
    np.testing.assert_allclose(found[0, :, 0], [[0.25, 0.5], [0.75, 0.5]], atol=FLOAT32_NOISE)


def test_flat_softmax_sums_to_one_over_all_numbers_of_a_picture():
    found = Softmax(layers.Softmax())(noise(2, 3, 2, 2))
    np.testing.assert_allclose(found.sum((1, 2, 3)), [1, 1], atol=FLOAT32_NOISE)
