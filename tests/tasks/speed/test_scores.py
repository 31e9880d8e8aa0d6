"""A video looked at in one pass, in pieces, is told as if it were all there at once."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from gestalt.drawn.motion import scene
from gestalt.tasks.speed.footage import Frame
from gestalt.tasks.speed.scores import LEAST_SIDE, Version, as_clip, averaged, score
from gestalt.tasks.speed.speednet import SpeedNet


@pytest.fixture(scope="module")
def net() -> SpeedNet:
    return SpeedNet("small", torch.Generator().manual_seed(1)).requires_grad_(False).eval()


def footage(count: int, *, cuts: tuple[int, ...] = (), rate: float = 25, side: int = 32) -> list[Frame]:
    pixels = scene("gait", 3).frames(np.arange(count) / rate, side, shutter=0.2 * rate / 25)  # as long at any rate
    return [Frame(pixels[n], n / rate, n in cuts) for n in range(count)]


@pytest.mark.parametrize("count", [5, 63, 64, 65, 200])
def test_pieces_are_told_as_the_whole(net: SpeedNet, count: int) -> None:
    given = footage(count)
    found = score(given, net, factors=(1.0,), window=1).logits[0]
    whole = net.over_time(as_clip([frame.pixels for frame in given], net)).numpy()
    # Averages are over four frames at least.
    np.testing.assert_allclose(found, averaged(whole.astype(float), 4), atol=2e-5)


def test_nothing_looks_across_a_cut(net: SpeedNet) -> None:
    given = footage(120, cuts=(50,))
    found = score(given, net, factors=(1.0, 1.25), window=8)
    assert found.cuts == (50,)
    alone = score([frame._replace(cut=False) for frame in given[:50]], net, factors=(1.0, 1.25), window=8)
    np.testing.assert_allclose(found.logits[0, :50], alone.logits[0], atol=2e-5)


@pytest.mark.parametrize("rate", [25, 50, 100])
def test_the_same_scene_is_told_the_same_at_any_frame_rate(net: SpeedNet, rate: int) -> None:
    usual = score(footage(75), net, factors=(1.0, 2.0), window=8)
    found = score(footage(3 * rate, rate=rate), net, factors=(1.0, 2.0), window=8)
    assert found.logits.shape == (2, 3 * rate)
    some = [np.interp(np.arange(0, 2.9, 0.1), one.times[:-1], one.logits[1]) for one in (usual, found)]
    assert np.abs(some[0] - some[1]).mean() < 0.1 * some[0].std() + 0.02  # noise differs


def test_memory_does_not_grow_with_the_video(net: SpeedNet) -> None:
    version = Version(net, 1.0)
    for n in range(500):
        version.offer(Frame(np.zeros((LEAST_SIDE, LEAST_SIDE, 3), np.uint8), n / 25, False), (n + 1) / 25)
        assert len(version._frames) <= net.piece
    version.cut()
    assert len(version.said[0]) == 500


def test_a_shot_too_short_for_a_version_takes_the_word_of_a_slower_one(net: SpeedNet) -> None:
    found = score(footage(60, cuts=(50,)), net, factors=(1.0, 8.0), window=8)
    np.testing.assert_array_equal(found.logits[1, 50:], found.logits[0, 50:])
    assert np.isfinite(score(footage(2), net, factors=(1.0, 8.0), window=8).logits).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_short_videos(net: SpeedNet, count: int) -> None:
    found = score(footage(count), net, factors=(1.0, 2.0), window=24)
    assert found.times.shape == (count + 1,)
    np.testing.assert_allclose(np.diff(found.times), 1 / 25)
    assert found.logits.shape == (2, count)
    assert np.isfinite(found.logits).all()


def test_no_frame_is_refused(net: SpeedNet) -> None:
    with pytest.raises(ValueError, match="no frame"):
        score(iter(()), net, factors=(1.0,), window=4)


def test_what_stands_still_is_known(net: SpeedNet) -> None:
    noise = np.random.default_rng(0)

    def given() -> Iterator[Frame]:
        moving = scene("gait", 3).frames(np.arange(100) / 25, 48)
        for n in range(200):
            pixels = moving[min(n, 99)] if n < 100 else moving[99]
            levels = pixels.astype(float) + noise.normal(0, 1, pixels.shape)
            yield Frame(np.clip(levels, 0, 255).astype(np.uint8), n / 25, False)

    found = score(given(), net, factors=(1.0,), window=16)
    assert found.moving[10:85].mean() > 0.9
    assert not found.moving[115:].any()


def test_the_end_is_the_files_own(net: SpeedNet) -> None:
    assert score(footage(10), net, factors=(1.0,), window=4, end=lambda: 0.7).times[-1] == 0.7
    assert score(footage(10), net, factors=(1.0,), window=4, end=lambda: None).times[-1] == pytest.approx(0.4)


def test_averages_are_of_what_is_there() -> None:
    values = np.arange(10.0)
    found = averaged(values, 3)
    by_hand = [values[max(0, n - 1) : n + 2].mean() for n in range(10)]
    np.testing.assert_allclose(found, by_hand)


@pytest.mark.parametrize(
    ("size", "seen"), [((1, 1), (32, 32)), ((20, 50), (32, 80)), ((40, 33), (40, 33)), ((1, 500), (32, 500))]
)
def test_small_frames_are_enlarged(net: SpeedNet, size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert as_clip([np.zeros((*size, 3), np.uint8)] * 2, net).shape == (1, 3, 2, *seen)
    assert LEAST_SIDE == 32
