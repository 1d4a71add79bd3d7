"""What is inside the boxes as pictures: their pixels, their names, and the ones of an earlier run."""

from pathlib import Path

import numpy as np
import pytest

from results import FAILED, GREY, found, left_in, write_all
from yolov2.detect.crop_writer import Crops, crops
from yolov2.pictures.read import read_picture
from yolov2.records import Frame

STEMS = {"in/sub/a.jpg": Path("sub/a"), "b.png": Path("b"), "clip.mp4": Path("clip")}
NOISE = np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8)


def test_a_crop_is_what_lies_inside_the_box(tmp_path):
    frame = Frame(NOISE, source="b.png")
    write_all(Crops(tmp_path, STEMS), [found((0, 0.9, (10.4, 20.6, 30.2, 40.9)), frame=frame)])
    np.testing.assert_array_equal(read_picture(tmp_path / "cat" / "b-1.png").pixels, NOISE[21:41, 10:30])


def test_boxes_are_cut_at_the_edges_and_those_without_area_left_out():
    boxes = [(0, 0.9, (-5, -5, 9, 8)), (0, 0.8, (70, 1, 80, 9)), (0, 0.7, (3, 3, 3.4, 9)), (1, 0.6, (60, 40, 99, 99))]
    given = list(crops(found(*boxes, frame=Frame(NOISE))))
    assert [row for row, _ in given] == [0, 3]
    np.testing.assert_array_equal(given[0][1], NOISE[:8, :9])
    np.testing.assert_array_equal(given[1][1], NOISE[40:, 60:])


def test_crops_lie_in_a_folder_a_class_and_are_counted_by_picture(tmp_path):
    box = (1, 1, 9, 9)
    rows = [(1, 0.9, box), (0, 0.8, box), (1, 0.7, box)]
    results = [found(*rows, source="in/sub/a.jpg"), FAILED, found(rows[0], source="clip.mp4", index=12)]
    write_all(Crops(tmp_path, STEMS), results)
    assert left_in(tmp_path) == [
        ".written",
        "cat/sub/a-2.jpg",
        "dog/clip_000012-1.jpg",
        "dog/sub/a-1.jpg",
        "dog/sub/a-3.jpg",
    ]


def test_labels_are_made_safe_and_share_no_folder(tmp_path):
    rows = [(class_id, 0.5, (1, 1, 9, 9)) for class_id in range(4)]
    write_all(Crops(tmp_path, STEMS), [found(*rows, labels=("../up", "a/b", "a:b"), source="b.png")])
    assert left_in(tmp_path) == [".written", "3/b-4.png", "_up/b-1.png", "a_b-2/b-3.png", "a_b/b-2.png"]


@pytest.mark.parametrize("channels, seen", [(1, [0, 0, 0]), (5, [0, 1, 2])])
def test_a_picture_of_other_channels_is_cut_as_people_see_it(tmp_path, channels, seen):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, channels), np.uint8)
    frame = Frame(pixels, source="b.png")
    assert [cut.tolist() for _, cut in crops(found((0, 0.9, (0, 0, 9, 7)), frame=frame))] == [
        pixels[:7, :9, seen].tolist()
    ]


def test_crops_of_an_earlier_run_go_and_what_else_is_there_stays(tmp_path):
    box = (1, 1, 9, 9)
    write_all(
        Crops(tmp_path, STEMS), [found((0, 0.9, box), source="in/sub/a.jpg"), found((1, 0.9, box), source="b.png")]
    )
    assert left_in(tmp_path) == [".written", "cat/sub/a-1.jpg", "dog/b-1.png"]
    for name in ("dog/IMG-2024.jpg", "mine-1.jpg"):
        (tmp_path / name).touch()
    Crops(tmp_path, STEMS).close()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "dog",
        "dog/IMG-2024.jpg",
        "mine-1.jpg",
    ]


def test_an_aborted_run_has_whole_crops_only(tmp_path):
    writer = Crops(tmp_path, STEMS)
    for index in range(20):
        writer.write(found(*[(0, 0.9, (0, 0, 64, 48))] * 20, frame=Frame(NOISE, source="clip.mp4", index=index)))
    writer.abort()
    list_of_names, *names = left_in(tmp_path)
    assert list_of_names == ".written"
    assert [name for name in names if not name.endswith(".jpg")] == []
    for name in names:
        assert read_picture(tmp_path / name).size == (48, 64)
