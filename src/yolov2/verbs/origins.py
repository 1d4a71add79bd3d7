"""Where a training begins: the model that it starts from, and the network that follows from the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from yolov2.darknet.weights import Weights
from yolov2.data.opened import Task
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model, load_network
from yolov2.errors import TrainingError
from yolov2.evaluate.anchors import boxes_of, find_anchors
from yolov2.network import architectures
from yolov2.network.heads import for_classes, last_with_weights
from yolov2.network.spec import Network, TrainingOptions
from yolov2.priors.kmeans import count_different
from yolov2.train.recipe import Recipe
from yolov2.train.start import Start, start
from yolov2.verbs.material import Material

MOST_ANCHORS = 9
RGB = 3
STRIDE = 32  # pixels of a cell, as `find_anchors` counts


@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """The model that a training begins with; without weights its layers alone."""

    network: Network
    weights: Weights | None
    names: tuple[str, ...]


def find_origin(model: str | Path | None, weights: str | Path | None) -> Origin | None:
    """Whose layers are trained, and what these have learned; None where nothing is named. Raises ModelError."""
    if model is None and weights is None:
        return None
    files = find_model(model, weights=weights, need_weights=False)
    if files.weights is None and files.checkpoint is None:
        return Origin(load_network(files), None, ())
    loaded = load_model(files)
    return Origin(loaded.network, loaded.weights, loaded.names)


def network_for(material: Material, origin: Origin | None, recipe: Recipe, *, tell: Callable[[str], None]) -> Network:
    """The network for the classes of the data, as large as the largest input; with anchors for its boxes.

    Raises TrainingError for a network that can't be trained, or not at these sizes.
    """
    base = base_of(material.task, origin)
    _check(base, recipe)
    side = max(recipe.sizes)
    if base.input.height != base.input.width:
        tell(f"inputs are square, up to {side} x {side}, where the model has {base.input.width} x {base.input.height}")
    options = _options(base, recipe)
    if is_same(material, origin) and origin is not None and origin.weights is not None:
        what = "anchors: those" if base.region is not None else "last layer: that"
        tell(f"{what} of the model, which is for the same {len(material.classes)} classes")
        return replace(base, training=options).at_size(side, side)
    if has_tree(base):
        tell("the tree of the model is left out: what is learned are the classes of the data, side by side")
    anchors = None
    if base.region is not None:
        anchors = _anchors(material, base, len(base.region.anchors), recipe, tell)
    made = for_classes(base, len(material.classes), anchors=anchors)
    name = Path(material.where).name or "trained"
    return replace(made, name=name, training=options).at_size(side, side)


def is_same(material: Material, origin: Origin | None) -> bool:
    """Whether the model does the same with the classes of the data: find them, or tell them apart."""
    if origin is None or origin.names != material.classes or has_tree(origin.network):
        return False
    return (origin.network.region is not None) == (material.task == "detect")


def has_tree(network: Network) -> bool:
    """Whether its classes are those of a WordTree."""
    return getattr(network.head, "tree", None) is not None


def start_of(network: Network, material: Material, origin: Origin | None, recipe: Recipe) -> Start:
    """The weights to begin with. Raises TrainingError for a recipe that freezes what has learned nothing, or all."""
    begun = start(
        network,
        source=origin and origin.network,
        weights=origin and origin.weights,
        with_head=is_same(material, origin),
        seed=recipe.seed,
    )
    if recipe.freeze > begun.learned:
        found, expected = f"{recipe.freeze} layers without learned weights", f"at most {begun.learned}"
        raise TrainingError.at(
            "freeze", found=found, expected=expected, repair="start from a model with -m or --weights"
        )
    last = last_with_weights(network)
    if recipe.freeze > last:
        found, expected = f"{recipe.freeze} layers, which are all that learn", f"at most {last}"
        raise TrainingError.at("freeze", found=found, expected=expected, repair="leave the last layer free")
    return begun


def base_of(task: Task, origin: Origin | None) -> Network:
    """A network of the kind that the data need. Raises TrainingError for a model that can't become one."""
    if task == "classify":
        return architectures.darknet19() if origin is None else origin.network
    if origin is None:
        return architectures.nano()
    if origin.network.region is not None:
        return origin.network
    try:  # a classifier: its layers become those of a detector
        return architectures.detector_after(origin.network)
    except ValueError as wrong:
        name = origin.network.name or "model"
        raise TrainingError(f"{name}: {wrong}; start from Darknet-19, or from a detector") from None


def _check(base: Network, recipe: Recipe) -> None:
    """Raises TrainingError."""
    name = base.name or "model"
    if base.input.channels != RGB:
        found, expected = f"{base.input.channels} channels", "3, as pictures are RGB in training"
        raise TrainingError.at(name, found=found, expected=expected, repair="take another model")
    stride = base.input.height // base.raw_shape.height if base.region is not None else 1
    wrong = [side for side in recipe.sizes if side % stride]
    if wrong:
        near = max(stride, round(wrong[0] / stride) * stride)
        found, expected = f"inputs of {wrong[0]} pixels", f"a multiple of {stride}, the cells of {name}"
        raise TrainingError.at("sizes", found=found, expected=expected, repair=f"take {near}")


def _options(base: Network, recipe: Recipe) -> TrainingOptions:
    """What [net] of the model says of its training: by a recipe that does not come from there, the recipe's values."""
    if recipe.policy == "cfg":
        return base.training
    parts = -(-recipe.batch // recipe.mini_batch) if recipe.mini_batch else 1
    return replace(
        base.training, batch=recipe.batch, subdivisions=parts, learning_rate=recipe.learning_rate,
        momentum=recipe.momentum, decay=recipe.decay,
    )  # fmt: skip


def _anchors(
    material: Material, base: Network, count: int, recipe: Recipe, tell: Callable[[str], None]
) -> list[tuple[float, float]]:
    """As many anchors in cells of the network as it has, for the boxes of the data. Raises LabelError."""
    side = max(recipe.sizes)
    boxes = boxes_of(material.samples, difficult=recipe.difficult == "train", where=material.where)
    different = count_different(boxes.on_network((side, side), recipe.resize))
    if different < count:
        tell(f"anchors: {different} in place of {count}, as the boxes have no more different shapes")
    count = min(count, different, MOST_ANCHORS)
    found = find_anchors(boxes, count, size=(side, side), resize=recipe.resize, seed=recipe.seed)
    scale = STRIDE / (base.input.height / base.raw_shape.height)
    tell(f"anchors: {len(found.cells)} by k-means over {len(boxes.wh):,} boxes, mean IoU {100 * found.mean_iou:.1f} %")
    return [(width * scale, height * scale) for width, height in found.cells.tolist()]
