"""Where a training begins: the model that it starts from, and the network that follows from the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from yolov2.darknet.weights import Weights
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model, load_network
from yolov2.errors import TrainingError
from yolov2.evaluate.anchors import boxes_of, find_anchors
from yolov2.network import architectures
from yolov2.network.heads import for_classes
from yolov2.network.spec import Network
from yolov2.train.recipe import Recipe
from yolov2.train.start import Start, start
from yolov2.verbs.material import Material

ANCHORS = 5
MOST_ANCHORS = 9
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


def network_for(
    material: Material,
    origin: Origin | None,
    recipe: Recipe,
    *,
    tell: Callable[[str], None],
) -> Network:
    """The network for the classes of the data, as large as the largest input; with anchors for its boxes."""
    side = max(recipe.sizes)
    base = _base(material, origin)
    if is_same(material, origin) and origin is not None and origin.weights is not None:
        what = "anchors: those" if base.region is not None else "last layer: that"
        tell(f"{what} of the model, which is for the same {len(material.classes)} classes")
        return base.at_size(side, side)
    anchors = None
    if base.region is not None:
        anchors = _anchors(material, base, len(base.region.anchors), recipe, tell)
    made = for_classes(base, len(material.classes), anchors=anchors)
    return replace(made, name=Path(material.where).name or "trained").at_size(side, side)


def is_same(material: Material, origin: Origin | None) -> bool:
    """Whether the model is for the classes of the data."""
    return origin is not None and origin.names == material.classes


def start_of(network: Network, material: Material, origin: Origin | None, recipe: Recipe) -> Start:
    """The weights to begin with. Raises TrainingError for a recipe that freezes layers that have learned nothing."""
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
    return begun


def _base(material: Material, origin: Origin | None) -> Network:
    """A network of the kind that the data need."""
    if material.task == "classify":
        return architectures.darknet19() if origin is None else origin.network
    if origin is None:
        return architectures.nano()
    if origin.network.region is not None:
        return origin.network
    try:
        return architectures.detector_after(origin.network)
    except ValueError as wrong:
        raise TrainingError(
            f"{origin.network.name or 'model'}: {wrong}; start from Darknet-19, or from a detector"
        ) from None


def _anchors(
    material: Material, base: Network, count: int, recipe: Recipe, tell: Callable[[str], None]
) -> list[tuple[float, float]]:
    """As many anchors in cells of the network as it has, for the boxes of the data. Raises TrainingError."""
    side = max(recipe.sizes)
    boxes = boxes_of(material.boxed, where=material.where)
    found = find_anchors(boxes, min(count, MOST_ANCHORS), size=(side, side), resize=recipe.resize, seed=recipe.seed)
    scale = STRIDE / (base.input.height / base.raw_shape.height)
    tell(f"anchors: {len(found.cells)} by k-means over {len(boxes.wh):,} boxes, mean IoU {100 * found.mean_iou:.1f} %")
    return [(width * scale, height * scale) for width, height in found.cells.tolist()]
