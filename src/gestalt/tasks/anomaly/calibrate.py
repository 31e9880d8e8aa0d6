"""Where good ends: a threshold from good pictures alone, with the false alarms it should give.

The good pictures' scores of themselves x_1 ... x_k, each compared with the others only, are taken as k draws of what
good pictures score. If that is normal, a new good one exceeds

    mean + t(k - 1, 1 - r) * deviation * sqrt(1 + 1 / k)

with probability r: the prediction bound of Student's distribution, which knows that k is small. It leans to too few
alarms, since a good picture has one picture less to be compared with while it scores itself. Below `ENOUGH` pictures
nothing is promised: the bound is taken with the t of `ENOUGH`, and called uncalibrated.

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

ENOUGH = 5
"""Good pictures from which a threshold is called calibrated."""


class Threshold(NamedTuple):
    """Where good ends.

    value: scores above it are called anomalous.
    usual: what a good picture scores, the median.
    false_alarms: part of good pictures that should exceed it.
    is_calibrated: whether there were enough good pictures to promise that.
    """

    value: float
    usual: float
    false_alarms: float
    is_calibrated: bool

    def normalised(self, score: Number) -> Number:
        """A score, or a map of them, on a scale from 0 to 1: the threshold is 0.5, a usual good picture 0.25.

        Order is kept.
        """
        x = (score - self.value) / (self.value - self.usual)
        return 0.5 + 0.5 * x / (1 + abs(x))  # type: ignore[return-value]

    def cut(self, sensitivity: float) -> float:
        """The score from which a picture is called anomalous at a sensitivity in (0, 1), 0.5 being the threshold.

        The inverse of `normalised` at 1 - sensitivity.
        """
        y = 2 * (1 - sensitivity) - 1
        return self.value + (self.value - self.usual) * y / (1 - abs(y))


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
    value = max((lowest + max(below)) / 2 if below else lowest - 1e-6, usual + 1e-6)
    alarms = sum(score > value for score in self_scores) / len(self_scores)
    return Threshold(value, usual, alarms, shots >= ENOUGH)


def from_good(self_scores: Sequence[float], false_alarms: float, shots: int) -> Threshold:
    """The threshold that good pictures alone give.

    Args:
        self_scores: of each good picture, compared with the others; of a single one, of its two halves. Two or more.
        false_alarms: wanted part of good pictures above it, in (0, 0.5).
        shots: good pictures there were.
    """
    k = len(self_scores)
    is_calibrated = shots >= ENOUGH
    degrees = k - 1 if is_calibrated else ENOUGH - 1
    deviation = max(statistics.stdev(self_scores), 1e-6)
    bound = float(stats.t.ppf(1 - false_alarms, degrees)) * deviation * math.sqrt(1 + 1 / k)
    usual = statistics.median(self_scores)
    return Threshold(max(statistics.mean(self_scores) + bound, usual + 1e-6), usual, false_alarms, is_calibrated)
