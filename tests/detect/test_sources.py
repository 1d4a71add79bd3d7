"""Files, folders and patterns become sources in a fixed order; any kind of picture becomes a Frame."""

import io
import os
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
    for name in ("b.jpg", "a.PNG", "notes.bin", "sub/c.mp4", "sub/d.jpeg", ".hidden/e.jpg", ".f.jpg"):
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
    named = [folder / "notes.bin", folder / "nothing.jpg"]
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
    assert address.error == (
        "https://example.com/a.jpg: found an address, expected a file; "
        "download it first, or give --allow-urls (allow_urls=True)"
    )
    assert (address.kind, address.name) == ("stream", "https://example.com/a.jpg")
    assert (picture.path, picture.error) == (folder / "b.jpg", "")


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_names_files_here_or_beside_it(tmp_path, monkeypatch):
    for name in ("here/a.jpg", "lists/b.png", "lists/a.jpg", "lists/sub/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    train = tmp_path / "lists/train.txt"
    train.write_text(f"a.jpg\r\n\n  \nb.png\nsub/c.mp4\n{tmp_path}/here/a.jpg\n a.jpg \n")
    monkeypatch.chdir(tmp_path / "here")
    found = expand_sources([train])
    home = train.parent
    assert [(source.path, source.kind, str(source.relative)) for source in found] == [
        (Path("a.jpg"), "picture", "a.jpg"),  # the one here comes before the one beside the list
        (home / "b.png", "picture", "b.png"),
        (home / "sub/c.mp4", "video", "c.mp4"),
        (tmp_path / "here/a.jpg", "picture", "a.jpg"),
        (Path("a.jpg"), "picture", "a.jpg"),
    ]


def test_a_bad_entry_of_a_list_is_named_with_its_line(folder, monkeypatch):
    monkeypatch.chdir(folder)
    Path("train.LIST").write_text("b.jpg\n\nnothing.jpg\nsub\nhttp://host/a.mp4\n")
    good, missing, below, address = expand_sources(["train.LIST"])
    assert (good.path, good.error) == (Path("b.jpg"), "")
    assert (missing.name, missing.error) == (
        "nothing.jpg",
        "train.LIST:3: found no file nothing.jpg, expected one here or beside the list; correct the line",
    )
    assert below.error == "train.LIST:4: found the folder sub, expected a file; list the files in it"
    assert address.error == (
        "http://host/a.mp4: found an address, expected a file; download it first, or give --allow-urls (allow_urls=True)"
    )


def test_a_list_may_hold_addresses_where_they_are_allowed(tmp_path):
    (tmp_path / "cameras.txt").write_text("rtsp://user:secret@host/1\n")
    (source,) = expand_sources([tmp_path / "cameras.txt"], allow_urls=True)
    assert (source.kind, source.name) == ("stream", "rtsp://host/1")
    assert "secret" not in repr(source)


def test_a_list_that_names_nothing_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("\n \n")
    (tmp_path / "b.txt").write_bytes(b"\x00\x01\x02\x03" * 9)
    for name, found in (("a.txt", "nothing"), ("b.txt", "bytes that are no list of names")):
        with pytest.raises(PictureError) as refusal:
            expand_sources([tmp_path / name])
        expected = f"found {found}, expected names of files, one a line; give a list of pictures and videos"
        assert str(refusal.value) == f"{tmp_path / name}: {expected}"


# --- standard input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"b.jpg\na.PNG\n", b"b.jpg\0a.PNG\0", b"b.jpg\r\na.PNG", b"\xef\xbb\xbfb.jpg\na.PNG"])
def test_standard_input_may_name_files(folder, monkeypatch, data):
    monkeypatch.chdir(folder)
    assert [source.path for source in expand_sources(["-"], stdin=io.BytesIO(data))] == [Path("b.jpg"), Path("a.PNG")]


def test_names_with_a_nul_behind_them_may_hold_a_line_break(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a\nb.jpg", " c.jpg ", os.fsdecode(b"\xff.jpg")]
    for name in names:
        Path(name).touch()
    data = b"".join(os.fsencode(name) + b"\0" for name in names)
    assert [str(source.path) for source in expand_sources(["-"], stdin=io.BytesIO(data))] == names


def test_standard_input_may_be_one_picture():
    (source,) = expand_sources(["-"], stdin=io.BytesIO(png(PIXELS)))
    assert (source.kind, source.name, source.data, source.relative) == ("picture", "-", png(PIXELS), Path("stdin.png"))


def test_a_missing_name_on_standard_input_is_named_with_its_line(folder, monkeypatch):
    monkeypatch.chdir(folder)
    _, source = expand_sources(["-"], stdin=io.BytesIO(b"b.jpg\nnone.jpg\n"))
    assert (source.name, source.error) == (
        "none.jpg",
        "-:2: found no file none.jpg, expected one here; correct the line",
    )


@pytest.mark.parametrize(
    "data, found",
    [
        (b"", "nothing on standard input, expected a picture, or names of files, one a line or with a NUL behind each; pipe it in"),
        (b"\n\0\n", "nothing on standard input, expected a picture, or names of files, one a line or with a NUL behind each; pipe it in"),
        (b"\0\0\0\x20ftypisom", "bytes that are no list of names, expected names of files, one a line; give a list of pictures and videos"),
    ],
)  # fmt: skip
def test_nothing_and_rubbish_on_standard_input_are_refused(data, found):
    with pytest.raises(PictureError) as refusal:
        expand_sources(["-"], stdin=io.BytesIO(data))
    assert str(refusal.value) == f"-: found {found}"


# --- cameras and addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named, name", [("0", "camera 0"), ("12", "camera 12"), ("/dev/video0", "/dev/video0")])
def test_a_number_and_a_device_are_cameras(tmp_path, monkeypatch, named, name):
    monkeypatch.chdir(tmp_path)
    (source,) = expand_sources([named])
    assert (source.kind, source.address, source.name, source.is_file) == ("camera", named, name, False)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "HTTPS"])
