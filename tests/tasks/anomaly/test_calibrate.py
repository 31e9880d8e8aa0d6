"""A threshold from good pictures alone gives the false alarms it was asked for, as far as scores are normal."""

import numpy as np
import pytest
import torch

from gestalt.tasks.anomaly.calibrate import ENOUGH, Threshold, from_good, from_labelled


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("shots", [5, 10])
def test_false_alarms_of_normal_scores_are_as_asked(shots: int, rate: float) -> None:
    chance = np.random.default_rng(shots)
    alarms = []
    for _ in range(4000):
        scores = chance.normal(3, 2, shots + 1)
        alarms.append(scores[-1] > from_good(scores[:-1].tolist(), rate, shots).value)
    assert np.mean(alarms) == pytest.approx(rate, abs=3 * (rate / 4000) ** 0.5)


def test_few_pictures_promise_nothing() -> None:
    assert from_good([1.0, 1.2, 1.1, 0.9, 1.0], 0.05, ENOUGH).is_calibrated
    few = from_good([1.0, 1.2], 0.05, 1)
    assert not few.is_calibrated
    assert few.value > 1.2


def test_copies_of_one_picture_promise_nothing() -> None:
    found = from_good([2.0] * 5, 0.05, 5)
    assert not found.is_calibrated
    assert 2.1 < found.value < 2.5
    assert from_good([0.0] * 5, 0.05, 5).value > 0


def test_normalised_keeps_order_and_puts_the_threshold_at_one_half() -> None:
    of = Threshold(3.0, 2.0, 0.05, True, 1.0)
    assert of.normalised(3.0) == 0.5
    assert of.normalised(2.0) == 0.25
    values = torch.linspace(-50, 50, 101)
    found = of.normalised(values)
    assert bool((found.diff() > 0).all())
    assert 0 < float(found.min()) < float(found.max()) < 1
    for sensitivity in (0.1, 0.5, 0.8):
        assert of.normalised(of.cut(sensitivity)) == pytest.approx(1 - sensitivity)


def test_known_defects_move_the_threshold_between_them_and_the_good() -> None:
    found = from_labelled([1.0, 1.2, 1.1, 0.9, 1.0], [5.0, 1.8, 9.0], 5)
    assert found.value == pytest.approx(1.5)
    assert found.usual == 1.0
    assert found.false_alarms == 0
    mixed = from_labelled([1.0, 1.2, 3.0, 0.9, 1.0], [5.0, 2.0, 2.5, 9.0], 5)
    assert mixed.value == pytest.approx(1.6)  # four found and one false alarm is better than two and none
    assert mixed.false_alarms == pytest.approx(0.2)
    assert from_labelled([1.0, 1.2], [0.5], 2).value > 1.1  # never below what is usual
