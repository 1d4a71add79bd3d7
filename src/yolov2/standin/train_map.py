"""`-map` of `detector train`: AlexeyAB's mean average precision every few epochs, and the best weights by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolov2.detect.detector import Detector
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_map, load_tree
from yolov2.detect.settings import Resize
from yolov2.evaluate.ground_truth import GroundTruth
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.spec import Network
from yolov2.standin.judging import MAP_RULES, Counting, mean_average
from yolov2.standin.program import Program
from yolov2.standin.training import Keeper
from yolov2.standin.voice import Voice

EPOCHS, LEAST_EVERY = 4, 100  # between two of them at least: passes over the pictures, and updates


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """The network as it is judged: at its own size, on the pictures of valid=."""

    network: Network
    truth: GroundTruth
    counting: Counting
    names: Sequence[str]
    tree: WordTree | None
    nodes: Sequence[int] | None
    resize: Resize

    @classmethod
    def of(
        cls,
        network: Network,
        cfg: str,
        truth: GroundTruth,
        counting: Counting,
        *,
        names: Sequence[str],
        nodes: Path | None,
        resize: Resize,
    ) -> Judged:
        """Raises Yolov2Error for a tree or a map that is not there."""
        files = ModelFiles(Path(cfg), None, map=nodes)
        tree = load_tree(files, network)
        return cls(network, truth, counting, names, tree, load_map(files, tree), resize)


@dataclass(slots=True)
class Best:
    """When there is a score, what it is, and the best one so far."""

    judged: Judged
    keeper: Keeper
    pictures: int  # trained on
    voice: Voice
    failed: int = 0  # pictures, the last time
    score: float = -1.0
    best: float = -1.0
    _since: int = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.keeper.learner.updates

    @property
    def next(self) -> int:
        """The update behind which the next score is due."""
        options = self.judged.network.training
        every = max(LEAST_EVERY, EPOCHS * self.pictures // options.batch)
        return max(self._since + every, options.burn_in)

    def tell(self) -> None:
        """The lines before those of an update."""
        self.voice.say(f"\n (next mAP calculation at {self.next} iterations) ")
        if self.score > 0:
            at = f"mAP@{self.judged.counting.iou:.2f}"
            self.voice.say(f"\n Last accuracy {at} = {100 * self.score:2.2f} %, best = {100 * self.best:2.2f} % ")

    def look(self, update: int) -> None:
        """Score the weights if that is due behind this update, and keep them if they are the best."""
        if update < self.next and update != self.judged.network.training.max_batches:
            return
        self._since = update
        judged, weights = self.judged, self.keeper.learner.weights()
        with Detector(
            judged.network, weights, names=judged.names, tree=judged.tree, map=judged.nodes, resize=judged.resize,
            faithful=True,
        ) as detector:  # fmt: skip
            found = mean_average(Program(detector, MAP_RULES), judged.truth, judged.counting, self.voice)
        self.judged = replace(judged, truth=replace(judged.truth, failures=()))  # each is named once
        self.score, self.failed = found.mean, max(self.failed, found.failed)
        self.voice.say(f"\n mean_average_precision (mAP@{judged.counting.iou:.2f}) = {self.score:f} ")
        if self.score >= self.best:
            self.best = self.score
            self.voice.say("New best mAP!")
            self.keeper.keep("_best.weights")
