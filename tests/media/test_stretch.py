"""Sound at another speed has its pitch, its level and its onsets where the map of times puts them, to the sample."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from gestalt.media.stretch import _most_alike, stretched

RATE = 48000
Samples = NDArray[np.float32]


def played(
    sound: Samples, source_s: Sequence[float], shown_s: Sequence[float], *, block: int = 1024, rate: int = RATE
) -> Samples:
    blocks = [sound[:, at : at + block] for at in range(0, sound.shape[1], block)]
    pieces = list(stretched(blocks, rate, np.array(source_s, float), np.array(shown_s, float)))
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((len(sound), 0), np.float32)


def noise(seconds: float, channels: int = 1, level: float = 0.1) -> Samples:
    shape = (channels, round(seconds * RATE))
    return (level * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def sine(seconds: float, hertz: float) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)[None]


def decibels(sound: Samples) -> float:
    return float(10 * np.log10((sound.astype(np.float64) ** 2).mean()))


def ramp(seconds: float, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in the source, and as shown where the speed goes from `low` to `high` and back."""
    source = np.linspace(0, seconds, 201)
    speed = low + (high - low) * np.sin(np.pi * (np.arange(200) + 0.5) / 200)
    return source, np.concatenate([[0.0], np.cumsum(np.diff(source) / speed)])


# -- length ------------------------------------------------------------------------------------------------


def test_length_is_exact_whatever_the_map() -> None:
    rng = np.random.default_rng(0)
    sound = noise(2.0, 2)
    for _ in range(20):
        count = int(rng.integers(2, 30))
        source = np.concatenate([[0], np.cumsum(rng.uniform(0.002, 0.2, count))])
        shown = 0.7 + np.concatenate([[0], np.cumsum(np.diff(source) / rng.uniform(0.25, 8, count))])
        rate = int(rng.choice([8000, 22050, 44100, 48000]))
        out = played(sound, source.tolist(), shown.tolist(), block=int(rng.integers(1, 9000)), rate=rate)
        assert out.shape == (2, round((shown[-1] - shown[0]) * rate))
        assert out.dtype == np.float32
        assert np.isfinite(out).all()


