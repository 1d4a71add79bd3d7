"""Darknet's first word."""

from importlib import import_module

import pytest

from voices import FakeVoice
from yolov2.standin.darknet import COMMANDS, run
from yolov2.standin.line import LineError

KNOWN = "average, classifier, classify, denormalize, detect, detector, normalize, ops, partial, reset, rgbgr"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_function(name):
    assert callable(getattr(import_module(COMMANDS[name]), name))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], f"darknet: found no further word, expected a command; write one of: {KNOWN}"),
        (["./darknet"], f"darknet: found no further word, expected a command; write one of: {KNOWN}"),
        (["detectr"], f"darknet: found detectr, expected one of {KNOWN}; did you mean detector?"),
        (["qqq"], f"darknet: found qqq, expected one of {KNOWN}; see yolov2 darknet --help"),
        (
            ["rnn", "train"],
            f"darknet: found rnn, which is not for networks of the v2 family, expected one of {KNOWN}; run Darknet itself for it",
        ),
        (
            ["detector"],
            "darknet detector: found no further word, expected one of test, valid, demo, map, recall, calc_anchors, train; add it behind detector",
        ),
        (
            ["detector", "valid2", "voc.data"],
            "darknet detector: found valid2, which is not in this version, expected one of test, valid, demo, map, recall, calc_anchors, train; run Darknet itself for it",
        ),
        (
            ["detector", "tset"],
            "darknet detector: found tset, expected one of test, valid, demo, map, recall, calc_anchors, train; write one of them",
        ),
    ],
)
def test_what_is_no_command(words, message):
    with pytest.raises(LineError) as refused:
        run(words, FakeVoice().voice)
    assert str(refused.value) == message


@pytest.mark.parametrize("program", ["./darknet", "darknet", "C:\\yolo\\darknet.exe"])
def test_the_program_and_its_processor_may_stand_before_the_command(program):
    voice = FakeVoice()
    with pytest.raises(LineError, match=r"^darknet detector: found no further word, "):
        run([program, "-i", "1", "detector", "-nogpu", "-gpus", "0,1"], voice.voice)
    why = "is passed over: the processor is chosen by yolov2 itself"
    assert voice.noted == [f"-i {why}", f"-nogpu {why}", f"-gpus {why}"]
