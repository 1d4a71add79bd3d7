"""The calls of a Net: what they answer, and in which shapes."""

import logging
import re
import threading

import numpy as np
import pytest

import golden_cases
from opencv_nets import CLASSIFIER, HEAD, NET, blob, conv, detector, golden_net, net_of
from yolov2.errors import ModelError
from yolov2.opencv import net as net_module
from yolov2.opencv.net import Net
from yolov2.opencv.reading import readNetFromDarknet

FLOAT32_NOISE = 2e-6

LAYERS = [name for name in golden_cases.SMALL if name not in golden_cases.TREES]


@pytest.mark.golden
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_by_its_opencv_name_is_darknets(small_golden, recipe, name):
    net, case = golden_net(small_golden, recipe, name=name)
    net.setInput(case.images)
    names = {named.layer: named.name for named in net._layers if named.part == "output"}  # the last of each section
    assert case.executed
    for index, expected in case.executed.items():
        golden_cases.assert_close(net.forward(names[index]), expected, what=f"{name} {names[index]}")


@pytest.mark.golden
def test_the_softmax_over_a_tree_is_darknets(small_golden, recipe):
    net, case = golden_net(small_golden, recipe, name="s15_softmax_tree")
    net.setInput(case.images)
    golden_cases.assert_close(net.forward(), case.layers[3], what="softmax_3")


def test_inner_outputs_lead_from_one_to_the_next():
    net = net_of(detector())
    net.setInput(blob(2))
    sums, normed, activated, raw, turned = net.forward(["conv_0", "bn_0", "leaky_1", "conv_1", "permute_2"])
    arrays = net.loaded.weights.take().layers[0]
    scales, mean, shifted, biases = (
        arrays[key][:, None, None] for key in ("scales", "rolling_mean", "rolling_variance", "biases")
    )
    variance = shifted.astype(np.float64) + (1e-5 - 1e-6)
    expected = (sums - mean) / np.sqrt(variance + 1e-6) * scales + biases
    np.testing.assert_allclose(normed, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activated, np.where(normed > 0, normed, 0.1 * normed), rtol=FLOAT32_NOISE)
    np.testing.assert_array_equal(turned, raw.transpose(0, 2, 3, 1))


def test_the_first_sums_are_those_of_plain_loops():
    net = net_of(detector())
    images = blob()
    net.setInput(images)
    sums = net.forward("conv_0")[0]
    kernels = net.loaded.weights.take().layers[0]["weights"]
    padded = np.pad(images[0], ((0, 0), (1, 1), (1, 1)))
    for filter_, y, x in np.ndindex(6, 8, 12):
        expected = (kernels[filter_] * padded[:, y : y + 3, x : x + 3]).sum()
        assert sums[filter_, y, x] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_shortcut_is_to_be_had_before_its_activation():
    net = net_of(NET + conv() + conv() + "[shortcut]\nfrom=0\nactivation=leaky\n")
    net.setInput(blob())
    first, second, sums, activated = net.forward(["conv_0", "conv_1", "shortcut_2", "leaky_3"])
    np.testing.assert_allclose(sums, first + second, rtol=FLOAT32_NOISE, atol=FLOAT32_NOISE)
    np.testing.assert_allclose(activated, np.where(sums > 0, sums, 0.1 * sums), rtol=FLOAT32_NOISE)


def test_a_crop_is_to_be_had_before_its_adjustment():
    net = net_of(NET + "[crop]\ncrop_width=4\ncrop_height=4\n" + conv())
    net.setInput(images := blob())
    cropped, adjusted = net.forward(["crop_0", "adjust_crop_1"])
    np.testing.assert_array_equal(cropped, images[:, :, 2:6, 4:8])
    np.testing.assert_allclose(adjusted, 2 * cropped - 1, rtol=FLOAT32_NOISE, atol=FLOAT32_NOISE)


def test_a_batch_has_an_axis_that_a_picture_has_not():
    net = net_of(detector())
    net.setInput(images := blob(2))
    batch = net.forward()
    assert batch.shape == (2, 8 * 12 * 3, 9)
    for image, rows in zip(images, batch, strict=True):
        net.setInput(image[None])
        single = net.forward()
        assert single.shape == (288, 9)
        np.testing.assert_allclose(single, rows, rtol=1e-5, atol=1e-6)


def test_a_classifier_keeps_four_axes_and_a_connected_layer_two():
    net = net_of(CLASSIFIER)
    net.setInput(blob(2))
    assert net.forward().shape == (2, 5, 1, 1)
    net = net_of(NET + "[connected]\noutput=7\nactivation=leaky\n[softmax]\n[cost]\n")
    net.setInput(blob(2))
    outputs = net.forward(net.getLayerNames())
    assert [output.shape for output in outputs] == [(2, 7)] * 4
    np.testing.assert_allclose(outputs[-1].sum(axis=1), 1, rtol=FLOAT32_NOISE)


