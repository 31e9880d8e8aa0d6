"""What needs no network: how much changes from frame to frame, for speed, and which colours are seen, for actions."""

import numpy as np
from numpy.typing import NDArray

from gestalt.tasks.speed.clips import Clip, Source
from gestalt.tasks.speed.training import FIRST_TESTED

Floats = NDArray[np.float64]

LEVELS = 8
"""Of each colour channel in a histogram."""


def amount(clip: Clip) -> float:
    """Mean change of a pixel from one frame to the next, in grey levels."""
    return float(np.abs(np.diff(clip.astype(np.int16), axis=0)).mean())


def amounts(source: Source, *, count: int, frames: int, side: int, first: int = FIRST_TESTED) -> Floats:
    """(N, 2) for normal and sped-up clips of the pairs that `training.told_apart` asks about."""
    pairs = (source.pair(n, frames, side) for n in range(first, first + count))
    return np.array([[amount(clip) for clip in pair] for pair in pairs])


def best_threshold(found: Floats) -> float:
    """The amount from which on to say sped-up so that most of (N, 2) is told right."""
    values = np.sort(found.ravel())
    return float(values[int(np.argmax([told_right(found, value) for value in values]))])


def told_right(found: Floats, threshold: float) -> float:
    """The part of both classes, of (N, 2), that is told right by saying sped-up from a threshold on."""
    return float(((found[:, 0] < threshold).mean() + (found[:, 1] >= threshold).mean()) / 2)


def ranked_right(found: Floats) -> float:
    """The part of pairs, (N, 2), whose sped-up clip has more."""
    return float((found[:, 1] > found[:, 0]).mean())


def colours(clip: Clip) -> NDArray[np.float32]:
    """The histogram of a clip's colours, (512,) of length 1: roots of the parts of all pixels that each colour has.

    The product of two is the Bhattacharyya coefficient of the histograms: 1 where they are equal, 0 where they share
    no colour.
    """
    levels = (clip.reshape(-1, 3) // (256 // LEVELS)).astype(np.int64) @ np.array([LEVELS**2, LEVELS, 1])
    return np.sqrt(np.bincount(levels, minlength=LEVELS**3) / len(levels)).astype(np.float32)
