"""What a layer can't be: the one exception of this room, and the checks that raise it."""

import math
from typing import Any

ACTIVATIONS = (
    "linear",
    "leaky",
    "relu",
    "logistic",
    "loggy",
    "tanh",
    "elu",
    "selu",
    "relie",
    "ramp",
    "plse",
    "hardtan",
    "lhtan",
    "stair",
)


class Mismatch(ValueError):
    """A layer that can't be: a value out of range, or one that does not fit what comes before it.

    `layer` is the index of the layer to repair, -1 for the network's own options, None while a record
    stands alone; `key` is the option to repair. A .cfg reader turns this into a file and a line.
    """

    def __init__(self, key: str, *, found: str, expected: str, repair: str, layer: int | None = None) -> None:
        super().__init__(found, expected)
        self.key, self.found, self.expected, self.repair, self.layer = key, found, expected, repair, layer

    def __str__(self) -> str:
        where = {None: "", -1: "network: "}.get(self.layer, f"layer {self.layer}: ")
        return f"{where}found {self.found}, expected {self.expected}; {self.repair}"


def at_least(record: Any, minimum: int, *names: str, prefix: str = "") -> None:
    """Raises Mismatch if a field of a layer's record is below `minimum`, or more than a C int holds."""
    for name in names:
        value = getattr(record, name)
        if not minimum <= value < 2**31:
            raise Mismatch(
                prefix + name,
                found=f"{prefix}{name}={value}{_inside(record)}",
                expected=f"a whole number from {minimum} to 2147483647",
                repair=f"write, say, {prefix}{name}={max(minimum, 1)}",
            )


def finite(record: Any, *names: str) -> None:
    """Raises Mismatch if a field of a layer's record is no finite number."""
    for name in names:
        if not math.isfinite(getattr(record, name)):
            raise Mismatch(
                name,
                found=f"{name}={getattr(record, name)}{_inside(record)}",
                expected="a finite number",
                repair=f"write {name}=1",
            )


def known_activation(name: str) -> None:
    """Raises Mismatch for an activation that Darknet does not have."""
    if name not in ACTIVATIONS:
        raise Mismatch(
            "activation",
            found=f"activation={name}",
            expected=f"one of {', '.join(ACTIVATIONS)}",
            repair="write activation=leaky, or what the network was trained with",
        )


def _inside(record: Any) -> str:
    """In which section of a .cfg that is."""
    name = type(record).__name__.lower()
    if name == "layeroptions":
        return ""
    return " in [reorg3d]" if name == "reorg" and not record.legacy else f" in [{name}]"
