"""The patch measures against plain loops, and the traps that their docstrings name."""

import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from gestalt.metrics.patches import coherence, completeness, sliced_wasserstein
from gestalt.ops.patches import as_volume, unfold
from gestalt.ops.resize import resize


def picture(height: int, width: int, seed: int) -> Tensor:
    coarse = torch.randn(1, 3, max(2, height // 4), max(2, width // 4), generator=torch.Generator().manual_seed(seed))
    return resize(coarse, (height, width)).clamp(-1, 1)


def slow_coherence(output: Tensor, source: Tensor) -> float:
    total, count = 0.0, 0
    for y in range(output.shape[2] - 6):
        for x in range(output.shape[3] - 6):
            patch = output[0, :, y : y + 7, x : x + 7]
            nearest = min(
                float((patch - source[0, :, v : v + 7, u : u + 7]).square().mean().sqrt())
                for v in range(source.shape[2] - 6)
                for u in range(source.shape[3] - 6)
            )
            total, count = total + nearest, count + 1
    return total / count


def test_coherence_and_completeness_equal_the_plain_loop():
    a, b = picture(12, 14, 1), picture(15, 11, 2)
    assert coherence(a, b) == pytest.approx(slow_coherence(a, b), rel=1e-4)
    assert completeness(a, b) == pytest.approx(slow_coherence(b, a), rel=1e-4)


def test_a_crop_is_coherent_but_not_complete():
    source = picture(40, 40, 3)
    crop = source[:, :, 5:25, 5:25]
    assert coherence(crop, source) < 1e-6 < 0.05 < completeness(crop, source)


def test_the_traps_copying_and_blurring_lower_coherence():
    source, other = picture(40, 40, 4), picture(40, 40, 5)
    assert coherence(source, source) < 1e-6
    blurred = resize(resize(other, (5, 5)), (40, 40))
    assert coherence(blurred, source) < coherence(other, source)


def slow_sliced_wasserstein(a: Tensor, b: Tensor, directions: int) -> float:
    """Per scale and direction, scipy's Wasserstein distance."""
    total = 0.0
    for factor in (1, 2, 4):
        x, y = (resize(p, [max(1, round(n / factor)) for n in p.shape[2:]]) for p in (a, b))
        x, y = (unfold(as_volume(p)[0], (1, 7, 7)) for p in (x, y))
        rays = torch.randn(x.shape[1], directions, generator=torch.Generator().manual_seed(0))
        rays = rays / rays.norm(dim=0)
        distances = [scipy.stats.wasserstein_distance((x @ ray).numpy(), (y @ ray).numpy()) for ray in rays.T]
        total += math.fsum(distances) / directions
    return total / 3


@pytest.mark.parametrize(("height", "width"), [(40, 48), (33, 40)])
def test_sliced_wasserstein_agrees_with_scipy(height, width):
    a, b = picture(40, 48, 6), picture(height, width, 7)
    # With equal counts the quantile form is exact; otherwise it interpolates between samples.
    tolerance = 1e-5 if (height, width) == (40, 48) else 0.02
    assert sliced_wasserstein(a, b, directions=16) == pytest.approx(slow_sliced_wasserstein(a, b, 16), rel=tolerance)


def test_sliced_wasserstein_is_zero_for_the_same_patches_and_symmetric():
    a, b = picture(32, 32, 8), picture(32, 40, 9)
    assert sliced_wasserstein(a, a) == 0.0
    assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(b, a), rel=1e-5)


def test_tiny_and_thin_pictures_are_measured_with_smaller_patches():
    thin, small = picture(2, 30, 10)[:, :, :1], picture(4, 4, 11)[:, :, :2, :2]
    for value in (coherence(thin, small), completeness(thin, small), sliced_wasserstein(thin, small)):
        assert math.isfinite(value)
        assert value > 0


def test_clips_are_measured_in_space_time():
    clip = torch.randn(1, 3, 5, 12, 12, generator=torch.Generator().manual_seed(1))
    backwards = clip.flip(2)
    assert coherence(clip, clip, (3, 5, 5)) < 1e-6 < coherence(backwards, clip, (3, 5, 5))
