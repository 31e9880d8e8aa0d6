"""KID against its definition and scikit-learn's kernel; unbiased where the Frechet distance is not."""

import itertools
import statistics

import numpy as np
import pytest
import torch
from torch import Tensor

from gestalt.metrics.frechet import fit_gaussian, frechet_distance
from gestalt.metrics.kernel import Kid, kid, squared_discrepancy
from gestalt.ops.chance import seeded


def drawn(count: int, size: int, *seed: int, shift: float = 0.0) -> Tensor:
    """(N, D) skewed vectors."""
    return torch.randn(count, size, generator=seeded(*seed), dtype=torch.float64).add(shift).exp()


def by_definition(one: Tensor, other: Tensor) -> float:
    """Pair by pair."""

    def k(x: Tensor, y: Tensor) -> float:
        return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    within = [statistics.fmean(k(x, y) for x, y in itertools.permutations(z, 2)) for z in (one, other)]
    return sum(within) - 2 * statistics.fmean(k(x, y) for x in one for y in other)


@pytest.mark.parametrize(("n", "m", "size"), [(2, 2, 1), (7, 5, 3), (3, 11, 8)])
def test_it_is_its_definition(n, m, size):
    one, other = drawn(n, size, 1), drawn(m, size, 2)
    assert squared_discrepancy(one, other) == pytest.approx(by_definition(one, other), rel=1e-10)
    assert squared_discrepancy(other, one) == pytest.approx(squared_discrepancy(one, other), rel=1e-10)


def test_the_kernel_is_that_of_scikit_learn():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    one, other = drawn(30, 16, 3), drawn(20, 16, 4)
    xx, yy, xy = (
        pairwise.polynomial_kernel(a.numpy(), b.numpy(), degree=3, gamma=1 / 16, coef0=1)
        for a, b in ((one, one), (other, other), (one, other))
    )
    expected = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)) - 2 * xy.mean()
    assert squared_discrepancy(one, other) == pytest.approx(expected, rel=1e-10)


def test_two_halves_of_one_distribution_are_0_apart_on_average_however_few():
    values, distances = [], []
    for number in range(400):
        one, other = torch.randn(16, 4, generator=seeded(5, number), dtype=torch.float64).chunk(2)
        values.append(squared_discrepancy(one, other))
        distances.append(frechet_distance(fit_gaussian(one), fit_gaussian(other)))
    error = statistics.stdev(values) / len(values) ** 0.5
    assert abs(statistics.fmean(values)) < 4 * error
    assert min(values) < -10 * error
    assert min(distances) > 0.1  # the Frechet distance of as few is never near 0


def test_it_grows_with_a_shift_of_the_mean_and_sees_a_change_of_deviation_alone():
    base = torch.randn(300, 8, generator=seeded(6))
    moved = [kid(base, torch.randn(300, 8, generator=seeded(7)) + shift, subsets=20) for shift in (0, 0.25, 0.5, 1)]
    assert [found.mean for found in moved] == sorted(found.mean for found in moved)
    assert abs(moved[0].mean) < 0.02 < moved[1].mean
    assert kid(base, 1.5 * torch.randn(300, 8, generator=seeded(8)), subsets=20).mean > 0.1


def test_it_is_the_mean_over_seeded_subsets():
    one, other = drawn(40, 5, 9), drawn(60, 5, 10, shift=0.2)
    found = kid(one, other, subsets=30, size=12, seed=3)
    assert isinstance(found, Kid)
    assert found == kid(one, other, subsets=30, size=12, seed=3)
    assert found != kid(one, other, subsets=30, size=12, seed=4)
    values = [kid(one, other, subsets=1, size=12, seed=n).mean for n in range(300)]
    whole = squared_discrepancy(one, other)  # subsets have its mean
    assert abs(statistics.fmean(values) - whole) < 4 * statistics.stdev(values) / 300**0.5
    assert 0.4 < found.deviation / statistics.stdev(values) < 2.5


def test_subsets_of_everything_do_not_differ():
    one, other = drawn(12, 3, 11), drawn(12, 3, 12)
    found = kid(one, other, subsets=5, size=12)
    assert found.mean == pytest.approx(squared_discrepancy(one, other), rel=1e-10)
    assert found.deviation == pytest.approx(0, abs=1e-9)
    assert kid(one, other, subsets=50) == kid(one, other, subsets=50, size=6)


def test_float32_loses_nothing():
    one, other = drawn(20, 6, 13).float(), drawn(20, 6, 14).float()
    assert squared_discrepancy(one, other) == squared_discrepancy(one.double(), other.double())


@pytest.mark.parametrize("measure", [squared_discrepancy, kid])
def test_mistakes_are_named(measure):
    good = drawn(6, 3, 15)
    with pytest.raises(ValueError, match="at least 2"):
        measure(good, good[:1])
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        measure(good[None], good)
    with pytest.raises(ValueError, match="3 and 2 dimensions"):
        measure(good, good[:, :2])
    for wrong in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="infinite"):
            measure(good, torch.full_like(good, wrong))


@pytest.mark.parametrize(("subsets", "size"), [(0, 3), (5, 1), (5, 7)])
def test_subsets_that_do_not_fit_are_refused(subsets, size):
    with pytest.raises(ValueError, match="2 to 6 vectors"):
        kid(drawn(6, 3, 16), drawn(9, 3, 17), subsets=subsets, size=size)
