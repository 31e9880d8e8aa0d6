"""The speed curve: how long each frame of a video is shown, as near as possible to what is wanted, of exact duration.

With u_t the slowness of source frame t, its time in the output over its time in the source (speed is S_t = 1 / u_t),

    min   1/2 sum_t w_t (u_t - v_t)^2  +  1/2 sum_t a_t (u_{t+1} - u_t)^2
    s.t.  sum_t d_t u_t = M,   lo_t <= u_t <= hi_t

where v_t is the slowness that is wanted, w_t > 0 how much, a_t >= 0 how smooth the curve must be from t to t+1 (0 at a
cut), and d_t > 0 the duration of the frame in the source. The duration of the output is linear in slowness, which it is
not in speed, so it is met exactly.

The problem is strictly convex with one solution. For a multiplier l of the duration it is

    min over the box of  1/2 u' A u - (w v + l d)' u,      A = diag(w) + sum_t a_t (e_t - e_{t+1}) (e_t - e_{t+1})'

A is tridiagonal and an M-matrix, so the primal-dual active set method (fix what is beyond its bounds, solve, free what
pulls inwards) ends after a few solutions in linear time, each started from the last set. sum_t d_t u_t(l) grows with l
and is linear between changes of the set: Newton's method within a shrinking bracket finds the l of the duration.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the adaptive speed-up).
    Hintermueller, Ito, Kunisch: The Primal-Dual Active Set Strategy as a Semismooth Newton Method. SIAM Journal on
        Optimization 2002.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solveh_banded

Floats = NDArray[np.float64]

SETS, STEPS = 200, 100
"""Changes of the active set for a multiplier, and multipliers, at most; some 10 of each are usual."""

EXACT = 1e-12
"""Relative error of the duration that ends the search."""


class Problem(NamedTuple):
    """What is wanted of a curve; see the module. All (N,), float64, but `smooth`, (N - 1,).

    wanted: v, slowness.
    weight: w, positive.
    smooth: a, not negative.
    low, high: bounds of the slowness, low <= high.
    """

    wanted: Floats
    weight: Floats
    smooth: Floats
    low: Floats
    high: Floats


def problem(wanted: ArrayLike, weight: ArrayLike, smooth: ArrayLike, low: ArrayLike, high: ArrayLike) -> Problem:
    """Check a problem, numbers standing for all frames alike.

    Raises:
        ValueError: a length or a range does not fit.
    """
    v = np.atleast_1d(np.asarray(wanted, np.float64))
    n = len(v)
    try:
        w, lo, hi = (np.broadcast_to(np.asarray(x, np.float64), n).copy() for x in (weight, low, high))
        a = np.broadcast_to(np.asarray(smooth, np.float64), n - 1).copy()
    except ValueError as error:
        raise ValueError(
            f"a curve of {n} frames takes weights and bounds for each, and {n - 1} smoothnesses"
        ) from error
    if not all(np.isfinite(x).all() for x in (v, w, a, lo, hi)):
        raise ValueError("a curve takes finite numbers only")
    if (w <= 0).any() or (a < 0).any():
        raise ValueError("the weights of a curve must be positive, and smoothness at least 0")
    if (lo > hi).any():
        raise ValueError(f"the bounds of frame {int((lo > hi).argmax())} exclude each other")
    return Problem(v, w, a, lo, hi)


def solve(asked: Problem, total: float, lasts: ArrayLike = 1.0) -> Floats:
    """The slowness of every frame, (N,).

    Args:
        asked: the problem.
        total: M, the duration of all.
        lasts: d, of each.

    Raises:
        ValueError: no curve within the bounds has that sum.
    """
    d = np.broadcast_to(np.asarray(lasts, np.float64), len(asked.wanted))
    low, high = float(d @ asked.low), float(d @ asked.high)
    slack = EXACT * max(1.0, abs(total))
    if not low - slack <= total <= high + slack:
        raise ValueError(f"no curve within the bounds lasts {total:.6g}: from {low:.6g} to {high:.6g} are possible")
    if total <= low + slack:
        return asked.low.copy()
    if total >= high - slack:
        return asked.high.copy()
    if len(d) == 1:
        return total / d
    # Beyond these multipliers all frames are at one bound.
    reach = asked.weight * np.abs(asked.wanted) + _applied(asked, np.abs(asked.low) + np.abs(asked.high), sign=1)
    reach = float((reach / d).max()) + 1
    bracket = [-reach, reach]
    multiplier, at = 0.0, np.zeros(len(asked.wanted), np.int8)
    u = asked.wanted
    for _ in range(STEPS):
        u, at, slope = _in_box(asked, multiplier, d, at)
        lacks = total - float(d @ u)
        if abs(lacks) <= slack:
            break
        bracket[0 if lacks > 0 else 1] = multiplier
        multiplier = multiplier + lacks / slope if slope > 0 else np.nan
        if not bracket[0] < multiplier < bracket[1]:
            multiplier = (bracket[0] + bracket[1]) / 2
            if not bracket[0] < multiplier < bracket[1]:  # no number lies between them
                break
    return u


def _in_box(
    asked: Problem, multiplier: float, d: Floats, at: NDArray[np.int8]
) -> tuple[Floats, NDArray[np.int8], float]:
    """The solution for a multiplier, where it is at its bounds (-1 low, 1 high), and how its duration grows with it."""
    right = asked.weight * asked.wanted + multiplier * d
    diagonal = asked.weight.copy()
    diagonal[:-1] += asked.smooth
    diagonal[1:] += asked.smooth
    u, slope = asked.wanted, 0.0
    for _ in range(SETS):
        free = at == 0
        fixed = np.where(at < 0, asked.low, np.where(at > 0, asked.high, 0.0))
        both = free[:-1] & free[1:]
        banded = np.zeros((2, len(right)))
        banded[0, 1:] = -asked.smooth * both
        banded[1] = np.where(free, diagonal, 1.0)
        given = np.where(free, right, fixed)
        given[:-1] += np.where(free[:-1], asked.smooth * fixed[1:], 0.0)
        given[1:] += np.where(free[1:], asked.smooth * fixed[:-1], 0.0)
        solved = solveh_banded(banded, np.stack([given, np.where(free, d, 0.0)], 1), check_finite=False)
        u, slope = np.where(free, solved[:, 0], fixed), float(d[free] @ solved[free, 1])
        pull = (_applied(asked, u) - right) / diagonal  # above 0 it wants to fall
        after = np.where(u - pull < asked.low, -1, np.where(u - pull > asked.high, 1, 0)).astype(np.int8)
        if (after == at).all():
            break
        at = after
    return u, at, slope


def _applied(asked: Problem, u: Floats, sign: int = -1) -> Floats:
    """A u; with sign 1, |A| u."""
    found = asked.weight * u
    found[:-1] += asked.smooth * (u[:-1] + sign * u[1:])
    found[1:] += asked.smooth * (u[1:] + sign * u[:-1])
    return found
