"""One function a layer: the ONNX nodes that compute it, from the value before the layer to the value after it.

`dynamic` says that rows and columns are known only at run time. `Source` names Darknet's function.
"""

import numpy as np
from numpy.typing import NDArray

from yolov2.graph.sheet import Sheet
from yolov2.network.layers import Connected, Convolutional, Crop, MaxPool, Reorg, Shortcut, Softmax, Upsample
from yolov2.network.shapes import Shape

Floats = NDArray[np.float32]

LOWEST = float(np.finfo(np.float32).min)  # Darknet: forward_maxpool_layer starts at -FLT_MAX
KEPT = 0  # in a new shape: what stands at this place already
INFERRED = -1  # in a new shape: what is left


def convolution(sheet: Sheet, x: str, layer: Convolutional, *, weights: Floats, bias: Floats, name: str) -> str:
    """Cross-correlation with zeros outside. Source: `forward_convolutional_layer`."""
    return sheet.add(
        "Conv",
        x,
        sheet.weight(f"{name}_weights", weights),
        sheet.weight(f"{name}_bias", bias),
        name=name,
        group=layer.groups,
        kernel_shape=[layer.size] * 2,
        pads=[layer.padding] * 4,
        strides=[layer.stride] * 2,
    )


def connected(sheet: Sheet, x: str, layer: Connected, *, weights: Floats, bias: Floats, name: str) -> str:
    """Every output from every input. Source: `forward_connected_layer`."""
    flat = sheet.add("Flatten", x, name=f"{name}_flat", axis=1)
    matrix = sheet.weight(f"{name}_weights", weights)
    sums = sheet.add("Gemm", flat, matrix, sheet.weight(f"{name}_bias", bias), name=f"{name}_sums", transB=1)
    return _reshape(sheet, sums, (KEPT, layer.output, 1, 1), name=name)


def batch_norm(sheet: Sheet, x: str, *, factor: Floats, bias: Floats, name: str) -> str:
    """A factor and a bias for every channel. Source: `forward_batchnorm_layer`."""
    scaled = sheet.add("Mul", x, sheet.weight(f"{name}_factor", factor[:, None, None]), name=f"{name}_scaled")
    return sheet.add("Add", scaled, sheet.weight(f"{name}_bias", bias[:, None, None]), name=name)


def max_pool(sheet: Sheet, x: str, layer: MaxPool, *, given: Shape, made: Shape, dynamic: bool, name: str) -> str:
    """The largest of every window; what lies outside never wins. Source: `forward_maxpool_layer`."""
    low = layer.padding // 2
    if dynamic:
        high = [layer.padding - low] * 2
    else:  # only what the last window reaches, mostly nothing: (last window's end) - (what is there)
        sides = (made.height, given.height), (made.width, given.width)
        high = [max(0, (windows - 1) * layer.stride + layer.size - low - side) for windows, side in sides]
    pads = [low, low, *high]
    if max(pads) >= layer.size:  # a window that lies outside as a whole: ONNX Runtime's MaxPool refuses these
        x, pads = _pad(sheet, x, pads=[0, 0, *pads[:2], 0, 0, *pads[2:]], value=LOWEST, name=f"{name}_padded"), [0] * 4
    return sheet.add("MaxPool", x, name=name, kernel_shape=[layer.size] * 2, pads=pads, strides=[layer.stride] * 2)


def average_pool(sheet: Sheet, x: str, *, name: str) -> str:
    """The mean of every channel. Source: `forward_avgpool_layer`."""
    return sheet.add("GlobalAveragePool", x, name=name)


