"""Files of what was found: their text, their names, and that each appears whole or not at all."""

import csv
import json
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from fakes import one_box
from yolov2.detect.outputs import output_names, without_outputs
from yolov2.detect.sources import Source
from yolov2.detect.writers import (
    AnnotatedPictures,
    AnnotatedVideos,
    TextFile,
    Work,
    Writers,
    csv_rows,
    json_line,
    open_writers,
    write_annotated,
)
from yolov2.errors import OutputError, Yolov2Warning
from yolov2.pictures.read import read_picture
from yolov2.pictures.video import open_video
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections, Failure, Frame

GREY = np.full((48, 64, 3), 90, np.uint8)
FAILED = Failure("bad.jpg", "bad.jpg: found 0 bytes")


def picture(source: str = "a.jpg", index: int | None = None) -> Detections:
    return one_box(Frame(GREY, source=source, index=index), 3)


def sources(*names: str, kind: str = "picture") -> list[Source]:
    """Files `in/NAME` that a folder argument `in` found."""
    return [Source(Path("in", name), kind, Path(name)) for name in names]  # pyright: ignore[reportArgumentType]


def write_all(writers: Writers, results: list[Detections]) -> None:
    with writers:
        for result in results:
            writers.write(result)


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_picture_is_a_line_of_json():
    assert json.loads(json_line(picture())) == {
        "source": "a.jpg",
        "frame": None,
        "width": 64,
        "height": 48,
        "detections": [{"label": "3", "class_id": 3, "score": 0.5, "objectness": 0.75, "box": [0, 0, 1, 1]}],
        "output": None,
    }
    assert json_line(picture()).count("\n") == 1


def test_a_failure_is_a_line_of_json_with_its_error():
    assert json_line(FAILED) == '{"source": "bad.jpg", "error": "bad.jpg: found 0 bytes"}\n'


def test_csv_has_a_row_a_detection_and_none_for_a_failure():
    row = {"source": "a,b.jpg", "frame": "7", "label": "3", "class_id": "3", "score": "0.5", "objectness": "0.75"}
    text = "source,frame,label,class_id,score,objectness,x1,y1,x2,y2\n" + csv_rows(picture("a,b.jpg", index=7))
    assert list(csv.DictReader(text.splitlines())) == [row | {"x1": "0.0", "y1": "0.0", "x2": "1.0", "y2": "1.0"}]
    assert csv_rows(FAILED) == ""


def test_stray_bytes_of_a_file_name_come_out_as_they_were(tmp_path):
    writer = TextFile(tmp_path / "found.csv", csv_rows)
    writer.write(picture("caf\udce9.jpg"))
    writer.close()
    assert (tmp_path / "found.csv").read_bytes().startswith(b"caf\xe9.jpg,")


def test_a_text_file_has_its_name_only_when_closed(tmp_path):
    writer = TextFile(tmp_path / "found.jsonl", json_line)
    writer.write(FAILED)
    assert not (tmp_path / "found.jsonl").exists()
    writer.close()
    assert left_in(tmp_path) == ["found.jsonl"]
    assert (tmp_path / "found.jsonl").read_text() == json_line(FAILED)


def test_an_aborted_text_file_leaves_what_was_there(tmp_path):
    (tmp_path / "found.jsonl").write_text("earlier\n")
    writer = TextFile(tmp_path / "found.jsonl", json_line)
    writer.write(FAILED)
    writer.abort()
    assert left_in(tmp_path) == ["found.jsonl"]
    assert (tmp_path / "found.jsonl").read_text() == "earlier\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this platform")
def test_a_full_disk_is_one_line(tmp_path):
    full = tmp_path / "found.jsonl"
    full.symlink_to("/dev/full")
    writer = TextFile(full, lambda result: "x" * 100_000)
    said = (
        r"found\.jsonl: found a full disk, expected room for the whole file; free some space or choose another folder"
    )
    with pytest.raises(OutputError, match=said):
        writer.write(FAILED)
    writer.abort()  # after an error, nothing more happens


