"""How sped-up every moment of a video looks, in versions of it that run faster and faster, in one pass.

The frames of each version are gathered as they come. When there are enough of them, the network says of each how it
looks, given those around it; the frames are then let go, all but the few that the next ones need. What is kept of a
video is a handful of numbers per frame, so a video of any length is read in constant memory. No version looks across
a cut.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (versions at 1.25^i).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media.video_info import VideoInfo
from gestalt.tasks.speed.clips import as_input
from gestalt.tasks.speed.footage import RATE, Frame, Ticks, even_step, with_following
from gestalt.tasks.speed.speednet import SpeedNet

Floats = NDArray[np.float64]

FEWEST = 4
"""Frames of a shot in a version from which on the network is asked about it, and over which its answers are averaged at
least."""

LEAST_SIDE = 32
"""Pixels that a side has at least when the network sees it, since S3D-G halves it five times."""

STILL = 2.5
"""Grey levels of `change` above which something moves."""

PLACE, BUSY, USUAL = 3, 0.01, 2.5
"""Of `change`: pixels across a place, part of the places that must change, and how many times the median change of all
places noise exceeds there at most."""


class Scores(NamedTuple):
    """What is known of a video of N frames.

    times: (N + 1,) when each begins, and the end, in seconds.
    cuts: frames that begin a shot, but the first.
    factors: (K,) how fast the versions run, growing.
    logits: (K, N) of K versions: above 0 it looks sped-up.
    moving: (N,) whether anything moves.
    """

    times: Floats
    cuts: tuple[int, ...]
    factors: tuple[float, ...]
    logits: Floats
    moving: NDArray[np.bool_]

    def at(self, factor: float) -> Floats:
        """(N,) logits at a speed between those of the versions, beyond them those of the last."""
        x = np.log(self.factors)
        place = float(np.interp(np.log(factor), x, np.arange(len(x))))
        low = int(place)
        high = min(low + 1, len(x) - 1)
        return self.logits[low] + (place - low) * (self.logits[high] - self.logits[low])


class Version:
    """A video at one speed, as a network sees it; of every shot, the times of its frames and what is said of them.

    Args:
        net: that is asked.
        factor: of the speed.
        ask: what about: (1, 3, T, H, W) -> (T, ...); by default, how every frame looks.

    Attributes:
        times: of the frames of each shot.
        said: of each of these, not a number where a shot is too short.
    """

    def __init__(self, net: SpeedNet, factor: float, ask: Callable[[Tensor], Tensor] | None = None) -> None:
        self._net, self._ask = net, ask or net.over_time
        self._ticks = Ticks(factor / RATE)
        self._frames: list[NDArray[np.uint8]] = []
        self._done = 0  # of these, how many the network has spoken of
        self.times: list[list[float]] = [[]]
        self.said: list[list[NDArray[np.floating]]] = [[]]

    def offer(self, frame: Frame, following: float) -> bool:
        """Take a frame if it is one of this version; say whether it was."""
        if not self._ticks.takes(frame.time, following):
            return False
        self.times[-1].append(frame.time)
        self._frames.append(frame.pixels)
        if len(self._frames) >= self._net.piece:
            self._speak(len(self._frames) - self._net.context)
        return True

    def cut(self) -> None:
        """A new shot begins, or the video ends."""
        if self._frames:
            self._speak(len(self._frames))
        self._frames, self._done = [], 0
        self.times.append([])
        self.said.append([])

    def _speak(self, until: int) -> None:
        """Have the network say of frames up to a number how they look; keep those that the next ones need."""
        said = self._ask(as_clip(self._frames, self._net)).numpy()[self._done : until]
        self.said[-1] += list(said * np.nan if len(self.times[-1]) < FEWEST else said)
        let_go = max(0, until - self._net.context)
        self._frames, self._done = self._frames[let_go:], until - let_go

    def at(self, times: Floats, shots: NDArray[np.int64], window: int) -> Floats:
        """What was said of how frames look, averaged over a window, at moments of given shots, all (N,)."""
        result = np.full(len(times), np.nan)
        for n, (taken, said) in enumerate(zip(self.times, self.said, strict=True)):
            inside = shots == n
            if said:
                result[inside] = np.interp(times[inside], taken, averaged(np.array(said, np.float64), window))
        return result


def score(
    given: Iterable[Frame],
    net: SpeedNet,
    *,
    factors: Sequence[float],
    window: int,
    end: Callable[[], float | None] = lambda: None,
) -> Scores:
    """Look at a video once.

    Args:
        given: its frames.
        net: that is asked, ready to judge.
        factors: speeds of the versions, growing.
        window: frames of the first version over which what it says is averaged, and as long in the others.
        end: says, after the last frame, when that ends in seconds; if None, it lasts as long as the one before it.

    Raises:
        ValueError: there is no frame.
    """
    versions = [Version(net, factor) for factor in factors]
    times: list[float] = []
    shots: list[int] = []
    changed: list[float] = []  # of the frames that the first version has
    changed_at: list[float] = []
    seen: NDArray[np.uint8] | None = None
    for frame, following in with_following(given):
        times.append(frame.time)
        shots.append((shots[-1] if shots else 0) + frame.cut)
        seen = None if frame.cut else seen
        if show(frame, following, versions)[0]:
            if seen is not None:
                changed_at.append(frame.time)
                changed.append(change(seen, frame.pixels))
            seen = frame.pixels
    if not times:
        raise ValueError("there is no frame to look at")
    for version in versions:
        version.cut()
    at, of = np.array(times), np.array(shots)
    ended = end() or 0.0
    if ended <= at[-1]:
        ended = at[-1] + (at[-1] - at[-2] if len(at) > 1 else 1 / RATE)
    # A shot too short for a version is known by the next slower one; one too short for all looks like anything.
    logits = np.stack(
        [
            version.at(at, of, max(FEWEST, round(window / factor)))
            for version, factor in zip(versions, factors, strict=True)
        ]
    )
    for n in range(len(logits)):
        lacking = np.isnan(logits[n])
        logits[n, lacking] = logits[n - 1, lacking] if n else 0.0
    if changed:
        busy = averaged(np.array(changed), window)
        moving = np.interp(at, changed_at, busy) > STILL
    else:
        moving = np.zeros(len(at), bool)
    return Scores(
        np.append(at, ended), tuple(int(n) for n in np.flatnonzero(np.diff(of)) + 1), tuple(factors), logits, moving
    )


def show(frame: Frame, following: float, versions: Sequence[Version]) -> list[bool]:
    """Show every version a frame, knowing when the next one comes; say which of them take it."""
    if frame.cut:
        for version in versions:
            version.cut()
    return [version.offer(frame, following) for version in versions]


def as_clip(frames: Sequence[NDArray[np.uint8]], net: SpeedNet) -> Tensor:
    """Frames (H, W, 3) as (1, 3, T, H, W) in [-1, 1] where the network is, sides of `LEAST_SIDE` pixels at least."""
    return as_input(np.stack(frames), LEAST_SIDE).to(net.bias.device)


def even_factors(factors: Sequence[float], info: VideoInfo) -> tuple[float, ...]:
    """Those nearest to some factors at which frames of a video can be taken evenly, each once."""
    return tuple(sorted({round(RATE * even_step(factor / RATE, info), 9) for factor in factors}))


def averaged(values: Floats, window: int) -> Floats:
    """The mean of each value and those around it, `window` in all; of as many as there are at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    n = np.arange(len(values))
    low = np.clip(n - window // 2, 0, None)
    high = np.clip(n - window // 2 + window, None, len(values))
    return (sums[high] - sums[low]) / (high - low)


def change(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """By how many grey levels what moves from one frame to the next exceeds what noise does.

    Of small places, averaged so that little noise is left, either a few change much more than the usual one, as where
    something moves; or the usual one does, as where the camera moves.
    """
    changes = np.abs(places(one) - places(other)).max(2)
    usual = float(np.median(changes))
    return max(float(np.quantile(changes, 1 - BUSY)) - USUAL * usual, usual - STILL)


def places(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colour of every place of (H, W, 3); of frames smaller than one, every pixel's."""
    levels = pixels.astype(np.float32)
    height, width = (side // PLACE for side in levels.shape[:2])
    if min(height, width) < 1:
        return levels
    return levels[: height * PLACE, : width * PLACE].reshape(height, PLACE, width, PLACE, 3).mean((1, 3))
