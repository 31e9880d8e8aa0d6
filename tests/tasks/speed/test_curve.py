"""Speeds from what a network says: falling, interpolated, of exact duration, and within limits."""

import numpy as np
import pytest

from gestalt.tasks.speed.curve import FACTORS, UNSURE, Bounds, Wanted, centred, falling, planned, reachable, wanted


def pooled(p: np.ndarray) -> np.ndarray:
    """Pool adjacent violators, one by one."""
    blocks: list[list[float]] = []
    for value in p:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            last, count = blocks.pop()
            mean, before = blocks.pop()
            blocks.append([(mean * before + last * count) / (before + count), before + count])
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks])


def test_falling_is_what_pooling_gives() -> None:
    p = np.random.default_rng(0).random((10, 200))
    expected = np.stack([pooled(column) for column in p.T], 1)
    np.testing.assert_allclose(falling(p), expected, atol=1e-12)
    np.testing.assert_allclose(falling(expected), expected, atol=1e-12)


def test_the_crossing_is_interpolated_in_log_speed() -> None:
    for speed in (1.1, 1.7, 2.9, 5.5):
        p = np.clip(0.5 - 0.8 * (np.log(FACTORS) - np.log(speed)), 0, 1)[:, None]
        assert wanted(p, 0.5).speed == pytest.approx([speed], rel=1e-6)
    always, never = np.ones((10, 1)), np.zeros((10, 1))
    assert wanted(always, 0.5).speed == pytest.approx([FACTORS[-1]])
    assert wanted(never, 0.5).speed == pytest.approx([1.0])
    assert wanted(always, 0.5).confidence == pytest.approx([UNSURE])


def test_a_clear_crossing_is_trusted_more() -> None:
    steep, slow = ((1 / (1 + np.exp(k * (np.log(FACTORS) - 0.8))))[:, None] for k in (12.0, 1.0))
    assert wanted(steep, 0.5).confidence > 2 * wanted(slow, 0.5).confidence


def times_of(count: int, rate: float = 25) -> np.ndarray:
    return np.arange(count + 1) / rate


def said(count: int) -> Wanted:
    """The middle third could be three times as fast as the rest."""
    speed = np.full(count, 1.5)
    speed[count // 3 : 2 * count // 3] = 4.5
    return Wanted(speed, np.full(count, 0.8))


@pytest.mark.parametrize("rate", [1.3, 2.0, 3.0])
def test_the_duration_is_exact_and_the_slow_part_is_sped_up_more(rate: float) -> None:
    lasts = planned(said(600), rate, times=times_of(600))
    assert float((lasts / 25).sum()) == pytest.approx(600 / 25 / rate, rel=1e-11)
    speed = 1 / lasts
    if rate > 1.5:
        assert np.median(speed[250:350]) > 1.6 * np.median(speed[:150])
    assert speed.min() >= 1 - 1e-9
    assert speed.max() <= 8 + 1e-9


def test_frames_of_any_duration_give_the_same_curve_in_seconds() -> None:
    chance = np.random.default_rng(1)
    uneven = np.concatenate([[0], np.cumsum(chance.uniform(0.5, 1.5, 600))])
    uneven *= 24 / uneven[-1]
    middles = (uneven[:-1] + uneven[1:]) / 2
    speed = np.where((middles > 8) & (middles < 16), 4.5, 1.5)
    lasts = planned(Wanted(speed, np.full(600, 0.8)), 2.0, times=uneven)
    assert float(lasts @ np.diff(uneven)) == pytest.approx(12, rel=1e-11)
    even = planned(said(600), 2.0, times=times_of(600))
    at = np.linspace(0.5, 23.5, 200)
    found, expected = (np.interp(at, t[:-1], 1 / u) for t, u in ((uneven, lasts), (times_of(600), even)))
    assert np.abs(np.log(found / expected)).mean() < 0.03


def test_adaptivity_0_is_uniform() -> None:
    np.testing.assert_allclose(planned(said(90), 2.0, times=times_of(90), adaptivity=0.0), 0.5, rtol=1e-9)
    spread = [np.std(planned(said(90), 2.0, times=times_of(90), adaptivity=k)) for k in (0.3, 0.6, 1.0)]
    assert spread == sorted(spread)


def test_protected_ranges_and_cuts_are_kept() -> None:
    lasts = planned(said(600), 2.0, times=times_of(600), bounds=[Bounds(10, 12, 1.0, 1.0)])
    np.testing.assert_allclose(lasts[250:300], 1.0)
    assert float(lasts.sum()) == pytest.approx(300)
    jump = [np.abs(np.diff(planned(said(600), 2.0, times=times_of(600), cuts=cuts)))[199] for cuts in ((), (200,))]
    assert jump[1] > 5 * jump[0]


def test_a_rate_out_of_reach_is_told_what_can_be_reached() -> None:
    with pytest.raises(ValueError, match=r"rate of 9 cannot be reached .*: from 1 to 8 can"):
        planned(said(30), 9.0, times=times_of(30))
    with pytest.raises(ValueError, match=r"from 1 to 2 can"):
        planned(said(30), 0.5, times=times_of(30), fastest=2.0)
    with pytest.raises(ValueError, match=r"limits of speed: only 1 can$"):
        planned(said(30), 2.0, times=times_of(30), fastest=1.0)
    with pytest.raises(ValueError, match=r"from 1 to 1.0004 can"):
        planned(said(30), 2.0, times=times_of(30), fastest=1.0004)


@pytest.mark.parametrize("order", [1, -1])
def test_where_parts_overlap_the_strictest_holds(order: int) -> None:
    parts = [Bounds(2, 4, 1.0, 1.0), Bounds(3, 6, 1.0, 6.0), Bounds(5, 8, 1.0, 1.5), Bounds(3.5, 4.5, 0.5, 0.5)]
    low, high = reachable(times_of(250), 1.2, 0.25, 5.0, parts[::order])
    fastest, slowest = np.full(250, 5.0), np.full(250, 0.25)
    fastest[50:100], fastest[100:125], fastest[125:200] = 1.0, 5.0, 1.5
    slowest[50:200] = 1.0
    fastest[88:112], slowest[88:112] = 0.5, 0.5  # 3.5 and 4.5 s are within frames 87 and 112
    fastest[87], slowest[87], fastest[112], slowest[112] = 0.5, 0.5, 0.5, 0.5
    np.testing.assert_allclose(low, 1 / fastest)
    np.testing.assert_allclose(high, 1 / slowest)


def test_no_part_is_faster_than_the_whole_or_without_any_speed() -> None:
    low, high = reachable(times_of(100), 0.8, 0.5, 0.8, [Bounds(0, 1, 1.0, 1.0), Bounds(1, 2, 1.0, 3.0)])
    assert low.min() == pytest.approx(1 / 0.8)
    assert high[:50] == pytest.approx(1 / 0.8), "as near to its own speed as the fastest allows"
    assert (low <= high).all()
    low, high = reachable(times_of(100), 2.0, 1.5, 8.0, [Bounds(0, 1, 1.0, 1.0)])
    assert low[:25] == pytest.approx(1.0), "its own speed, though slower than the rest"
    assert high[:25] == pytest.approx(1.0)
    assert high[25:] == pytest.approx(1 / 1.5)


def test_only_the_order_within_a_video_counts() -> None:
    np.testing.assert_allclose(centred(said(90).speed, 2.0, np.ones(90)), centred(7 * said(90).speed, 2.0, np.ones(90)))
    assert float((1 / centred(said(90).speed, 2.0, np.ones(90))).mean()) == pytest.approx(0.5)
