"""Every odd video is read, every bad one is refused in one sentence, and nothing else is heard or left."""

import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import av.logging
import numpy as np
import pytest

from gestalt.media import video
from gestalt.media.container import quiet
from gestalt.media.video import VideoStream
from media.hostile_videos import BAD, ODD_BUT_VALID, VideoCase, changed, encode, half, numbered, textures
from media.test_hostile import assert_one_sentence


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    """A test that waits for a pipe's other end fails instead of stopping the suite."""

    def give_up(*_: object) -> None:
        pytest.fail("the test hangs")  # no Exception, so that nothing takes it for a fault of the file

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def by_name(cases: list[VideoCase]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def test_the_lists_are_long_and_the_names_unique() -> None:
    names = [case.name for case in ODD_BUT_VALID + BAD]
    assert len(set(names)) == len(names)
    assert len(ODD_BUT_VALID) >= 40
    assert len(BAD) >= 30


@by_name(ODD_BUT_VALID)
def test_odd_videos_are_read(
    case: VideoCase, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = case.make(tmp_path)
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = VideoStream(path, block=2, rate=10)
        blocks = list(stream)
    frames = np.concatenate([block.frames for block in blocks])
    times = np.concatenate([block.times_s for block in blocks])
    assert frames.dtype == np.uint8
    assert times.dtype == np.float64
    assert frames.shape == (len(case.times_s), *case.size, 3)
    assert (stream.info.height, stream.info.width) == (stream.height, stream.width) == case.size
    assert stream.info.frames in (None, len(case.times_s))
    tolerance_s = 5.1e-4 if path.suffix in {".mkv", ".webm", ".flv"} or path.name == "a.avi" else 1e-6
    assert np.abs(times - case.times_s).max() <= tolerance_s, times
    if case.corner is not None:
        corner = frames[0, :2, :2].reshape(-1, 3).astype(float)
        assert np.abs(corner - case.corner).max() <= case.tolerance, f"expected {case.corner}, got {corner[0]}"
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@by_name(BAD)
def test_bad_videos_are_refused(
    case: VideoCase, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = case.make(tmp_path)
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as refusal:
            list(VideoStream(path))
    message = str(refusal.value)
    assert case.says in message
    is_a_frame = case.name in {"mixed_sizes", "broken_frame"}  # which is named itself, not its folder
    assert_one_sentence(message, Path(".png") if is_a_frame else path)
    assert "expected a " in message
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mp4", {"container": {"movflags": "faststart"}}),
        ("a.mkv", {}),
        ("a.avi", {"codec": "mpeg4"}),
    ],
)
def test_wherever_a_video_is_cut(name: str, options: dict[str, object], tmp_path: Path) -> None:
    """Cut anywhere, a video is refused or, where only the end mark is missing, whole: never shorter."""
    path = encode(tmp_path / name, textures(), **options)  # type: ignore[arg-type]
    data = path.read_bytes()
    whole = np.concatenate([block.frames for block in VideoStream(path)])
    assert len(whole) == 10
    refused = 0
    for length in [*range(1, len(data), len(data) // 12), len(data) - 1]:
        path.write_bytes(data[:length])
        try:
            frames = np.concatenate([block.frames for block in VideoStream(path)])
        except ValueError as error:
            refused += 1
            assert_one_sentence(str(error), path)
        else:
            assert np.array_equal(frames, whole), f"cut to {length} of {len(data)} bytes, it was read as another"
    assert refused >= 12


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video")]
)
def test_damaged_bytes_raise_nothing_but_value_error(
    name: str, codec: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = encode(tmp_path / name, textures(6), codec=codec)
    good = path.read_bytes()
    capfd.readouterr()
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(15):
        data = np.frombuffer(good, dtype=np.uint8).copy()
        # Half of the damage goes to the first and last bytes, where headers and the index are.
        where = random.integers(-600, 200, 6) if trial % 2 else random.integers(0, len(data), 6)
        data[where] = random.integers(0, 256, 6)
        path.write_bytes(data.tobytes())
        try:
            list(VideoStream(path, size=64))
        except ValueError as error:
            refused += 1
            assert_one_sentence(str(error), path)
    assert refused > 0
    assert capfd.readouterr() == ("", "")


def test_damage_comes_after_the_good_frames(tmp_path: Path) -> None:
    case = next(case for case in BAD if case.name == "mp4_damaged")
    path = case.make(tmp_path)
    blocks = []
    with pytest.raises(ValueError, match="good frames") as refusal:
        blocks.extend(VideoStream(path, block=1))
    assert f"after {len(blocks)} good frames" in str(refusal.value)
    assert 2 <= len(blocks) <= 6


@pytest.mark.parametrize("level", [None, av.logging.WARNING])
def test_the_log_level_is_left_as_it_was(level: int | None, tmp_path: Path) -> None:
    path = changed("a.mp4", half)(tmp_path)
    good = encode(tmp_path / "good.mp4", numbered(4))
    av.logging.set_level(level)
    try:
        with pytest.raises(ValueError, match="cut short"):
            video.probe(path)
        stream = iter(VideoStream(good, block=1))
        next(stream)
        assert av.logging.get_level() == level  # also while the caller looks at a block
        with quiet, quiet:
            assert av.logging.get_level() is None
        assert av.logging.get_level() == level
    finally:
        av.logging.set_level(None)
