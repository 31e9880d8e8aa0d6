"""Real clips nobody trained on: is a stretch at 2x ranked above itself at 1x, and is each clip called what it is?

    uv run python benchmarks/speed_real.py ../shared/data/motion [--model RUN] [--frames 24]
    uv run python benchmarks/speed_real.py ../shared/data/motion --folds 5 --steps 300

The second learns on from the model with the other files of the folder, once for each fifth of them, and asks about the
files that were left out; that is what `speed train FOLDER --begin-from shipped` does.

Both clips begin at the same place. As the product does it, and as in training on videos (`footage.even_step`), their
frames are a whole number of frames of the file apart, so that no class is less even than the other, and of files of 50
and more frames a second both are thinned out. How fast they then really run stands beside each file: of 24 and 30
frames a second it is not 1 and 2. Of a file whose frame rate varies the nearest frames are taken, and it is marked
"unevenly". Means over files have their 95 % interval by drawing files anew; the same figures stand beside them for the
amount of change from frame to frame, whose threshold is the best one for drawn motion.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt.drawn.motion import KINDS
from gestalt.media.video_info import VideoInfo
from gestalt.run.device import use_threads
from gestalt.tasks.speed import model, training
from gestalt.tasks.speed.clips import Clip, Drawn, Filmed, lasting
from gestalt.tasks.speed.footage import RATE, Footage, Frame, even_step, taken
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.nulls import amount, amounts, best_threshold
from gestalt.tasks.speed.scores import as_clip
from gestalt.tasks.speed.shelf import Shelf
from gestalt.tasks.speed.speednet import SpeedNet

DRAWS = 10_000
LEARNED = 200
"""Drawn pairs that give the amount of change its threshold."""

HEADS = ("ranked", "accuracy", "1x called normal", "2x called sped-up")


def main() -> None:
    """One row a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--side", type=int, default=0)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    use_threads(asked.threads)
    given = model.wanted(asked.model, "cpu")
    files = sorted(asked.folder.iterdir())
    nets = learned(files, given, asked) if asked.folds else [given.net] * len(files)
    count, side = asked.frames or given.settings.frames, asked.side or given.side
    threshold = best_threshold(amounts(Drawn(tuple(KINDS)), count=LEARNED, frames=count, side=side))
    heads = [*HEADS, *(f"by change: {head}" for head in HEADS)]
    print(f"| file | fps | looked at | pairs | {' | '.join(heads)} |\n|" + "---|" * (4 + len(heads)))
    rows = []
    for path, net in zip(files, nets, strict=True):
        footage = Footage(path, side)
        apart = steps(footage.info)
        pairs = stretches(list(footage), count, apart)
        is_even = footage.info.rate is not None and not footage.info.is_variable
        speeds = " and ".join(f"{RATE * step:.2f}x" for step in apart) + ("" if is_even else ", unevenly")
        told = f"| {path.name} | {float(footage.info.rate or 0):.3g} | {speeds}"
        if not pairs:
            print(f"{told} | 0 | too short |" + " |" * (len(heads) - 1))
            continue
        with torch.inference_mode():
            said = np.array([[float(net(as_clip(list(clip), net))) for clip in pair] for pair in pairs])
        moved = np.array([[amount(clip) for clip in pair] for pair in pairs])
        rows.append([*figures(said, 0.0), *figures(moved, threshold)])
        print(f"{told} | {len(pairs)} | " + " | ".join(f"{value:.2f}" for value in rows[-1]) + " |", flush=True)
    table = np.array(rows)
    drawn = table[np.random.default_rng(0).integers(len(table), size=(DRAWS, len(table)))].mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    cells = [f"{m:.2f} [{a:.2f}, {b:.2f}]" for m, a, b in zip(table.mean(0), low, high, strict=True)]
    print(f"| mean of {len(table)} files | | | | " + " | ".join(cells) + " |")


def learned(files: Sequence[Path], given: Model, asked: argparse.Namespace) -> list[SpeedNet]:
    """For every file a network that learned on from `given` with the files of other folds."""
    settings = dataclasses.replace(given.settings, steps=asked.steps, lr=asked.lr)
    fold = np.random.default_rng(asked.seed).permutation(len(files)) % asked.folds
    nets = []
    for n in range(asked.folds):
        others, _ = lasting([path for path, k in zip(files, fold, strict=True) if k != n], settings.frames)
        source = Filmed(Shelf(others, settings.most), seed=asked.seed, far=settings.far)
        nets.append(training.fit(source, settings, seed=asked.seed, device=torch.device("cpu"), begin=given.net))
        print(f"fold {n + 1} of {asked.folds} is learned", flush=True)
    return [nets[n] for n in fold]


def figures(found: NDArray[np.float64], threshold: float) -> tuple[float, float, float, float]:
    """Of (N, 2), what `HEADS` says."""
    normal, sped_up = float((found[:, 0] < threshold).mean()), float((found[:, 1] >= threshold).mean())
    return float((found[:, 1] > found[:, 0]).mean()), (normal + sped_up) / 2, normal, sped_up


def steps(info: VideoInfo) -> tuple[float, float]:
    """Seconds between frames at 1x and at 2x, as near as can be had evenly."""
    return even_step(1 / RATE, info), even_step(2 / RATE, info)


def stretches(frames: Sequence[Frame], count: int, apart: tuple[float, float]) -> list[tuple[Clip, Clip]]:
    """Both clips of every place, half a clip apart, as far as there is one of 2x; none looks across a cut.

    Args:
        frames: of a file.
        count: of the frames of a clip.
        apart: seconds between them, normal and sped-up.
    """
    found = []
    begin, end = frames[0].time, frames[-1].time
    while begin + (count - 1) * apart[1] <= end + 1e-3:
        some = [frame for frame in frames if frame.time >= begin - 1e-6]
        pair = [list(taken(iter(some), step))[:count] for step in apart]
        if not any(frame.cut for clip in pair for frame in clip[1:]):
            found.append(tuple(np.stack([frame.pixels for frame in clip]) for clip in pair))
        begin += count * apart[0] / 2
    return found


if __name__ == "__main__":
    main()
