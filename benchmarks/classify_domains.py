"""One domain held out at a time, from scratch, and what features know of textures and of shapes.

    uv run python benchmarks/classify_domains.py ../shared/data/domains --keep FOLDER [--seeds 0 1 2 3 4] [--epochs 30]
    uv run python benchmarks/classify_domains.py ../shared/data/domains --keep FOLDER --probe
    uv run python benchmarks/classify_domains.py ../shared/data/domains --keep FOLDER --table

A run of `gestalt classify train --held-out DOMAIN` for every domain, row and seed; what is there is taken up where it
stopped, and not done again. `--probe` looks at the features of all of them, frozen: a linear rule learned from a tenth
of some drawn textures (ten kinds of ground) and of some drawn signs (six shapes in any light) names the other nine
tenths. The probe's figures are in FOLDER/probe.jsonl. Beside each row stands its paired difference from `plain`: of
the means over domains of every seed, with the 95 % interval by Student's t.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from classify_paired import differences, interval
from gestalt import cli
from gestalt.drawn import grounds, signs
from gestalt.drawn.textures import Surface, encode, shade
from gestalt.ops.chance import seeded
from gestalt.run.device import use_threads
from gestalt.tasks.classify import model

ROWS: Mapping[str, tuple[str, ...]] = {
    "plain": ("--swap", "none"),
    "padain, paper": ("--swap", "padain"),
    "padain, early": ("--swap", "padain", "--swap-p", "0.5", "--swap-layers", "early"),
    "MixStyle": ("--swap", "mixstyle"),
    "EFDMix": ("--swap", "efdmix"),
    "DSU": ("--swap", "dsu"),
}
GROUNDS: Mapping[str, Callable[[Tensor, Tensor, int], Surface]] = {
    one.__name__: one
    for one in (
        *(grounds.river, grounds.walnut, grounds.sand, grounds.grass, grounds.felt, grounds.slate),
        *(grounds.shallows, grounds.gingham, grounds.velvet, grounds.terrazzo),
    )
}
EACH, KNOWN, RIDGE = 60, 0.1, 1.0
"""Pictures of each class of the probe, the part its rule is learned from, and its ridge."""


def main() -> None:
    """Train, probe, or show what there is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--domains", nargs="+")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    asked.domains = asked.domains or sorted(place.name for place in asked.data.iterdir() if place.is_dir())
    asked.keep.mkdir(parents=True, exist_ok=True)
    if asked.probe:
        probe(asked)
    elif not asked.table:
        train(asked)
    print(table(asked))


def train(asked: argparse.Namespace) -> None:
    """Every run that is not there."""
    for seed in asked.seeds:
        for domain in asked.domains:
            for row in asked.rows:
                out = place(asked, row, domain, seed)
                if (out / "metrics.json").exists():
                    continue
                new = ["classify", "train", str(asked.data), "--held-out", domain, "--seed", str(seed), *ROWS[row]]
                new += ["--epochs", str(asked.epochs), "--size", str(asked.size), "--batch", "32"]
                new += ["--model", asked.model]
                new += ["--threads", str(asked.threads), "--device", "cpu", "--out", str(out)]
                if code := cli.run(["resume", str(out)] if (out / "run.json").exists() else new):
                    raise SystemExit(code)


def place(asked: argparse.Namespace, row: str, domain: str, seed: int) -> Path:
    """The folder of a run."""
    return asked.keep / f"{row.replace(', ', '_')}_{domain}_{asked.model}_{asked.size}_{asked.epochs}_{seed}"


def found(asked: argparse.Namespace, row: str, domain: str) -> dict[int, float]:
    """Top-1 on the domain held out, by seed."""
    runs = {seed: place(asked, row, domain, seed) / "metrics.json" for seed in asked.seeds}
    return {seed: json.loads(file.read_text())[f"top1_{domain}"] for seed, file in runs.items() if file.exists()}


def overall(asked: argparse.Namespace, row: str) -> dict[int, float]:
    """The mean over domains, by seed; of the seeds that all domains have."""
    each = [found(asked, row, domain) for domain in asked.domains]
    return {
        seed: statistics.mean(one[seed] for one in each) for seed in asked.seeds if all(seed in one for one in each)
    }