def test_a_full_file_system_keeps_whole_files_only(tmp_path):
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no right to mount a small file system here")
    try:
        noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)  # 40 kB as a JPEG file
        names = [f"{number}.jpg" for number in range(4)]
        writers = open_writers(tmp_path / "out", sources(*names))
        with pytest.raises(OutputError, match="found a full disk"):
            write_all(writers, [one_box(Frame(noise, source=f"in/{name}"), 0) for name in names])
        left = left_in(tmp_path)
        assert len(left) == 1
        assert read_picture(tmp_path / left[0]).size == (200, 200)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_pictures_are_drawn_into_files_of_their_kind(tmp_path):
    targets = {"a.jpg": tmp_path / "new" / "a.jpg", "b.png": tmp_path / "b.png"}
    writer = AnnotatedPictures(targets)
    for name in targets:
        writer.write(picture(name))
    writer.write(FAILED)
    writer.close()
    assert left_in(tmp_path) == ["b.png", "new/a.jpg"]
    assert (tmp_path / "new" / "a.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    drawn = read_picture(tmp_path / "b.png").pixels
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any(axis=-1).sum() > 20  # the label, at least
    assert (drawn[40:] == GREY[40:]).all()  # far from box and label


def test_a_picture_that_can_not_be_written_is_told_of_at_the_next_call(tmp_path):
    (tmp_path / "file").touch()
    writer = AnnotatedPictures({"a.jpg": tmp_path / "file" / "a.jpg"})
    writer.write(picture())
    with pytest.raises(OutputError, match=r"file: found a file of that name, expected a folder to write into; "):
        writer.close()


def test_a_picture_too_long_for_its_kind_of_file_does_not_end_the_run(tmp_path):
    wide = one_box(Frame(np.zeros((2, 65_536, 3), np.uint8), source="wide.bmp"), 3)
    message = (
        r"^wide\.bmp: not written with its boxes; picture: found 65,536 x 2 pixels, expected sides of at most 65,535"
    )
    with pytest.warns(Yolov2Warning, match=message):
        write_annotated(wide, tmp_path / "wide.jpg")
    assert left_in(tmp_path) == []


def test_a_video_named_twice_is_written_once(tmp_path):
    source = tmp_path / "one.mp4"
    with VideoWriter(source, 25, (48, 64)) as video:
        video.write(GREY)
    writer = AnnotatedVideos({str(source): tmp_path / "out.mp4"})
    for index in (0, 1, 0, 1):
        writer.write(picture(str(source), index=index))
    writer.close()
    with open_video(tmp_path / "out.mp4") as video:
        assert len(list(video)) == 2


def test_frames_that_wait_when_a_video_can_not_be_written_end_in_its_refusal(tmp_path):
    with VideoWriter(tmp_path / "one.mp4", 25, (48, 64)) as video:
        video.write(GREY)
    (tmp_path / "folder.mp4").mkdir()
    writer = AnnotatedVideos({str(tmp_path / "one.mp4"): tmp_path / "folder.mp4"})
    for index in range(4):
        writer.write(picture(str(tmp_path / "one.mp4"), index=index))
    with pytest.raises(OutputError, match=r"folder\.mp4: found a video that can't be written "):
        writer.close()
    writer.abort()
    assert left_in(tmp_path) == ["one.mp4"]


def test_every_video_has_a_file_of_its_own(tmp_path):
    targets: dict[str, Path] = {}
    for name, frames in (("one.mp4", 3), ("two.mp4", 5)):
        with VideoWriter(tmp_path / name, 12.5, (48, 64)) as video:
            for _ in range(frames):
                video.write(GREY)
        targets[str(tmp_path / name)] = tmp_path / "out" / name
    writer = AnnotatedVideos(targets)
    for source, frames in zip(targets, (3, 5), strict=True):
        for index in range(frames):
            writer.write(picture(source, index=index))
    writer.close()
    assert left_in(tmp_path / "out") == ["one.mp4", "two.mp4"]
    for path, frames in zip(targets.values(), (3, 5), strict=True):
        with open_video(path) as video:
            assert (video.fps, video.size, len(list(video))) == (12.5, (48, 64), frames)


def test_an_aborted_video_leaves_the_finished_one_alone(tmp_path):
    targets: dict[str, Path] = {}
    for name in ("one.mp4", "two.mp4"):
        with VideoWriter(tmp_path / name, 25, (48, 64)) as video:
            video.write(GREY)
        targets[str(tmp_path / name)] = tmp_path / "out" / name
    writer = AnnotatedVideos(targets)
    for source in targets:
        writer.write(picture(source, index=0))
    writer.abort()
    assert set(left_in(tmp_path / "out")) <= {"one.mp4"}  # whether its turn had come; never a part


def test_all_writers_together(tmp_path):
    given = sources("a.jpg", "sub/b.png", "bad.jpg")
    with open_writers(tmp_path, given, as_csv=True) as writers:
        for source in given[:2]:
            writers.write(picture(str(source.path)))
        writers.write(FAILED)
    assert left_in(tmp_path) == ["a.jpg", "detections.csv", "detections.jsonl", "sub/b.png"]
    assert len((tmp_path / "detections.jsonl").read_text().splitlines()) == 3
    assert len((tmp_path / "detections.csv").read_text().splitlines()) == 3


def test_an_error_in_mid_run_leaves_no_table_and_no_draft(tmp_path):
    writers = open_writers(tmp_path, sources("a.jpg", "b.jpg"), as_csv=True)
    with pytest.raises(KeyError, match="unknown"):
        write_all(writers, [picture("in/a.jpg"), picture("unknown.jpg")])
    assert set(left_in(tmp_path)) <= {"a.jpg"}


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
        open_writers(tmp_path, sources("a.jpg"), as_csv=True)
    assert left_in(tmp_path) == []
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


def test_work_waits_when_too_much_of_it_waits():
    gate, done = threading.Event(), list[int]()

    def job(number: int) -> None:
        gate.wait()
        done.append(number)

    work = Work(1, waiting=2)
    work.submit(job, 0)
    work.submit(job, 1)
    third = threading.Thread(target=work.submit, args=(job, 2))
    third.start()
    third.join(timeout=0.05)
    waits = third.is_alive()
    gate.set()
    third.join()
    work.finish()
    assert waits
    assert done == [0, 1, 2]
