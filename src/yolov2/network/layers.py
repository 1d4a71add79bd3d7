"""The layers of the v2 family as plain records: what one `[section]` of a .cfg says, and nothing of how it is run."""

import math
from dataclasses import dataclass

from yolov2.network.mismatch import Mismatch, at_least, finite, known_activation


@dataclass(frozen=True, slots=True)
class LayerOptions:
    """What any layer may say about loading, saving and learning. Source: Darknet `parse_network_cfg`."""

    stopbackward: bool = False  # the backward pass ends before this layer
    onlyforward: bool = False
    dontload: bool = False  # the .weights file has nothing of this layer
    dontsave: bool = False
    dontloadscales: bool = False  # the .weights file has no batch-norm arrays of this layer
    numload: int = 0  # only so many filters are in the .weights file; 0: all
    learning_rate: float = 1.0  # a factor on the network's own rate
    smooth: float = 0.0
    truth: bool = False

    def __post_init__(self) -> None:
        at_least(self, 0, "numload")


NO_OPTIONS = LayerOptions()
LARGEST_ANCHOR = 1_000  # cells, 32,000 pixels of most networks; far more, and a box leaves float32


@dataclass(frozen=True, slots=True)
class Convolutional:
    """Cross-correlation, then batch norm or a bias, then the activation. Source: `parse_convolutional`."""

    filters: int = 1
    size: int = 1
    stride: int = 1
    padding: int = 0  # on every side; `pad=1` in a .cfg means size // 2
    groups: int = 1
    activation: str = "logistic"
    batch_normalize: bool = False
    flipped: bool = False  # the .weights file holds the kernels transposed
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "filters", "size", "stride", "groups")
        at_least(self, 0, "padding")
        known_activation(self.activation)
        if self.filters % self.groups:
            raise Mismatch(
                "groups",
                found=f"groups={self.groups} with filters={self.filters} in [convolutional]",
                expected="groups that divide the filters",
                repair="write groups=1",
            )


