"""A folder of pictures becomes cut-outs with classes: by the name of a file, or of the folder that it is in."""

import numpy as np
import pytest
from PIL import Image

from drawn_objects import CLASSES, disc, write_objects
from small_sets import write_picture
from yolov2.data.cutouts import background_pictures, read_cut_outs
from yolov2.errors import LabelError, PictureError


def save(path, rgba):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba).save(path)
    return path


def test_a_picture_is_of_the_class_that_it_is_called_by(tmp_path):
    found = read_cut_outs(write_objects(tmp_path))
    assert found.classes == CLASSES
    assert [one.class_id for one in found.objects] == [0, 1, 2]
    assert found.of_class == ((0,), (1,), (2,))
    assert found.objects[0].path == str(tmp_path / "ball.png")
    assert found.objects[0].flat.shape == (140, 140, 4)
    assert not found.objects[0].flat.flags.writeable
    assert found.notes == ()


def test_a_folder_holds_several_of_its_class(tmp_path):
    save(tmp_path / "cup" / "left.png", disc(30, (9, 9, 9)))
    save(tmp_path / "cup" / "more" / "right.png", disc(20, (9, 9, 9)))
    save(tmp_path / "cup.png", disc(10, (9, 9, 9)))
    save(tmp_path / "ball.png", disc(40, (9, 9, 9)))
    save(tmp_path / ".hidden" / "x.png", disc(40, (9, 9, 9)))
    (tmp_path / "notes.txt").write_text("no picture")
    found = read_cut_outs(tmp_path)
    assert found.classes == ("ball", "cup")
    assert found.of_class == ((0,), (1, 2, 3))
    assert sorted(len(one.flat) for one in found.objects[1:]) == [10, 20, 30]


def test_pictures_without_alpha_are_told_of_in_a_line_each(tmp_path):
    pixels = np.full((90, 120, 3), 230, np.uint8)
    pixels[20:70, 30:80] = (200, 30, 30)
    save(tmp_path / "box.png", pixels)
    write_picture(tmp_path / "scene.png")
    found = read_cut_outs(tmp_path)
    assert found.notes == (
        f"{tmp_path}/box.png: no alpha; cut out of its plain background",
        f"{tmp_path}/scene.png: no alpha and no plain background; the whole picture is taken as the object",
    )
    assert [one.cut for one in found.objects] == ["plain", "whole"]
    height, width = found.objects[0].flat.shape[:2]
    assert (abs(height - 50) <= 2, abs(width - 50) <= 2) == (True, True)
    assert found.objects[1].flat.shape == (40, 60, 4)


def test_large_cut_outs_are_made_smaller(tmp_path):
    save(tmp_path / "a.png", disc(400, (9, 9, 9)))
    assert read_cut_outs(tmp_path, longest=100).objects[0].flat.shape == (100, 100, 4)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(LabelError) as refusal:
        read_cut_outs(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}: found no picture, expected a picture or a few of each object, name.png or name/*.png; add one, named like its class"
    )


@pytest.mark.parametrize("read", [read_cut_outs, background_pictures])
def test_what_is_no_folder_is_refused(tmp_path, read):
    with pytest.raises(LabelError) as refusal:
        read(tmp_path / "no")
    assert str(refusal.value) == f"{tmp_path}/no: found no such folder, expected a folder of pictures; check the path"
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelError) as refusal:
        read(tmp_path / "file")
    assert str(refusal.value) == f"{tmp_path}/file: found a file, expected a folder of pictures; check the path"


def test_more_than_a_thousand_are_refused(tmp_path):
    for number in range(1001):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(LabelError) as refusal:
        read_cut_outs(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}: found 1,001 pictures, expected at most 1,000, a picture or a few of each object, name.png or name/*.png; keep the best; each is drawn again and again"
    )


def test_a_picture_that_shows_nothing_is_refused(tmp_path):
    save(tmp_path / "a.png", disc(20, (9, 9, 9), alpha=60))
    with pytest.raises(LabelError) as refusal:
        read_cut_outs(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}/a.png: found nothing that is opaque, expected an object; save it with the object opaque, or without alpha"
    )


def test_a_picture_that_can_not_be_read_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(PictureError) as refusal:
        read_cut_outs(tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path}/a.png: found 0 bytes, expected ")


def test_every_tenth_background_is_held_back(tmp_path):
    for number in range(25):
        (tmp_path / f"{number:02}.jpg").touch()
    train, held = background_pictures(tmp_path)
    assert held == (f"{tmp_path}/09.jpg", f"{tmp_path}/19.jpg")
    assert len(train) == 23
    assert not set(train) & set(held)


def test_a_folder_without_backgrounds_is_refused(tmp_path):
    with pytest.raises(LabelError) as refusal:
        background_pictures(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}: found no picture, expected pictures without the objects in them; add some, or leave --backgrounds out"
    )
