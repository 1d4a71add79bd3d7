import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from yolov2.pictures.verify import READY, Verdict, verify


@pytest.fixture
def jpeg(tmp_path):
    """A JPEG of coarse noise, 64 x 48."""
    coarse = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(coarse).resize((64, 48)).save(path, quality=95)
    return path


def scratch(path):
    """Change some bytes in the middle of the pixels."""
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 200, 20):
        data[at] ^= 0x55
    path.write_bytes(data)


def ask(*paths):
    """What the program answers to one line of paths."""
    asked = json.dumps([str(path) for path in paths]) + "\n"
    command = [sys.executable, "-m", "yolov2.pictures.verify"]
    said = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60, check=True)
    ready, rows = said.stdout.splitlines()
    assert (ready, said.stderr) == (READY, "")
    return [Verdict(*row) for row in json.loads(rows)]


def test_a_whole_picture_has_its_size_and_no_complaint(jpeg):
    assert ask(jpeg) == [Verdict(48, 64, False, "", "")]


def test_damage_that_pillow_passes_over_is_told_of_the_picture_that_has_it(jpeg, tmp_path):
    whole = tmp_path / "whole.jpg"
    whole.write_bytes(jpeg.read_bytes())
    scratch(jpeg)
    Image.open(jpeg).load()  # does not raise
    verdicts = ask(whole, jpeg, whole)
    assert [one.complaint.startswith("Corrupt JPEG data: ") for one in verdicts] == [False, True, False]
    assert {(one.height, one.width, one.refusal) for one in verdicts} == {(48, 64, "")}


def test_a_picture_that_is_cut_short_is_refused(jpeg):
    jpeg.write_bytes(jpeg.read_bytes()[:-400])
    (verdict,) = ask(jpeg)
    assert (verdict.height, verdict.width, verdict.complaint) == (0, 0, "")
    assert verdict.refusal.startswith(f"{jpeg}: found a JPEG picture of ")


def test_a_picture_that_is_turned_has_its_upright_size(jpeg):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(jpeg).save(jpeg, exif=exif)
    assert verify(jpeg, io.BytesIO()) == Verdict(64, 48, True, "", "")


class Saying(io.BytesIO):
    """A file to which this was written while a picture was decoded."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return super().seek(0)


def test_what_is_said_of_a_jpeg_counts_and_what_a_png_library_says_does_not(jpeg, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 6)).save(path)
    assert verify(path, Saying(b"libpng warning: iCCP")) == Verdict(6, 8, False, "", "")
    assert verify(jpeg, Saying(b"Corrupt\nand more")) == Verdict(48, 64, False, "", "Corrupt")


def test_a_missing_picture_is_refused(tmp_path):
    verdict = verify(tmp_path / "no.jpg", io.BytesIO())
    assert verdict.refusal == f"{tmp_path}/no.jpg: found no such file, expected a picture file; check the name"
