"""`darknet detector map` and `recall`: whole lines, with numbers counted once more by loops."""

from pathlib import Path

import numpy as np
import pytest

from small_sets import write_picture
from voices import FakeVoice
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import Weights, write_weights
from yolov2.detect.detector import Detector
from yolov2.errors import LabelError
from yolov2.pictures.read import read_picture
from yolov2.region.decode import activate, read
from yolov2.standin.darknet import run
from yolov2.standin.line import LineError

MODEL = ("my.cfg", "my.weights")  # one box, the middle half: cat .8390, dog .4054


def judged(command: str, *more: str, model: tuple[str, str] = MODEL, **options) -> tuple[int, FakeVoice]:
    voice = FakeVoice()
    return run(("detector", command, "cfg/my.data", *model, *more), voice.voice, **options), voice


@pytest.fixture
def labelled(here: Path) -> Path:
    """A cat where the network sees one; a dog there, and one aside; a cat 3/4 as wide; nothing."""
    labels = {
        "a": "0 .5 .5 .5 .5\n",
        "b": "1 .5 .5 .5 .5\n1 .1 .1 .1 .1\n",
        "c": "0 .5 .5 .375 .5\n",
        "d": "",
    }
    Path("labels").mkdir()
    for seed, (stem, text) in enumerate(labels.items()):
        write_picture(Path("images", f"{stem}.png"), seed=seed)
        Path("labels", f"{stem}.txt").write_text(text)
    Path("list.txt").write_text("".join(f"images/{stem}.png\n" for stem in labels))
    return here


def test_the_lines_of_map(labelled):
    status, voice = judged("map")
    assert status == 0
    # cats at .839 in all four: hit, miss, hit, miss; dogs at .405: only that of b hits, one of two is found.
    # Equal scores as they come: cat precision 1, 1/2, 2/3, 1/2; recall 1/2, 1/2, 1, 1.
    cat = 1 / 2 + 1 / 2 * 2 / 3
    dog = 1 / 2 * 1 / 2
    assert voice.said == [
        "\n calculation mAP (mean average precision)...",
        "\n detections_count = 8, unique_truth_count = 4  ",
        f"class_id = 0, name = cat, ap = {100 * cat:.2f}%   \t (TP = 2, FP = 2) ",
        f"class_id = 1, name = dog, ap = {100 * dog:.2f}%   \t (TP = 1, FP = 3) ",
        "\n for conf_thresh = 0.25, precision = 0.38, recall = 0.75, F1-score = 0.50 ",
        f" for conf_thresh = 0.25, TP = 3, FP = 5, FN = 1, average IoU = {100 * 2.75 / 8:.2f} % ",
        "\n IoU threshold = 50 %, used Area-Under-Curve for each unique Recall ",
        f" mean average precision (mAP@0.50) = {(cat + dog) / 2:f}, or {100 * (cat + dog) / 2:.2f} % ",
    ]
    assert voice.told[-1].startswith("Total Detection Time: ")
    assert voice.noted == []


def test_the_flags_of_map_count(labelled):
    _, voice = judged("map", "-thresh", ".5", "-iou_thresh", ".8", "-points", "11", dialect="alexeyab")
    # The cat of c has IoU .75: a miss. Cats: 1 hit of 4, first, recall 1/2. Dogs: the second of four.
    cat, dog = 6 / 11, 6 / 11 * 1 / 2
    assert voice.said[2:] == [
        f"class_id = 0, name = cat, ap = {100 * cat:.2f}%   \t (TP = 1, FP = 3) ",
        f"class_id = 1, name = dog, ap = {100 * dog:.2f}%   \t (TP = 0, FP = 0) ",
        "\n for conf_thresh = 0.50, precision = 0.25, recall = 0.25, F1-score = 0.25 ",
        " for conf_thresh = 0.50, TP = 1, FP = 3, FN = 3, average IoU = 25.00 % ",
        "\n IoU threshold = 80 %, used 11 Recall-points ",
        f" mean average precision (mAP@0.80) = {(cat + dog) / 2:f}, or {100 * (cat + dog) / 2:.2f} % ",
    ]


def test_map_distorts_a_picture_unless_told_otherwise(labelled):
    """Letterboxed, the box of a picture of 60 x 40 is half as wide and 3/4 as high as it: IoU 2/3."""
    _, voice = judged("map", "-letter_box", "-iou_thresh", ".7")
    assert " TP = 0, FP = 8, FN = 4, " in voice.said[5]
    Path("my.cfg").write_text(Path("my.cfg").read_text().replace("[net]", "[net]\nletter_box=1"))
    assert judged("map", "-iou_thresh", ".7")[1].said == voice.said


