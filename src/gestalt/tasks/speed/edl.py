"""A speed curve as an edit decision list (CMX 3600), which video editors read: pieces of one speed each.

An event names a part of the original and the place it takes in the result, in hours:minutes:seconds:frames at 25 frames
a second, and an M2 line the frames a second at which it plays. Pieces follow each other without a gap.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FPS = 25
"""Frames a second of the time codes."""

PIECE_S = 0.5
"""Least length of a piece in the result, in seconds."""

APART = 1.15
"""Factor by which the speed within a piece may differ from that of the whole piece."""


def pieces(source_s: NDArray[np.float64], shown_s: NDArray[np.float64], cuts: Sequence[int]) -> list[int]:
    """Frames at which pieces begin, and the end: as long as the speed is nearly one, at cuts at the latest."""
    speed = np.diff(source_s) / np.diff(shown_s)
    begins, jumps = [0], set(cuts)
    least = most = float(speed[0])
    for n in range(1, len(speed)):
        least, most = min(least, float(speed[n])), max(most, float(speed[n]))
        is_long = shown_s[n] - shown_s[begins[-1]] >= PIECE_S and shown_s[-1] - shown_s[n] >= PIECE_S
        if is_long and (most > least * APART**2 or n in jumps):
            begins.append(n)
            least = most = float(speed[n])
    return [*begins, len(speed)]


def write_edl(path: Path, source_s: NDArray[np.float64], shown_s: NDArray[np.float64], cuts: Sequence[int]) -> None:
    """Write the list; `source_s` and `shown_s` are the times (N + 1,) of every frame and the end."""
    lines = ["TITLE: SPEED CURVE", "FCM: NON-DROP FRAME", ""]
    begins = pieces(source_s, shown_s, cuts)
    for number, (first, last) in enumerate(itertools.pairwise(begins), start=1):
        codes = " ".join(timecode(times[n]) for times in (source_s, shown_s) for n in (first, last))
        speed = (source_s[last] - source_s[first]) / (shown_s[last] - shown_s[first])
        lines.append(f"{number:03d}  AX       V     C        {codes}")
        lines.append(f"M2   AX             {FPS * speed:05.1f}                {timecode(source_s[first])}")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def timecode(seconds: float) -> str:
    """Hours:minutes:seconds:frames."""
    frames = round(seconds * FPS)
    whole = frames // FPS
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frames % FPS:02d}"
