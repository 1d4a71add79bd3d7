"""Results as text: JSON Lines, CSV, and the file that takes them, which appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NoReturn

from yolov2.errors import OutputError
from yolov2.files import write_whole
from yolov2.records import Classification, Detections, Failure

NOWHERE: Mapping[str, Path] = MappingProxyType({})  # the targets of a run that writes no annotated files
CSV_HEADING = "source,frame,label,class_id,score,objectness,x1,y1,x2,y2\n"


class WholeFile:
    """A binary file written over many calls, which takes its name when it is closed. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        self._whole = write_whole(path)
        self.file: BinaryIO = self._whole.__enter__()

    def write(self, data: bytes) -> None:
        try:
            self.file.write(data)
        except OSError as wrong:
            self.refuse(wrong)

    def close(self) -> None:
        self._whole.__exit__(None, None, None)

    def abort(self) -> None:
        with suppress(OutputError):
            self._whole.__exit__(_Dropped, _Dropped(), None)  # write_whole removes its draft after any exception

    def refuse(self, wrong: OSError) -> NoReturn:
        """Give the file up for what the operating system said. Raises OutputError."""
        self._whole.__exit__(type(wrong), wrong, wrong.__traceback__)  # removes the draft, raises OutputError
        raise wrong  # an error of another file, which has its own name


class _Dropped(Exception):
    """Ends a file that nobody wants any more."""


class TextFile:
    """A text file with what `text_of` makes of each result; it takes its name when it is closed. Raises OutputError."""

    def __init__(
        self, path: Path, text_of: Callable[[Detections | Failure], str], *, heading: str = "", ending: str = ""
    ) -> None:
        self._text_of, self._ending = text_of, ending
        self._file = WholeFile(path)
        self._append(heading)

    def write(self, result: Detections | Failure) -> None:
        self._append(self._text_of(result))

    def close(self) -> None:
        self._append(self._ending)
        self._file.close()

    def abort(self) -> None:
        self._file.abort()

    def _append(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "surrogateescape"))  # stray bytes of file names as they were


def json_line(result: Detections | Failure | Classification, *, targets: Mapping[str, Path] = NOWHERE) -> str:
    """A result as one line of JSON, pure ASCII. That of Detections ends with the annotated file of its source."""
    if isinstance(result, Failure):
        return json.dumps({"source": result.source, "error": result.error}) + "\n"
    fields = result.to_dict()
    if isinstance(result, Detections):
        target = targets.get(result.source)
        fields["output"] = None if target is None else str(target)
    return json.dumps(fields) + "\n"


def csv_rows(result: Detections | Failure) -> str:
    """A result as lines of CSV, one a detection; a picture without any, or an input that failed, has none."""
    if isinstance(result, Failure):
        return ""
    start = (result.source, "" if result.frame_index is None else result.frame_index)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (*start, row["label"], row["class_id"], row["score"], row["objectness"], *row["box"]) for row in result.rows()
    )
    return text.getvalue()
