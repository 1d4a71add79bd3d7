"""All that a run writes into its folder: what appears, what is kept, and that nothing is left half-written."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from results import FAILED, found, left_in, picture, sources
from yolov2.detect.formats import FORMATS
from yolov2.detect.outputs import output_names, without_outputs
from yolov2.detect.sources import Source
from yolov2.detect.text_writers import TextFile
from yolov2.detect.writers import Writers, open_table, open_writers
from yolov2.errors import OutputError, Yolov2Warning
from yolov2.pictures.read import read_picture
from yolov2.records import Detections, Failure, Frame

TABLES = {"detections.jsonl", "detections.csv", "detections.parquet", "coco_results.json"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 64 kB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def write_all(writers: Writers, results: list[Detections]) -> None:
    with writers:
        for result in results:
            writers.write(result)


def noisy(source: str, *, boxes: int) -> Detections:
    """A picture of 200 x 200, 40 kB as a JPEG file, with so many boxes round half of it."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    return found(*[(0, 0.5, (10, 10, 150, 150))] * boxes, frame=Frame(pixels, source=source))


def test_a_full_file_system_keeps_whole_files_only(small_disk):
    names = [f"{number}.jpg" for number in range(4)]
    with pytest.raises(OutputError, match="found a full disk"):
        write_all(open_writers(small_disk / "out", sources(*names)), [noisy(f"in/{name}", boxes=1) for name in names])
    left = left_in(small_disk)
    assert len(left) == 1
    assert read_picture(small_disk / left[0]).size == (200, 200)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_file_system_leaves_no_part_of_any_format(small_disk, name):
    given = sources(*[f"{number}.jpg" for number in range(100)])
    writers = open_writers(small_disk / "out", given, annotated=False, formats=name)
    with pytest.raises(OutputError, match="found a full disk"):
        write_all(writers, [noisy(str(source.path), boxes=5000 if name == "parquet" else 50) for source in given])
    left = [Path(path).relative_to("out") for path in left_in(small_disk)]
    assert {path.parts[0] for path in left} <= {"labels", "crops"}  # a file a picture: those before are there
    for path in (path for path in left if path.name != ".written"):
        whole = small_disk / "out" / path
        assert path.suffix in (".txt", ".jpg")
        assert whole.read_text().count("\n") == 50 if path.suffix == ".txt" else read_picture(whole).size == (140, 140)


def test_all_writers_together(tmp_path):
    given = sources("a.jpg", "sub/b.png", "bad.jpg")
    with open_writers(tmp_path, given, formats=FORMATS) as writers:
        for source in given[:2]:
            writers.write(found((1, 0.5, (1, 2, 30, 40)), source=str(source.path)))
        writers.write(FAILED)
    crops = ["crops/.written", "crops/dog/a-1.jpg", "crops/dog/sub/b-1.png"]
    labels = ["labels/.written", "labels/a.txt", "labels/sub/b.txt"]
    voc = [".comp4_det_test.written", "comp4_det_test_cat.txt", "comp4_det_test_dog.txt"]
    assert left_in(tmp_path) == sorted(["a.jpg", *crops, *labels, "sub/b.png", *voc, *TABLES])
    counts = {name: len((tmp_path / name).read_text().splitlines()) for name in ("detections.jsonl", "detections.csv")}
    assert counts == {"detections.jsonl": 3, "detections.csv": 3}
    assert len(json.loads((tmp_path / "coco_results.json").read_text())) == 2
    assert pq.read_table(tmp_path / "detections.parquet").num_rows == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_can_write_one_format_alone(tmp_path, name):
    with open_writers(tmp_path, sources("a.jpg"), annotated=False, formats=[name]) as writers:
        writers.write(found((1, 0.5, (1, 2, 30, 40)), source="in/a.jpg"))
    expected = {"yolo": ["labels/.written", "labels/a.txt"], "crops": ["crops/.written", "crops/dog/a-1.jpg"]}
    expected["voc"] = [".comp4_det_test.written", "comp4_det_test_cat.txt", "comp4_det_test_dog.txt"]
    assert left_in(tmp_path) == sorted(["detections.jsonl", *expected.get(name, [FORMATS[name]])])


def test_a_format_that_is_none_is_the_callers_mistake(tmp_path):
    with pytest.raises(ValueError, match="^found 'cocoa', expected one or more of csv, coco, .* did you mean 'coco'?"):
        open_writers(tmp_path / "out", sources("a.jpg"), formats="cocoa")
    assert left_in(tmp_path) == []


