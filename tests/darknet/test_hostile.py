"""Whatever is in a .cfg and a .weights file, they open, or are refused in one line: in 1 GB and 5 seconds each."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolov2.darknet.cfg import parse_cfg
from yolov2.darknet.cfg_format import format_cfg
from yolov2.network.architectures import darknet19, yolov2

SMALL = """[net]
batch=1
width=32
height=32
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[route]
layers=-2

[reorg]
stride=2

[route]
layers=-1,-3

[convolutional]
filters=14
size=1
activation=linear

[region]
anchors=1,2, 3,4
classes=2
num=2
softmax=1
"""
FAMILY = [
    SMALL,
    format_cfg(yolov2(classes=2, width=1 / 16)),
    format_cfg(darknet19(classes=3, width=1 / 16)),
]
SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)
HOSTILE = [
    "",
    "0",
    "-1",
    "1e9",
    "2147483647",
    "99999999999",
    "nan",
    "0x10",
    "1,2",
    ",",
    "[",
    "\0",
    "é",
    "65535",
    ".5",
    "=",
    "7" * 5000,
]


def fitting_weights(cfg: str) -> bytes:
    """A file that fits: header 0.2.0, then as many small numbers as the network needs."""
    count = sum(parameter.size for _, parameter in parse_cfg(cfg).parameters())
    numbers = np.abs(np.random.default_rng(0).standard_normal(count, np.float32))
    return struct.pack("<3iQ", 0, 2, 0, 64) + numbers.tobytes()


WEIGHTS = [fitting_weights(cfg) for cfg in FAMILY]


@st.composite
def mutated_cfgs(draw: st.DrawFn, text: str) -> bytes:
    lines = text.split("\n")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "value", "value", "key", "remove", "again", "swap", "insert"])):
            case "value":
                lines[at] = re.sub(r"=.*", "=" + draw(st.sampled_from(HOSTILE)).replace("\\", ""), lines[at])
            case "key":
                lines[at] = draw(st.sampled_from(["num", "classes", "filters", "tree", "groups", "steps"])) + "=3"
            case "remove":
                del lines[at]
                lines = lines or [""]
            case "again":
                lines.insert(at, lines[at])
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines.insert(at, draw(st.text(max_size=20)))
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


@st.composite
def mutated_weights(draw: st.DrawFn, data: bytes) -> bytes:
    match draw(st.sampled_from(["whole", "cut", "longer", "header", "bytes", "other"])):
        case "whole":
            return data
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "longer":
            return data + draw(st.binary(min_size=1, max_size=64))
        case "header":
            return struct.pack("<3i", *(draw(st.integers(-2, 1002)) for _ in range(3))) + data[12:]
        case "bytes":
            at = draw(st.integers(0, len(data) - 4))
            return data[:at] + draw(st.binary(min_size=4, max_size=4)) + data[at + 4 :]
        case _:
            return draw(st.binary(max_size=200))


@st.composite
def models(draw: st.DrawFn) -> tuple[bytes, bytes]:
    which = draw(st.integers(0, len(FAMILY) - 1))
    return draw(mutated_cfgs(FAMILY[which])), draw(mutated_weights(WEIGHTS[which]))


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory):
    """A function that has a model opened in a process of its own and tells how that ended."""
    folder = tmp_path_factory.mktemp("hostile")
    script = Path(__file__).with_name("hostile_child.py")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as child:
        requests, answers = child.stdin, child.stdout
        assert requests is not None
        assert answers is not None

        def send(cfg: bytes, weights: bytes) -> dict[str, str]:
            requests.write(struct.pack("<QQ", len(cfg), len(weights)) + cfg + weights)
            requests.flush()
            return json.loads(answers.readline())

        yield send
        requests.close()
        child.wait(timeout=30)


def opens_or_is_refused_in_one_line(send, model):
    answer = send(*model)
    assert answer["end"] in ("opened", "refused"), answer["text"]
    assert "\n" not in answer["text"]
    if answer["end"] == "refused":
        assert re.search("found|expected", answer["text"]), answer["text"]


def test_the_models_that_are_mutated_open_as_they_are(send):
    for cfg, weights in zip(FAMILY, WEIGHTS, strict=True):
        assert send(cfg.encode(), weights) == {"end": "opened", "text": ""}


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(model=models())
def test_a_mutated_model_opens_or_is_refused_in_one_line(send, model):
    opens_or_is_refused_in_one_line(send, model)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=2500, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(model=models())
def test_2500_mutated_models_open_or_are_refused_in_one_line(send, model):
    opens_or_is_refused_in_one_line(send, model)


@pytest.mark.parametrize("claim", ["width=30000\nheight=30000", "width=2147483647\nheight=2147483647"])
def test_a_small_cfg_that_claims_much_is_refused_before_memory_is_taken(send, claim):
    cfg = SMALL.replace("width=32\nheight=32", claim)
    answer = send(cfg.encode(), WEIGHTS[0])
    assert answer["end"] == "refused"
    assert "expected at most 2,147,483,648" in answer["text"]
