"""Memory: whether what is asked for can fit this machine at all, and what it looks like where it did not."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/memory.max")
_FULL = re.compile(r"(can't|unable to|failed to) allocate|out of memory|not enough memory|storage size.*overflow", re.I)


def check(needed: float, advice: str) -> None:
    """See that this machine has that much memory; beyond it, the system may end the program without a word.

    Args:
        needed: about how many bytes.
        advice: what to ask for instead.

    Raises:
        ValueError: it has less.
    """
    there = total()
    if there is not None and needed > there:
        raise ValueError(
            f"this would take about {needed / 1e9:,.0f} GB of memory, and this machine has {there / 1e9:.0f}: {advice}"
        )


def total() -> int | None:
    """Bytes of memory that this process could have, all of it; None where the system does not say."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        found.append(int(_CGROUP.read_text()))
    with contextlib.suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def is_full(error: BaseException) -> bool:
    """Return whether `error` means that there was not enough memory, on the processor or on a GPU."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(_FULL.search(str(error))))
