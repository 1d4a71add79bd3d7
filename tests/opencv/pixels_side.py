"""Prints what an OpenCV makes of pictures and videos before any network sees them: digests of pixels and blobs, as JSON.

Needs NumPy and an OpenCV, 4 or 5, and nothing of this project.
"""

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np

FRAMES = 12


def main() -> None:
    for name in sys.argv[1:]:
        path = Path(name)
        for picture in frames(path) if path.suffix == ".mp4" else [cv2.imread(name)]:
            assert picture is not None, name
            stretched = cv2.dnn.blobFromImage(picture, 1 / 255, (224, 160), (3, 5, 7), swapRB=True)
            cropped = cv2.dnn.blobFromImage(picture, size=(64, 64), swapRB=True, crop=True, ddepth=cv2.CV_8U)
            digests = [digest(array) for array in (picture, stretched, cropped)]
            print(json.dumps({"picture": path.name, "shape": picture.shape, "digests": digests}))


def frames(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 203)
    return [capture.read()[1] for _ in range(FRAMES)]


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


if __name__ == "__main__":
    main()
