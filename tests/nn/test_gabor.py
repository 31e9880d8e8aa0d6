"""Gabor features answer to waves of their direction and length, and to nothing else."""

import math

import pytest
import torch
from torch import Tensor

from gestalt.nn import gabor
from gestalt.nn.features import load


def wave(length: float, angle: float, size: int = 64) -> Tensor:
    """(1, 3, size, size), a grey wave of amplitude 0.5."""
    y, x = torch.meshgrid(torch.arange(size) * 1.0, torch.arange(size) * 1.0, indexing="ij")
    phase = 2 * math.pi / length * (x * math.cos(angle) + y * math.sin(angle))
    return (0.5 * phase.sin()).expand(1, 3, -1, -1)


@pytest.mark.parametrize("k", range(gabor.DIRECTIONS))
def test_a_wave_is_seen_by_its_own_direction(k):
    x = wave(gabor.WAVELENGTH, math.pi * k / gabor.DIRECTIONS)
    strength = load("gabor").at("level1")(x)[0, : gabor.DIRECTIONS, 16:-16, 16:-16].mean(dim=(1, 2))
    assert int(strength.argmax()) == k
    assert float(strength[k]) == pytest.approx(gabor.GAIN * 0.5, rel=0.05)
    assert float(strength.sort().values[-2]) < 0.8 * float(strength[k])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_longer_waves_are_seen_at_coarser_levels(n):
    maps = load("gabor").layers(wave(gabor.WAVELENGTH * 2**n, 0.0), ["level1", "level2", "level3"])
    newest = [float(maps[f"level{m}"][0, 0, 4:-4, 4:-4].mean()) for m in (1, 2, 3)]
    assert max(newest) == newest[n]


def test_flat_colour_has_no_strength_and_stays_at_every_level():
    colour = torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1)
    for n, map_ in enumerate(load("gabor").layers(colour.expand(1, 3, 37, 50)).values(), start=1):
        assert map_.shape == (1, 6 * n + 3, 37 // 2 ** (n - 1), 50 // 2 ** (n - 1))
        torch.testing.assert_close(map_[:, -3:], colour.expand(1, 3, *map_.shape[2:]))
        assert float(map_[:, :-3].max()) < 0.03


def test_a_level_keeps_the_strengths_of_the_finer_ones():
    x = wave(gabor.WAVELENGTH, 0.0)
    coarse = load("gabor").at("level3")(x)[0, :, 4:-4, 4:-4].mean(dim=(1, 2))
    # Newest first: level 3's own six, level 2's, level 1's, the colours.
    assert float(coarse[12]) == pytest.approx(gabor.GAIN * 0.5, rel=0.05)
    assert float(coarse[0]) < 0.1 * float(coarse[12])