def test_every_way_to_ask_gives_the_same():
    net = net_of(detector())
    net.setInput(blob())
    rows = net.forward()
    for single in (None, "", "detection_out"):
        np.testing.assert_array_equal(net.forward(single), rows)
    np.testing.assert_array_equal(net.forward(outputName="detection_out"), rows)
    for several in ([], ["detection_out"], ("detection_out",), np.array(["detection_out"])):
        answer = net.forward(several)
        assert isinstance(answer, tuple)
        np.testing.assert_array_equal(answer[0], rows)
    np.testing.assert_array_equal(net.forward(outBlobNames=["detection_out"])[0], rows)
    np.testing.assert_array_equal(net.forwardAndRetrieve(["detection_out"])[0][0], rows)
    twice = net.forward(["conv_1", "conv_1"])
    np.testing.assert_array_equal(twice[0], twice[1])


def test_an_empty_list_means_all_outputs():
    net = net_of(NET + conv() + "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=0\n[avgpool]\n")
    net.setInput(blob())
    assert net.getUnconnectedOutLayers().tolist() == [2, 4]
    assert net.getUnconnectedOutLayers().dtype == np.int32
    assert net.getUnconnectedOutLayersNames() == ("pool_1", "avgpool_3")
    assert [output.shape for output in net.forward([])] == [(1, 4, 4, 6), (1, 4, 1, 1)]


def test_what_is_changed_in_an_answer_does_not_change_the_next():
    net = net_of(detector())
    net.setInput(blob())
    first = net.forward(["conv_1", "detection_out"])
    kept = [output.copy() for output in first]
    for output in first:
        output[:] = -1
    for again, before in zip(net.forward(["conv_1", "detection_out"]), kept, strict=True):
        np.testing.assert_array_equal(again, before)


def test_the_input_may_have_another_size_each_time():
    net = net_of(detector())
    for height, width in [(8, 12), (5, 7), (8, 12), (1, 1)]:
        net.setInput(blob(height=height, width=width))
        assert net.forward().shape == (height * width * 3, 9)


def test_a_size_that_a_layer_refuses_is_named():
    net = net_of(NET + conv() + "[reorg]\nstride=2\n")
    net.setInput(blob(height=7))
    said = "forward: found stride=2 on 12 x 7 in [reorg], expected width and height that are multiples of 2; "
    with pytest.raises(ModelError, match=f"^{re.escape(said)}"):
        net.forward()


def test_bytes_with_a_factor_are_the_same_pictures():
    net = net_of(detector())
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 8, 12)).astype(np.uint8)
    net.setInput(pixels.astype(np.float32) * np.float32(1 / 255))
    expected = net.forward()
    net.setInput(pixels, scalefactor=1 / 255)
    np.testing.assert_array_equal(net.forward(), expected)
    net.setInput(pixels, "data", 1 / 255, (0, 0, 0))
    np.testing.assert_array_equal(net.forward(), expected)


def test_numbers_and_names_of_layers_belong_together():
    net = net_of(detector())
    names = net.getLayerNames()
    assert [net.getLayerId(name) for name in names] == list(range(1, len(names) + 1))
    assert (net.getLayerId("_input"), net.getLayerId("no_such")) == (0, -1)
    assert [net.getLayer(name).name for name in names] == list(names)
    assert (net.getLayer(np.int32(1)).name, net.getLayer(1).type, net.getLayer(0).name) == (
        "conv_0",
        "Convolution",
        "_input",
    )


def test_the_profile_adds_up_to_its_total():
    net = net_of(detector())
    net.setInput(blob())
    net.forward()
    total, layers = net.getPerfProfile()
    assert isinstance(total, int)
    assert layers.shape == (len(net.getLayerNames()),)
    assert layers.dtype == np.float64
    assert layers.sum() == total > 0
    assert [net.getLayerNames()[i] for i in np.nonzero(layers)[0]] == ["conv_1", "detection_out"]


def test_operations_and_memory_are_those_of_the_shapes():
    net = net_of(detector())
    multiply_adds = 8 * 12 * (6 * 3 * 9 + 27 * 6)
    assert net.getFLOPS((2, 3, 8, 12)) == 2 * 2 * multiply_adds
    weights, blobs = net.getMemoryConsumption((2, 3, 8, 12))
    assert weights == 4 * ((4 * 6 + 6 * 27) + (27 + 27 * 6) + 2 * 3)  # with the anchors, as OpenCV counts
    assert blobs == 4 * 2 * 8 * 12 * (3 + 3 * 6 + 3 * 27)


