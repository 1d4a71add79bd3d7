"""Picture files and bytes: what comes out of the good ones, and the one line that answers each bad one."""

import io
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yolov2.errors import PictureError, printable
from yolov2.pictures.read import FORMATS_IN_WORDS, PICTURE_SUFFIXES, decode_picture, read_picture, turn_upright

JPEG_NOISE = 3  # levels on a flat colour, from JPEG's own rounding
AVIF = {"quality": 100, "subsampling": "4:4:4"}
CMYK_NOISE = 1  # levels between OpenCV's and Pillow's conversion
PICTURES = "a JPEG, PNG, WebP, BMP, GIF, TIFF, PPM or AVIF picture"


def corners(height=24, width=32):
    """A picture whose four quarters are red, green, blue and white, so that no turn of it looks like another."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2, 0] = 255
    pixels[: height // 2, width // 2 :, 1] = 255
    pixels[height // 2 :, : width // 2, 2] = 255
    pixels[height // 2 :, width // 2 :] = 255
    return pixels


def encoded(kind, pixels=None, *, mode: str = "RGB", **options: Any):
    buffer = io.BytesIO()
    Image.fromarray(corners() if pixels is None else pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def orientation_exif(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def turned(orientation):
    """The four quarters as Pillow turns them."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    picture = Image.fromarray(corners())
    return np.asarray(picture if turn is None else picture.transpose(turn))


def tiff16(orientation):
    """An uncompressed TIFF file of 16 bits a channel, which Pillow can't write."""
    pixels = (corners().astype("<u2") * 257).tobytes()
    tags = [  # tag, kind (3 is 16 bits, 4 is 32), value
        *((256, 3, 32), (257, 3, 24), (258, 3, 16), (259, 3, 1), (262, 3, 2), (273, 4, 8)),
        *((274, 3, orientation), (277, 3, 3), (278, 3, 24), (279, 4, len(pixels)), (284, 3, 1)),
    ]
    bits_at = 8 + len(pixels)
    entries = [(tag, kind, 3, bits_at) if tag == 258 else (tag, kind, 1, value) for tag, kind, value in tags]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II*\x00" + struct.pack("<I", bits_at + 6) + pixels + struct.pack("<HHH", 16, 16, 16) + directory


