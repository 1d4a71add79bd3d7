"""A .cfg and the network it describes: what is read, what is refused, and back again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.darknet.cfg import parse_cfg, read_cfg
from yolov2.darknet.cfg_format import format_cfg
from yolov2.errors import CfgError, Yolov2Warning
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Cost,
    Crop,
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
from yolov2.network.mismatch import ACTIVATIONS
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network, TrainingOptions

PATH = Path("tiny.cfg")
NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
HEAD = "[convolutional]\nfilters=14\nactivation=linear\n[region]\nclasses=2\nnum=2\nanchors=1,2, 3,4\n"


def layer(text: str, before: str = ""):
    return parse_cfg(NET + before + text, PATH).layers[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[convolutional]\n", Convolutional(filters=1, size=1, stride=1, padding=0, activation="logistic")),
        ("[conv]\nsize=3\npad=1\npadding=7\n", Convolutional(size=3, padding=1)),
        ("[convolutional]\nsize=4\npad=1\n", Convolutional(size=4, padding=2)),
        ("[convolutional]\nsize=3\npadding=2\nflipped=1\n", Convolutional(size=3, padding=2, flipped=True)),
        ("[maxpool]\n", MaxPool(size=1, stride=1, padding=0)),
        ("[maxpool]\nstride=2\n", MaxPool(size=2, stride=2, padding=1)),
        ("[max]\nsize=4\nstride=4\n", MaxPool(size=4, stride=4, padding=3)),
        ("[maxpool]\nsize=3\npadding=0\n", MaxPool(size=3, stride=1, padding=0)),
        ("[avgpool]\n", AvgPool()),
        ("[reorg]\nstride=2\nreverse=0\n", Reorg(stride=2)),
        ("[reorg3d]\nstride=2\n", Reorg(stride=2, legacy=False)),
        ("[softmax]\ngroups=3\ntemperature=2\n", Softmax(groups=3, temperature=2.0)),
        ("[cost]\ntype=masked\n", Cost(kind="masked")),
        ("[dropout]\n", Dropout(0.5)),
        ("[crop]\ncrop_height=8\ncrop_width=16\nnoadjust=1\n", Crop(height=8, width=16, noadjust=True)),
        ("[connected]\noutput=9\nbatch_normalize=1\n", Connected(9, "logistic", batch_normalize=True)),
        ("[activation]\nactivation=elu\n", Activation("elu")),
        ("[batchnorm]\n", BatchNorm()),
        ("[upsample]\nstride=3\nscale=.5\n", Upsample(stride=3, scale=0.5)),
        ("[convolutional]\nnumload=1\ndontload=1\nstopbackward=1\nlearning_rate=.1\n",
         Convolutional(options=LayerOptions(numload=1, dontload=True, stopbackward=True, learning_rate=0.1))),
    ],
)  # fmt: skip
def test_a_section_reads_with_darknets_defaults(text, expected):
    assert layer(text, before="[convolutional]\nfilters=12\n") == expected


def test_routes_and_shortcuts_count_from_the_first_layer():
    before = "[convolutional]\n[convolutional]\n[convolutional]\n"
    assert layer("[route]\nlayers=-1, 0\n", before) == Route((2, 0))
    assert layer("[shortcut]\nfrom=-3\nalpha=.5\nactivation=relu\n", before) == Shortcut(0, "relu", alpha=0.5)


def test_a_region_pairs_its_anchors():
    assert parse_cfg(NET + HEAD, PATH).layers[-1] == Region(((1, 2), (3, 4)), classes=2)


def test_net_options_are_kept_for_training():
    network = parse_cfg(NET + "policy=steps\nsteps=-1,100\nscales=.1,10\nB1=.8\nmax_crop=448\n[convolutional]\n", PATH)
    assert network.training == TrainingOptions(policy="steps", steps=(-1, 100), scales=(0.1, 10), b1=0.8, max_crop=448)
    assert network.input == Shape(3, 32, 32)


def test_a_net_may_name_only_its_number_of_inputs():
    assert parse_cfg("[net]\ninputs=30\n[connected]\noutput=2\n", PATH).input == Shape(30, 1, 1)


REFUSALS = {
    "": "tiny.cfg: found no section, expected a file that begins with [net]; give the .cfg file that belongs to the weights",
    "[region]\n": "tiny.cfg:1: found [region], expected [net] as the first section; move [net] to the top",
    "[net]\n[convolutional]\n": "tiny.cfg:1: found width=0 in [net], expected a whole number above 0; write width=416",
    NET: "tiny.cfg:1: found no layers, expected at least one; add a layer",
    NET + "[wat]\n": "tiny.cfg:5: found [wat], expected a layer of the v2 family: activation, avgpool, batchnorm, connected, "
    "convolutional, cost, crop, dropout, maxpool, region, reorg, reorg3d, route, shortcut, softmax, upsample; correct the name",
    NET + "[convolutional]\nfilters=abc\n": "tiny.cfg:6: found filters=abc in [convolutional], expected a whole number; "
    "write, say, filters=1",
    NET + "[convolutional]\nfilters=-32\n": "tiny.cfg:6: found filters=-32 in [convolutional], "
    "expected a whole number from 1 to 2147483647; write, say, filters=1",
    NET + "[convolutional]\nfilters=1000000000\nsize=3\n": "tiny.cfg:6: found 928,000,003,072 parameters and values up to "
    "[convolutional], expected at most 2,147,483,648; correct filters, size, or the network's width and height",
    NET + "[convolutional]\nstride=0\n": "tiny.cfg:6: found stride=0 in [convolutional], "
    "expected a whole number from 1 to 2147483647; write, say, stride=1",
    NET + "[convolutional]\nactivation=swish\n": "tiny.cfg:6: found activation=swish, expected one of linear, leaky, relu, logistic, "
    "loggy, tanh, elu, selu, relie, ramp, plse, hardtan, lhtan, stair; write activation=leaky, or what the network was trained with",
    NET + "[convolutional]\ngroups=2\nfilters=4\n": "tiny.cfg:6: found groups=2 on 3 channels in [convolutional], "
    "expected groups that divide them; correct groups of layer 0, or the size of the network's input",
    NET + "[convolutional]\nsize=99\n": "tiny.cfg:6: found size=99 on a side of 32 in [convolutional], "
    "expected a window no larger than its input; correct size of layer 0, or the size of the network's input",
    NET + "[convolutional]\nxnor=1\n": "tiny.cfg:6: found xnor=1 in [convolutional], expected xnor=0, as in the v2 family; "
    "remove xnor, or use Darknet itself",
    NET + "[convolutional]\n[route]\nlayers=-99\n": "tiny.cfg:7: found a reference to layer -98 (written -99 from here) in [route], "
    "expected one of the 1 layers before it; correct layers of layer 1, or the size of the network's input",
    NET + "[convolutional]\n[route]\n": "tiny.cfg:6: found no layers in [route], expected at least one layer to take; "
    "correct layers of layer 1, or the size of the network's input",
    NET + "[convolutional]\n[maxpool]\nstride=2\n[route]\nlayers=0,1\n": "tiny.cfg:9: found 32 x 32 (layer 0) and 16 x 16 (layer 1) "
    "in [route], expected outputs of one size; correct layers of layer 2, or the size of the network's input",
    NET + "[shortcut]\n": "tiny.cfg:5: found no from= in [shortcut], expected a layer; write, say, from=-3",
    NET + "[convolutional]\nfilters=6\n[reorg]\nstride=2\n": "tiny.cfg:8: found stride=2 on 6 channels in [reorg], "
    "expected channels that are a multiple of 4; correct stride of layer 1, or the size of the network's input",
    NET + HEAD.replace("filters=14", "filters=425"): "tiny.cfg:6: found filters=425 before [region], "
    "expected 14 = 2 anchors * (5 + 2 classes); write filters=14, or correct classes and num",
    NET + HEAD.replace("anchors=1,2, 3,4", "anchors=1,2,3"): "tiny.cfg:11: found 3 numbers in anchors, expected 4 = 2 * num=2; "
    "list all 2 anchors, or write num=1",
    NET + HEAD.replace("3,4", "3,-4"): "tiny.cfg:11: found an anchor of 3 x -4 cells in [region], expected sizes above 0, of at most 1,000 cells; "
    "correct the anchors, or compute new ones",
    NET + HEAD.replace("num=2", "num=0"): "tiny.cfg:10: found num=0 in [region], expected how many anchors there are; write num=5",
    NET + HEAD + "[convolutional]\n": "tiny.cfg:9: found layers after [region], expected the end of the network, or [cost]; "
    "remove what follows",
    NET + "policy=often\n[convolutional]\n": "tiny.cfg:5: found policy=often in [net], "
    "expected one of constant, step, steps, exp, poly, sigmoid, random; write policy=constant, or what the network was trained with",
    NET + "policy=steps\nsteps=1,2\nscales=.1\n[convolutional]\n": "tiny.cfg:6: found 2 steps and 1 scales in [net], "
    "expected a scale for every step, as policy=steps; complete steps and scales, or write policy=constant",
    NET + "batch=0\n[convolutional]\n": "tiny.cfg:5: found batch=0 in [net], expected a whole number from 1; write batch=1",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSALS)
def test_what_can_not_be_is_refused_at_its_line(text):
    with pytest.raises(CfgError) as refusal:
        parse_cfg(text, PATH)
    assert str(refusal.value) == REFUSALS[text]


def test_an_unknown_option_is_warned_of_once_with_its_line():
    with pytest.warns(Yolov2Warning) as warned:
        parse_cfg(NET + "[convolutional]\nfiters=8\n", PATH)
    assert [str(w.message) for w in warned] == [
        "tiny.cfg:6: fiters is not an option of [convolutional] and is passed over"
    ]


def test_anchors_beyond_num_are_left_out_with_a_warning():
    text = NET + HEAD.replace("num=2", "num=1").replace("filters=14", "filters=7")
    with pytest.warns(Yolov2Warning, match=r"^tiny.cfg:11: anchors lists 4 numbers; the first 2 are used, as num=1$"):
        network = parse_cfg(text, PATH)
    assert network.region is not None
    assert network.region.anchors == ((1, 2),)


def test_a_region_without_anchors_has_darknets_half_cells():
    with pytest.warns(Yolov2Warning, match=r"^tiny.cfg:8: \[region\] lists no anchors; all 2 are .5 x .5 cells$"):
        network = parse_cfg(NET + HEAD.replace("anchors=1,2, 3,4", ""), PATH)
    assert network.region is not None
    assert network.region.anchors == ((0.5, 0.5), (0.5, 0.5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "found a folder, expected a .cfg file; check the path"),
        (lambda path: None, "found no such file, expected a .cfg file; check the path"),
        (lambda path: path.write_bytes(b"PK\0\0"), "found binary data, expected a .cfg file; give another file"),
        (lambda path: path.write_bytes(b"#" * (2**24 + 1)), "found 16,777,217 bytes, expected a .cfg file; give another file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_cfg_is_refused(tmp_path, make, message):
    path = tmp_path / "a.cfg"
    make(path)
    with pytest.raises(CfgError) as refusal:
        read_cfg(path)
    assert str(refusal.value) == f"{path}: {message}"


def test_comments_in_latin_1_are_taken(tmp_path):
    path = tmp_path / "a.cfg"
    path.write_bytes(b"# r\xe9seau\n" + NET.encode() + b"[convolutional]\n")
    assert read_cfg(path).layers == (Convolutional(),)


@pytest.mark.golden
def test_every_cfg_at_hand_reads_without_a_warning_and_comes_back_the_same(shared):
    paths = sorted([*shared.glob("golden/**/*.cfg"), *shared.glob("models/**/*.cfg")])
    assert len(paths) > 60
    for path in paths:
        network = read_cfg(path)
        assert parse_cfg(format_cfg(network), path) == network


EVERY_LAYER = st.one_of(
    st.builds(
        Convolutional,
        filters=st.integers(1, 8).map(lambda n: 4 * n),
        size=st.integers(1, 5),
        stride=st.integers(1, 2),
        padding=st.integers(0, 3),
        activation=st.sampled_from(ACTIVATIONS),
        batch_normalize=st.booleans(),
        options=st.builds(
            LayerOptions, learning_rate=st.floats(0, 2), dontload=st.booleans(), numload=st.integers(0, 3)
        ),
    ),
    st.builds(MaxPool, size=st.integers(1, 4), stride=st.integers(1, 2), padding=st.integers(0, 4)),
    st.builds(Upsample, stride=st.integers(1, 2), scale=st.floats(-2, 2)),
    st.builds(Softmax, temperature=st.floats(0.1, 5), spatial=st.booleans()),
    st.builds(Reorg, stride=st.just(1), reverse=st.booleans(), legacy=st.booleans()),
    st.builds(Dropout, st.floats(0, 0.9)),
    st.builds(Connected, output=st.integers(1, 9), activation=st.sampled_from(ACTIVATIONS)),
    st.builds(Cost, kind=st.sampled_from(["sse", "masked"]), scale=st.floats(0, 2)),
    st.builds(Activation, st.sampled_from(ACTIVATIONS)),
    st.sampled_from([AvgPool(), BatchNorm(), Crop(height=1, width=1, angle=7.5), Route((0,)), Shortcut(0, beta=0.25)]),
)


@given(
    layers=st.lists(EVERY_LAYER, max_size=4),
    training=st.builds(TrainingOptions, hue=st.floats(0, 1), adam=st.booleans()),
)
def test_parse_undoes_format(layers, training):
    try:
        network = Network(Shape(4, 16, 16), (Convolutional(filters=4), *layers), training)
    except ValueError:
        return  # these layers do not fit each other
    assert parse_cfg(format_cfg(network)) == network
