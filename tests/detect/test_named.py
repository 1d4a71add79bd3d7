"""Models known by name: from the cache to a detector."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_model
from yolov2.errors import ModelError, Yolov2Warning
from yolov2.network import architectures
from yolov2.zoo.registry import VOC_NAMES, default_cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    default_cache().mkdir(parents=True)
    return default_cache()


def test_a_pulled_model_is_loaded_by_its_name(cache: Path) -> None:
    network = architectures.yolov2_tiny_voc()
    write_weights(cache / "yolov2-tiny-voc.weights", initial_weights(network), network)
    model = load_model(find_model("yolov2-tiny-voc"))
    assert model.network == network
    assert model.names == VOC_NAMES
    np.testing.assert_array_equal(model.weights.layers[0]["weights"], initial_weights(network).layers[0]["weights"])


def test_a_name_that_is_not_pulled_says_how_to_get_it(cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_model("yolov2")
    assert str(caught.value).startswith(
        f"{cache / 'yolov2.weights'}: found no such file, expected the weights of yolov2; run: yolov2 models pull yolov2,"
    )


def test_a_folder_with_a_cfg_goes_before_the_name(cache: Path) -> None:
    Path("yolov2").mkdir()
    Path("yolov2/a.cfg").touch()
    assert find_model("yolov2", need_weights=False).cfg == Path("yolov2/a.cfg")
    Path("yolov2-voc").mkdir()
    assert find_model("yolov2-voc", need_weights=False).cfg is None


def test_a_tree_that_is_not_pulled_says_how_to_get_it(cache: Path) -> None:
    (cache / "yolo9000.weights").touch()
    with pytest.raises(
        ModelError,
        match=r"^yolo9000: found no data/9k.tree \(looked at data/9k.tree\), expected its tree; run: yolov2 models pull yolo9000, or give --tree FILE$",
    ):
        load_model(find_model("yolo9000"))


def test_a_list_that_is_not_pulled_leaves_numbers_and_says_so(cache: Path) -> None:
    network = architectures.darknet19()
    write_weights(cache / "darknet19.weights", initial_weights(network), network)
    with pytest.warns(
        Yolov2Warning,
        match=r"^darknet19: no list of 1,000 names; classes are called by their numbers; run: yolov2 models pull darknet19, ",
    ):
        assert load_model(find_model("darknet19")).names == ()
    (cache / "imagenet.shortnames.list").write_text("".join(f"name {i}\n" for i in range(21842)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_model(find_model("darknet19")).names == tuple(f"name {i}" for i in range(1000))
