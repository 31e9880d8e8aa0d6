"""Which device computes, and on how many threads."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import torch

T = TypeVar("T")


def choose(device: str, kinds: Sequence[str] = ("cuda", "mps", "cpu")) -> torch.device:
    """Return the device that `device` names; nothing ever falls back silently.

    Args:
        device: auto, cpu, cuda, cuda:N or mps. The caller prints what auto chose.
        kinds: of devices to choose from, best first; auto takes the first that this machine has.

    Raises:
        ValueError: If the name is unknown, this machine has no such device, or it is not among the kinds.
    """
    if device == "auto":
        has = {"cuda": torch.cuda.is_available, "mps": _has_mps, "cpu": lambda: True}
        return torch.device(next(kind for kind in kinds if has[kind]()))
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", device):
        raise ValueError(f"unknown device {device!r}: expected auto, cpu, cuda, cuda:N or mps")
    chosen = torch.device(device)
    if chosen.type == "mps" and not _has_mps():
        raise ValueError("this machine has no mps device; use --device auto or cpu")
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise ValueError(f"this machine has no usable CUDA device for {device!r}; use --device auto or cpu")
        if (chosen.index or 0) >= count:
            raise ValueError(f"there is no {device}: this machine's CUDA devices are cuda:0 to cuda:{count - 1}")
    if chosen.type not in kinds:
        raise ValueError(f"this runs on {' or '.join(kinds)}, not on {chosen}: use --device auto")
    return chosen


def use_threads(count: int) -> None:
    """Let torch and the numba kernels use `count` threads; the count changes float sums, so a run stores it.

    Raises:
        ValueError: If `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"the number of threads must be at least 1, but {count} was asked for")
    import numba

    most: int = numba.config.NUMBA_NUM_THREADS  # pyright: ignore
    numba.set_num_threads(min(count, most))  # numba cannot exceed what it started with
    torch.set_num_threads(count)  # last: where they share OpenMP, numba's first call gives torch all cores back


FEW_PIXELS = 48 * 48
"""Up to which a lane has one thread."""


class Lanes:
    """Two independent pieces of work at once, each on half of the threads; a context manager.

    Two small networks side by side lose less to waiting than one network on two threads. On one thread or on a GPU
    they run one after another; the results are the same as side by side.

    Args:
        device: where they compute.
        pixels: of the pictures at work; on few of them more than one thread a lane would wait more than it works.
    """

    def __init__(self, device: torch.device, pixels: int) -> None:
        self._threads = torch.get_num_threads()
        self._are_two = device.type == "cpu" and self._threads > 1
        self._half = self._threads // 2 if self._are_two else self._threads
        if device.type == "cpu" and pixels <= FEW_PIXELS:
            self._half = 1

    def __enter__(self) -> Self:
        torch.set_num_threads(self._half)
        start = functools.partial(torch.set_num_threads, self._half)
        self._pool = ThreadPoolExecutor(1, initializer=start) if self._are_two else None
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool:
            self._pool.shutdown()
        torch.set_num_threads(self._threads)

    def both(self, function: Callable[..., T], first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[T, T]:
        """`function(*first)` and `function(*second)`."""
        if self._pool is None:
            return function(*first), function(*second)
        other = self._pool.submit(function, *second)
        try:
            mine = function(*first)
        finally:
            theirs = other.result()
        return mine, theirs


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
