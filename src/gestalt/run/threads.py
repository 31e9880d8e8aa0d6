"""How many cores this process may use, and how idle threads wait; both are asked before torch loads."""

from __future__ import annotations

import math
import os
from pathlib import Path


def passive_waiting() -> None:
    """Make idle OpenMP threads sleep instead of spinning; call before torch is imported.

    On small tensors spinning threads are up to 70 times slower as soon as another job takes a core.
    Values that the user has set stay.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")


def available_cores(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many cores this process may keep busy, given its affinity and its container's share."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    share = _container_share(cgroups, own)
    return cores if share is None else max(1, min(cores, math.ceil(share)))


def _container_share(cgroups: Path, own: Path) -> float | None:
    """Return the smallest CPU quota over this process, in cores; None without one (cgroup 2 or 1)."""
    shares = []
    for line in _read(own).splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            folder, names = cgroups, ("cpu.max",)
        elif "cpu" in controllers.split(","):
            folder, names = cgroups / "cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        else:
            continue
        # The whole chain counts. In a container the path may name folders of the host, missing here.
        group_path = folder / group.strip("/")
        for place in (group_path, *group_path.parents):
            numbers = " ".join(_read(place / name) for name in names).split()
            if len(numbers) == 2 and numbers[0].isdigit() and int(numbers[1]) > 0:  # "max" and -1 mean no quota
                shares.append(int(numbers[0]) / int(numbers[1]))
            if place == folder:
                break
    return min(shares, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
