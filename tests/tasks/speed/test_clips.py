"""Pairs differ in speed alone."""

import numpy as np
import pytest

from gestalt.drawn.motion import KINDS
from gestalt.tasks.speed.clips import NORMAL, SPED_UP, drawn_pair, skipping


@pytest.mark.parametrize("factor", [1.0, 1.2, 2.0])
def test_on_average_every_factor_th_frame_is_left(factor: float) -> None:
    chance = np.random.default_rng(0)
    kept = [skipping(16, factor, chance) for _ in range(2000)]
    assert all(frames[0] == 0 and (np.diff(frames) >= 1).all() and len(frames) == 16 for frames in kept)
    assert np.mean([frames[-1] / 15 for frames in kept]) == pytest.approx(factor, rel=0.02)


def test_the_classes_do_not_touch() -> None:
    assert NORMAL[1] < SPED_UP[0]


def test_a_pair_shows_one_scene_twice_as_far_along() -> None:
    far = {"normal": 0.0, "sped_up": 0.0}
    for seed in range(12):
        pair = drawn_pair(["pendulum"], seed, spread=0.0)
        again = drawn_pair(["pendulum"], seed, spread=0.0)
        for name, clip in pair._asdict().items():
            assert clip.shape == (16, 48, 48, 3)
            np.testing.assert_array_equal(clip, getattr(again, name))
            far[name] += np.abs(np.diff(clip.astype(float), axis=0)).mean()
        colours = [np.median(clip.reshape(-1, 3), 0) for clip in pair]
        np.testing.assert_allclose(colours[0], colours[1], atol=6)
    assert far["sped_up"] > far["normal"]


def test_all_kinds_come_up() -> None:
    clips = [drawn_pair([*KINDS], seed, count=2, side=16).normal for seed in range(60)]
    assert len({clip.tobytes() for clip in clips}) == 60
