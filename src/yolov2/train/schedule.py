"""What changes with the number of the batch: the learning rate, and the size of the input. Pure functions of it."""

import math

from yolov2.network.spec import TrainingOptions


def darknet_rate(options: TrainingOptions, batch: int, *, share: float = 1.0, faithful: bool = False) -> float:
    """The learning rate of the update that has this number, from 1 (Darknet counts before it updates).

    share: what policy=random draws for this batch, from 0 to 1. faithful: batch numbers know no sign, so that a
    negative step is one that never comes, and policy=sigmoid starts from its end.
    Source: Darknet `get_current_rate`.
    """
    rate = options.learning_rate
    if batch < options.burn_in:
        return rate * (batch / options.burn_in) ** options.power
    match options.policy:
        case "step":
            return rate * options.scale ** (batch // options.step)
        case "steps":
            return rate * math.prod(scale for _, scale in _reached(options, batch, faithful=faithful))
        case "exp":
            return rate * options.gamma**batch
        case "poly":
            return rate * (1 - batch / options.max_batches) ** options.power
        case "sigmoid":
            return rate * _logistic(-options.gamma * _since(options.step, batch, faithful=faithful))
        case "random":
            return rate * share**options.power
        case _:
            return rate


def cosine_rate(peak: float, batch: int, *, batches: int, warmup: int, last: float) -> float:
    """A straight rise to the peak over the first `warmup` batches, then half a wave down to the share `last` of it."""
    if batch <= warmup:
        return peak * batch / max(1, warmup)
    done = min(1.0, (batch - warmup) / max(1, batches - warmup))
    return peak * (last + (1 - last) * (1 + math.cos(math.pi * done)) / 2)


def _reached(options: TrainingOptions, batch: int, *, faithful: bool) -> list[tuple[int, float]]:
    """The steps that were made by now, each with its scale: as far as the first that was not."""
    reached: list[tuple[int, float]] = []
    for step, scale in zip(options.steps, options.scales, strict=False):
        if step > batch or (faithful and step < 0):  # Darknet: get_current_rate compares with an unsigned number
            break
        reached.append((step, scale))
    return reached


def _since(step: int, batch: int, *, faithful: bool) -> float:
    """Batches since a step; before it as many less than none, or so many that it never was."""
    return batch - step if batch >= step or not faithful else 2.0**64 + batch - step


def _logistic(x: float) -> float:
    return (math.tanh(x / 2) + 1) / 2
