"""Opens models it is sent, each in a forked process of its own with little memory and little time.

A request on standard input is two lengths (8 bytes each) and then a .cfg and a .weights file; the answer is a line
of JSON: {"end": "opened" | "refused" | "fault", "text": ...}. Run as `python hostile_child.py FOLDER`.
"""

import json
import os
import resource
import signal
import struct
import sys
import traceback
import warnings
from pathlib import Path

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import read_weights
from yolov2.errors import Yolov2Error

MEMORY = 2**30  # bytes of address space
SECONDS = 5


def open_model(folder: Path) -> tuple[str, str]:
    warnings.simplefilter("ignore")
    try:
        network = read_cfg(folder / "a.cfg")
        read_weights(folder / "a.weights", network)
    except Yolov2Error as refusal:
        return "refused", str(refusal)
    except BaseException:  # noqa: BLE001 - whatever it is, it is what the test looks for
        return "fault", traceback.format_exc()
    return "opened", ""


def in_a_process_of_its_own(folder: Path) -> dict[str, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(SECONDS)
        end, text = open_model(folder)
        os.write(writing, json.dumps({"end": end, "text": text[-3000:]}).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(answer) if answer else {"end": "fault", "text": f"ended with status {status}"}


def main() -> None:
    folder = Path(sys.argv[1])
    while len(lengths := sys.stdin.buffer.read(16)) == 16:
        cfg, weights = struct.unpack("<QQ", lengths)
        (folder / "a.cfg").write_bytes(sys.stdin.buffer.read(cfg))
        (folder / "a.weights").write_bytes(sys.stdin.buffer.read(weights))
        print(json.dumps(in_a_process_of_its_own(folder)), flush=True)


if __name__ == "__main__":
    main()
