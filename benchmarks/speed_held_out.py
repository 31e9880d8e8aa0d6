"""Is a kind of motion that was never seen told apart by its speed? One family of drawn motion held out at a time.

    uv run python benchmarks/speed_held_out.py --keep FOLDER [--steps 3500] [--seeds 0 1]
    uv run python benchmarks/speed_held_out.py --keep FOLDER --test-again
    uv run python benchmarks/speed_held_out.py --keep FOLDER --table

One network for each family and seed, trained with metres of usual spread, is tested with those of others. Each
training leaves FOLDER/<family>_<seed>.pt and lines in FOLDER/held_out.jsonl; what is there is not done
again. `--test-again` trains nothing: it tests the networks that are there on drawn motion as it is now, and marks its
lines "again". Beside the network: the best anyone can do by gravity (ceiling), and the amount of change from frame to
frame, with the threshold that tells the classes of the training kinds apart best.
"""

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from gestalt.drawn.motion import FAMILIES, ceiling
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.tasks.speed import learning, training
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.speednet import SpeedNet

SPREADS = (0.25, 0.5)
"""Of metres, in tests."""

LINES = "held_out.jsonl"

Line = Mapping[str, Any]
"""Of one network at one spread: what was done, and of every kind and of groups the measures of `learning.Row`."""


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
    parser.add_argument("--pairs", type=int, default=150, help="of each kind, in tests")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test-again", action="store_true", help="test the networks that are there, train none")
    parser.add_argument("--table", action="store_true", help="print what is there, do nothing")
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    for seed in asked.seeds if not asked.table else ():
        for family in asked.families:
            kept = asked.keep / f"{family}_{seed}.pt"
            if kept.exists() == asked.test_again:
                settings = Train(steps=asked.steps, test=asked.pairs, held_out=() if family == "none" else (family,))
                (again if asked.test_again else anew)(settings, family, seed, kept)
    print(table(written(asked.keep)))


def anew(settings: Train, family: str, seed: int, kept: Path) -> None:
    """One training and its tests."""
    begun = time.perf_counter()
    source, _ = learning.drawn(settings, seed=seed)
    net = training.fit(source, settings, seed=seed, device=torch.device("cpu"), run=Told())
    minutes = round((time.perf_counter() - begun) / 60, 1)
    torch.save(net.state_dict(), kept)
    test(net, settings, seed, kept, {"family": family, "seed": seed, "steps": settings.steps, "minutes": minutes})


def again(settings: Train, family: str, seed: int, kept: Path) -> None:
    """The tests of a network that is there; what is known of its training is taken over."""
    net = SpeedNet(settings.trunk, torch.Generator().manual_seed(0))
    net.load_state_dict(torch.load(kept, weights_only=True))
    known = {"family": family, "seed": seed}
    before = [line for line in written(kept.parent) if known.items() <= line.items() and not line.get("again")]
    known |= {name: before[-1][name] for name in ("steps", "minutes") if before}
    test(net.requires_grad_(False).eval(), settings, seed, kept, known | {"again": True})


def test(net: SpeedNet, settings: Train, seed: int, kept: Path, known: Line) -> None:
    """A line for every spread."""
    _, groups = learning.drawn(settings, seed=seed)
    for spread in SPREADS:
        rows = learning.examine(net, groups, settings, spread=spread)
        line = {**known, "spread": spread, "pairs": settings.test, "ceiling": ceiling(spread)}
        line |= {row.name: [round(value, 4) for value in row[2:]] for row in rows}
        for group, seen in (("seen", True), ("held_out", False)):
            if found := learning.on_average(rows, seen=seen):
                line[group] = [round(value, 4) for value in found.values()]
        print(json.dumps(line), flush=True)
        with (kept.parent / LINES).open("a") as file:
            file.write(json.dumps(line) + "\n")


def written(folder: Path) -> list[Line]:
    """The lines of a folder, none if nothing was written."""
    path = folder / LINES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines: Iterable[Line]) -> str:
    """The last line of every network, spread and motion; what older lines do not have is left empty."""
    last = {(line["family"], line["seed"], line["spread"], line.get("again", False)): line for line in lines}
    rows = [
        "| held out | seed | spread | tested | ceiling | kinds | accuracy | ranked | by change: accuracy | ranked |",
        "|---" * 10 + "|",
    ]
    for (family, seed, spread, is_again), line in sorted(last.items()):
        for group in ("seen", "held_out"):
            if group in line:
                cells = [f"{value:.3f}" for value in line[group]] + [""] * (4 - len(line[group]))
                when = "again" if is_again else "when trained"
                head = f"{family} | {seed} | {spread} | {when} | {line['ceiling']:.3f} | {group.replace('_', ' ')}"
                rows.append(f"| {head} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
