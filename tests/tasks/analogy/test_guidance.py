"""Guidance channels: alike in any colours, and each says what its name says."""

import math

import pytest
import torch

from gestalt.drawn import objects
from gestalt.ops.resize import resize
from gestalt.tasks.analogy.guidance import DECAYS, WEIGHTS, _figures, channel_weights, direction, guidance


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    first, second = objects.pair(size=(72, 96), seed=0)
    return first.image, second.image


def test_it_means_the_same_in_any_colours(pair):
    a, b = pair
    plain, dull = guidance(a, b)[0], guidance(a * 0.5 - 0.1, b)[0]
    assert plain.shape == (1, len(WEIGHTS), 72, 96)
    assert guidance(a, b)[1].shape == (1, len(WEIGHTS), 72, 96)
    torch.testing.assert_close(plain[:, :2], dull[:, :2], atol=2e-2, rtol=0)
    torch.testing.assert_close(plain[:, 3:4], dull[:, 3:4], atol=2e-2, rtol=0)
    torch.testing.assert_close(plain[:, 4:], dull[:, 4:], atol=5e-2, rtol=0)
    assert float(plain.abs().max()) <= 1


def test_figures_count_only_where_both_pictures_have_some(pair):
    noise = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    texture = resize(noise, (72, 96)).clamp(-1, 1)
    assert float(guidance(*pair)[0][:, 2].abs().mean()) > 0.5
    for one, other in ((pair[0], texture), (texture, pair[0])):
        ours, theirs = guidance(one, other)
        assert max(float(ours[:, 2].abs().max()), float(theirs[:, 2].abs().max())) < 0.2


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_direction_is_twice_the_angle_of_the_gradient(degrees):
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    angle = math.radians(degrees)
    stripes = torch.sin((x * math.cos(angle) + y * math.sin(angle)) / 2).expand(1, 3, -1, -1)
    cosine, sine = direction(stripes)[0, :, 10:-10, 10:-10].mean((1, 2)).tolist()
    assert math.hypot(cosine - 0.67 * math.cos(2 * angle), sine - 0.67 * math.sin(2 * angle)) < 0.1


def test_nothing_has_no_direction():
    assert float(direction(torch.full((1, 3, 9, 9), 0.3)).abs().max()) < 1e-5  # rounding of the blur


def test_weights_fade_by_level():
    assert channel_weights(0).flatten().tolist() == pytest.approx(list(WEIGHTS))
    twice = [w * d**2 for w, d in zip(WEIGHTS, DECAYS, strict=True)]
    assert channel_weights(2).flatten().tolist() == pytest.approx(twice)


def test_figures_of_a_clip_are_seen_when_they_are_there(monkeypatch):
    """Only some frames are looked at: each must count for the time around it, not for a later one."""
    monkeypatch.setattr(
        "gestalt.tasks.analogy.guidance.figure_ground", lambda frame: (frame[:, :1].mean(dim=1, keepdim=True), 1.0)
    )
    for count in (1, 3, 4, 10, 24):
        ramp = torch.linspace(-0.8, 0.8, count).view(1, 1, -1, 1, 1).expand(1, 3, -1, 8, 8)
        found, _ = _figures(ramp)
        inner = slice(3, -3) if count > 8 else slice(count // 2, count // 2 + 1)
        torch.testing.assert_close(found[:, :, inner], ramp[:, :1, inner], atol=0.12, rtol=0)
