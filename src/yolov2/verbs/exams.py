"""What the weights of a training are worth by now: a score on the validation pictures, and what people can look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from yolov2.darknet.weights import Weights
from yolov2.detect.annotated import write_annotated
from yolov2.detect.classifier import STORED_RULES, Classifier
from yolov2.detect.detector import Detector
from yolov2.detect.settings import DEFAULT_CONF
from yolov2.errors import PictureError
from yolov2.evaluate.accuracy import accuracy
from yolov2.evaluate.average import judge
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.train.recipe import Recipe
from yolov2.verbs.material import Material

Exam: TypeAlias = Callable[[Weights], float]  # the score: mean AP at an IoU of 0.5 (VOC 2012), or top-1
Tell: TypeAlias = Callable[[str], None]

LEARNED = 0.9  # the score on pictures known by heart
SCORED_CONF = 0.005
SHOWN, SHOWN_CONF = 8, 0.2  # pictures of a validation that are drawn, and how sure a box on them is
PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Hardware:
    """What it is done on: a device by its name, and processor threads (None: all)."""

    device: str = "auto"
    threads: int | None = None


def exam_of(
    network: Network, material: Material, recipe: Recipe, on: Hardware, *, folder: Path, tell: Tell
) -> Exam | None:
    """How weights of this network are judged; None without pictures to do it on."""
    if not len(material.validation):
        return None
    if material.task == "classify":
        return _of_classes(network, material, recipe, on, tell)
    return _of_boxes(network, material, recipe, on, folder, tell)


def _of_boxes(network: Network, material: Material, recipe: Recipe, on: Hardware, folder: Path, tell: Tell) -> Exam:
    """Mean AP; the first validation pictures are drawn with what is found in them."""

    def exam(weights: Weights) -> float:
        with Detector(
            network, weights, names=material.classes, conf=SCORED_CONF, max_det=None, resize=recipe.resize,
            device=on.device, threads=on.threads,
        ) as detector:  # fmt: skip
            judgement = judge(detector, material.validation, classes=material.classes)
            if judgement.surest <= DEFAULT_CONF:
                tell(
                    f"nothing is surer than {DEFAULT_CONF:g} yet; surest {judgement.surest:.3f}: {judgement.surest_of}"
                )
            _show(detector.with_settings(conf=SHOWN_CONF), material.validation, folder / PICTURES)
        return judgement.mean_ap

    return exam


def _of_classes(network: Network, material: Material, recipe: Recipe, on: Hardware, tell: Tell) -> Exam:
    """Top-1; top-5 is told where there are more classes."""

    def exam(weights: Weights) -> float:
        rule = STORED_RULES[recipe.resize]
        with Classifier(
            network, weights, names=material.classes, preprocess=rule, device=on.device, threads=on.threads
        ) as classifier:
            found = accuracy(classifier, material.validation)
        if len(material.classes) > found.top:
            tell(f"top-{found.top}: {100 * found.top_k:.1f} %")
        return found.top1

    return exam


def verdict(score: float, pictures: int, *, is_whole: bool) -> str:
    """What learning by heart has shown. is_whole: of pictures with one class each."""
    count = "1 picture" if pictures == 1 else f"{pictures} pictures"
    measure = "top-1" if is_whole else "mAP50"
    if score > LEARNED:
        return f"your data and labels can be learned: {measure} {100 * score:.1f} % on {count} known by heart"
    reason = "classes are mixed up" if is_whole else (
        "boxes lie beside their objects, classes are mixed up, or objects are smaller than a few cells"
    )  # fmt: skip
    return (
        f"{count} could not be learned by heart: {measure} {100 * score:.1f} %, where {100 * LEARNED:.0f} % would do; "
        f"there were too few updates, or {reason}: look with `yolov2 data show` and `data check`"
    )


def _show(detector: Detector, samples: Samples, folder: Path) -> None:
    """The first pictures of a validation with what is found in them by now, in place of those of the last time."""
    for number, picture in enumerate(samples.pictures[:SHOWN], 1):
        try:
            write_annotated(detector(picture), folder / f"{number}-{Path(picture).stem}.jpg")
        except PictureError:
            continue  # named once already, by whoever judged
