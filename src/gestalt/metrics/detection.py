"""Is a detector right? Ranking of images, ranking of pixels, overlap with regions, and what chance explains of a gain.

Everywhere label 0 is normal and 1 anomalous, and a higher score means more anomalous; a threshold t calls anomalous
what scores at least t. Nothing is binned: every curve has a corner at each distinct score, and equal scores are one
corner, so that a detector which gives all items one score is at chance (.5) and not at the mercy of their order.

A measure that the data cannot define is NaN: where one of the two classes is missing, or there is no defect region.
Scores that are NaN are an error, since no place among the others would be fair; infinite ones rank as they are.

With P the anomalous and N the normal items, [.] 1 where true and 1/2 where equal,

    AUROC = mean over p in P, n in N of [s_p > s_n]
    AP    = sum over thresholds of (recall - recall before) precision
    PRO   = 1 / L  integral from 0 to L of the mean over regions of (share of the region found)  d false-positive rate

Pixels keep 32 bits each and nothing else is held per pixel: about four bytes per normal pixel, twice that while they
are sorted.

References:
    Hanley, McNeil: The Meaning and Use of the Area under a ROC Curve. Radiology 143, 1982.
    Bergmann, Fauser, Sattlegger, Steger: MVTec AD - A Comprehensive Real-World Dataset for Unsupervised Anomaly
        Detection. CVPR 2019; and IJCV 129, 2021 (PRO).
    Efron, Tibshirani: An Introduction to the Bootstrap. Chapman and Hall, 1993.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Floats = NDArray[np.floating[Any]]


class Interval(NamedTuple):
    """A number and how far it may be from the truth."""

    value: float
    low: float
    high: float


class BestF1(NamedTuple):
    """The threshold that suits labelled items best."""

    f1: float
    threshold: float
    """Items that score at least this are called anomalous."""


# -- images ------------------------------------------------------------------------------------------------


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Chance that an anomalous item scores above a normal one, ties counted half.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 0 normal or 1 anomalous.

    Returns:
        In [0, 1], .5 at chance; NaN where one class is missing.

    Raises:
        ValueError: a score is NaN, a label is neither 0 nor 1, or the lengths differ.
    """
    values, anomalous = _checked(scores, labels)
    return _above(values[anomalous], values[~anomalous])


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the precision-recall curve as a sum of steps, without interpolation.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 0 normal or 1 anomalous.

    Returns:
        In (0, 1], the share of anomalous items for a constant score; NaN where nothing is anomalous.

    Raises:
        ValueError: as for `auroc`.
    """
    _, hits, alarms, positives, _ = _corners(scores, labels)
    if not positives:
        return math.nan
    gained = np.diff(hits, prepend=0) / positives
    return float((gained * hits / alarms).sum())


def f1_max(scores: ArrayLike, labels: ArrayLike) -> BestF1:
    """The largest F1 (harmonic mean of precision and recall) that any threshold reaches.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 0 normal or 1 anomalous.

    Returns:
        F1 in (0, 1], and the threshold, one of the scores; of equally good ones the highest. NaN and infinity where
        nothing is anomalous.

    Raises:
        ValueError: as for `auroc`.
    """
    thresholds, hits, alarms, positives, _ = _corners(scores, labels)
    if not positives:
        return BestF1(math.nan, math.inf)
    f1 = 2 * hits / (alarms + positives)
    best = int(f1.argmax())
    return BestF1(float(f1[best]), float(thresholds[best]))


def recall_at(scores: ArrayLike, labels: ArrayLike, false_alarm_rate: float) -> float:
    """Share of anomalous items found by the lowest threshold that keeps to a false-alarm rate.

    It is the oracle's threshold: one of the scores themselves, set with the labels in sight, and never interpolated.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 0 normal or 1 anomalous.
        false_alarm_rate: largest share of normal items that may be called anomalous, in [0, 1].

    Returns:
        In [0, 1]; NaN where one class is missing.

    Raises:
        ValueError: as for `auroc`, or the rate lies outside [0, 1].
    """
    if not 0 <= false_alarm_rate <= 1:
        raise ValueError(f"a false-alarm rate must lie between 0 and 1, got {false_alarm_rate}")
    _, hits, alarms, positives, negatives = _corners(scores, labels)
    if not positives or not negatives:
        return math.nan
    # A rate times a count may fall just short of the whole number that is meant.
    allowed = hits[alarms - hits <= false_alarm_rate * negatives * (1 + 1e-12)]
    return float(allowed[-1] / positives) if len(allowed) else 0.0


# -- pixels ------------------------------------------------------------------------------------------------


def pixel_auroc(maps: Iterable[ArrayLike], masks: Iterable[ArrayLike | None]) -> float:
    """AUROC over the pixels of all pictures together.

    Args:
        maps: per picture (H, W), or (1, 1, H, W), any size; taken as float32, higher is more anomalous.
        masks: per picture an array of the same size, non-zero where anomalous; None where nothing is.

    Returns:
        In [0, 1]; NaN where one class is missing.

    Raises:
        ValueError: a map holds NaN, or maps and masks differ in number or size.
    """
    inside: list[NDArray[np.float32]] = []
    outside: list[NDArray[np.float32]] = []
    for values, mask in _planes(maps, masks):
        inside.append(values[mask])
        outside.append(values[~mask])
    return _above(_joined(inside), _joined(outside))


def pro(maps: Iterable[ArrayLike], masks: Iterable[ArrayLike | None], limit: float = 0.3) -> float:
    """Per-region overlap: how much of each defect is found, all defects counting alike, at few false positives.

    A region is an 8-connected part of a mask. At a threshold its overlap is the share of its pixels that score at
    least that; the mean over all regions is integrated over the share of normal pixels that do, from 0 to `limit`,
    by straight lines between corners, and divided by `limit`. Traps: a map without information gets limit / 2 (.15),
    not .5; and one large region counts no more than one of a pixel.

    No curve is built. A pixel of a region of size |r| out of R regions adds 1 / (R |r|) to the mean overlap while the
    false-positive rate goes from a, the share of normal pixels above it, to b, that of pixels not below it. So it
    adds to the integral, with the weight of its pixel, the area of the ramp from (a, 0) to (b, 1), cut off at `limit`.

    Args:
        maps: per picture (H, W), or (1, 1, H, W), any size; taken as float32, higher is more anomalous.
        masks: per picture an array of the same size, non-zero where anomalous; None where nothing is.
        limit: the largest false-positive rate, in (0, 1].

    Returns:
        In [0, 1]; NaN where no mask has a region, or no pixel is normal.

    Raises:
        ValueError: as for `pixel_auroc`, or the limit lies outside (0, 1].
    """
    if not 0 < limit <= 1:
        raise ValueError(f"the limit of the false-positive rate must lie between 0 and 1, without 0, got {limit}")
    inside: list[NDArray[np.float32]] = []
    outside: list[NDArray[np.float32]] = []
    shares: list[NDArray[np.float64]] = []
    regions = 0
    for values, mask in _planes(maps, masks):
        outside.append(values[~mask])
        if mask.any():
            labels, count = _regions(mask)
            numbers = labels[mask]
            inside.append(values[mask])
            shares.append(1 / np.bincount(numbers, minlength=count + 1)[numbers])
            regions += count
    found, normal = _joined(inside), _joined(outside)
    if not regions or not len(normal):
        return math.nan
    below, upto = _beside(found, normal)
    start, end = 1 - upto / len(normal), 1 - below / len(normal)
    # Between them the ramp; where no normal pixel scores the same, start = end and it is a step.
    run = np.clip(limit - start, 0, end - start)
    ramp = np.divide(run * run, 2 * (end - start), out=np.zeros_like(run), where=end > start)
    area = ramp + np.clip(limit - end, 0, None)
    return float((area * np.concatenate(shares)).sum() / (regions * limit))


# -- what chance explains ----------------------------------------------------------------------------------


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float],
    strata: ArrayLike,
    *,
    draws: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Interval:
    """How far a number of some items may move, had other items of the same kinds been taken.

    Items are drawn anew with replacement, as many of each stratum as there are; percentiles of the statistic are the
    interval. A statistic that is NaN in some resample is left out there. Traps: the interval says nothing of other
    shots or other seeds unless they are among the items, and it is too short for fewer than some 20 items a stratum.

    Args:
        statistic: of the indices of items, with repetitions; for a gain, the difference of two measures of the same
            indices.
        strata: (N,) what kind each item is of: its label, or the number of its data set and label.
        draws: how many resamples.
        level: of the interval, in (0, 1).
        seed: of the resamples.

    Returns:
        The statistic of the items themselves, and its interval.

    Raises:
        ValueError: no items, no draws, or a level outside (0, 1).
    """
    kinds = np.asarray(strata)
    if kinds.ndim != 1 or not len(kinds) or draws < 1 or not 0 < level < 1:
        raise ValueError(
            f"a bootstrap needs strata (N,) of at least one item, at least one draw and a level between 0 and 1, "
            f"got strata {kinds.shape}, {draws} draws and level {level}"
        )
    chance = np.random.default_rng(seed)
    groups = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    values = [
        statistic(np.concatenate([group[chance.integers(len(group), size=len(group))] for group in groups]))
        for _ in range(draws)
    ]
    value = statistic(np.arange(len(kinds)))
    if np.isnan(values).all():
        return Interval(value, math.nan, math.nan)
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def paired_bootstrap(
    scores: ArrayLike,
    others: ArrayLike,
    labels: ArrayLike,
    *,
    measure: Callable[[ArrayLike, ArrayLike], float] = auroc,
    draws: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Interval:
    """Gain of one scorer over another on the same items, and its interval.

    Both are measured on the same resamples, stratified by label, so that what is hard for both cancels.

    Args:
        scores: (N,) of the one, or (K, N) for K repetitions (draws of shots) whose measures are averaged.
        others: (N,) or (K', N) of the other.
        labels: (N,), 0 normal or 1 anomalous.
        measure: of scores (N,) and labels (N,).
        draws: how many resamples.
        level: of the interval, in (0, 1).
        seed: of the resamples.

    Returns:
        Mean measure of `scores` less that of `others`; NaN where the measure is.

    Raises:
        ValueError: as for `auroc` and `bootstrap`.
    """
    ones, twos = np.atleast_2d(np.asarray(scores)), np.atleast_2d(np.asarray(others))
    for row in (*ones, *twos):
        _checked(row, labels)
    known = np.asarray(labels)

    def gain(items: NDArray[np.intp]) -> float:
        mine, theirs = (np.mean([measure(row[items], known[items]) for row in rows]) for rows in (ones, twos))
        return float(mine - theirs)

    return bootstrap(gain, known, draws=draws, level=level, seed=seed)


# -- parts -------------------------------------------------------------------------------------------------


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    values, known = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if values.ndim != 1 or values.shape != known.shape:
        raise ValueError(f"expected scores and labels (N,) of one length, got {values.shape} and {known.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of {len(values)} scores are NaN: they cannot be ranked")
    if not ((known == 0) | (known == 1)).all():
        raise ValueError(f"labels must be 0 (normal) or 1 (anomalous), got {sorted(set(known.tolist()))[:5]}")
    return values, known.astype(bool)


def _corners(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp], int, int]:
    """Distinct scores, falling; anomalous items and all items that score at least that; how many of each class."""
    values, anomalous = _checked(scores, labels)
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(anomalous[order], dtype=np.intp)
    # Equal scores pass a threshold together: only the last of them is a corner.
    last = np.append(values[1:] != values[:-1], True)[: len(values)]
    corners = np.flatnonzero(last)
    positives = int(anomalous.sum())
    return values[corners], hits[corners], corners + 1, positives, len(values) - positives


def _planes(
    maps: Iterable[ArrayLike], masks: Iterable[ArrayLike | None]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Each picture's map and mask, (H, W)."""
    missing = object()
    for number, (given, known) in enumerate(itertools.zip_longest(maps, masks, fillvalue=missing)):
        if given is missing or known is missing:
            raise ValueError(f"expected one mask per map, got more {'masks' if given is missing else 'maps'}")
        values = _plane(given).astype(np.float32, copy=False)
        mask = np.zeros(values.shape, bool) if known is None else _plane(known) != 0
        if values.shape != mask.shape:
            raise ValueError(f"map {number} is {values.shape} and its mask {mask.shape}: expected equal (H, W)")
        if np.isnan(values).any():
            raise ValueError(f"map {number} holds NaN: its pixels cannot be ranked")
        yield values, mask


def _plane(given: Any) -> NDArray[Any]:
    array = np.asarray(given)
    if array.ndim < 2 or math.prod(array.shape[:-2]) != 1:
        raise ValueError(f"expected one picture (H, W) or (1, 1, H, W) at a time, got shape {array.shape}")
    return array.reshape(array.shape[-2:])


def _regions(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    labels = np.empty(mask.shape, np.int32)
    count: Any = ndimage.label(mask, structure=np.ones((3, 3)), output=labels)
    return labels, int(count)


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _above(found: Floats, normal: Floats) -> float:
    """Share of all pairs in which the one found is above the normal one, ties half; sorts `normal` in place."""
    if not len(found) or not len(normal):
        return math.nan
    below, upto = _beside(found, normal)
    return float((below + upto).mean() / 2 / len(normal))


def _beside(found: Floats, normal: Floats) -> tuple[Floats, Floats]:
    """For each value of `found`, how many of `normal` are below it, and how many not above; sorts `normal` in place."""
    normal.sort()
    below, upto = (np.searchsorted(normal, found, side=side) for side in ("left", "right"))
    return below.astype(np.float64), upto.astype(np.float64)
