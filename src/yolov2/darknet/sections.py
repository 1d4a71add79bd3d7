"""The text of a Darknet .cfg: sections and options that remember their lines. What they mean, cfg.py knows."""

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yolov2.errors import CfgError, FormatError, Yolov2Warning, printable

INTEGER = re.compile(r"[+-]?\d{1,20}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
LINE_END = re.compile(r"\r\n|\r|\n")
COMMENT_BEHIND = re.compile(r"\s[#;].*$")  # people write `stride=2  # comment`; Darknet would read on


@dataclass(frozen=True, slots=True)
class Option:
    """The value of one `key=value`, with its line number from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One `[name]` block of a .cfg file; every option remembers its line, and whether it was asked for."""

    path: Path
    name: str
    line: int
    options: dict[str, Option] = field(default_factory=dict[str, Option])
    asked: set[str] = field(default_factory=set[str])

    def has(self, key: str) -> bool:
        self.asked.add(key)
        return key in self.options

    def where(self, key: str | None = None) -> str:
        """`file:line` of an option, or of the section where the option is absent."""
        option = self.options.get(key) if key else None
        return f"{self.path}:{option.line if option else self.line}"

    def text(self, key: str, default: str) -> str:
        return self.options[key].text if self.has(key) else default

    def integer(self, key: str, default: int) -> int:
        return self._integer(key, self.options[key].text, f"{key}={default}") if self.has(key) else default

    def number(self, key: str, default: float) -> float:
        return self._number(key, self.options[key].text, f"{key}={default:g}") if self.has(key) else default

    def flag(self, key: str, default: bool) -> bool:
        return self.integer(key, int(default)) != 0

    def integers(self, key: str) -> tuple[int, ...]:
        """A comma list; empty where the option is absent."""
        return tuple(self._integer(key, item, f"{key}=1,2") for item in self._items(key))

    def numbers(self, key: str) -> tuple[float, ...]:
        return tuple(self._number(key, item, f"{key}=.1,.1") for item in self._items(key))

    def unused(self) -> list[tuple[str, Option]]:
        """Options nobody asked for: most often a typing error, or a newer Darknet's."""
        return [(key, option) for key, option in self.options.items() if key not in self.asked]

    def _items(self, key: str) -> Iterable[str]:
        if not self.has(key):
            return []
        items = _squeeze(self.options[key].text).split(",")
        return items[:-1] if len(items) > 1 and not items[-1] else items  # a comma at the end

    def _integer(self, key: str, text: str, example: str) -> int:
        text = _squeeze(text)
        if not INTEGER.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
            raise self._refuse(key, "a whole number", example)
        return int(text)

    def _number(self, key: str, text: str, example: str) -> float:
        text = _squeeze(text)
        if not NUMBER.fullmatch(text) or abs(float(text)) > 3.4e38:
            raise self._refuse(key, "a number", example)
        return float(text)

    def _refuse(self, key: str, expected: str, example: str) -> CfgError:
        found = f"{key}={shown(self.options[key].text)} in [{self.name}]"
        return CfgError.at(self.where(key), found=found, expected=expected, repair=f"write, say, {example}")


def option_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers: without blanks around them, comments and blank lines."""
    # Not `splitlines`, which also parts at U+0085: the dots of a comment in Windows-1252
    for number, raw in enumerate(LINE_END.split(text.removeprefix("\ufeff")), start=1):
        line = COMMENT_BEHIND.sub("", raw.strip()).strip()
        if line and line[0] not in "#;":
            yield number, line


def add_option(section: Section, line: str, number: int, *, expected: str, refusal: type[FormatError]) -> None:
    """Add one `key=value` to a section; of two with one key the first stays. Raises `refusal` for anything else.

    Source: Darknet `read_option`, `option_insert`, `option_find`.
    """
    where = f"{section.path}:{number}"
    key, equals, value = (part.strip() for part in line.partition("="))
    key = _squeeze(key)
    if not equals or not key:
        raise refusal.at(where, found=f'"{shown(line)}"', expected=expected, repair="correct or remove the line")
    first = section.options.get(key)
    if not value:
        warnings.warn(f"{where}: {shown(key)} has no value and is passed over", Yolov2Warning, stacklevel=3)
    elif first is None:
        section.options[key] = Option(value, number)
    elif first.text != value:
        taken = f"line {first.line} ({shown(key)}={shown(first.text)}) is taken"
        warnings.warn(f"{where}: {shown(key)} is given twice; {taken}", Yolov2Warning, stacklevel=3)


def parse_sections(text: str, path: Path) -> list[Section]:
    """The sections of a .cfg in order. Raises CfgError for a line that is neither a section, an option nor a comment.

    Source: Darknet `read_cfg`, `read_option`. Of two options with one name the first wins, as there; unlike there,
    CRLF, a byte-order mark and comments behind a value are taken.
    """
    sections: list[Section] = []
    for number, line in option_lines(text):
        where = f"{path}:{number}"
        if line[0] == "[":
            sections.append(Section(path, _section_name(line, where), number))
        elif sections:
            add_option(sections[-1], line, number, expected="[section] or key=value", refusal=CfgError)
        else:
            raise CfgError.at(
                where, found=f'"{shown(line)}"', expected="[net] before any option", repair="begin the file with [net]"
            )
    return sections


NOT_A_CFG = "give the .cfg file that belongs to the weights"


def shown(text: str) -> str:
    """Text of a file as a message shows it."""
    return printable(text, longest=60)


def _section_name(line: str, where: str) -> str:
    if not line.endswith("]"):
        raise CfgError.at(
            where, found=f'"{shown(line)}"', expected="a section such as [net]", repair="close the bracket"
        )
    return _squeeze(line[1:-1])


def _squeeze(text: str) -> str:
    """Without any blank, as Darknet's `strip` leaves it."""
    return "".join(text.split())
