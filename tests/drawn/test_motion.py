"""Drawn motion obeys gravity, at any rate, and shutter, shake and noise belong to the film."""

import dataclasses
import math

import numpy as np
import pytest

from gestalt.drawn.motion import FAMILIES, GRAVITY, KINDS, Scene, ceiling, scene


def quiet(kind: str, seed: int = 0) -> Scene:
    return dataclasses.replace(scene(kind, seed, spread=0.0), noise=0.0)


def test_thirteen_kinds_in_three_families() -> None:
    assert sorted(kind for kinds in FAMILIES.values() for kind in kinds) == sorted(KINDS)
    assert len(KINDS) == 13
    with pytest.raises(ValueError, match="there is no motion 'walk': choose pendulum"):
        scene("walk", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_moves_in_sight(kind: str) -> None:
    frames = quiet(kind, 2).frames(np.arange(24) * 0.15, 32)
    assert frames.shape == (24, 32, 32, 3)
    assert frames.dtype == np.uint8
    moved = np.abs(np.diff(frames.astype(int), axis=0)).max((1, 2, 3))
    assert (moved > 30).mean() > 0.7  # a part of the gait is out of sight
    changed = (np.abs(frames.astype(int) - frames[0]).max((0, 3)) > 30).mean()
    assert 0.01 < changed < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_moment_looks_the_same_at_any_rate(kind: str) -> None:
    one = quiet(kind)
    slow, fast = one.frames(np.arange(9) * 0.04, 32, shutter=0.0), one.frames(np.arange(5) * 0.08, 32, shutter=0.0)
    np.testing.assert_array_equal(slow[::2], fast)


def test_equal_seeds_give_equal_frames_and_takes_differ_in_film_alone() -> None:
    times = np.arange(6) * 0.04
    given = scene("jump", 4)
    first, again, other = (scene("jump", 4).frames(times, 32, shake=0.01, take=take) for take in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    still = dataclasses.replace(given, noise=0.0)
    np.testing.assert_array_equal(still.frames(times, 32, take=0), still.frames(times, 32, take=1))


def test_a_thrown_ball_falls_as_things_fall() -> None:
    t = np.linspace(0, 4, 4001)
    ball = quiet("throw", 1).law(t)[-1]
    fall = np.diff(ball[1], 2) / (t[1] - t[0]) ** 2
    flying = np.abs(fall + GRAVITY) < 40  # but where it turns
    spun = np.median(fall[flying])
    assert abs(spun + GRAVITY) < 4  # with its spin on top


@pytest.mark.parametrize("seed", range(3))
def test_a_pendulum_keeps_time_with_the_root_of_its_length(seed: int) -> None:
    t = np.linspace(0, 60, 60_001)
    (x, y, x2, y2, _, _), bob = quiet("pendulum", seed).law(t)
    length = math.hypot(x2[0] - x[0], y2[0] - y[0])
    side = bob[0] - x
    period = 2 * 60 / np.sum(np.diff(np.sign(side)) != 0)
    assert period == pytest.approx(math.tau * math.sqrt(length / GRAVITY), rel=0.12)


def test_an_open_shutter_blurs_what_moves_alone() -> None:
    one = quiet("pendulum", 1)
    times = np.arange(8) * 0.08
    sharp, blurred = (one.frames(times, 64, shutter=part).astype(float) for part in (0.0, 1.0))
    still = np.abs(np.diff(sharp, axis=0)).max((0, 3)) == 0
    assert (sharp[0][still] == blurred[0][still]).mean() > 0.95
    edges = [np.abs(np.diff(frames, axis=2)).max() for frames in (sharp, blurred)]
    assert edges[1] <= edges[0]


def test_spread_changes_how_large_a_metre_looks() -> None:
    sizes = np.log([scene("bounce", seed, spread=0.5).metre for seed in range(300)])
    assert np.std(sizes) == pytest.approx(0.5, abs=0.06)
    assert np.std(np.log([scene("bounce", seed, spread=0.0).metre for seed in range(9)])) == pytest.approx(0, abs=1e-9)


def test_the_ceiling_is_that_of_gravity() -> None:
    for spread, share in ((0.35, 0.976), (0.5, 0.917), (0.7, 0.839), (1.0, 0.756)):
        assert ceiling(spread) == pytest.approx(share, abs=0.001)
    assert ceiling(0.0) == 1
