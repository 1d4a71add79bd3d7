"""Where a training starts: start values, or what another network's weights can give to this one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from yolov2.darknet.weights import Weights, initial_weights
from yolov2.network.heads import last_with_weights, same_layers
from yolov2.network.spec import Network


@dataclass(frozen=True, eq=False, slots=True)
class Start:
    """Weights to begin with, and how many layers of them were learned elsewhere."""

    weights: Weights
    learned: int


def start(
    network: Network,
    *,
    source: Network | None = None,
    weights: Weights | None = None,
    with_head: bool = True,
    seed: int = 0,
) -> Start:
    """Start values, with the layers of `weights` (of the network `source`) as far as both networks are the same.

    with_head: whether the last layer is for the same classes, too. Of a classifier that becomes a detector these are
    the layers of Darknet-19. Pictures seen count from 0 again, as after Darknet's `-clear`.
    """
    fresh = initial_weights(network, seed=seed)
    if source is None or weights is None:
        return Start(fresh, 0)
    count = same_layers(network, source)
    if not with_head:
        count = min(count, last_with_weights(network))
    return Start(replace(fresh, layers=(*weights.layers[:count], *fresh.layers[count:]), seen=0), count)
