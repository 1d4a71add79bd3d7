"""OpenCV's names of layers. The expected lists are what OpenCV 4.14 printed for these networks."""

import numpy as np
import pytest

from opencv_nets import HEAD, NET, conv
from yolov2.darknet.cfg import parse_cfg
from yolov2.network.shapes import Shape
from yolov2.opencv.names import is_flat, named_layers, shape_of, unconnected

EVERY_LAYER = NET + "".join((
    conv(norm=True, size=3, activation="leaky"), conv(activation="relu"), conv(activation="logistic"),
    conv(activation="tanh"), "[maxpool]\nsize=2\nstride=2\n", "[reorg]\nstride=2\n", "[upsample]\nstride=2\n", conv(),
    "[shortcut]\nfrom=4\nactivation=leaky\n", "[dropout]\n", "[route]\nlayers=-1\n", "[route]\nlayers=-1,-2\n",
    "[avgpool]\n", "[connected]\noutput=3\nactivation=leaky\n", "[softmax]\n", "[cost]\n",
))  # fmt: skip

EVERY_NAME = """
    conv_0 bn_0 leaky_1 conv_1 relu_2 conv_2 logistic_3 conv_3 tanh_4 pool_4 reorg_5 upsample_6 conv_7 shortcut_8 leaky_9
    identity_9 identity_10 concat_11 avgpool_12 fullyConnected_13 leaky_14 softmax_14 identity_15
"""
EVERY_TYPE = """
    Convolution BatchNorm ReLU Convolution ReLU Convolution Sigmoid Convolution TanH Pooling Reorg Resize Convolution
    Eltwise ReLU Identity Identity Concat Pooling InnerProduct ReLU Softmax Identity
"""
NAMED = [
    (
        EVERY_LAYER,
        EVERY_NAME,
        EVERY_TYPE,
        "identity_15",
    ),
    (
        NET + "[crop]\ncrop_width=12\ncrop_height=8\n" + conv(activation="leaky") + conv(activation="relu")
        + "[route]\nlayers=-1,-2\n[route]\nlayers=1\n",
        "crop_0 adjust_crop_1 conv_2 leaky_3 conv_3 relu_4 concat_4 identity_5",
        "Slice Scale Convolution ReLU Convolution ReLU Concat Identity",
        "concat_4 identity_5",
    ),
    (NET + conv() + "[crop]\ncrop_width=8\ncrop_height=8\nnoadjust=1\n", "conv_0 crop_1", "Convolution Slice", "crop_1"),
    (NET + conv(norm=True) + HEAD, "conv_0 bn_0 conv_1 permute_2 detection_out",
     "Convolution BatchNorm Convolution Permute Region", "detection_out"),
    (NET + HEAD + "[cost]\n", "conv_0 permute_1 detection_out identity_2", "Convolution Permute Region Identity", "identity_2"),
    (
        NET + conv(norm=True, activation="leaky") + "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=0\n" + conv() + "[route]\nlayers=0\n[avgpool]\n",
        "conv_0 bn_0 leaky_1 pool_1 identity_2 conv_3 identity_4 avgpool_5",
        "Convolution BatchNorm ReLU Pooling Identity Convolution Identity Pooling",
        "pool_1 conv_3 avgpool_5",
    ),
]  # fmt: skip


@pytest.mark.parametrize("text, names, types, outputs", NAMED)
def test_names_types_and_outputs_are_opencvs(text, names, types, outputs):
    network = parse_cfg(text)
    layers = named_layers(network)
    assert [named.name for named in layers] == names.split()
    assert [named.type for named in layers] == types.split()
    assert [layers[number - 1].name for number in unconnected(network, layers)] == outputs.split()


def test_what_opencv_never_read_has_names_of_its_own():
    network = parse_cfg(NET + conv() + "[batchnorm]\n[activation]\nactivation=elu\n" + conv(activation="selu"))
    assert [named.name for named in named_layers(network)] == ["conv_0", "bn_1", "activation_2", "conv_3", "selu_4"]


def test_outputs_have_two_axes_from_a_connected_layer_on():
    network = parse_cfg(EVERY_LAYER)
    flat = [named.name for named in named_layers(network) if is_flat(network, named.layer)]
    assert flat == ["fullyConnected_13", "leaky_14", "softmax_14", "identity_15"]


def test_shapes_are_those_of_the_sections():
    network = parse_cfg(NET + conv(norm=True) + HEAD)
    shapes = {named.name: shape_of(named, network) for named in named_layers(network)}
    assert shapes["bn_0"] == Shape(4, 8, 12)
    assert shapes["permute_2"] == shapes["detection_out"] == Shape(27, 8, 12)


def test_no_two_layers_have_one_name(small_golden):
    for path in (small_golden / "cfg").glob("*.cfg"):
        names = [named.name for named in named_layers(parse_cfg(path.read_text()))]
        assert len(names) == len(np.unique(names))
