"""Files, folders and patterns become sources in a fixed order; any kind of picture becomes a Frame."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolov2.detect.sources import as_frame, expand_sources
from yolov2.errors import PictureError
from yolov2.records import Frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "sub/c.mp4", "sub/d.jpeg", ".hidden/e.jpg", ".f.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_gives_its_pictures_and_videos_sorted(folder):
    found = [(str(source.relative), source.kind) for source in expand_sources([folder])]
    assert found == [("a.PNG", "picture"), ("b.jpg", "picture"), ("sub/c.mp4", "video"), ("sub/d.jpeg", "picture")]


def test_a_pattern_gives_what_matches(folder, monkeypatch):
    assert [source.path.name for source in expand_sources([f"{folder}/**/*.jp*g"])] == [
        ".f.jpg",
        "e.jpg",
        "b.jpg",
        "d.jpeg",
    ]
    monkeypatch.chdir(folder)
    assert [source.path for source in expand_sources(["*.jpg"])] == [Path(".f.jpg"), Path("b.jpg")]


def test_a_named_file_is_taken_whatever_its_ending_and_whether_it_is_there(folder):
    named = [folder / "notes.txt", folder / "nothing.jpg"]
    assert [(source.path, source.kind) for source in expand_sources(named)] == [(path, "picture") for path in named]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "x[1].jpg").touch()
    assert [source.path.name for source in expand_sources([folder / "x[1].jpg"])] == ["x[1].jpg"]


@pytest.mark.parametrize(("argument", "found"), [("empty", "no picture or video"), ("*.gif", "no file that matches")])
def test_a_folder_or_pattern_with_nothing_in_it_is_refused(tmp_path, argument, found):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match=f"found {found}, expected files ending in .*; check the path$"):
        expand_sources([tmp_path / argument])


def test_what_is_nothing_among_others_becomes_a_source_with_its_error(folder):
    (folder / "empty").mkdir()
    empty, address, picture = expand_sources([folder / "empty", "https://example.com/a.jpg", folder / "b.jpg"])
    assert empty.error.startswith(f"{folder / 'empty'}: found no picture or video, expected files ending in ")
    assert address.error == "https://example.com/a.jpg: found an address, expected a file; download it first"
    assert (picture.path, picture.error) == (folder / "b.jpg", "")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="later versions of Python take it")
def test_a_pattern_that_python_does_not_take_is_refused(tmp_path):
    with pytest.raises(PictureError) as refusal:
        expand_sources([tmp_path / "a**.jpg"])
    said = "Invalid pattern: '**' can only be an entire path component"
    expected = f"found a bad pattern ({said}), expected one such as photos/**/*.jpg; write ** between slashes"
    assert str(refusal.value) == f"{tmp_path / 'a**.jpg'}: {expected}"


def test_an_unreadable_folder_is_refused_and_a_file_in_it_left_to_the_reader(open_folder, without_rights):
    locked = open_folder / "locked"
    locked.mkdir()
    (locked / "a.jpg").touch()
    locked.chmod(0)
    with without_rights():
        assert [source.path for source in expand_sources([locked / "a.jpg"])] == [locked / "a.jpg"]
        with pytest.raises(PictureError) as refusal:
            expand_sources([locked])
    expected = "found a folder that can't be listed (Permission denied), expected a readable one; check its permissions"
    assert str(refusal.value) == f"{locked}: {expected}"


PIXELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "picture",
    [PIXELS, PIXELS.tolist() and Image.fromarray(PIXELS), png(PIXELS), bytearray(png(PIXELS)), Frame(PIXELS)],
    ids=["array", "PIL", "bytes", "bytearray", "Frame"],
)
def test_any_kind_of_picture_becomes_a_frame(picture):
    np.testing.assert_array_equal(as_frame(picture).pixels, PIXELS)


def test_bgr_arrays_are_turned_round():
    np.testing.assert_array_equal(as_frame(PIXELS[..., ::-1], bgr=True).pixels, PIXELS)


@pytest.mark.parametrize("wrong, kind", [(None, "NoneType"), (7, "int"), ({}, "dict")])
def test_what_is_nothing_like_a_picture_is_named_by_its_type(wrong, kind):
    with pytest.raises(ValueError, match="^picture: found") as refusal:
        as_frame(wrong)
    expected = "a path, bytes, an array (H, W, 3) of uint8, a PIL image, or a Frame"
    assert str(refusal.value) == f"picture: found {kind}, expected {expected}"


@pytest.mark.parametrize("wrong", [PIXELS[..., 0], PIXELS.astype(np.float32), PIXELS[..., :2]])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^picture: found .*, expected uint8 \(H, W, 3\)$"):
        as_frame(wrong)


def test_a_video_is_no_picture():
    with pytest.raises(PictureError, match=r"^a.mp4: found a video, expected a picture; use detector.stream\(path\)"):
        as_frame("a.mp4")
