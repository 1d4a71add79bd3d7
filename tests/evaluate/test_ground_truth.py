"""What COCO results call the pictures of a split."""

import numpy as np
import pytest

from small_sets import coco_document, voc_xml, write_coco, write_voc
from yolov2.evaluate.ground_truth import read_ground_truth


@pytest.fixture(autouse=True)
def no_cache_of_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.mark.parametrize(
    "stems, ids",
    [(("a_1", "b_2"), (1, 2)), (("a_1", "b_1"), ("a_1", "b_1")), (("0001", "1"), ("0001", "1"))],
)
def test_the_number_of_a_name_is_its_id_where_it_tells_pictures_apart(tmp_path, stems, ids):
    folder = write_voc(tmp_path / "voc", dict.fromkeys(stems, voc_xml()), {"val": stems})
    truth = read_ground_truth(folder)
    assert truth.image_ids == ids
    assert truth.take(np.array([1])).image_ids == ids[1:]  # as it was, whatever is left


def test_ids_of_a_coco_file_keep_their_type(tmp_path):
    size = {"width": 60, "height": 40}
    images = [{"id": one, "file_name": f"{stem}.jpg", **size} for one, stem in (("0000", "a"), ("7", "b"), (8, "c"))]
    truth = read_ground_truth(write_coco(tmp_path, coco_document(images=images, annotations=[])))
    assert truth.image_ids == ("0000", "7", 8)
