"""Darknet's `classifier train`: from the words of a line to the weights in backup=."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov2.darknet.lists import read_data
from yolov2.darknet.sections import Section
from yolov2.data.classifier_draws import augment_of_cfg
from yolov2.data.draws import Augment
from yolov2.data.labelled import label_by_substring
from yolov2.data.lists import read_list
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_tree
from yolov2.errors import LabelError, ModelError, printable
from yolov2.network.layers import Cost, Softmax
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.standin.begin import begin
from yolov2.standin.classifier_model import labels_path, open_classifier_network, read_labels
from yolov2.standin.line import Line
from yolov2.standin.model import folder_of, listed_path
from yolov2.standin.training import (
    INTERRUPTED,
    SEED,
    Keeper,
    Mean,
    Sizes,
    Update,
    as_trained,
    backup_folder,
    base_of,
    learner_of,
    rates_line,
    room_for_pictures,
    tell_start,
    updates,
)
from yolov2.standin.voice import Voice
from yolov2.train.classification import Classification
from yolov2.train.job import LARGER
from yolov2.train.labelled_batches import LabelledBatches
from yolov2.train.store import PictureStore
from yolov2.train.stream import Size

SAVED_EVERY = 1000  # updates
RESIZED_EVERY = 40
LEAST, LARGEST, STEP = 128, 448, 32  # of random=1 in [net]


@dataclass(frozen=True, eq=False, slots=True)
class Lesson:
    """The pictures of train= with a class each."""

    samples: Samples
    listed: int  # lines of the list: an epoch
    failed: int  # those without a class


def train(line: Line, voice: Voice) -> int:
    """`DATA CFG [WEIGHTS] [-clear]`: the exit status, 1 if a picture failed and 130 after Ctrl-C.

    Raises Yolov2Error where nothing could start, and where a loss is no number. Source: Darknet `train_classifier`.
    """
    line.passed_over("-t", "every class is learned", has_value=True)
    is_cleared = line.has("-clear")
    data_file, cfg, *weights = line.rest("DATA CFG [WEIGHTS]", least=2)
    voice.say(base_of(cfg))
    voice.say("1")  # GPU
    network = open_classifier_network(cfg, voice, instead="darknet detector train DATA CFG")
    network, recipe = as_trained(network, cfg)
    begun = begin(network, weights[0] if weights else None, voice, is_cleared=is_cleared)
    voice.say(rates_line(network.training))
    data = read_data(Path(data_file))
    lesson = _lesson(data, network, voice)
    voice.say(str(lesson.listed))
    tree = load_tree(ModelFiles(Path(cfg), None), network)
    objective = Classification(network, tree=tree, faithful=True)
    largest = LARGEST if network.training.random else max(network.input.height, network.input.width)
    room = room_for_pictures(network, recipe, cfg, largest=largest)
    keeper = Keeper(backup_folder(data), base_of(cfg), learner_of(network, begun, objective, recipe), voice)
    return _learn(keeper, lesson, voice, largest=largest, room=room)


def _learn(keeper: Keeper, lesson: Lesson, voice: Voice, *, largest: int, room: int | None) -> int:
    learner, mean = keeper.learner, Mean()
    network, options = learner.network, learner.network.training
    augment = augment_of_cfg(options, network.input.width)
    voice.say(_crops(augment, network.input.width))
    sizes = _sizes(network, learner.updates + 1)
    last = options.max_batches or None
    tell_start(learner, last, voice)

    def resized(size: Size) -> None:
        for told in ("Resizing", str(size[0]), _crops(augment, size[0])):
            voice.say(told)

    side = int(LARGER * largest * max(1.0, augment.scale[1]))  # of the largest crop
    with PictureStore(lesson.samples.pictures, side=side, memory_bytes=room) as store, voice.interrupts() as stop:
        batches = LabelledBatches(lesson.samples, store, batch=options.batch, augment=augment, seed=SEED)
        epoch = learner.seen // lesson.listed
        for update in updates(learner, batches, sizes, last=last, resized=resized):
            _tell(update, mean, keeper, lesson, voice)
            if learner.seen // lesson.listed > epoch:
                epoch = learner.seen // lesson.listed
                keeper.keep(f"_{epoch}.weights")
            if update.number % SAVED_EVERY == 0:
                keeper.keep(".backup")
            if stop.requested:
                keeper.keep(".backup")
                voice.note("interrupted; the weights so far are kept")
                return INTERRUPTED
        failed = lesson.failed + len(store.failed)
    keeper.keep(".weights")
    return int(failed > 0)


def _tell(update: Update, mean: Mean, keeper: Keeper, lesson: Lesson, voice: Voice) -> None:
    seen, loss = keeper.learner.seen, shown_loss(update.losses, keeper.learner.network)
    voice.say(f"Loaded: {update.loaded_s:f} seconds")
    told = f"{loss:f}, {mean.add(loss):f} avg, {update.rate:f} rate, {update.took_s:f} seconds, {seen} images"
    voice.say(f"{update.number}, {seen / lesson.listed:.3f}: {told}")


def shown_loss(losses: Mapping[str, float], network: Network) -> float:
    """What Darknet prints: the mean over all layers that have a cost. Source: Darknet `calc_network_cost`."""
    costs = sum(isinstance(layer, Softmax | Cost) for layer in network.layers)
    return float(np.float32(sum(losses.values()) / max(1, costs)))


def _lesson(data: Section, network: Network, voice: Voice) -> Lesson:
    """Raises LabelError, NamesError, ModelError for lists that are missing or do not fit the network."""
    classes, outputs = data.integer("classes", 2), network.raw_shape.size
    if classes != outputs:
        expected, repair = f"classes={outputs}, the outputs of the network", f"write classes={outputs}"
        raise ModelError.at(data.where("classes"), found=f"classes={classes}", expected=expected, repair=repair)
    labels = read_labels(labels_path(data, voice), classes)
    path = listed_path(data, voice, key="train")
    lines = read_list(path)
    folder = folder_of(lines[0].text, path, printable(lines[0].text), voice) if lines else Path()
    texts, places = [one.text for one in lines], [f"{path}:{one.number}" for one in lines]
    reading = label_by_substring([str(folder / text) for text in texts], texts, places, labels)
    for fault in reading.faults:
        (voice.fail if fault.is_error else voice.note)(fault.message)
    if not len(reading.samples):
        expected, repair = "some to learn from", "correct train= or labels="
        raise LabelError.at(printable(path), found="no picture with a class", expected=expected, repair=repair)
    return Lesson(reading.samples, len(lines), len(lines) - len(reading.samples))


def _sizes(network: Network, first: int) -> Sizes:
    """The network's own size, or by random=1 in [net] squares of 128 to 448 pixels."""

    def draw(rng: np.random.Generator, update: int) -> Size:
        del update
        side = int(rng.integers(LEAST // STEP, LARGEST // STEP + 1)) * STEP
        return side, side

    own = (network.input.height, network.input.width)
    return Sizes(own, first, RESIZED_EVERY, draw if network.training.random else None)


def _crops(augment: Augment, width: int) -> str:
    """The shorter side that pictures are scaled to for an input so wide: the least and the largest."""
    least, largest = (int(share * width) for share in augment.scale)
    return f"{least} {largest}"
