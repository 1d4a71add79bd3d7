"""A network as OpenCV would run it: its batch norm, its region threshold. Knows no file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from yolov2.darknet.weights import Weights
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.spec import Network

Arithmetic: TypeAlias = Literal["opencv", "gpu", "cpu"]

ARITHMETICS = ("opencv", "gpu", "cpu")
EPSILON, DARKNETS_EPSILON = 1e-6, 1e-5  # what batch norm adds to a variance in OpenCV's importer, in Darknet


class Held:
    """Weights that are there when they are asked for. Those of a file are held for the first time only: a backend keeps
    its own, and they would take the memory twice."""

    def __init__(self, weights: Weights, again: Callable[[], Weights] | None = None) -> None:
        self._weights: Weights | None = weights
        self._again = again  # reads them once more; None for those of a buffer, which are kept

    def take(self) -> Weights:
        """The weights. Raises WeightsError where their file is not what it was."""
        weights = self._weights
        if self._again is None:
            assert weights is not None
            return weights
        self._weights = None
        return self._again() if weights is None else weights


@dataclass(frozen=True, eq=False, slots=True)
class Loaded:
    """What a Net is made of."""

    where: str  # what messages call it
    network: Network
    weights: Held | None  # None where the .cfg came alone
    threshold: float  # of the region layer: scores up to here are 0
    tree: WordTree | None = None


def with_arithmetic(network: Network, weights: Weights, arithmetic: Arithmetic) -> tuple[Network, Weights]:
    """The same network computing as one of Darknet's two programs does, or as OpenCV.

    OpenCV's importer divides by sqrt(variance + 1e-6) where Darknet's GPU program has 1e-5: variances that much smaller
    under Darknet's rule give OpenCV's numbers. On trained networks the two differ by 3e-3 in the raw head.
    """
    if arithmetic != "opencv":
        return replace(network, arithmetic=arithmetic), weights
    less = np.float32(DARKNETS_EPSILON - EPSILON)
    layers = tuple(
        {name: array - less if name == "rolling_variance" else array for name, array in arrays.items()}
        for arrays in weights.layers
    )
    return replace(network, arithmetic="gpu"), replace(weights, layers=layers)
