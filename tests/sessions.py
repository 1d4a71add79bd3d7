"""A bare ONNX Runtime session, to run a graph in a test."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray


def run_model(model: onnx.ModelProto | Path, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """All outputs of a graph, given as it was built or as a file."""
    source = model if isinstance(model, Path) else model.SerializeToString()
    session: Any = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})
