"""Is a kind of motion that was never seen told apart by its speed? One family of drawn motion held out at a time.

    uv run python benchmarks/speed_held_out.py --keep FOLDER [--steps 5000] [--seeds 0 1] [--spreads 0.25 0.5]

Each training leaves FOLDER/<family>_<seed>_<spread>.pt and a line in FOLDER/held_out.jsonl; what is there is not done
again. Beside the network: the best anyone can do by gravity (ceiling), and the amount of change from frame to frame,
with the threshold that tells the classes of the training kinds apart best.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from gestalt.drawn.motion import FAMILIES, ceiling
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.tasks.speed import training
from gestalt.tasks.speed.clips import Drawn
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.nulls import amounts, best_threshold

SIDE, PAIRS = 48, 150
"""Of clips, and of pairs of each kind, in tests."""


class Told(NullRun):
    """Progress every few hundred steps."""

    def log(self, step: int, **measures: float) -> None:
        """See `NullRun.log`."""
        if step % 250 == 0:
            print(step, *(f"{name} {value:.3f}" for name, value in measures.items()), flush=True)


def main() -> None:
    """Train, test, write down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--families", nargs="+", default=[*FAMILIES, "none"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--spreads", nargs="+", type=float, default=[0.25, 0.5])
    parser.add_argument("--steps", type=int, default=Train().steps)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    for seed in asked.seeds:
        for spread in asked.spreads:
            for family in asked.families:
                kept = asked.keep / f"{family}_{seed}_{spread}.pt"
                if not kept.exists():
                    one(family, seed, spread, asked.steps, kept)


def one(family: str, seed: int, spread: float, steps: int, kept: Path) -> None:
    """One training and its tests."""
    settings = Train(steps=steps, spread=spread)
    seen = [kind for name, kinds in FAMILIES.items() if name != family for kind in kinds]
    begun = time.perf_counter()
    source = Drawn(seen, seed=seed, spread=spread)
    net = training.fit(source, settings, seed=seed, device=torch.device("cpu"), run=Told())
    line: dict = {"family": family, "seed": seed, "spread": spread, "steps": steps}
    line["minutes"] = round((time.perf_counter() - begun) / 60, 1)
    line["ceiling"] = ceiling(spread)
    changes = {kind: amounts(source.of(kind), count=PAIRS, frames=settings.frames, side=SIDE) for kind in seen}
    threshold = best_threshold(np.concatenate([*changes.values()]))
    for group, kinds in (("seen", seen), ("held_out", FAMILIES.get(family, ()))):
        for kind in kinds:
            found = training.told_apart(net, source.of(kind), count=PAIRS, frames=settings.frames, side=SIDE)
            moved = amounts(source.of(kind), count=PAIRS, frames=settings.frames, side=SIDE)
            by_change = ((moved[:, 0] < threshold).mean() + (moved[:, 1] >= threshold).mean()) / 2
            line[f"{group} {kind}"] = [found.accuracy, found.ranked, float(by_change)]
        if kinds:
            line[group] = np.mean([line[f"{group} {kind}"] for kind in kinds], 0).round(4).tolist()
    torch.save(net.state_dict(), kept)
    print(json.dumps(line), flush=True)
    with (kept.parent / "held_out.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
