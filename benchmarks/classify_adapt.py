"""Drawn signs in one light, learned for another: the directed swap beside the source alone.

    uv run python benchmarks/classify_adapt.py --keep FOLDER [--seeds 0 1 2] [--steps 400]
    uv run python benchmarks/classify_adapt.py --keep FOLDER --table

A run of `gestalt classify adapt` for every row and seed, of whole pictures and of their pixels; what is there is taken
up where it stopped, and not done again. `source alone` never sees the target, and `at the input` swaps the
statistics of pictures instead of those of early layers. Beside each mean stands the paired difference from `source
alone` over seeds, with its 95 % interval by Student's t.
"""

import argparse
import json
import statistics
from collections.abc import Mapping
from pathlib import Path

from classify_paired import differences, interval
from gestalt import cli

ROWS: Mapping[str, tuple[str, ...]] = {
    "source alone": ("--swap", "none"),
    "directed swap": (),
    "directed swap, always": ("--swap-p", "1"),
    "directed swap, stem": ("--swap-layers", "stem"),
    "at the input": ("--swap-layers", "input"),
}
MEASURES: Mapping[str, tuple[str, ...]] = {
    "classes": ("source_accuracy", "target_accuracy"),
    "segments": ("source_miou", "target_miou", "target_accuracy"),
}


def main() -> None:
    """Adapt, then show what there is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--what", nargs="+", default=list(MEASURES), choices=list(MEASURES))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    for seed in asked.seeds if not asked.table else ():
        for what in asked.what:
            for row in asked.rows:
                out = place(asked, what, row, seed)
                if (out / "metrics.json").exists():
                    continue
                new = ["classify", "adapt", "--what", what, "--seed", str(seed), "--steps", str(asked.steps)]
                new += ["--batch", str(asked.batch), "--size", str(asked.size), *ROWS[row], "--device", "cpu"]
                new += ["--threads", str(asked.threads), "--out", str(out)]
                if code := cli.run(["resume", str(out)] if (out / "run.json").exists() else new):
                    raise SystemExit(code)
    for what in asked.what:
        print(table(asked, what), end="\n\n")


def place(asked: argparse.Namespace, what: str, row: str, seed: int) -> Path:
    """The folder of a run."""
    return asked.keep / f"{what}_{row.replace(', ', '_').replace(' ', '_')}_{asked.size}_{asked.steps}_{seed}"


def table(asked: argparse.Namespace, what: str) -> str:
    """Of every measure the mean over seeds, from least to most, and how far it is from that of the source alone."""
    titles = " | ".join(f"{name} | vs source alone" for name in MEASURES[what])
    rows = [f"| {what} | {titles} | seeds |", "|---" * (2 * len(MEASURES[what]) + 2) + "|"]
    base = found(asked, what, "source alone")
    for row in asked.rows:
        runs, cells = found(asked, what, row), []
        for name in MEASURES[what]:
            mine, alone = ({seed: run[name] for seed, run in some.items()} for some in (runs, base))
            cells += [cell([100 * value for value in mine.values()])]
            cells += [interval(differences(mine, alone)) if row != "source alone" else ""]
        rows.append(f"| {row} | {' | '.join(cells)} | {len(runs)} |")
    return "\n".join(rows)


def found(asked: argparse.Namespace, what: str, row: str) -> dict[int, dict[str, float]]:
    """The measures of the runs of a row that are there, by seed."""
    files = {seed: place(asked, what, row, seed) / "metrics.json" for seed in asked.seeds}
    return {seed: json.loads(file.read_text()) for seed, file in files.items() if file.exists()}


def cell(values: list[float]) -> str:
    """The mean of some values, and from least to most."""
    return f"{statistics.mean(values):.1f} [{min(values):.1f}, {max(values):.1f}]" if values else ""


if __name__ == "__main__":
    main()
