"""yolov2.darknet.layout: headers, and where each array stands."""

import struct
from dataclasses import replace

import pytest

from yolov2.darknet.layout import Header, borders, count, format_header, layout, parse_header
from yolov2.network.architectures import OFFICIAL
from yolov2.network.layers import BatchNorm, Connected, Convolutional, Layer, LayerOptions, MaxPool
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

NETWORK = Network(
    Shape(3, 4, 4),
    (
        Convolutional(4, size=3, padding=1, batch_normalize=True),  # 4 + 12 + 108
        MaxPool(2, 2),
        BatchNorm(),  # 12
        Convolutional(2),  # 2 + 8
        Connected(5, batch_normalize=True),  # 5 + 40 + 15
    ),
)


def test_convolutions_have_their_statistics_before_the_weights_and_connected_layers_after() -> None:
    assert [(block.layer, block.name, block.offset) for block in layout(NETWORK)] == [
        (0, "biases", 0),
        (0, "scales", 4),
        (0, "rolling_mean", 8),
        (0, "rolling_variance", 12),
        (0, "weights", 16),
        (2, "scales", 124),
        (2, "rolling_mean", 128),
        (2, "rolling_variance", 132),
        (3, "biases", 136),
        (3, "weights", 138),
        (4, "biases", 146),
        (4, "weights", 151),
        (4, "scales", 191),
        (4, "rolling_mean", 196),
        (4, "rolling_variance", 201),
    ]
    assert count(layout(NETWORK)) == 206


def test_partial_files_end_before_a_layer_with_arrays() -> None:
    assert list(borders(layout(NETWORK))) == [(0, 0), (2, 124), (3, 136), (4, 146)]


@pytest.mark.parametrize("start, cutoff, size", [(0, 2, 124), (2, 4, 22), (3, None, 70), (0, 0, 0), (5, 5, 0)])
def test_only_the_asked_layers_count(start: int, cutoff: int | None, size: int) -> None:
    assert count(layout(NETWORK, start=start, cutoff=cutoff)) == size


@pytest.mark.parametrize(
    "options, loaded, saved",
    [
        (LayerOptions(dontload=True), 206 - 124, 206),
        (LayerOptions(dontloadscales=True), 206 - 12, 206),
        (LayerOptions(numload=3), 206 - 31, 206),  # a filter: bias, three statistics, 27 weights
        (LayerOptions(numload=9), 206, 206),  # more than there are
        (LayerOptions(dontsave=True), 206, 206 - 124),
    ],
)
def test_loading_and_saving_heed_their_options(options: LayerOptions, loaded: int, saved: int) -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], options=options))
    assert (count(layout(network)), count(layout(network, saving=True))) == (loaded, saved)


def test_a_batchnorm_layer_is_loaded_under_dontloadscales_too() -> None:
    network = _with_layer(2, BatchNorm(LayerOptions(dontloadscales=True)))
    assert count(layout(network)) == 206


def test_a_connected_layer_knows_no_numload() -> None:
    network = _with_layer(4, replace(NETWORK.layers[4], options=LayerOptions(numload=2)))
    assert count(layout(network)) == 206


def test_flipped_turns_a_convolution_and_an_old_version_the_connected_weights() -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], flipped=True))
    assert [block.layer for block in layout(network) if block.is_turned] == [0]
    assert [block.layer for block in layout(network, transposed=True) if block.is_turned] == [0, 4]


@pytest.mark.parametrize(
    "name, weights",
    {
        "yolov2": 50_983_561,
        "yolov2-voc": 50_676_061,
        "yolov2-tiny": 11_237_145,
        "yolov2-tiny-voc": 15_867_885,
        "yolo9000": 48_807_501,
        "darknet19": 20_856_776,
        "darknet19_448": 20_856_776,
        "darknet9000": 29_485_226,
    }.items(),
)
def test_official_networks_have_as_many_weights_as_darknet_counts(name: str, weights: int) -> None:
    assert count(layout(OFFICIAL[name]())) == weights


@pytest.mark.parametrize(
    "version, size, is_transposed",
    [
        ((0, 1, 0), 16, False),
        ((0, 1, 9), 16, False),
        ((0, 2, 0), 20, False),
        ((0, 2, 5), 20, False),
        ((1, 0, 0), 20, False),
        ((999, 999, 0), 20, False),
        ((1000, 0, 0), 16, False),
        ((1001, 0, 0), 16, True),
        ((0, 1001, 0), 16, True),
        ((-1, 13, 0), 20, False),
        ((-1, 5, 0), 16, False),
    ],
)
def test_the_version_tells_the_length_and_the_order(
    version: tuple[int, int, int], size: int, is_transposed: bool
) -> None:
    header = Header(version, 7)
    assert (header.size, header.is_transposed, len(format_header(header))) == (size, is_transposed, size)


def test_seen_has_64_bits_in_new_files_and_32_with_a_sign_in_old_ones() -> None:
    assert parse_header(struct.pack("<3iQ", 0, 2, 0, 2**64 - 1)) == Header((0, 2, 0), 2**64 - 1)
    assert parse_header(struct.pack("<3ii", 0, 1, 0, -5) + b"rest") == Header((0, 1, 0), -5)


def test_a_negative_count_becomes_what_c_makes_of_it_in_64_bits() -> None:
    assert format_header(Header((0, 2, 0), -1)) == struct.pack("<3iQ", 0, 2, 0, 2**64 - 1)


def test_a_count_too_large_for_an_old_header_is_a_programmers_mistake() -> None:
    message = r"seen: found 2147483648, expected 32 bits in a header of version \(0, 1, 0\)"
    with pytest.raises(ValueError, match=message):
        format_header(Header((0, 1, 0), 2**31))


@pytest.mark.parametrize("data", [b"", bytes(15), struct.pack("<3iI", 0, 2, 0, 1)])
def test_a_file_shorter_than_its_header_has_none(data: bytes) -> None:
    assert parse_header(data) is None


def _with_layer(index: int, layer: Layer) -> Network:
    return replace(NETWORK, layers=(*NETWORK.layers[:index], layer, *NETWORK.layers[index + 1 :]))
