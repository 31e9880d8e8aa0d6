"""Differences of two rows of the same seeds, for the benchmarks of `gestalt classify`."""

import statistics
from collections.abc import Mapping, Sequence

from scipy import stats


def differences(mine: Mapping[int, float], base: Mapping[int, float]) -> list[float]:
    """In points, of the seeds that both rows have."""
    return [100 * (mine[seed] - base[seed]) for seed in sorted(set(mine) & set(base))]


def interval(apart: Sequence[float]) -> str:
    """The mean of some differences and its 95 % interval by Student's t; nothing of fewer than two."""
    if len(apart) < 2:
        return ""
    mean = statistics.mean(apart)
    half = float(stats.t.ppf(0.975, len(apart) - 1)) * statistics.stdev(apart) / len(apart) ** 0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"
