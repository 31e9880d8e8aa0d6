"""Which motion is it? Actions named and found on drawn clips, where colours say nothing, beside colours and chance.

    uv run python benchmarks/speed_actions.py --keep FOLDER [--weights RUN ...] [--steps 600] [--train 16] [--test 8]

Draws a data set in the UCF101 layout into FOLDER/drawn unless it is there: a class for each kind of motion, every clip
with a ground, colours, lengths and a size of its own. Then fine-tunes the small network from random weights and from
each of `--weights` (runs of speed train, or "shipped"), and asks of each, before that, what it finds: test clips among
the training clips. A row for each.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gestalt.drawn.motion import KINDS, scene
from gestalt.media.video_writer import VideoWriter
from gestalt.ops.chance import seeded
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.tasks.speed import actions, finetune, retrieval
from gestalt.tasks.speed.config import Finetune, Retrieve
from gestalt.tasks.speed.embedding import starting_weights
from gestalt.tasks.speed.retrieval import Item


class Told(NullRun):
    """Keeps measures."""

    def __init__(self) -> None:
        self.measures: dict[str, float] = {}

    def measure(self, **values: float) -> None:
        """See `NullRun.measure`."""
        self.measures |= values


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


def main() -> None:
    """Draw, search, train, say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--weights", nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--train", type=int, default=16)
    parser.add_argument("--test", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    use_threads(asked.threads)
    root = asked.keep / "drawn"
    if not (root / "ucfTrainTestlist").exists():
        ucf(root, [*KINDS], train=asked.train, test=asked.test, side=64)
    found = actions.read(root)
    print("| weights | top-1 | top-5 | by colours | R@1 | R@5 | by colours | R@1 by chance | minutes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for begin_from in ("random", *asked.weights):
        begun = time.perf_counter()
        seen = searched(found, begin_from, asked.seed)
        settings = Finetune(begin_from=begin_from, side=48, steps=asked.steps, clips=5)
        net = starting_weights(settings.begin_from, settings.trunk, seeded(asked.seed))
        told = finetune.make(found, net, settings, seed=asked.seed, device=torch.device("cpu"))
        cells = [told["top1"], told["top5"], told["colours"]]
        cells += [seen[name] for name in ("recall_at_1", "recall_at_5", "colours_at_1", "chance_at_1")]
        minutes = (time.perf_counter() - begun) / 60
        print(f"| {begin_from} | {' | '.join(f'{cell:.1%}' for cell in cells)} | {minutes:.1f} |", flush=True)


def searched(found: actions.Actions, begin_from: str, seed: int) -> dict[str, float]:
    """What weights find among the training clips, for every test clip, as they are."""
    settings = Retrieve(begin_from=begin_from, side=48, sheets=0)
    net = starting_weights(settings.begin_from, settings.trunk, seeded(seed)).eval()
    queries, corpus = ([Item(one.path, found.classes[one.label]) for one in some] for some in (found.test, found.train))
    run = Told()
    retrieval.make(queries, corpus, net, settings, run=run)
    return run.measures


if __name__ == "__main__":
    main()
