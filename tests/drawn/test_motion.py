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
    assert (moved > 30).mean() > 0.7  # whoever walks is now and then out of sight
    changed = (np.abs(frames.astype(int) - frames[0]).max((0, 3)) > 30).mean()
    assert 0.01 < changed < 0.9


def positions(given: Scene, t: np.ndarray) -> np.ndarray:
    """(bars, 4, T) where everything is, in metres."""
    return np.stack([np.stack(np.broadcast_arrays(*bar[:4])) for bar in given.law(t)])


STEP = 1 / 2400
"""Seconds between instants that are compared."""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_jumps(kind: str, seed: int) -> None:
    given = scene(kind, seed, spread=0.35)
    moved = np.abs(np.diff(positions(given, np.arange(0, 24, STEP)), axis=-1))
    assert moved.max() / STEP < 12, "faster than anything here is thrown, swung or struck"
    assert moved.max() * given.metre < 0.01, "of the picture's side"


@pytest.mark.parametrize("kind", KINDS)
def test_no_picture_jumps_where_the_fastest_things_are(kind: str) -> None:
    one = quiet(kind, 3)
    t = np.arange(0, 24, STEP)
    moved = np.abs(np.diff(positions(one, t), axis=-1)).max((0, 1))
    for n in np.argsort(moved)[-3:]:
        before, after = one.frames(t[n : n + 2], 48, shutter=0.0).astype(int)
        assert np.abs(after - before).max() < 90  # of 255, at an edge that moves by a quarter of a pixel


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_velocities_jump_only_where_things_touch(kind: str, seed: int) -> None:
    given, t = scene(kind, seed, spread=0.35), np.arange(0, 24, STEP)
    at = positions(given, t)
    jumps = np.abs(np.diff(at, 2, axis=-1)).max((0, 1)) / STEP > 0.28  # metres per second
    at = at[..., 1:-1]
    if kind in ("pendulum", "swing", "chain", "rope", "gait", "roll", "flag"):
        assert not jumps.any()
        return
    assert 1 <= jumps.sum() < 400
    if kind == "door":  # pushed as it passes the middle, where its edges are level
        apart = np.abs(at[1, 1] - at[1, 3])
    elif kind == "bounce":  # on the bat
        apart = np.abs(at[2, 1] - at[1, 1] - given.law(t)[2][4] - 0.05)
    elif kind == "throw":  # in the hand of one of the posts
        ball = (at[2, :2] + at[2, 2:]) / 2
        apart = np.abs(ball - at[:2, 2:]).sum(1).min(0)
    else:  # feet that leave or meet the ground, balls in hands, a hammer: not looked at here
        return
    assert apart[jumps].max() < 0.01


def test_a_ball_gets_back_the_height_it_lost() -> None:
    t = np.arange(0, 60, STEP)
    x, y, *_ = quiet("bounce", 2).law(t)[-1]
    tops = y[1:-1][(y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])]
    assert 0.05 < tops.min() - y.min() < 0.4 * (tops.max() - y.min())
    assert (tops > tops.max() - 0.01).sum() == pytest.approx(len(tops) / 5, abs=1.1)
    assert np.ptp(x) < 1


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
