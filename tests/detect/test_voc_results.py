"""A text file a class: Darknet's own files, line by line, and that all of them appear or none."""

from pathlib import Path

import numpy as np
import pytest

from results import FAILED, found, left_in, write_all
from yolov2.detect import voc_results
from yolov2.detect.detector import Detector
from yolov2.detect.voc_results import VocResults, imagenet_line, voc_file_names, voc_id, voc_line
from yolov2.detect.written import Written
from yolov2.errors import OutputError

PICTURES = ("dog", "person", "horses", "eagle", "giraffe")
SCORE_NOISE = 1e-4  # MANIFEST.md: b_detect
BOX_NOISE = 1e-4  # MANIFEST.md: b_detect, of the picture's size
CONF = 0.005


@pytest.fixture(scope="module")
def of_darknet(golden: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of files that Darknet wrote for its five pictures, and ours."""
    ours = tmp_path_factory.mktemp("voc")
    with Detector.open(models / "yolo-lite" / "voc-trial3-nobatch.cfg", conf=CONF, faithful=True) as detector:
        pictures = [golden / "pictures" / f"{name}.png" for name in PICTURES]
        write_all(VocResults(ours), (detector(path) for path in pictures))
    return golden / "b_detect" / "valid_voc", ours


@pytest.mark.golden
def test_the_files_of_a_real_network_are_darknets(of_darknet):
    theirs, ours = of_darknet
    names = sorted(path.name for path in theirs.iterdir())
    assert len(names) == 20
    assert left_in(ours) == names
    for name in names:
        rest = [line.split() for line in (ours / name).read_text().splitlines()]
        for line in (theirs / name).read_text().splitlines():
            picture, score, *box = line.split()
            twin = next((row for row in rest if is_near(row, picture, float(score), [*map(float, box)])), None)
            assert twin is not None or float(score) < CONF + SCORE_NOISE, f"{name}: {line}"
            if twin is not None:
                rest.remove(twin)
        assert [row for row in rest if float(row[1]) > CONF + SCORE_NOISE] == []


def is_near(row: list[str], picture: str, score: float, box: list[float]) -> bool:
    gaps = np.abs(np.array(row[2:], float) - box)
    return row[0] == picture and abs(float(row[1]) - score) <= SCORE_NOISE and gaps.max() <= BOX_NOISE * 773


def test_pixels_count_from_one_and_stay_inside():
    assert voc_line("dog", 0.25, (-3, 10.5, 70, 47.5), (48, 64)) == (
        "dog 0.250000 1.000000 11.500000 64.000000 48.000000\n"
    )


def test_imagenets_lines_count_classes_from_one_and_pixels_from_zero():
    assert imagenet_line(7, 0, 0.25, (-3, 10.5, 70, 47.5), (48, 64)) == (
        "7 1 0.250000 0.000000 10.500000 64.000000 47.500000\n"
    )


@pytest.mark.parametrize(
    "source, expected", [("in/dog.jpg", "dog"), ("in.d/a.b.jpg", "a"), ("000012", "000012"), ("x/.hidden.jpg", "")]
)
def test_an_id_is_the_name_up_to_its_first_dot(source, expected):
    assert voc_id(source) == expected


def test_a_frame_of_a_video_has_its_number_behind_the_name():
    assert voc_id("in/clip.a.mp4", 12) == "clip_000012"


def test_labels_become_names_of_files_and_none_is_shared():
    names = voc_file_names(["dining table", "a/b", "a:b", "../up", "CAT", "cat", "", "犬" * 50], prefix="")
    assert names == [
        "dining table.txt", "a_b.txt", "a_b-2.txt", "_up.txt", "CAT.txt", "cat-2.txt", "_.txt", f"{'犬' * 33}.txt"
    ]  # fmt: skip


def test_every_class_has_a_file_and_a_failure_no_line(tmp_path):
    box = (1, 2, 3, 4)
    write_all(VocResults(tmp_path), [FAILED, found((1, 0.5, box)), found((1, 0.25, box), source="c.mp4", index=12)])
    assert left_in(tmp_path) == ["comp4_det_test_cat.txt", "comp4_det_test_dog.txt"]
    assert (tmp_path / "comp4_det_test_cat.txt").read_text() == ""
    assert (tmp_path / "comp4_det_test_dog.txt").read_text() == (
        "a 0.500000 2.000000 3.000000 4.000000 5.000000\nc_000012 0.250000 2.000000 3.000000 4.000000 5.000000\n"
    )


def test_of_more_than_a_thousand_classes_only_those_found_have_a_file(tmp_path):
    labels = tuple(f"class {number}" for number in range(1001))
    write_all(VocResults(tmp_path), [found((1000, 0.5, (1, 2, 3, 4)), labels=labels)])
    assert left_in(tmp_path) == ["comp4_det_test_class 1000.txt"]


def test_a_class_without_a_name_is_called_by_its_number(tmp_path):
    write_all(VocResults(tmp_path), [found((7, 0.5, (1, 2, 3, 4)), labels=())])
    assert left_in(tmp_path) == ["comp4_det_test_7.txt"]


def test_lines_that_do_not_fit_into_memory_wait_on_disk_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(voc_results, "HELD", 3)
    writer = VocResults(tmp_path)
    for number in range(10):
        writer.write(found((0, 0.5, (1, 2, 3, 4)), source=f"{number}.jpg"))
    assert sum(map(len, writer._lines.values())) < 3
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    writer.close()
    lines = (tmp_path / "comp4_det_test_cat.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [str(number) for number in range(10)]


def test_an_aborted_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(voc_results, "HELD", 1)
    writer = VocResults(tmp_path)
    writer.write(found((0, 0.5, (1, 2, 3, 4))))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_where_one_class_can_not_have_its_file_none_has(tmp_path):
    (tmp_path / "comp4_det_test_dog.txt").mkdir()
    with pytest.raises(OutputError, match=r"comp4_det_test_dog\.txt: found a folder, expected a file, or a new name; "):
        write_all(VocResults(tmp_path), [found((0, 0.5, (1, 2, 3, 4)))])
    assert [path.name for path in tmp_path.iterdir()] == ["comp4_det_test_dog.txt"]


def test_files_of_an_earlier_run_go_at_the_end_and_no_others(tmp_path):
    def run(*labels: str) -> VocResults:
        writer = VocResults(tmp_path, written=Written(tmp_path / ".written"))
        writer.write(found(labels=labels))
        return writer

    run("cat", "dog").close()
    (tmp_path / "comp4_det_test_mine.txt").touch()
    run("dog", "cow").abort()
    assert left_in(tmp_path) == [
        ".written", "comp4_det_test_cat.txt", "comp4_det_test_dog.txt", "comp4_det_test_mine.txt"
    ]  # fmt: skip
    run("dog", "cow").close()
    names = ["comp4_det_test_cow.txt", "comp4_det_test_dog.txt"]
    assert left_in(tmp_path) == [".written", *names, "comp4_det_test_mine.txt"]
    assert Written(tmp_path / ".written").names == names


def test_a_file_that_can_not_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(voc_results, "HELD", 1)
    writer = VocResults(tmp_path)
    (next(tmp_path.iterdir()) / "comp4_det_test_cat.txt").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"comp4_det_test_cat\.txt: found a full disk, expected room for the whole "):
        writer.write(found((0, 0.5, (1, 2, 3, 4))))
    assert list(tmp_path.iterdir()) == []
