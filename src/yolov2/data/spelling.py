"""Class names that mean the same and are spelled otherwise."""

from collections.abc import Iterable, Sequence

from yolov2.data.class_names import synonyms

RARE = 100  # times less often than the name it is near to: most likely a typing error


def key(name: str) -> str:
    """Equal for names that are one class: without case, blanks, signs and a plural s, and for other words for it."""
    return min(one.removesuffix("s") for one in synonyms(name))


def renames(classes: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """What each class is called among the known names, for those that are spelled otherwise there."""
    exact = frozenset(known)
    by_key = {key(name): name for name in reversed(known)}
    return {name: by_key[key(name)] for name in classes if name not in exact and key(name) in by_key}


def twins(counts: dict[str, int]) -> dict[str, str]:
    """Names that are another one of the same classes, spelled otherwise; to the one with the most boxes."""
    best: dict[str, str] = {}
    for name, count in counts.items():
        now = best.setdefault(key(name), name)
        if count > counts[now]:
            best[key(name)] = name
    return {name: best[key(name)] for name in counts if best[key(name)] != name}


def slips(counts: dict[str, int]) -> dict[str, str]:
    """Names of few boxes that one wrong letter makes of a name with very many: "RCB" among a thousand "RBC"."""
    found: dict[str, str] = {}
    for name, count in counts.items():
        near = [other for other, many in counts.items() if count and many >= RARE * count and is_slip(name, other)]
        if near:
            found[name] = max(near, key=lambda other: counts[other])
    return found


def is_slip(a: str, b: str) -> bool:
    """Whether two names differ by one letter that is wrong, missing or too many, or by two that changed places."""
    a, b = sorted((a, b), key=len)
    if a == b or len(b) - len(a) > 1 or len(a) < 2:
        return False
    start = next((i for i in range(len(a)) if a[i] != b[i]), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    swapped = a[start + 1 : start + 2] + a[start : start + 1] + a[start + 2 :]
    return a[start + 1 :] == b[start + 1 :] or swapped == b[start:]
