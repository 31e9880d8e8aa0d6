"""Sharpness and motion against plain loops, at what blur, noise and time do to them."""

import math

import pytest
import torch
from torch import Tensor

from gestalt.drawn.discs import bouncing
from gestalt.metrics.edges import blur
from gestalt.metrics.liveliness import motion, sharpness


def slow_change(x: Tensor, axis: int) -> float:
    """Mean |difference| to the next voxel along an axis, one voxel after the other."""
    total, count = 0.0, 0
    numbers = x.movedim(axis, 0).double()
    for before, after in zip(numbers.flatten(1)[:-1].tolist(), numbers.flatten(1)[1:].tolist(), strict=True):
        total += math.fsum(abs(a - b) for a, b in zip(before, after, strict=True))
        count += len(before)
    return total / count


def test_both_equal_the_plain_loop():
    a, b = bouncing(4, 9, 13, seed=1), bouncing(6, 11, 8, seed=2)
    assert motion(a, b) == pytest.approx(slow_change(a, 2) / slow_change(b, 2), rel=1e-5)
    expected = (slow_change(a, 3) + slow_change(a, 4)) / (slow_change(b, 3) + slow_change(b, 4))
    assert sharpness(a, b) == pytest.approx(expected, rel=1e-5)
    assert sharpness(a[:, :, 0], b[:, :, :1]) == pytest.approx(
        (slow_change(a[:, :, 0], 2) + slow_change(a[:, :, 0], 3))
        / (slow_change(b[:, :, 0], 2) + slow_change(b[:, :, 0], 3)),
        rel=1e-5,
    )


def test_blur_along_either_axis_lowers_sharpness():
    source = bouncing()
    frames = source[0].movedim(1, 0)
    assert sharpness(blur(frames, 1.5).movedim(0, 1)[None], source) < 0.8
    # White noise: the mean of three neighbours changes 1/3 as much along its axis, and 1/sqrt(3) as much across.
    noise = torch.randn(1, 1, 4, 60, 60, generator=torch.Generator().manual_seed(1))
    for axis in (3, 4):
        smeared = (noise + noise.roll(1, axis) + noise.roll(2, axis)) / 3
        assert sharpness(smeared, noise) == pytest.approx((1 / 3 + 3**-0.5) / 2, abs=0.02)


def test_half_the_speed_has_half_the_motion_and_several_samples_are_averaged():
    ramp = torch.linspace(-1, 1, 9).view(1, 1, 9, 1, 1).expand(1, 3, 9, 4, 4)
    assert motion(ramp / 2, ramp) == pytest.approx(0.5)
    assert motion(torch.cat([ramp / 2, ramp]), ramp) == pytest.approx(0.75)


def test_still_and_flat_sources():
    still, clip = bouncing()[:, :, :1].expand(-1, -1, 5, -1, -1), bouncing()
    assert motion(still, still) == 1.0
    assert motion(clip, still) == math.inf
    assert motion(still, clip) == 0.0
    flat = torch.zeros(1, 3, 5, 6)
    assert sharpness(flat, flat) == 1.0
    assert sharpness(flat + 1e-7 * torch.arange(6), flat) == 1.0  # what rounding leaves of a flat picture
    assert sharpness(clip[:, :, 0], flat) == math.inf


def test_thin_pictures_have_only_one_direction():
    row = torch.tensor([0.0, 0.5, 0.0]).view(1, 1, 1, 3)
    assert sharpness(row, row * 0.25) == pytest.approx(4.0)


def test_what_has_no_time_has_no_motion():
    for x in (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 1, 8, 8)):
        with pytest.raises(ValueError, match="at least two frames"):
            motion(x, bouncing())
    with pytest.raises(ValueError, match="images"):
        sharpness(torch.zeros(1, 3, 8), torch.zeros(1, 3, 8))
