"""Cutting, pasting and voting, against plain loops, for pictures, clips and volumes."""

import itertools
import math
import statistics

import pytest
import torch
from torch import Tensor

from gestalt.ops.patches import _gathered, as_volume, corners, cut, fit, fold, grid, unfold, vote

CASES = [
    ((3, 1, 9, 11), (1, 3, 3)),
    ((2, 4, 6, 5), (3, 2, 4)),
    ((1, 5, 1, 1), (2, 1, 1)),
    ((4, 1, 7, 7), (1, 7, 7)),
]


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def slow_vote(patches: Tensor, size, patch, how: str) -> Tensor:
    """Every pixel collects the numbers that patches put on it, one at a time."""
    channels = patches.shape[1] // math.prod(patch)
    votes: dict[tuple, list[float]] = {}
    cut = patches.reshape(-1, channels, *patch)
    for n, corner in enumerate(itertools.product(*(range(g) for g in grid(size, patch)))):
        for c, *inside in itertools.product(range(channels), *(range(p) for p in patch)):
            at = (c, *(a + b for a, b in zip(corner, inside, strict=True)))
            votes.setdefault(at, []).append(float(cut[(n, c, *inside)]))
    out = torch.empty(channels, *size)
    for at, numbers in votes.items():
        out[at] = statistics.fmean(numbers) if how == "mean" else statistics.median(numbers)
    return out


@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_unfold_cuts_every_patch_in_order(shape, patch):
    x = random(*shape)
    rows = unfold(x, patch)
    corners = list(itertools.product(*(range(g) for g in grid(shape[1:], patch))))
    assert rows.shape == (len(corners), shape[0] * math.prod(patch))
    for row, (t, y, w) in zip(rows, corners, strict=True):
        assert torch.equal(row, x[:, t : t + patch[0], y : y + patch[1], w : w + patch[2]].flatten())


@pytest.mark.parametrize("how", ["mean", "median"])
@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_fold_equals_the_slow_vote(shape, patch, how):
    positions = math.prod(grid(shape[1:], patch))
    patches = random(positions, shape[0] * math.prod(patch))
    torch.testing.assert_close(
        fold(patches, shape[1:], patch, how), slow_vote(patches, shape[1:], patch, how), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("how", ["mean", "median"])
@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_fold_undoes_unfold(shape, patch, how):
    x = random(*shape)
    torch.testing.assert_close(fold(unfold(x, patch), shape[1:], patch, how), x, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("how", ["mean", "median"])
@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_vote_equals_fold_of_the_named_patches(shape, patch, how):
    values = random(*shape)
    field = tuple(n + 2 for n in grid(shape[1:], patch))
    index = torch.randint(math.prod(grid(shape[1:], patch)), field, generator=torch.Generator().manual_seed(1))
    size = tuple(n + p - 1 for n, p in zip(field, patch, strict=True))
    slow = fold(unfold(values, patch)[index.flatten()], size, patch, how)
    torch.testing.assert_close(vote(values, index, patch, how), slow, atol=1e-5, rtol=1e-5)


def slow_agreement(values: Tensor, index: Tensor, patch) -> Tensor:
    """Every pixel counts which pixel of the values each patch over it names."""
    field, inside = grid(values.shape[1:], patch), list(itertools.product(*(range(p) for p in patch)))
    named: dict[tuple, list[tuple]] = {}
    for place in itertools.product(*(range(n) for n in index.shape)):
        k = int(index[place])
        corner = (k // (field[1] * field[2]), k // field[2] % field[1], k % field[2])
        for offset in inside:
            at, pixel = (tuple(a + b for a, b in zip(c, offset, strict=True)) for c in (place, corner))
            named.setdefault(at, []).append(pixel)
    out = torch.empty(values.shape[0], *(n + p - 1 for n, p in zip(index.shape, patch, strict=True)))
    for at, pixels in named.items():
        winner = min(set(pixels), key=lambda pixel: (-pixels.count(pixel), pixel))
        share = min(1.0, 2 * pixels.count(winner) / len(pixels))
        mean = torch.stack([values[:, t, y, x] for t, y, x in pixels]).mean(0)
        t, y, x = winner
        out[:, at[0], at[1], at[2]] = share * values[:, t, y, x] + (1 - share) * mean
    return out


@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_agreement_equals_counting_by_hand_in_both_forms(shape, patch):
    values = random(*shape)
    positions, field = math.prod(grid(shape[1:], patch)), tuple(n + 2 for n in grid(shape[1:], patch))
    lot = torch.randint(positions, field, generator=torch.Generator().manual_seed(1))
    together = torch.arange(math.prod(field)).reshape(field) % positions  # neighbours mostly agree
    for index in (lot, together):
        slow = slow_agreement(values, index, patch)
        torch.testing.assert_close(vote(values, index, patch, "agreed"), slow, atol=1e-5, rtol=1e-5)
        cornered = corners(index, grid(shape[1:], patch))
        for agreed, expected in ((True, slow), (False, vote(values, index, patch, "mean"))):
            gathered = _gathered(values, cornered, slow.shape[1:], patch, agreed)
            torch.testing.assert_close(gathered, expected, atol=1e-5, rtol=1e-5)


def test_agreement_keeps_what_a_mean_would_blur():
    values = random(1, 1, 20, 20)
    index = torch.arange(14 * 14).reshape(1, 14, 14)
    index[0, :, 7:] = index[0, :, 7:].flip(0)  # two halves that contradict each other along one seam
    sharp, soft = vote(values, index, (1, 7, 7), "agreed"), vote(values, index, (1, 7, 7), "mean")
    inside = (slice(None), 0, slice(None), slice(0, 10))
    torch.testing.assert_close(sharp[inside], values[inside])
    assert float((soft[inside] - values[inside]).abs().max()) > 0.1


@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_cut_takes_the_rows_of_unfold(shape, patch):
    x = random(*shape)
    some = torch.tensor([0, math.prod(grid(shape[1:], patch)) - 1])
    assert torch.equal(cut(x, some, patch), unfold(x, patch)[some])


def test_pictures_clips_and_volumes_share_one_form():
    assert as_volume(random(2, 3, 5)).shape == (2, 3, 1, 1, 5)
    assert as_volume(random(2, 3, 4, 5)).shape == (2, 3, 1, 4, 5)
    assert as_volume(random(2, 3, 6, 4, 5)).shape == (2, 3, 6, 4, 5)
    assert fit((3, 7, 7), (1, 9, 9), (5, 4, 20)) == (1, 4, 7)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        unfold(random(3, 1, 4, 4), (1, 5, 5))
    with pytest.raises(ValueError, match="has 4 positions"):
        fold(random(3, 9), (1, 4, 4), (1, 3, 3))
    with pytest.raises(ValueError, match="points outside"):
        vote(random(3, 1, 4, 4), torch.full((1, 2, 2), 4), (1, 3, 3))
    with pytest.raises(ValueError, match="'mean', 'median' or 'agreed'"):
        vote(random(3, 1, 4, 4), torch.zeros(1, 2, 2, dtype=torch.int64), (1, 3, 3), "mode")  # pyright: ignore
    with pytest.raises(ValueError, match="one to three spatial axes"):
        as_volume(random(3, 4))
