"""What the rules for truths make of the losses: difficult boxes, background, pictures that are only a class."""

import numpy as np
import pytest
import torch

from painted_sets import sample
from small_sets import write_picture
from tiny_runs import network
from yolov2.model.region_loss import Head
from yolov2.samples import Samples
from yolov2.train.batches import Augment, Batches
from yolov2.train.objective import Detection
from yolov2.train.recipe import Recipe
from yolov2.train.store import PictureStore

SIZE = (96, 128)
GRID = (12, 16)  # of an input of SIZE, by the network of tiny_runs
EASY, HARD = (8, 8, 40, 40), (64, 32, 120, 88)
NOISE = 1e-5  # relative


@pytest.fixture
def truths_by(tmp_path):
    """A function: a rule for difficult boxes, and which there are -> the truths of a batch of that one picture."""
    path = write_picture(tmp_path / "a.png", size=SIZE)

    def truths(rule, boxes=(EASY, HARD), *, difficult=(1,)):
        samples = Samples.of([sample(path, SIZE, list(boxes), list(range(len(boxes))), difficult=list(difficult))])
        augment = Augment(kind="none", hue=0.0, saturation=1.0, exposure=1.0, mirror=False)
        with PictureStore(samples.pictures, side=128) as store:
            return Batches(samples, store, batch=1, augment=augment, seed=0, difficult=rule).make(1, SIZE).truths

    return truths


def losses_of(truths, **recipe):
    net = network()
    assert net.region is not None
    raw = torch.randn((1, net.region.channels, *GRID), generator=torch.Generator().manual_seed(3))
    terms = Detection(Head(net.region), Recipe(**recipe))(raw, torch.tensor(truths), seen=20_000)
    objectness = raw.view(1, 2, 8, *GRID)[0, :, 4].sigmoid()
    return {name: float(term) for name, term in terms.items()}, objectness


def test_a_difficult_box_to_train_counts_like_any_other(truths_by):
    assert losses_of(truths_by("train"))[0] == losses_of(truths_by("ignore", difficult=()))[0]


def test_a_difficult_box_to_drop_is_background(truths_by):
    assert losses_of(truths_by("drop"))[0] == losses_of(truths_by("ignore", (EASY,), difficult=()))[0]


def test_a_difficult_box_to_ignore_is_neither_an_object_nor_background(truths_by):
    ignored, objectness = losses_of(truths_by("ignore"))
    dropped, _ = losses_of(truths_by("drop"))
    for name in ("box", "object", "classes", "prior"):
        assert ignored[name] == dropped[name], name
    spared = objectness[:, 4:11, 8:15]  # cells of 8 pixels whose middle lies within HARD
    expected = dropped["no_object"] - float(spared.square().sum()) / 2
    assert ignored["no_object"] == pytest.approx(expected, rel=NOISE)


def test_the_three_rules_differ(truths_by):
    totals = {rule: sum(losses_of(truths_by(rule))[0].values()) for rule in ("train", "ignore", "drop")}
    assert totals["ignore"] < totals["drop"] < totals["train"]


def test_a_picture_of_background_alone_says_that_there_is_nothing_anywhere(truths_by):
    losses, objectness = losses_of(truths_by("ignore", (), difficult=()))
    assert losses["no_object"] == pytest.approx(float(objectness.square().sum()) / 2, rel=NOISE)
    assert [losses[name] for name in ("box", "object", "classes", "prior")] == [0, 0, 0, 0]


def test_boxes_are_pulled_to_their_anchors_until_so_many_pictures_were_seen(truths_by):
    truths = truths_by("train")
    assert [losses_of(truths, prior_until=until)[0]["prior"] > 0 for until in (20_000, 20_001)] == [False, True]


def test_what_is_known_of_a_loss_is_told():
    net = network()
    assert net.region is not None
    told = []
    raw = torch.zeros((1, net.region.channels, *GRID))
    terms = Detection(Head(net.region), Recipe(), told=told.append)(raw, torch.zeros(1, 8, 5), seen=4)
    assert [float(loss.total) for loss in told] == [pytest.approx(float(sum(terms.values())))]
    assert np.isfinite(float(told[0].cost))