def png(width, height, body=b"", *, bits=8, colour=2):
    """A PNG file whose header says what the arguments say, whatever the body holds."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def patched_jpeg(*, bits=8, height=24, width=32):
    """A JPEG file whose frame header says what the arguments say."""
    data = bytearray(encoded("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 4 : frame + 9] = struct.pack(">BHH", bits, height, width)
    return bytes(data)


def refusal(data, **options):
    with pytest.raises(PictureError) as caught:
        decode_picture(data, name="x.jpg", **options)
    message = str(caught.value)
    assert message.startswith("x.jpg: found ")
    assert "\n" not in message
    return message.removeprefix("x.jpg: ")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_a_lossless_picture_keeps_every_byte_in_rgb(kind):
    np.testing.assert_array_equal(decode_picture(encoded(kind), name="x").pixels, corners())


@pytest.mark.parametrize(
    "kind, options",
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
    ids=["jpeg", "progressive", "webp", "lzw"],
)
def test_a_compressed_picture_comes_out_in_rgb(kind, options):
    pixels = decode_picture(encoded(kind, **options), name="x").pixels
    np.testing.assert_allclose(pixels[::8, ::8].astype(int), corners()[::8, ::8], atol=JPEG_NOISE)


def test_the_frame_carries_its_source_and_nothing_of_a_video():
    frame = decode_picture(encoded("PNG"), name="a/b.png")
    assert (frame.source, frame.index, frame.time_s, frame.size) == ("a/b.png", None, None, (24, 32))


def test_sixteen_bit_grey_keeps_its_high_byte():
    ramp = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    pixels = decode_picture(buffer.getvalue(), name="x").pixels
    np.testing.assert_array_equal(pixels, np.repeat((ramp >> 8)[:, :, None], 3, axis=2))


def test_sixteen_bit_colour_keeps_its_high_bytes():
    deep = corners().astype(np.uint16) << 8
    ok, data = cv2.imencode(".png", deep[:, :, ::-1])
    assert ok
    np.testing.assert_array_equal(decode_picture(data.tobytes(), name="x").pixels, corners())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "1", "P"])
def test_every_kind_of_png_becomes_rgb_without_alpha(mode):
    picture = Image.fromarray(corners()).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(0)  # dropped, not blended: what lies under it stays visible
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    flat = picture.convert("LA").convert("L") if mode == "LA" else picture
    expected = np.asarray(flat.convert("RGB"))
    np.testing.assert_array_equal(decode_picture(buffer.getvalue(), name="x").pixels, expected)


def test_cmyk_is_converted_as_pillow_converts_it():
    data = encoded("JPEG", mode="CMYK", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    np.testing.assert_allclose(decode_picture(data, name="x").pixels, expected, atol=CMYK_NOISE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_gives_its_first_frame(kind):
    others = [Image.fromarray(np.full((24, 32, 3), level, np.uint8)) for level in (10, 200)]
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(kind, save_all=True, append_images=others, **options)
    np.testing.assert_array_equal(decode_picture(data, name="x").pixels, corners())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(kind, orientation):
    options: dict[str, Any] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": AVIF}.get(
        kind, {}
    )
    data = encoded(kind, exif=orientation_exif(orientation), **options)
    upright, stored = turned(orientation).astype(int), corners().astype(int)
    np.testing.assert_allclose(decode_picture(data, name="x").pixels, upright, atol=JPEG_NOISE)
    np.testing.assert_allclose(decode_picture(data, name="x", exif=False).pixels, stored, atol=JPEG_NOISE)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("exif", [True, False])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_as_its_own_tag_says(deep, exif, orientation):
    data = tiff16(orientation) if deep else encoded("TIFF", exif=orientation_exif(orientation))
    np.testing.assert_array_equal(decode_picture(data, name="x", exif=exif).pixels, turned(orientation))


@pytest.mark.parametrize(
    "exif",
    [
        orientation_exif(99),
        orientation_exif(0),
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
        b"Exif\x00\x00rubbish of some length",
    ],
    ids=["99", "0", "empty", "far away", "endless", "rubbish"],
)
def test_an_orientation_that_means_nothing_is_no_fault(exif):
    data = encoded("JPEG", exif=exif, quality=95, subsampling=0)
    np.testing.assert_allclose(decode_picture(data, name="x").pixels, corners().astype(int), atol=JPEG_NOISE)


def test_a_turned_picture_lies_in_memory_as_it_looks():
    for orientation in range(1, 9):
        assert turn_upright(corners(), orientation).flags.c_contiguous


def test_rubbish_behind_a_whole_jpeg_is_no_fault():
    data = encoded("JPEG")
    expected = decode_picture(data, name="x").pixels
    np.testing.assert_array_equal(decode_picture(data + b"rubbish" * 9, name="x").pixels, expected)


@pytest.mark.parametrize(
    "data, start",
    [
        (b"", "0 bytes"),
        (b"this is no picture", 'a file that starts with "this is "'),
        (b"<html><head>", 'a file that starts with "<html><h"'),
        (b"%!PS-Adobe-3.0 EPSF-3.0", 'a file that starts with "%!PS-Ado"'),
        (b"#?RADIANCE\n", 'a file that starts with "#?RADIAN"'),
        (b"\x76\x2f\x31\x01\x02\x00\x00\x00", "a file that starts with the bytes 76 2f 31 01 02 00 00 00"),
        (b"PF\n2 2\n-1.0\n", 'a file that starts with "PF\\n2 2\\n-"'),
        (b"\x00\x00\x01\x00\x01\x00\x10\x10", "a file that starts with the bytes 00 00 01 00 01 00 10 10"),
    ],
    ids=["empty", "text", "html", "postscript", "hdr", "exr", "pfm", "ico"],
)
def test_what_is_no_picture_is_refused_by_its_first_bytes(data, start):
    assert refusal(data).startswith(f"found {start}, expected {PICTURES}; ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_a_picture_cut_at_half_is_refused_with_its_length(kind):
    data = encoded(kind, np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    assert re.search(rf"(picture of {len(data) // 2:,} bytes that does not decode|header that can't be read)",
                     refusal(data[: len(data) // 2]))  # fmt: skip


def test_a_jpeg_without_its_end_marker_is_refused():
    data = encoded("JPEG")[:-2]
    assert refusal(data).startswith(
        f"found a JPEG picture of {len(data)} bytes that does not decode, expected 32 x 24 whole pixels; it is cut"
    )


@pytest.mark.parametrize("length", [3, 20, 200])
def test_a_jpeg_cut_in_its_header_is_refused(length):
    assert refusal(encoded("JPEG")[:length]).startswith("found a JPEG header that can't be read")


def test_twelve_bit_jpeg_is_refused_by_name():
    assert "12-bit" in refusal(patched_jpeg(bits=12))


@pytest.mark.parametrize(
    "data", [patched_jpeg(height=0, width=0), png(0, 0), b"P6\n0 0\n255\n"], ids=["jpeg", "png", "ppm"]
)
def test_a_picture_of_no_size_is_refused(data):
    assert "header that can't be read" in refusal(data)


@pytest.mark.parametrize(
    "data, size",
    [
        (png(30_000, 30_000), "30,000 x 30,000"),
        (png(2**31 - 1, 2**31 - 1), "2,147,483,647 x 2,147,483,647"),
        (patched_jpeg(height=65_500, width=65_500), "65,500 x 65,500"),
        (b"P6\n70000 70000\n255\n", "70,000 x 70,000"),
        (encoded("GIF")[:6] + b"\xff" * 4 + encoded("GIF")[10:], "65,535 x 65,535"),
        (
            b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 9_000, -9_000, 1, 24, 0, 0, 0, 0, 0, 0),
            "9,000 x 9,000",
        ),
    ],
    ids=["png", "largest png", "jpeg", "ppm", "gif", "bmp"],
)
def test_a_bomb_is_refused_from_its_header(data, size):
    assert refusal(data) == (
        f"found a header that claims {size} pixels, expected at most 50,000,000 pixels; "
        "make it smaller, or raise the limit with --max-pixels if you trust the file"
    )


def test_the_limit_on_pixels_is_the_callers():
    data = encoded("PNG")
    assert decode_picture(data, name="x", max_pixels=24 * 32).size == (24, 32)
    assert "claims 32 x 24 pixels, expected at most 767 pixels" in refusal(data, max_pixels=24 * 32 - 1)


def test_a_png_with_a_wrong_checksum_is_refused():
    data = bytearray(encoded("PNG"))
    data[29] ^= 1  # the checksum of the header
    assert refusal(bytes(data)).startswith("found a PNG header that can't be read")


def test_float_tiff_is_refused():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(buffer, "TIFF")
    assert refusal(buffer.getvalue()).startswith("found a TIFF picture of ")


@given(
    st.binary(max_size=64), st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]), st.integers(0, 900)
)
def test_any_bytes_give_a_picture_or_a_refusal(splice, kind, at):
    data = bytearray(ENCODED[kind])
    at %= len(data)
    data[at : at + len(splice)] = splice
    try:
        outcome = decode_picture(bytes(data), name="x", max_pixels=10_000).pixels.size
    except PictureError as error:
        outcome = str(error).count("\n")
    assert outcome <= 30_000


ENCODED = {kind: encoded(kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")}


def test_a_file_is_read_whatever_its_suffix_says(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded("PNG"))
    frame = read_picture(path)
    assert frame.source == str(path)
    np.testing.assert_array_equal(frame.pixels, corners())


@pytest.mark.parametrize(
    "name", [b"line\nbreak.png", b"-dash.png", b"stray\xff.png", "größe 犬.png".encode(), b"n" * 255]
)
def test_a_file_is_read_whatever_its_name(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(encoded("PNG"))
    assert read_picture(path).size == (24, 32)


def file_refusal(path, **options):
    with pytest.raises(PictureError) as caught:
        read_picture(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path.parent) + "/")


def test_a_missing_file_is_named(tmp_path):
    assert file_refusal(tmp_path / "no.jpg") == "no.jpg: found no such file, expected a picture file; check the name"


def test_a_name_is_printed_with_its_odd_characters_escaped(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\nb\xff\x1b.jpg"))
    assert file_refusal(path).startswith("a\\nb\\udcff\\x1b.jpg: found no such file")


def test_printable_keeps_the_letters_of_every_language():
    assert printable(Path("größe 犬.jpg")) == "größe 犬.jpg"


def test_a_folder_is_refused(tmp_path):
    assert "found a folder, expected a picture file; name a regular file" in file_refusal(tmp_path)


def test_a_named_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "pipe.jpg: found a named pipe" in file_refusal(tmp_path / "pipe.jpg")


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's whole path is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s.jpg")
        assert "found a socket" in file_refusal(Path("s.jpg"))


def test_a_device_is_refused():
    assert file_refusal(Path("/dev/zero")) == "zero: found a device, expected a picture file; name a regular file"


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert "found a file that can't be read (Too many levels of symbolic links)" in file_refusal(tmp_path / "loop.jpg")


def test_a_file_without_permission_is_refused(open_folder, without_rights):
    path = open_folder / "secret.jpg"
    path.write_bytes(encoded("PNG"))
    path.chmod(0)
    with without_rights():
        assert "found a file that can't be read (Permission denied)" in file_refusal(path)


def test_a_file_too_large_for_its_pixels_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    assert file_refusal(path) == (
        "huge.png: found a file of 1,099,511,627,776 bytes, expected at most 467,108,864 bytes for 50,000,000 pixels; "
        "make it smaller, or raise the limit with --max-pixels if you trust the file"
    )


def test_many_threads_read_the_same_pictures_right():
    orders = [(kind, orientation) for kind in ("JPEG", "PNG", "WEBP", "TIFF") for orientation in range(1, 9)] * 4
    data = {order: encoded(order[0], exif=orientation_exif(order[1])) for order in orders}
    expected = {order: decode_picture(data[order], name="x").pixels for order in data}
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda order: decode_picture(data[order], name="x").pixels, orders))
    assert all(np.array_equal(expected[order], result) for order, result in zip(orders, results, strict=True))


def test_a_cut_picture_says_nothing_beside_its_refusal():
    code = f"""
