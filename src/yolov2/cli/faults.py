"""Faults of labels on standard error: the first few, and how many there are more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yolov2.cli.terminal import COLOURS, Messages, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from yolov2.samples import Fault

TOLD = 3


def tell_faults(messages: Messages, faults: Sequence[Fault], *, kind: str) -> None:
    """A line for each of the first faults, and one for the rest; kind is "warning" or "failed"."""
    word = paint(kind, COLOURS[kind])
    for fault in faults[:TOLD]:
        messages.say(f"{word}: {printable(fault.message)}")
    if len(faults) > TOLD:
        messages.say(f"{word}: {len(faults) - TOLD:,} more; `yolov2 data check` lists all")
