"""Statistics swapped in the first layer make up for light that tells the class; seconds per training.

The protocol and its ten seeds are those of `benchmarks/classify_shift.py`; these three seeds are others.
"""

import pytest

import classify_shift
from gestalt.tasks.classify.config import Swapping

pytestmark = pytest.mark.slow

EARLY = classify_shift.Row(Swapping(swap_p=0.5, swap_layers="stem"))


def test_digits_are_told_in_light_that_nothing_was_learned_from() -> None:
    gains = []
    for seed in (200, 201, 202):
        plain, ours = (
            classify_shift.learn(row, seed, 20, rho=0.8, colour=False) for row in (classify_shift.PLAIN, EARLY)
        )
        gains.append({test: 100 * (ours[test] - plain[test]) for test in classify_shift.TESTS})
        print({test: round(gain, 1) for test, gain in gains[-1].items()})
    assert sum(gain["novel"] for gain in gains) / 3 > 3
    assert sum(gain["iid"] for gain in gains) / 3 > -1
