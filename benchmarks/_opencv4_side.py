"""OpenCV 4 on a Darknet .cfg, in the environment that opencv4.py makes. Needs OpenCV 4, NumPy and `_sides` alone."""

import argparse
from typing import Any

import cv2
import numpy as np
from _sides import serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side")
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("images")
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    dnn: Any = cv2.dnn  # the OpenCV 5 that type checkers see has no Darknet importer
    network = dnn.readNetFromDarknet(options.cfg, options.weights)
    network.enableWinograd("no Winograd" not in options.side)
    last = next(
        name for name in reversed(network.getLayerNames()) if name.startswith("conv_")
    )  # before the region layer
    images = np.load(options.images)

    def step() -> np.ndarray:
        network.setInput(images)
        return network.forward(last)

    np.save(options.images + f".{options.side}.npy", step())
    serve(step, facts={"version": cv2.__version__})


if __name__ == "__main__":
    main()
