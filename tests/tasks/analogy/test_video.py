"""Clips: every frame once, times and sound kept, little flicker, one window in memory, and both engines."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import torch
from torch import Tensor

from gestalt import cli, recipes
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.media.audio import has_sound, read_audio
from gestalt.media.video import Block, VideoStream, read_clip
from gestalt.media.video_writer import VideoWriter
from gestalt.metrics.edges import edge_correlation
from gestalt.metrics.flicker import flicker
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import pair, patch, video
from gestalt.tasks.analogy.config import Pair, Patch

PATCHES = dataclasses.replace(recipes.analogy_patch("tiny"), size=40, guidance=1.0, start=0)
PAIR = recipes.analogy_pair("tiny")


@functools.cache
def scenes() -> tuple[Tensor, Tensor]:
    """Two drawn pictures of 60 x 80 pixels, which take seconds."""
    one, other = objects.pair(size=(60, 80), seed=3)
    return one.image, other.image


def moving(frames: int, size: tuple[int, int] = (30, 40)) -> np.ndarray:
    """uint8 (T, H, W, 3): a drawn scene that stands still, but for a light square that goes across it."""
    ground = image.to_uint8(resize(scenes()[0], size).clamp(-1, 1))
    clip = np.repeat(ground[None], frames, axis=0)
    for t in range(frames):
        clip[t, 10:16, (3 * t) % (size[1] - 6) :][:, :6] = 250
    return clip


def blocks(clip: np.ndarray, length: int) -> list[Block]:
    times_s = np.arange(len(clip)) * 0.04 + 0.001 * (np.arange(len(clip)) % 3)  # not quite regular
    return [Block(clip[n : n + length], times_s[n : n + length]) for n in range(0, len(clip), length)]


@pytest.fixture(scope="module")
def style() -> Tensor:
    return resize(scenes()[1], (30, 40)).clamp(-1, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 23, 24, 25, 30, 42, 43])
@pytest.mark.parametrize("length", [1, 16, 100])
def test_windows_hold_every_frame_and_overlap(count, length):
    clip = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    windows = list(video._windows(blocks(clip, length)))
    assert [is_last for _, _, is_last in windows] == [False] * (len(windows) - 1) + [True]
    kept = [frames if is_last else frames[: -video.OVERLAP] for frames, _, is_last in windows]
    assert np.concatenate(kept)[:, 0, 0, 0].tolist() == list(range(count))
    assert all(len(frames) <= video.WINDOW for frames, _, _ in windows)
    assert all(len(frames) > video.OVERLAP for frames, _, _ in windows[1:])
    times_s = np.concatenate([t if is_last else t[: -video.OVERLAP] for _, t, is_last in windows])
    assert (np.diff(times_s) > 0).all()


@pytest.mark.parametrize(
    ("count", "is_clip"),
    [
        (1, False),
        (9, True),
        *(pytest.param(count, False, marks=pytest.mark.slow) for count in (2, 34)),
    ],
)
def test_patches_give_every_frame_once_in_the_range_of_the_style(count, is_clip, style):
    given = torch.stack([style, style.roll(1, 3), style.roll(2, 3), style.roll(3, 3)], dim=2) if is_clip else style
    clip = moving(count)
    pieces = list(video.by_patches(blocks(clip, 16), given, PATCHES))
    result = torch.cat([piece.result for piece in pieces], dim=2)
    source = torch.cat([piece.source for piece in pieces], dim=2)
    assert result.shape == source.shape == (1, 3, count, 30, 40)
    assert torch.equal(source, torch.cat([video.as_clip(clip[n : n + 1], 40) for n in range(count)], dim=2))
    assert np.concatenate([piece.times_s for piece in pieces]).tolist() == pytest.approx(
        np.concatenate([block.times_s for block in blocks(clip, 16)]).tolist()
    )
    assert result.min() >= style.min()
    assert result.max() <= style.max()


def test_space_time_patches_flicker_less_than_frame_by_frame_and_keep_the_arrangement(style):
    clip = moving(12)
    (piece,) = video.by_patches(blocks(clip, 12), style, PATCHES)
    frames = [patch.transfer(piece.source[:, :, t], style, PATCHES, seed=t, name=f"frame {t}") for t in range(12)]
    one_by_one = torch.stack(frames, dim=2)
    assert flicker(piece.source, piece.source) < 1e-6
    assert flicker(piece.result, piece.source) <= 0.5 * flicker(one_by_one, piece.source)
    ours, theirs = (
        sum(edge_correlation(result[:, :, t], piece.source[:, :, t]) for t in range(12)) / 12
        for result in (piece.result, one_by_one)
    )
    assert ours > theirs - 0.05


def test_a_window_begins_with_what_the_last_one_left(style):
    """Where two windows meet, the change is no greater than inside them by much."""
    pieces = list(video.by_patches(blocks(moving(40), 16), style, PATCHES))
    result = torch.cat([piece.result for piece in pieces], dim=2)
    change = (result[:, :, 1:] - result[:, :, :-1]).abs().mean((0, 1, 3, 4))
    border = video.WINDOW - video.OVERLAP
    assert float(change[border - 1 : border + video.OVERLAP].max()) < 3 * float(change.median())


def test_the_stream_is_held_one_window_at_a_time(style):
    read = []

    def watched():
        for number, block in enumerate(blocks(moving(100), 8)):
            read.append(number)
            yield block

    for count, _ in enumerate(video.by_patches(watched(), style, PATCHES)):
        assert len(read) * 8 <= video.WINDOW + count * (video.WINDOW - video.OVERLAP) + 8
        if count == 2:
            break


def test_of_a_long_clip_few_frames_are_kept_and_flicker_is_that_of_the_whole(style, monkeypatch):
    """Through `make`, with pieces that are handed in: what is shown holds single frames, spread over the clip."""
    clip = torch.rand(1, 3, 80, 8, 10) * 0.01
    result = torch.rand(1, 3, 80, 8, 10)
    pieces = [
        video.Piece(clip[:, :, n : n + 2], result[:, :, n : n + 2], np.array([0.04 * n, 0.04 * n + 0.04]))
        for n in range(0, 80, 2)
    ]
    monkeypatch.setattr(video, "by_patches", lambda *_, **__: iter(pieces))
    seen = []
    original = video._keep_measures
    monkeypatch.setattr(video, "_keep_measures", lambda shown, *more: (seen.extend(shown), original(shown, *more)))
    run = Kept()
    video.make([], style, PATCHES, run=run)
    assert 8 <= len(seen) <= video.MOST_SHOWN
    assert all(frame.result.untyped_storage().nbytes() == 3 * 8 * 10 * 4 for frame in seen)
    assert seen[-1].time_s > 2.5
    assert run.measures["a2b_flicker"] == pytest.approx(flicker(result, clip), rel=1e-5)
    assert run.measures["a_flicker"] == pytest.approx(flicker(clip, clip), rel=1e-5)


def test_the_pair_network_maps_all_frames_with_one_noise(style):
    clip = moving(5)
    clip[3] = clip[0]
    run = Kept()
    pieces = list(video.by_pair(blocks(clip, 2), style, PAIR, run=run))
    result = torch.cat([piece.result for piece in pieces], dim=2)
    assert result.shape == (1, 3, 5, 18, 24)
    assert torch.equal(result[:, :, 0], result[:, :, 3])
    assert not torch.equal(result[:, :, 0], result[:, :, 1])
    assert 0 <= run.measures["a2b_start"] < 3


def test_a_style_clip_and_refinement_with_the_pair_network(style):
    styles = torch.stack([style, -style], dim=2)
    settings = dataclasses.replace(PAIR, mode="refine", start=1)
    (piece,) = video.by_pair(blocks(moving(3), 3), styles, settings)
    assert piece.result.shape == piece.source.shape
    assert piece.result.abs().max() <= 1


def test_what_clips_do_not_have_is_refused(style, monkeypatch):
    with pytest.raises(ValueError, match="--sweep draws the dial of two pictures"):
        video.check(Patch(sweep=True), (30, 40), (30, 40), 9)
    with pytest.raises(ValueError, match="--mode sample draws pairs of pictures"):
        video.check(Pair(mode="sample"), (30, 40), (30, 40), 9)
    for settings in (Patch(start=99), Pair(start=99)):
        with pytest.raises(ValueError, match="--start 99 is past the finest level"):
            video.check(settings, (30, 40), (30, 40), None)
    with pytest.raises(ValueError, match="at most 1500 frames"):
        video.check(Pair(), (30, 40), (30, 40), 1501)
    monkeypatch.setattr(video, "MOST_FRAMES", 3)
    with pytest.raises(ValueError, match="at most 3 frames, and this one has more; use --engine patch"):
        next(video.by_pair(blocks(moving(4), 2), style, PAIR))


class Kept(NullRun):
    """A run that remembers its measures."""

    def __init__(self):
        self.measures = {}

    def measure(self, **values):
        self.measures.update(values)


@pytest.fixture
def clip_with_sound(tmp_path):
    """A clip of 30 frames and 1.2 s with a tone."""
    import wave

    tone = (8000 * np.sin(np.arange(19200) / 16000 * 440 * 2 * np.pi)).astype(np.int16)
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(tone.tobytes())
    with VideoWriter(tmp_path / "clip.mp4", audio_from=tmp_path / "tone.wav") as writer:
        for block in blocks(moving(30), 30):
            writer.write(block.frames, block.times_s)
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize("engine", ["patch", "pair"])
def test_the_command_keeps_times_and_sound(engine, clip_with_sound, style, tmp_path):
    image.write(tmp_path / "style.png", style)
    argv = ["analogy", "video", str(clip_with_sound), str(tmp_path / "style.png"), "--engine", engine]
    before = torch.get_num_threads()
    try:
        assert cli.run([*argv, "--preset", "tiny", "--quiet", "--device", "cpu", "--out", str(tmp_path / "run")]) == 0
    finally:
        torch.set_num_threads(before)
    result = tmp_path / "run/outputs/a2b.mp4"
    given = np.concatenate([block.times_s for block in VideoStream(clip_with_sound)])
    _, times_s = read_clip(result, max_frames=100)
    assert times_s.tolist() == pytest.approx(given.tolist(), abs=1e-5)
    assert has_sound(result)
    samples, rate = read_audio(result)
    assert samples.shape[1] / rate == pytest.approx(float(given[-1]) + 0.04, abs=0.05)
    assert np.abs(samples).max() > 0.1
    measures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert measures["a2b_flicker"] >= 0
    assert measures["a2b_edges_structure"] <= 1
    kinds = {entry["path"]: entry["kind"] for entry in json.loads((tmp_path / "run/outputs/index.json").read_text())}
    own = {"a.png": "image"} if engine == "pair" else {}
    assert kinds == {"b.png": "image", "a2b.mp4": "video", "sheet.png": "sheet"} | own
    assert {"a2b_null_histogram_coherence", "a2b_null_structure_swd"} <= set(measures)
    if engine == "pair":  # what was trained can be used again
        try:
            argv = ["analogy", "apply", str(tmp_path / "run"), str(tmp_path / "style.png"), "--direction", "b2a"]
            assert cli.run([*argv, "--quiet", "--device", "cpu", "--out", str(tmp_path / "applied")]) == 0
        finally:
            torch.set_num_threads(before)
        assert json.loads((tmp_path / "applied/run.json").read_text())["parent"] == str(tmp_path / "run")


def test_a_last_frame_that_is_held_stays_as_long_and_so_does_the_sound(clip_with_sound, style, tmp_path):
    image.write(tmp_path / "style.png", style)
    with VideoWriter(tmp_path / "held.mp4", end_s=1.2, audio_from=clip_with_sound) as writer:
        writer.write(moving(4), [0.0, 0.1, 0.2, 0.3])
    argv = ["analogy", "video", str(tmp_path / "held.mp4"), str(tmp_path / "style.png"), "--preset", "tiny"]
    before = torch.get_num_threads()
    try:
        assert cli.run([*argv, "--quiet", "--device", "cpu", "--out", str(tmp_path / "run")]) == 0
    finally:
        torch.set_num_threads(before)
    result = tmp_path / "run/outputs/a2b.mp4"
    stream = VideoStream(result)
    assert sum(len(block.times_s) for block in stream) == 4
    assert stream.end_s == pytest.approx(1.2, abs=1e-3)
    samples, rate = read_audio(result)
    assert samples.shape[1] / rate == pytest.approx(1.2, abs=0.05)


def test_short_clips_are_measured_on_all_their_frames(style, monkeypatch):
    seen = []
    original = video._keep_measures
    monkeypatch.setattr(video, "_keep_measures", lambda shown, *more: (seen.extend(shown), original(shown, *more)))
    video.make(blocks(moving(5), 5), style, PATCHES)
    assert [frame.time_s for frame in seen] == blocks(moving(5), 5)[0].times_s.tolist()


def test_a_pair_network_for_clips_stopped_between_levels_goes_on_to_the_same_video(clip_with_sound, style, tmp_path):
    image.write(tmp_path / "style.png", style)
    argv = ["analogy", "video", str(clip_with_sound), str(tmp_path / "style.png"), "--preset", "tiny", "--quiet"]
    argv += ["--engine", "pair"]
    before, original = torch.get_num_threads(), pair.fit_level

    def impatient(n, *given, **more):
        original(n, *given, **more)
        if n == 1:
            raise KeyboardInterrupt

    try:
        assert cli.run([*argv, "--out", str(tmp_path / "straight")]) == 0
        pair.fit_level = impatient
        assert cli.run([*argv, "--out", str(tmp_path / "run")]) == 3
        pair.fit_level = original
        assert cli.run(["resume", str(tmp_path / "run"), "--quiet"]) == 0
    finally:
        pair.fit_level = original
        torch.set_num_threads(before)
    one, other = (tmp_path / name / "outputs/a2b.mp4" for name in ("straight", "run"))
    assert one.read_bytes() == other.read_bytes()


def test_a_stopped_run_goes_on_to_the_same_video(clip_with_sound, style, tmp_path):
    image.write(tmp_path / "style.png", style)
    argv = ["analogy", "video", str(clip_with_sound), str(tmp_path / "style.png"), "--preset", "tiny", "--quiet"]
    before, original = torch.get_num_threads(), patch.synthesize
    try:
        assert cli.run([*argv, "--out", str(tmp_path / "straight")]) == 0

        def impatient(*given, **more):
            result = original(*given, **more)
            if more["name"] == "window 0":
                raise KeyboardInterrupt
            return result

        patch.synthesize = impatient
        assert cli.run([*argv, "--out", str(tmp_path / "run")]) == 3
        patch.synthesize = original
        assert not (tmp_path / "run/outputs/a2b.mp4").exists()
        assert cli.run(["resume", str(tmp_path / "run"), "--quiet"]) == 0
    finally:
        patch.synthesize = original
        torch.set_num_threads(before)
    one, other = (tmp_path / name / "outputs/a2b.mp4" for name in ("straight", "run"))
    assert one.read_bytes() == other.read_bytes()
