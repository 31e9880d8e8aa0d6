"""What every scorer of this task is: a thing that judges a picture, made by a function `fit_<name>` from good ones."""

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gestalt.ops.resize import resize


class Judged(NamedTuple):
    """How unlike the good pictures one is; higher is more anomalous, in the scorer's own unit.

    Attributes:
        score: of the whole picture.
        map: (1, 1, H, W) of the picture's size, on its device: the same, place by place.
    """

    score: float
    map: Tensor


class Scorer(Protocol):
    """Judges pictures of one kind, one by one: what it says of one does not depend on others before it."""

    def judge(self, image: Tensor) -> Judged:
        """How unlike the good pictures this one is.

        Args:
            image: (1, 3, H, W) in [-1, 1], any size.

        Returns:
            The score, and a map of the picture's size.
        """
        ...


class FromTensors(ABC):
    """A scorer whose judgement stays tensors until it is asked for, so that it can be part of an exported graph."""

    @abstractmethod
    def judged(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Score, (), and map, (1, 1, H, W), of (1, 3, H, W) in [-1, 1]."""

    @torch.no_grad()
    def judge(self, image: Tensor) -> Judged:
        """How unlike the good pictures this one is, as `Scorer`.

        Raises:
            ValueError: it is a strip, which critics do not take.
        """
        score, map_ = self.judged(image)
        return Judged(float(score), map_)


def top_mean(values: Tensor, share: float) -> Tensor:
    """Mean of the largest part of all values, `share` of them rounded down, and one at least; ()."""
    count = max(1, math.floor(share * values.numel() + 1e-9))
    return values.flatten().topk(count).values.mean()


def spread_of(scores: Sequence[float], expected: float, worth: float) -> float:
    """Deviation of a few scores; one that is `expected` counts as `worth` more of them, so that two do not decide."""
    mean = statistics.mean(scores)
    squares = math.fsum((score - mean) ** 2 for score in scores)
    return math.sqrt((squares + worth * expected**2) / (len(scores) - 1 + worth))


def even(image: Tensor, score: float) -> Judged:
    """A judgement of the whole picture (1, 3, H, W): its map says nothing of where."""
    return Judged(score, image.new_full((1, 1, *image.shape[2:]), score))


def spread(map_: Tensor, image: Tensor) -> Tensor:
    """A map (1, 1, h, w) of distances at the size of a picture (1, 3, H, W); none falls below 0 by overshoot."""
    return resize(map_, image.shape[2:]).clamp_min(0)
