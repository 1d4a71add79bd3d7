"""Fixtures and the golden count.

What lies in `../shared` is used where it is there; elsewhere its tests are skipped with a reason.
"""

import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for the tests that use onnxruntime without our backend
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; torch, NumPy and their children read these at import
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Two shared cores: time says nothing. A gate gives the same answer twice, a developer's run explores.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
CACHE = user_cache_path("yolov2") / "tests"
MIB = 1 << 20
NOBODY = 65534


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference outputs, models and data beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the repository: its reference outputs, models and data are not here")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The folder of Darknet's own outputs; MANIFEST.md in it says what each file holds."""
    return shared / "golden"


@pytest.fixture(scope="session")
def small_golden() -> Path:
    """The folder of small reference arrays that the repository itself holds."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def golden_with(request: pytest.FixtureRequest, small_golden: Path) -> Callable[[str], Path]:
    """A function: a file of the golden data -> the golden folder to read it from, the repository's own if it is there."""

    def folder(name: str) -> Path:
        return small_golden if (small_golden / name).is_file() else request.getfixturevalue("golden")

    return folder


@pytest.fixture(scope="session")
def recipe(small_golden: Path) -> ModuleType:
    """The module that rebuilds weights, inputs and pictures of the golden data from their seeds."""
    path = small_golden / "recipe.py"
    module = ModuleType("golden_recipe")
    module.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # not imported: that would write beside it
    return module


@pytest.fixture(scope="session")
def unpacked(shared: Path) -> Callable[[str], Path]:
    """A function: the name of a folder of `shared` -> the same folder with its .tar, .tar.gz and .xz files unpacked."""

    def folder(name: str) -> Path:
        return _unpacked_once(shared / name)

    return folder


@pytest.fixture(scope="session")
def models(unpacked: Callable[[str], Path]) -> Path:
    """The folder of real trained networks: `yolo-lite`, `yolov2-tiny-voc-352x288`, and Darknet's own .cfg files."""
    return unpacked("models")


@pytest.fixture(scope="session")
def voc_pictures(unpacked: Callable[[str], Path]) -> list[Path]:
    """The VOC2007 photographs, in order of their number."""
    return sorted(unpacked("data/voc2007").glob("VOC2007/JPEGImages/*.jpg"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may enter and write into; pytest keeps its own to their user."""
    with tempfile.TemporaryDirectory(prefix="yolov2-test-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        for path in [folder, *folder.rglob("*")]:  # what a test locked can't be removed by a user without rights
            path.chmod(0o777)


@pytest.fixture
def without_rights() -> Callable[[], AbstractContextManager[None]]:
    """`with without_rights():` a block that file permissions bind, whoever runs the tests; they don't bind root."""
    return _as_nobody


@contextmanager
def _as_nobody() -> Generator[None]:
    if os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _unpacked_once(source: Path) -> Path:
    """The unpacked twin of `source` in the cache, made if missing. Workers that make it together do not meet."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    home = CACHE / f"{source.name}-{_key(source, files)}"
    if home.is_dir():
        return home
    CACHE.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=CACHE, prefix=f"{source.name}-draft-"))
    for path in files:
        _unpack(path, draft / path.relative_to(source))
    try:
        draft.rename(home)
    except OSError:
        if not home.is_dir():
            raise
        shutil.rmtree(draft)  # another worker was quicker
    return home


def _key(source: Path, files: list[Path]) -> str:
    """The name of this content in the cache, from names, lengths, first and last MiB; all of it would be slow."""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(source)} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(MIB))
            file.seek(max(0, size - MIB))
            digest.update(file.read(MIB))
    return digest.hexdigest()[:16]


def _unpack(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".tar", ".tar.gz")):
        with tarfile.open(path) as archive:
            archive.extractall(target.parent, filter="data")
    elif path.suffix == ".xz":
        with lzma.open(path) as packed, target.with_suffix("").open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        shutil.copyfile(path, target)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-golden", action="store_true", help="fail if a golden test was skipped")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark golden tests in what they report, which also travels from an xdist worker to the terminal."""
    for item in items:
        if item.get_closest_marker("golden") and not item.get_closest_marker("gpu"):
            item.user_properties.append(("golden", True))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device that torch can use")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    ran, skipped = _golden_counts(terminalreporter)
    refused = bool(skipped) and config.getoption("--require-golden")
    terminalreporter.write_line(f"golden: {ran} ran, {skipped} skipped" + (", none may be" if refused else ""))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --require-golden, turn a run that skipped golden tests into a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--require-golden"):  # an xdist worker has no terminal
        return
    if _golden_counts(reporter)[1] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _golden_counts(reporter: pytest.TerminalReporter) -> tuple[int, int]:
    """How many golden tests ran, and how many were skipped."""
    tests: dict[str, set[str]] = {"ran": set(), "skipped": set()}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in reporter.stats.get(outcome, ()):
            if dict(getattr(report, "user_properties", ())).get("golden"):
                tests["skipped" if outcome == "skipped" else "ran"].add(report.nodeid)
    return len(tests["ran"]), len(tests["skipped"])
