"""Darknet's `classifier` commands: what a picture shows. How often that is right, classifier_valid.py counts.

Lines are those of pjreddie's program; of `predict` and `valid` those of AlexeyAB's, if the line is meant for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.lists import read_data
from yolov2.detect.classifier import Classifier
from yolov2.errors import PictureError, printable
from yolov2.records import Classification, Frame
from yolov2.standin.classifier_model import (
    Cropped,
    every_node,
    labels_path,
    open_classifier,
    open_classifier_network,
    read_labels,
    top_of,
)
from yolov2.standin.classifier_valid import validate
from yolov2.standin.flags import NO_WINDOW, TRAINING, dialect_of
from yolov2.standin.line import Line, LineError
from yolov2.standin.model import data_path
from yolov2.standin.voice import Voice, asked_pictures

CLASSIFY_DATA, CLASSIFY_TOP = "cfg/imagenet1k.data", 5  # Darknet: main, of the short `classify`

Answer: TypeAlias = Callable[[Classifier, str, Voice, int], None]  # tells the best so many classes of a picture


def classifier(line: Line, voice: Voice) -> int:
    """`classifier predict|valid|... DATA CFG WEIGHTS [PICTURE]`, `classifier train DATA CFG [WEIGHTS]`.

    Source: Darknet `run_classifier`.
    """
    known, repair = f"one of {', '.join(COMMANDS)}", f"write {line.where} predict DATA CFG WEIGHTS PICTURE"
    name = line.next_word(expected=known, repair=repair, have_value=("-t",))
    line.dialect = dialect_of(line)
    if name != "train":
        line.passed_over("-clear", TRAINING)
    line.passed_over("-dont_show", NO_WINDOW)
    if name in COMMANDS:
        return COMMANDS[name](line, voice)
    found = printable(name, longest=40)
    if name in ELSEWHERE:
        found, repair = f"{name}, which is not done here", "run Darknet itself for it"
    raise LineError.at("darknet classifier", found=found, expected=known, repair=repair)


def classify(line: Line, voice: Voice) -> int:
    """`classify CFG WEIGHTS [PICTURE]`: predict by cfg/imagenet1k.data, the five best. Source: Darknet `main`."""
    words = [CLASSIFY_DATA, *line.rest("CFG WEIGHTS [PICTURE]", least=2)]
    if not Path(CLASSIFY_DATA).exists():
        repair = "run it from Darknet's folder, or write darknet classifier predict DATA CFG WEIGHTS [PICTURE]"
        expected = "that file, whose names= Darknet takes for classify"
        raise LineError.at("darknet classify", found=f"no {CLASSIFY_DATA} here", expected=expected, repair=repair)
    return _each_picture(line, words, voice, _answer_of(line), preprocess="predict", top=CLASSIFY_TOP)


def _predict(line: Line, voice: Voice) -> int:
    """Source: Darknet `predict_classifier`."""
    top = line.integer("-t", 0)
    words = line.rest("DATA CFG WEIGHTS [PICTURE]", least=3)
    if top < 0:
        raise LineError.at(line.where, found=f"-t {top}", expected="a number from 1", repair="write, say, -t 5")
    return _each_picture(line, words, voice, _answer_of(line), preprocess="predict", top=top)


def _try(line: Line, voice: Voice) -> int:
    """Source: Darknet `try_classifier`."""
    line.passed_over("-t", "top= in DATA says how many are shown", has_value=True)
    words = line.rest("DATA CFG WEIGHTS [PICTURE] [LAYER]", least=3)
    if len(words) > 4:
        line.note(f"layer {printable(words[4], longest=40)} is passed over: what is inside a network is not printed")
    return _each_picture(line, words[:4], voice, _answer_to_try, preprocess="try")


def _train(line: Line, voice: Voice) -> int:
    """Source: Darknet `train_classifier`."""
    from yolov2.standin.classifier_train import train  # needs torch, which the other commands do without

    return train(line, voice)


COMMANDS: dict[str, Callable[[Line, Voice], int]] = {
    "predict": _predict,
    **{
        name: partial(validate, preprocess=name)
        for name in ("valid", "validcrop", "valid10", "validfull", "validmulti")
    },
    "try": _try,
    "train": _train,
}
ELSEWHERE = ("demo", "gun", "threat", "test", "csv", "label", "fout")


def _each_picture(
    line: Line, words: Sequence[str], voice: Voice, answer: Answer, *, preprocess: str, top: int = 0
) -> int:
    """Answer DATA CFG WEIGHTS [PICTURE]; without one, whatever standard input names. top: 0 is as DATA says."""
    data, cfg, weights, *pictures = words
    section = read_data(Path(data))
    top = top or top_of(section)
    names = data_path(section, "names", voice) or labels_path(section, voice)
    network = open_classifier_network(cfg, voice, instead="darknet detector test DATA CFG WEIGHTS PICTURE")
    labels = read_labels(names, network.raw_shape.size)
    status = 0
    with open_classifier(network, cfg, weights, voice, preprocess=preprocess, names=labels, cache=line.cache) as opened:
        if answer is _alexeyabs_answer:
            voice.say(f" classes = {section.integer('classes', 2)}, output in cfg = {opened.num_classes} ")
        for path in pictures or asked_pictures(voice):
            try:
                answer(opened, path, voice, top)
            except PictureError as refusal:
                voice.fail(str(refusal))
                status = 1
    return status


# --- what is told of one picture --------------------------------------------------------------------------------------


def _answer_of(line: Line) -> Answer:
    return _alexeyabs_answer if line.dialect == "alexeyab" else _answer


def _answer(opened: Classifier, path: str, voice: Voice, top: int) -> None:
    looked = _look(opened, opened.frame(path))
    voice.tell(f"{printable(path)}: Predicted in {looked.took_s:f} seconds.")
    best = looked.found.top(top)
    for name, percent in zip(best.names, best.probabilities * np.float32(100), strict=True):
        voice.say(f"{percent:5.2f}%: {printable(name)}")


def _answer_to_try(opened: Classifier, path: str, voice: Voice, top: int) -> None:
    looked = _look(opened, opened.frame(path))
    voice.say(f"{printable(path)}: Predicted in {looked.took_s:f} seconds.")
    _say_scores(looked.found.top(top), voice)


def _alexeyabs_answer(opened: Classifier, path: str, voice: Voice, top: int) -> None:
    """With the time among the results, and the inner nodes of a tree among the ranks."""
    looked = _look(Cropped(opened), opened.frame(path))
    height, width = opened.input_size
    voice.say(f"{width} {height}")
    voice.say(f"{printable(path)}: Predicted in {1000 * looked.took_s:f} milli-seconds.")
    if opened.tree is None:
        return _say_scores(looked.found.top(top), voice)
    values = every_node(looked.raw, opened)
    for node in np.argsort(-values, kind="stable")[:top].tolist():
        parent = int(opened.tree.parents[node])
        above = printable(looked.found.label(parent)) if parent >= 0 else "Root"
        voice.say(f"{node}, {printable(looked.found.label(node))}: {values[node]:f}, parent: {above} ")


class Looked(NamedTuple):
    """What the network says of one picture."""

    raw: NDArray[np.float32]  # (views, classes)
    found: Classification
    took_s: float  # the network alone


def _look(finder: Classifier | Cropped, frame: Frame) -> Looked:
    images = finder.prepare(frame)
    start = time.perf_counter()
    (raw,) = finder.raw([images])
    took_s = time.perf_counter() - start
    (found,) = finder.decode([raw], frames=[frame])
    return Looked(raw, found, took_s)


def _say_scores(best: Classification, voice: Voice) -> None:
    for name, value in zip(best.names, best.probabilities, strict=True):
        voice.say(f"{printable(name)}: {value:f}")