def upsample(sheet: Sheet, x: str, layer: Upsample, *, name: str) -> str:
    """Every value `stride` times in both directions. Source: `upsample_cpu`."""
    if layer.stride > 1:
        scales = sheet.constant(f"{name}_scales", np.array([1, 1, layer.stride, layer.stride], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        x = sheet.add("Resize", x, "", scales, name=name, **how)
    if layer.scale != 1:
        x = sheet.add("Mul", x, sheet.number(f"{name}_factor", layer.scale), name=f"{name}_scaled")
    return x


def reorg(sheet: Sheet, x: str, layer: Reorg, *, given: Shape, made: Shape, dynamic: bool, name: str) -> str:
    """Rows and columns into channels, or back. Source: `reorg_cpu`."""
    s = layer.stride
    if s == 1:
        return x
    if layer.reverse:
        return sheet.add("DepthToSpace", x, name=name, blocksize=s, mode="DCR")
    if not layer.legacy:
        return sheet.add("SpaceToDepth", x, name=name, blocksize=s)
    # Darknet: reorg_cpu takes its input for (C / s^2, H * s, W * s), and its result for (C * s^2, H / s, W / s).
    sides = (KEPT, INFERRED) if dynamic else (given.height, given.width)  # rows as they stand at the same place
    blocks = (KEPT, given.channels // s**2, sides[0], s, sides[1], s)
    split = _reshape(sheet, x, blocks, name=f"{name}_blocks")
    order = sheet.add("Transpose", split, name=f"{name}_order", perm=[0, 3, 5, 1, 2, 4])
    if not dynamic:
        return _reshape(sheet, order, (KEPT, made.channels, made.height, made.width), name=name)
    before = sheet.add("Shape", x, name=f"{name}_sides", start=2, end=4)
    divided = sheet.add("Div", before, sheet.integers(f"{name}_stride", [s]), name=f"{name}_divided")
    channels = sheet.integers(f"{name}_channels", [KEPT, made.channels])
    shape = sheet.add("Concat", channels, divided, name=f"{name}_shape", axis=0)
    return sheet.add("Reshape", order, shape, name=name)


def route(sheet: Sheet, sources: list[str], *, name: str) -> str:
    """Channels of all sources, one after the other. Source: `forward_route_layer`."""
    return sources[0] if len(sources) == 1 else sheet.add("Concat", *sources, name=name, axis=1)


def shortcut(sheet: Sheet, x: str, other: str, layer: Shortcut, *, given: Shape, source: Shape, name: str) -> str:
    """`x` plus `other` where both have a place; the rest of `x` as it is. Source: `shortcut_cpu`.

    Of the larger map every `stride`-th row and column takes part, `stride` being how often the smaller one fits.
    """
    shrink, grow = max(source.width // given.width, 1), max(given.width // source.width, 1)
    channels = min(source.channels, given.channels)
    rows, columns = min(source.height, given.height), min(source.width, given.width)
    if source != given:
        ends = (channels, rows * shrink, columns * shrink)
        other = _slice(sheet, other, starts=(0, 0, 0), ends=ends, steps=(1, shrink, shrink), name=f"{name}_part")
        other = _spread(sheet, other, Shape(channels, rows, columns), by=grow, name=f"{name}_spread")
        missing = given.channels - channels, given.height - rows * grow, given.width - columns * grow
        if any(missing):
            pads = [0, 0, 0, 0, 0, *(max(0, side) for side in missing)]
            other = _pad(sheet, other, pads=pads, value=0.0, name=f"{name}_padded")
    if layer.beta != 1:
        other = sheet.add("Mul", other, sheet.number(f"{name}_beta", layer.beta), name=f"{name}_scaled")
    if layer.alpha != 1:
        alpha = np.ones((1, given.channels, given.height, given.width), np.float32)
        alpha[:, :channels, : rows * grow : grow, : columns * grow : grow] = layer.alpha
        same_size = (source.height, source.width) == (given.height, given.width)
        factor = sheet.constant(f"{name}_alpha", alpha[:, :, :1, :1] if same_size else alpha)
        x = sheet.add("Mul", x, factor, name=f"{name}_before")
    return sheet.add("Add", x, other, name=name)


def crop(sheet: Sheet, x: str, layer: Crop, *, given: Shape, name: str) -> str:
    """The middle window, then 2x - 1. Source: `forward_crop_layer`."""
    top, left = (given.height - layer.height) // 2, (given.width - layer.width) // 2
    ends = (given.channels, top + layer.height, left + layer.width)
    x = _slice(sheet, x, starts=(0, top, left), ends=ends, steps=(1, 1, 1), name=name)
    if layer.noadjust:
        return x
    doubled = sheet.add("Mul", x, sheet.number(f"{name}_two", 2.0), name=f"{name}_doubled")
    return sheet.add("Sub", doubled, sheet.number(f"{name}_one", 1.0), name=f"{name}_adjusted")


def softmax(sheet: Sheet, x: str, layer: Softmax, *, given: Shape, dynamic: bool, name: str) -> str:
    """Softmax over equal parts of the flat input, or over the channels of every position. Source: `softmax_cpu`."""
    if layer.temperature != 1:
        x = sheet.add("Mul", x, sheet.number(f"{name}_rate", 1 / layer.temperature), name=f"{name}_tempered")
    if layer.spatial:
        return sheet.add("Softmax", x, name=name, axis=1)
    parts = _reshape(sheet, x, (KEPT, layer.groups, INFERRED), name=f"{name}_parts")
    probabilities = sheet.add("Softmax", parts, name=f"{name}_probabilities", axis=2)
    if dynamic:
        return sheet.add("Reshape", probabilities, sheet.add("Shape", x, name=f"{name}_shape"), name=name)
    return _reshape(sheet, probabilities, (KEPT, given.channels, given.height, given.width), name=name)


def _reshape(sheet: Sheet, x: str, shape: tuple[int, ...], *, name: str) -> str:
    return sheet.add("Reshape", x, sheet.integers(f"{name}_shape", shape), name=name)


def _pad(sheet: Sheet, x: str, *, pads: list[int], value: float, name: str) -> str:
    return sheet.add("Pad", x, sheet.integers(f"{name}_pads", pads), sheet.number(f"{name}_value", value), name=name)


def _slice(
    sheet: Sheet,
    x: str,
    *,
    starts: tuple[int, int, int],
    ends: tuple[int, int, int],
    steps: tuple[int, int, int],
    name: str,
) -> str:
    """A part of channels, rows and columns."""
    bounds = {"starts": starts, "ends": ends, "axes": (1, 2, 3), "steps": steps}
    return sheet.add("Slice", x, *(sheet.integers(f"{name}_{key}", value) for key, value in bounds.items()), name=name)


def _spread(sheet: Sheet, x: str, shape: Shape, *, by: int, name: str) -> str:
    """`x` with `by - 1` rows and columns of zeros after each of its own."""
    if by == 1:
        return x
    c, h, w = shape.channels, shape.height, shape.width
    apart = _reshape(sheet, x, (KEPT, c, h, 1, w, 1), name=f"{name}_apart")
    zeros = [0] * 6 + [0, 0, 0, by - 1, 0, by - 1]
    filled = _pad(sheet, apart, pads=zeros, value=0.0, name=f"{name}_filled")
    return _reshape(sheet, filled, (KEPT, c, h * by, w * by), name=name)
