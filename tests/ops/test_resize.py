"""`resize` against a plain double loop over the cubic kernel."""

import pytest
import torch
from torch import Tensor

from gestalt.ops.resize import resize


def keys_cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


def slow_axis(x: Tensor, axis: int, length: int) -> Tensor:
    """Antialiased cubic along one axis: every output weighs every input, weights normalised at the borders."""
    have = x.shape[axis]
    widen = max(have / length, 1.0)
    weights = torch.zeros(length, have, dtype=torch.float64)
    for i in range(length):
        centre = (i + 0.5) * have / length
        for j in range(have):
            weights[i, j] = keys_cubic((j + 0.5 - centre) / widen)
        weights[i] /= weights[i].sum()
    return (x.double().movedim(axis, -1) @ weights.T).movedim(-1, axis)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 3, 40, 30), (17, 61)),
        ((1, 3, 40, 30), (40, 12)),
        ((2, 1, 23), (9,)),
        ((1, 2, 5, 12, 9), (8, 6, 20)),
        ((1, 3, 40, 1), (17, 1)),
        ((1, 3, 1, 40), (3, 17)),
        ((3, 2, 1, 1), (4, 5)),
        ((1, 3, 30, 2), (1, 1)),
    ],
)
def test_equals_the_slow_oracle(shape, size):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    slow = x.double()
    for axis, length in enumerate(size, start=2):
        slow = slow_axis(slow, axis, length)
    fast = resize(x, size)
    assert fast.shape == (*shape[:2], *size)
    torch.testing.assert_close(fast.double(), slow, atol=3e-5, rtol=0)


def test_a_constant_stays_constant_and_the_same_size_is_untouched():
    x = torch.randn(1, 3, 20, 31, generator=torch.Generator().manual_seed(2))
    assert torch.equal(resize(x, (20, 31)), x)
    torch.testing.assert_close(resize(torch.full((1, 1, 13, 17), 0.3), (50, 4)), torch.full((1, 1, 50, 4), 0.3))


def test_no_channels_stay_no_channels():
    assert resize(torch.zeros(1, 0, 8, 9), (4, 5)).shape == (1, 0, 4, 5)


@pytest.mark.parametrize("size", [(5,), (5, 5, 5), (0, 5)])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match="resize got"):
        resize(torch.zeros(1, 3, 8, 8), size)
