"""COCO results: Darknet's own file, entry by entry, and that any run gives one list of JSON."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from results import FAILED, found, left_in, picture, write_all
from yolov2.detect.coco_results import CocoResults, coco_line
from yolov2.detect.detector import Detector

IDS = {"dog": 10, "person": 11, "horses": 12, "eagle": 13, "giraffe": 14}  # MANIFEST.md
SCORE_NOISE = 1e-4  # MANIFEST.md: b_detect
BOX_NOISE = 1e-4  # MANIFEST.md: b_detect, of the picture's size
CONF = 0.005


@pytest.mark.golden
def test_the_file_of_a_real_network_is_darknets(golden: Path, models: Path, tmp_path: Path):
    with Detector.open(models / "yolo-lite" / "coco-trial6.cfg", conf=CONF, faithful=True) as detector:
        for name, number in IDS.items():
            (tmp_path / f"{name}_{number}.png").symlink_to(golden / "pictures" / f"{name}.png")
        ours = tmp_path / "coco_results.json"
        write_all(CocoResults(ours), (detector(tmp_path / f"{name}_{number}.png") for name, number in IDS.items()))
    rest = json.loads(ours.read_text())
    theirs = json.loads((golden / "b_detect" / "valid_coco.json").read_text())
    assert len(theirs) > 300
    for entry in theirs:
        twin = next((other for other in rest if is_near(other, entry)), None)
        assert twin is not None or entry["score"] < CONF + SCORE_NOISE, entry
        if twin is not None:
            rest.remove(twin)
    assert [entry for entry in rest if entry["score"] > CONF + SCORE_NOISE] == []


def is_near(one, other) -> bool:
    same = all(one[key] == other[key] for key in ("image_id", "category_id"))
    gaps = np.abs(np.subtract(one["bbox"], other["bbox"]))
    return same and abs(one["score"] - other["score"]) <= SCORE_NOISE and gaps.max() <= 2 * BOX_NOISE * 773


def test_a_line_is_spelled_as_darknets():
    entry = {"image_id": 10, "category_id": 1, "bbox": [716.055786, 293.400085, 51.944214, 183.14386], "score": 0.01368}
    assert coco_line(entry) == (
        '{"image_id":10, "category_id":1, "bbox":[716.055786, 293.400085, 51.944214, 183.143860], "score":0.013680}'
    )


@pytest.mark.parametrize("counts", [(), (0,), (0, 2, 0, 1), (1, 1)])
def test_any_run_is_one_list(tmp_path, counts):
    results = [found(*[(0, 0.5, (1, 2, 3, 4))] * count) for count in counts]
    write_all(CocoResults(tmp_path / "r.json"), [FAILED, *results])
    assert len(json.loads((tmp_path / "r.json").read_text())) == sum(counts)


def test_a_name_without_a_number_is_an_id_of_text(tmp_path):
    write_all(CocoResults(tmp_path / "r.json"), [picture('caf\udce9 "x".jpg')])
    assert json.loads((tmp_path / "r.json").read_text())[0]["image_id"] == 'caf\udce9 "x"'


def test_the_file_appears_at_the_end_or_not_at_all(tmp_path):
    kept, dropped = CocoResults(tmp_path / "kept.json"), CocoResults(tmp_path / "dropped.json")
    for writer in (kept, dropped):
        writer.write(picture())
    assert [name for name in left_in(tmp_path) if not name.startswith(".")] == []
    kept.close()
    dropped.abort()
    assert left_in(tmp_path) == ["kept.json"]


def test_entries_come_in_the_order_of_the_results(tmp_path):
    write_all(CocoResults(tmp_path / "r.json"), [picture(f"{number}.jpg") for number in range(20)])
    ids = [entry["image_id"] for entry in json.loads((tmp_path / "r.json").read_text())]
    assert len(ids) == 20
    assert all(one + 1 == two for one, two in pairwise(ids))