def test_another_backend_is_taken_and_told_of_once(caplog):
    net_module._tell_of_cpu.cache_clear()
    net = net_of(detector())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            net.setPreferableBackend(3)
            net.setPreferableTarget(0)
            net.setPreferableBackend(5)
            net.setPreferableTarget(6)
    said = "of OpenCV makes no difference to a Darknet network: it runs in float32 on the CPU"
    assert caplog.messages == [f"backend 5 {said}", f"target 6 {said}"]


def test_fusion_and_winograd_change_nothing():
    net = net_of(detector())
    net.setInput(blob())
    rows = net.forward()
    net.enableFusion(False)
    net.enableWinograd(False)
    np.testing.assert_array_equal(net.forward(), rows)


def test_an_empty_net_says_so():
    net = Net()
    assert net.empty()
    assert not net_of(detector()).empty()
    assert net.getLayerNames() == ()
    assert net.getUnconnectedOutLayers().size == 0
    said = "Net: found an empty Net, expected one from readNetFromDarknet; read a network first"
    for call in (net.forward, lambda: net.setInput(blob())):
        with pytest.raises(ModelError, match=f"^{re.escape(said)}$"):
            call()


REFUSED = [
    (lambda net: net.forward(), "forward: found no input, expected a blob; call setInput(blob) first"),
    (lambda net: net.getPerfProfile(), "getPerfProfile: found no forward() before it, expected one; call forward() first"),
    (lambda net: net.forward("no\nsuch"), "forward: found no layer no\\nsuch, expected a name such as detection_out; see getLayerNames()"),
    (lambda net: net.getLayer(99), "getLayer: found no layer 99, expected 0 to 6, or a name; see getLayerNames()"),
    (lambda net: net.getLayer("nope"), "getLayer: found no layer nope, expected 0 to 6, or a name; see getLayerNames()"),
    (lambda net: net.setInput(blob(), "image"), "setInput: found no input image, expected data; leave the name out"),
    (lambda net: net.setPreferableBackend(77), "setPreferableBackend: found backend 77, expected a DNN_BACKEND_ number; use DNN_BACKEND_OPENCV"),
    (lambda net: net.setPreferableTarget(77), "setPreferableTarget: found target 77, expected a DNN_TARGET_ number; use DNN_TARGET_CPU"),
    (lambda net: net.getFLOPS((1, 1, 8, 12)), "input shape: found (1, 1, 8, 12), expected (B, 3, H, W); give the shape of a blob"),
]  # fmt: skip


@pytest.mark.parametrize("call, said", REFUSED)
def test_a_call_that_cannot_be_answered_is_refused(call, said):
    with pytest.raises(ModelError, match=f"^{re.escape(said)}$"):
        call(net_of(detector()))


def test_without_weights_there_are_names_and_no_answers():
    net = readNetFromDarknet(detector().encode(), cache=False)
    assert net.getLayerNames() == net_of(detector()).getLayerNames()
    net.setInput(blob())
    said = "forward: found no weights for buffer.cfg, expected them; give readNetFromDarknet both files"
    with pytest.raises(ModelError, match=f"^{re.escape(said)}$"):
        net.forward()


def test_threads_that_share_a_net_get_rows_of_their_own_pictures():
    net = net_of(detector())
    images = [blob(seed=seed) for seed in range(4)]
    expected = []
    for image in images:
        net.setInput(image)
        expected.append(net.forward())
    wrong: list[int] = []

    def ask(which: int) -> None:
        for _ in range(20):
            with net.lock:
                net.setInput(images[which])
                rows = net.forward()
            if not np.array_equal(rows, expected[which]):
                wrong.append(which)

    threads = [threading.Thread(target=ask, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_head_is_computed_once_for_all_its_names(monkeypatch):
    net = net_of(NET + conv() + HEAD)
    net.setInput(blob())
    net.forward()
    calls = []
    whole = net._runner._whole
    monkeypatch.setattr(net._runner, "_whole", lambda images: calls.append(len(images)) or whole(images))
    net.forward(["conv_1", "permute_2", "detection_out"])
    assert calls == [1]


def test_of_networks_cut_off_at_inner_layers_a_few_are_kept():
    net = net_of(NET + "".join(conv() for _ in range(8)))
    net.setInput(blob())
    for _ in range(2):
        net.forward([name for name in net.getLayerNames() if name != "conv_7"])
    assert [named.name for named in net._runner._cut] != []
    assert len(net._runner._cut) == 4
