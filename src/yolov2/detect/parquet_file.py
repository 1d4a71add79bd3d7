"""Results as one Parquet file, a row a detection. The columns are those of converters.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolov2 import __version__
from yolov2.converters import TABLES, arrow_schema, to_arrow
from yolov2.detect.text_writers import WholeFile
from yolov2.errors import OutputError, printable
from yolov2.records import Detections, Failure

FORMAT_VERSION = "1"  # of the columns and their meaning
GROUP_ROWS = 65_536  # detections in memory before they are written as a row group; some ten megabytes


class ParquetFile:
    """A Parquet file which takes its name when it is closed; an input that failed has no row. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as missing:  # told before the run has done its work, and not after
            raise OutputError.at(printable(path), found="no package", expected="pyarrow", repair=TABLES) from missing
        self._arrow: Any = pyarrow  # they come without types
        self._parquet: Any = parquet
        self._file = WholeFile(path)
        self._tables: list[Any] = []
        self._rows = 0  # in these tables
        self._writer: Any = None

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Failure) or not len(result):
            return
        self._tables.append(to_arrow(result))
        self._rows += len(result)
        if self._rows >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        try:
            self._writer.close()  # writes what a reader looks for first
        except OSError as wrong:
            self._file.refuse(wrong)
        self._file.close()

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.is_open = False  # else it would write once more when it is forgotten
        self._file.abort()

    def _flush(self) -> None:
        schema = self._tables[0].schema if self._tables else arrow_schema(has_paths=False)
        try:
            if self._writer is None:
                said = {"yolov2.version": __version__, "yolov2.format_version": FORMAT_VERSION}
                self._writer = self._parquet.ParquetWriter(self._file.file, schema.with_metadata(said))
            if self._tables:
                self._writer.write_table(self._arrow.concat_tables(self._tables), row_group_size=GROUP_ROWS)
        except OSError as wrong:
            self._file.refuse(wrong)
        self._tables.clear()
        self._rows = 0
