"""The doctor from outside: what a user calls a data set and a model -> what is wrong with them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.checkpoint.file import read_checkpoint
from yolov2.darknet.lists import read_names
from yolov2.darknet.sections import parse_sections
from yolov2.darknet.text import read_text
from yolov2.data.box_checks import View
from yolov2.data.dataset import open_data
from yolov2.data.doctor import Findings, examine
from yolov2.data.model_checks import Fit
from yolov2.data.verified import OnPicture
from yolov2.detect.model_files import ModelFiles, find_model
from yolov2.detect.models import load_names, load_network
from yolov2.errors import CfgError, ModelError, NamesError, Yolov2Warning
from yolov2.network.architectures import VOC_ANCHORS
from yolov2.network.layers import Region
from yolov2.samples import Fault, Samples

SIZE = (416, 416)
FILTERS = re.compile(r"filters=")


@dataclass(frozen=True, slots=True)
class Model:
    """A model as far as a data set must fit it."""

    fit: Fit
    size: tuple[int, int]  # (height, width)
    anchors: tuple[tuple[float, float], ...]


def check(
    data: str | Path,
    *,
    model: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    anchors: Sequence[tuple[float, float]] | None = None,
    names: str | Path | Sequence[str] | None = None,
    images: str | Path | None = None,
    against: Sequence[str | Path] = (),
    pictures: bool = True,
    cache: str | Path | None = "default",
    on_picture: OnPicture = lambda total: None,
) -> Findings:
    """All that is wrong or odd with a data set, or with `DATA@SPLIT`, and its numbers.

    model: what it is to be trained or evaluated with; a .cfg is enough. size: (height, width) of the network's input,
    or one side; else the model's, else 416. anchors: (width, height) pairs in cells; else the model's.
    names: the classes, or the file that lists them, where the data set leaves them open. images: the folder of a COCO
    file's pictures. against: other data sets, such as the other files of COCO, which may not show the same pictures.
    pictures: decode every picture and look for those that show the same.
    Raises LabelError where the data set can't be opened, ModelError where there is no such model.
    """
    found, given = (None, []) if model is None else _model(model)
    listed = read_names(Path(names)) if isinstance(names, str | Path) else names
    chosen = None if listed is None else tuple(listed)
    dataset = open_data(data, images=None if images is None else Path(images), names=chosen, cache=cache)
    view = _view(found, size, anchors)
    others = {str(one): _everything(one, cache) for one in against}
    return examine(
        dataset,
        view,
        data=str(data),
        fit=None if found is None else found.fit,
        given=given,
        against=others,
        pictures=pictures,
        names_given=names is not None,
        on_picture=on_picture,
    )


def _everything(data: str | Path, cache: str | Path | None) -> Samples:
    """The pictures of all splits, or of the one named."""
    dataset = open_data(data, cache=cache)
    return dataset.read(None if dataset.chosen else "+".join(dataset.split_names)).samples


def _view(
    model: Model | None, size: int | tuple[int, int] | None, anchors: Sequence[tuple[float, float]] | None
) -> View:
    chosen = (size, size) if isinstance(size, int) else size
    if anchors is not None:
        pairs, source = _pairs(anchors), "--anchors"
    elif model is not None:
        pairs, source = _pairs(model.anchors), model.fit.where
    else:
        pairs, source = _pairs(VOC_ANCHORS), "yolov2-voc"
    return View(chosen or (SIZE if model is None else model.size), pairs, source)


def _pairs(anchors: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    pairs = np.array(anchors, np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not (np.isfinite(pairs) & (pairs > 0)).all():
        raise ValueError(f"anchors: found {anchors}, expected pairs of width and height in cells, above 0")
    return pairs


def _model(model: str | Path) -> tuple[Model | None, list[Fault]]:
    """The model, or the fault for which its .cfg can't be read."""
    files = find_model(model, need_weights=False)
    try:
        network = load_network(files)
    except CfgError as refusal:
        if files.cfg is None or not files.cfg.is_file():
            raise
        where, _, said = str(refusal).partition(": found ")
        found, _, said = said.partition(", expected ")
        expected, _, repair = said.rpartition("; ")
        code = "cfg-filters" if FILTERS.match(found) else "cfg-broken"
        return None, [Fault(code, where, found, expected, repair, is_error=True)]
    head = network.head
    if not isinstance(head, Region):
        found, expected = "a network that finds no boxes", "a [region] at its end"
        raise ModelError.at(files.where, found=found, expected=expected, repair="name a detector")
    places = _places(files)
    names = () if head.tree else _names(files)
    fit = Fit(files.where, None if head.tree else head.classes, names, head.num_anchors, head.coords, places)
    return Model(fit, (network.input.height, network.input.width), head.anchors), []


def _places(files: ModelFiles) -> dict[str, str]:
    """Where the .cfg says what the data set must fit."""
    if files.cfg is None:
        return {}
    sections = parse_sections(read_text(files.cfg, expected="a .cfg file", refusal=CfgError), files.cfg)
    region = next(section for section in reversed(sections) if section.name == "region")
    return {key: region.where(key) for key in ("classes", "anchors")}


def _names(files: ModelFiles) -> tuple[str, ...]:
    """What the model calls its classes; () where no list fits."""
    if files.checkpoint is not None and files.names is None:
        return read_checkpoint(files.checkpoint).names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Yolov2Warning)
        try:
            return load_names(files, load_network(files))
        except NamesError:
            return ()
