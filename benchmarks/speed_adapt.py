"""`gestalt speed adapt` of a long 720p video with sound, end to end: how much faster than real time, and the memory.

    uv run python benchmarks/speed_adapt.py [--minutes 10] [--rate 2]

The video is drawn, 20 s of it, and repeated packet by packet; its sound is a click every second. The program runs by
itself, as a user would start it. Offsets of the clicks are those of the loudest moment near where curve.csv puts them.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from gestalt.drawn.motion import scene
from gestalt.media import video
from gestalt.media.audio import read_audio

PIECE_S, FPS, SOUND = 20, 30, 48_000


def main() -> None:
    """Draw, run, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, result, run = Path(folder, "long.mp4"), Path(folder, "short.mp4"), Path(folder, "run")
        draw(source, round(asked.minutes * 60 / PIECE_S))
        length = video.probe(source).duration_s or 0
        command = [sys.executable, "-m", "gestalt.cli", "speed", "adapt", source, result, "--out", run, "--quiet"]
        begun = time.perf_counter()
        subprocess.run([*map(str, command), "--rate", str(asked.rate)], check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - begun
        told = json.loads((run / "metrics.json").read_text())
        found = video.probe(result)
        print(
            f"original {length:.2f} s, 1280 x 720, {FPS} fps; "
            f"processors {os.cpu_count()}, load {os.getloadavg()[0]:.1f}"
        )
        print(f"end to end {took:.0f} s: {length / took:.2f} times real time")
        shares = {name: told[f"{name}_s"] for name in ("looking", "planning", "writing")}
        print("of that " + ", ".join(f"{name} {value:.0f} s ({value / took:.0%})" for name, value in shares.items()))
        print(f"peak memory {told['peak_mb']:.0f} MB")
        off = abs((found.duration_s or 0) - length / asked.rate) * FPS
        print(f"result {found.duration_s:.4f} s, off by {off:.2f} frames")
        offsets, lost = clicks(result, run / "outputs" / "curve.csv", length)
        print(
            f"clicks: {len(offsets)} heard, {lost} lost, offset median {np.median(offsets) * 1e3:.1f} ms, "
            f"largest {max(offsets) * 1e3:.1f} ms"
        )


def draw(path: Path, pieces: int) -> None:
    """A video of so many pieces of 20 s, all the same."""
    times = np.arange(PIECE_S * FPS) / FPS
    left, right = scene("gait", 5), scene("swing", 6)
    with tempfile.TemporaryDirectory() as folder:
        once = Path(folder, "once.mp4")
        with av.open(str(once), "w") as output:
            stream = output.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "veryfast", "bf": "0"})
            stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
            for begin in range(0, len(times), 60):
                some = times[begin : begin + 60]
                both = np.concatenate([one.frames(some, 720)[:, :, 40:680] for one in (left, right)], 2)
                for pixels in both:
                    for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                        output.mux(packet)
            for packet in stream.encode(None):
                output.mux(packet)
        with av.open(str(path), "w") as output:
            with av.open(str(once)) as given:
                stream = output.add_stream_from_template(given.streams.video[0])
            sound = output.add_stream("aac", rate=SOUND)
            sound.layout = "stereo"
            for piece in range(pieces):
                with av.open(str(once)) as given:
                    coded = given.streams.video[0]
                    for packet in given.demux(coded):
                        if packet.pts is None or packet.dts is None or coded.time_base is None:
                            continue
                        shift = round(piece * PIECE_S / coded.time_base)
                        packet.pts += shift
                        packet.dts += shift
                        packet.stream = stream
                        output.mux(packet)
                wave = np.zeros((2, PIECE_S * SOUND), np.float32)
                for second in range(PIECE_S):
                    at = second * SOUND + SOUND // 2
                    burst = np.sin(2 * np.pi * 2000 * np.arange(SOUND // 100) / SOUND) * np.hanning(SOUND // 100)
                    wave[:, at - len(burst) // 2 : at - len(burst) // 2 + len(burst)] = 0.8 * burst
                for begin in range(0, wave.shape[1], 1024):
                    part = np.ascontiguousarray(wave[:, begin : begin + 1024])
                    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                    frame.sample_rate, frame.pts = SOUND, piece * wave.shape[1] + begin
                    frame.time_base = Fraction(1, SOUND)
                    for packet in sound.encode(frame):
                        output.mux(packet)
            for packet in sound.encode(None):
                output.mux(packet)


def clicks(result: Path, curve: Path, length: float) -> tuple[NDArray[np.float64], int]:
    """How far clicks are from where they should be, in seconds, and how many are not heard."""
    with curve.open() as file:
        rows = np.array([[float(cell) for cell in row] for row in list(csv.reader(file))[1:]])
    ends = np.append(rows[:, 0], length)
    shown = np.append(0.0, np.cumsum(np.diff(ends) / rows[:, 1]))
    samples, rate = read_audio(result)
    loud = np.abs(samples).max(0)
    wanted = np.interp(np.arange(0.5, length, 1.0), ends, shown)
    offsets, lost = [], 0
    for at in wanted:
        begin = max(0, round((at - 0.05) * rate))
        near = loud[begin : round((at + 0.05) * rate)]
        if len(near) == 0 or near.max() < 0.2:
            lost += 1
            continue
        above = np.flatnonzero(near > near.max() / 2)
        offsets.append(abs((begin + above.mean()) / rate - at))
    return np.array(offsets), lost


if __name__ == "__main__":
    main()