@pytest.mark.parametrize("length", [0, 1, 10])
@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("speed", [0.25, 1, 8])
def test_tiny_sounds_are_followed_by_silence(length: int, channels: int, speed: float) -> None:
    sound = np.full((channels, length), 0.5, np.float32)
    pieces = list(stretched([sound], RATE, np.array([0, 0.2]), np.array([0, 0.2 / speed])))
    out = np.concatenate(pieces, axis=1)
    assert out.shape == (channels, round(0.2 / speed * RATE))
    assert np.isfinite(out).all()
    assert (out[:, RATE // 60 + 4 * length :] == 0).all()
    assert out.any() == (length > 0)


def test_no_sound_at_all_and_maps_of_no_sample() -> None:
    assert sum(piece.shape[1] for piece in stretched([], RATE, np.array([0, 1.0]), np.array([0, 0.5]))) == RATE // 2
    assert played(noise(1), [0, 1], [0, 1e-6]).shape[1] == 0
    assert played(noise(1), [0, 1], [0, 1 / RATE]).shape[1] == 1


def test_memory_does_not_grow_with_the_sound() -> None:
    """Blocks are made from what has been read so far, and no more is read than they need."""
    read = 0

    def supply(seconds: int):
        nonlocal read
        for _ in range(seconds * 10):
            read += RATE // 10
            yield np.zeros((1, RATE // 10), np.float32)

    made = 0
    for piece in stretched(supply(20), RATE, np.array([0, 20.0]), np.array([0, 5.0])):
        made += piece.shape[1]
        assert read / RATE < 4 * made / RATE + 0.3
        assert piece.shape[1] <= RATE // 4


# -- what is heard -----------------------------------------------------------------------------------------


def test_speed_one_is_the_sound_itself() -> None:
    sound = noise(1.5, 2)
    assert np.array_equal(played(sound, [0, 1.5], [0, 1.5]), sound)
    assert np.array_equal(played(sound, [0.25, 1.25], [3, 4]), sound[:, RATE // 4 : RATE * 5 // 4])
    early = played(sound, [-0.5, 1.5], [0, 2])
    assert np.array_equal(early[:, RATE // 2 :], sound)
    assert (early[:, : RATE // 2] == 0).all()


def test_parts_of_speed_one_are_copies() -> None:
    """After another speed they may lie up to 10 ms beside their place, but all as one."""
    sound = noise(3, 2)
    out = played(sound, [0, 1, 3], [0, 0.5, 2.5])[:, int(0.6 * RATE) : int(2.4 * RATE)]
    places = range(int(1.09 * RATE), int(1.11 * RATE) + 1)
    assert any(np.array_equal(out, sound[:, place : place + out.shape[1]]) for place in places)


def test_the_blocks_it_comes_in_do_not_matter() -> None:
    sound, (source, shown) = noise(2, 2), ramp(2.0, 0.5, 4)
    whole = played(sound, source.tolist(), shown.tolist(), block=sound.shape[1])
    for block in (97, 1024, 30000):
        assert np.array_equal(played(sound, source.tolist(), shown.tolist(), block=block), whole)


@pytest.mark.parametrize("hertz", [80, 220, 1000, 5000])
def test_pitch_and_level_of_a_tone_are_kept(hertz: float) -> None:
    sound = sine(3, hertz)
    maps = [([0.0, 3.0], [0.0, 3.0 / speed]) for speed in (0.25, 0.5, 1, 2, 4, 8)]
    maps.append(tuple(times.tolist() for times in ramp(3, 0.5, 4)))  # type: ignore[arg-type]
    for source, shown in maps:
        out = played(sound, source, shown)
        spectrum = np.abs(np.fft.rfft(out[0] * np.hanning(out.shape[1]), 1 << 18))
        assert float(spectrum.argmax()) * RATE / (1 << 18) == pytest.approx(hertz, rel=0.01)
        assert abs(decibels(out) - decibels(sound)) < 1


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.3, 2, 4, 8])
def test_level_of_noise_is_kept(speed: float) -> None:
    sound = noise(3, 2)
    assert abs(decibels(played(sound, [0, 3], [0, 3 / speed])) - decibels(sound)) < 0.3


def test_channels_are_cut_at_the_same_places() -> None:
    left = noise(2)
    sound = np.concatenate([left, -0.5 * left, left, 0 * left, left, left])
    out = played(sound, [0, 2], [0, 0.9])
    assert out.shape[0] == 6
    assert np.allclose(out[1], -0.5 * out[0], atol=1e-6)
    assert (out[3] == 0).all()


def clicks(count: int, rng: np.random.Generator, hiss: float) -> tuple[Samples, NDArray[np.float64], float]:
    """Bursts of 10 to 20 ms at random times, their times, and the length in seconds."""
    times = np.cumsum(rng.uniform(0.15, 0.4, count))
    seconds = times[-1] + 0.3
    sound = hiss * rng.normal(size=(1, round(seconds * RATE)))
    for time in times:
        length, at = round(rng.uniform(0.01, 0.02) * RATE), round(time * RATE)
        sound[0, at : at + length] += rng.normal(0, 0.3, length) * np.exp(-3 * np.arange(length) / length)
    return sound.astype(np.float32), times, seconds


def envelope(sound: Samples) -> NDArray[np.float64]:
    return np.sqrt(np.convolve(sound[0].astype(np.float64) ** 2, np.full(96, 1 / 96), "same"))


@pytest.mark.parametrize("speed", [1, 1.25, 1.5, 2, 3, 4, "ramp"])
@pytest.mark.parametrize("hiss", [0.0, 0.02])
def test_clicks_are_heard_once_and_in_time(speed: float | str, hiss: float) -> None:
    """Within 5 ms, where 20 is asked for; none is skipped, none comes twice."""
    sound, times, seconds = clicks(40, np.random.default_rng(1), hiss)
    source, shown = ramp(seconds, 1, 4) if speed == "ramp" else (np.array([0, seconds]), np.array([0, seconds]) / speed)
    out = envelope(played(sound, source.tolist(), shown.tolist()))
    before = envelope(sound)
    offsets = []
    for time, place in zip(times, np.interp(times, source, shown), strict=True):
        burst = before[round((time - 0.002) * RATE) : round((time + 0.02) * RATE)]
        heard = out[round((place - 0.025) * RATE) : round((place + 0.025) * RATE)]
        half = burst.max() / 2
        assert heard.max() > half, "a click was skipped"
        offsets.append((heard > half).argmax() / RATE - 0.025 - ((burst > half).argmax() / RATE - 0.002))
    assert np.abs(offsets).max() < 0.005
    rises = np.flatnonzero((out[1:] > 0.1) & (out[:-1] <= 0.1))
    assert (np.diff(rises) > 0.012 * RATE).sum() + 1 <= len(times)


# -- the search --------------------------------------------------------------------------------------------


def likeness_everywhere(mono: Samples, natural: int, low: int, high: int, hop: int) -> NDArray[np.float64]:
    """The slow search: the correlation with every place from low to high."""
    wanted = mono[natural - hop : natural].astype(np.float64)
    found = []
    for place in range(low, high + 1):
        other = mono[place - hop : place].astype(np.float64)
        found.append((wanted * other).sum() / np.sqrt((wanted**2).sum() * (other**2).sum() + 1e-24))
    return np.array(found)


@pytest.mark.parametrize("kind", ["tone", "chord", "voice", "low noise"])
def test_search_finds_what_the_slow_one_finds(kind: str) -> None:
    rng = np.random.default_rng(2)
    time = np.arange(RATE) / RATE
    if kind == "voice":  # a buzz with a falling pitch
        mono = sum(np.sin(2 * np.pi * k * (140 * time - 20 * time**2)) / k for k in range(1, 20))
    elif kind == "low noise":
        mono = np.convolve(rng.normal(size=RATE), np.hanning(40), "same")
    else:
        mono = sum(np.sin(2 * np.pi * hertz * time) for hertz in ([330] if kind == "tone" else [262, 330, 392]))
    mono = np.asarray(mono, np.float32)
    step, hop, search = 6, 576, 480
    coarse = mono.reshape(-1, step).mean(axis=1)
    losses = []
    for _ in range(30):
        aim, natural = (int(rng.integers(5000, RATE - 5000)) for _ in range(2))
        low, high = aim - search, aim + search
        found = _most_alike(mono, coarse, step, natural, low, high, aim, hop, search)
        scores = likeness_everywhere(mono, natural, low, high, hop)
        assert low <= found <= high
        losses.append(scores.max() - scores[found - low])
    assert max(losses) < 0.03  # 0.01 of it may go for being close to the aim
    assert float(np.mean(losses)) < 0.01


def test_in_silence_the_search_stays_where_the_map_is() -> None:
    mono = np.zeros(6000, np.float32)
    assert _most_alike(mono, mono.reshape(-1, 6).mean(axis=1), 6, 2000, 3000, 3960, 3480, 576, 480) == 3480


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "shown", "says"),
    [
        ([0, 1], [0, 1, 2], r"got \(2,\) and \(3,\)"),
        ([0], [0], "expected two or more times"),
        ([0, 1], [0, 0], "strictly increasing"),
        ([1, 0], [0, 1], "strictly increasing"),
        ([0, float("nan")], [0, 1], "expected finite"),
    ],
)
def test_maps_that_are_refused(source: list[float], shown: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stretched([noise(0.1)], RATE, np.array(source, float), np.array(shown, float))


def test_blocks_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="expected blocks of 1 channels as before, got 2"):
        list(stretched([noise(0.1), noise(0.1, 2)], RATE, np.array([0, 1.0]), np.array([0, 1.0])))
