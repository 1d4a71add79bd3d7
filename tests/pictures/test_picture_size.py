"""What is read of a picture without decoding all of it: its size, and a small grey version."""

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov2.errors import PictureError
from yolov2.pictures.read import picture_size, read_picture, read_small_grey

JPEG_SCALING_NOISE = 2.0  # grey levels on average between decoding at a fraction and averaging what was decoded whole


def photograph(shared, tmp_path, orientation=1):
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(shared / "data/photos/dog.jpg") as dog:
        dog.save(tmp_path / "a.jpg", exif=exif, quality=95)
    return tmp_path / "a.jpg"


def test_the_size_of_every_photograph_is_that_of_its_pixels(shared):
    photos = [path for path in (shared / "data/photos").rglob("*.*") if path.suffix not in (".md", ".txt")]
    sizes = {}
    for path in photos:
        try:
            sizes[path] = read_picture(path).size
        except PictureError:
            continue
    assert len(sizes) > 35
    assert {path: picture_size(path) for path in sizes} == sizes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_has_its_upright_size_unless_exif_does_not_count(shared, tmp_path, orientation):
    path = photograph(shared, tmp_path, orientation)
    assert picture_size(path) == read_picture(path).size
    assert picture_size(path, exif=False) == read_picture(path, exif=False).size


def test_the_size_of_a_picture_is_in_its_first_bytes(shared, tmp_path):
    data = photograph(shared, tmp_path).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:2000])
    assert picture_size(tmp_path / "cut.jpg") == (576, 768)


def test_the_size_of_an_array_in_a_file_is_that_of_its_rows_and_columns(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((7, 9, 5), np.uint8))
    assert picture_size(tmp_path / "a.npy") == (7, 9)


def test_a_file_that_is_no_picture_has_no_size(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(PictureError) as refusal:
        picture_size(tmp_path / "a.jpg")
    assert (
        str(refusal.value)
        == f"{tmp_path}/a.jpg: found 0 bytes, expected a JPEG, PNG, WebP, BMP, GIF, TIFF, PPM or AVIF picture; copy it again"
    )


@pytest.mark.parametrize(
    ("shortest", "size"), [(577, (576, 768)), (288, (288, 384)), (144, (144, 192)), (72, (72, 96)), (1, (72, 96))]
)
def test_a_grey_picture_is_as_small_as_its_shorter_side_may_be(shared, tmp_path, shortest, size):
    path = photograph(shared, tmp_path)
    grey = read_small_grey(path, shortest=shortest)
    whole = cv2.cvtColor(read_picture(path).pixels, cv2.COLOR_RGB2GRAY)
    smaller = cv2.resize(whole, size[::-1], interpolation=cv2.INTER_AREA)
    assert (grey.shape, grey.dtype) == (size, np.uint8)
    assert np.abs(grey.astype(int) - smaller).mean() < JPEG_SCALING_NOISE


def test_a_grey_picture_is_upright(shared, tmp_path):
    path = photograph(shared, tmp_path, 6)
    assert read_small_grey(path, shortest=144).shape == (192, 144)


@pytest.mark.parametrize("kind", ["png", "bmp", "webp"])
def test_a_grey_picture_of_another_kind_has_its_own_size(tmp_path, kind):
    Image.new("RGB", (60, 40), (255, 0, 0)).save(tmp_path / f"a.{kind}", lossless=True)
    grey = read_small_grey(tmp_path / f"a.{kind}", shortest=1)
    assert (grey.shape, grey[0, 0]) == ((40, 60), 76)


def test_a_cut_picture_is_refused_also_where_it_is_read_small(shared, tmp_path):
    data = photograph(shared, tmp_path).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:2000])
    with pytest.raises(PictureError, match="that does not decode"):
        read_small_grey(tmp_path / "cut.jpg", shortest=72)
