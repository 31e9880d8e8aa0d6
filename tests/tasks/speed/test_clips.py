"""Pairs differ in speed alone."""

from pathlib import Path

import numpy as np
import pytest

from gestalt.drawn.motion import KINDS, Scene, scene
from gestalt.media.video_writer import VideoWriter
from gestalt.tasks.speed.clips import NORMAL, SPED_UP, Drawn, Filmed, exposed, lasting, skipping
from gestalt.tasks.speed.shelf import Shelf


@pytest.mark.parametrize("skipped", [0.0, 0.1, 0.5])
def test_as_many_frames_are_skipped_as_asked_for(skipped: float) -> None:
    chance = np.random.default_rng(0)
    kept = [skipping(16, skipped, chance) for _ in range(2000)]
    assert all(frames[0] == 0 and (np.diff(frames) >= 1).all() and len(frames) == 16 for frames in kept)
    assert np.mean([frames[-1] / 15 for frames in kept]) == pytest.approx(1 / (1 - skipped), rel=0.02)


def test_both_classes_are_as_even(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    monkeypatch.setattr(Scene, "frames", lambda _self, times, side, **_: seen.append(np.diff(times)) or clip(side))

    def clip(side: int) -> np.ndarray:
        return np.zeros((16, side, side, 3), np.uint8)

    for number in range(400):
        Drawn(["gait"], codec=False).pair(number, 16, 16)
    uneven = np.array([steps.std() / steps.mean() for steps in seen]).reshape(-1, 2)
    even = (uneven < 1e-9).mean(0)  # in some uneven pairs, by chance, nothing is skipped
    assert 0.5 <= even[0] <= 0.75
    assert even[0] == pytest.approx(even[1], abs=0.05)
    assert uneven.mean(0)[0] == pytest.approx(uneven.mean(0)[1], rel=0.1)
    far = np.array([steps.mean() * 25 for steps in seen]).reshape(-1, 2)
    assert far.mean(0) == pytest.approx([1.1, 1.95], rel=0.02)


def test_the_classes_do_not_touch() -> None:
    assert NORMAL[1] < SPED_UP[0]


def test_a_pair_shows_one_scene_twice_as_far_along() -> None:
    source = Drawn(["pendulum"], spread=0.0, codec=False)
    far = {"normal": 0.0, "sped_up": 0.0}
    for number in range(12):
        pair, again = source.pair(number, 16, 48), source.pair(number, 16, 48)
        for name, clip in pair._asdict().items():
            assert clip.shape == (16, 48, 48, 3)
            np.testing.assert_array_equal(clip, getattr(again, name))
            far[name] += np.abs(np.diff(clip.astype(float), axis=0)).mean()
        colours = [np.median(clip.reshape(-1, 3), 0) for clip in pair]
        np.testing.assert_allclose(colours[0], colours[1], atol=6)
    assert far["sped_up"] > far["normal"]


def test_all_kinds_come_up() -> None:
    source = Drawn([*KINDS], codec=False)
    assert len({source.pair(number, 2, 16).normal.tobytes() for number in range(60)}) == 60


def test_a_codec_leaves_its_traces_on_both_classes_alike() -> None:
    plain, coded = Drawn(["gait"], codec=False), Drawn(["gait"])
    touched = {"normal": 0, "sped_up": 0}
    for number in range(60):
        for name, clip in plain.pair(number, 4, 16)._asdict().items():
            other = getattr(coded.pair(number, 4, 16), name)
            touched[name] += clip.tobytes() != other.tobytes()
    assert 8 <= touched["normal"] <= 30
    assert 8 <= touched["sped_up"] <= 30


def test_a_long_shutter_is_the_mean_of_two_frames() -> None:
    frames = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1) * np.full((1, 2, 2, 3), 10, np.uint8)
    kept = np.array([0, 2, 9])
    assert exposed(frames, kept, False)[:, 0, 0, 0].tolist() == [0, 20, 40]
    assert exposed(frames, kept, True)[:, 0, 0, 0].tolist() == [5, 25, 40]


@pytest.mark.parametrize("rate", [25, 60])
def test_pairs_from_videos_of_any_rate(tmp_path: Path, rate: int) -> None:
    times = np.arange(4 * rate) / rate
    with VideoWriter(tmp_path / "swing.mp4", rate=rate) as writer:
        writer.write(scene("swing", 1).frames(times, 64))
    found, refused = lasting([tmp_path / "swing.mp4"], 16)
    assert len(found) == 1
    assert not refused
    source = Filmed(Shelf(found, 32), codec=False)
    for number in range(4):
        pair, again = source.pair(number, 16, 32), source.pair(number, 16, 32)
        assert pair.normal.shape == pair.sped_up.shape == (16, 32, 32, 3)
        assert pair.normal.tobytes() == again.normal.tobytes()
        assert pair.normal.tobytes() != pair.sped_up.tobytes()


def test_videos_that_are_no_use_are_told(tmp_path: Path) -> None:
    still = np.zeros((10, 16, 16, 3), np.uint8)
    for name, rate in (("short", 25), ("slow", 10)):
        with VideoWriter(tmp_path / f"{name}.mp4", rate=rate) as writer:
            writer.write(still)
    (tmp_path / "text.mp4").write_text("no video")
    found, refused = lasting(sorted(tmp_path.iterdir()), 16)
    assert not found
    assert [("too short" in line, "too few" in line) for line in refused] == [
        (True, False),
        (False, True),
        (False,) * 2,
    ]
