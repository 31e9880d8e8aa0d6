"""Real clips nobody trained on: is the same stretch at 2x ranked above itself at 1x?

    uv run python benchmarks/speed_real.py ../shared/data/motion [--model RUN] [--frames 24]

Both come from the same place by time stamps, at 25 and 12.5 frames of the original a second, so that of files of 50
and more frames a second both are thinned out. The mean over clips with its 95 % interval by drawing clips anew; beside
it the amount of change from frame to frame, which ranks pairs of one place well and tells little of one clip alone.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt.tasks.speed import model
from gestalt.tasks.speed.footage import RATE, Footage, Frame, taken
from gestalt.tasks.speed.nulls import amount
from gestalt.tasks.speed.scores import as_clip

DRAWS = 10_000


def main() -> None:
    """One row a clip."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--side", type=int, default=0)
    asked = parser.parse_args()
    given = model.wanted(asked.model, "cpu")
    count, side = asked.frames or given.settings.frames, asked.side or given.side
    print("| clip | fps | pairs | ranked right | 1x called normal | 2x called sped-up | by change: ranked |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for path in sorted(asked.folder.iterdir()):
        footage = Footage(path, side)
        pairs = stretches(list(footage), count)
        if not pairs:
            print(f"| {path.name} | - | 0 | too short | | | |")
            continue
        with torch.inference_mode():
            said = np.array([[float(given.net(as_clip(list(clip), given.net))) for clip in pair] for pair in pairs])
        moved = np.array([[amount(clip) for clip in pair] for pair in pairs])
        row = [
            (said[:, 1] > said[:, 0]).mean(),
            (said[:, 0] < 0).mean(),
            (said[:, 1] > 0).mean(),
            (moved[:, 1] > moved[:, 0]).mean(),
        ]
        rows.append(row)
        rate = footage.info.rate
        print(f"| {path.name} | {float(rate or 0):.3g} | {len(pairs)} | " + " | ".join(f"{v:.2f}" for v in row) + " |")
    table = np.array(rows)
    chance = np.random.default_rng(0)
    drawn = table[chance.integers(len(table), size=(DRAWS, len(table)))].mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    cells = [f"{m:.2f} [{a:.2f}, {b:.2f}]" for m, a, b in zip(table.mean(0), low, high, strict=True)]
    print(f"| mean of {len(table)} clips | | | " + " | ".join(cells) + " |")
    accuracy = table[:, 1:3].mean(1)
    spread = np.quantile(accuracy[chance.integers(len(table), size=(DRAWS, len(table)))].mean(1), [0.025, 0.975])
    print(f"\naccuracy of single clips, 0 as the threshold: {accuracy.mean():.2f} [{spread[0]:.2f}, {spread[1]:.2f}]")


def stretches(frames: list[Frame], count: int) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Both clips of every place, half a clip apart, as far as there is one of 2x; none looks across a cut."""
    found = []
    begin, end = frames[0].time, frames[-1].time
    while begin + 2 * count / RATE <= end + 0.5 / RATE:
        some = [frame for frame in frames if frame.time >= begin - 1e-6]
        pair = [list(taken(iter(some), step / RATE))[:count] for step in (1, 2)]
        if not any(frame.cut for clip in pair for frame in clip[1:]):
            found.append(tuple(np.stack([frame.pixels for frame in clip]) for clip in pair))
        begin += count / RATE / 2
    return found


if __name__ == "__main__":
    main()
