"""Why one box was found: D-RISE saliency, from what a Detector still finds when parts of the picture are hidden.

Source: Petsiuk et al. 2021, "Black-box Explanation of Object Detectors via Saliency Maps".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolov2.boxes import cxcywh_from_xyxy, xyxy_from_cxcywh
from yolov2.detect.annotated import drawn, frame_of
from yolov2.detect.decoder import PLACEMENTS
from yolov2.detect.detector import Detector
from yolov2.errors import OutputError, PictureError, printable
from yolov2.evaluate.saliency import Average, Floats, Masks, Proposals, draw_masks, hide, most_similar, rescale
from yolov2.files import write_whole
from yolov2.hierarchy.wordtree import absolute_probabilities
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.heat import draw_heat, spread
from yolov2.pictures.letterbox import Image, Placement, unletterbox
from yolov2.records import Detections, Frame
from yolov2.region.decode import candidates

ENDINGS = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg"}  # of a file's name -> the format
LEAST_OBJECTNESS = 1e-3  # of a head over a tree: thousands of nodes for every box of every picture would take gigabytes


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """What in a picture one detection depends on."""

    saliency: Floats  # (H, W) of the picture: 1 where hiding costs the detection most, 0 where least
    target: Detections  # one row
    frame: Frame
    masks: Masks

    @property
    def peak(self) -> tuple[int, int]:
        """(x, y) of the pixel on which most depends; of several the uppermost."""
        y, x = np.unravel_index(int(self.saliency.argmax()), self.saliency.shape)
        return int(x), int(y)

    def draw(self) -> Any:
        """The picture under its saliency, with the box and its label, as a PIL image."""
        return self._shown().draw()

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows."""
        return self._shown()._repr_png_()  # pyright: ignore[reportPrivateUsage]

    def write(self, path: str | Path) -> None:
        """The same as a .png or .jpg file, whole or not at all. Raises OutputError."""
        data = encode_picture(drawn(self._shown()), ending=check_output(path))
        with write_whole(path) as file:
            file.write(data)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: source, label, class_id, score, objectness, box, masks, grid, seed, peak."""
        (row,) = self.target.rows()
        how = {"masks": self.masks.count, "grid": self.masks.grid, "seed": self.masks.seed}
        return {"source": self.target.source, **row, **how, "peak": list(self.peak)}

    def _shown(self) -> Detections:
        return replace(self.target, frame=Frame(draw_heat(self.frame.rgb, self.saliency)))


def explain(
    detector: Detector,
    picture: Any,
    *,
    detection: int = 1,
    class_name: str | None = None,
    bgr: bool = False,
    **how: Any,
) -> Explanation:
    """The saliency of the best detection in a picture, or of the N-th best; with a class name, of those of that class.

    picture: whatever the detector takes. how: the options of `explain_detection`.
    Raises PictureError if the picture can't be read or so much was not found in it, ValueError for an unknown class.
    """
    frame = detector.frame(picture, bgr=bgr)
    chosen = detector if class_name is None else _of_class(detector, class_name)
    return explain_detection(detector, _nth(chosen(frame), detection, class_name), **how)


def explain_detection(
    detector: Detector,
    target: Detections,
    *,
    masks: Masks | None = None,
    batch: int = 8,
    on_mask: Callable[[], None] = lambda: None,
) -> Explanation:
    """The saliency of one row of what the detector found in a picture; `on_mask` is called after every mask.

    Masks are laid over the network's input, where the picture lies on it: a hidden pixel is black. They are drawn as
    they are needed, and the same for any `batch`. Beside a region of interest the saliency is 0.
    """
    frame, masks = frame_of(target), masks or Masks()
    if len(target) != 1:
        raise ValueError(f"target: found {len(target)} detections, expected one, as found[0]")
    if detector.settings.tile is not None:
        raise ValueError(f"tile: found {detector.settings.tile}, expected none: a picture is explained in one piece")
    (view,) = detector.views(frame.size)
    left, top, right, bottom = view
    place = PLACEMENTS[detector.settings.resize]((bottom - top, right - left), detector.input_size)
    image: Image = detector.prepare(frame)
    sought = _proposal_of(target, propose(detector, image[None], least=float(target.objectness[0])), view, place)

    average = Average(place.resized)
    for several in draw_masks(masks, place.resized, batch=batch):
        found = propose(detector, hide(image, several, place))
        average.add(several, most_similar(sought, found, pictures=len(several)))
        for _ in several:
            on_mask()
    saliency = np.zeros(frame.size, np.float32)
    saliency[top:bottom, left:right] = rescale(spread(average.value(), (bottom - top, right - left)))
    return Explanation(saliency, target, frame, masks)


def propose(detector: Detector, images: Floats, *, least: float = 1.0) -> Proposals:
    """All boxes of the raw head of these network inputs (B, C, H, W).

    Of a head over a tree those whose objectness is no trace, or at least half of `least` if that is still lower.
    """
    head, tree = detector.region, detector.tree
    threshold = 0.0 if tree is None else min(LEAST_OBJECTNESS, least / 2)
    found = candidates(detector.raw(images), head, threshold=threshold, tree=tree)
    probs = found.class_probs if tree is None else absolute_probabilities(found.class_probs, tree)
    objectness = probs.max(axis=1) if head.background else found.objectness  # it has none; its surest class stands in
    return Proposals(found.pictures, xyxy_from_cxcywh(found.boxes), objectness, probs)


def check_output(path: str | Path) -> str:
    """The format that a file's name asks for. Refuses before long work what would be refused after it: OutputError."""
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        found = f"the ending {printable(ending)!r}" if ending else "no ending"
        repair = "name it, say, explain.png"
        raise OutputError.at(printable(path), found=found, expected=f"one of {' '.join(ENDINGS)}", repair=repair)
    if not path.parent.is_dir():
        expected = "a folder to write into"
        raise OutputError.at(printable(path), found="no such folder", expected=expected, repair="create it")
    return ENDINGS[ending]


def _of_class(detector: Detector, name: str) -> Detector:
    try:
        return detector.with_settings(classes=(name,))
    except ValueError as wrong:
        raise ValueError(str(wrong).replace("classes: ", "class: ", 1)) from None


def _nth(found: Detections, detection: int, class_name: str | None) -> Detections:
    """The N-th best, from 1."""
    if detection < 1:
        raise ValueError(f"detection: found {detection}, expected a number from 1")
    if detection > len(found):
        of_class = "" if class_name is None else f" of {printable(class_name)}"
        said = f"{len(found)} detection{'' if len(found) == 1 else 's'}{of_class} above the threshold"
        where, expected = printable(found.source) or "picture", f"at least {detection}"
        raise PictureError.at(where, found=said, expected=expected, repair="lower conf, or ask for another")
    return found[detection - 1]


def _proposal_of(target: Detections, found: Proposals, view: tuple[int, int, int, int], place: Placement) -> Proposals:
    """The proposal that a detection came from: the one nearest to it, and of equal boxes the one as sure."""
    left, top, right, bottom = view
    boxes = unletterbox(cxcywh_from_xyxy(found.boxes), place)
    sides = np.array([right - left, bottom - top] * 2, np.float32)
    corners = xyxy_from_cxcywh(boxes) * sides + np.array([left, top] * 2, np.float32)
    apart = np.abs(corners - target.xyxy[0]).max(axis=1)
    return found.row(int(np.lexsort((np.abs(found.objectness - target.objectness[0]), apart))[0]))
