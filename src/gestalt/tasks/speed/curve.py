"""From how natural a video looks at several speeds to the speed of every frame, for a duration that is met exactly.

A network that tells normal from sped-up is asked about versions of the video that run X_i = 1.25^i times as fast, which
gives p_i(t), the probability that source frame t looks normal in version i. Faster never looks more natural, so

    p(t)    is made falling in i, by the nearest falling sequence (isotonic regression)
    V(t)    is where it crosses rho, interpolated in log X: the speed up to which frame t still looks normal
    c(t)    is how steeply it crosses, the confidence, 0.05 to 1

and the speed curve solves (`solver`) for the slowness u = 1 / S that is wanted, with weights by which an error
of a factor costs the same at any speed. With adaptivity k, V^k R^(1-k) is wanted instead of V: 0 is uniform speed R.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (versions and threshold; our objective and its solution differ, see `solver`).
    Barlow, Bartholomew, Bremner, Brunk: Statistical Inference under Order Restrictions. 1972 (isotonic regression).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt.tasks.speed.solver import problem, solve

Floats = NDArray[np.float64]

FACTORS: tuple[float, ...] = tuple(1.25**n for n in range(10))
"""Speeds of the versions."""

STEP = 1.25
"""From the slowest and the fastest version, within which half of the frames go from normal to sped-up."""

UNSURE = 0.05
"""Confidence of what the network knows nothing about."""


class Wanted(NamedTuple):
    """What the network says of every source frame, both (N,).

    speed: V, up to which it looks normal, from the slowest version to the fastest.
    confidence: from `UNSURE` to 1.
    """

    speed: Floats
    confidence: Floats


class Bounds(NamedTuple):
    """Between which speeds frames may run, from second `begin` to second `end` of the source."""

    begin: float
    end: float
    slowest: float
    fastest: float


def falling(p: Floats) -> Floats:
    """The falling sequence nearest to each column of (K, N), in the sum of squares.

    By its formula: at i the least, over starts a <= i, of the largest mean of p[a..b] over ends b >= i turned round.
    """
    count = len(p)
    sums = np.concatenate([np.zeros_like(p[:1]), p.cumsum(0)])
    best = np.full_like(p, np.inf)
    for first in range(count):
        # The largest mean from `first` to an end, seen from each i on: a running maximum from the far end.
        means = (sums[first + 1 :] - sums[first]) / np.arange(1, count - first + 1)[:, None]
        largest = np.maximum.accumulate(means[::-1])[::-1]
        best[first:] = np.minimum(best[first:], largest)
    return best


def wanted(p: Floats, rho: float, factors: Sequence[float] = FACTORS) -> Wanted:
    """Up to which speed every frame looks normal.

    Args:
        p: (K, N) probability of looking normal, of K versions.
        rho: where it is called normal, in (0, 1).
        factors: (K,) speeds of the versions, growing.

    Raises:
        ValueError: the shapes or ranges do not fit.
    """
    x = np.log(np.asarray(factors, np.float64))
    if p.ndim != 2 or len(p) != len(x) or len(x) < 2 or (np.diff(x) <= 0).any():
        raise ValueError(f"expected probabilities of {len(x)} growing speeds, two or more, got {p.shape}")
    if not 0 < rho < 1 or not np.isfinite(p).all():
        raise ValueError("expected finite probabilities and a threshold between 0 and 1")
    sure = falling(p)
    above = (sure > rho).sum(0)  # versions that look normal
    low, high = np.clip(above - 1, 0, None), np.clip(above, None, len(x) - 1)
    n = np.arange(p.shape[1])
    drop = sure[low, n] - sure[high, n]
    share = np.where(drop > 0, (sure[low, n] - rho) / np.where(drop > 0, drop, 1), 0)
    speed = np.exp(x[low] + np.clip(share, 0, 1) * (x[high] - x[low]))
    # What falls from 1 to 0 within two versions around the crossing is certain.
    before, after = np.clip(low - 1, 0, None), np.clip(high + 1, None, len(x) - 1)
    return Wanted(speed, np.clip(sure[before, n] - sure[after, n], UNSURE, 1))


def centred(speed: Floats, rate: float, lasts: Floats) -> Floats:
    """Speeds of frames that last so long, times one factor that gives the rate.

    Only their order within a video is reliable.
    """
    return speed * float((lasts / speed).sum() / lasts.sum()) * rate


def limit(logits: Floats, factors: Sequence[float] = FACTORS) -> float:
    """The logit from which on frames of a video, (K, N) of K versions, are called sped-up.

    It is 0, unless the network finds half of the frames sped-up in all versions, or normal in all: how natural it finds
    a video as a whole depends on the video. Then it is what half of the frames have reached a step (`STEP`) from that
    end, so that it tells which of them could go faster than the others.
    """
    x = np.log(np.asarray(factors, np.float64))
    usual = np.median(-falling(-logits), axis=1)
    slow, fast = np.interp([x[0] + np.log(STEP), x[-1] - np.log(STEP)], x, usual)
    return float(np.clip(0.0, slow, max(slow, fast)))


def reachable(
    times: Floats, rate: float, slowest: float, fastest: float, bounds: Sequence[Bounds]
) -> tuple[Floats, Floats]:
    """Least and greatest slowness of every frame.

    Where bounds overlap the slowest of each holds, in whatever order they come. They go below `slowest` where they say
    so, and never above `fastest`.

    Args:
        times, rate, slowest, fastest, bounds: as in `planned`.

    Raises:
        ValueError: the rate cannot be reached; the sentence names what can.
    """
    lasts = np.diff(times)
    most, own = np.full(len(lasts), fastest), np.full(len(lasts), np.inf)
    for one in bounds:
        inside = (times[:-1] < one.end) & (times[1:] > one.begin)
        if not inside.any():
            raise ValueError(
                f"the part to protect, {one.begin:g} to {one.end:g} s, begins after the video's end, {times[-1]:.2f} s"
            )
        most[inside] = np.minimum(most[inside], one.fastest)
        own[inside] = np.minimum(own[inside], one.slowest)
    low, high = 1 / most, 1 / np.minimum(np.where(np.isinf(own), slowest, own), most)
    total = float(lasts.sum())
    slow, fast = total / float((high * lasts).sum()), total / float((low * lasts).sum())
    if not slow * (1 - 1e-9) <= rate <= fast * (1 + 1e-9):
        raise ValueError(
            f"a rate of {rate:g} cannot be reached within these limits of speed: {between(slow, fast)} can"
        )
    return low, high


def between(slow: float, fast: float) -> str:
    """Two speeds in words, as few digits as tell them apart; three at least."""
    for digits in range(3, 7):
        low, high = f"{slow:.{digits}g}", f"{fast:.{digits}g}"
        if low != high:
            return f"from {low} to {high}"
    return f"only {slow:.3g}"


def planned(
    said: Wanted,
    rate: float,
    *,
    times: Floats,
    adaptivity: float = 1.0,
    smooth: float = 1.0,
    slowest: float = 1.0,
    fastest: float = 8.0,
    bounds: Sequence[Bounds] = (),
    cuts: Sequence[int] = (),
) -> Floats:
    """How long every frame is shown over how long it was, (N,), its mean over time being 1 / rate exactly.

    Args:
        said: of every frame.
        rate: of the whole, source over output duration.
        times: (N + 1,) when each frame begins in seconds, and the end.
        adaptivity: 0 uniform, 1 as the network says.
        smooth: in seconds, over which speed changes.
        slowest, fastest: speeds of all frames.
        bounds: speeds of some.
        cuts: frames that begin a shot: speed may jump there.

    Raises:
        ValueError: a range does not fit, or the rate cannot be reached; the sentence names what can.
    """
    lasts = np.diff(times)
    if len(lasts) != len(said.speed) or (lasts <= 0).any():
        raise ValueError(f"expected {len(said.speed) + 1} growing times, got {len(times)}")
    low, high = reachable(times, rate, slowest, fastest, bounds)
    total = float(lasts.sum())
    speed = np.exp(adaptivity * np.log(centred(said.speed, rate, lasts)) + (1 - adaptivity) * np.log(rate))
    slowness = np.clip(1 / speed, low, high)
    # In output time d = u * lasts the duration is the sum; weights are those of relative errors, and only how sure
    # of one frame the network is beside the others counts.
    trust = said.confidence * lasts / (said.confidence * lasts).sum() * total  # 1 on average over time
    weight = trust / slowness**2
    reach = smooth**2 * rate**2 / np.diff(times[:-1])
    reach[[cut - 1 for cut in cuts if 0 < cut < len(lasts)]] = 0
    asked = problem(slowness, weight, reach, low, high)
    return solve(asked, total / rate, lasts)
