"""The patch measures against plain loops, and the traps that their docstrings name."""

import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from gestalt.drawn.discs import bouncing
from gestalt.metrics import patches
from gestalt.metrics.patches import coherence, completeness, sliced_wasserstein, usual_patch
from gestalt.ops.nearest import patchmatch
from gestalt.ops.patches import as_volume, fit, unfold
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
    assert coherence(backwards, clip) == coherence(backwards, clip, (3, 5, 5))
    assert coherence(backwards, clip, (1, 5, 5)) < 1e-6, "single frames do not know which way time goes"


def slow_clip_coherence(output: Tensor, source: Tensor, patch: tuple[int, int, int]) -> float:
    def cubes(x: Tensor) -> list[Tensor]:
        t, h, w = patch
        corners = ((a, b, c) for a in range(x.shape[2] - t + 1) for b in range(x.shape[3] - h + 1)
                   for c in range(x.shape[4] - w + 1))  # fmt: skip
        return [x[0, :, a : a + t, b : b + h, c : c + w] for a, b, c in corners]

    keys = cubes(source)
    nearest = [min(float((q - k).square().mean().sqrt()) for k in keys) for q in cubes(output)]
    return math.fsum(nearest) / len(nearest)


@pytest.mark.parametrize("patch", [(3, 5, 5), (3, 7, 7), (1, 5, 6)])
def test_coherence_and_completeness_of_clips_equal_the_plain_loop(patch):
    a, b = bouncing(5, 8, 11, seed=1), bouncing(4, 10, 9, seed=2)
    assert coherence(a, b, patch) == pytest.approx(slow_clip_coherence(a, b, patch), rel=1e-4)
    assert completeness(a, b, patch) == pytest.approx(slow_clip_coherence(b, a, patch), rel=1e-4)


def test_an_image_is_a_clip_of_one_frame():
    image, clip = picture(14, 15, 12), bouncing(4, 16, 17)
    assert usual_patch(image, image) == usual_patch(image[:, :, None], clip) == (1, 7, 7)
    assert usual_patch(clip, clip) == (3, 5, 5)
    for measure in (coherence, completeness, sliced_wasserstein):
        assert measure(image, clip) == measure(image[:, :, None], clip)
        assert measure(image, picture(9, 20, 13)) == measure(image[:, :, None], picture(9, 20, 13)[:, :, None])


def test_the_approximate_search_says_nearly_the_same_of_clips_and_never_less():
    a, b = bouncing(8, 20, 24, seed=3), bouncing(9, 22, 20, seed=4)
    for measure in (coherence, completeness):
        assert measure(a, b) <= measure(a, b, search=patchmatch) * 1.0001 < measure(a, b) * 1.05


def test_sliced_wasserstein_of_clips_agrees_with_scipy_however_few_directions_fit_at_a_time(monkeypatch):
    a, b = bouncing(5, 16, 20, seed=5), bouncing(5, 16, 20, seed=6)
    total = 0.0
    for size in ((5, 16, 20), (5, 8, 10), (5, 4, 5)):
        x, y = (resize(clip, size) for clip in (a, b))
        fitted = fit((3, 5, 5), size)
        x, y = unfold(x[0], fitted), unfold(y[0], fitted)
        rays = torch.randn(x.shape[1], 16, generator=torch.Generator().manual_seed(0))
        rays = rays / rays.norm(dim=0)
        total += sum(scipy.stats.wasserstein_distance((x @ ray).numpy(), (y @ ray).numpy()) for ray in rays.T) / 16
    assert sliced_wasserstein(a, b, directions=16) == pytest.approx(total / 3, rel=1e-5)
    monkeypatch.setattr(patches, "PROJECTIONS", 3000)
    assert sliced_wasserstein(a, b, directions=16) == pytest.approx(total / 3, rel=1e-5)


def test_several_samples_at_a_time_are_refused():
    with pytest.raises(ValueError, match=r"one picture and one other.*\(2, 3, 9, 9\)"):
        coherence(torch.zeros(2, 3, 9, 9), torch.zeros(2, 3, 9, 9))
    with pytest.raises(ValueError, match="equal C"):
        coherence(torch.zeros(1, 1, 9, 9), torch.zeros(1, 3, 9, 9))
