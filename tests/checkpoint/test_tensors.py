"""tensors.py against the safetensors package, and every way in which a file can be no such file."""

import io
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from yolov2.checkpoint import tensors
from yolov2.checkpoint.tensors import digest_of, open_tensors, read_header, read_tensor, write_tensors
from yolov2.errors import CheckpointError

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([0.5, -2], np.float16),
    "c": np.array([7], np.float32),
}


def written(arrays=ARRAYS, **metadata: str) -> bytes:
    file = io.BytesIO()
    write_tensors(file, arrays, metadata)
    return file.getvalue()


def refusal_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as refusal, open_tensors(path) as file:
        read_header(file, path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value).removeprefix(str(path))


def in_file(folder: Path, data: bytes) -> Path:
    path = folder / "a.safetensors"
    path.write_bytes(data)
    return path


def with_header(fields: object, numbers: bytes = b"") -> bytes:
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def test_the_package_reads_what_is_written(tmp_path):
    loaded = load_file(in_file(tmp_path, written(key="value")))
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_what_the_package_writes_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(ARRAYS, path, {"key": "value"})
    with open_tensors(path) as file:
        header = read_header(file, path)
        assert header.metadata == {"key": "value"}
        assert header.seal == ""
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(read_tensor(file, header, name, path), array.astype(np.float32), strict=True)


def test_an_array_read_can_not_be_written_to(tmp_path):
    path = in_file(tmp_path, written())
    with open_tensors(path) as file:
        array = read_tensor(file, read_header(file, path), "b", path)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_the_same_arrays_give_the_same_bytes():
    assert written(x="1", y="2", z="3") == written(x="1", y="2", z="3")


def test_numbers_begin_at_a_multiple_of_eight_bytes():
    for length in range(9):
        data = written(key="x" * length)
        assert int.from_bytes(data[:8], "little") % 8 == 0


def test_the_seal_is_the_sha256_of_the_file_with_zeros_in_its_place(tmp_path):
    import hashlib

    path = in_file(tmp_path, written())
    with open_tensors(path) as file:
        header = read_header(file, path)
        expected = hashlib.sha256(path.read_bytes().replace(header.seal.encode(), b"0" * 64)).hexdigest()
        assert (header.seal, digest_of(file, header)) == (expected, expected)


def test_a_larger_header_than_is_read_is_not_written(monkeypatch):
    monkeypatch.setattr(tensors, "LARGEST_HEADER", 200)
    with pytest.raises(ValueError, match=r"^metadata: found 4.. bytes, expected at most 200$"):
        written(key="x" * 200)


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
EIGHT = b"\0" * 8
BAD = {
    "empty": (b"", ": found an empty file, expected a safetensors file; copy it again"),
    "short": (b"abc", ": found 3 bytes, expected a safetensors file; copy it again"),
    "text": (b"hello, world, here I am", ": found a header of 8,583,909,746,840,200,552 bytes, expected a safetensors file whose header has at most 16,777,216; give another file"),
    "cut in the header": (with_header({"a": F32}, EIGHT)[:30], ": found a bad header ("),
    "cut in the numbers": (with_header({"a": F32}, EIGHT[:7]), ": found a bad header ("),
    "too long": (with_header({"a": F32}, EIGHT + b"\0"), ": found a bad header ("),
    "huge header": (struct.pack("<Q", 2**30) + b"{}", ": found a header of 1,073,741,824 bytes, expected"),
    "bad json": (with_header(b'{"a":'), ": found a bad header (invalid JSON"),
    "a list": (with_header([]), ": found a bad header ("),
    "deep": (with_header(b'{"a":' * 100_000), ": found a bad header ("),
    "not utf-8": (with_header(b'{"\xff\xfe":1}'), ": found a bad header ("),
    "number format": (with_header({"a": F32 | {"dtype": "F99"}}, EIGHT), ": found a bad header ("),
    "shape": (with_header({"a": F32 | {"shape": [3]}}, EIGHT), ": found a bad header ("),
    "negative shape": (with_header({"a": F32 | {"shape": [-2, -1]}}, EIGHT), ": found a bad header ("),
    "endless shape": (with_header({"a": F32 | {"shape": [2**62, 2**62]}}, EIGHT), ": found a bad header ("),
    "overlap": (with_header({"a": F32, "b": F32 | {"data_offsets": [4, 12]}}, EIGHT + EIGHT[:4]), ": found a bad header ("),
    "gap": (with_header({"a": F32, "b": F32 | {"data_offsets": [12, 20]}}, EIGHT + EIGHT + EIGHT[:4]), ": found a bad header ("),
    "metadata": (with_header({"__metadata__": {"a": 1}, "a": F32}, EIGHT), ": found a bad header ("),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name):
    data, expected = BAD[name]
    assert refusal_of(in_file(tmp_path, data)).startswith(expected)


def test_a_missing_file_is_refused(tmp_path):
    assert refusal_of(tmp_path / "a") == ": found no such file, expected a safetensors file; check the path"


def test_a_folder_is_refused(tmp_path):
    assert refusal_of(tmp_path) == ": found a folder, expected a safetensors file; check the path"


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal_of(tmp_path / "pipe") == ": found a special file, expected a safetensors file; check the path"


def test_a_file_cut_after_its_header_was_read_is_refused(tmp_path):
    path = in_file(tmp_path, written())
    with open_tensors(path) as file:
        header = read_header(file, path)
        os.truncate(path, path.stat().st_size - 4)
        with pytest.raises(CheckpointError, match=r": found an end within c, expected a safetensors file; wait until"):
            read_tensor(file, header, "c", path)
