from pathlib import Path

import numpy as np
import pytest

from small_sets import write_darknet, write_picture
from yolov2.data.dataset import open_data
from yolov2.data.show import chosen, show
from yolov2.errors import LabelError, OutputError
from yolov2.pictures.read import picture_size

BOXES = {"a": "0 .5 .5 .5 .5\n", "b": "1 .5 .5 .5 .5\n", "c": "", "d": "1 .5 .5 .2 .2\n0 .5 .5 .1 .1\n"}


@pytest.fixture
def data(tmp_path):
    return open_data(write_darknet(tmp_path / "data", BOXES), cache=None)


def test_pictures_of_the_class_alone_are_chosen(data):
    samples = data.split()
    assert chosen(samples, data.classes, number=None, of_class="dog").tolist() == [1, 3]
    assert chosen(samples, data.classes, number=None).tolist() == [0, 1, 2, 3]


def test_the_seed_decides_which_are_drawn(data):
    samples = data.split()
    drawn = [tuple(chosen(samples, data.classes, number=2, seed=seed).tolist()) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert all(len(one) == 2 and one[0] < one[1] for one in drawn)


@pytest.mark.parametrize(
    ("of_class", "message"),
    [
        ("dgo", "--class: found dgo, expected one of cat, dog; correct it"),
        ("cow", "--class: found no picture with cow, expected some; choose another class, or another split"),
    ],
)
def test_a_class_that_is_nowhere_is_refused(data, of_class, message):
    classes = (*data.classes, "cow") if of_class == "cow" else data.classes
    with pytest.raises(LabelError) as refusal:
        chosen(data.split(), classes, number=3, of_class=of_class)
    assert str(refusal.value) == message


def test_a_jpeg_of_the_same_name_and_size_is_written_for_each_picture(tmp_path, data):
    done = show(data.split(), data.classes, tmp_path / "out", sheet=True)
    assert [path.name for path in done.written] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "sheet.jpg"]
    assert picture_size(tmp_path / "out/a.jpg") == (40, 60)


def test_pictures_of_one_name_and_one_called_sheet_get_names_of_their_own(tmp_path):
    for name in ("x/1.png", "y/1.jpg", "y/sheet.png"):
        write_picture(tmp_path / "in" / name, seed=len(name))
    data = open_data(tmp_path / "in", cache=None)
    done = show(data.split(), data.classes, tmp_path / "out", sheet=True)
    assert [path.name for path in done.written] == ["1.jpg", "1-2.jpg", "sheet-2.jpg", "sheet.jpg"]


def test_a_picture_that_does_not_decode_is_named_and_passed_over(tmp_path, data):
    samples = data.split()
    Path(samples.pictures[1]).write_text("no picture")
    done = show(samples, data.classes, tmp_path / "out")
    assert [path.name for path in done.written] == ["a.jpg", "c.jpg", "d.jpg"]
    assert done.failed == (
        (
            f'{samples.pictures[1]}: found a file that starts with "no pictu", expected a JPEG, PNG, WebP, BMP, GIF, TIFF, '
            "PPM or AVIF picture; save it as one of these"
        ),
    )


def test_results_of_an_earlier_run_are_refused_unless_forced(tmp_path, data):
    show(data.split(), data.classes, tmp_path / "out")
    with pytest.raises(OutputError) as refusal:
        show(data.split(), data.classes, tmp_path / "out")
    assert str(refusal.value) == (
        f"{tmp_path}/out/a.jpg: found results of an earlier run, expected a new file; choose another folder with -o, "
        "or overwrite them with --force"
    )
    assert len(show(data.split(), data.classes, tmp_path / "out", force=True).written) == 4


def test_the_pictures_themselves_are_never_drawn_onto(data):
    with pytest.raises(OutputError, match="found a picture of the data set itself, expected a new file"):
        show(data.split(), data.classes, Path(data.split().pictures[0]).parent, force=True)


def test_of_no_picture_nothing_is_written(tmp_path, data):
    done = show(data.split().take(np.zeros(0, np.int64)), data.classes, tmp_path / "out")
    assert (done.written, done.failed, (tmp_path / "out").exists()) == ((), (), False)
