"""A Darknet command line: flags are taken out wherever they stand, then come the words. What they mean, others know."""

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from yolov2.errors import Yolov2Error, printable

Dialect: TypeAlias = Literal["pjreddie", "alexeyab"]

INTEGER = re.compile(r"\s*([+-]?\d{1,18})")
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)")


class LineError(Yolov2Error):
    """A command line that Darknet, or this stand-in for it, can't follow."""


class Line:
    """The words of a command line that are not yet understood; every question takes its answer out.

    dialect: whose program was asked for, None where nobody said. note: where a remark goes, one line each.
    cache: where prepared networks are kept, None for nowhere. allow_urls: a video may come over a network.
    Source: Darknet `find_arg`, `find_int_arg`, `find_float_arg`, `find_char_arg`: the first of equal flags is taken,
    its value is the word behind it whatever that looks like, and a flag at the very end has none and stays.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        note: Callable[[str], None],
        dialect: Dialect | None = None,
        cache: Path | None = None,
        allow_urls: bool = False,
    ) -> None:
        self.words = list(words)
        self.command = ""  # what was understood so far, for messages: "detector test"
        self.dialect: Dialect | None = dialect
        self.cache, self.allow_urls = cache, allow_urls
        self.note = note
        self.known: set[str] = set()  # the flags that were asked for

    def has(self, flag: str) -> bool:
        """Whether the flag stands in the line."""
        self.known.add(flag)
        if flag not in self.words:
            return False
        self.words.remove(flag)
        return True

    def text(self, flag: str) -> str | None:
        """The word behind the flag; None without it."""
        self.known.add(flag)
        if flag not in self.words[:-1]:
            return None
        place = self.words.index(flag)
        value = self.words[place + 1]
        del self.words[place : place + 2]
        return value

    def integer(self, flag: str, default: int) -> int:
        """The whole number behind the flag, by the rule of C's `atoi`: what follows it is left, and no number is 0."""
        text = self.text(flag)
        return default if text is None else int(self._leading(INTEGER, flag, text))

    def number(self, flag: str, default: float) -> float:
        """The number behind the flag, by the rule of C's `atof`, likewise."""
        text = self.text(flag)
        return default if text is None else float(self._leading(NUMBER, flag, text))

    def passed_over(self, flag: str, why: str, *, has_value: bool = False) -> None:
        """Take a flag that changes nothing here, and say why."""
        known = set(self.known)
        if self.text(flag) is not None if has_value else self.has(flag):
            self.note(f"{flag} is passed over: {why}")
        self.known = known  # nobody should be told to write it

    def next_word(self, *, expected: str, repair: str, have_value: Collection[str] = ()) -> str:
        """The first word that is no flag, taken out: the name of a command. Raises LineError if there is none.

        have_value: flags whose value, the word behind them, is none either.
        """
        for place, word in enumerate(self.words):
            is_value = place > 0 and self.words[place - 1] in have_value
            if not word.startswith("-") and not is_value:
                del self.words[place]
                self.command = f"{self.command} {word}".strip()
                return word
        raise LineError.at(self.where, found="no further word", expected=expected, repair=repair)

    def rest(self, names: str, *, least: int) -> list[str]:
        """What is left once every flag has been asked for: the words in order, at most as many as `names` has.

        names: what they are, as in `DATA CFG WEIGHTS [PICTURE]`; `...` at its end takes any number.
        Raises LineError for a flag nobody asked for, and for fewer words than `least`.
        """
        usage = f"write {self.where} {names}"
        for place, word in enumerate(self.words):
            if len(word) > 1 and word.startswith("-"):
                raise self._unknown(word, is_last=place == len(self.words) - 1)
        if len(self.words) < least:
            found = f"{len(self.words)} word{'s' * (len(self.words) != 1)}"
            raise LineError.at(self.where, found=found, expected=f"at least {least}", repair=usage)
        most = len(names.split())
        if len(self.words) > most and not names.endswith("..."):
            more = " ".join(printable(word, longest=40) for word in self.words[most : most + 5])
            self.note(f"{self.where} takes {names}; passed over: {more}")
            return self.words[:most]
        return self.words

    @property
    def where(self) -> str:
        """What messages call this line."""
        return f"darknet {self.command}".strip()

    def _leading(self, pattern: re.Pattern[str], flag: str, text: str) -> str:
        match = pattern.match(text)
        if match is None or match.end() != len(text):
            taken = "0" if match is None else match[1]
            self.note(f'{flag} "{printable(text, longest=40)}" is no number; {taken} is taken, as Darknet does')
        return "0" if match is None else match[1]

    def _unknown(self, flag: str, *, is_last: bool) -> LineError:
        known = sorted(self.known)
        found = printable(flag, longest=40)
        if is_last and flag in known:
            return LineError.at(self.where, found=f"nothing behind {found}", expected="its value", repair="add it")
        near = difflib.get_close_matches(flag, known, n=1)
        repair = f"did you mean {near[0]}?" if near else "leave it out"
        expected = f"one of {' '.join(known)}" if known else "no flag"
        return LineError.at(self.where, found=found, expected=expected, repair=repair)
