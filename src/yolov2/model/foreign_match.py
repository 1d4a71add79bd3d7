"""A foreign state dict -> the arrays of a Network, matched by shape and order. What a name says does not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yolov2.darknet.weights import Weights
from yolov2.errors import ForeignError, printable
from yolov2.model.foreign_programs import JoinOrder
from yolov2.network.layers import BatchNorm, Connected, Convolutional, Route, section_name
from yolov2.network.shapes import parameters
from yolov2.network.spec import Network

Floats = NDArray[np.float32]
State = Mapping[str, Floats]

KERNEL_DIMENSIONS = (2, 4)  # a linear layer's, a convolution's
STATISTICS = ("running_mean", "running_var")
OTHER_CFG = "give the .cfg of the network that this file was trained as"


@dataclass(eq=False, slots=True)
class Unit:
    """A convolution or linear layer of the file, with the batch norm that follows it."""

    name: str
    weight: Floats
    bias: Floats | None
    norm_name: str = ""
    norm: State = field(default_factory=dict[str, Floats])  # weight, bias, running_mean, running_var; empty if none

    def __str__(self) -> str:
        sides = " x ".join(map(str, self.weight.shape))
        return f"{printable(self.name, longest=60)} ({sides}{', batch norm' if self.norm else ''})"


@dataclass(frozen=True, slots=True)
class Match:
    """Which tensors of the file became the arrays of one layer."""

    layer: int
    section: str
    shape: tuple[int, ...]  # of its kernels
    sources: tuple[str, ...]  # modules of the file
    note: str = ""

    def __str__(self) -> str:
        sides = " x ".join(map(str, self.shape))
        note = f"  ({self.note})" if self.note else ""
        return f"layer {self.layer:2} [{self.section}] {sides} <- {printable(' + '.join(self.sources))}{note}"


def match_state(
    state: State, network: Network, *, where: str, join: JoinOrder = "cfg", pixels: float = 1.0
) -> tuple[Weights, tuple[Match, ...], tuple[str, ...]]:
    """The weights of the network, which tensors each layer took, and the names of those that none took.

    join: the order in which the file's network joins the maps of a [route]. pixels: what white is at its input.
    Raises ForeignError, one line that names the first layer without a counterpart.
    """
    units, passed_over = find_units(state, where)
    layers: list[Mapping[str, Floats]] = []
    matches: list[Match] = []
    for index, layer in enumerate(network.layers):
        if isinstance(layer, BatchNorm):
            found, expected = f"a batch norm of its own in layer {index}", "one behind a convolution"
            raise ForeignError.at(where, found=found, expected=expected, repair="this can't be converted")
        if not isinstance(layer, (Convolutional, Connected)):
            layers.append({})
            continue
        unit, notes = _take(units, network, index, where, taken=len(matches))
        if join == "reversed" and (sizes := _joined(network, index)):
            unit.weight = _reordered(unit.weight, sizes)
            notes.append("input channels reordered")
        if not matches and pixels != 1:
            unit.weight = unit.weight * np.float32(pixels)
            notes.append(f"times {pixels:g}: its input was 0 to {pixels:g}")
        layers.append(_arrays(unit, notes))
        sources = (unit.name, unit.norm_name) if unit.norm else (unit.name,)
        matches.append(Match(index, section_name(layer), unit.weight.shape, sources, ", ".join(notes)))
    if units:
        found = f"{len(matches) + len(units)} convolutions, of which {units[0]} is the first that no layer takes"
        raise ForeignError.at(where, found=found, expected=f"the {len(matches)} of the .cfg", repair=OTHER_CFG)
    return Weights(tuple(layers)), tuple(matches), passed_over


def find_units(state: State, where: str) -> tuple[list[Unit], tuple[str, ...]]:
    """The convolutions and linear layers of a state dict in its order, and the names of what belongs to none.

    A batch norm belongs to the module before it if the channels agree, else to the first such that has none yet.
    Raises ForeignError for numbers that no network has, and for a batch norm that fits nowhere.
    """
    units: list[Unit] = []
    passed_over: list[str] = []
    for name, module in _modules(state):
        _check_numbers(name, module, where)
        weight = module.get("weight")
        if weight is not None and weight.ndim in KERNEL_DIMENSIONS:
            units.append(Unit(name, weight, module.get("bias")))
        elif weight is not None and weight.ndim == 1 and {"bias", *STATISTICS} <= module.keys():
            _attach(units, name, module, where)
        else:
            passed_over += [f"{name}.{leaf}" if name else leaf for leaf in module]
    return units, tuple(passed_over)


def _modules(state: State) -> Iterator[tuple[str, State]]:
    """The tensors of each module under its name, in the order of their first."""
    modules: dict[str, dict[str, Floats]] = {}
    for name, array in state.items():
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, {})[leaf] = array
    yield from modules.items()


def _attach(units: Sequence[Unit], name: str, norm: State, where: str) -> None:
    candidates = [unit for unit in (*units[-1:], *units) if not unit.norm and len(unit.weight) == len(norm["weight"])]
    if not candidates:
        found = f"a batch norm of {len(norm['weight'])} channels, {printable(name, longest=60)}"
        expected = "a convolution of as many filters before it"
        raise ForeignError.at(where, found=found, expected=expected, repair="this can't be converted")
    candidates[0].norm_name, candidates[0].norm = name, norm


def _check_numbers(name: str, module: State, where: str) -> None:
    for leaf, array in module.items():
        if not np.isfinite(array).all() or (leaf == "running_var" and array.size and array.min() < 0):
            found, expected = f"NaN, infinity or a negative variance in {printable(name)}.{leaf}", "finite numbers"
            repair = "take a file of a training that went well"
            raise ForeignError.at(where, found=found, expected=expected, repair=repair)


def _take(units: list[Unit], network: Network, index: int, where: str, *, taken: int) -> tuple[Unit, list[str]]:
    """The unit of a layer, removed from `units`: the next one, or the first later one that fits where it does not."""
    layer = network.layers[index]
    assert isinstance(layer, (Convolutional, Connected))
    shape = next(p.shape for p in parameters(layer, network.inputs[index]) if p.name == "weights")
    for place, unit in enumerate(units):
        if unit.weight.shape == shape and bool(unit.norm) == layer.batch_normalize:
            return units.pop(place), ["out of order"] if place else []
    norm = " with batch norm" if layer.batch_normalize else " without batch norm"
    none_left = "no convolution" if taken == 0 else f"no more than {taken} convolution{'s' if taken > 1 else ''}"
    found = f"{units[0] if units else none_left} for layer {index} [{section_name(layer)}]"
    raise ForeignError.at(where, found=found, expected=f"{' x '.join(map(str, shape))}{norm}", repair=OTHER_CFG)


def _joined(network: Network, index: int) -> list[int]:
    """The channels of each map that the [route] before a layer joins; none unless there are several."""
    before = network.layers[index - 1] if index else None
    if not isinstance(before, Route) or len(before.layers) < 2:
        return []
    return [network.shapes[source].channels for source in before.layers]


def _reordered(weight: Floats, sizes: Sequence[int]) -> Floats:
    """Kernels on maps joined in the order of the .cfg, from kernels on the same maps joined the other way round."""
    ends = np.cumsum(sizes[::-1])[:-1]
    return np.concatenate(np.split(weight, ends, axis=1)[::-1], axis=1)


def _arrays(unit: Unit, notes: list[str]) -> Mapping[str, Floats]:
    """The arrays of a layer by the names of `network.shapes.parameters`."""
    if not unit.norm:
        if unit.bias is None:
            notes.append("biases 0")
        return {
            "biases": np.zeros(len(unit.weight), np.float32) if unit.bias is None else unit.bias,
            "weights": unit.weight,
        }
    mean = unit.norm["running_mean"]
    if unit.bias is not None and unit.bias.any():
        mean = mean - unit.bias  # what a bias adds before batch norm, the mean takes away
        notes.append("bias moved into the mean")
    return {
        "biases": unit.norm["bias"],
        "scales": unit.norm["weight"],
        "rolling_mean": mean,
        "rolling_variance": unit.norm["running_var"],
        "weights": unit.weight,
    }
