"""ONNX Runtime on the CPU, in exact float32: the default backend. It hands over graphs that `graph/` writes."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.backends.graph_cache import graph_key, prepared
from yolov2.darknet.weights import Weights
from yolov2.errors import BackendError, Yolov2Warning
from yolov2.network.spec import Network

Floats = NDArray[np.float32]
Session = Any  # onnxruntime.InferenceSession; the package ships no types
Options = Any  # onnxruntime.SessionOptions

PROVIDERS = ["CPUExecutionProvider"]  # named: no surprises on machines with a GPU
ERRORS_ONLY = 3  # log severity
LARGE = 16 * 2**20  # bytes of weights from which they go by files: half the time and memory of a graph in memory
INPUT, GRAPH = "images", "graph.onnx"


class OnnxRuntimeBackend:
    """Runs a network with ONNX Runtime at the network's own size, as far as the raw head; any batch, any thread.

    threads: that one call computes with; None leaves the choice to ONNX Runtime.
    cache: a folder that keeps the prepared graph; opening it again takes a fraction of the time and memory.
    Raises BackendError if the package is not installed or refuses the graph.
    """

    name = "onnxruntime"

    def __init__(
        self, network: Network, weights: Weights, *, threads: int | None = None, cache: Path | None = None
    ) -> None:
        runtime = import_runtime()
        self._shape = network.input.channels, network.input.height, network.input.width
        with _refusals():
            self._session: Session | None = (
                _prepared_now(runtime, network, weights, threads)
                if cache is None
                else _cached(runtime, network, weights, threads, cache)
            )

    def __call__(self, images: Floats) -> Floats:  # (B, C, H, W) -> (B, raw channels, rows, columns)
        session = self._session
        if session is None:
            raise ValueError("this backend is closed")
        if images.dtype != np.float32 or images.ndim != 4 or images.shape[1:] != self._shape:
            expected = f"float32 (B, {', '.join(map(str, self._shape))}), the size it was opened for"
            raise ValueError(f"images: found {images.dtype} {images.shape}, expected {expected}")
        with _refusals():
            return session.run(None, {INPUT: np.ascontiguousarray(images)})[0]

    def close(self) -> None:
        """Give its memory and threads back; a call that still runs ends well."""
        self._session = None


WHERE = f"backend {OnnxRuntimeBackend.name}"


def import_runtime() -> Any:
    """The onnxruntime package, told before its first import to send nothing. Raises BackendError if it is missing."""
    # From 1.32 on it reports its use over HTTPS and keeps an id of the machine in the cache, unless this variable is
    # set when it loads; `disable_telemetry_events` comes too late for the id.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as missing:
        repair = "pip install yolov2"
        raise BackendError.at(WHERE, found="no package", expected="onnxruntime", repair=repair) from missing
    return onnxruntime


def _prepared_now(runtime: Any, network: Network, weights: Weights, threads: int | None) -> Session:
    """A session of the network from its graph."""
    from yolov2.graph.build import build_graph, write_graph  # here: a cache that has the graph does without

    options = _options(runtime, threads)
    if sum(array.nbytes for layer in weights.layers for array in layer.values()) >= LARGE:
        with suppress(OSError), _passing_folder() as folder:  # on a full disk in memory, as if it were small
            write_graph(folder / GRAPH, network, weights)
            return runtime.InferenceSession(folder / GRAPH, options, PROVIDERS)
    return runtime.InferenceSession(build_graph(network, weights).SerializeToString(), options, PROVIDERS)


def _cached(runtime: Any, network: Network, weights: Weights, threads: int | None, cache: Path) -> Session:
    """A session of the graph as ONNX Runtime prepared it before, or prepares it now for the next time."""

    def prepare(folder: Path) -> None:
        _write_optimised(runtime, network, weights, folder)

    def load() -> Session:
        options = _options(runtime, threads)
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is already
        return runtime.InferenceSession(prepared(cache, key, prepare) / GRAPH, options, PROVIDERS)

    key = graph_key(network, weights, runtime=f"onnxruntime {runtime.__version__}")
    try:
        try:
            return load()
        except Exception as damaged:
            if not _is_refusal(damaged):
                raise
            shutil.rmtree(cache / key, ignore_errors=True)
            return load()
    except OSError as wrong:
        found, repair = wrong.strerror or str(wrong), "until then each start prepares the graph anew"
        warnings.warn(f"{cache}: found {found}, expected a folder to write to; {repair}", Yolov2Warning, stacklevel=4)
        return _prepared_now(runtime, network, weights, threads)


def _write_optimised(runtime: Any, network: Network, weights: Weights, folder: Path) -> None:
    """Write the graph as ONNX Runtime optimises it for this CPU; it maps the weights into memory from a second file."""
    from yolov2.graph.build import write_graph

    with _passing_folder(inside=folder) as plain:
        write_graph(plain / GRAPH, network, weights)
        options = _options(runtime, threads=1)
        options.optimized_model_filepath = str(folder / GRAPH)
        prefix = "session.optimized_model_external_initializers_"
        options.add_session_config_entry(f"{prefix}file_name", f"{GRAPH}.data")
        options.add_session_config_entry(f"{prefix}min_size_in_bytes", "1024")
        runtime.InferenceSession(plain / GRAPH, options, PROVIDERS)


@contextmanager
def _passing_folder(inside: Path | None = None) -> Generator[Path]:
    """A folder that goes away; where the system keeps files that are open, as Windows does, with its next cleaning."""
    with tempfile.TemporaryDirectory(prefix="yolov2-", dir=inside, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _options(runtime: Any, threads: int | None) -> Options:
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.inter_op_num_threads = 1
    # A worker that spins while it waits takes the core that reads the next picture: on two busy cores a small network's
    # median doubles. On two idle ones sleeping costs it a tenth, and a large network nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


@contextmanager
def _refusals() -> Generator[None]:
    """Turn what ONNX Runtime raises, exceptions of no common kind, into BackendError."""
    try:
        yield
    except Exception as wrong:
        if not _is_refusal(wrong):
            raise
        said = " ".join(str(wrong).split())
        repair = "report this with the .cfg, or use backend torch"
        raise BackendError.at(WHERE, found=f"a refusal ({said})", expected="a result", repair=repair) from wrong


def _is_refusal(wrong: Exception) -> bool:
    return type(wrong).__module__.startswith("onnxruntime.")
