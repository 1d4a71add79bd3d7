"""Facts about the house: what the front door shows, and what walking through it costs."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import yolov2

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "onnxruntime", "onnx", "numpy", "cv2", "PIL", "av")
HELP = """
import runpy
sys.argv = ["yolov2", "--help"]
try:
    runpy.run_module("yolov2", run_name="__main__")
except SystemExit as end:
    assert not end.code
"""
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work|tmp)/\w|[A-Z]:\\Users")
REGISTRY = re.compile(r"--(?:extra-)?index-url|pypi\.org|download\.pytorch\.org|files\.pythonhosted")


def loaded_by(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter holds after running `code`."""
    probe = f"import sys\n{code}\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    return set(child.stdout.splitlines()[-1].removeprefix("loaded:").split())


def source_files() -> list[Path]:
    """Every text file that the project is made of, but for the tests, which invent paths on purpose."""
    folders = [path for name in ("src", "benchmarks", "docs", "examples") for path in (ROOT / name).rglob("*")]
    top = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.txt"), ROOT / "Makefile", ROOT / ".ci" / "run"]
    text = {".py", ".md", ".toml", ".txt", ".cfg", ".names", ""}
    return [path for path in folders + top if path.is_file() and path.suffix in text]


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import yolov2") == set()


def test_help_loads_nothing_heavy():
    assert loaded_by(HELP) == set()


@pytest.mark.parametrize("name", yolov2.__all__)
def test_every_public_name_resolves(name):
    assert getattr(yolov2, name) is not None


def test_a_name_the_package_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'yolov2' has no attribute 'readNet'$"):
        _ = yolov2.readNet


def test_dir_shows_every_public_name():
    assert set(yolov2.__all__) <= set(dir(yolov2))


def test_only_the_headless_opencv_is_installed():
    names = {dist.name.lower().replace("_", "-") for dist in importlib.metadata.distributions()}
    assert {name for name in names if name.startswith("opencv")} == {"opencv-python-headless"}


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY], ids=["path", "registry"])
def test_no_source_file_names_a_machine(pattern):
    hits = [(str(path.relative_to(ROOT)), pattern.search(path.read_text())) for path in source_files()]
    assert [(name, hit[0]) for name, hit in hits if hit] == []


def test_every_room_says_what_it_knows_and_holds_no_code():
    rooms = sorted((ROOT / "src" / "yolov2").glob("*/__init__.py"))
    rooms = [path for path in rooms if path.parent.name != "opencv"]  # which hands on the names of another package
    assert len(rooms) >= 11
    assert [str(path) for path in rooms if not re.fullmatch(r'"""[^"]{20,}"""\n', path.read_text())] == []
