"""How long the network took, in either program's unit."""

import pytest

from voices import FakeVoice
from yolov2.standin.model import open_detector, open_network
from yolov2.standin.program import Program, Rules
from yolov2.standin.stills import Outputs, answer


@pytest.mark.parametrize(
    ("dialect", "took"), [("pjreddie", "0.250000 seconds"), ("alexeyab", "250.000000 milli-seconds")]
)
def test_the_time_is_that_of_the_network(here, dialect, took):
    voice = FakeVoice()
    network = open_network("my.cfg", voice.voice)
    with open_detector(network, "my.cfg", "my.weights", voice.voice, names=here / "data" / "my.names") as detector:
        clock = iter((7.0, 7.25)).__next__
        assert answer(Program(detector, Rules(0.5)), ["grey.png"], Outputs(dialect), voice.voice, clock=clock) == 0
    assert voice.said == [f"grey.png: Predicted in {took}.", "cat: 84%"]
