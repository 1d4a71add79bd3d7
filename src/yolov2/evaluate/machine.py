"""Where a number was measured: processor, cores, system, versions. Imports none of the packages it names."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from yolov2 import __version__

PACKAGES = ("numpy", "onnxruntime", "onnx", "opencv-python-headless", "pillow", "av", "torch")
# What decides which kernels a runtime takes, as /proc/cpuinfo spells it
FLAGS = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "sve",
)


def machine() -> dict[str, Any]:
    """The processor, its flags, cores this process may use, memory in GiB, system, load of the last minute."""
    cpu, flags = _cpu()
    return {
        "cpu": cpu,
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str | None]:
    """Versions by package, None for what is not installed."""
    return {"yolov2": __version__, "python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> tuple[str, set[str]]:
    """The processor's name and flags; what the platform says where there is no /proc."""
    listed: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else ():
        key, _, value = line.partition(":")
        listed.setdefault(key.strip(), value.strip())
    name = listed.get("model name") or platform.processor() or platform.machine()
    return name, set((listed.get("flags") or listed.get("Features") or "").split())


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
