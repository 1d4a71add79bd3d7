"""How long does a whole process take from its start to a written picture, beyond importing numpy, cv2 and onnxruntime?

    python benchmarks/cold_start.py [--rounds 10]

Target: YOLO-LITE at most 0.7 s more; `--help` under 0.3 s. With an empty cache of prepared networks, with a filled one,
and without. Every call is a fresh process; files are in the system's cache after the first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from _sides import MODELS, heading, models, report, threads_here


@dataclass
class Command:
    """One side: a command that is run to its end, and what is cleared away before it."""

    name: str
    words: list[str]
    clear: tuple[Path, ...] = ()
    times: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0
    start_s: float = 0.0  # nothing is kept running

    def run(self) -> None:
        for path in self.clear:
            shutil.rmtree(path, ignore_errors=True)
        start = time.perf_counter()
        child = subprocess.Popen(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        self.times.append(time.perf_counter() - start)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{self.name}: ended with status {child.returncode}")
        self.peak_mib = max(self.peak_mib, used.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="this one alone")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare, only=options.model)
        return
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        folder = Path(name)
        # Elsewhere: on Linux, the peak of a new process counts what its parent held when it was made
        subprocess.run([sys.executable, *sys.argv, "--prepare", str(folder)], check=True)
        picture, *cfgs = map(Path, (folder / "prepared").read_text().splitlines())
        imports = "import numpy, cv2, onnxruntime"
        sides = [
            Command(imports, [sys.executable, "-c", imports]),
            Command("yolov2 --help", [sys.executable, "-m", "yolov2", "--help"]),
        ]
        for cfg in cfgs:
            model = next(name for name in MODELS if name in (cfg.stem, cfg.parent.name))
            filled, empty, out = folder / f"filled-{model}", folder / f"empty-{model}", folder / f"out-{model}"
            words = [sys.executable, "-m", "yolov2", "detect", str(picture), "-m", str(cfg), "-o", str(out), "--force"]
            words += ["--threads", str(threads_here())]
            sides += [
                Command(f"{model}, no cache", [*words, "--no-cache"]),
                Command(f"{model}, empty cache", [*words, "--cache", str(empty)], clear=(empty,)),
                Command(f"{model}, cache", [*words, "--cache", str(filled)]),
            ]
        heading("How long does a whole process take, beyond its imports?", threads=threads_here(), picture="640x480")
        for number in range(options.rounds + 1):
            for side in sides:
                side.run()
                if number == 0:
                    side.times.clear()  # the first is there to fill caches
                    side.peak_mib = 0.0
        report(sides, base=imports)
        for side in sides[1:]:
            print(f"  {side.name}: {min(side.times) - min(sides[0].times):+.2f} s against the imports, best of each")


def prepare(folder: Path, *, only: str | None) -> None:
    """Make the picture and the models, and note down where they are."""
    from yolov2.evaluate.bench import make_pictures

    made = [*make_pictures(folder, count=1), *models(folder, only=only).values()]
    (folder / "prepared").write_text("\n".join(map(str, made)))


if __name__ == "__main__":
    main()
