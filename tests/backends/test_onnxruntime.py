"""The ONNX Runtime backend: the graph's numbers, its doors, and the cache of prepared graphs."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

import golden_cases
from network_strategies import seeded_images, seeded_weights
from sessions import run_model
from yolov2.backends import onnxruntime_backend
from yolov2.backends.onnxruntime_backend import OnnxRuntimeBackend
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError, Yolov2Warning
from yolov2.graph.build import build_graph
from yolov2.network.layers import Convolutional, MaxPool, Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

NETWORK = Network(
    Shape(3, 24, 16),
    (
        Convolutional(32, 3, padding=1, activation="leaky", batch_normalize=True),
        MaxPool(2, 2, 1),
        Convolutional(32, 3, padding=1, activation="leaky", batch_normalize=True),
        Convolutional(8, activation="linear"),
        Region(classes=3),
    ),
)
WEIGHTS = seeded_weights(NETWORK, seed=1)
IMAGES = seeded_images(NETWORK, seed=2, batch=3)


@pytest.fixture(scope="module")
def expected():
    """What a bare session makes of the images."""
    return run_model(build_graph(NETWORK, WEIGHTS), IMAGES)[0]


@pytest.mark.golden
@pytest.mark.parametrize("arithmetic", golden_cases.ARITHMETICS)
@pytest.mark.parametrize("name", golden_cases.SMALL)
def test_the_raw_head_is_darknets(small_golden, recipe, name, arithmetic, tmp_path):
    case = golden_cases.small_case(small_golden, recipe, name=name, arithmetic=arithmetic)
    for cache in (None, tmp_path, tmp_path):  # built anew, put into the cache, taken from the cache
        found = OnnxRuntimeBackend(case.network, case.weights, threads=1, cache=cache)(case.images)
        golden_cases.assert_close(found, case.layers[case.network.raw_index], what=name)


def test_a_call_gives_what_a_bare_session_gives(expected):
    found = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=2)(IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_any_batch_gives_each_picture_what_it_gets_alone(expected):
    backend = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1)
    for batch in (IMAGES[:1], IMAGES[1:], IMAGES[::-1]):
        found = backend(batch)
        alone = [backend(image[None])[0] for image in batch]
        np.testing.assert_array_equal(found, np.stack(alone))
    assert backend(IMAGES[:0]).shape == (0, *expected.shape[1:])


def test_calls_from_several_threads_do_not_meet(expected):
    backend = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1)
    with ThreadPoolExecutor(4) as pool:
        for index, found in enumerate(pool.map(lambda k: backend(IMAGES[k % 3 : k % 3 + 1]), range(24))):
            np.testing.assert_array_equal(found[0], expected[index % 3])


@pytest.mark.parametrize(
    "images, found",
    [
        (IMAGES.astype(np.float64), r"float64 \(3, 3, 24, 16\)"),
        (IMAGES[0], r"float32 \(3, 24, 16\)"),
        (IMAGES[:, :, :20], r"float32 \(3, 3, 20, 16\)"),
    ],
)
def test_images_of_another_kind_are_refused_with_the_size_that_fits(images, found):
    backend = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1)
    expected = r"expected float32 \(B, 3, 24, 16\), the size it was opened for"
    with pytest.raises(ValueError, match=rf"^images: found {found}, {expected}$"):
        backend(images)


def test_a_closed_backend_says_so():
    backend = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1)
    backend.close()
    backend.close()
    with pytest.raises(ValueError, match="^this backend is closed$"):
        backend(IMAGES)


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError) as refusal:
        OnnxRuntimeBackend(NETWORK, WEIGHTS)
    line = "backend onnxruntime: found no package, expected onnxruntime; pip install yolov2"
    assert str(refusal.value) == line


def test_what_the_runtime_refuses_becomes_one_line():
    line = r"^backend onnxruntime: found a refusal \(.*INVALID_PROTOBUF.*\), expected a result; report this [^\n]*$"
    with pytest.raises(BackendError, match=line), onnxruntime_backend._refusals():
        onnxruntime.InferenceSession(b"no graph", providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("has_room", [True, False])
def test_large_weights_go_by_files_and_without_room_for_these_through_memory(monkeypatch, tmp_path, expected, has_room):
    monkeypatch.setattr(onnxruntime_backend, "LARGE", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path if has_room else tmp_path / "absent"))
    np.testing.assert_array_equal(OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1)(IMAGES), expected)
    assert list(tmp_path.iterdir()) == []


def entries(cache):
    return sorted(path.name for path in cache.iterdir())


def test_a_second_start_takes_the_prepared_graph_from_the_cache(tmp_path, expected, monkeypatch):
    cache = tmp_path / "new" / "graphs"
    np.testing.assert_array_equal(OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1, cache=cache)(IMAGES), expected)
    (entry,) = cache.iterdir()
    assert entries(entry) == ["graph.onnx", "graph.onnx.data"]
    monkeypatch.setitem(sys.modules, "yolov2.graph.build", None)  # no second graph is built
    np.testing.assert_array_equal(OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=2, cache=cache)(IMAGES), expected)
    assert [path.name for path in cache.iterdir()] == [entry.name]


def test_another_network_other_weights_and_another_arithmetic_have_graphs_of_their_own(tmp_path):
    changed = [{name: array.copy() for name, array in layer.items()} for layer in WEIGHTS.layers]
    changed[2]["rolling_mean"][0] += 1
    for network, weights in [
        (NETWORK, WEIGHTS),
        (NETWORK, Weights(tuple(changed))),
        (replace(NETWORK, arithmetic="cpu"), WEIGHTS),
        (NETWORK.at_size(16, 16), WEIGHTS),
    ]:
        images = seeded_images(network, seed=4)
        found = OnnxRuntimeBackend(network, weights, threads=1, cache=tmp_path)(images)
        np.testing.assert_array_equal(found, OnnxRuntimeBackend(network, weights, threads=1)(images))
    assert len(entries(tmp_path)) == 4


@pytest.mark.parametrize("name", ["graph.onnx", "graph.onnx.data"])
def test_a_damaged_graph_in_the_cache_is_prepared_again(tmp_path, expected, name):
    OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1, cache=tmp_path).close()
    (entry,) = tmp_path.iterdir()
    length = (entry / name).stat().st_size
    (entry / name).write_bytes(b"\x07" * 100)
    np.testing.assert_array_equal(OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1, cache=tmp_path)(IMAGES), expected)
    assert (entry / name).stat().st_size == length


def test_a_cache_that_cannot_be_written_is_told_of_and_stops_nothing(tmp_path, expected):
    (tmp_path / "file").touch()
    with pytest.warns(Yolov2Warning, match=r"file: found .*, expected a folder to write to; until then each start"):
        backend = OnnxRuntimeBackend(NETWORK, WEIGHTS, threads=1, cache=tmp_path / "file")
    np.testing.assert_array_equal(backend(IMAGES), expected)


def test_nothing_is_sent_and_no_id_is_kept(tmp_path):
    """onnxruntime 1.32 on Linux keeps an id of the machine and a queue of reports in the cache unless told not to."""
    script = """
import numpy as np
from yolov2.backends.onnxruntime_backend import OnnxRuntimeBackend
from yolov2.darknet.weights import initial_weights
from yolov2.network.layers import Convolutional
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
network = Network(Shape(3, 8, 8), (Convolutional(filters=2),))
OnnxRuntimeBackend(network, initial_weights(network))(np.zeros((1, 3, 8, 8), np.float32))
"""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []
