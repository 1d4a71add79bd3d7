"""One Parquet file of a run: its rows, its row groups, what it says of itself, and that it is whole or not there."""

import gc
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from results import FAILED, found, left_in, write_all
from yolov2 import __version__
from yolov2.detect import parquet_file
from yolov2.detect.parquet_file import ParquetFile
from yolov2.errors import OutputError

ROW = (1, 0.5, (1, 2, 3, 4))


def test_a_detection_is_a_row_and_a_failure_none(tmp_path):
    write_all(ParquetFile(tmp_path / "f.parquet"), [found(ROW), FAILED, found(), found(ROW, source="c.mp4", index=7)])
    expected = {"source": "a.jpg", "frame": None, "width": 64, "height": 48, "label": "dog", "class_id": 1}
    expected |= {"score": 0.5, "objectness": 0.75, "x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0}
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert rows == [expected, expected | {"source": "c.mp4", "frame": 7}]


def test_a_path_is_a_list_of_structs(tmp_path):
    tree = replace(found(ROW), paths=((("animal", 0.75), ("dog", 0.5)),))
    write_all(ParquetFile(tmp_path / "f.parquet"), [tree])
    (row,) = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert row["path"] == [{"label": "animal", "probability": 0.75}, {"label": "dog", "probability": 0.5}]


def test_a_run_without_a_detection_is_a_table_without_rows(tmp_path):
    write_all(ParquetFile(tmp_path / "f.parquet"), [found(), FAILED])
    table = pq.read_table(tmp_path / "f.parquet")
    assert (table.num_rows, table.column_names[0], table.num_columns) == (0, "source", 12)


def test_rows_are_written_in_groups_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "GROUP_ROWS", 5)
    writer = ParquetFile(tmp_path / "f.parquet")
    for number in range(5):
        writer.write(found(*[ROW] * 3, source=f"{number}.jpg"))
        assert sum(table.num_rows for table in writer._tables) < 5
    writer.close()
    data = pq.read_metadata(tmp_path / "f.parquet")
    assert max(data.row_group(group).num_rows for group in range(data.num_row_groups)) == 5
    sources = pq.read_table(tmp_path / "f.parquet")["source"].to_pylist()
    assert sources == [f"{number}.jpg" for number in range(5) for _ in range(3)]


def test_the_file_says_who_wrote_it(tmp_path):
    write_all(ParquetFile(tmp_path / "f.parquet"), [found(ROW)])
    said = pq.read_schema(tmp_path / "f.parquet").metadata
    assert said == {b"yolov2.version": __version__.encode(), b"yolov2.format_version": b"1"}


def test_stray_bytes_of_a_file_name_are_replaced(tmp_path):
    write_all(ParquetFile(tmp_path / "f.parquet"), [found(ROW, source="caf\udce9.jpg")])
    assert pq.read_table(tmp_path / "f.parquet")["source"].to_pylist() == ["caf\N{REPLACEMENT CHARACTER}.jpg"]


def test_an_aborted_file_leaves_what_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "GROUP_ROWS", 1)
    (tmp_path / "f.parquet").write_text("earlier")
    writer = ParquetFile(tmp_path / "f.parquet")
    writer.write(found(ROW))
    writer.abort()
    del writer
    gc.collect()  # what pyarrow would write once more it must not write
    assert left_in(tmp_path) == ["f.parquet"]
    assert (tmp_path / "f.parquet").read_text() == "earlier"


@pytest.mark.parametrize("rows_before", [0, 1, 100_000])
def test_a_full_disk_is_one_line(tmp_path, rows_before):
    (tmp_path / "f.parquet").symlink_to("/dev/full")
    writer = ParquetFile(tmp_path / "f.parquet")
    with pytest.raises(OutputError, match=r"f\.parquet: found a full disk, expected room for the whole file; free "):
        write_all(writer, [found(*[ROW] * rows_before)])
    writer.abort()
    del writer
    gc.collect()


def test_without_pyarrow_it_is_refused_before_the_run(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError) as refusal:
        ParquetFile(tmp_path / "f.parquet")
    assert str(refusal.value) == (
        f"{tmp_path}/f.parquet: found no package, expected pyarrow; pip install 'yolov2[tables]'"
    )
    assert left_in(tmp_path) == []