from yolov2.errors import PictureError
from yolov2.pictures.read import decode_picture
for data in ({encoded("JPEG")[:-20]!r}, {encoded("PNG")[:-30]!r}, b""):
    try:
        decode_picture(data, name="x")
    except PictureError:
        print("refused")
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (child.stdout, child.stderr) == ("refused\n" * 3, "")


EXPECTED_PHOTOS = {  # name -> (height, width), from the table in data/README.md
    "dog-grey.jpg": (300, 400),
    "dog-cmyk.jpg": (300, 400),
    "dog-rgb16.png": (192, 256),
    "eagle-grey16.png": (170, 256),
    "eagle-palette-alpha.png": (212, 320),
    "horses.webp": (318, 480),
    "person.bmp": (159, 240),
    "person.tif": (212, 320),
    "kite-pan-animated.gif": (150, 200),
    "kite-very-wide.jpg": (40, 1352),
    "giraffe-very-tall.jpg": (500, 30),
    "one-pixel.jpg": (1, 1),
    "one-pixel.png": (1, 1),
    "wrong-extension-is-png.jpg": (1, 1),
}


@pytest.mark.parametrize("name", EXPECTED_PHOTOS)
def test_an_odd_photograph_comes_out_at_its_size(shared, name):
    assert read_picture(shared / "data" / "photos" / "odd" / name).size == EXPECTED_PHOTOS[name]


