"""What does `detect` add to the bare runtime's forward pass? Target: a ratio of at most 1.05.

    python benchmarks/forward_vs_onnxruntime.py [--rounds 20] [--calls 5]

The same graph at 2 threads, batch 1, float32: through Detector.raw, and in an InferenceSession of its own, once as ONNX
Runtime sets it up by itself and once with our session options.
"""

import argparse
import tempfile
from pathlib import Path

from _sides import MODELS, Side, alternate, heading, models, report, serve, threads_here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="this one alone")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("cfg", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.cfg)
        return
    with tempfile.TemporaryDirectory(prefix="yolov2-") as folder:
        for name, cfg in models(Path(folder), only=options.model).items():
            heading(
                f"{name}: what does detect add to the bare runtime's forward pass?", threads=threads_here(), batch=1
            )
            sides = [Side(side, cfg) for side in ("onnxruntime", "onnxruntime, no spinning", "yolov2")]
            alternate(sides, rounds=options.rounds, calls=options.calls)
            report(sides, base="onnxruntime")


def run_side(name: str, cfg: Path) -> None:
    import numpy as np

    from yolov2.backends.onnxruntime_backend import import_runtime
    from yolov2.detect.detector import Detector
    from yolov2.detect.model_files import find_model
    from yolov2.detect.models import load_model
    from yolov2.graph.build import build_graph

    model = load_model(find_model(cfg))
    given = model.network.input
    images = np.random.default_rng(0).random((1, given.channels, given.height, given.width), np.float32)
    if name == "yolov2":
        detector = Detector(model.network, model.weights, names=model.names, threads=threads_here())
        serve(lambda: detector.raw(images))
        return
    onnxruntime = import_runtime()
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = threads_here()
    session_options.inter_op_num_threads = 1
    if "no spinning" in name:
        session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = build_graph(model.network, model.weights).SerializeToString()
    session = onnxruntime.InferenceSession(graph, session_options, providers=["CPUExecutionProvider"])
    serve(lambda: session.run(None, {"images": images}))


if __name__ == "__main__":
    main()
