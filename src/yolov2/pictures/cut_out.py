"""One object out of its picture: its alpha, from the file or from a plain background, cut down to the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.paste import premultiplied
from yolov2.pictures.quick_distort import shrunk

Cut: TypeAlias = Literal["alpha", "plain", "whole"]  # by its alpha, from a plain background, not at all

VISIBLE = 128  # alpha from which a pixel counts as the object's
WORKING_SIDE = 480  # pixels of the longer side, in which the background is sought
RIM = 0.03  # of the shorter side: so far from the edges a picture is taken for background
PLAIN = 0.8  # of the rim must be; an object may reach over the rest
QUIET = 5.0  # the farthest that so much of the rim lies from its smooth course, in Lab; photographs of scenes: 6 to 28
NEAR = 6.0, 24.0  # from that course: so near is background for sure, so far may be (a shadow, a reflection)
DARKER, LIGHTER = 0.5, 1.5  # how much lightness counts against colour: a shadow is darker, and the same else
SHARES = 0.01, 0.92  # of the picture that an object can cover
SPECK = 0.02  # of the largest piece: a smaller one is dirt on the table
ROUNDS = 3  # of GrabCut


@dataclass(frozen=True, eq=False, slots=True)
class CutOut:
    """One object, as large as its picture has it or as was wanted."""

    flat: NDArray[np.uint8]  # (H, W, 4) RGBA, colours times alpha; alpha reaches all four edges
    cut: Cut


def cut_out(rgba: NDArray[np.uint8], *, longest: int) -> CutOut | None:
    """The object in a picture (H, W, 4), its longer side at most so long; None where alpha leaves nothing to see.

    A picture without alpha has 255 all over. If its rim is plain, what continues the rim is background; if not, the
    whole picture is the object.
    """
    cut: Cut = "alpha"
    if rgba[..., 3].min() == 255:
        alpha = plain_alpha(rgba[..., :3])
        cut = "whole" if alpha is None else "plain"
        if alpha is not None:
            rgba = np.dstack((rgba[..., :3], alpha))
    box = visible_box(rgba[..., 3])
    if box is None:
        return None
    x1, y1, x2, y2 = box
    return CutOut(np.ascontiguousarray(shrunk(premultiplied(rgba[y1:y2, x1:x2]), longest)), cut)


def visible_box(alpha: NDArray[np.uint8], *, least: int = VISIBLE) -> tuple[int, int, int, int] | None:
    """The corners x1, y1, x2, y2, at the edges of pixels, of all that is at least so opaque; None: nothing is."""
    is_visible = (alpha >= least).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(is_visible)
    return (x, y, x + width, y + height) if width else None


def plain_alpha(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Alpha (H, W) of the object before a plain background; None where there is no such background, or no object.

    Plain means that the rim of the picture follows a smooth course of colours, as a lit wall or table does. What is
    like it and touches it is background; GrabCut decides where that is not sure, so that shadows go as well.
    """
    small = shrunk(rgb, WORKING_SIDE)
    away = _distance_from_rim(small)
    if away is None:
        return None
    is_background = _touching_the_edge(away < NEAR[0])
    may_be_background = _touching_the_edge(away < NEAR[1])
    classes = np.full(small.shape[:2], cv2.GC_PR_FGD, np.uint8)
    classes[away >= NEAR[1]] = cv2.GC_FGD
    classes[may_be_background] = cv2.GC_PR_BGD
    classes[is_background] = cv2.GC_BGD
    if not (is_background.any() and (classes == cv2.GC_FGD).any()):
        return None
    cv2.setRNGSeed(0)  # GrabCut starts from clusters that are drawn
    cv2.grabCut(small, classes, None, *np.zeros((2, 1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)  # pyright: ignore[reportCallIssue, reportArgumentType]
    mask = _filled(_without_specks(np.isin(classes, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)))
    share = mask.mean()
    if not SHARES[0] <= share <= SHARES[1]:
        return None
    return _soft(mask, rgb.shape[:2])


def _distance_from_rim(rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """How far each colour is from what the rim, continued smoothly, would have there; None if the rim is not plain."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab).astype(np.float64) * (DARKER, 1, 1)
    height, width = rgb.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack((np.ones_like(x), x, y, x * y, x * x, y * y), axis=-1)  # (H, W, 6) lighting is about as smooth
    depth = max(1, round(RIM * min(height, width)))
    is_rim = np.ones((height, width), bool)
    is_rim[depth:-depth, depth:-depth] = False
    basis, colours = terms[is_rim], lab[is_rim]
    kept, course, most = np.ones(len(basis), bool), np.zeros((6, 3)), 0.0
    for _ in range(3):  # where the object reaches the edge, its pixels must not bend the course
        course = np.linalg.pinv(basis[kept]) @ colours[kept]
        off = np.linalg.norm(colours - basis @ course, axis=1)
        most = float(np.quantile(off, PLAIN))
        kept = off <= max(NEAR[0], most)
    if most > QUIET:
        return None
    away = lab - terms @ course
    away[..., 0] *= np.where(away[..., 0] > 0, LIGHTER / DARKER, 1)
    return np.linalg.norm(away, axis=2).astype(np.float32)


def _touching_the_edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pieces of a mask that reach an edge of the picture."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    edge = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return mask & np.isin(labels, np.unique(edge))


def _without_specks(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = facts[1:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask
    return np.isin(labels, 1 + np.flatnonzero(areas >= SPECK * areas.max())).astype(np.uint8)


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without holes: a white label on a mug before a white wall is the mug's."""
    return 1 - _touching_the_edge(mask == 0).astype(np.uint8)


def _soft(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask as alpha at this size, its edge soft and a pixel inside, where no background shines through any more."""
    height, width = size
    sharp = cv2.erode(mask * 255, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=255)
    large = cv2.resize(sharp, (width, height), interpolation=cv2.INTER_CUBIC)
    sigma = max(0.8, 0.6 * max(size) / max(mask.shape))
    return cv2.GaussianBlur(large, (0, 0), sigma).astype(np.uint8)
