from pathlib import Path

import pytest

import yolov2
from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_voc
from yolov2.errors import LabelError, ModelError
from yolov2.evaluate.check import check

BOX = "0 0.5 0.5 0.5 0.5\n1 0.3 0.5 0.3 0.5\n"


def write_cfg(folder: Path, *, classes=2, num=2, anchors="4,5, 3,3", filters=None, names=("cat", "dog"), name="m"):
    """A .cfg of an input of 160 x 160 whose [region] begins in line 12, with names beside it."""
    filters = num * (5 + classes) if filters is None else filters
    path = folder / f"{name}.cfg"
    path.write_text(
        f"[net]\nwidth=160\nheight=160\nchannels=3\n\n[convolutional]\nfilters={filters}\nsize=1\nstride=32\n"
        f"activation=linear\n\n[region]\nclasses={classes}\nnum={num}\nanchors={anchors}\n"
    )
    if names:
        path.with_suffix(".names").write_text("".join(f"{one}\n" for one in names))
    return path


@pytest.fixture
def data(tmp_path):
    return write_darknet(tmp_path / "set", {"a": BOX, "b": BOX})


def found(data, **how):
    """Code and message of all but the size of boxes."""
    faults = check(data, cache=None, pictures=False, **how).faults
    return [(one.code, one.message) for one in faults if one.code not in ("box-small", "box-tiny")]


def test_a_model_that_fits_adds_no_fault_and_its_size_and_anchors_are_taken(tmp_path, data):
    cfg = write_cfg(tmp_path)
    assert found(data, model=cfg) == []
    view = check(data, model=cfg, cache=None, pictures=False).summary.view
    assert (view.size, view.anchors.tolist(), view.source) == ((160, 160), [[4, 5], [3, 3]], str(cfg))


def test_filters_that_do_not_fit_the_head_are_an_error_at_their_line(tmp_path, data):
    cfg = write_cfg(tmp_path, filters=15)
    assert found(data, model=cfg) == [
        (
            "cfg-filters",
            (
                f"{cfg}:7: found filters=15 before [region], expected 14 = 2 anchors * (5 + 2 classes); "
                "write filters=14, or correct classes and num"
            ),
        )
    ]


def test_a_head_with_another_number_of_classes_is_told_with_the_filters_to_write(tmp_path, data):
    cfg = write_cfg(tmp_path, classes=20, names=())
    assert found(data, model=cfg) == [
        (
            "cfg-classes",
            (
                f"{cfg}:13: found classes=20, expected 2, one for each class of the data set; "
                "write classes=2, and filters=14 = 2 * (5 + 2) before it"
            ),
        )
    ]


def test_a_model_that_knows_these_classes_and_more_is_fine(tmp_path, data):
    assert found(data, model=write_cfg(tmp_path, classes=3, names=("bird", "cat", "dog"))) == []


def test_a_cfg_that_is_none_is_an_error_and_the_labels_are_looked_at(tmp_path, data):
    cfg = tmp_path / "m.cfg"
    cfg.write_text("width=3\n")
    (tmp_path / "set/labels/b.txt").write_text("0 .5 .5 -.1 .1\n")
    assert [code for code, _ in found(data, model=cfg)] == ["cfg-broken", "box-inverted"]


def test_names_that_differ_in_spelling_alone_are_told_one_by_one(tmp_path, data):
    (tmp_path / "set/small.names").write_text("dining table\nPerson\n")
    cfg = write_cfg(tmp_path, names=("diningtable", "person"))
    root = tmp_path / "set"
    assert found(data, model=cfg) == [
        (
            "class-spelling",
            (
                f'{root}: found "dining table", which {cfg} calls "diningtable", expected one spelling of a class; '
                'write "diningtable"'
            ),
        ),
        (
            "class-spelling",
            f'{root}: found "Person", which {cfg} calls "person", expected one spelling of a class; write "person"',
        ),
    ]


def test_the_same_names_in_another_order_are_told_where_labels_go_by_number(tmp_path, data):
    cfg = write_cfg(tmp_path, names=("dog", "cat"))
    assert found(data, model=cfg) == [
        (
            "class-order",
            (
                f'{tmp_path}/set: found class 0 "cat", expected "dog", as {cfg}; '
                "put the names in one order: Darknet goes by the numbers"
            ),
        )
    ]
    coco = write_coco(tmp_path / "coco", coco_document())
    assert "class-order" not in [code for code, _ in found(coco, model=write_cfg(tmp_path, names=("dog", "cat")))]


def test_classes_that_the_model_lacks_are_told(tmp_path, data):
    cfg = write_cfg(tmp_path, names=("cat", "horse"))
    assert found(data, model=cfg) == [
        (
            "class-unlearned",
            (
                f"{tmp_path}/set: found 1 class that it does not have: dog, expected classes of {cfg}; "
                "train it on them, or correct the names"
            ),
        )
    ]


def test_anchors_in_pixels_are_an_error(tmp_path, data):
    cfg = write_cfg(tmp_path, anchors="120,150, 100,90")
    assert found(data, model=cfg) == [
        (
            "anchors-unit",
            (
                f"{cfg}:15: found an anchor of 120 x 150, expected sizes in cells, of which the grid has 5 x 5; "
                "they look like pixels: divide them by 32, or run: yolov2 anchors DATA -k 2"
            ),
        )
    ]


def test_anchors_in_parts_of_the_picture_are_an_error(data):
    (fault,) = found(data, anchors=[(0.3, 0.4), (0.7, 0.6)])
    assert fault[1].endswith("they look like parts of the picture: multiply them by 13, or run: yolov2 anchors DATA")


def test_priors_far_worse_than_others_are_told_with_what_others_reach(tmp_path, data):
    (tmp_path / "set/labels/a.txt").write_text("0 .5 .5 .9 .1\n1 .5 .5 .2 .9\n0 .5 .5 .85 .11\n")
    told = found(data, anchors=[(1.5, 1.5), (9.0, 9.0)])
    (message,) = (message for code, message in told if code == "priors-poor")
    assert message.startswith("--anchors: found a mean IoU of ")
    assert message.endswith(", which 2 others reach; find better ones: yolov2 anchors DATA -k 2")


def test_without_a_model_the_priors_are_those_of_yolov2_voc_and_no_fault(data):
    assert found(data) == []
    assert check(data, cache=None, pictures=False).summary.view.source == "yolov2-voc"


def test_names_that_are_given_make_the_others_unknown_and_misspelled_ones_told(tmp_path):
    objects = [voc_object(name, (5 + i, 2, 30, 30)) for i, name in enumerate(("cat", "Dog", "emu"))]
    voc = write_voc(tmp_path / "voc", {"a": voc_xml(*objects)}, {"train": ["a"]})
    faults = [(one.code, one.repair, one.is_error) for one in check(voc, names=["cat", "dog"], cache=None).errors]
    assert faults == [
        ("class-unknown", "correct it, or add it to the names", True),
        ("class-spelling", 'write "dog"', True),
    ]


def test_a_model_that_is_not_there_is_refused(data, tmp_path):
    with pytest.raises(ModelError):
        check(data, model=tmp_path / "none")


def test_a_data_set_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LabelError, match=r": found no such file or folder, "):
        check(tmp_path / "none")


def test_anchors_that_are_no_pairs_are_a_wrong_call(data):
    with pytest.raises(ValueError) as wrong:
        check(data, anchors=[(1, -1)], cache=None)
    assert str(wrong.value) == "anchors: found [(1, -1)], expected pairs of width and height in cells, above 0"


def test_the_front_door_has_it(data):
    assert yolov2.check(data, cache=None, pictures=False).errors == ()
