"""What was found, as files in one folder. Every file appears whole or not at all; each kind has a file of its own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from yolov2.converters import coco_image_id
from yolov2.detect.annotated import AnnotatedPictures, AnnotatedVideos
from yolov2.detect.coco_results import CocoResults
from yolov2.detect.crop_writer import Crops
from yolov2.detect.formats import FORMATS, parse_formats
from yolov2.detect.outputs import make_folder, refuse_existing, refuse_inputs, target_paths
from yolov2.detect.parquet_file import ParquetFile
from yolov2.detect.result_names import result_stems
from yolov2.detect.sources import RESULTS, Source
from yolov2.detect.text_writers import CSV_HEADING, TextFile, csv_rows, json_line
from yolov2.detect.voc_results import VocResults, voc_id
from yolov2.detect.written import Written
from yolov2.detect.yolo_labels import YoloLabels
from yolov2.errors import OutputError, Yolov2Warning, printable
from yolov2.records import Detections, Failure

Result = Detections | Failure

VOC_LIST = ".comp4_det_test.written"  # beside those files, which have no folder of their own
FRAME_ID = re.compile(r"(.+)_(?:\d{6}|[1-9]\d{6,})", re.DOTALL | re.ASCII)  # the id of a picture that a frame may have


class Writer(Protocol):
    """Takes results in order. `close` at the end keeps what was written, `abort` drops what is open."""

    def write(self, result: Result) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class Writers:
    """Several writers as one. As a context manager it closes them, or aborts them all if an error ends the block."""

    def __init__(self, *writers: Writer) -> None:
        self._writers = writers

    def write(self, result: Result) -> None:
        for writer in self._writers:
            writer.write(result)

    def close(self) -> None:
        """Give every file its name. If one can't have it, the rest is aborted. Raises OutputError."""
        for index, writer in enumerate(self._writers):
            try:
                writer.close()
            except BaseException:
                for other in self._writers[index:]:
                    other.abort()
                raise

    def abort(self) -> None:
        for writer in self._writers:
            writer.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def open_writers(
    folder: str | Path,
    sources: Sequence[Source],
    *,
    annotated: bool = True,
    formats: str | Iterable[str] = (),
    force: bool = False,
) -> Writers:
    """Writers into `folder` for what will be found in these sources.

    Always detections.jsonl; pictures and video with their boxes where `annotated`; and `formats`, such as
    "coco,yolo", of the names in `formats.FORMATS`. With `force` what an earlier run wrote of these formats goes.
    Raises OutputError if the folder can't be written into, if results are there already and `force` is not given, and
    in any case if a source itself would be overwritten; ValueError for a format that is none.
    """
    folder = Path(folder)
    wanted = parse_formats(formats if isinstance(formats, str) else ",".join(formats)) if formats else ()
    targets = target_paths(folder, sources) if annotated else {}
    refuse_inputs(targets.values(), sources)
    if "crops" in wanted:
        _refuse_inputs_below(folder / FORMATS["crops"], sources)
    if not force:
        refuse_existing([folder / RESULTS, *targets.values(), *_left_by_earlier_run(folder, wanted)])
    make_folder(folder)
    _warn_of_shared_ids(sources, wanted)
    return _opened(folder, sources, targets=targets, wanted=wanted)


def open_table(path: str | Path) -> Writers:
    """One file for any results, of the format that its ending says: .jsonl, .csv, .parquet, or .json for COCO results.

    A file of that name is replaced, once the new one is whole.
    Raises OutputError if it can't be written, or for another ending.
    """
    path = Path(path)
    kinds: dict[str, Callable[[Path], Writer]] = {
        ".jsonl": partial(TextFile, text_of=json_line),
        ".csv": partial(TextFile, text_of=csv_rows, heading=CSV_HEADING),
        ".parquet": ParquetFile,
        ".json": CocoResults,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        found = f"the ending {printable(path.suffix)!r}"
        repair = "choose one for the format: .json is COCO results"
        raise OutputError.at(printable(path), found=found, expected=f"one of {' '.join(kinds)}", repair=repair)
    return Writers(kind(path))


def _opened(folder: Path, sources: Sequence[Source], *, targets: dict[str, Path], wanted: Sequence[str]) -> Writers:
    """The writers of a run, detections.jsonl last: it says that the run went well. What is open is not left behind."""
    stems = result_stems(sources) if {"yolo", "crops"} & set(wanted) else {}
    places = {name: folder / FORMATS[name] for name in FORMATS}
    openers: dict[str, Callable[[], Writer]] = {
        "csv": lambda: TextFile(places["csv"], csv_rows, heading=CSV_HEADING),
        "coco": lambda: CocoResults(places["coco"]),
        "yolo": lambda: YoloLabels(places["yolo"], stems),
        "voc": lambda: VocResults(folder, written=Written(folder / VOC_LIST)),
        "parquet": lambda: ParquetFile(places["parquet"]),
        "crops": lambda: Crops(places["crops"], stems),
    }
    writers: list[Writer] = [AnnotatedPictures(targets), AnnotatedVideos(targets)] if targets else []
    try:
        for name in wanted:
            writers.append(openers[name]())
        writers.append(TextFile(folder / RESULTS, partial(json_line, targets=targets)))
    except BaseException:
        Writers(*writers).abort()
        raise
    return Writers(*writers)


def _left_by_earlier_run(folder: Path, wanted: Sequence[str]) -> list[Path]:
    """What these formats would write into or over, as far as it is there."""
    return [path for name in wanted for path in sorted(folder.glob(FORMATS[name]))]


def _refuse_inputs_below(folder: Path, sources: Sequence[Source]) -> None:
    """Raises OutputError where an input lies in a folder that is filled with pictures."""
    home = folder.resolve()
    refuse_inputs([source.path for source in sources if home in source.path.resolve().parents], sources)


def _warn_of_shared_ids(sources: Sequence[Source], wanted: Sequence[str]) -> None:
    """Tell of inputs that a format can't tell apart, since it keeps no more of a name than an id: of the first two."""
    id_of: dict[str, Callable[[str, int | None], int | str]] = {"coco": coco_image_id, "voc": voc_id}
    for name in wanted:
        if name in id_of and (said := _shared_id(sources, id_of[name], f"one id in {name} results")):
            warnings.warn(f"{said}; rename one to tell them apart", Yolov2Warning, stacklevel=3)


def _shared_id(sources: Sequence[Source], id_of: Callable[[str, int | None], int | str], one_id: str) -> str:
    """Which two inputs have one id, or "". That of a video is the id of its first frame, which no picture may have."""
    pictures: dict[int | str, str] = {}  # id -> name
    videos: dict[int | str, str] = {}
    for source in sources:
        if source.error:
            continue
        is_picture = source.kind == "picture"
        image_id = id_of(source.name, None if is_picture else 0)
        other = (pictures if is_picture else videos).setdefault(image_id, source.name)
        if other != source.name:
            return f"{printable(source.name)} and {printable(other)} have {one_id}, {image_id}"
    for image_id, picture in pictures.items() if videos else ():
        frame = FRAME_ID.fullmatch(image_id) if isinstance(image_id, str) else None
        video = videos.get(f"{frame[1]}_000000") if frame else None
        if video is not None:
            return f"{printable(picture)} and a frame of {printable(video)} may have {one_id}, {image_id}"
    return ""
