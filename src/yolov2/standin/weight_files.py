"""Darknet's commands that make a .weights file of others, and `ops`. The arithmetic is that of darknet/surgery.py.

Darknet writes over any file, and so does this, but for those that a command reads. A file appears whole or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from yolov2.darknet import surgery
from yolov2.darknet.layout import DARKNET_VERSION
from yolov2.darknet.weights import Weights, read_weights, write_weights
from yolov2.errors import ModelError, printable
from yolov2.network.spec import Network
from yolov2.network.summary import summarise
from yolov2.standin.inputs import check_out
from yolov2.standin.line import Line, LineError
from yolov2.standin.model import loading, open_network
from yolov2.standin.voice import Voice

Change = Callable[[Weights, Network], Weights]

THREE_WORDS = "CFG WEIGHTS OUT"


def partial(line: Line, voice: Voice) -> int:
    """`partial CFG WEIGHTS OUT N`: the first N layers, with no picture seen. Source: Darknet `partial`."""
    cfg, source, out, number = line.rest(f"{THREE_WORDS} N", least=4)
    check_out(out, cfg, source)
    network = open_network(cfg, voice)
    cutoff = _cutoff(number, network, line)
    _write(out, replace(_read(source, network, voice), seen=0), network, voice, cutoff=cutoff)
    return 0


def average(line: Line, voice: Voice) -> int:
    """`average CFG OUT WEIGHTS...`: the mean of files of one network. Source: Darknet `average`."""
    cfg, out, *sources = line.rest("CFG OUT WEIGHTS...", least=3)
    check_out(out, cfg, *sources)
    network = open_network(cfg, voice)
    _write(out, surgery.average([_read(source, network, voice) for source in sources], network), network, voice)
    return 0


def denormalize(line: Line, voice: Voice) -> int:
    """`denormalize CFG WEIGHTS OUT`: batch norm folded into weights and biases. Source: Darknet `denormalize_net`."""
    cfg, out, network = _rewrite(line, voice, surgery.denormalised, after=surgery.without_batch_norm)
    folded = [index for index, layer in enumerate(network.layers) if surgery.has_batch_norm(layer)]
    _tell_cfg(voice, cfg, out, "batch_normalize=0", folded)
    return 0


def normalize(line: Line, voice: Voice) -> int:
    """`normalize CFG WEIGHTS OUT`: batch norm in every layer, to be trained. Source: Darknet `normalize_net`."""
    cfg, out, network = _rewrite(line, voice, surgery.normalised, after=surgery.with_batch_norm)
    pairs = enumerate(zip(network.layers, surgery.with_batch_norm(network).layers, strict=True))
    _tell_cfg(voice, cfg, out, "batch_normalize=1", [index for index, (old, new) in pairs if old != new])
    return 0


def reset(line: Line, voice: Voice) -> int:
    """`reset CFG WEIGHTS OUT`: as denormalize, for the same cfg. Source: Darknet `reset_normalize_net`."""
    _rewrite(line, voice, surgery.reset)
    return 0


def rgbgr(line: Line, voice: Voice) -> int:
    """`rgbgr CFG WEIGHTS OUT`: red and blue change places in the first convolution. Source: Darknet `rgbgr_net`."""
    _rewrite(line, voice, _swapped)
    return 0


def ops(line: Line, voice: Voice) -> int:
    """`ops CFG`: how many operations one picture takes. Source: Darknet `operations`."""
    (cfg,) = line.rest("CFG", least=1)
    operations = summarise(open_network(cfg, voice)).operations
    voice.say(f"Floating Point Operations: {operations}")
    voice.say(f"Floating Point Operations: {float(np.float32(operations)) / 1e9:.2f} Bn")  # a float in Darknet, too
    return 0


# --- what they share --------------------------------------------------------------------------------------------------


def _rewrite(
    line: Line, voice: Voice, change: Change, *, after: Callable[[Network], Network] = lambda network: network
) -> tuple[str, str, Network]:
    """Do `CFG WEIGHTS OUT`, and return CFG, OUT and the network of CFG; `after` makes of it the network of OUT."""
    cfg, source, out = line.rest(THREE_WORDS, least=3)
    check_out(out, cfg, source)
    network = open_network(cfg, voice)
    _write(out, change(_read(source, network, voice), network), after(network), voice)
    return cfg, out, network


def _read(path: str, network: Network, voice: Voice) -> Weights:
    with loading(path, voice):
        return read_weights(path, network)


def _write(path: str, weights: Weights, network: Network, voice: Voice, *, cutoff: int | None = None) -> None:
    voice.tell(f"Saving weights to {path}")
    write_weights(path, weights, network, cutoff=cutoff, version=DARKNET_VERSION)


def _cutoff(number: str, network: Network, line: Line) -> int:
    """How many layers to write. Raises LineError for none; Darknet writes a file without a single weight then."""
    layers = len(network.layers)
    if not (number.isascii() and number.isdigit() and len(number) < 10) or int(number) < 1:
        expected = f"a whole number from 1 to {layers}, how many layers to keep"
        raise LineError.at(
            line.where,
            found=f"N {printable(number, longest=40)}",
            expected=expected,
            repair=f"write, say, {layers} for all",
        )
    if int(number) > layers:
        line.note(f"N {number} is more than the {layers} layers there are: all are written")
    return min(int(number), layers)


def _swapped(weights: Weights, network: Network) -> Weights:
    channels = surgery.first_channels(network)
    if channels != 3:
        found = (
            f"{channels} channel{'s' * (channels != 1)} into its first convolution"
            if channels
            else "no [convolutional] layer"
        )
        repair = "use the weights as they are: there is nothing to swap"
        raise ModelError.at(network.name or "network", found=found, expected="3, for red, green, blue", repair=repair)
    return surgery.swapped_rgb(weights, network)


def _tell_cfg(voice: Voice, cfg: str, out: str, option: str, layers: Sequence[int]) -> None:
    """Say which cfg fits what was written; Darknet leaves people to find out."""
    if layers:
        which = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
        voice.note(f"{out} does not fit {cfg}, but a copy of it with {option} in {which}")
    else:
        voice.note(f"{out} fits {cfg} as it is")
