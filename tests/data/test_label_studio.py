import json

import numpy as np
import pytest

from small_sets import write_picture
from yolov2.data.dataset import open_data
from yolov2.errors import LabelError


def region(kind="rectanglelabels", labels=("cat",), **value):
    numbers = {"x": 10, "y": 25, "width": 50, "height": 50, "rotation": 0} if kind == "rectanglelabels" else {}
    return {
        "original_width": 60, "original_height": 40, "image_rotation": 0, "type": kind, "to_name": "image",
        "value": numbers | {kind: list(labels)} | value,
    }  # fmt: skip


def task(*regions, image="/data/upload/1/0a1b2c3d-a.jpg", number=7, **more):
    return {"id": number, "data": {"image": image}, "annotations": [{"id": 1, "result": list(regions)}]} | more


def write_studio(root, *tasks, names=("a.jpg", "b.jpg")):
    for seed, name in enumerate(names):
        write_picture(root / name, seed=seed)
    path = root / "project.json"
    path.write_text(json.dumps(tasks))
    return path


def open_(path, **how):
    return open_data(path, cache=None, **how)


def test_percent_become_pixels(tmp_path):
    data = open_(write_studio(tmp_path, task(region(), region(labels=["dog"])), task(image="/data/upload/1/b.jpg")))
    samples = data.split()
    assert (data.kind, data.task, data.classes, data.split_names) == (
        "label-studio",
        "detect",
        ("cat", "dog"),
        ("all",),
    )
    assert (samples.boxes.tolist(), samples.class_ids.tolist()) == ([[6, 10, 36, 30]] * 2, [0, 1])
    assert (samples.counts.tolist(), samples.sizes.tolist(), samples.ids) == ([2, 0], [[40, 60]] * 2, ("7", "7"))


def test_a_rectangle_turns_around_its_top_left_corner_in_pixels(tmp_path):
    samples = open_(write_studio(tmp_path, task(region(x=50, y=10, width=10, height=20, rotation=90)))).split()
    np.testing.assert_allclose(samples.boxes, [[30 - 8, 4, 30, 4 + 6]], atol=1e-12)


@pytest.mark.parametrize(
    ("made", "box"),
    [
        (region("polygonlabels", points=[[10, 10], [50, 20], [30, 80]]), [6, 4, 30, 32]),
        (region("ellipselabels", x=50, y=50, radiusX=10, radiusY=25, rotation=0), [24, 10, 36, 30]),
        (region("labels", x=10, y=25, width=50, height=50), [6, 10, 36, 30]),
    ],
)
def test_other_regions_count_as_the_box_around_them(tmp_path, made, box):
    assert open_(write_studio(tmp_path, task(made))).split().boxes.tolist() == [box]


def test_what_has_no_box_is_counted(tmp_path):
    path = write_studio(tmp_path, task(region(), region("brushlabels"), region("keypointlabels"), region(labels=())))
    reading = open_(path).read()
    assert [fault.message for fault in reading.faults] == [
        f"{path}: found 1 brushlabels, 1 keypointlabels, 1 rectangle without a label, expected upright boxes; left out"
    ]


def test_choices_are_classes_of_pictures(tmp_path):
    tasks = [
        task(region("choices", choices=[name]), image=f"/x/{file}")
        for name, file in (("dog", "a.jpg"), ("cat", "b.jpg"))
    ]
    data = open_(write_studio(tmp_path, *tasks))
    assert (data.task, data.classes, data.split().labels.tolist()) == ("classify", ("cat", "dog"), [1, 0])


def test_a_task_without_a_choice_is_told(tmp_path):
    path = write_studio(tmp_path, task(region("choices", choices=["dog"])), task(image="b.jpg"))
    reading = open_(path).read()
    assert [fault.message for fault in reading.faults] == [
        f"{path}:[1]: found no choice, expected one of the 1 classes; choose one; the picture has no class"
    ]


def test_of_several_annotations_the_ground_truth_counts_and_no_cancelled_one(tmp_path):
    annotations = [
        {"result": [region(labels=["cancelled"])], "was_cancelled": True},
        {"result": [region(labels=["first"])]},
        {"result": [region(labels=["truth"])], "ground_truth": True},
    ]
    path = write_studio(tmp_path, task(annotations=annotations))
    reading = open_(path).read()
    assert open_(path).classes == ("truth",)
    assert [fault.message for fault in reading.faults] == [
        (
            f"{path}:[0].annotations: found 2 annotations, expected one; "
            "decide for one; the first, or the ground truth, is taken"
        )
    ]


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("/data/upload/1/0a1b2c3d-a.jpg", "0a1b2c3d-a.jpg"),
        ("/data/upload/1/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/local-files/?d=photos/sub/a.jpg", "photos/sub/a.jpg"),
        ("/data/local-files/?d=photos/sub/a.jpg", "a.jpg"),
        ("s3://bucket/photos/a%20b.jpg", "a b.jpg"),
        ("http://127.0.0.1:9/photos/a.jpg?x=1", "images/a.jpg"),
    ],
)
def test_a_picture_is_found_by_its_name_beside_the_file(tmp_path, image, file):
    path = write_studio(tmp_path, task(region(), image=image), names=[file])
    assert open_(path).split().pictures == (f"{tmp_path}/{file}",)


def test_no_name_leads_out_of_the_folder(tmp_path):
    write_picture(tmp_path / "secret.jpg")
    path = write_studio(tmp_path / "in", task(region(), image="/data/local-files/?d=../secret.jpg"))
    with pytest.raises(LabelError, match=r"found none of its first pictures \(secret.jpg, ...\) in "):
        open_(path)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (region(x="ten"), "a rectangle without its numbers"),
        (region(x=float("nan")), "a rectangle without its numbers"),
        (region("polygonlabels", points=[[1]]), "a polygon without its numbers"),
        (region("polygonlabels", points=[]), "a polygon without its numbers"),
        (region() | {"original_width": None}, "no original_width and original_height"),
        (region() | {"image_rotation": 90}, "image_rotation 90"),
        (region() | {"value": 3}, "no value"),
        ("cat", "no value"),
    ],
)
def test_a_broken_region_is_told_by_its_path(tmp_path, broken, told):
    path = write_studio(tmp_path, task(region(), broken))
    reading = open_(path).read()
    assert len(reading.samples.boxes) == 1
    assert [(fault.where, fault.found) for fault in reading.faults] == [(f"{path}:[0].annotations[0].result[1]", told)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1, 2]", "no such list"),
        ('[{"image": "a.jpg", "label": []}]', "no such list"),
        ("[", "JSON that does not parse (Expecting value: line 1 column 2 (char 1))"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, text, found):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(LabelError) as refusal:
        open_(path)
    assert str(refusal.value).startswith(
        f"{path}: found {found}, expected Label Studio tasks: a list of objects with data and annotations; export it "
    )