def table(asked: argparse.Namespace) -> str:
    """Mean over seeds and its deviation by domain, the mean of all beside that of plain, and the probe."""
    rows = [
        f"| held out | {' | '.join(asked.domains)} | mean | vs plain (seeds) | textures | shapes |",
        "|---" * (len(asked.domains) + 5) + "|",
    ]
    known, plain = [json.loads(line) for line in lines(asked.keep)], overall(asked, "plain")
    for row in asked.rows:
        cells = [spread([100 * value for value in found(asked, row, domain).values()]) for domain in asked.domains]
        mine = overall(asked, row)
        cells.append(f"{100 * statistics.mean(mine.values()):.1f}" if mine else "")
        apart = differences(mine, plain)
        cells.append(f"{interval(apart)} ({len(apart)})" if row != "plain" else "")
        for what in ("textures", "shapes"):
            some = [100 * line[what] for line in known if line["row"] == row]
            cells.append(f"{statistics.mean(some):.1f} ({len(some)})" if some else "")
        rows.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(rows)


def spread(some: list[float]) -> str:
    """The mean of some values, their deviation (of a sample) and their number."""
    if len(some) < 2:
        return f"{some[0]:.1f} (1)" if some else ""
    return f"{statistics.mean(some):.1f} +- {statistics.stdev(some):.1f} ({len(some)})"


def lines(folder: Path) -> list[str]:
    """Of the probe, none if nothing was written."""
    path = folder / "probe.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def probe(asked: argparse.Namespace) -> None:
    """A line for every run that has none."""
    use_threads(asked.threads)
    done = {json.loads(line)["run"] for line in lines(asked.keep)}
    for row in asked.rows:
        for domain in asked.domains:
            for seed in asked.seeds:
                run = place(asked, row, domain, seed)
                if run.name in done or not (run / "metrics.json").exists():
                    continue
                net = model.load(run, "cpu").net
                told = {what: named(net, *pictures(what, asked.size)) for what in ("textures", "shapes")}
                with (asked.keep / "probe.jsonl").open("a") as file:
                    file.write(json.dumps({"run": run.name, "row": row, "seed": seed, **told}) + "\n")


@cache
def pictures(what: str, size: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, S, S) in [-1, 1] of each class in turn, and their classes."""
    if what == "shapes":
        chance, count = seeded(11), EACH * len(signs.SHAPES)
        things = signs.things(count, chance)
        things.shape[:, 0] = torch.arange(count) % len(signs.SHAPES)
        return signs.draw(things, signs.looks(count, chance, far=0.5), size=size).image, things.shape[:, 0]
    at = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    drawn = [
        encode(shade(one(at[None], at[:, None], 100 + n), 1 / size)) for n in range(EACH) for one in GROUNDS.values()
    ]
    return torch.stack(drawn) * 2 - 1, torch.arange(len(GROUNDS)).repeat(EACH)


@torch.no_grad()
def named(net: nn.Module, x: Tensor, labels: Tensor) -> float:
    """The part that a linear rule on frozen features names right, learned from a tenth by ridge regression."""
    seen: list[Tensor] = []
    head = next(part for part in reversed(list(net.modules())) if isinstance(part, nn.Linear))
    hook = head.register_forward_hook(lambda _module, given, _output: seen.append(given[0]))
    for some in x.split(64):
        net(some)
    hook.remove()
    features = torch.cat(seen).double()
    order = torch.randperm(len(x), generator=seeded(12))
    known, asked = order.tensor_split([round(KNOWN * len(x))])
    features = (features - features[known].mean(0)) / features[known].std(0).clamp_min(1e-6)
    target = torch.nn.functional.one_hot(labels).double() - 1 / (int(labels.max()) + 1)
    gram = features[known] @ features[known].T + RIDGE * features.shape[1] * torch.eye(len(known)).double()
    weights = features[known].T @ torch.linalg.solve(gram, target[known])
    return float(((features[asked] @ weights).argmax(1) == labels[asked]).double().mean())


if __name__ == "__main__":
    main()
