"""Making things ahead, by other threads, while something else is computed."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Made = TypeVar("Made")

AHEAD = 4
"""Things that are made or ready while one is used."""


def ahead(make: Callable[[int], Made], numbers: Iterable[int]) -> Iterator[Made]:
    """What is made of each number, in their order, some of them ahead by other threads.

    Args:
        make: depends on the number alone; several threads call it at once.
        numbers: as many as there are, or without end.

    Raises:
        Exception: what `make` raises, when its turn comes.
    """
    left = iter(numbers)
    with ThreadPoolExecutor(max_workers=max(1, min(8, (os.cpu_count() or 2) // 2))) as pool:
        waiting: list[Future[Made]] = [pool.submit(make, n) for n in islice(left, AHEAD)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(make, n) for n in islice(left, 1)]
        finally:
            for one in waiting:
                one.cancel()
