"""The recipe of a training run: every choice but the data and the model, as one record that TOML holds."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from yolov2.darknet.text import read_text
from yolov2.errors import RecipeError, printable

KINDS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number"}
BUILT_IN = ("voc-paper", "voc-darknet", "modern", "finetune", "classify-224", "classify-448")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained. Raises ValueError, one line that begins with the field's name, for what can't be."""

    # how long
    epochs: float = 160.0  # passes over the data
    batches: int | None = None  # weight updates, in place of epochs
    batch: int = 64  # pictures an update
    mini_batch: int | None = None  # pictures at a time, where the memory does not hold a batch; None: all

    # the learning rate
    policy: Literal["steps", "cosine", "poly", "cfg"] = "steps"  # cfg: all that [net] says of it
    learning_rate: float = 0.001
    warmup: int = 1000  # updates in which it rises
    warmup_power: float = 4.0  # of the share of the warm-up that is done
    steps: tuple[float, ...] = (60.0, 90.0)  # epochs from which it is scaled
    scales: tuple[float, ...] = (0.1, 0.1)
    power: float = 4.0  # of poly: of the share of the run that is left
    final_rate: float = 0.01  # of a cosine: the share of the learning rate it ends at
    momentum: float = 0.9
    decay: float = 0.0005  # of weights; biases and scales have none
    clip_norm: float = 0.0  # longest gradient; 0: any
    ema: float = 0.0  # decay of the averaged weights that are saved and judged; 0: none
    norm_momentum: float = 0.01  # the new part of batch norm's running statistics
    sync_norm: bool = False  # batch norm over the pictures of all ranks, where there are several
    freeze: int = 0  # so many layers keep their weights and their statistics

    # the input
    sizes: tuple[int, ...] = (416,)  # one of these is drawn every `size_every` updates
    size_every: int = 10
    grow: bool = False  # drawn from the smaller half of the sizes at first, from the larger half at last
    final_share: float = 0.0  # of the run, at its end, on the largest size alone
    resize: Literal["letterbox", "stretch"] = "letterbox"  # of the trained model, and in validation

    # pictures
    # free: scale, aspect and shift as below; turn, centre: of pictures with one class each
    augment: Literal["none", "darknet", "crop", "free", "turn", "centre"] = "darknet"
    jitter: float = 0.2  # of darknet and crop: share of a side
    scale: tuple[float, float] = (0.6, 1.6)
    aspect: float = 1.3  # largest change, either way
    angle: float = 0.0  # of turn: degrees, either way
    mirror: bool = True
    hue: float = 0.1
    saturation: float = 1.5
    exposure: float = 1.5
    mosaic: float = 0.0  # share of inputs made of four pictures
    mosaic_until: float = 0.85  # of the run

    # truths and loss; the scales of the terms stand in [region]
    difficult: Literal["train", "ignore", "drop"] = "ignore"  # boxes marked difficult or crowd
    extra_iou: float = 0.0  # anchors whose shape overlaps a truth by more answer for it, too; 0: the best alone
    extra_weight: float = 0.5
    smoothing: float = 0.0
    prior_until: int = 12_800  # pictures in which every box is pulled to its anchor
    class_weights: Mapping[str, float] | None = None  # by name; how much a truth of the class counts

    # the run
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False  # by torch.compile: minutes at the start, and quicker then on a large GPU
    seed: int = 0
    validate_every: float = 1.0  # epochs
    patience: int = 0  # validations without a better one, after which it ends; 0: it does not

    def __post_init__(self) -> None:
        for name, wrong, expected in _limits(self):
            if wrong:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected {expected}")

    @classmethod
    def named(cls, name: str | Path, *, base: Recipe | None = None) -> Recipe:
        """A built-in recipe, or that of a TOML file; what it leaves out is as in `base`. Raises RecipeError."""
        if str(name) in BUILT_IN:
            text = files("yolov2.train").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
            return parse_recipe(text, where=str(name), base=base)
        path = Path(name)
        if path.suffix != ".toml":
            near = difflib.get_close_matches(str(name), BUILT_IN, n=1)
            found = printable(str(name)) + (f" (did you mean {near[0]}?)" if near else "")
            expected = f"one of {', '.join(BUILT_IN)}, or a .toml file"
            raise RecipeError.at("recipe", found=found, expected=expected, repair="choose one of these")
        return parse_recipe(read_text(path, expected="a recipe", refusal=RecipeError), where=str(path), base=base)

    def changed(self, values: Mapping[str, Any], *, where: str = "--set") -> Recipe:
        """The same recipe with other values; those that are texts are read as the command line gives them.

        Raises RecipeError.
        """
        return _checked(self, _from_texts(values), where=where)

    @staticmethod
    def check_kinds(values: Mapping[str, Any], *, where: str = "--set") -> None:
        """Raises RecipeError for a name that no recipe has, or a value of another kind; ranges are not looked at."""
        _of_kinds(_from_texts(values), where)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint and for a TOML file."""
        values: dict[str, Any] = asdict(self)
        return {
            key: list(cast("tuple[Any, ...]", one)) if isinstance(one, tuple) else one for key, one in values.items()
        }


def parse_recipe(text: str, *, where: str, base: Recipe | None = None) -> Recipe:
    """The recipe of a TOML text; what it leaves out is as in `base`, or keeps its default. Raises RecipeError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise RecipeError.at(where, found=printable(wrong), expected="TOML", repair="correct it there") from None
    return _checked(base or Recipe(), values, where=where)


def format_recipe(recipe: Recipe) -> str:
    """TOML that `parse_recipe` reads as the same recipe."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in recipe.to_dict().items() if value is not None)


def _from_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, those that are texts as the command line gives them."""
    return {key: _from_text(value) if isinstance(value, str) else value for key, value in values.items()}


