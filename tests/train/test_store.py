"""Pictures are decoded once, kept where there is room, and a bad one is named."""

import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from small_sets import write_picture
from yolov2.errors import Yolov2Warning
from yolov2.pictures.read import read_picture
from yolov2.train import store as store_module
from yolov2.train.store import PictureStore, Spill, free_memory


@pytest.fixture
def paths(tmp_path):
    return [write_picture(tmp_path / f"{seed}.png", size=(20 + seed, 30), seed=seed) for seed in range(6)]


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded, in order."""
    seen = []
    real = store_module.read_picture

    def noted(path, **options):
        seen.append(path)
        return real(path, **options)

    monkeypatch.setattr(store_module, "read_picture", noted)
    return seen


def test_a_small_picture_is_what_its_file_holds(paths):
    with PictureStore(paths, side=64) as store:
        np.testing.assert_array_equal(store[3], read_picture(paths[3]).rgb)
        assert store.size_of(3) == (23, 30)


def test_a_large_picture_shrinks_and_its_size_is_remembered(paths):
    with PictureStore(paths, side=15) as store:
        assert store[2].shape == (11, 15, 3)
        assert store.size_of(2) == (22, 30)
        assert store.size_of(4) == (24, 30)  # not yet asked for


@pytest.mark.parametrize("memory", [None, 0, 4000], ids=["memory", "file", "both"])
def test_every_picture_is_decoded_once(paths, decoded, tmp_path, memory):
    with PictureStore(paths, side=64, memory_bytes=memory, spill=tmp_path) as store:
        expected = [read_picture(path).rgb for path in paths]
        for _ in range(3):
            for index, pixels in enumerate(expected):
                np.testing.assert_array_equal(store[index], pixels)
        assert decoded == paths
        assert list(tmp_path.glob("yolov2-*")) == []  # the file has no name, so nothing can be left over


def test_threads_that_ask_together_decode_once(paths, decoded):
    with PictureStore(paths, side=64) as store:
        gate = threading.Barrier(8)

        def ask():
            gate.wait()
            for index in range(len(paths)):
                _ = store[index]

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(decoded) == sorted(paths)


def test_pictures_in_the_file_survive_the_end_of_a_segment(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "SEGMENT", 4096)
    spill = Spill(tmp_path, largest=3000)
    arrays = [np.random.default_rng(seed).integers(0, 256, (10, 90, 3), np.uint8) for seed in range(5)]  # 2,700 bytes
    kept = [spill.keep(pixels) for pixels in arrays]
    spill.close()
    for pixels, same in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(same, pixels)


def test_a_full_disk_is_told_once_and_costs_only_time(paths, decoded, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "pwrite", refuse)
    with PictureStore(paths, side=64, memory_bytes=0, spill=tmp_path) as store, pytest.warns(Yolov2Warning) as told:
        found = [store[index] for index in (0, 1, 1)]
    for pixels, path in zip(found, (paths[0], paths[1], paths[1]), strict=True):
        np.testing.assert_array_equal(pixels, read_picture(path).rgb)
    told_once = (
        f"{tmp_path}: found no room for decoded pictures (No space left on device), expected room for all of them; "
        "pictures beyond it are decoded every time; free some space or choose another folder"
    )
    assert [str(one.message) for one in told] == [told_once]
    assert decoded == [paths[0], paths[1], paths[1]]


def test_a_picture_that_can_not_be_read_is_named_once_and_grey(paths):
    paths[1].write_bytes(b"no picture")
    with PictureStore(paths, side=64) as store:
        with pytest.warns(Yolov2Warning) as told:
            pixels = store[1]
        assert pixels.shape == (8, 8, 3)
        assert set(pixels.ravel().tolist()) == {127}
        assert list(store.failed) == [1]
        assert len(told) == 1
        assert str(told[0].message) == f"{store.failed[1]}; it is left out of the training"
        assert store.failed[1].startswith(f'{paths[1]}: found a file that starts with "no pictu", expected ')
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _ = store[1]
            assert store.size_of(1) == (8, 8)


def test_arrays_can_not_be_changed(paths, tmp_path):
    for memory in (None, 0):
        with PictureStore(paths, side=64, memory_bytes=memory, spill=tmp_path) as store, pytest.raises(ValueError):
            store[0][0, 0, 0] = 1


def test_an_upright_picture_comes_out_of_a_turned_one(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    with PictureStore([tmp_path / "a.jpg"], side=64) as store:
        assert store[0].shape == (20, 10, 3)
        assert store.size_of(0) == (20, 10)


def test_an_index_beyond_the_last_picture_is_an_index_error(paths):
    with PictureStore(paths, side=64) as store, pytest.raises(IndexError):
        _ = store[6]


def test_a_side_without_pixels_is_refused():
    with pytest.raises(ValueError) as refusal:
        PictureStore([], side=0)
    assert str(refusal.value) == "side: found 0, expected a number of pixels from 1"


def test_free_memory_is_that_of_the_narrower_limit(tmp_path, monkeypatch):
    assert 1 << 20 < free_memory() < 1 << 50
    for name, text in {"memory.max": "1000000", "memory.current": "700000"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 50000\n")
    left = store_module._container_bytes(tmp_path)
    assert left == 350_000
    (tmp_path / "memory.max").write_text("max")
    assert store_module._container_bytes(tmp_path) is None
    monkeypatch.setattr(store_module, "_container_bytes", lambda: left)
    assert free_memory() == left


def test_a_bad_picture_is_told_once_even_where_nothing_is_kept(paths, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "pwrite", refuse)
    paths[1].write_bytes(b"")
    with PictureStore(paths, side=64, memory_bytes=0, spill=tmp_path) as store, pytest.warns(Yolov2Warning) as told:
        assert [store[1].shape for _ in range(3)] == [(8, 8, 3)] * 3
    assert sum("is left out of the training" in str(one.message) for one in told) == 1
