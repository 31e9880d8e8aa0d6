"""Stretches of videos, decoded once or each time."""

from pathlib import Path

import numpy as np
import pytest

from gestalt.drawn.motion import scene
from gestalt.media.video_writer import VideoWriter
from gestalt.tasks.speed import footage, shelf
from gestalt.tasks.speed.footage import Footage, stretch
from gestalt.tasks.speed.shelf import Shelf


@pytest.fixture
def filmed(tmp_path: Path) -> Path:
    path = tmp_path / "gait.mp4"
    with VideoWriter(path, rate=50, quality=5) as writer:
        writer.write(scene("gait", 2).frames(np.arange(150) / 50, 64, shutter=0.0))
    return path


@pytest.mark.parametrize("room", [0, shelf.ROOM])
@pytest.mark.parametrize(("start_s", "count", "step", "found"), [(0.0, 8, 1, 8), (1.013, 16, 2, 16), (2.8, 16, 1, 5)])
def test_a_stretch_is_the_same_as_without_a_shelf(
    filmed: Path, room: int, start_s: float, count: int, step: int, found: int
) -> None:
    some = Shelf([(filmed, 3.0)], 32, room=room)
    frames = some.stretch(filmed, start_s, count, 32, step=step)
    assert len(frames) == found
    assert frames.tobytes() == stretch(filmed, start_s, count, 32, step=step).tobytes()


@pytest.mark.parametrize("room", [0, shelf.ROOM])
def test_smaller_stretches_are_nearly_those_decoded_so_small(filmed: Path, room: int) -> None:
    frames = Shelf([(filmed, 3.0)], 48, room=room).stretch(filmed, 0.5, 8, 24)
    direct = stretch(filmed, 0.5, 8, 24)
    assert frames.shape == direct.shape == (8, 24, 24, 3)
    assert np.abs(frames.astype(int) - direct).mean() < 2


def test_what_is_kept_is_decoded_once_and_room_goes_to_the_first(filmed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Counted(Footage):
        def __init__(self, path: Path, side: int, **when: float) -> None:
            asked.append(path)
            super().__init__(path, side, **when)

    for module in (shelf, footage):
        monkeypatch.setattr(module, "Footage", Counted)
    other = filmed.with_name("other.mp4")
    other.write_bytes(filmed.read_bytes())
    some = Shelf([(filmed, 3.0), (other, 3.0)], 32, room=150 * 3 * 32 * 32)
    for _ in range(3):
        some.stretch(other, 0.0, 4, 32)
        some.stretch(filmed, 0.0, 4, 32)
    assert asked == [other, filmed, other, other]


def test_strips_are_as_narrow_as_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "strip.mp4"
    with VideoWriter(path, rate=25) as writer:
        writer.write(np.zeros((25, 16, 400, 3), np.uint8))
    assert Shelf([(path, 1.0)], 48).stretch(path, 0.0, 4, 32).shape == stretch(path, 0.0, 4, 32).shape
