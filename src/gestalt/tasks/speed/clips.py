"""Clips of both classes from one scene or one stretch of a video, so that nothing but the speed can tell them apart.

Of frames at 25 a second, each is skipped with probability 1 - 1/f until T are left: f is drawn from 1 to 1.2 for a
normal clip and from 1.7 to 2.2 for a sped-up one. Skips are random, so no stride can be learned; both classes skip.
Both clips of a pair come from the same place, of the same size, and lie in the same batch, so what is seen says nothing
of the class. Shutter, shake and noise are drawn for each clip by itself.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the sampling).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt.drawn.motion import scene

RATE = 25.0
"""Frames a second of what is sampled."""

NORMAL, SPED_UP = (1.0, 1.2), (1.7, 2.2)
"""Of f."""

SHAKE = 0.01
"""Largest deviation of a drawn camera's place, as a part of the side."""


class Pair(NamedTuple):
    """Clips of one scene, (T, H, W, 3) uint8, sRGB."""

    normal: NDArray[np.uint8]
    sped_up: NDArray[np.uint8]


def skipping(count: int, factor: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """Which frames are left of a stretch, (count,) growing from 0 on: on average every `factor`-th."""
    steps = chance.geometric(1 / factor, count - 1)  # frames to the next that is not skipped
    return np.concatenate([[0], np.cumsum(steps)])


def drawn_pair(kinds: Sequence[str], seed: int, *, count: int = 16, side: int = 48, spread: float = 0.25) -> Pair:
    """Both clips of a drawn scene of one of some kinds.

    Args:
        kinds: of `drawn.motion`, one of which is taken.
        seed: of the scene and of all chance.
        count: of frames.
        side: in pixels.
        spread: deviation of the logarithm of how large a metre looks.
    """
    chance = np.random.default_rng((seed, 11))
    given = scene(kinds[int(chance.integers(len(kinds)))], seed, spread=spread)
    begin = chance.uniform(0, 20)
    made = []
    for take, factors in enumerate((NORMAL, SPED_UP)):
        times = begin + skipping(count, float(chance.uniform(*factors)), chance) / RATE
        shutter, shake = chance.uniform(0, 1), chance.uniform(0, SHAKE)
        made.append(given.frames(times, side, shutter=float(shutter), shake=float(shake), take=take))
    return Pair(*made)