def test_an_address_keeps_its_password_to_itself(scheme):
    (source,) = expand_sources([f"{scheme}://user:secret@host//a?token=secret"], allow_urls=True)
    assert (source.kind, source.error) == ("stream", "")
    assert source.address == f"{scheme.lower()}://user:secret@host//a?token=secret"
    assert source.name == f"{scheme.lower()}://host//a?token=***"
    assert "secret" not in repr(source)


def test_a_refused_address_keeps_its_password_to_itself():
    with pytest.raises(PictureError) as refusal:
        expand_sources(["rtsp://user:secret@host/1"])
    assert str(refusal.value) == (
        "rtsp://host/1: found an address, expected a file; download it first, or give --allow-urls (allow_urls=True)"
    )


@pytest.mark.parametrize("scheme", ["file", "ftp", "udp", "concat", "tcp", "hls+http"])
def test_no_other_address_is_taken(scheme):
    with pytest.raises(PictureError) as refusal:
        expand_sources([f"{scheme}://host/a.mp4"], allow_urls=True)
    expected = f"found an address of {scheme}, expected one of rtsp, rtsps, http, https; name a file"
    assert str(refusal.value) == f"{scheme}://host/a.mp4: {expected}"


# --- patterns that are none, folders without rights -------------------------------------------------------------------


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="later versions of Python take it")
@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_list_in_utf_16_is_refused(tmp_path, mark):
    (tmp_path / "a.txt").write_bytes(mark + "a.jpg\n".encode("utf-16-le"))
    with pytest.raises(PictureError, match=r"a.txt: found UTF-16 text, expected UTF-8; save it as UTF-8$"):
        expand_sources([tmp_path / "a.txt"])


def test_crops_of_an_earlier_run_are_passed_over(folder):
    crops = folder / "out" / "crops" / "dog"
    crops.mkdir(parents=True)
    (crops / "a-1.jpg").touch()
    (folder / "out" / "detections.jsonl").touch()
    assert Path("out/crops/dog/a-1.jpg") not in [source.relative for source in expand_sources([folder])]
    (folder / "out" / "detections.jsonl").unlink()
    assert Path("out/crops/dog/a-1.jpg") in [source.relative for source in expand_sources([folder])]


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
    expected = "a path, bytes, an array (H, W, channels) of uint8, a PIL image, or a Frame"
    assert str(refusal.value) == f"picture: found {kind}, expected {expected}"


@pytest.mark.parametrize("wrong", [PIXELS[0, 0], PIXELS.astype(np.float32), PIXELS[..., :0], PIXELS[None]])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^picture: found .*, expected uint8 \(H, W, channels\)$"):
        as_frame(wrong)


def test_a_video_is_no_picture():
    with pytest.raises(PictureError, match=r"^a.mp4: found a video, expected a picture; use detector.stream\(path\)"):
        as_frame("a.mp4")


@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_is_no_picture_and_keeps_its_slashes(kind):
    with pytest.raises(PictureError) as refused:
        as_frame(kind("http://me:secret@host/a//b.jpg"))
    slashes = "//" if kind is str else "/"  # Path has dropped one already
    assert str(refused.value) == (
        f"http://host/a{slashes}b.jpg: found an address, expected a picture file; "
        "download it first, or, of a video, use detector.stream(address, allow_urls=True)"
    )
