"""An Ultralytics data.yaml: folders or lists of pictures, a label file for each -> splits of Samples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from yolov2.darknet.text import read_text
from yolov2.data.darknet import Listed, read_labelled
from yolov2.data.entry import shown
from yolov2.data.label_paths import label_path
from yolov2.data.lists import base_of, find_file, joined, read_list, without_twins
from yolov2.data.opened import Opened, Options
from yolov2.data.pictures import pictures_below
from yolov2.errors import LabelError
from yolov2.samples import Fault, Reading

SPLITS = ("train", "val", "test")


def open_ultralytics(path: Path, options: Options) -> Opened:
    """The data set that a data.yaml describes; its splits are "train", "val" and "test", as far as they are given.

    `path` and what it leaves out start at the file's own folder, else at the working directory. Nothing is downloaded.
    Raises LabelError.
    """
    document = _Document(path)
    classes = document.classes()
    if options.names is not None:
        classes = options.names
    split_names = tuple(split for split in SPLITS if document.has(split))
    if not split_names:
        found, expected = "none of train, val and test", "folders or lists of pictures"
        raise LabelError.at(str(path), found=found, expected=expected, repair="add, say, train: images/train")
    root = document.root()

    def read(split: str) -> Reading:
        listed, faults = _listed(document.sources(split, root))
        reading = read_labelled(listed, classes, kind="ultralytics", root=path.parent, cache=options.cache)
        return Reading(reading.samples, (*faults, *reading.faults))

    return Opened("ultralytics", root, classes, split_names, read)


def _listed(sources: Sequence[Path]) -> tuple[Listed, list[Fault]]:
    pictures: list[str] = []
    places: list[str] = []
    for source in sources:
        if source.is_dir():
            below = pictures_below(source)
            pictures += below
            places += [str(source)] * len(below)
        else:
            lines = read_list(source)
            texts = [line.text for line in lines]
            pictures += joined(base_of(texts, (source.parent, source.parent.parent, Path())), texts)
            places += [f"{source}:{line.number}" for line in lines]
    keep, faults = without_twins(pictures, places)
    kept = tuple(pictures[i] for i in keep)
    return Listed(kept, kept, tuple(map(label_path, kept)), tuple(places[i] for i in keep)), faults


class _Document:
    """The mapping in a .yaml file, whose keys remember their lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_text(path, expected="a data.yaml file", refusal=LabelError)
        try:
            node = cast(Any, yaml.compose(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
            values = cast(object, yaml.safe_load(text))
        except yaml.YAMLError as wrong:
            mark = getattr(wrong, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            reason = shown(str(getattr(wrong, "problem", None) or wrong))
            found = f"YAML that does not parse ({reason})"
            raise LabelError.at(where, found=found, expected="a data.yaml file", repair="correct the line") from None
        except (ValueError, RecursionError) as wrong:  # a date that is none; brackets without end
            found = f"YAML that does not parse ({shown(str(wrong))})"
            repair = "write the file anew"
            raise LabelError.at(str(path), found=found, expected="a data.yaml file", repair=repair) from None
        if not isinstance(values, dict):
            expected, repair = "keys such as train, val and names", "give a data.yaml file"
            raise LabelError.at(str(path), found=_kind(values), expected=expected, repair=repair)
        self.values = cast(Mapping[object, object], values)
        self.lines: dict[str, int] = {key.value: key.start_mark.line + 1 for key, _ in node.value if key.id == "scalar"}

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def root(self) -> Path:
        """The folder that the splits lie in."""
        here = self.path.parent
        if not self.has("path"):
            return here
        text = self._text("path", self.values["path"])
        return find_file(text, (here, Path()), where=self._where("path"), what="a folder")

    def sources(self, split: str, root: Path) -> list[Path]:
        """The folders and lists of a split."""
        value = self.values[split]
        many = cast(list[object], value) if isinstance(value, list) else [value]
        texts = [self._text(split, one) for one in many]
        bases = (root, self.path.parent)
        what = "a folder or a list of pictures"
        return [find_file(text, bases, where=self._where(split), what=what) for text in texts]

    def classes(self) -> tuple[str, ...]:
        """The names, from a list or from a mapping of numbers from 0; as many as `nc` says."""
        value, where = self.values.get("names"), self._where("names")
        if isinstance(value, dict):
            mapping = cast(dict[object, object], value)
            numbers = sorted(key for key in mapping if type(key) is int)
            if len(numbers) != len(mapping) or numbers != list(range(len(numbers))):
                found = f"names with the keys {shown(', '.join(map(str, list(mapping)[:20])))}"
                repair = "number them from 0 without holes"
                raise LabelError.at(where, found=found, expected="0, 1, 2, ...", repair=repair)
            value = [mapping[number] for number in numbers]
        if not isinstance(value, list) or not value:
            found, repair = f"names: {_kind(cast(object, value))}", "write, say, names: [cat, dog]"
            raise LabelError.at(where, found=found, expected="the names of the classes", repair=repair)
        names = tuple(self._name(i, name) for i, name in enumerate(cast(list[object], value)))
        count = self.values.get("nc")
        if count is not None and count != len(names):
            found, repair = f"nc: {_value(count)}", f"write nc: {len(names)}, or correct the names"
            expected = f"{len(names)}, one for each of the names"
            raise LabelError.at(self._where("nc"), found=found, expected=expected, repair=repair)
        return names

    def _name(self, i: int, value: object) -> str:
        if isinstance(value, str):
            return value
        if type(value) is int:
            return str(value)
        found, repair = f"names[{i}] = {_value(value)}", "put the name in quotes"
        raise LabelError.at(self._where("names"), found=found, expected="a text", repair=repair)

    def _text(self, key: str, value: object) -> str:
        if isinstance(value, str) and value and "\0" not in value:
            return value
        found, expected = f"{key}: {_kind(value)}", "a path"
        raise LabelError.at(self._where(key), found=found, expected=expected, repair="write a folder or a list")

    def _where(self, key: str) -> str:
        return f"{self.path}:{self.lines[key]}" if key in self.lines else str(self.path)


def _value(value: object) -> str:
    """A value as a message shows it; not what is nested, which aliases can make as large as they like."""
    return _kind(cast(object, value)) if isinstance(value, dict | list) else shown(str(value))


def _kind(value: object) -> str:
    if value is None or value == [] or value == {} or value == "":
        return "nothing"
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", int: "a number"}
    return kinds.get(type(value), f"a {type(value).__name__}")
