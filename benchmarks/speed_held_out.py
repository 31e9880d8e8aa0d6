"""Is a kind of motion that was never seen told apart by its speed? One family of drawn motion held out at a time.

    uv run python benchmarks/speed_held_out.py --keep FOLDER [--steps 3500] [--seeds 0 1]

One network for each family and seed, trained with metres of usual spread, is tested with those of others. Each
training leaves FOLDER/<family>_<seed>.pt and lines in FOLDER/held_out.jsonl; what is there is not done
again. Beside the network: the best anyone can do by gravity (ceiling), and the amount of change from frame to frame,
with the threshold that tells the classes of the training kinds apart best.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gestalt.drawn.motion import FAMILIES, KINDS, ceiling
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.tasks.speed import training
from gestalt.tasks.speed.clips import Drawn
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.nulls import amounts, best_threshold
from gestalt.tasks.speed.speednet import SpeedNet

SIDE, PAIRS = 48, 150
"""Of clips, and of pairs of each kind, in tests."""

SPREADS = (0.25, 0.5)
"""Of metres, in tests."""


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
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    for seed in asked.seeds:
        for family in asked.families:
            kept = asked.keep / f"{family}_{seed}.pt"
            if not kept.exists():
                one(family, seed, asked.steps, kept)


def one(family: str, seed: int, steps: int, kept: Path) -> None:
    """One training and its tests."""
    settings = Train(steps=steps)
    seen = [kind for name, kinds in FAMILIES.items() if name != family for kind in kinds]
    begun = time.perf_counter()
    source = Drawn(seen, seed=seed, spread=settings.spread, far=settings.far)
    net = training.fit(source, settings, seed=seed, device=torch.device("cpu"), run=Told())
    minutes = round((time.perf_counter() - begun) / 60, 1)
    torch.save(net.state_dict(), kept)
    for spread in SPREADS:
        line = {"family": family, "seed": seed, "spread": spread, "steps": steps, "minutes": minutes}
        line |= tested(net, dataclasses.replace(source, spread=spread), family, settings.frames)
        print(json.dumps(line), flush=True)
        with (kept.parent / "held_out.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def tested(net: SpeedNet, source: Drawn, family: str, frames: int) -> dict[str, Any]:
    """Of every kind, and of those seen and held out on average: accuracy, part ranked right, accuracy by change."""
    seen = [kind for kind in KINDS if kind not in FAMILIES.get(family, ())]
    changes = {kind: amounts(source.of(kind), count=PAIRS, frames=frames, side=SIDE) for kind in KINDS}
    threshold = best_threshold(np.concatenate([changes[kind] for kind in seen]))
    found: dict[str, Any] = {"ceiling": ceiling(source.spread)}
    for kind, moved in changes.items():
        told = training.told_apart(net, source.of(kind), count=PAIRS, frames=frames, side=SIDE)
        by_change = ((moved[:, 0] < threshold).mean() + (moved[:, 1] >= threshold).mean()) / 2
        found[kind] = [round(value, 4) for value in (told.accuracy, told.ranked, float(by_change))]
    for group, some in (("seen", seen), ("held_out", FAMILIES.get(family, ()))):
        if some:
            found[group] = np.mean([found[kind] for kind in some], 0).round(4).tolist()
    return found


if __name__ == "__main__":
    main()
