"""What a .weights file of the wrong length would fit: the changes that make it exactly right, and no guesses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from yolov2.darknet.layout import Block, Header, borders, count, layout
from yolov2.network.architectures import OFFICIAL
from yolov2.network.layers import NO_OPTIONS, Connected, Convolutional, Layer, Region
from yolov2.network.mismatch import Mismatch
from yolov2.network.spec import Network

MOST_OUTPUTS = 10**6  # of a last layer: many times YOLO9000's


@dataclass(frozen=True, slots=True)
class Misfit:
    """A file of whole floats whose number is not what the network needs."""

    network: Network
    header: Header
    found: int  # floats after the header
    rest: int  # bytes after those, 0 to 3
    start: int  # the layers that were asked for
    cutoff: int | None
    blocks: tuple[Block, ...]  # of those layers

    @property
    def expected(self) -> int:
        """Floats that were asked for."""
        return count(self.blocks)

    def number(self, network: Network) -> int:
        """Floats of the same file if it were of this network."""
        return count(layout(network, start=self.start))


def exact_fits(misfit: Misfit) -> list[str]:
    """Every change that makes the length exactly right, likeliest first: `with classes=3 and filters=40 in layer 14`.

    Two changes at once are tried only if no single one does it.
    """
    fits = [fit for reason in REASONS for fit in reason(misfit)]
    return fits or [fit for reason in LAST_REASONS for fit in reason(misfit)]


def _other_header(misfit: Misfit) -> Iterator[str]:
    """A header of the other length makes the file longer or shorter by 4 bytes."""
    if misfit.found - misfit.expected == (1 if misfit.header.size == 16 else -1):
        version = ".".join(map(str, misfit.header.version))
        other = 36 - misfit.header.size
        yield f"with a header of {other} bytes, where its version {version} means {misfit.header.size}"


def _other_head(misfit: Misfit) -> Iterator[str]:
    """The same network with another number of classes."""
    if misfit.cutoff is None and (change := _head_of(misfit.network, misfit)):
        yield f"with {change}"


def _official(misfit: Misfit) -> Iterator[str]:
    """Another network of Darknet's own."""
    if misfit.cutoff is None:
        yield from (f"with {name}.cfg" for name, make in OFFICIAL.items() if misfit.number(make()) == misfit.found)


def _official_with_other_head(misfit: Misfit) -> Iterator[str]:
    if misfit.cutoff is None:
        for name, make in OFFICIAL.items():
            if change := _head_of(make(), misfit):
                yield f"with {name}.cfg changed to {change}"


def _partial(misfit: Misfit) -> Iterator[str]:
    """The first layers alone, or all of them where only the first were asked for."""
    if misfit.start:
        return
    blocks = layout(misfit.network)
    if misfit.cutoff is not None and count(blocks) == misfit.found:
        yield f"without --partial {misfit.cutoff}"
    for layer, floats in borders(blocks):
        if floats == misfit.found:
            yield f"with --partial {layer}, which ends before layer {layer}"


def _other_norm(misfit: Misfit) -> Iterator[str]:
    """The same network without batch norm, as `darknet denormalize` leaves it, or with it."""
    if misfit.cutoff is None:
        yield from (change for change, network in _norms(misfit.network) if _fits(misfit, network))


def _other_norm_and_head(misfit: Misfit) -> Iterator[str]:
    if misfit.cutoff is None:
        for change, network in _norms(misfit.network):
            if network is not None and (head := _head_of(network, misfit)):
                yield f"{change} and with {head}"


def _without_load_options(misfit: Misfit) -> Iterator[str]:
    """A file that has what the cfg tells not to load; a file that was written under this cfg has it."""
    plain = _changed(misfit.network, lambda _, layer: replace(layer, options=NO_OPTIONS))
    if misfit.cutoff is None and _fits(misfit, plain):
        yield "without dontload, dontloadscales and numload"


def _other_precision(misfit: Misfit) -> Iterator[str]:
    if 2 * misfit.found == misfit.expected:
        yield "as numbers of 16 bits, which must be turned into 32 first"


REASONS: tuple[Callable[[Misfit], Iterator[str]], ...] = (
    _other_header,
    _other_head,
    _official,
    _partial,
    _other_norm,
    _without_load_options,
    _other_precision,
)
LAST_REASONS: tuple[Callable[[Misfit], Iterator[str]], ...] = (_other_norm_and_head, _official_with_other_head)


def _fits(misfit: Misfit, network: Network | None) -> bool:
    return network is not None and network != misfit.network and misfit.number(network) == misfit.found


def _changed(network: Network, change: Callable[[int, Layer], Layer]) -> Network | None:
    """The network with every layer changed, or None if there can be no such network."""
    try:
        return replace(network, layers=tuple(change(index, layer) for index, layer in enumerate(network.layers)))
    except Mismatch:
        return None


def _norms(network: Network) -> Iterator[tuple[str, Network | None]]:
    """The network without any batch norm, and with one everywhere but before the head."""
    last = max((i for i, _ in network.parameters()), default=-1)
    yield "without batch_normalize", _changed(network, lambda _, layer: _normed(layer, False))
    change = "with batch_normalize=1 in all convolutions but the last"
    yield change, _changed(network, lambda index, layer: _normed(layer, index != last))


def _normed(layer: Layer, batch_normalize: bool) -> Layer:
    return replace(layer, batch_normalize=batch_normalize) if isinstance(layer, Convolutional | Connected) else layer


def _head_of(network: Network, misfit: Misfit) -> str | None:
    """What to write for the last layer with parameters, and for the region after it, so that the length is right."""
    index = max((i for i, _ in network.parameters()), default=-1)
    layer = network.layers[index]
    if not isinstance(layer, Convolutional | Connected):
        return None
    key = "filters" if isinstance(layer, Convolutional) else "output"
    outputs: int = getattr(layer, key)
    each = sum(parameter.size for i, parameter in network.parameters() if i == index) // outputs
    more, rest = divmod(misfit.found - misfit.number(network), each)
    if rest or not 0 < outputs + more < MOST_OUTPUTS:
        return None
    for note, region in _regions(network.region, outputs + more):
        change = partial(_resized, index=index, outputs=outputs + more, region=region)
        if _fits(misfit, _changed(network, change)):
            return f"{note}{key}={outputs + more} in layer {index}"
    return None


def _regions(region: Region | None, filters: int) -> Iterator[tuple[str, Region | None]]:
    """The regions that take so many channels: with other classes, or else with the same and other anchors."""
    if region is None:
        yield "", None
        return
    entries, rest = divmod(filters, region.num_anchors)
    if rest == 0 and entries > region.coords + 1:
        classes = entries - region.coords - 1
        yield f"classes={classes} and ", replace(region, classes=classes)
    num, rest = divmod(filters, region.entries)
    if rest == 0 and num:
        yield f"num={num} and ", replace(region, anchors=num * region.anchors[:1])


def _resized(i: int, layer: Layer, *, index: int, outputs: int, region: Region | None) -> Layer:
    if i == index and isinstance(layer, Convolutional):
        return replace(layer, filters=outputs)
    if i == index and isinstance(layer, Connected):
        return replace(layer, output=outputs)
    return region if region is not None and isinstance(layer, Region) else layer
