"""The network that follows from the data and from the model that a training starts with."""

from dataclasses import replace

import pytest

from painted_sets import write_samples
from tiny_runs import begun, network
from yolov2.network.layers import Region
from yolov2.train.lessons import Boxes
from yolov2.train.recipe import Recipe
from yolov2.verbs.material import Material
from yolov2.verbs.origins import Origin, is_same, network_for, start_of

NAMES = ("cat", "dog", "owl")
RECIPE = Recipe(sizes=(32,))


@pytest.fixture
def material(tmp_path):
    samples = write_samples(tmp_path)
    return Material("set", NAMES, "detect", Boxes(samples), samples, samples, ())


def test_a_model_for_the_same_classes_keeps_its_anchors_and_its_head(material):
    origin, told = Origin(network(), begun(network()), NAMES), []
    made = network_for(material, origin, RECIPE, tell=told.append)
    assert made.layers == network().layers
    assert start_of(made, material, origin, RECIPE).learned == len(made.layers)
    assert told == ["anchors: those of the model, which is for the same 3 classes"]


def test_other_classes_have_a_head_and_anchors_of_their_own(material):
    origin, told = Origin(network(), begun(network()), ("cat", "dog", "cow")), []
    made = network_for(material, origin, RECIPE, tell=told.append)
    assert made.region is not None
    assert made.region.anchors != ((1, 1), (2, 2))
    assert start_of(made, material, origin, RECIPE).learned == 2
    assert len(told) == 1
    assert told[0].startswith("anchors: 2 by k-means over ")


def test_the_tree_of_a_model_is_left_out_and_that_is_told(material):
    net = network()
    region = net.layers[-1]
    assert isinstance(region, Region)
    net = replace(net, layers=(*net.layers[:-1], replace(region, tree="three.tree")))
    origin, told = Origin(net, begun(net), NAMES), []
    assert not is_same(material, origin)
    made = network_for(material, origin, RECIPE, tell=told.append)
    assert made.region is not None
    assert made.region.tree is None
    assert told[0] == ("the tree of the model is left out: what is learned are the classes of the data, side by side")
