"""What begins as a picture and what is a list of names; limits of both."""

import io

import cv2
import numpy as np
import pytest

from yolov2.detect import lists
from yolov2.detect.lists import is_picture, read_stdin
from yolov2.errors import PictureError


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm", ".pgm", ".pbm"])
def test_what_is_a_picture_begins_as_one(ending):
    shape = (30, 20, 3) if ending == ".ppm" else (30, 20)
    is_written, data = cv2.imencode(ending, np.full(shape, 77, np.uint8))
    assert is_written
    assert is_picture(data.tobytes()[:16])


@pytest.mark.parametrize(
    "names", [b"BMW.jpg\nb.jpg\n", b"BMW1.jpg\0BMW2.jpg\0", b"P1.jpg\n", b"P6\nP7\n", b"P5 at home.jpg\n", b"II.jpg"]
)
def test_a_name_that_begins_as_a_picture_does_is_a_name(names):
    assert not is_picture(names[:16])


def test_more_than_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(lists, "LARGEST_LIST", 100)
    assert len(read_stdin(io.BytesIO(b"a" * 100))) == 100
    endless = io.BytesIO(b"a.jpg\n" * 1000)
    with pytest.raises(PictureError) as refusal:
        read_stdin(endless)
    assert str(refusal.value) == "-: found too much, expected at most 100 bytes; name files instead"
    assert endless.tell() == 116
