"""From what a network says to the new times of every frame, without a network."""

import itertools

import numpy as np
import pytest

from gestalt.tasks.speed.adapt import Plan, planned_times
from gestalt.tasks.speed.config import Adapt, protected
from gestalt.tasks.speed.curve import FACTORS, limit
from gestalt.tasks.speed.edl import pieces, timecode
from gestalt.tasks.speed.scores import Scores

COUNT, FPS = 500, 25


def said(natural: np.ndarray, *, moving: np.ndarray | None = None, cuts: tuple[int, ...] = ()) -> Scores:
    """Scores of a video whose frames look normal up to given speeds."""
    logits = 3 * (np.log(FACTORS)[:, None] - np.log(natural)[None])
    times = np.arange(len(natural) + 1) / FPS
    return Scores(times, cuts, FACTORS, logits, np.ones(len(natural), bool) if moving is None else moving)


def stepped(low: float = 1.5, high: float = 3.0) -> np.ndarray:
    """Normal, slowed from frame 150 to 350, normal."""
    return np.where((np.arange(COUNT) >= 150) & (np.arange(COUNT) < 350), high, low)


def test_what_is_slowed_goes_twice_as_fast() -> None:
    plan = planned_times(said(stepped()), Adapt(smooth=0.2))
    assert plan.shown_s[0] == 0
    assert plan.shown_s[-1] == pytest.approx(COUNT / FPS / 2, abs=1e-9)
    slowed, normal = plan.speed[180:320].mean(), np.r_[plan.speed[:120], plan.speed[380:]].mean()
    assert slowed / normal == pytest.approx(2.0, rel=0.05)


def test_how_natural_a_video_is_as_a_whole_does_not_count() -> None:
    plans = [planned_times(said(shift * stepped()), Adapt()) for shift in (1.0, 1.3)]
    np.testing.assert_allclose(plans[0].speed, plans[1].speed, rtol=0.02)


def test_adaptivity_0_is_uniform() -> None:
    np.testing.assert_allclose(planned_times(said(stepped()), Adapt(adaptivity=0.0, rate=3.0)).speed, 3.0, rtol=1e-6)


@pytest.mark.parametrize(("still", "speed"), [("rate", 2.0), ("fastest", 2.6)])
def test_what_stands_still_is_played_or_skipped(still: str, speed: float) -> None:
    moving = np.arange(COUNT) < 300
    plan = planned_times(said(np.full(COUNT, 2.0), moving=moving), Adapt(still=still))  # type: ignore[arg-type]
    if still == "rate":
        np.testing.assert_allclose(plan.speed, speed, rtol=1e-3)
    else:
        assert plan.speed[400:].mean() > speed > 2.0 > plan.speed[:200].mean()


def test_all_of_it_stands_still() -> None:
    plan = planned_times(said(np.full(COUNT, 2.0), moving=np.zeros(COUNT, bool)), Adapt())
    np.testing.assert_allclose(plan.speed, 2.0, rtol=1e-6)


def test_one_version_alone_gives_uniform_speed() -> None:
    found = said(stepped())._replace(factors=(25.0,))
    found = found._replace(logits=found.logits[:1])
    np.testing.assert_allclose(planned_times(found, Adapt()).speed, 2.0, rtol=1e-6)


def test_protected_parts_play_at_their_own_speed() -> None:
    speed = planned_times(said(stepped()), Adapt(protect=("2-4", "15-16:1.6"))).speed
    np.testing.assert_allclose(speed[50:100], 1.0, atol=1e-6)
    assert speed[375:400].max() <= 1.6 + 1e-6


@pytest.mark.parametrize("protect", [("0-2", "1-3:6"), ("1-3:6", "0-2")])
def test_of_parts_that_overlap_the_strictest_holds(protect: tuple[str, ...]) -> None:
    speed = planned_times(said(stepped()), Adapt(rate=3.0, fastest=5.0, protect=protect)).speed
    np.testing.assert_allclose(speed[:50], 1.0, atol=1e-6)
    assert speed.max() <= 5 + 1e-6


def test_a_rate_out_of_reach_names_what_can_be_reached() -> None:
    with pytest.raises(ValueError, match=r"from 1 to 1\.\d+ can"):
        planned_times(said(stepped()), Adapt(rate=4.0, protect=("0-15",)))


def test_speed_may_jump_at_cuts() -> None:
    smooth, cut = (planned_times(said(stepped(), cuts=cuts), Adapt(smooth=2.0)).speed for cuts in ((), (150, 350)))
    assert np.abs(np.diff(np.log(smooth))).max() < 0.05
    assert abs(np.log(cut[150] / cut[149])) > 0.3


@pytest.mark.parametrize("text", ["", "5", "5-4", "a-b", "1-2:0", "1-2:x", "-1-2", ".-1", "1-2:.", "1-2:"])
def test_parts_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="--protect must be BEGIN-END"):
        protected(text)


def test_parts() -> None:
    assert protected("12.5-20") == (12.5, 20.0, 1.0)
    assert protected("0-3:1.6") == (0.0, 3.0, 1.6)
    assert protected(".5-1.:.75") == (0.5, 1.0, 0.75)


def test_the_limit_is_the_networks_own_unless_it_says_the_same_of_all_frames() -> None:
    rising = np.linspace(-2, 2, 10)[:, None] + np.array([[-1.0, 0.0, 0.5]])
    assert limit(rising, FACTORS) == 0
    assert limit(rising + 9, FACTORS) == pytest.approx(9 - 2 + 4 / 9)
    assert limit(rising - 9, FACTORS) == pytest.approx(-9 + 2 - 4 / 9)


def test_pieces_of_a_list_of_edits_have_nearly_one_speed_each() -> None:
    plan = planned_times(said(stepped()), Adapt(smooth=0.5))
    begins = pieces(plan.source_s, plan.shown_s, ())
    assert begins[0] == 0
    assert begins[-1] == COUNT
    assert 3 <= len(begins) - 1 <= 12
    for first, last in itertools.pairwise(begins):
        assert plan.shown_s[last] - plan.shown_s[first] >= 0.5 - 1e-9


def test_uniform_speed_is_one_piece() -> None:
    times = np.arange(COUNT + 1) / FPS
    assert pieces(times, times / 2, ()) == [0, COUNT]
    assert Plan(times, times / 2).speed == pytest.approx(2.0)


def test_time_codes() -> None:
    assert [timecode(seconds) for seconds in (0, 1.04, 3661.96)] == ["00:00:00:00", "00:00:01:01", "01:01:01:24"]