def test_an_error_in_mid_run_leaves_no_table_and_no_draft(tmp_path):
    writers = open_writers(tmp_path, sources("a.jpg", "b.jpg"), formats=FORMATS)
    with pytest.raises(KeyError, match="unknown"):
        write_all(writers, [picture("in/a.jpg"), picture("unknown.jpg")])
    assert set(left_in(tmp_path)) <= {"a.jpg", "labels/.written", "labels/a.txt", "crops/.written", "crops/3/a-1.jpg"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_one_writer_that_can_not_close_aborts_the_rest():
    ended: list[str] = []

    class Ending:
        def __init__(self, name: str, *, fails: bool = False) -> None:
            self.name, self.fails = name, fails

        def write(self, result: Detections | Failure) -> None: ...

        def close(self) -> None:
            if self.fails:
                raise OutputError("full")
            ended.append(f"{self.name} closed")

        def abort(self) -> None:
            ended.append(f"{self.name} aborted")

    with pytest.raises(OutputError, match="^full$"):
        Writers(Ending("one"), Ending("two", fails=True), Ending("three")).close()
    assert ended == ["one closed", "two aborted", "three aborted"]


def test_a_table_that_can_not_be_opened_leaves_no_draft_of_the_other(tmp_path, monkeypatch):
    opened = TextFile.__init__

    def refuse_csv(self, path, *how, **more):
        if path.suffix == ".csv":
            raise OutputError(f"{path.name}: found a full disk")
        opened(self, path, *how, **more)

    monkeypatch.setattr(TextFile, "__init__", refuse_csv)
    with pytest.raises(OutputError) as refusal:  # held, and with it what was open: nothing is tidied up by chance
        open_writers(tmp_path, sources("a.jpg"), formats="voc,csv")
    assert list(tmp_path.iterdir()) == []
    assert str(refusal.value) == "detections.csv: found a full disk"


def test_results_of_an_earlier_run_are_kept_without_force(tmp_path):
    with open_writers(tmp_path, sources("a.jpg"), annotated=False) as writers:
        writers.write(FAILED)
    said = (
        r"detections\.jsonl: found results of an earlier run, expected a new file; "
        r"choose another folder with -o, or overwrite them with --force$"
    )
    with pytest.raises(OutputError, match=said):
        open_writers(tmp_path, sources("a.jpg"))
    open_writers(tmp_path, sources("a.jpg"), annotated=False, force=True).close()
    assert (tmp_path / "detections.jsonl").read_text() == ""


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_an_earlier_run_is_kept_without_force(tmp_path, name):
    def run(class_id: int, *, force: bool) -> None:
        with open_writers(tmp_path, sources("a.jpg"), annotated=False, formats=name, force=force) as writers:
            writers.write(found((class_id, 0.5, (1, 2, 30, 40)), source="in/a.jpg"))
        (tmp_path / "detections.jsonl").unlink()

    run(0, force=False)
    before = {path: (tmp_path / path).read_bytes() for path in left_in(tmp_path)}
    with pytest.raises(OutputError, match="found results of an earlier run, expected a new file; choose another "):
        run(1, force=False)
    assert {path: (tmp_path / path).read_bytes() for path in left_in(tmp_path)} == before
    run(1, force=True)
    after = {path: (tmp_path / path).read_bytes() for path in left_in(tmp_path)}
    assert after != before
    assert len(after) == len(before)  # no crop of the earlier run among them


def test_with_force_nothing_of_an_earlier_run_stays(tmp_path):
    def run(name: str, labels: tuple[str, ...]) -> list[str]:
        given = sources(f"{name}.jpg")
        with open_writers(tmp_path, given, annotated=False, formats="yolo,voc,crops", force=True) as writers:
            writers.write(found((0, 0.5, (1, 2, 30, 40)), labels=labels, source=f"in/{name}.jpg"))
        return [path for path in left_in(tmp_path) if not path.endswith(".written")]

    run("a", ("cat", "dog"))
    for mine in ("labels/classes.txt", "crops/IMG-2024.jpg", "comp4_det_test_mine.txt"):
        (tmp_path / mine).touch()
    assert run("b", ("cow",)) == [
        "comp4_det_test_cow.txt", "comp4_det_test_mine.txt", "crops/IMG-2024.jpg", "crops/cow/b-1.jpg",
        "detections.jsonl", "labels/b.txt", "labels/classes.txt",
    ]  # fmt: skip


def test_crops_are_not_cleared_while_they_are_read(tmp_path):
    photo = tmp_path / "crops" / "dog" / "a-1.jpg"
    photo.parent.mkdir(parents=True)
    photo.touch()
    with pytest.raises(OutputError, match=r"a-1\.jpg: found an input of this run, expected a new file; "):
        open_writers(tmp_path, [Source(photo, "picture", Path("b.jpg"))], formats="crops", force=True)
    assert photo.exists()


@pytest.mark.parametrize("name, image_id", [("coco", "7"), ("voc", "a")])
def test_pictures_of_one_id_are_told_of(tmp_path, name, image_id):
    given = {"coco": ("a_7.jpg", "b_007.jpg"), "voc": ("a.1.jpg", "a.2.jpg")}[name]
    message = (
        f"^in/{given[1]} and in/{given[0]} have one id in {name} results, {image_id}; rename one to tell them apart$"
    )
    with pytest.warns(Yolov2Warning, match=message):
        open_writers(tmp_path, sources(*given), formats=name).abort()


@pytest.mark.parametrize("name, image_id", [("coco", "clip_000000"), ("voc", "clip_000000")])
def test_videos_whose_frames_have_one_id_are_told_of(tmp_path, name, image_id):
    given = [*sources("clip.mp4", kind="video"), *sources("clip.avi", kind="video")]
    message = f"^in/clip.avi and in/clip.mp4 have one id in {name} results, {image_id}; rename one to tell them apart$"
    with pytest.warns(Yolov2Warning, match=message):
        open_writers(tmp_path, given, formats=name, annotated=False).abort()


def test_a_picture_that_is_called_as_a_frame_is_told_of(tmp_path):
    given = [*sources("clip_000012.jpg", "clip_12.jpg"), *sources("clip.mp4", kind="video")]
    message = (
        "^in/clip_000012.jpg and a frame of in/clip.mp4 may have one id in voc results, clip_000012; "
        "rename one to tell them apart$"
    )
    with pytest.warns(Yolov2Warning, match=message):
        open_writers(tmp_path, given, formats="voc", annotated=False).abort()


@pytest.mark.parametrize(
    "picture_name", ["clip.jpg", "clip_12.jpg", "clip_0000012.jpg", "film_000012.jpg", "clip_000012_1.jpg"]
)
def test_a_picture_of_its_own_beside_a_video_is_not_told_of(tmp_path, picture_name):
    given = [*sources(picture_name), *sources("clip.mp4", kind="video")]
    open_writers(tmp_path, given, formats="voc,coco", annotated=False).abort()  # a warning would be an error


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet", ".json"])
def test_a_table_alone_has_the_format_of_its_ending(tmp_path, ending):
    path = tmp_path / f"found{ending}"
    with open_table(path) as table:
        table.write(picture())
    assert left_in(tmp_path) == [path.name]
    if ending == ".parquet":
        assert pq.read_table(path)["label"].to_pylist() == ["3"]
    else:
        start = {".jsonl": '{"source": "a.jpg", ', ".csv": "source,frame,label,", ".json": '[\n{"image_id":"a", '}
        assert path.read_text().startswith(start[ending])


def test_a_table_of_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(OutputError) as refusal:
        open_table(tmp_path / "found.xlsx")
    assert str(refusal.value) == (
        f"{tmp_path}/found.xlsx: found the ending '.xlsx', expected one of .jsonl .csv .parquet .json; "
        "choose one for the format: .json is COCO results"
    )


@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_overwritten(tmp_path, force):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(OutputError, match=r"a\.jpg: found an input of this run, expected a new file; choose another "):
        open_writers(link, [Source(photo, "picture", Path("a.jpg"))], force=force)
    assert left_in(tmp_path) == ["a.jpg"]


def test_no_two_inputs_share_an_output():
    given = [*sources("a.jpg", "A.JPEG", "a.png", "a.bmp"), Source(Path("other/a.jpg"), "picture", Path("a.jpg"))]
    given += [*sources("a.avi", "sub/a.jpg", kind="video")[:1], *sources("sub/a.jpg"), given[0]]
    assert output_names(given) == {
        "in/a.jpg": Path("a.jpg"),
        "in/A.JPEG": Path("A-2.jpg"),
        "in/a.png": Path("a.png"),
        "in/a.bmp": Path("a-3.jpg"),
        "other/a.jpg": Path("a-4.jpg"),
        "in/a.avi": Path("a.mp4"),
        "in/sub/a.jpg": Path("sub/a.jpg"),
    }


def test_what_an_earlier_run_left_below_the_inputs_is_no_input():
    given = [*sources("a.jpg", "out/a.jpg", "outer/a.jpg"), Source(Path("in/out/a.jpg"), "picture", Path("a.jpg"))]
    assert without_outputs(given, Path("in/out")) == [given[0], given[2], given[3]]  # the last was named itself