@pytest.mark.parametrize("points", ["1", "-3"])
def test_points_that_are_none_are_refused(labelled, points):
    with pytest.raises(LineError) as refused:
        judged("map", "-points", points)
    assert str(refused.value) == (
        f"darknet detector map: found -points {points}, "
        "expected 0 for the area, or so many recalls, such as 11 or 101; correct it"
    )


def test_the_lines_of_recall_count_as_they_go(labelled):
    status, voice = judged("recall")
    assert status == 0
    assert voice.said == []
    assert voice.told[-4:] == [
        "    0     1     1\tRPs/Img: 1.00\tIOU: 100.00%\tRecall:100.00%",
        "    1     2     3\tRPs/Img: 1.00\tIOU: 66.67%\tRecall:66.67%",
        f"    2     3     4\tRPs/Img: 1.00\tIOU: {100 * 2.75 / 4:.2f}%\tRecall:75.00%",
        f"    3     3     4\tRPs/Img: 1.00\tIOU: {100 * 2.75 / 4:.2f}%\tRecall:75.00%",
    ]


def test_recall_counts_a_box_once(labelled, twins):
    """Two anchors with one box: the better one stays, and its two classes are no two boxes."""
    assert "RPs/Img: 1.00\t" in judged("recall", model=twins)[1].told[-1]


def test_recall_counts_a_box_whose_classes_are_unlikely(labelled):
    layer = {"biases": np.array([0, 0, 0, 0, 3, -9, -9], np.float32), "weights": np.zeros((7, 3, 1, 1), np.float32)}
    write_weights("my.weights", Weights((layer, {}), seen=640), read_cfg(Path("my.cfg")))
    assert judged("recall")[1].told[-1].startswith("    3     3     4\tRPs/Img: 1.00\t")


def test_recall_of_a_tree_needs_no_class(labelled, tree):
    Path("cfg/my.data").write_text("names=tree.names\nvalid=list.txt\n")
    assert judged("recall", model=tree)[1].told[-1].startswith("    3     3     4\tRPs/Img: 1.00\t")


def test_a_picture_that_fails_is_named_and_the_others_count(labelled):
    Path("images/b.png").write_bytes(Path("images/b.png").read_bytes()[:60])
    Path("list.txt").write_text(Path("list.txt").read_text() + "images/none.png\n")
    for command in ("map", "recall"):
        status, voice = judged(command)
        assert status == 1
        assert len(voice.failed) == 2
        assert "none.png" in voice.failed[0]
        assert "b.png" in voice.failed[1]
    assert [line[:6] for line in voice.told[-3:]] == ["    0 ", "    2 ", "    3 "]


def test_labels_lie_where_darknet_looks(labelled):
    """Its rule replaces the first `images` of a path, wherever it stands."""
    Path("images").rename("myimages")
    Path("labels").rename("mylabels")
    Path("list.txt").write_text(Path("list.txt").read_text().replace("images/", "myimages/"))
    assert "unique_truth_count = 4 " in judged("map")[1].said[1]


def test_difficult_pictures_of_a_data_file_are_noted(labelled):
    with Path("cfg/my.data").open("a") as file:
        file.write("difficult=hard.txt\n")
    assert judged("map")[1].noted == [
        "cfg/my.data:5: difficult= is passed over: put what should count neither way into difficult/labels"
    ]


def test_without_a_list_nothing_starts(labelled):
    Path("cfg/my.data").write_text("names=data/my.names\ntrain=list.txt\n")
    with pytest.raises(LabelError) as refused:
        judged("recall")
    assert str(refused.value) == "cfg: found the split valid, expected one of train; correct it"


