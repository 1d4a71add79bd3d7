"""A foreign .pth or .pt -> plain tensors in a safetensors file. Runs as a process of its own: knows torch, not yolov2.

`python -P foreign_child.py SOURCE TARGET MEMORY`, with MEMORY in bytes beyond what torch itself takes. Standard output
is one line of JSON: {"names": [...]} of the tensors 0, 1, ... in TARGET, or {"found", "expected", "repair"}.
torch.load is asked for tensors alone, by a torch that is sure to keep to it; there is no other way in.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

OLDEST_TORCH = (2, 10)  # earlier ones have known ways around weights_only
EXPECTED = "a state dict of tensors, as torch.save(model.state_dict(), FILE) writes"
SAVE_AGAIN = "save model.state_dict() with the program that trained it"
# Where training loops put the state dict among other things, likeliest first.
NESTED = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module")


class Refusal(Exception):
    """What stands in the way, as found, expected and repair."""


def main() -> None:
    source, target, memory = sys.argv[1:]
    try:
        torch = _torch()
        _limit_memory(int(memory))
        answer: dict[str, Any] = {"names": _convert(torch, source, target)}
    except Refusal as refusal:
        answer = dict(zip(("found", "expected", "repair"), refusal.args, strict=True))
    print(json.dumps(answer))  # noqa: T201 - a pipe to the process that asked


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise Refusal("no package torch", "torch of 2.10 or later", "pip install 'yolov2[train]'") from None
    version = re.match(r"(\d+)\.(\d+)", torch.__version__)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_TORCH:
        expected = "2.10 or later, which opens files of strangers safely"
        raise Refusal(f"torch {torch.__version__}", expected, "pip install 'torch>=2.10'")
    return torch


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes beyond what it has now, where the system can count them."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass  # not Linux, or a lower limit stands already; the limit of time remains


def _convert(torch: Any, source: str, target: str) -> list[str]:
    """Write the tensors of `source` into `target` as float32 and return what they are called, in the file's order."""
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    try:
        state = _find_state(torch, _load(torch, source))
        arrays = {name: _array(torch, name, tensor) for name, tensor in state.items() if tensor.is_floating_point()}
        save_file({str(index): array for index, array in enumerate(arrays.values())}, target)
        return list(arrays)
    except (MemoryError, RuntimeError) as wrong:
        if not isinstance(wrong, MemoryError) and "memory" not in str(wrong):
            raise Refusal(f"tensors that can't be read ({_shortened(wrong)})", EXPECTED, SAVE_AGAIN) from None
        found = "more numbers than its length allows for"
        raise Refusal(found, "numbers that are all in the file", "take another file") from None


def _load(torch: Any, source: str) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as wrong:  # noqa: BLE001 - KeyError, EOFError, IndexError, ...: for a bad file torch raises anything
        raise _explained(wrong, source) from None


def _explained(wrong: Exception, source: str) -> Refusal:
    """What an error of torch.load means for the person with the file."""
    text = str(wrong)
    if "not enough memory" in text or "allocate memory" in text:
        raise MemoryError
    name = re.search(r"GLOBAL ([\w.]+)", text)
    if name:
        return Refusal(f"a pickled object ({name[1]}), which could run code", EXPECTED, SAVE_AGAIN)
    if "TorchScript" in text:
        return Refusal("a TorchScript program", EXPECTED, SAVE_AGAIN)
    with open(source, "rb") as file:
        first = file.read(4)
    if not first:
        return Refusal("an empty file", EXPECTED, "copy it again")
    if first == b"PK\x03\x04" or (first[:1] == b"\x80" and isinstance(wrong, (EOFError, RuntimeError))):
        return Refusal(f"a damaged file of torch.save ({type(wrong).__name__})", EXPECTED, "copy it again")
    return Refusal(f"no file of torch.save ({type(wrong).__name__})", EXPECTED, "check the path, or copy it again")


def _find_state(torch: Any, loaded: Any, depth: int = 2) -> dict[str, Any]:
    """The tensors by name: of the file itself, or of the one mapping in it that training would have put them into."""
    if not isinstance(loaded, Mapping):
        raise Refusal(f"an object of {type(loaded).__name__}", EXPECTED, SAVE_AGAIN)
    fields = cast(Mapping[Any, Any], loaded)
    for name in NESTED if depth else ():
        if isinstance(fields.get(name), Mapping):
            return _find_state(torch, fields[name], depth - 1)
    state = {str(name): value for name, value in fields.items() if isinstance(value, torch.Tensor)}
    if not any(tensor.is_floating_point() and tensor.dim() for tensor in state.values()):
        names = ", ".join(sorted(map(str, fields))[:8]) or "nothing"
        raise Refusal(f"no tensors, but {names}", EXPECTED, SAVE_AGAIN)
    return state


def _array(torch: Any, name: str, tensor: Any) -> Any:
    """The numbers of a tensor as an array of float32."""
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise Refusal(f"a sparse or quantised tensor, {name}", "plain tensors", "save it without quantisation")
    return tensor.detach().to(torch.float32).contiguous().numpy()


def _shortened(wrong: Exception) -> str:
    return (str(wrong).strip().splitlines() or [type(wrong).__name__])[0][:100]


if __name__ == "__main__":
    main()
