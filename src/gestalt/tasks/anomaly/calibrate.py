"""Where good ends: a threshold from good pictures alone, with the false alarms it should give.

The good pictures' scores of themselves x_1 ... x_k, each compared with the others only, are taken as k draws of what
good pictures score. If that is normal, a new good one exceeds

    mean + t(k - 1, 1 - r) * deviation * sqrt(1 + 1 / k)

with probability r: the prediction bound of Student's distribution, which knows that k is small. Below `ENOUGH` pictures
nothing is promised, nor where they are all but the same picture: the bound is then taken with the t of `ENOUGH`, or
with the deviation `USUAL_SPREAD`, and called uncalibrated.

Where defective pictures are at hand, `from_labelled` takes the threshold with the highest F1 instead.

References:
    Geisser: Predictive Inference: An Introduction. 1993 (the prediction bound).
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from scipy import stats
from torch import Tensor

from gestalt.metrics.detection import f1_max

Number = TypeVar("Number", float, Tensor)

TINY = 1e-6

ENOUGH = 5
"""Good pictures from which a threshold is called calibrated."""


SAME, USUAL_SPREAD = 1e-3, 0.05
"""Deviation of the scores of good pictures, as a part of what they usually are: below the first they are copies of one;
the second is taken instead."""


class Threshold(NamedTuple):
    """Where good ends.

    value: scores above it are called anomalous.
    usual: what a good picture scores, the median.
    false_alarms: part of good pictures that should exceed it.
    is_calibrated: whether there were enough good pictures to promise that.
    scale: that scores are normalised by.
    """

    value: float
    usual: float
    false_alarms: float
    is_calibrated: bool
    scale: float

    def normalised(self, score: Number) -> Number:
        """A score, or a map of them, from 0 to 1: the threshold is 0.5, a usual good picture about 0.25.

        Order is kept.
        """
        x = (score - self.value) / self.scale
        return 0.5 + 0.5 * x / (1 + abs(x))  # type: ignore[return-value]

    def cut(self, sensitivity: float) -> float:
        """The score from which a picture is called anomalous at a sensitivity in (0, 1), 0.5 being the threshold.

        The inverse of `normalised` at 1 - sensitivity.
        """
        y = 2 * (1 - sensitivity) - 1
        return self.value + self.scale * y / (1 - abs(y))


def from_labelled(self_scores: Sequence[float], defective: Sequence[float], shots: int) -> Threshold:
    """The threshold that tells good from defective pictures with the highest F1, midway between two scores.

    Args:
        self_scores: of each good picture, compared with the others; of a single one, of its two halves. Two or more.
        defective: scores of pictures that are known to be defective. One or more.
        shots: good pictures there were.
    """
    labels = [0] * len(self_scores) + [1] * len(defective)
    lowest = f1_max([*self_scores, *defective], labels).threshold
    below = [score for score in (*self_scores, *defective) if score < lowest]
    usual = statistics.median(self_scores)
    value = max((lowest + max(below)) / 2 if below else lowest - TINY, usual + TINY)
    alarms = sum(score > value for score in self_scores) / len(self_scores)
    return Threshold(value, usual, alarms, shots >= ENOUGH, max(value - usual, statistics.stdev(self_scores), TINY))


def from_good(self_scores: Sequence[float], false_alarms: float, shots: int) -> Threshold:
    """The threshold that good pictures alone give.

    Args:
        self_scores: of each good picture, compared with the others; of a single one, of its two halves. Two or more.
        false_alarms: wanted part of good pictures above it, in (0, 0.5).
        shots: good pictures there were.
    """
    k, usual = len(self_scores), statistics.median(self_scores)
    deviation, least = statistics.stdev(self_scores), abs(usual)
    is_calibrated = shots >= ENOUGH and deviation >= SAME * least
    if deviation < SAME * least:
        deviation = USUAL_SPREAD * least
    degrees = k - 1 if shots >= ENOUGH else ENOUGH - 1
    bound = float(stats.t.ppf(1 - false_alarms, degrees)) * max(deviation, TINY) * math.sqrt(1 + 1 / k)
    value = max(statistics.mean(self_scores) + bound, usual + TINY)
    return Threshold(value, usual, false_alarms, is_calibrated, value - usual)