@pytest.mark.golden
def test_recall_of_a_real_network_is_that_of_loops(shared, models, here):
    root, lite = shared / "data" / "coco128-darknet", models / "yolo-lite"
    pictures = [root / line for line in (root / "list.txt").read_text().split()[:6]]
    Path("list.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    Path("cfg/my.data").write_text(f"names={lite / 'coco.names'}\nvalid=list.txt\n")
    model = (str(lite / "coco-trial6.cfg"), str(lite / "coco-trial6.weights"))
    status, voice = judged("recall", model=model)
    assert status == 0
    correct, total, ious, boxes = 0, 0, 0.0, 0
    detector = Detector.open(lite / "coco-trial6.cfg", resize="stretch", faithful=True)
    for number, picture in enumerate(pictures):
        found = proposals(detector, picture)
        boxes += len(found)
        for line in (root / "labels" / f"{picture.stem}.txt").read_text().splitlines():
            best = max((overlap(box, [float(word) for word in line.split()[1:]]) for box in found), default=0)
            total, correct, ious = total + 1, correct + (best > 0.5), ious + best
        assert voice.told[number - len(pictures)] == (
            f"{number:5d} {correct:5d} {total:5d}\tRPs/Img: {boxes / (number + 1):.2f}"
            f"\tIOU: {100 * ious / total:.2f}%\tRecall:{100 * correct / total:.2f}%"
        )
    assert total == 16


@pytest.mark.golden
def test_map_of_a_real_network_is_that_of_loops(shared, models, here):
    root, lite = shared / "data" / "coco128-darknet", models / "yolo-lite"
    pictures = [root / line for line in (root / "list.txt").read_text().split()[:24]]
    Path("list.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    Path("cfg/my.data").write_text(f"names={lite / 'coco.names'}\nvalid=list.txt\n")
    _, voice = judged("map", model=(str(lite / "coco-trial6.cfg"), str(lite / "coco-trial6.weights")))
    detector = Detector.open(lite / "coco-trial6.cfg", resize="stretch", faithful=True, conf=0.005, max_det=None)
    found, truths = [], []
    for number, picture in enumerate(pictures):
        boxes = detector(picture)
        sides = np.tile(boxes.size[::-1], 2)
        rows = zip(boxes.scores.tolist(), boxes.class_ids.tolist(), (boxes.xyxy / sides).tolist(), strict=True)
        found += [(score, number, k, [(x + u) / 2, (y + v) / 2, u - x, v - y]) for score, k, (x, y, u, v) in rows]
        for line in (root / "labels" / f"{picture.stem}.txt").read_text().splitlines():
            truths.append((number, int(line.split()[0]), [float(word) for word in line.split()[1:]]))
    assert voice.said[1] == f"\n detections_count = {len(found)}, unique_truth_count = {len(truths)}  "
    averages, lines = [], []
    for k, name in enumerate((lite / "coco.names").read_text().splitlines()):
        average, hits, misses = by_loops([row for row in found if row[2] == k], [row for row in truths if row[1] == k])
        averages.append(average)
        lines.append(f"class_id = {k}, name = {name}, ap = {100 * average:.2f}%   \t (TP = {hits}, FP = {misses}) ")
    assert voice.said[2:82] == lines
    mean = sum(averages) / 80
    assert voice.said[-1] == f" mean average precision (mAP@0.50) = {mean:f}, or {100 * mean:.2f} % "
    assert mean > 0.05


def by_loops(found, truths):
    """Average precision of a class, and hits and misses above .25. Source: AlexeyAB's `validate_detector_map`."""
    taken, right, shown = set(), [], [0, 0]
    for score, number, _, box in sorted(found, key=lambda row: -row[0]):
        same = [(overlap(box, truth[2]), place) for place, truth in enumerate(truths) if truth[0] == number]
        most, place = max(same, default=(0, -1))
        right.append(most > 0.5 and place not in taken)
        if right[-1]:
            taken.add(place)
        if score > 0.25:
            shown[not right[-1]] += 1
    precision = [sum(right[: n + 1]) / (n + 1) for n in range(len(right))]
    return sum(max(precision[n:]) / len(truths) for n, hit in enumerate(right) if hit), *shown


def proposals(detector, picture):
    """Boxes above .001 that no better one covers by more than .4: relative centres and sizes, by loops."""
    raw = detector.raw([detector.prepare(read_picture(picture, exif=False))])
    prediction = read(activate(raw, detector.region), detector.region)
    objectness, boxes = prediction.objectness.reshape(-1), prediction.boxes.reshape(-1, 4).tolist()
    kept = []
    for row in np.argsort(-objectness, kind="stable").tolist():
        if objectness[row] > 0.001 and all(overlap(boxes[row], other) <= 0.4 for other in kept):
            kept.append(boxes[row])
    return kept


def overlap(one, other):
    sides = [
        max(0, min(a + w / 2, b + v / 2) - max(a - w / 2, b - v / 2))
        for a, w, b, v in zip(one[:2], one[2:], other[:2], other[2:], strict=True)
    ]
    shared = sides[0] * sides[1]
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