def test_every_photograph_is_read_but_for_the_three_broken_ones(shared):
    paths = sorted(path for path in (shared / "data" / "photos").rglob("*") if path.suffix in PICTURE_SUFFIXES)
    refused = []
    for path in paths:
        try:
            read_picture(path)
        except PictureError:
            refused.append(path.name)
    assert (len(paths), refused) == (44, ["broken-empty.jpg", "broken-text.jpg", "broken-truncated.jpg"])


@pytest.mark.parametrize("number", [2, 3, 5, 7])
def test_a_turned_photograph_shows_the_upright_one(shared, number):
    odd = shared / "data" / "photos" / "odd"
    upright = read_picture(odd / "dog-upright.jpg").pixels.astype(int)
    turned = read_picture(odd / f"dog-exif-orientation{number}.jpg").pixels
    assert np.abs(turned - upright).mean() < 5  # levels: each was compressed anew; a wrong turn is off by more than 40


def test_sixteen_bit_grey_is_as_bright_as_the_photograph_it_came_from(shared):
    odd = shared / "data" / "photos" / "odd"
    deep, shallow = (read_picture(odd / name).pixels.mean() for name in ("eagle-grey16.png", "eagle-grey-alpha.png"))
    assert deep == pytest.approx(shallow, abs=0.5)


@pytest.mark.parametrize(
    ("start", "ending"),
    [(b"\0\0\0\x20ftypisom", ".mp4"), (b"\x1aE\xdf\xa3", ".mkv"), (b"RIFF\1\0\0\0AVI ", ".avi"), (b"FLV\1", ".flv")],
)
def test_a_video_by_the_name_of_a_picture_is_to_be_renamed(tmp_path, start, ending):
    path = tmp_path / "clip.jpg"
    path.write_bytes(start + bytes(32))
    with pytest.raises(PictureError) as refused:
        read_picture(path)
    expected = f"{path}: found a video, expected {FORMATS_IN_WORDS}; rename it, so that it ends in {ending}"
    assert str(refused.value) == expected


def test_a_heic_picture_is_no_video(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(32))
    with pytest.raises(PictureError, match="found a file that starts with"):
        read_picture(path)