@dataclass(frozen=True, slots=True)
class Connected:
    """Every output from every input, then batch norm or a bias, then the activation. Source: `parse_connected`."""

    output: int = 1
    activation: str = "logistic"
    batch_normalize: bool = False
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "output")
        known_activation(self.activation)


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch norm as a layer of its own; its bias is always 0. Source: `parse_batchnorm`."""

    options: LayerOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation as a layer of its own. Source: `parse_activation`."""

    activation: str = "linear"
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        known_activation(self.activation)


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest of a window. Source: `parse_maxpool`, `forward_maxpool_layer`."""

    size: int = 1
    stride: int = 1
    padding: int = 0  # in total; padding // 2 of it before the first row, the rest after the last

    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "size", "stride")
        at_least(self, 0, "padding")


@dataclass(frozen=True, slots=True)
class AvgPool:
    """The mean over rows and columns: (C, H, W) -> (C, 1, 1)."""

    options: LayerOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Upsample:
    """Every value repeated `stride` times in both directions, times `scale`."""

    stride: int = 2
    scale: float = 1.0
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "stride")
        finite(self, "scale")


@dataclass(frozen=True, slots=True)
class Reorg:
    """Rows and columns into channels, or back with `reverse`. Source: paper section 2, "Fine-Grained Features".

    Legacy is the order of Darknet's `reorg_cpu`, which every published weight file needs; without it the layer
    is the plain space-to-depth (`[reorg3d]` in AlexeyAB's files).
    """

    stride: int = 1
    reverse: bool = False
    legacy: bool = True
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "stride")


@dataclass(frozen=True, slots=True)
class Route:
    """The outputs of earlier layers, one after the other along the channels."""

    layers: tuple[int, ...]  # counted from the first layer, 0
    options: LayerOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The previous output plus that of an earlier layer, on what they share. Source: `shortcut_cpu`."""

    source: int  # counted from the first layer, 0
    activation: str = "linear"
    alpha: float = 1.0  # factor of the previous output
    beta: float = 1.0  # factor of the earlier one
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        known_activation(self.activation)
        finite(self, "alpha", "beta")


@dataclass(frozen=True, slots=True)
class Dropout:
    """In training, values lost at random; at inference nothing."""

    probability: float = 0.5
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        if not 0 <= self.probability < 1:
            raise Mismatch(
                "probability",
                found=f"probability={self.probability:g} in [dropout]",
                expected="a number from 0 to less than 1",
                repair="write probability=.5",
            )


@dataclass(frozen=True, slots=True)
class Crop:
    """A window of the input: its middle at inference, a random one in training; then 2x - 1. Source: `parse_crop`."""

    height: int = 1
    width: int = 1
    flip: bool = False
    angle: float = 0.0
    saturation: float = 1.0
    exposure: float = 1.0
    shift: float = 0.0
    noadjust: bool = False  # leave out 2x - 1
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "height", "width", prefix="crop_")


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over `groups` equal parts, over every position alone, or over every sibling group of a WordTree."""

    groups: int = 1
    temperature: float = 1.0
    tree: str | None = None  # path of the .tree file, as written
    spatial: bool = False
    noloss: bool = False
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "groups")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise Mismatch(
                "temperature",
                found=f"temperature={self.temperature:g} in [softmax]",
                expected="a number above 0",
                repair="write temperature=1",
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a classifier is trained on; nothing at inference."""

    kind: str = "sse"
    scale: float = 1.0
    ratio: float = 0.0
    noobj: float = 1.0
    thresh: float = 0.0
    options: LayerOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Region:
    """The v2 detection head: for every anchor of every cell a box, an objectness and class scores.

    Source: paper section 2; Darknet `parse_region`, `make_region_layer`.
    """

    anchors: tuple[tuple[float, float], ...] = ((0.5, 0.5),)  # width, height in cells
    classes: int = 20
    coords: int = 4  # numbers before the objectness: x, y, w, h, and a mask where there are more
    softmax: bool = False
    background: bool = False  # the objectness is one more class of the softmax, and no factor of the score
    tree: str | None = None  # path of the .tree file, as written
    map: str | None = None  # path of the .map file, as written
    # what only training reads
    max: int = 30  # boxes a picture
    jitter: float = 0.2
    rescore: bool = False
    thresh: float = 0.5
    random: float = 0.0
    coord_scale: float = 1.0
    object_scale: float = 1.0
    noobject_scale: float = 1.0
    mask_scale: float = 1.0
    class_scale: float = 1.0
    bias_match: bool = False
    options: LayerOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        at_least(self, 1, "classes")
        at_least(self, 4, "coords")
        if not self.anchors:
            raise Mismatch("num", found="num=0 in [region]", expected="at least one anchor", repair="write num=5")
        for width, height in self.anchors:
            if not (0 < width <= LARGEST_ANCHOR and 0 < height <= LARGEST_ANCHOR):
                raise Mismatch(
                    "anchors",
                    found=f"an anchor of {width:g} x {height:g} cells in [region]",
                    expected=f"sizes above 0, of at most {LARGEST_ANCHOR:,} cells",
                    repair="correct the anchors, or compute new ones",
                )

    @property
    def num_anchors(self) -> int:
        return len(self.anchors)

    @property
    def entries(self) -> int:
        """Channels of one anchor."""
        return self.coords + 1 + self.classes

    @property
    def channels(self) -> int:
        """Channels of the raw head."""
        return self.num_anchors * self.entries


Layer = (
    Convolutional
    | Connected
    | BatchNorm
    | Activation
    | MaxPool
    | AvgPool
    | Upsample
    | Reorg
    | Route
    | Shortcut
    | Dropout
    | Crop
    | Softmax
    | Cost
    | Region
)

SECTION_NAMES: dict[type, str] = {
    layer: layer.__name__.lower()
    for layer in (
        Convolutional, Connected, BatchNorm, Activation, MaxPool, AvgPool, Upsample, Reorg, Route, Shortcut, Dropout,
        Crop, Softmax, Cost, Region,
    )
}  # fmt: skip


def section_name(layer: Layer) -> str:
    """What a .cfg calls this layer, without brackets."""
    return "reorg3d" if isinstance(layer, Reorg) and not layer.legacy else SECTION_NAMES[type(layer)]
