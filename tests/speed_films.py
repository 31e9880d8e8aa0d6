"""Small clips of drawn motion for tests that send videos through `gestalt speed`."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from gestalt.drawn.motion import scene
from gestalt.media.video import VideoStream
from gestalt.media.video_writer import VideoWriter
from media.test_retime import sounding

TINY = ("--preset", "tiny", "--threads", "1", "--device", "cpu")


def moving(kind: str = "rope", seconds: float = 3.0, fps: int = 25, side: int = 32) -> NDArray[np.uint8]:
    """(T, H, W, 3): a scene as a camera of so many frames a second sees it."""
    return scene(kind, 1).frames(np.arange(round(seconds * fps)) / fps, side)


def film(path: Path, frames: NDArray[np.uint8] | None = None, fps: int = 25) -> Path:
    """A silent MP4."""
    with VideoWriter(path, rate=fps) as writer:
        writer.write(moving() if frames is None else frames)
    return path


def sound_film(path: Path, frames: NDArray[np.uint8], fps: int = 25) -> Path:
    """A video with a tone as long as it."""
    time = np.arange(len(frames) * 48_000 // fps) / 48_000
    tone = np.stack([np.sin(2 * np.pi * 440 * time) / 4] * 2).astype(np.float32)
    return sounding(path, frames, tone, [n / fps for n in range(len(frames))], Fraction(1, fps), "stereo")


def scratched_sound(path: Path) -> Path:
    """A video whose sound is damaged from its middle on, and whose pictures are not."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    for at, size in packets[len(packets) // 2 :]:
        assert at is not None
        data[at : at + size] = np.random.default_rng(at).integers(0, 256, size, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def times_of(path: Path) -> tuple[NDArray[np.float64], float | None]:
    """When every frame is shown, (T,), and when the last one ends."""
    stream = VideoStream(path)
    return np.concatenate([block.times_s for block in stream]), stream.end_s


def columns(path: Path) -> dict[str, NDArray[np.float64]]:
    """A table of numbers, by column."""
    with path.open(newline="") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, np.array(rows, np.float64).T, strict=True))
