"""The shape that comes out of each layer, its parameters, and the whole message for every network that can't be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    LayerOptions,
    MaxPool,
    Region,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.mismatch import Mismatch
from yolov2.network.shapes import Parameter, Shape, output_shape, parameters
from yolov2.network.spec import Network

WIDE = Shape(8, 12, 16)  # channels, height, width: no two alike
FIVE_ANCHORS = ((1.0, 1.0),) * 5


def after(layer: Layer, shape: Shape = WIDE) -> Shape:
    return output_shape(0, layer, shape, [])


def windows(side: int, *, size: int, stride: int, before: int, behind: int) -> int:
    """Plain counting: how many windows start on `before` cells ahead of the side and end within `behind` after it."""
    starts = range(-before, side + behind, stride)
    return sum(start + size <= side + behind for start in starts)


# --- what comes out ---------------------------------------------------------------------------------------------------


@given(side=st.integers(1, 40), size=st.integers(1, 9), stride=st.integers(1, 5), pad=st.integers(0, 4))
def test_a_convolution_gives_as_many_cells_as_windows_fit_on_the_padded_side(side, size, stride, pad):
    fit = windows(side, size=size, stride=stride, before=pad, behind=pad)
    layer = Convolutional(4, size=size, stride=stride, padding=pad)

    if side + 2 * pad < size:
        with pytest.raises(Mismatch):
            after(layer, Shape(1, side, side))
    else:
        assert after(layer, Shape(1, side, side)) == Shape(4, fit, fit)


@given(side=st.integers(1, 40), size=st.integers(1, 9), stride=st.integers(1, 5))
def test_a_max_pool_pads_size_minus_one_in_all_with_more_behind(side, size, stride):
    pad = size - 1
    fit = windows(side, size=size, stride=stride, before=pad // 2, behind=pad - pad // 2)

    assert after(MaxPool(size, stride, pad), Shape(5, side, side)) == Shape(5, fit, fit)


@pytest.mark.parametrize(
    "side, size, stride, expected",
    [(13, 2, 1, 13), (13, 2, 2, 7), (224, 4, 4, 56), (224, 5, 5, 45), (9, 3, 2, 5)],
)
def test_max_pools_of_darknets_worked_examples(side: int, size: int, stride: int, expected: int):
    assert after(MaxPool(size, stride, size - 1), Shape(1, side, side)).height == expected


@pytest.mark.parametrize(
    "layer, expected",
    [
        (Convolutional(6, size=3, padding=1), Shape(6, 12, 16)),
        (Convolutional(6, size=3, stride=2, padding=1), Shape(6, 6, 8)),
        (Convolutional(6, size=2, padding=1), Shape(6, 13, 17)),  # an even size with pad=1 grows by one
        (Convolutional(6, size=3), Shape(6, 10, 14)),
        (Convolutional(6, groups=2), Shape(6, 12, 16)),
        (Convolutional(6, size=5, stride=5), Shape(6, 2, 3)),
        (Connected(7), Shape(7, 1, 1)),
        (BatchNorm(), WIDE),
        (Activation("tanh"), WIDE),
        (MaxPool(3, 3, 0), Shape(8, 4, 5)),
        (AvgPool(), Shape(8, 1, 1)),
        (Upsample(3), Shape(8, 36, 48)),
        (Reorg(2), Shape(32, 6, 8)),
        (Reorg(2, legacy=False), Shape(32, 6, 8)),
        (Reorg(2, reverse=True), Shape(2, 24, 32)),
        (Dropout(), WIDE),
        (Crop(height=10, width=11), Shape(8, 10, 11)),
        (Softmax(), WIDE),
        (Softmax(groups=4), WIDE),
        (Softmax(groups=7, spatial=True), WIDE),  # groups are not looked at
        (Softmax(groups=7, tree="some.tree"), WIDE),  # likewise
        (Cost(), WIDE),
        (Region(anchors=((1.0, 1.0),), classes=3), WIDE),
    ],
    ids=repr,
)
def test_the_shape_behind_a_layer(layer: Layer, expected: Shape):
    assert after(layer) == expected


def test_the_plain_space_to_depth_takes_any_number_of_channels():
    assert after(Reorg(2, legacy=False), Shape(6, 4, 4)) == Shape(24, 2, 2)


def test_reorg_and_its_reverse_give_the_shape_back():
    assert after(Reorg(2, reverse=True), after(Reorg(2))) == WIDE


def test_a_route_adds_the_channels_of_what_it_joins():
    earlier = [Shape(3, 4, 5), Shape(10, 2, 2), Shape(4, 4, 5)]

    assert output_shape(3, Route((2, 0)), earlier[-1], earlier) == Shape(7, 4, 5)
    assert output_shape(3, Route((1,)), earlier[-1], earlier) == earlier[1]


@pytest.mark.parametrize("earlier", [Shape(3, 12, 16), Shape(9, 24, 32), Shape(9, 6, 8)])
def test_a_shortcut_keeps_the_shape_of_the_layer_before_it(earlier: Shape):
    assert output_shape(1, Shortcut(0), WIDE, [earlier]) == WIDE


def test_a_network_knows_the_shape_before_and_behind_each_layer():
    network = Network(WIDE, (Convolutional(4), MaxPool(2, 2, 1), Route((0,)), Connected(3)))

    assert network.shapes == (Shape(4, 12, 16), Shape(4, 6, 8), Shape(4, 12, 16), Shape(3, 1, 1))
    assert network.inputs == (WIDE, *network.shapes[:3])


def test_at_another_size_every_shape_follows():
    network = Network(WIDE, (Convolutional(4), MaxPool(2, 2, 1))).at_size(9, 30)

    assert network.input == Shape(8, 9, 30)
    assert network.shapes == (Shape(4, 9, 30), Shape(4, 5, 15))


def test_the_raw_head_is_what_goes_into_a_region_or_a_softmax_over_a_tree():
    region = (Convolutional(25), Region())
    tree = (Convolutional(25), Softmax(tree="some.tree"), Cost())
    plain = (Convolutional(25), Softmax(), Cost())

    assert [Network(WIDE, layers).raw_index for layers in (region, tree, plain)] == [0, 0, 1]
    assert Network(Shape(25, 4, 4), (Region(),)).raw_index == -1
    assert Network(Shape(25, 4, 4), (Region(),)).raw_shape == Shape(25, 4, 4)


# --- the arrays of a .weights file ------------------------------------------------------------------------------------

NORM = (Parameter("scales", (6,)), Parameter("rolling_mean", (6,)), Parameter("rolling_variance", (6,)))


@pytest.mark.parametrize(
    "layer, expected",
    [
        (Convolutional(6, size=3), (Parameter("biases", (6,)), Parameter("weights", (6, 8, 3, 3)))),
        (Convolutional(6, groups=2), (Parameter("biases", (6,)), Parameter("weights", (6, 4, 1, 1)))),
        (
            Convolutional(6, batch_normalize=True),
            (Parameter("biases", (6,)), *NORM, Parameter("weights", (6, 8, 1, 1))),
        ),
        (
            Connected(6, batch_normalize=True),  # here the statistics stand last
            (Parameter("biases", (6,)), Parameter("weights", (6, 8 * 12 * 16)), *NORM),
        ),
        (Connected(6), (Parameter("biases", (6,)), Parameter("weights", (6, 8 * 12 * 16)))),
        (MaxPool(2, 2, 1), ()),
        (Region(), ()),
    ],
    ids=repr,
)
def test_the_arrays_of_a_layer_in_the_order_of_the_file(layer: Layer, expected: tuple[Parameter, ...]):
    assert parameters(layer, WIDE) == expected


def test_batch_norm_as_a_layer_has_statistics_and_no_bias():
    assert parameters(BatchNorm(), Shape(6, 4, 4)) == NORM


def test_the_size_of_an_array_is_the_product_of_its_sides():
    assert Parameter("weights", (6, 8, 3, 3)).size == 432


# --- networks that can't be -------------------------------------------------------------------------------------------

FOUR = Convolutional(4)

# The last of these layers does not fit: the option to repair, what is found, and what is expected.
# fmt: off
UNFIT: list[tuple[tuple[Layer, ...], Shape, str, str, str]] = [
    ((Convolutional(6, groups=3),), WIDE, "groups",
        "groups=3 on 8 channels in [convolutional]", "groups that divide them"),
    ((Convolutional(6, size=13),), WIDE, "size",
        "size=13 on a side of 12 in [convolutional]", "a window no larger than its input"),
    ((BatchNorm(), MaxPool(size=13, stride=1, padding=0)), Shape(1, 20, 12), "size",
        "size=13 on a side of 12 in [maxpool]", "a window no larger than its input"),
    ((Crop(height=13, width=16),), WIDE, "crop_width",
        "a crop of 16 x 13 from 16 x 12 in [crop]", "one that fits inside"),
    ((Softmax(groups=7),), WIDE, "groups",
        "groups=7 on 1536 numbers in [softmax]", "groups that divide them"),
    ((Convolutional(6), Reorg(2)), WIDE, "stride",
        "stride=2 on 6 channels in [reorg]", "channels that are a multiple of 4"),
    ((Reorg(2, reverse=True, legacy=False),), Shape(6, 4, 4), "stride",
        "stride=2 on 6 channels in [reorg3d]", "channels that are a multiple of 4"),
    ((Reorg(2),), Shape(8, 13, 16), "stride",
        "stride=2 on 16 x 13 in [reorg]", "width and height that are multiples of 2"),
    ((FOUR, Route(())), WIDE, "layers",
        "no layers in [route]", "at least one layer to take"),
    ((FOUR, FOUR, Route((2,))), WIDE, "layers",
        "a reference to layer 2 (written 0 from here) in [route]", "one of the 2 layers before it"),
    ((FOUR, FOUR, Route((0, -97))), WIDE, "layers",
        "a reference to layer -97 (written -99 from here) in [route]", "one of the 2 layers before it"),
    ((FOUR, MaxPool(2, 2, 1), Route((0, 1))), WIDE, "layers",
        "16 x 12 (layer 0) and 8 x 6 (layer 1) in [route]", "outputs of one size"),
    ((FOUR, FOUR, Shortcut(2)), WIDE, "from",
        "a reference to layer 2 (written 0 from here) in [shortcut]", "one of the 2 layers before it"),
    ((FOUR, Convolutional(4, size=12), Shortcut(0)), WIDE, "from",
        "16 x 12 (layer 0) onto 5 x 1 in [shortcut]", "sizes that differ by one factor"),
]
# fmt: on


@pytest.mark.parametrize("layers, shape, key, found, expected", UNFIT, ids=[found for *_, found, _ in UNFIT])
def test_a_layer_that_does_not_fit_is_refused(
    layers: tuple[Layer, ...], shape: Shape, key: str, found: str, expected: str
):
    with pytest.raises(Mismatch) as refusal:
        Network(shape, layers)

    last = len(layers) - 1
    repair = f"correct {key} of layer {last}, or the size of the network's input"
    assert str(refusal.value) == f"layer {last}: found {found}, expected {expected}; {repair}"
    assert (refusal.value.key, refusal.value.layer) == (key, last)


# The layer to repair (-1: the network), its option, and the message.
# fmt: off
REFUSED: list[tuple[tuple[Layer, ...], Shape, int, str, str]] = [
    ((Convolutional(425), Region(FIVE_ANCHORS, classes=20)), WIDE, 0, "filters",
        ("found filters=425 before [region], expected 125 = 5 anchors * (5 + 20 classes); "
        "write filters=125, or correct classes and num")),
    ((Convolutional(125), Region(FIVE_ANCHORS, classes=20, coords=6)), WIDE, 0, "filters",
        ("found filters=125 before [region], expected 135 = 5 anchors * (7 + 20 classes); "
        "write filters=135, or correct classes and num")),
    ((Region(classes=4),), WIDE, -1, "channels",
        ("found channels=8 before [region], expected 9 = 1 anchors * (5 + 4 classes); "
        "write channels=9, or correct classes and num")),
    ((), WIDE, -1, "layers", "found no layers, expected at least one; add a layer"),
    ((Convolutional(25), Region(), FOUR), WIDE, 1, "classes",
        "found layers after [region], expected the end of the network, or [cost]; remove what follows"),
    ((Softmax(tree="some.tree"), Dropout()), WIDE, 0, "classes",
        "found layers after [softmax], expected the end of the network, or [cost]; remove what follows"),
    ((Convolutional(1), Convolutional(300_000, size=101, padding=50)), Shape(1, 10, 10), 1, "filters",
        ("found 3,090,600,202 parameters and values up to [convolutional], expected at most 2,147,483,648; "
        "correct filters, size, or the network's width and height")),
    ((Cost(),), Shape(3, 12, 0), -1, "width",
        "found width=0 in [net], expected a whole number above 0; write width=416"),
    ((Cost(),), Shape(3, -1, 12), -1, "height",
        "found height=-1 in [net], expected a whole number above 0; write height=416"),
    ((Cost(),), Shape(0, 12, 12), -1, "channels",
        "found channels=0 in [net], expected a whole number above 0; write channels=3"),
]
# fmt: on


@pytest.mark.parametrize("layers, shape, layer, key, message", REFUSED, ids=[message for *_, message in REFUSED])
def test_a_network_that_can_not_be_is_refused(
    layers: tuple[Layer, ...], shape: Shape, layer: int, key: str, message: str
):
    with pytest.raises(Mismatch) as refusal:
        Network(shape, layers)

    where = "network" if layer == -1 else f"layer {layer}"
    assert str(refusal.value) == f"{where}: {message}"
    assert (refusal.value.key, refusal.value.layer) == (key, layer)


FROM_1, FROM_0, FROM_4 = (f"expected a whole number from {least} to 2147483647" for least in (1, 0, 4))
KNOWN = "linear, leaky, relu, logistic, loggy, tanh, elu, selu, relie, ramp, plse, hardtan, lhtan, stair"
TRAINED_WITH = "write activation=leaky, or what the network was trained with"

IMPOSSIBLE = [
    (Convolutional, {"filters": 0}, f"found filters=0 in [convolutional], {FROM_1}; write, say, filters=1"),
    (
        Convolutional,
        {"filters": 2**31},
        f"found filters=2147483648 in [convolutional], {FROM_1}; write, say, filters=1",
    ),
    (Convolutional, {"size": 0}, f"found size=0 in [convolutional], {FROM_1}; write, say, size=1"),
    (Convolutional, {"stride": 0}, f"found stride=0 in [convolutional], {FROM_1}; write, say, stride=1"),
    (Convolutional, {"groups": 0}, f"found groups=0 in [convolutional], {FROM_1}; write, say, groups=1"),
    (Convolutional, {"padding": -1}, f"found padding=-1 in [convolutional], {FROM_0}; write, say, padding=1"),
    (
        Convolutional,
        {"filters": 4, "groups": 3},
        "found groups=3 with filters=4 in [convolutional], expected groups that divide the filters; write groups=1",
    ),
    (Connected, {"output": 0}, f"found output=0 in [connected], {FROM_1}; write, say, output=1"),
    (MaxPool, {"size": 0}, f"found size=0 in [maxpool], {FROM_1}; write, say, size=1"),
    (MaxPool, {"stride": -2}, f"found stride=-2 in [maxpool], {FROM_1}; write, say, stride=1"),
    (MaxPool, {"padding": -1}, f"found padding=-1 in [maxpool], {FROM_0}; write, say, padding=1"),
    (Upsample, {"stride": 0}, f"found stride=0 in [upsample], {FROM_1}; write, say, stride=1"),
    (Upsample, {"scale": math.nan}, "found scale=nan in [upsample], expected a finite number; write scale=1"),
    (Reorg, {"stride": 0}, f"found stride=0 in [reorg], {FROM_1}; write, say, stride=1"),
    (Reorg, {"stride": 0, "legacy": False}, f"found stride=0 in [reorg3d], {FROM_1}; write, say, stride=1"),
    (
        Shortcut,
        {"source": 0, "alpha": math.inf},
        "found alpha=inf in [shortcut], expected a finite number; write alpha=1",
    ),
    (
        Shortcut,
        {"source": 0, "beta": math.nan},
        "found beta=nan in [shortcut], expected a finite number; write beta=1",
    ),
    (
        Dropout,
        {"probability": 1.0},
        "found probability=1 in [dropout], expected a number from 0 to less than 1; write probability=.5",
    ),
    (
        Dropout,
        {"probability": math.nan},
        "found probability=nan in [dropout], expected a number from 0 to less than 1; write probability=.5",
    ),
    (Crop, {"height": 0}, f"found crop_height=0 in [crop], {FROM_1}; write, say, crop_height=1"),
    (Crop, {"width": 0}, f"found crop_width=0 in [crop], {FROM_1}; write, say, crop_width=1"),
    (Softmax, {"groups": 0}, f"found groups=0 in [softmax], {FROM_1}; write, say, groups=1"),
    (
        Softmax,
        {"temperature": 0.0},
        "found temperature=0 in [softmax], expected a number above 0; write temperature=1",
    ),
    (Region, {"classes": 0}, f"found classes=0 in [region], {FROM_1}; write, say, classes=1"),
    (Region, {"coords": 3}, f"found coords=3 in [region], {FROM_4}; write, say, coords=4"),
    (Region, {"anchors": ()}, "found num=0 in [region], expected at least one anchor; write num=5"),
    (
        Region,
        {"anchors": ((1.0, 2.0), (1.5, 0.0))},
        (
            "found an anchor of 1.5 x 0 cells in [region], expected sizes above 0, of at most 1,000 cells; "
            "correct the anchors, or compute new ones"
        ),
    ),
    (
        Region,
        {"anchors": ((math.nan, 2.0),)},
        (
            "found an anchor of nan x 2 cells in [region], expected sizes above 0, of at most 1,000 cells; "
            "correct the anchors, or compute new ones"
        ),
    ),
    (LayerOptions, {"numload": -1}, f"found numload=-1, {FROM_0}; write, say, numload=1"),
    *(
        (layer, {"activation": "mish", **needed}, f"found activation=mish, expected one of {KNOWN}; {TRAINED_WITH}")
        for layer, needed in [(Convolutional, {}), (Connected, {}), (Activation, {}), (Shortcut, {"source": 0})]
    ),
]


@pytest.mark.parametrize("record, values, message", IMPOSSIBLE)
def test_a_value_no_layer_can_have_is_refused_where_the_record_is_made(record, values, message):
    with pytest.raises(Mismatch) as refusal:
        record(**values)

    assert str(refusal.value) == message
    assert refusal.value.layer is None
    assert refusal.value.key in message


def test_a_mismatch_is_a_value_error():
    assert issubclass(Mismatch, ValueError)
