"""Which number format a training multiplies in, by what the hardware has."""

from pathlib import Path

import torch


def chosen_precision(wanted: str, device: torch.device) -> str:
    """fp32, bf16 or fp16; "auto" is bf16 where the hardware has it."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if device.type == "cpu" and _has_bf16() else "fp32"


def _has_bf16(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bf16 faster than float32; one of which the system does not tell counts as not.

    With AMX it does, and AMD's with AVX-512 do. Intel's with AVX-512 alone do not: docs/benchmarks.md.
    """
    try:
        text = info.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    lines = (line.partition(":") for line in text.splitlines())
    said = {name.strip(): value.split() for name, _, value in lines}
    flags, vendor = said.get("flags", []), said.get("vendor_id", [])
    return "amx_bf16" in flags or ("avx512_bf16" in flags and vendor == ["AuthenticAMD"])
