"""Darknet's fourteen activations as ONNX nodes. Source: Darknet activations.h."""

from collections.abc import Callable

from yolov2.graph.sheet import Sheet

Writer = Callable[[Sheet, str, str], str]


def activate(sheet: Sheet, x: str, *, activation: str, name: str) -> str:
    """The value of `x` after the activation; `x` itself for linear. `name` is that of the layer."""
    return x if activation == "linear" else WRITERS[activation](sheet, x, f"{name}_{activation}")


def _simple(operator: str, **attributes: float) -> Writer:
    return lambda sheet, x, name: sheet.add(operator, x, name=name, **attributes)


def _clip(sheet: Sheet, x: str, name: str, low: float, high: float) -> str:
    return sheet.add("Clip", x, sheet.number(f"{name}_low", low), sheet.number(f"{name}_high", high), name=name)


def _times(sheet: Sheet, x: str, name: str, factor: float) -> str:
    return sheet.add("Mul", x, sheet.number(f"{name}_factor", factor), name=name)


def _loggy(sheet: Sheet, x: str, name: str) -> str:
    """2 / (1 + e^-x) - 1, which is tanh(x / 2)."""
    return sheet.add("Tanh", _times(sheet, x, f"{name}_half", 0.5), name=name)


def _ramp(sheet: Sheet, x: str, name: str) -> str:
    """max(x, 0) + .1 x"""
    above = sheet.add("Relu", x, name=f"{name}_above")
    return sheet.add("Add", above, _times(sheet, x, f"{name}_slope", 0.1), name=name)


def _hardtan(sheet: Sheet, x: str, name: str) -> str:
    return _clip(sheet, x, name, -1.0, 1.0)


def _lhtan(sheet: Sheet, x: str, name: str) -> str:
    """x inside [0, 1], a slope of .001 outside: with c = clip(x, 0, 1), c + .001 (x - c)."""
    inside = _clip(sheet, x, f"{name}_inside", 0.0, 1.0)
    outside = sheet.add("Sub", x, inside, name=f"{name}_outside")
    return sheet.add("Add", inside, _times(sheet, outside, f"{name}_slope", 0.001), name=name)


def _plse(sheet: Sheet, x: str, name: str) -> str:
    """.125 x + .5 inside [-4, 4], a slope of .01 outside: with c = clip(x, -4, 4), .125 c + .5 + .01 (x - c)."""
    inside = _clip(sheet, x, f"{name}_inside", -4.0, 4.0)
    outside = sheet.add("Sub", x, inside, name=f"{name}_outside")
    line = _times(sheet, inside, f"{name}_line", 0.125)
    raised = sheet.add("Add", line, sheet.number(f"{name}_half", 0.5), name=f"{name}_raised")
    return sheet.add("Add", raised, _times(sheet, outside, f"{name}_slope", 0.01), name=name)


def _stair(sheet: Sheet, x: str, name: str) -> str:
    """floor(x / 2), and x - floor(x) more where floor(x) is odd."""
    whole = sheet.add("Floor", x, name=f"{name}_whole")
    half = _times(sheet, whole, f"{name}_half", 0.5)  # of floor(x), for half of the smallest x below 0 is 0 in float32
    step = sheet.add("Floor", half, name=f"{name}_step")
    odd = sheet.add("Sub", whole, _times(sheet, step, f"{name}_even", 2.0), name=f"{name}_odd")  # 0 or 1
    part = sheet.add("Sub", x, whole, name=f"{name}_part")
    return sheet.add("Add", step, sheet.add("Mul", part, odd, name=f"{name}_rise"), name=name)


WRITERS: dict[str, Writer] = {
    "leaky": _simple("LeakyRelu", alpha=0.1),
    "relu": _simple("Relu"),
    "logistic": _simple("Sigmoid"),
    "loggy": _loggy,
    "tanh": _simple("Tanh"),
    "elu": _simple("Elu", alpha=1.0),
    "selu": _simple("Selu", alpha=1.6732, gamma=1.0507),
    "relie": _simple("LeakyRelu", alpha=0.01),
    "ramp": _ramp,
    "plse": _plse,
    "hardtan": _hardtan,
    "lhtan": _lhtan,
    "stair": _stair,
}
