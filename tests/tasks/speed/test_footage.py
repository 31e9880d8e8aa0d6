"""Frames at steady steps of time from any frame rate, and where shots begin."""

from pathlib import Path

import numpy as np
import pytest

from gestalt.drawn.motion import scene
from gestalt.media.video_writer import VideoWriter
from gestalt.tasks.speed.footage import Footage, Frame, Ticks, stretch, taken, with_cuts


def frames(times: np.ndarray) -> list[Frame]:
    return [Frame(np.zeros((1, 1, 3), np.uint8), float(time), False) for time in times]


@pytest.mark.parametrize("rate", [20, 24, 25, 30, 50, 60, 120, 240])
@pytest.mark.parametrize("factor", [1.0, 1.25, 2.0, 7.45])
def test_the_frames_nearest_to_every_tick_are_taken_and_none_twice(rate: int, factor: float) -> None:
    times, step = np.arange(10 * rate) / rate, factor / 25
    found = np.array([frame.time for frame in taken(iter(frames(times)), step)])
    assert (np.diff(found) > 0).all()
    ticks = np.arange(0, times[-1] + step / 2 - 1e-9, step)
    away = np.abs(found[:, None] - ticks)
    assert away.min(1)[:-1].max(initial=0) <= 0.5 / rate + 1e-9  # the last one stands for a tick after the end too
    assert away.min(0)[:-1].max(initial=0) <= 0.5 / rate + 1e-9
    assert abs(len(found) - min(len(times), len(ticks))) <= 1


def test_variable_frame_rates_are_obeyed() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.06, 300))
    found = np.array([frame.time for frame in taken(iter(frames(times)), 0.08)])
    assert np.abs((found - found[0]) / 0.08 - np.rint((found - found[0]) / 0.08)).max() < 0.5
    assert np.diff(found).mean() == pytest.approx(0.08, rel=0.03)


def test_ticks_begin_where_they_are_told() -> None:
    ticks = Ticks(0.5, begin=2.0)
    assert [ticks.takes(time, time + 0.25) for time in (2.0, 2.25, 2.5, 2.75, 3.0)] == [True, False, True, False, True]


def test_a_cut_survives_that_its_frame_is_left_out() -> None:
    some = frames(np.arange(6) * 0.01)
    some[3] = some[3]._replace(cut=True)
    found = list(taken(iter(some), 0.04))
    assert [(frame.time, frame.cut) for frame in found] == [(0.0, False), (0.04, True)]


def shots(*lengths: int) -> list[tuple[np.ndarray, float]]:
    """Scenes that move, one after another."""
    result = []
    for n, length in enumerate(lengths):
        result += list(scene(["gait", "swing", "bounce"][n % 3], n).frames(np.arange(length) / 25, 48))
    return [(pixels, n / 25) for n, pixels in enumerate(result)]


def test_shots_are_found() -> None:
    found = [n for n, frame in enumerate(with_cuts(iter(shots(30, 25, 40)))) if frame.cut]
    assert found == [30, 55]


def test_motion_and_flashes_are_no_cuts() -> None:
    given = shots(60)
    given[20] = (np.full_like(given[20][0], 255), given[20][1])  # changes there and back: two changes of one size
    assert not any(frame.cut for frame in with_cuts(iter(given)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_videos_have_no_cuts(count: int) -> None:
    found = list(with_cuts(iter(shots(count))))
    assert len(found) == count
    assert not any(frame.cut for frame in found)


def test_a_stretch_is_what_lies_there_at_any_rate(tmp_path: Path) -> None:
    told = {}
    for rate in (25, 50):
        path = tmp_path / f"{rate}.mp4"
        with VideoWriter(path, rate=rate, quality=5) as writer:
            writer.write(scene("gait", 2).frames(np.arange(3 * rate) / rate, 64, shutter=0.0))
        told[rate] = stretch(path, 1.0, 16, 32)
        assert told[rate].shape == (16, 32, 32, 3)
        assert len(stretch(path, 2.8, 16, 32)) == 5
    assert np.abs(told[25].astype(int) - told[50]).mean() < 8
    assert Footage(tmp_path / "25.mp4", 16).info.frames == 75
