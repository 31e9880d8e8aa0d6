"""Ranks and histogram matching."""

import numpy as np
import pytest
import scipy.stats
import torch
from skimage.exposure import match_histograms

from gestalt.ops.stats import luminance, match_histogram, ranks


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_ranks_agree_with_scipy_ties_included():
    x = random(2, 3, 9, 11).mul(3).round()
    got = ranks(x)
    for sample, result in zip(x.flatten(0, 1), got.flatten(0, 1), strict=True):
        expected = (2 * scipy.stats.rankdata(sample.flatten(), method="average") - 1) / sample.numel() - 1
        np.testing.assert_allclose(result.flatten(), expected, atol=1e-6)


def test_a_flat_channel_has_rank_zero():
    assert torch.equal(ranks(torch.full((1, 2, 4, 5), 0.7)), torch.zeros(1, 2, 4, 5))


def test_matching_gives_the_reference_distribution():
    x, reference = random(1, 3, 20, 25), random(1, 3, 20, 25, seed=1).exp()
    got = match_histogram(x, reference)
    torch.testing.assert_close(got.flatten(2).sort().values, reference.flatten(2).sort().values, atol=1e-5, rtol=1e-5)
    assert torch.equal(got.flatten(2).argsort(), x.flatten(2).argsort())


def test_matching_agrees_with_scikit_image():
    x, reference = random(1, 3, 30, 30), random(1, 3, 40, 20, seed=1)
    ours = match_histogram(x, reference)[0].movedim(0, -1).numpy()
    theirs = match_histograms(x[0].movedim(0, -1).numpy(), reference[0].movedim(0, -1).numpy(), channel_axis=-1)
    # Quantiles are placed half a sample apart: they may differ by a gap between neighbours, largest in the tails.
    assert np.abs(ours - theirs).mean() < 0.01


def test_matching_needs_equal_channels():
    with pytest.raises(ValueError, match="equal batch and channels"):
        match_histogram(random(1, 3, 4, 4), random(1, 1, 4, 4))


def test_luminance_is_the_weighted_sum():
    torch.testing.assert_close(
        luminance(torch.tensor([1.0, 0.5, -1.0]).view(1, 3, 1, 1)).item(), 0.299 + 0.2935 - 0.114
    )
