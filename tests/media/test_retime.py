"""A video written again shows the planned frame at each moment, as long as planned, and otherwise as it was."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gestalt.media.audio import read_audio
from gestalt.media.retime import retime
from gestalt.media.video import VideoStream, probe
from media.hostile import RED
from media.hostile_videos import (
    BAD,
    BT709,
    BT2020,
    FULL,
    Frames,
    changed,
    cornered,
    encode,
    half,
    numbered,
    numbers,
    solid,
    squares,
    turned,
)

RATE = 48000
Times = NDArray[np.float64]


def whole(path: Path) -> tuple[Frames, Times]:
    blocks = list(VideoStream(path))
    return np.concatenate([block.frames for block in blocks]), np.concatenate([block.times_s for block in blocks])


def times_of(path: Path) -> Times:
    """(N + 1,) of a video, with the end."""
    stream = VideoStream(path)
    times = np.concatenate([block.times_s for block in stream])
    return np.append(times, stream.end_s or times[-1] + 0.1)


def wavy(source: Times, speed: float = 2.0) -> Times:
    """Times of a map whose speed changes between 0.5 and 1.5 of `speed`."""
    seconds = np.diff(source)
    return np.concatenate([[0], np.cumsum(seconds / speed / (1 + 0.5 * np.sin(source[:-1] * 3)))])


def rewritten(source: Path, out: Path, speed: float = 2.0, rate: Fraction | None = Fraction(10), **options: Any) -> Any:
    times = times_of(source)
    return retime(source, out, source_s=times, shown_s=times / speed, rate=rate, **options)


# -- times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.5, 1, 2, 3.7])
@pytest.mark.parametrize("rate", [Fraction(10), Fraction(30000, 1001)])
def test_each_moment_shows_the_planned_frame(speed: float, rate: Fraction, tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(90), options={"bf": "3", "g": "12"})
    times = times_of(source)
    shown = wavy(times, speed)
    told: list[int] = []
    out = tmp_path / "b.mp4"
    done = retime(source, out, source_s=times, shown_s=shown, rate=rate, tell=told.append)
    count = round(shown[-1] * rate)
    planned = [int(np.flatnonzero(shown <= (n + 0.5) / float(rate))[-1]) for n in range(count)]
    frames, written = whole(out)
    assert numbers(frames) == planned
    assert written == pytest.approx([float(n / rate) for n in range(count)], abs=1e-9)
    info = probe(out)
    assert (info.frames, info.rate, info.is_variable) == (count, rate, False)
    assert info.duration_s == pytest.approx(shown[-1], abs=float(1 / rate))
    assert done == (count, pytest.approx(info.duration_s))
    assert told == list(range(1, 91))


def test_without_a_rate_every_frame_is_kept(tmp_path: Path) -> None:
    """17 s become 8.5 s exactly."""
    source = encode(tmp_path / "a.mp4", numbered(170))
    times = times_of(source)
    shown = wavy(times)
    shown *= 8.5 / shown[-1]
    done = retime(source, tmp_path / "b.mp4", source_s=times, shown_s=shown, rate=None)
    frames, written = whole(tmp_path / "b.mp4")
    assert numbers(frames) == list(range(170))
    assert np.abs(written - shown[:-1]).max() <= 0.5 / 90000 + 1e-9
    assert (np.diff(written) > 0).all()
    with av.open(tmp_path / "b.mp4") as container:
        assert container.duration == 8_500_000
        stream = container.streams.video[0]
        assert (stream.duration or 0) * (stream.time_base or 0) == Fraction(17, 2)
    assert done == (170, 8.5)


def test_frames_closer_than_a_tick_are_a_tick_apart(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(4))
    shown = np.array([0, 1e-7, 2e-7, 0.1, 0.2])
    retime(source, tmp_path / "b.mp4", source_s=times_of(source), shown_s=shown, rate=None)
    assert whole(tmp_path / "b.mp4")[1] == pytest.approx([0, 1 / 90000, 2 / 90000, 0.1], abs=1e-9)


def test_variable_rate_comes_in(tmp_path: Path) -> None:
    given = [0, 0.04, 0.3, 0.35, 1.0, 1.1]
    source = encode(tmp_path / "a.mp4", numbered(6), times_s=given, tick_s=Fraction(1, 1000), options={"bf": "0"})
    times = times_of(source)
    retime(source, tmp_path / "b.mp4", source_s=times, shown_s=times, rate=Fraction(10), quality=10)
    middles = 0.05 + np.arange(round(times[-1] * 10)) / 10
    assert numbers(whole(tmp_path / "b.mp4")[0]) == [int(np.flatnonzero(times[:-1] <= m)[-1]) for m in middles]


@pytest.mark.parametrize("rate", [Fraction(10), None])
def test_one_frame(rate: Fraction | None, tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", cornered(1))
    done = retime(source, tmp_path / "b.mp4", source_s=np.array([0, 0.1]), shown_s=np.array([0, 0.02]), rate=rate)
    frames, _ = whole(tmp_path / "b.mp4")
    assert done.frames == len(frames) == 1
    assert np.abs(frames[0, 1, 1].astype(int) - RED).max() <= 6


# -- pictures ----------------------------------------------------------------------------------------------


def test_pictures_survive_without_another_conversion(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 96).astype(np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (3, 64, 96, 3)).copy()
    source = encode(tmp_path / "a.mp4", frames)
    rewritten(source, tmp_path / "b.mp4", 1.0, quality=0)
    with av.open(source) as one, av.open(tmp_path / "b.mp4") as other:
        for old, new in zip(one.decode(video=0), other.decode(video=0), strict=True):
            assert new.format.name == "yuv420p"
            assert np.array_equal(old.to_ndarray(), new.to_ndarray())


@pytest.mark.parametrize(
    ("make", "tolerance"),
    [
        (lambda folder: turned(90)(folder), 6),
        (lambda folder: turned(180)(folder), 6),
        (lambda folder: turned(270)(folder), 6),
        (lambda folder: turned(0, mirrored=True)(folder), 6),
        (lambda folder: turned(90, mirrored=True)(folder), 255),
        (lambda folder: encode(folder / "a.mp4", cornered(), aspect=Fraction(4, 3)), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), matrix=BT709), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), matrix=BT2020), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), is_tagged=False), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(1, 720, 64), matrix=BT709, is_tagged=False), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), pix_fmt="yuvj420p", colour_range=FULL), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), pix_fmt="yuv420p10le", matrix=BT2020), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), pix_fmt="yuv420p10le", colour_range=FULL), 6),
        (lambda folder: encode(folder / "a.mp4", cornered(), pix_fmt="yuv422p"), 6),
        (lambda folder: encode(folder / "a.mkv", cornered(), pix_fmt="yuv444p"), 6),
        (lambda folder: encode(folder / "a.avi", cornered(), codec="mjpeg", pix_fmt="yuvj422p", colour_range=FULL), 10),
    ],
)
def test_how_it_wants_to_be_shown_is_kept(make: Callable[[Path], Path], tolerance: int, tmp_path: Path) -> None:
    source = make(tmp_path)
    rewritten(source, tmp_path / "out.mp4", 1.0, quality=10)
    old, new = probe(source), probe(tmp_path / "out.mp4")
    for name in ("width", "height", "rotation", "is_mirrored", "sample_aspect", "colour"):
        assert getattr(new, name) == getattr(old, name), name
    before, after = whole(source)[0], whole(tmp_path / "out.mp4")[0]
    inner = (slice(None), slice(2, 12), slice(2, 12))
    assert np.abs(before[inner].astype(int) - after[inner]).max() <= tolerance


def test_primaries_and_transfer_are_kept(tmp_path: Path) -> None:
    """As a phone tags HLG; and a source that says nothing is not made to say something."""
    with av.open(tmp_path / "a.mp4", "w") as output:
        stream: Any = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 18, 9, 1
        for pixels in cornered():
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p10le")))
        output.mux(stream.encode(None))
    rewritten(tmp_path / "a.mp4", tmp_path / "b.mp4", 1.0)
    assert tuple(probe(tmp_path / "b.mp4").colour) == ("bt2020", "arib-std-b67", "bt2020nc", "limited")
    rewritten(encode(tmp_path / "c.mp4", cornered(), is_tagged=False), tmp_path / "d.mp4", 1.0)
    assert set(probe(tmp_path / "d.mp4").colour) == {"unknown"}


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_odd_sizes_are_filled_up_with_their_edge(name: str, tmp_path: Path) -> None:
    options: Any = {"a.avi": {"codec": "mpeg4"}, "a.mkv": {"pix_fmt": "yuv444p"}}[name]
    source = encode(tmp_path / name, solid(RED, 3, 17, 33), **options)
    rewritten(source, tmp_path / "b.mp4", 1.0, quality=10)
    frames, _ = whole(tmp_path / "b.mp4")
    assert frames.shape == (3, 18, 34, 3)
    assert np.abs(frames.astype(int) - RED).max() <= 10


def test_grey_and_alpha_go_through_rgb(tmp_path: Path) -> None:
    grey = encode(tmp_path / "a.mkv", solid((60, 60, 60)), codec="ffv1", pix_fmt="gray")
    clear = encode(tmp_path / "b.mov", cornered(), codec="qtrle", pix_fmt="argb")
    for source in (grey, clear):
        rewritten(source, tmp_path / "c.mp4", 1.0, quality=5)
        before, after = whole(source)[0][0, 4, 4], whole(tmp_path / "c.mp4")[0][0, 4, 4]
        assert np.abs(before.astype(int) - after).max() <= 4
        assert tuple(probe(tmp_path / "c.mp4").colour) == ("bt709", "bt709", "bt709", "limited")


def test_folders_and_pictures(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for index, pixels in enumerate(numbered(20)):
        Image.fromarray(pixels).save(tmp_path / "frames" / f"{index}.png")
    times = np.arange(21) / 25
    out = tmp_path / "b.mp4"
    retime(tmp_path / "frames", out, source_s=times, shown_s=times / 2, rate=Fraction(25))
    assert numbers(whole(out)[0]) == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    squares()[0].save(tmp_path / "a.gif", "GIF", save_all=True, append_images=squares()[1:], duration=100)
    done = rewritten(tmp_path / "a.gif", out, 1.0, None)
    assert done == (3, pytest.approx(0.3, abs=1e-5))
    assert np.abs(whole(out)[0][0, 4, 4].astype(int) - RED).max() <= 4


# -- sound -------------------------------------------------------------------------------------------------


def flashing(path: Path, flashes: list[int], count: int = 200, rate: int = 25) -> Path:
    """Black frames with a white one at each flash, and a click of 15 ms at its time."""
    frames = np.zeros((count, 32, 48, 3), np.uint8)
    for later in range(3):
        frames[np.array(flashes) + later] = 255
    sound = np.zeros((2, count * RATE // rate), np.float32)
    rng = np.random.default_rng(0)
    for flash in flashes:
        at = flash * RATE // rate
        sound[:, at : at + 720] = rng.uniform(-0.8, 0.8, 720) * np.exp(-np.arange(720) / 300)
    times = [index / rate for index in range(count)]
    return sounding(path, frames, sound, times, Fraction(1, rate), "stereo")


def sounding(
    path: Path, frames: Frames, sound: NDArray[np.float32], times: list[float], tick: Fraction, layout: str
) -> Path:
    picture = encode(path.with_suffix(".tmp.mkv"), frames, times_s=times, tick_s=tick, options={"bf": "0"})
    with av.open(picture) as source, av.open(path, "w") as output:
        track: Any = output.add_stream_from_template(source.streams.video[0])
        voice: Any = output.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=RATE)
        voice.codec_context.layout = layout
        voice.codec_context.open()
        piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", layout)
        piece.sample_rate, piece.pts, piece.time_base = RATE, 0, Fraction(1, RATE)
        context = voice.codec_context
        split = av.AudioResampler(context.format, layout, RATE, frame_size=context.frame_size or None)
        for part in [*split.resample(piece), *split.resample(None)]:
            output.mux(voice.encode(part))
        output.mux(voice.encode(None))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                output.mux(packet)
    picture.unlink()
    return path


@pytest.mark.parametrize("rate", [Fraction(50), None])
def test_clicks_stay_with_their_flashes(rate: Fraction | None, tmp_path: Path) -> None:
    """Within 20 ms, of which a rate of 50 takes up to 10."""
    flashes = [10, 31, 55, 78, 100, 126, 147, 170, 188]
    source = flashing(tmp_path / "a.mkv", flashes)
    times = times_of(source)
    shown = wavy(times)
    out = tmp_path / "b.mp4"
    retime(source, out, source_s=times, shown_s=shown, rate=rate)
    frames, written = whole(out)
    bright = frames.mean(axis=(1, 2, 3)) > 128
    seen = written[bright & ~np.concatenate([[False], bright[:-1]])]
    samples, _ = read_audio(out)
    loud = np.abs(samples[0]) > 0.25
    heard = np.flatnonzero(loud & ~np.array([False, *loud[:-1]])) / RATE
    heard = heard[np.concatenate([[True], np.diff(heard) > 0.05])]
    assert len(seen) == len(heard) == len(flashes)
    assert np.abs(seen - heard).max() < 0.02
    assert seen == pytest.approx(shown[flashes], abs=0.011)


@pytest.mark.parametrize(("layout", "channels", "kept"), [("mono", 1, 1), ("stereo", 2, 2), ("5.1", 6, 2)])
def test_sound_is_exact_to_the_sample(layout: str, channels: int, kept: int, tmp_path: Path) -> None:
    time = np.arange(2 * RATE) / RATE
    sound = np.stack([np.sin(2 * np.pi * 440 * time) / 4] * channels).astype(np.float32)
    times = [index / 10 for index in range(20)]
    source = sounding(tmp_path / "a.mkv", numbered(20), sound, times, Fraction(1, 10), layout)
    at = times_of(source)
    shown = wavy(at)
    retime(source, tmp_path / "b.mp4", source_s=at, shown_s=shown, rate=Fraction(10))
    with av.open(tmp_path / "b.mp4") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert (stream.duration or 0) * (stream.time_base or 0) == Fraction(round(shown[-1] * RATE), RATE)
    samples, rate = read_audio(tmp_path / "b.mp4")
    assert (samples.shape[0], rate) == (kept, RATE)
    spectrum = np.abs(np.fft.rfft(samples[0], 1 << 18))
    assert float(spectrum.argmax()) * RATE / (1 << 18) == pytest.approx(440, rel=0.01)


def test_no_sound_where_there_is_none_or_none_is_wanted(tmp_path: Path) -> None:
    silent = encode(tmp_path / "a.mp4", numbered(10))
    loud = encode(tmp_path / "b.mp4", numbered(10), sound_s=1.0)
    for source, sound, has_audio in ((silent, True, False), (loud, False, False), (loud, True, True)):
        rewritten(source, tmp_path / "c.mp4", sound=sound)
        assert probe(tmp_path / "c.mp4").has_audio == has_audio


# -- whole or not at all -----------------------------------------------------------------------------------


def test_the_index_comes_first_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(30), sound_s=3.0)
    for name in ("b.mp4", "c.mp4"):
        rewritten(source, tmp_path / name)
    data = (tmp_path / "b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert b" mbtree=0 " in data
    assert data == (tmp_path / "c.mp4").read_bytes()


def test_a_video_may_take_its_own_place(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(10), sound_s=1.0)
    rewritten(source, source)
    assert numbers(whole(source)[0]) == [1, 3, 5, 7, 9]
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize(
    ("count", "options", "says"),
    [
        (9, {}, "'a.mp4' has more where 9 frames were expected; read its times again"),
        (11, {}, "'a.mp4' has 10 where 11 frames were expected"),
        (10, {"quality": 52}, "expected a quality"),
        (10, {"rate": Fraction(0)}, "expected a rate above 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    count: int, options: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / "a.mp4", numbered(10), sound_s=1.0)
    monkeypatch.chdir(tmp_path)
    times = np.arange(count + 1) / 10
    with pytest.raises(ValueError, match=says):
        retime("a.mp4", "b.mp4", **{"source_s": times, "shown_s": times, "rate": Fraction(10), **options})
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ([0, 0.1], "expected times"),
        ([0, 0.1, 0.1, 0.2], "strictly increasing"),
        ([0.1, 0.2, 0.3, 0.4], "shown at 0 s"),
        ([0, 0.1, 0.2, float("inf")], "expected finite"),
        ([0, 0.1, 0.2, 90000.0], "an MP4 shows a frame for at most 23861 s"),
    ],
)
def test_times_that_are_refused(shown: list[float], says: str, tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(3))
    with pytest.raises(ValueError, match=says):
        retime(source, tmp_path / "b.mp4", source_s=np.arange(4) / 10, shown_s=np.array(shown), rate=None)
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("case", [case for case in BAD if case.name in {"mp4_damaged", "mp4_cut_late", "mixed_sizes"}])
def test_damaged_videos_leave_nothing(case: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = case.make(tmp_path / "in")
    times = np.arange(11) / 10
    with pytest.raises(ValueError, match=case.says):
        retime(source, tmp_path / "b.mp4", source_s=times, shown_s=times, rate=Fraction(10))
    assert os.listdir(tmp_path) == ["in"]


def test_a_cut_file_leaves_what_was_there(tmp_path: Path) -> None:
    source = changed("a.mp4", half)(tmp_path)
    (tmp_path / "b.mp4").write_bytes(b"before")
    times = np.arange(11) / 10
    with pytest.raises(ValueError, match="cut short"):
        retime(source, tmp_path / "b.mp4", source_s=times, shown_s=times, rate=Fraction(10))
    assert (tmp_path / "b.mp4").read_bytes() == b"before"
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "b.mp4"]


def test_places_that_are_refused(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(10))
    with pytest.raises(ValueError, match=r"expected a name ending in \.mp4"):
        rewritten(source, tmp_path / "b.avi")
    with pytest.raises(ValueError, match="its folder does not exist"):
        rewritten(source, tmp_path / "nowhere" / "b.mp4")


def test_a_full_disk_is_an_os_error(small_disk: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), dtype=np.uint8)
    source = encode(tmp_path / "a.mp4", noise)
    with pytest.raises(OSError, match="No space left"):
        rewritten(source, small_disk / "b.mp4", 1.0)
    assert os.listdir(small_disk) == []
