"""What every way of finding defects answers, and how several answers become one."""

from typing import NamedTuple, Protocol

from torch import Tensor

WORST = 0.01
"""Part of a map whose mean is the score of a picture, where a scorer has no better."""


class Judged(NamedTuple):
    """What is thought of a picture; higher is more anomalous.

    score: of the whole.
    map: (1, 1, H, W), of each of its pixels, in units of the scorer.
    """

    score: float
    map: Tensor


class Scorer(Protocol):
    """Something that was fitted to good pictures."""

    def judge(self, picture: Tensor) -> Judged:
        """What is thought of (1, 3, H, W) in [-1, 1], of any size."""
        ...


def worst(values: Tensor, part: float = WORST) -> float:
    """The mean of the highest part of some values, of one at least."""
    count = max(1, int(part * values.numel()))
    return float(values.flatten().topk(count).values.mean())
