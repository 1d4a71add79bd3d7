"""A Darknet network through OpenCV's calls, from blob to region rows: under OpenCV 4, or under `yolov2.opencv`.

Under OpenCV 4 it needs that, NumPy and `_sides` alone. The side's name says which, and whether Winograd is on.
"""

import argparse
import time
from importlib import import_module
from typing import Any

import numpy as np
from _sides import serve

OURS = "yolov2.opencv"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side")
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("blob")
    parser.add_argument("threads", type=int)
    parser.add_argument("cache", nargs="?", help="a folder for prepared networks; ours alone has one")
    options = parser.parse_args()
    is_ours = options.side.startswith(OURS)
    start = time.perf_counter()
    cv2: Any = import_module(OURS if is_ours else "cv2")  # the one line that a script changes
    cv2.setNumThreads(options.threads)
    imported = time.perf_counter()
    ours: dict[str, Any] = {"cache": options.cache or False} if is_ours else {}
    network = cv2.dnn.readNetFromDarknet(options.cfg, options.weights, **ours)
    network.enableWinograd("no Winograd" not in options.side)
    blob = np.load(options.blob)

    def step() -> np.ndarray:
        network.setInput(blob)
        return network.forward()

    loaded = time.perf_counter()
    np.save(f"{options.blob}.{options.side}.npy", step())
    first = time.perf_counter()
    facts = {"version": cv2.__version__, "import_s": imported - start, "load_s": loaded - imported}
    serve(step, facts=facts | {"first_s": first - loaded})


if __name__ == "__main__":
    main()
