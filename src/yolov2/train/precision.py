"""Which number format a training multiplies in, by what the hardware has."""

import torch


def chosen_precision(wanted: str, device: torch.device) -> str:
    """fp32, bf16 or fp16; "auto" is bf16 where the hardware has it."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if device.type == "cpu" and _has_bf16() else "fp32"


def _has_bf16() -> bool:
    """Whether this processor multiplies bf16. One of which the system does not tell (Linux does) counts as without."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return any(line.startswith("flags") and ("avx512_bf16" in line or "amx_bf16" in line) for line in file)
    except OSError:
        return False
