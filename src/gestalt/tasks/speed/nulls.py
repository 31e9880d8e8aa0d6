"""What needs no network to tell normal from sped-up: how much changes from frame to frame."""

import numpy as np
from numpy.typing import NDArray

from gestalt.tasks.speed.clips import Clip, Source
from gestalt.tasks.speed.training import TESTED

Floats = NDArray[np.float64]


def amount(clip: Clip) -> float:
    """Mean change of a pixel from one frame to the next, in grey levels."""
    return float(np.abs(np.diff(clip.astype(np.int16), axis=0)).mean())


def amounts(source: Source, *, count: int, frames: int, side: int, first: int = TESTED) -> Floats:
    """(N, 2) for normal and sped-up clips of the pairs that `training.told_apart` asks about."""
    pairs = (source.pair(n, frames, side) for n in range(first, first + count))
    return np.array([[amount(clip) for clip in pair] for pair in pairs])


def best_threshold(found: Floats) -> float:
    """The amount from which on to say sped-up so that most of (N, 2) is told right."""
    values = np.sort(found.ravel())
    right = [(found[:, 0] < value).mean() + (found[:, 1] >= value).mean() for value in values]
    return float(values[int(np.argmax(right))])
