"""Runs a script under OpenCV 4 with Winograd off in every network it reads: `no_winograd_side.py SCRIPT ARGUMENTS...`.

The script itself stays as it is. Needs OpenCV 4 alone.
"""

import runpy
import sys
from typing import Any

import cv2

dnn: Any = cv2.dnn  # the OpenCV 5 that type checkers see has no Darknet importer


def without_winograd(read: Any) -> Any:
    def read_plainly(*files: Any) -> Any:
        network = read(*files)
        network.enableWinograd(False)
        return network

    return read_plainly


if __name__ == "__main__":
    dnn.readNet = without_winograd(dnn.readNet)
    dnn.readNetFromDarknet = without_winograd(dnn.readNetFromDarknet)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
