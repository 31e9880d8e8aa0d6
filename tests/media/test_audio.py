"""Sound keeps its samples, its packets and its place beside the pictures."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gestalt.media.audio import AudioStream, check_sound, has_sound, read_audio
from gestalt.media.video import VideoStream, probe
from gestalt.media.video_writer import VideoWriter
from media.hostile_videos import chirp, cornered, encode, natural_folder, numbered, sounding, tone

RATE = 48000


def packets(path: Path) -> list[bytes]:
    """What the packets of the first sound track hold."""
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def lag(heard: np.ndarray, expected: np.ndarray, most: int = 1500) -> int:
    """By how many samples `heard` is later than `expected`, both (N,) and much longer than `most`."""
    middle = slice(most, min(len(heard), len(expected)) - most)
    errors = [np.abs(heard[most + d : middle.stop + d] - expected[middle]).mean() for d in range(-most, most + 1)]
    assert min(errors) < 0.05, "the sound is another"
    return int(np.argmin(errors)) - most


@pytest.mark.parametrize(
    ("name", "codec", "tolerance"),
    [
        ("a.wav", "pcm_s16le", 2e-5),
        ("a.flac", "flac", 2e-5),
        ("a.m4a", "aac", 0.02),
        ("a.mp3", "libmp3lame", 0.02),
        ("a.ogg", "libopus", 0.04),
        ("a.mkv", "pcm_s16le", 2e-5),
    ],
)
def test_samples_come_back(name: str, codec: str, tolerance: float, tmp_path: Path) -> None:
    path = sounding(tmp_path / name, codec)
    samples, rate = read_audio(path)
    assert (samples.dtype, samples.shape[0], rate) == (np.float32, 2, RATE)
    assert abs(samples.shape[1] - RATE) <= 1152  # coders fill up their last packet
    inner = slice(2000, RATE - 4000)
    assert np.abs(samples[:, inner] - chirp(1.0)[:, inner]).mean() < tolerance
    assert lag(samples[0], chirp(1.0)[0]) == 0


@pytest.mark.parametrize(("name", "sound"), [("a.mp4", "aac"), ("a.mkv", "pcm_s16le"), ("a.mkv", "libopus")])
def test_a_part_is_the_same_as_in_the_whole(name: str, sound: str, tmp_path: Path) -> None:
    path = encode(tmp_path / name, numbered(40), sound_s=4.0, sound=sound)
    samples, rate = read_audio(path)
    part, _ = read_audio(path, start_s=2.5, stop_s=3.25)
    assert part.shape == (2, round(0.75 * rate))
    expected = samples[0, round(2.5 * rate) : round(3.25 * rate)]
    assert abs(lag(part[0], expected, 100)) <= (0 if name == "a.mp4" else 48)  # Matroska counts milliseconds


def test_blocks_make_up_the_whole_and_are_exact(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(5), sound_s=1.0)
    samples, _ = read_audio(path)
    stream = AudioStream(path)
    assert (stream.rate, stream.channels) == (RATE, 2)
    blocks = list(stream)
    assert len(blocks) > 10
    assert np.array_equal(np.concatenate(blocks, axis=1), samples)
    longer, _ = read_audio(path, start_s=0.25, stop_s=3.0)
    assert longer.shape == (2, round(2.75 * RATE))
    assert np.array_equal(longer[:, : RATE // 2], samples[:, RATE // 4 : RATE // 4 + RATE // 2])
    assert (longer[:, RATE:] == 0).all()


@pytest.mark.parametrize("offset_s", [0.5, -0.5])
def test_sound_is_placed_beside_the_pictures(offset_s: float, tmp_path: Path) -> None:
    """Pictures that start half a second after the sound, or before it."""
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 48, 32
        voice: Any = output.add_stream("pcm_s16le", rate=RATE)
        voice.codec_context.layout = "stereo"
        for index, pixels in enumerate(cornered(10)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = index + round(10 * max(0, offset_s))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for piece in tone(1.5, voice):
            piece.pts = (piece.pts or 0) + round(RATE * max(0, -offset_s))
            output.mux(voice.encode(piece))
    samples, _ = read_audio(path)
    if offset_s > 0:
        assert np.abs(samples[:, :RATE] - chirp(1.5)[:, RATE // 2 :]).max() < 1e-4
    else:
        assert (samples[:, : RATE // 2 - 100] == 0).all()
        assert np.abs(samples[:, RATE // 2 :] - chirp(1.5)).max() < 1e-4


# -- sound of written videos -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.mka", "libopus"), ("a.ac3", "ac3")],
)
def test_packets_are_copied_as_they_are(name: str, codec: str, tmp_path: Path) -> None:
    source = sounding(tmp_path / name, codec, 1.0)
    with VideoWriter(tmp_path / "b.mp4", rate=10, audio_from=source) as writer:
        writer.write(numbered(20))  # longer than the sound
    assert packets(tmp_path / "b.mp4") == packets(source)
    assert len(packets(source)) > 5
    assert (
        abs(lag(read_audio(tmp_path / "b.mp4")[0][0], read_audio(source)[0][0])) <= 24
    )  # Matroska: half a millisecond


def test_other_sound_becomes_aac(tmp_path: Path) -> None:
    source = sounding(tmp_path / "a.wav", "pcm_s16le", 1.0)
    with VideoWriter(tmp_path / "b.mp4", rate=10, audio_from=source, audio_start_s=0.25) as writer:
        writer.write(numbered(5))
    with av.open(tmp_path / "b.mp4") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(0.5, abs=1e-9)
    heard, _ = read_audio(tmp_path / "b.mp4", stop_s=0.5)
    assert lag(heard[0], chirp(1.0)[0, RATE // 4 : RATE * 3 // 4]) == 0


def test_a_part_of_copied_sound(tmp_path: Path) -> None:
    """It starts to the sample and ends to the tick, though packets are copied whole."""
    source = encode(tmp_path / "a.mp4", numbered(40), sound_s=4.0)
    with VideoWriter(tmp_path / "b.mp4", rate=10, audio_from=source, audio_start_s=2.3) as writer:
        writer.write(numbered(10))
    copied = packets(tmp_path / "b.mp4")
    assert b"|".join(copied) in b"|".join(packets(source))
    assert len(copied) < len(packets(source)) / 2
    heard, _ = read_audio(tmp_path / "b.mp4", stop_s=1.0)
    whole, _ = read_audio(source)
    assert lag(heard[0], whole[0, round(2.3 * RATE) : round(3.3 * RATE)]) == 0
    inner = slice(0, RATE - 2048)  # from the first sample on: decoders have warmed up before it
    assert np.abs(heard[:, inner] - whole[:, round(2.3 * RATE) :][:, inner]).max() < 1e-3
    with av.open(tmp_path / "b.mp4") as container:
        assert container.duration == 1_000_000


def test_a_packet_longer_than_a_frame_ends_with_the_last(tmp_path: Path) -> None:
    """FLAC comes in packets of 96 ms; this video ends in the middle of one, at 0.45 s."""
    source = sounding(tmp_path / "a.flac", "flac", 1.0)
    with VideoWriter(tmp_path / "b.mp4", rate=20, audio_from=source) as writer:
        writer.write(numbered(9))
    with av.open(tmp_path / "b.mp4") as container:
        stream = container.streams.audio[0]
        assert float((stream.duration or 0) * (stream.time_base or 0)) == pytest.approx(0.45, abs=1e-9)


def test_sound_does_not_change_the_pictures(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", numbered(10), sound_s=1.0)
    times = [0.0, 0.1, 0.25, 0.3]
    frames = []
    for name, audio_from in (("b.mp4", None), ("c.mp4", source)):
        with VideoWriter(tmp_path / name, audio_from=audio_from) as writer:
            writer.write(numbered(4), times)
        (block,) = VideoStream(tmp_path / name)
        assert block.times_s == pytest.approx(times, abs=1e-6)
        frames.append(block.frames)
    assert np.array_equal(*frames)
    assert probe(tmp_path / "c.mp4").has_audio
    assert not probe(tmp_path / "b.mp4").has_audio


@pytest.mark.parametrize("kind", ["silent", "folder", "picture"])
def test_what_has_no_sound_adds_none(kind: str, tmp_path: Path) -> None:
    folder = natural_folder(tmp_path)
    source = {"folder": folder, "picture": folder / "frame2.png"}.get(kind) or encode(tmp_path / "a.mp4", numbered(2))
    assert not has_sound(source)
    with VideoWriter(tmp_path / "b.mp4", rate=10, audio_from=source) as writer:
        writer.write(numbered(2))
    assert not probe(tmp_path / "b.mp4").has_audio


@pytest.mark.parametrize("options", [{"start_s": -1}, {"start_s": float("inf")}, {"start_s": 1, "stop_s": 1}])
def test_times_out_of_range(options: Any, tmp_path: Path) -> None:
    path = sounding(tmp_path / "a.wav", "pcm_s16le", 0.1)
    with pytest.raises(ValueError, match="expected 0 <= start < stop"):
        AudioStream(path, **options)


def test_files_without_readable_sound(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    silent = encode(tmp_path / "a.mp4", numbered(2))
    (tmp_path / "text.mp3").write_text("no sound")
    wave = sounding(tmp_path / "a.wav", "pcm_s16le", 0.1)
    wave.write_bytes(wave.read_bytes()[:5000])
    capfd.readouterr()
    for path, says in (
        (silent, "has no sound"),
        (tmp_path / "text.mp3", "is a text file"),
        (tmp_path / "missing.mp3", "does not exist"),
        (wave, "is cut short"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(ValueError, match=f"{path.name}' {says}.*; expected a file with sound"):
            read_audio(path)
    check_sound(silent)
    check_sound(tmp_path)
    assert capfd.readouterr() == ("", "")
