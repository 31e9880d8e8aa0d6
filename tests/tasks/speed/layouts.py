"""Data sets of drawn clips, each with colours of its own, so that colours tell nothing of the class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gestalt.drawn.motion import scene
from gestalt.media.video_writer import VideoWriter


def film(path: Path, kind: str, seed: int, *, frames: int = 60, side: int = 48) -> Path:
    """Write a drawn clip of a kind at 25 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, rate=25) as writer:
        writer.write(scene(kind, seed).frames(np.arange(frames) / 25, side))
    return path


def ucf(root: Path, kinds: Sequence[str], *, train: int, test: int, frames: int = 60, side: int = 48) -> Path:
    """The UCF101 layout: every kind a class, its videos in videos/<kind>, the lists in ucfTrainTestlist."""
    names: dict[str, list[str]] = {"train": [], "test": []}
    for label, kind in enumerate(kinds, 1):
        for n in range(train + test):
            film(root / "videos" / kind / f"v_{kind}_{n}.mp4", kind, 1000 * label + n, frames=frames, side=side)
            part = "train" if n < train else "test"
            names[part].append(f"{kind}/v_{kind}_{n}.mp4" + (f" {label}" if part == "train" else ""))
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{n} {kind}\n" for n, kind in enumerate(kinds, 1)))
    for part, lines in names.items():
        (lists / f"{part}list01.txt").write_text("\r\n".join(lines))
    return root
