"""Content moved between unpaired folders: quality on drawn faces, and cost beside earlier code.

    uv run python benchmarks/transfer.py drawn --keep FOLDER [--size 32] [--methods mask ...] [--seeds 0 1 2]
    uv run python benchmarks/transfer.py table --keep FOLDER [--size 32]
    uv run python benchmarks/transfer.py cost
    uv run python benchmarks/transfer.py count

The first keeps a run for every method and seed; what is there is taken up where it stopped, and not done again. Every
seed draws other faces to learn from and others to be asked about. `cost` times the steps of the `paper` presets, 128 px
and 32 pictures a side; `count` says how many operations such a step has.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gestalt import cli, recipes
from gestalt.ops.chance import seeded
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.run.threads import available_cores
from gestalt.tasks.transfer import codes, model
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.pictures import Side

PUBLISHED = {"disentangle": 2.03, "intersection": 3.10, "mask": 3.41}
"""Seconds of a step of the published code on a two-core machine, 128 px, 32 pictures a side; not measured here."""

PAPER = {
    "disentangle": recipes.transfer_disentangle,
    "intersection": recipes.transfer_intersection,
    "mask": recipes.transfer_mask,
}

RATIOS = {
    "in / identity": ("in", "in_identity"),
    "in / wrong guide": ("in", "in_wrong_guide"),
    "remove / input": ("remove_in", "remove_in_identity"),
}
"""What the bars are about, beside retrieval, out and the mask."""

SHOWN = (
    *RATIOS, "in", "in_identity", "in_wrong_guide", "in_mean_answer", "in_rebuilt", "out", "retrieval", "remove_in",
    "remove_in_identity", "swap_in", "swap_in_identity", "mask_iou", "leakage", "classifier_accuracy",
    "added_called_content", "removed_called_plain", "translated_called_plain", "seconds",
)  # fmt: skip


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["drawn", "table", "cost", "count"])
    parser.add_argument("--keep", type=Path, default=Path("scratch/transfer"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--methods", nargs="+", default=list(PAPER), choices=list(PAPER))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--two-sided", action="store_true")
    parser.add_argument("--threads", type=int, default=0, help="0 for all")
    asked = parser.parse_args()
    if asked.what == "drawn":
        drawn(asked)
    if asked.what in ("drawn", "table"):
        table(asked)
    if asked.what == "cost":
        cost(asked.methods)
    if asked.what == "count":
        count(asked.methods)


def drawn(asked: argparse.Namespace) -> None:
    """Fit and measure every method with every seed."""
    for seed in asked.seeds:
        for method in asked.methods:
            out = _place(asked, method, seed)
            if (out / "metrics.json").exists():
                continue
            given = ["--steps", str(asked.steps), "--size", str(asked.size), "--seed", str(seed)]
            given += ["--threads", str(asked.threads)]
            new = ["transfer", "test", *given, "--method", method, "--out", str(out)]
            new += ["--two-sided"] if asked.two_sided else []
            code = cli.run(["resume", str(out)] if (out / "run.json").exists() else new)
            if code:
                raise SystemExit(code)


def table(asked: argparse.Namespace) -> None:
    """Median over seeds, and from least to most, of every figure there is."""
    print(f"| {asked.size} px, median of seeds [least, most] |", " | ".join(asked.methods), "|")
    print("|---" * (len(asked.methods) + 1) + "|")
    found = {method: _found(asked, method) for method in asked.methods}
    for name in SHOWN:
        print(f"| {name} |", " | ".join(_cell([run[name] for run in found[m] if name in run]) for m in found), "|")


def cost(methods: list[str]) -> None:
    """Seconds of a step, the median of five after two, with the published code's beside."""
    use_threads(available_cores())
    print("| method | s/step | published code, another machine | ratio |\n|---|---|---|---|")
    for method in methods:
        timed = Timed()
        _steps(method, 8, timed)
        took = statistics.median(timed.seconds[2:7])
        print(f"| {method} | {took:.2f} | {PUBLISHED[method]} | {PUBLISHED[method] / took:.2f} |", flush=True)


def count(methods: list[str]) -> None:
    """Operations of a step, forward and backward, by torch's own counter; the look at the end is taken off."""
    for method in methods:
        found = []
        for steps in (1, 2):
            with FlopCounterMode(display=False) as counter:
                _steps(method, steps)
            found.append(counter.get_total_flops())
        print(f"{method}: {(found[1] - found[0]) / 1e9:.0f} GFLOP a step")


class Timed(NullRun):
    """Notes how long each step takes; the last one, after which held-out pictures are looked at, is to be left out."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """See `NullRun.steps`."""
        del name, state
        for step in range(total):
            begin = time.perf_counter()
            yield step
            self.seconds.append(time.perf_counter() - begin)


def _steps(method: str, steps: int, run: NullRun = NullRun()) -> None:
    """Some steps of a `paper` preset on noise."""
    settings: Fit = dataclasses.replace(PAPER[method]("paper"), steps=steps)
    noise = torch.randint(256, (64, settings.size, settings.size, 3), generator=seeded(1)).to(torch.uint8)
    side = Side(noise, noise[:4])
    codes.fit(model.fresh(settings, 0), side, side, settings, seed=0, device=torch.device("cpu"), run=run)


def _place(asked: argparse.Namespace, method: str, seed: int) -> Path:
    two = "_two" if asked.two_sided else ""
    return asked.keep / f"{method}_{asked.size}{two}_{seed}"


def _found(asked: argparse.Namespace, method: str) -> list[dict[str, float]]:
    files = [_place(asked, method, seed) / "metrics.json" for seed in asked.seeds]
    found = [json.loads(file.read_text()) for file in files if file.exists()]
    return [run | {name: run[one] / run[other] for name, (one, other) in RATIOS.items()} for run in found]


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    main()