def _from_text(text: str) -> Any:
    """`0.5`, `.5`, `[320, 416]` and `true` as such; any other word as itself, without quotes."""
    try:
        return tomllib.loads(f"value = {'0' if text.startswith('.') else ''}{text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(base: Recipe, values: Mapping[str, Any], *, where: str) -> Recipe:
    kept = _of_kinds(values, where)
    if "epochs" in kept:
        kept.setdefault("batches", None)  # the length is one or the other
    try:
        return replace(base, **kept)
    except ValueError as wrong:
        raise RecipeError(f"{where}: {wrong}; correct it") from None


def _of_kinds(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values as a recipe has them. Raises RecipeError for an unknown name, and a value of another kind."""
    kinds = get_type_hints(Recipe)
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, n=1)
            expected = f"a field of a recipe, such as {near[0]}" if near else "a field of a recipe"
            repair = "docs/recipes.md lists all"
            raise RecipeError.at(where, found=printable(key), expected=expected, repair=repair)
        kept[key] = _as_kind(value, kinds[key], key, where)
    return kept


def _as_kind(value: Any, kind: Any, key: str, where: str) -> Any:
    """The value if it is of that kind, whole numbers being numbers, too; a list as a tuple."""
    options: tuple[Any, ...] = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if value in (None, "none") and types.NoneType in options:
        return None
    for option in options:
        taken = _taken(value, option)
        if taken is not None:
            return taken
    raise RecipeError.at(where, found=f"{key} = {printable(value)}", expected=_described(options), repair="correct it")


def _taken(value: Any, kind: Any) -> Any:
    """The value as this kind has it; None if it is of another."""
    inner: Any = get_args(kind)
    if get_origin(kind) is Literal:
        return value if value in inner else None
    if isinstance(value, tuple):
        value = list(cast("tuple[Any, ...]", value))
    if get_origin(kind) is tuple:
        given = cast("list[Any]", value) if isinstance(value, list) else []
        numbers = [_taken(one, inner[0]) for one in given]
        fits = isinstance(value, list) and None not in numbers and (Ellipsis in inner or len(given) == len(inner))
        return tuple(numbers) if fits else None
    if get_origin(kind) is Mapping:
        pairs = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": None}
        weights = {name: _taken(one, float) for name, one in pairs.items()}
        return None if None in weights.values() else weights
    if isinstance(value, bool) or kind is bool:
        return value if isinstance(value, bool) and kind is bool else None
    is_number = kind in (int, float) and isinstance(value, int | float) and math.isfinite(value)
    return kind(value) if is_number and (kind is float or float(value).is_integer()) else None


def _described(kinds: tuple[Any, ...]) -> str:
    words: list[str] = []
    for kind in kinds:
        inner: Any = get_args(kind)
        if get_origin(kind) is Literal:
            words.append("one of " + ", ".join(inner))
        elif get_origin(kind) is tuple:
            words.append("a list of numbers" if Ellipsis in inner else "two numbers in a list")
        elif kind is not type(None):
            words.append(KINDS.get(kind, "a table of numbers"))
    return " or ".join(words)


def _limits(r: Recipe) -> list[tuple[str, bool, str]]:
    """Every field with a range: its name, whether it lies outside, and the range in words."""
    shares = ("final_rate", "momentum", "ema", "final_share", "mosaic", "mosaic_until", "extra_iou", "smoothing", "hue")
    return [
        ("epochs", not r.epochs > 0, "a number above 0"),
        ("batches", r.batches is not None and r.batches < 1, "a number from 1"),
        ("batch", r.batch < 1, "a number from 1"),
        ("mini_batch", r.mini_batch is not None and r.mini_batch < 1, "a number from 1"),
        ("learning_rate", not r.learning_rate >= 0, "a number from 0"),
        ("warmup", r.warmup < 0, "a number from 0"),
        ("scales", len(r.scales) != len(r.steps), f"{len(r.steps)} of them, as many as steps"),
        ("steps", list(r.steps) != sorted(r.steps), "numbers that grow"),
        ("power", r.power < 0, "a number from 0"),
        ("decay", r.decay < 0, "a number from 0"),
        ("clip_norm", r.clip_norm < 0, "a number from 0"),
        ("norm_momentum", not 0 < r.norm_momentum <= 1, "a number above 0, at most 1"),
        ("freeze", r.freeze < 0, "a number from 0"),
        ("sizes", not r.sizes or min(r.sizes) < 32, "sides of 32 pixels or more"),
        ("size_every", r.size_every < 1, "a number from 1"),
        ("jitter", not 0 <= r.jitter < 0.5, "a number from 0, below 0.5"),
        ("scale", not 0 < r.scale[0] <= r.scale[1], "two numbers above 0, the smaller one first"),
        ("aspect", r.aspect < 1, "a number from 1"),
        ("angle", not 0 <= r.angle <= 180, "degrees from 0 to 180"),
        ("saturation", not r.saturation > 0, "a number above 0"),
        ("exposure", not r.exposure > 0, "a number above 0"),
        ("extra_weight", not 0 <= r.extra_weight <= 1, "a number from 0 to 1"),
        ("class_weights", any(not weight >= 0 for weight in (r.class_weights or {}).values()), "numbers from 0"),
        ("seed", r.seed < 0, "a number from 0"),
        ("validate_every", not r.validate_every > 0, "a number above 0"),
        ("patience", r.patience < 0, "a number from 0"),
        *((name, not 0 <= getattr(r, name) <= 1, "a number from 0 to 1") for name in shares),
    ]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a TOML text escapes as JSON does
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in cast('list[Any]', value))}]"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, float]", value).items()
        return "{ " + ", ".join(f"{_toml(name)} = {weight}" for name, weight in pairs) + " }"
    return repr(value)
