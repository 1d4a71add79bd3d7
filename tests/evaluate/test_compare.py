"""Faults planted in B, one after the other and by code of its own, and the sentence that names each."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from yolov2.backends.base import open_backend
from yolov2.boxes import cxcywh_from_xyxy
from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.weights import Weights, initial_weights
from yolov2.detect.coco_results import CocoResults
from yolov2.detect.detector import Detector
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import Model
from yolov2.errors import FormatError, ModelError
from yolov2.evaluate.compare import compare
from yolov2.evaluate.comparison import Comparison
from yolov2.evaluate.evidence import read_evidence
from yolov2.network.layers import Convolutional, Reorg
from yolov2.network.spec import Network
from yolov2.pictures.letterbox import stretch
from yolov2.records import Detections

CFG = """[net]
width=64
height=64
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=24
size=3
pad=1
activation=leaky

[route]
layers=2

[reorg]
stride=2

[route]
layers=-1,4

[convolutional]
batch_normalize=1
filters=32
size=3
pad=1
activation=leaky

[convolutional]
filters=24
size=1
activation=linear

[region]
anchors=1,1.5, 2.5,2, 4,5
classes=3
num=3
softmax=1
"""
LABELS = ("cat", "dog", "bird")
SIZES = ((80, 120), (100, 70))  # height, width: letterboxed both ways
Changed = Callable[["Plan"], "Plan"]


def seeded(network: Network, seed: int = 5) -> Weights:
    """Weights whose batch norm divides by small variances, as those of trained networks: the epsilon tells."""
    rng = np.random.default_rng(seed)
    layers: list[dict[str, NDArray[np.float32]]] = []
    for layer, arrays in zip(network.layers, initial_weights(network).layers, strict=True):
        new = {name: np.array(array) for name, array in arrays.items()}
        if isinstance(layer, Convolutional):
            shape = new["weights"].shape
            fan_in = shape[1] * shape[2] * shape[3]
            spread = 0.01 if layer.batch_normalize else 3 / np.sqrt(fan_in)
            new["weights"] = rng.normal(0, spread, shape).astype(np.float32)
            new["biases"] = rng.normal(0, 0.3, shape[0]).astype(np.float32)
            if layer.batch_normalize:
                new["rolling_variance"] = (fan_in * spread**2 * rng.uniform(0.2, 0.5, shape[0])).astype(np.float32)
        layers.append(new)
    return Weights(tuple(layers))


@dataclass(frozen=True)
class Plan:
    """How B is made. What is not changed is as A does it."""

    model: Model
    image: Callable[[NDArray[np.uint8], Detector], NDArray[np.float32]] = lambda pixels, a: a.prepare(a.frame(pixels))
    settings: dict[str, Any] = field(default_factory=dict[str, Any])  # those of A, changed
    boxes: Callable[[Detections], NDArray[np.floating]] = lambda found: found.xyxy


@pytest.fixture(scope="module")
def model() -> Model:
    network = parse_cfg(CFG, Path("small.cfg"))
    return Model(network, seeded(network), LABELS, None, None, ModelFiles(Path("small.cfg"), None))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    """Soft coloured shapes, as photographs have them."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for number, (height, width) in enumerate(SIZES):
        coarse = rng.integers(0, 256, (7, 9, 3), np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def bgr(plan: Plan) -> Plan:
    return replace(plan, image=lambda pixels, a: a.prepare(a.frame(pixels))[::-1])


def stretched(plan: Plan) -> Plan:
    return replace(
        plan, image=lambda pixels, a: stretch(pixels, (64, 64)), settings=plan.settings | {"resize": "stretch"}
    )


def opencv_resized(plan: Plan) -> Plan:
    def image(pixels, a):
        return cv2.resize(pixels, (64, 64)).transpose(2, 0, 1) / np.float32(255)

    return replace(stretched(plan), image=image)


def to_255(plan: Plan) -> Plan:
    return replace(plan, image=lambda pixels, a: a.prepare(a.frame(pixels)) * 255)


def cpu_epsilon(plan: Plan) -> Plan:
    return replace(plan, model=replace(plan.model, network=replace(plan.model.network, arithmetic="cpu")))


def keras_epsilon(plan: Plan) -> Plan:
    def moved(layer):
        return {n: a + np.float32(99e-5) if n == "rolling_variance" else a for n, a in layer.items()}

    weights = plan.model.weights
    moved_weights = replace(weights, layers=tuple(moved(layer) for layer in weights.layers))
    return replace(plan, model=replace(plan.model, weights=moved_weights))


def plain_reorg(plan: Plan) -> Plan:
    network = plan.model.network
    layers = tuple(Reorg(stride=2, legacy=False) if isinstance(x, Reorg) else x for x in network.layers)
    return replace(plan, model=replace(plan.model, network=replace(network, layers=layers)))


def with_anchors(factor: float) -> Changed:
    def change(plan: Plan) -> Plan:
        network = plan.model.network
        region = network.region
        assert region is not None
        head = replace(region, anchors=tuple((w * factor, h * factor) for w, h in region.anchors))
        return replace(plan, model=replace(plan.model, network=replace(network, layers=(*network.layers[:-1], head))))

    return change


def with_settings(**settings: Any) -> Changed:
    return lambda plan: replace(plan, settings=plan.settings | settings)


def letterbox_kept(found: Detections) -> NDArray[np.floating]:
    """Fractions of the input times the sides of the picture."""
    height, width = found.size
    scale = min(64 / width, 64 / height)
    left, top = (64 - int(width * scale)) / 2, (64 - int(height * scale)) / 2
    xy = (found.xyxy.reshape(-1, 2, 2) * [int(width * scale) / width, int(height * scale) / height] + [left, top]) / 64
    return (xy * [width, height]).reshape(-1, 4)


def with_boxes(write: Callable[[Detections], NDArray[np.floating]]) -> Changed:
    return lambda plan: replace(plan, boxes=write)


FAULTS: dict[str, tuple[Changed, str]] = {
    "bgr": (bgr, "B feeds the channels as BGR where A feeds RGB"),
    "stretch": (stretched, "B resizes by stretch where A does by letterbox"),
    "opencv": (opencv_resized, "B resizes by stretch-opencv where A does by letterbox"),
    "scale": (to_255, "B's input runs from 0 to 255 where A's runs to 1"),
    "epsilon of the CPU": (cpu_epsilon, "another epsilon: sqrt(variance) + 1e-6"),
    "epsilon of Keras": (keras_epsilon, "another epsilon: sqrt(variance + 1e-3)"),
    "reorg": (plain_reorg, "B's reorg is a plain space-to-depth where A's is Darknet's"),
    "anchors times 32": (with_anchors(32), "B's anchors are 32 times A's"),
    "anchors by 32": (with_anchors(1 / 32), "B's anchors are 1/32 of A's"),
    "agnostic": (with_settings(nms="agnostic"), "B thins out boxes by NMS 'agnostic' where A does by 'class'"),
    "no NMS": (with_settings(nms="none"), "B thins out boxes by NMS 'none' where A does by 'class'"),
    "overlap": (with_settings(iou=0.3), "B's NMS allows an overlap of 0.3 where A's allows 0.45"),
    "threshold": (with_settings(conf=0.3), "B's threshold is about 0.3"),
    "letterbox kept": (with_boxes(letterbox_kept), "pixels of the picture with the letterbox not undone"),
    "cxcywh": (with_boxes(lambda found: cxcywh_from_xyxy(found.xyxy)), "B's boxes are cxcywh and were read as xyxy"),
    "fractions": (with_boxes(lambda f: f.xyxy / (f.size[::-1] * 2)), "B's boxes are fractions of the picture"),
}
IN_THE_INPUT = ("bgr", "stretch", "opencv", "scale")
IN_THE_NETWORK = ("epsilon of the CPU", "epsilon of Keras", "reorg")


def arrays_of(plan: Plan, model: Model, picture: Path) -> tuple[dict[str, Any], Detections]:
    """Everything that B computes of a picture, by the keys of its .npz."""
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    theirs = plan.model
    with Detector(theirs.network, theirs.weights, names=LABELS, **plan.settings) as b:
        with Detector(model.network, model.weights, names=LABELS) as a:
            image = np.ascontiguousarray(plan.image(pixels, a))
        raw = b.raw(image[None])
        with np.errstate(all="ignore"):
            found = b.decode(raw, sizes=[pixels.shape[:2]])[0]
    arrays = {f"L{index:02d}": layer_output(theirs, index, image) for index in range(theirs.network.raw_index)}
    boxes = {"boxes": plan.boxes(found), "scores": found.scores, "class_ids": found.class_ids}
    return arrays | boxes | {"input": image, "raw": raw}, found


def layer_output(model: Model, index: int, image: NDArray[np.float32]) -> NDArray[np.float32]:
    network, weights = model.network, model.weights
    first = replace(network, layers=network.layers[: index + 1])
    backend = open_backend("onnxruntime", first, replace(weights, layers=weights.layers[: index + 1]))
    return backend(image[None])


def judged(tmp_path: Path, model: Model, pictures: list[Path], *changes: Changed, keys: Any = None) -> Comparison:
    """A compared with B, of which `keys` of the arrays are shown, or with None its detections as JSON Lines."""
    plan = Plan(model)
    for change in changes:
        plan = change(plan)
    lines: list[str] = []
    for picture in pictures:
        arrays, found = arrays_of(plan, model, picture)
        if keys is not None:
            np.savez(tmp_path / f"{picture.stem}.npz", **{key: array for key, array in arrays.items() if keys(key)})
        rows = [
            dict(row) | {"box": box}
            for row, box in zip(found.rows(), np.asarray(arrays["boxes"]).tolist(), strict=True)
        ]
        lines.append(json.dumps(found.to_dict() | {"source": f"elsewhere/{picture.name}", "detections": rows}))
    if keys is not None:
        return compare(model, tmp_path, pictures)
    path = tmp_path / "detections.jsonl"
    path.write_text("\n".join(lines))
    return compare(model, path, pictures)


def everything(key: str) -> bool:
    return True


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_from_detections_alone(name, tmp_path, model, pictures):
    change, words = FAULTS[name]
    comparison = judged(tmp_path, model, pictures, change)
    assert words in comparison.sentence
    assert comparison.sentence.startswith("The boxes differ because ")
    assert [stage.name for stage in comparison.stages] == ["boxes"]
    assert not comparison.agree


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_from_arrays_at_its_stage(name, tmp_path, model, pictures):
    change, words = FAULTS[name]
    comparison = judged(tmp_path, model, pictures, change, keys=everything)
    assert words in comparison.sentence
    at = "input" if name in IN_THE_INPUT else "network" if name in IN_THE_NETWORK else "boxes"
    assert [stage.name for stage in comparison.stages if not stage.is_same] == [at]
    assert words in next(stage.reasons[0] for stage in comparison.stages if not stage.is_same)


def test_b_that_does_the_same_agrees(tmp_path, model, pictures):
    for keys in (None, everything):
        comparison = judged(tmp_path, model, pictures, keys=keys)
        assert comparison.agree
        assert comparison.sentence.startswith("The boxes agree within tolerance: ")


def test_two_faults_are_both_named_from_detections_alone(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, bgr, with_anchors(32))
    assert comparison.sentence == (
        "The boxes differ because B feeds the channels as BGR where A feeds RGB, and B's anchors are 32 times A's."
    )


def test_three_faults_are_named_from_arrays_each_at_its_stage(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, bgr, plain_reorg, with_settings(iou=0.3), keys=everything)
    assert [(stage.name, stage.given, stage.reasons) for stage in comparison.stages] == [
        ("input", "", (FAULTS["bgr"][1],)),
        ("network", "B's input", (FAULTS["reorg"][1],)),
        ("boxes", "B's raw heads", (FAULTS["overlap"][1],)),
    ]


def test_three_faults_in_detections_alone_leave_a_rest_that_is_told(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, bgr, keras_epsilon, with_settings(nms="agnostic"))
    assert comparison.sentence.startswith("The boxes differ mostly because B feeds the channels as BGR")
    assert "nothing that was tried explains: look at B's weights and precision" in comparison.sentence


def test_what_nothing_explains_is_said_to_be_unexplained(tmp_path, model, pictures):
    def other_weights(plan: Plan) -> Plan:
        return replace(plan, model=replace(plan.model, weights=seeded(plan.model.network, seed=6)))

    comparison = judged(tmp_path, model, pictures, other_weights)
    assert comparison.sentence.startswith("The boxes differ; nothing that was tried explains the boxes (")
    assert comparison.stages[0].reasons == ()


def test_reasons_that_fit_equally_well_are_all_told(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, with_settings(nms="none"))
    assert comparison.sentence.endswith(
        "NMS allows an overlap of 0.7 where A's allows 0.45 (these pictures can't tell)."
    )


def test_the_first_layer_that_differs_is_named_with_its_section(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, plain_reorg, keys=everything)
    assert "the first layer that differs is 6 [reorg], largest difference " in comparison.stages[1].difference


def test_layers_without_a_raw_head_are_enough(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, plain_reorg, keys=lambda key: key in ("L02", "L08"))
    assert comparison.sentence == f"The raw heads differ because {FAULTS['reorg'][1]}."


def test_arrays_without_boxes_are_enough(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, stretched, keys=lambda key: key == "raw")
    assert comparison.sentence == f"The raw heads differ because {FAULTS['stretch'][1]}."


def test_no_boxes_at_all_tell_no_reason(tmp_path, model, pictures):
    comparison = judged(tmp_path, model, pictures, with_settings(conf=1))
    assert "nothing that was tried explains the boxes (B has no boxes, 0 of 194 boxes matched)" in comparison.sentence


def test_numbers_written_with_few_digits_still_agree(tmp_path, model, pictures):
    with Detector(model.network, model.weights, names=LABELS) as a:
        records = [a(picture).to_dict() | {"source": picture.name} for picture in pictures]
    for record in records:
        for row in record["detections"]:
            row["box"], row["score"] = [int(value) for value in row["box"]], round(row["score"], 2)
    path = tmp_path / "rounded.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert compare(model, path, pictures).agree


@pytest.mark.parametrize("first_category", [0, 1])
def test_coco_results_are_read(first_category, tmp_path, model, pictures):
    rows: list[dict[str, Any]] = []
    with Detector(model.network, model.weights, names=LABELS) as a:
        for picture in pictures:
            for row in a(picture).rows():
                x1, y1, x2, y2 = row["box"]
                category = row["class_id"] + first_category
                box = [x1, y1, x2 - x1, y2 - y1]
                rows.append(
                    {"image_id": int(picture.stem), "category_id": category, "bbox": box, "score": row["score"]}
                )
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    assert compare(model, path, pictures).agree


def test_coco_results_of_ours_whose_boxes_end_with_the_picture_agree(tmp_path, model, pictures):
    writer, reach_beyond = CocoResults(tmp_path / "coco_results.json"), 0
    with Detector(model.network, model.weights, names=LABELS) as a:
        for picture in pictures:
            found = a(picture)
            reach_beyond += int((found.xyxy != found.clipped().xyxy).any(axis=1).sum())
            writer.write(found)
    writer.close()
    assert reach_beyond > 10
    comparison = compare(model, tmp_path / "coco_results.json", pictures)
    assert comparison.agree
    assert "with A's boxes cut at the picture's edges as B's are" in comparison.sentence


def test_other_boxes_do_not_agree_because_they_end_with_the_picture(tmp_path, model, pictures):
    cut = judged(tmp_path, model, pictures, with_boxes(lambda found: found.clipped().xyxy * np.float32(0.9)))
    assert not cut.agree


def test_categories_of_a_model_of_80_classes_are_those_of_coco(tmp_path, model):
    box = {"image_id": "0", "bbox": [1, 2, 3, 4], "score": 0.5}
    path = tmp_path / "results.json"
    path.write_text(json.dumps([box | {"category_id": category} for category in (1, 13, 90)]))
    evidence, form = read_evidence(path, [Path("0.png")], replace(model, names=("",) * 80))
    assert form == "xywh"
    assert evidence[0] is not None
    assert evidence[0].boxes is not None
    assert evidence[0].boxes.class_ids.tolist() == [0, 11, 79]


@pytest.mark.slow
def test_bgr_is_named_of_a_trained_network_from_boxes_in_whole_pixels(tmp_path, models, voc_pictures):
    folder, pictures = models / "yolov2-tiny-voc-352x288", voc_pictures[:2]
    with Detector.open(folder) as detector:
        records: list[dict[str, Any]] = []
        for picture in pictures:
            frame = detector.frame(picture)
            raw = detector.raw(np.ascontiguousarray(detector.prepare(frame)[::-1])[None])
            records.append(detector.decode(raw, frames=[frame])[0].to_dict())
    for record in records:
        for row in record["detections"]:
            row["box"], row["score"] = [round(value) for value in row["box"]], round(row["score"], 2)
    path = tmp_path / "rounded.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert FAULTS["bgr"][1] in compare(folder, path, pictures).sentence


def test_another_runtime_agrees(model, pictures):
    comparison = compare(model, "torch", pictures)
    assert comparison.agree
    assert [stage.name for stage in comparison.stages] == ["input", "network", "boxes"]


def test_changes_of_a_are_named(model, pictures):
    comparison = compare(model, "channels=BGR,arithmetic=cpu,nms=agnostic", pictures)
    assert [stage.reasons for stage in comparison.stages] == [
        (FAULTS["bgr"][1],),
        ("B's batch norm has another epsilon: sqrt(variance) + 1e-6 (Darknet on a CPU), where A has sqrt(variance + 1e-5) (Darknet on a GPU, PyTorch)",),
        (FAULTS["agnostic"][1],),
    ]  # fmt: skip


def test_a_model_with_other_weights_is_told_by_the_layer(model, pictures):
    layers = list(model.weights.layers)
    layers[4] = layers[4] | {"biases": layers[4]["biases"] + np.float32(0.5)}
    comparison = compare(model, replace(model, weights=Weights(tuple(layers))), pictures)
    assert comparison.sentence == "The boxes differ because layer 4 [convolutional] has other weights in B."
    assert "the first layer that differs is 4 [convolutional]" in comparison.stages[1].difference


def test_a_model_of_another_size_is_told(model, pictures):
    comparison = compare(model, replace(model, network=model.network.at_size(96, 96)), pictures)
    assert comparison.sentence.startswith("The boxes differ mostly because B is another network than A")


def test_a_difference_that_does_not_reach_the_boxes_is_told_all_the_same(model, pictures):
    comparison = compare(model, "resize=letterbox-opencv", pictures, conf=1)
    assert not comparison.agree
    assert comparison.sentence.startswith("The boxes agree on these pictures, but B resizes by letterbox-opencv")


def test_boxes_that_only_one_has_differ_under_thresholds_by_class_too(model, pictures):
    names = model.names or [str(number) for number in range(model.network.region.classes)]
    comparison = compare(model, "conf=0.99", pictures, conf={names[0]: 0.2})
    assert comparison.outcome.numbers["only_a"] > 0
    assert not comparison.agree


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this platform")
def test_a_fifo_in_place_of_detections_is_refused_unopened(tmp_path, model, pictures):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(FormatError, match=r"a\.jsonl: found a special file, expected detections as JSON Lines or COCO"):
        compare(model, tmp_path / "a.jsonl", pictures[:1])


REFUSED = {
    "no such.jsonl": (None, "no such.jsonl: found no such file, expected detections as JSON Lines or COCO results; check the path"),
    "a.jsonl": (b'{"source": "0.png"}', "a.jsonl:1: found no key 'detections', expected a line of `yolov2 detect --json`: source, detections with box, score, class_id or label; correct or write it anew"),
    "b.jsonl": (b"{", "b.jsonl:1: found no JSON at column 2, expected a line of `yolov2 detect --json`: source, detections with box, score, class_id or label; correct or write it anew"),
    "c.jsonl": (b'{"source": "other.png", "detections": []}', "c.jsonl: found nothing of these pictures, expected results by name; give the pictures that B has seen"),
    "d.json": (b'[{"image_id": 0}]', "d.json: found no key 'bbox', expected COCO results: a list of image_id, category_id, bbox [x, y, width, height], score; correct or write it anew"),
    "e.npz": (b"PK", "e.npz: found another kind of file, or a part of one, expected a NumPy .npz with input, L00, L01, ..., raw, or boxes with scores and class_ids; correct or write it anew"),
    "f.json": (b'{"source": "0.png", "detections": [{"box": [1, 2], "score": 1, "class_id": 0}]}', "f.json:1: found cannot reshape array of size 2 into shape (4), expected a line of `yolov2 detect --json`: source, detections with box, score, class_id or label; correct or write it anew"),
    "channels=GRB": (None, "B: found channels=GRB, expected one of RGB, BGR; correct it"),
    "iou=high": (None, "B: found iou=high, expected a number; correct it"),
    "colour=blue": (None, "B: found 'colour=blue', expected KEY=VALUE with one of backend, device, precision, resize, channels, scale, arithmetic, reorg, anchors, conf, nms, iou; or give a model or a file"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_b_cannot_be_is_refused_in_one_line(name, tmp_path, monkeypatch, model, pictures):
    monkeypatch.chdir(tmp_path)
    content, message = REFUSED[name]
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises((FormatError, ModelError)) as refusal:
        compare(model, name, pictures[:1])
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"input": np.zeros((64, 64, 3))}, "found input as float64 (64, 64, 3), expected numbers (3, 64, 64), as the model has it; save it so; for another input size give --size"),
        ({"raw": np.full((24, 8, 8), "x")}, "found raw as <U1 (24, 8, 8), expected numbers (24, 8, 8), as the model has it; save it so; for another input size give --size"),
        ({"boxes": np.zeros((3, 4))}, "found no key 'scores', expected boxes (N, 4) with scores (N,) and class_ids (N,); correct or write it anew"),
        ({"else": np.zeros(3)}, "found none of these arrays, expected input, L00, L01, ..., raw, or boxes with scores and class_ids; save the arrays under these names"),
        ({"raw": np.array([None])}, "found Object arrays cannot be loaded when allow_pickle=False, expected a NumPy .npz with input, L00, L01, ..., raw, or boxes with scores and class_ids; correct or write it anew"),
    ],
)  # fmt: skip
def test_arrays_that_are_none_of_the_model_are_refused_in_one_line(arrays, message, tmp_path, model, pictures):
    np.savez(tmp_path / "0.npz", **arrays)
    with pytest.raises(FormatError) as refusal:
        compare(model, tmp_path, pictures[:1])
    assert str(refusal.value) == f"{tmp_path / '0.npz'}: {message}"
