"""The files of a Darknet `classifier` line -> a Classifier; and the input and ranks of AlexeyAB's where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.lists import read_names
from yolov2.darknet.sections import Section
from yolov2.darknet.weights import read_weights
from yolov2.detect.classifier import LARGEST_INPUT, Classifier
from yolov2.detect.classifier_settings import ClassifierSettings
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_tree
from yolov2.errors import FormatError, ModelError, NamesError, PictureError, printable
from yolov2.hierarchy.wordtree import WordTree, absolute_probabilities, change_leaves, grouped_softmax
from yolov2.network.layers import Softmax
from yolov2.network.spec import Network
from yolov2.pictures.channels import with_channels
from yolov2.pictures.crops import Views, crop, shorter_side_size
from yolov2.pictures.letterbox import Pixels, Size, stretch
from yolov2.records import Classification, Frame
from yolov2.standin.model import data_path, loading, open_network
from yolov2.standin.voice import Voice

Floats = NDArray[np.float32]

LABELS = "data/labels.list"  # where Darknet looks if the .data file does not say


def open_classifier_network(cfg: str, voice: Voice, *, instead: str) -> Network:
    """The network of a .cfg. Raises ModelError for a detector's, with the command that takes one; CfgError."""
    network = open_network(cfg, voice)
    if network.region is not None:
        found, repair = "a detector, with [region] at its end", f"write {instead}"
        raise ModelError.at(printable(cfg), found=found, expected="a classifier", repair=repair)
    return network


def open_classifier(
    network: Network,
    cfg: str,
    weights: str,
    voice: Voice,
    *,
    preprocess: str,
    names: Sequence[str] = (),
    leaves: Path | None = None,
    cache: Path | None = None,
) -> Classifier:
    """The classifier of a Darknet line, which does what Darknet does by accident, too.

    leaves: a list of the nodes that may be answers. Raises Yolov2Error for files that do not fit each other.
    """
    tree = load_tree(ModelFiles(Path(cfg), Path(weights)), network)
    if leaves is not None:
        tree = _with_leaves(tree, leaves, voice)
    with loading(weights, voice):
        loaded = read_weights(weights, network)
    return Classifier(
        network,
        loaded,
        names=names,
        tree=tree,
        cache=cache,
        preprocess=preprocess,
        softmax=False,  # scores are shown as they are
        faithful=True,
    )


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """The first names of a list, as many as there are classes. Raises NamesError if it has fewer.

    Darknet's lists are longer than its networks: imagenet.labels.list has 21,842 names, of which darknet19 takes 1,000.
    """
    names = read_names(path)
    return names[:classes] if len(names) >= classes else read_names(path, classes)


def labels_path(data: Section, voice: Voice) -> Path:
    """The list that `labels=` of a .data file names."""
    path = data_path(data, "labels", voice, default=LABELS)
    assert path is not None
    return path


def top_of(data: Section) -> int:
    """How many classes `top=` of a .data file asks for; one if it does not. Raises FormatError for less."""
    top = data.integer("top", 1)
    if top < 1:
        raise FormatError.at(data.where("top"), found=f"top={top}", expected="a number from 1", repair="write top=5")
    return top


def every_node(raw: Floats, classifier: Classifier) -> Floats:
    """(nodes,) P(node) of every node of the tree, leaves or not, from the network's output (1, nodes)."""
    head, tree = classifier.network.head, classifier.tree
    assert tree is not None
    temperature = np.float32(head.temperature if isinstance(head, Softmax) else 1)
    return absolute_probabilities(grouped_softmax(raw / temperature, tree), tree)[0]


class Cropped:
    """What pipeline.run asks of a classifier, with the input that AlexeyAB's program makes of a picture."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    @property
    def settings(self) -> ClassifierSettings:
        return self.classifier.settings

    @property
    def channels(self) -> int:
        return self.classifier.channels

    def prepare(self, frame: Frame) -> Views:
        """One (C, H, W). Raises PictureError if the picture is so narrow that its resized copy would be too large.

        And if it has other channels than the network, with no way from these to those.
        """
        height, width = shorter_side_size(frame.size, self.classifier.input_size[1])
        if height * width > LARGEST_INPUT:
            found, expected = f"{width} x {height} pixels made of it", f"at most {LARGEST_INPUT:,} pixels"
            raise PictureError.at(frame.source, found=found, expected=expected, repair="cut it into pieces")
        pixels = with_channels(frame, self.channels)
        return (shorter_side_then_centre(pixels, self.classifier.input_size),)

    def raw(self, images: Any) -> Any:
        return self.classifier.raw(images)

    def decode(self, raw: Sequence[Floats], *, frames: Sequence[Frame]) -> list[Classification]:
        return self.classifier.decode(raw, frames=frames)


def shorter_side_then_centre(pixels: Pixels, network_hw: Size) -> Floats:
    """(C, H, W): the picture resized to a shorter side of the network's width, and the middle of that.

    Source: Darknet (AlexeyAB) `predict_classifier`, `validate_classifier_single`; pjreddie's resizes last.
    """
    height, width = network_hw
    size = shorter_side_size(pixels.shape[:2], width)
    corner = int((size[0] - height) / 2), int((size[1] - width) / 2)  # C rounds towards 0 where the input is larger
    return crop(stretch(pixels, size), corner, network_hw)


def _with_leaves(tree: WordTree | None, path: Path, voice: Voice) -> WordTree:
    if tree is None:
        expected = "a network with a tree, as leaves= needs"
        raise ModelError.at(str(path), found="a list of leaves", expected=expected, repair="remove leaves=")
    changed = change_leaves(tree, read_names(path))
    leaves = int(changed.is_leaf.sum())
    if not leaves:
        expected = f"some of the {len(tree):,} of the tree"
        raise NamesError.at(str(path), found="no name of a node", expected=expected, repair="give the tree's own list")
    voice.tell(f"Found {leaves} leaves.")
    return changed
