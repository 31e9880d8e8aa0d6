"""The curve's solver against a general one, and what it promises: exact duration, bounds, cuts, linear time."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gestalt.tasks.speed.solver import Problem, problem, solve


def random_problem(seed: int) -> tuple[Problem, float, np.ndarray]:
    chance = np.random.default_rng(seed)
    n = int(chance.integers(2, 40))
    low = chance.uniform(0.1, 0.3, n)
    high = low + chance.uniform(0, 0.7, n)
    smooth = chance.uniform(0, 20, n - 1) * (chance.random(n - 1) > 0.1)
    asked = problem(1 / chance.uniform(1, 6, n), chance.uniform(0.05, 3, n), smooth, low, high)
    lasts = chance.uniform(0.5, 2, n)
    return asked, float(lasts @ (low + chance.uniform(0.02, 0.98) * (high - low))), lasts


def cost(asked: Problem, u: np.ndarray) -> float:
    off, steps = u - asked.wanted, np.diff(u)
    return float(asked.weight @ off**2 + asked.smooth @ steps**2) / 2


def slope(asked: Problem, u: np.ndarray) -> np.ndarray:
    found, pull = asked.weight * (u - asked.wanted), asked.smooth * np.diff(u)
    found[1:] += pull
    found[:-1] -= pull
    return found


def test_a_general_solver_agrees_on_100_random_problems() -> None:
    at_bounds = 0
    for seed in range(100):
        asked, total, lasts = random_problem(seed)
        found = solve(asked, total, lasts)
        assert float(lasts @ found) == pytest.approx(total, rel=1e-11)
        assert ((found >= asked.low - 1e-12) & (found <= asked.high + 1e-12)).all()
        general = minimize(
            lambda u, asked=asked: cost(asked, u),
            np.clip(asked.wanted, asked.low, asked.high),
            jac=lambda u, asked=asked: slope(asked, u),
            bounds=list(zip(asked.low, asked.high, strict=True)),
            constraints={"type": "eq", "fun": lambda u, t=total, d=lasts: d @ u - t, "jac": lambda _, d=lasts: d},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 2000},
        )
        np.testing.assert_allclose(found, general.x, atol=1e-6)
        at_bounds += bool(((found <= asked.low + 1e-9) | (found >= asked.high - 1e-9)).any())
    assert at_bounds > 80


def test_the_conditions_of_an_optimum_hold_for_a_long_curve() -> None:
    """Free frames have one multiplier, those at a bound pull beyond it; no other solver is needed to see that."""
    chance = np.random.default_rng(0)
    n = 20_000
    asked = problem(1 / chance.uniform(1, 6, n), chance.uniform(0.05, 3, n), chance.uniform(0, 9, n - 1), 0.25, 0.6)
    found = solve(asked, 0.45 * n)
    pull = slope(asked, found)
    free = (found > asked.low + 1e-9) & (found < asked.high - 1e-9)
    assert 0.1 < free.mean() < 1
    multiplier = np.median(pull[free])
    np.testing.assert_allclose(pull[free], multiplier, atol=1e-8)
    assert (pull[found <= asked.low + 1e-9] >= multiplier - 1e-8).all()
    assert (pull[found >= asked.high - 1e-9] <= multiplier + 1e-8).all()


def test_the_ends_of_what_is_possible() -> None:
    asked, _, lasts = random_problem(3)
    for bound in (asked.low, asked.high):
        np.testing.assert_allclose(solve(asked, float(lasts @ bound), lasts), bound)
    with pytest.raises(ValueError, match=r"no curve within the bounds lasts .*: from .* to .* are possible"):
        solve(asked, float(lasts @ asked.high) + 0.1, lasts)


def test_one_frame_and_equal_bounds() -> None:
    assert solve(problem([0.5], 1, 0, 0.1, 1), 0.7) == pytest.approx([0.7])
    fixed = problem([0.5, 0.9, 0.2], 1, 5, [0.3, 0.4, 0.1], [0.3, 1.0, 0.9])
    found = solve(fixed, 1.2)
    assert found[0] == pytest.approx(0.3)
    assert found.sum() == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (([0.5, 0.5], 0, 1, 0, 1), "weights of a curve must be positive"),
        (([0.5, 0.5], 1, -1, 0, 1), "smoothness at least 0"),
        (([0.5, 0.5], 1, 1, [0, 2], 1), "bounds of frame 1 exclude each other"),
        (([0.5, np.nan], 1, 1, 0, 1), "finite numbers only"),
        (([0.5, 0.5], [1, 1, 1], 1, 0, 1), "curve of 2 frames takes"),
    ],
)
def test_what_makes_no_sense_is_refused(given: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        problem(*given)
