"""Digits whose light tells their class, tested where it does not: statistics swapped, beside what else could be done.

    uv run python benchmarks/classify_shift.py choose --keep FOLDER      each row's settings, on seeds 100 to 104
    uv run python benchmarks/classify_shift.py final --keep FOLDER       these settings on ten other seeds
    uv run python benchmarks/classify_shift.py regimes --keep FOLDER     where it fails: how sure the shortcut is,
                                                                         colour, deep layers
    uv run python benchmarks/classify_shift.py table --keep FOLDER

A picture is gain_k * digit + bias_k + noise, 16 px, and k, one of ten lights, is the digit's class with probability
rho, else any. Tested are pictures as they are learned from (iid), with any light (shuffled), with any but that of their
own class (reversed), and with lights that nothing was learned from (novel). Of the 1797 digits of scikit-learn 800 are
learned from, 200 choose settings, by the mean of iid and shuffled, and 797 are tested. Every row that is chosen is so
from six candidates, each trained on all seeds that choose, and those after layers from the same six. Lights, split,
first weights and order of batches are the same for all rows of a seed, each from a generator of its own. Every training
leaves a line in FOLDER/shift.jsonl, and what is there is not done again. Beside means stand paired differences from
`plain`: their mean, its 95 % interval by Student's t, and how many of the seeds are better, with the sign test's p.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from classify_paired import differences, interval
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.device import use_threads
from gestalt.tasks.classify import network
from gestalt.tasks.classify.config import Learning, Swapping
from gestalt.tasks.classify.training import optimiser_of, schedule, seeded_step, stepped, swaps

LINES = "shift.jsonl"
CHOOSING, FRESH = tuple(range(100, 105)), tuple(range(10))
TESTS = ("iid", "shuffled", "reversed", "novel")
SIDE, LIGHTS, NOISE = 16, 10, 0.05
LEARNED, VALIDATED = 800, 200


class Row(NamedTuple):
    """One way to learn.

    swapping: of statistics.
    jitter: the largest random change of each picture's gain and bias; 0 for none.
    """

    swapping: Swapping
    jitter: float = 0.0

    @property
    def name(self) -> str:
        """Its settings, for lines."""
        if self.jitter:
            return f"jitter {self.jitter:g}"
        if self.swapping.swap == "none":
            return "none"
        return f"{self.swapping.swap} {self.swapping.layers} {self.swapping.p:g}"


def _at(swap: Any, layers: Sequence[str], ps: Sequence[float]) -> list[Row]:
    return [Row(Swapping(swap=swap, swap_layers=layer, swap_p=p)) for layer in layers for p in ps]


GRID = ("stem", "early"), (0.25, 0.5, 1.0)
"""Layers and probabilities that are tried of every way to swap after layers."""
PLAIN = Row(Swapping(swap="none"))
ROWS: Mapping[str, Sequence[Row]] = {
    "plain": [PLAIN],
    "padain, paper": [Row(Swapping())],
    "padain, early": _at("padain", *GRID),
    "MixStyle": _at("mixstyle", *GRID),
    "EFDMix": _at("efdmix", *GRID),
    "DSU": _at("dsu", *GRID),
    "input swap": _at("padain", ("input",), (0.1, 0.25, 0.4, 0.5, 0.75, 1.0)),
    "gain and bias jitter": [Row(Swapping(swap="none"), jitter) for jitter in (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)],
}
"""Candidates of each row; what was published is not chosen."""

REGIMES: Sequence[tuple[str, Row, Mapping[str, Any]]] = [
    *(
        (name, row, {"rho": rho})
        for rho in (0.5, 0.7, 0.9, 0.95, 1.0)
        for name, row in (("plain", PLAIN), ("padain stem .5", ROWS["padain, early"][1]))
    ),
    *((name, row, {"colour": True}) for name, row in (("plain", PLAIN), ("padain stem .5", ROWS["padain, early"][1]))),
    ("padain, last layer .5", Row(Swapping(swap_layers=r"9", swap_p=0.5)), {}),
    ("padain, all layers .5", Row(Swapping(swap_layers="all", swap_p=0.5)), {}),
    ("padain, all layers .1", Row(Swapping(swap_layers="all", swap_p=0.1)), {}),
]


class Lit(NamedTuple):
    """Digits in some light: (N, 3, 16, 16) in [-1, 1], and their classes (N,)."""

    x: Tensor
    labels: Tensor


class Data(NamedTuple):
    """What is learned from, what chooses (iid and shuffled), and the four tests."""

    train: Lit
    chosen_by: tuple[Lit, Lit]
    tests: Mapping[str, Lit]


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["choose", "final", "regimes", "table"])
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rho", type=float, default=0.8)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    for stage, name, row, seed, more in jobs(asked):
        known = {"stage": stage, "row": name, "settings": row.name, "seed": seed, "epochs": asked.epochs, **more}
        if not any(known.items() <= line.items() for line in written(asked.keep)):
            begun = time.perf_counter()
            line = known | learn(row, seed, asked.epochs, **more)
            with (asked.keep / LINES).open("a") as file:
                file.write(json.dumps(line | {"seconds": round(time.perf_counter() - begun, 1)}) + "\n")
            print(json.dumps(line), flush=True)
    print(table(asked.keep, asked.epochs))


def jobs(asked: argparse.Namespace) -> Iterator[tuple[str, str, Row, int, dict[str, Any]]]:
    """Stage, row, settings, seed and what is unusual, of every training that was asked for."""
    usual = {"rho": asked.rho, "colour": False}
    if asked.what == "choose":
        for name in asked.rows:
            for row in ROWS[name] if len(ROWS[name]) > 1 else ():
                yield from (("choose", name, row, seed, usual) for seed in asked.seeds or CHOOSING)
    if asked.what == "final":
        picked = {name: best(asked.keep, name, asked.epochs, usual) for name in asked.rows}
        for seed in asked.seeds or FRESH:
            yield from (("final", name, row, seed, usual) for name, row in picked.items())
    if asked.what == "regimes":
        for name, row, more in REGIMES:
            yield from (("regimes", name, row, seed, usual | dict(more)) for seed in (asked.seeds or FRESH)[:3])


def best(folder: Path, name: str, epochs: int, usual: Mapping[str, Any]) -> Row:
    """The candidate of a row with the best mean on the seeds that choose.

    Args:
        folder: of the lines.
        name: of the row.
        epochs: of training.
        usual: the data that the candidates were trained on.

    Raises:
        SystemExit: a candidate was not trained on one of the seeds.
    """
    if len(ROWS[name]) == 1:
        return ROWS[name][0]
    scores, missing = {}, []
    for row in ROWS[name]:
        lines = of(folder, stage="choose", settings=row.name, row=name, epochs=epochs, **usual)
        found = {line["seed"]: line["chosen_by"] for line in lines if line["seed"] in CHOOSING}
        if absent := [str(seed) for seed in CHOOSING if seed not in found]:
            missing.append(f"{row.name} (seeds {' '.join(absent)})")
        scores[row] = sum(found.values()) / len(CHOOSING)
    if missing:
        raise SystemExit(f"settings of {name} cannot be chosen: run 'choose' first for {', '.join(missing)}")
    return max(scores, key=scores.__getitem__)


def data(seed: int, rho: float, colour: bool) -> Data:
    """The digits of a seed in their lights."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    digits = resize(torch.tensor(pixels).float().view(-1, 1, 8, 8) / 16, (SIDE, SIDE)).clamp(0, 1)
    known, chance = torch.tensor(labels).long(), seeded(seed, 1)
    order = torch.randperm(len(digits), generator=chance)
    parts = order.split([LEARNED, VALIDATED, len(digits) - LEARNED - VALIDATED])
    palette, novel = lights(chance, colour), lights(chance, colour)

    def lit(part: Tensor, kind: str) -> Lit:
        own = known[part]
        any_ = torch.randint(LIGHTS, (len(part),), generator=chance)
        away = (own + 1 + torch.randint(LIGHTS - 1, (len(part),), generator=chance)) % LIGHTS
        is_own = torch.rand(len(part), generator=chance) < rho
        which = {"iid": torch.where(is_own, own, any_), "shuffled": any_, "reversed": away, "novel": any_}[kind]
        gain, bias = (value[which].view(-1, 3, 1, 1) for value in (novel if kind == "novel" else palette))
        x = gain * (2 * digits[part] - 1) + bias
        return Lit((x + NOISE * torch.randn(x.shape, generator=chance)).clamp(-1, 1), own)

    chosen_by = lit(parts[1], "iid"), lit(parts[1], "shuffled")
    return Data(lit(parts[0], "iid"), chosen_by, {kind: lit(parts[2], kind) for kind in TESTS})


def lights(chance: torch.Generator, colour: bool) -> tuple[Tensor, Tensor]:
    """Gain and bias of ten lights, (10, 3) each; the same for all channels unless they are coloured."""
    u = torch.rand(2, LIGHTS, 3 if colour else 1, generator=chance).expand(-1, -1, 3)
    return 0.15 + 0.45 * u[0], 0.4 * (2 * u[1] - 1)


def learn(row: Row, seed: int, epochs: int, *, rho: float, colour: bool) -> dict[str, float]:
    """Train a network and test it."""
    found = data(seed, rho, colour)
    settings = Learning(lr=0.1, batch=64, swapping=row.swapping, warm_up=0.0)
    net = network.build("tiny", 10, SIDE, seeded(seed, 2)).train()
    handle, optimiser = swaps(net, row.swapping), optimiser_of(net, settings)
    steps, order = math.ceil(epochs * LEARNED / settings.batch), seeded(seed, 3)
    turns = torch.cat([torch.randperm(LEARNED, generator=order) for _ in range(epochs + 1)])
    for step in range(steps):
        chosen = turns[step * settings.batch : (step + 1) * settings.batch]
        x, labels = found.train.x[chosen], found.train.labels[chosen]
        if row.jitter:
            u = row.jitter * (2 * torch.rand(2, len(x), 1, 1, 1, generator=seeded(seed, 4, step)) - 1)
            x = x * (1 + u[0]) + u[1]
        with seeded_step(seed, step, handle, torch.device("cpu")):
            loss = F.cross_entropy(net(x), labels)
            stepped(net, optimiser, loss, settings.lr * schedule(step, steps, settings), settings)
    net.eval()
    measured = {kind: right(net, lit) for kind, lit in found.tests.items()}
    return measured | {"chosen_by": sum(right(net, lit) for lit in found.chosen_by) / 2}


@torch.no_grad()
def right(net: network.Classifier, lit: Lit) -> float:
    """The part that is named right."""
    return float((net(lit.x).argmax(1) == lit.labels).float().mean())


def written(folder: Path) -> list[dict[str, Any]]:
    """The lines of a folder, none if nothing was written."""
    path = folder / LINES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of(folder: Path, **known: Any) -> list[dict[str, Any]]:
    """The lines with these values."""
    return [line for line in written(folder) if known.items() <= line.items()]


def compared(mine: Mapping[int, float], plain: Mapping[int, float]) -> str:
    """Paired difference over seeds in points, its interval and the sign test."""
    apart = differences(mine, plain)
    if len(apart) < 2:
        return ""
    better, unequal = sum(one > 0 for one in apart), sum(one != 0 for one in apart)
    p = float(stats.binomtest(better, unequal).pvalue) if unequal else 1.0
    return f"{interval(apart)} {better}/{len(apart)} p {p:.3f}"


def table(folder: Path, epochs: int) -> str:
    """Means, and differences from plain."""
    rows = ["| row | settings | seeds | " + " | ".join(f"{t} | vs plain" for t in TESTS) + " |", "|---" * 11 + "|"]
    for stage in ("final", "regimes"):
        lines = of(folder, stage=stage, epochs=epochs)
        groups = dict.fromkeys((line["row"], line["settings"], line["rho"], line["colour"]) for line in lines)
        for name, settings, rho, colour in groups:
            own = [
                line
                for line in lines
                if (line["row"], line["settings"], line["rho"], line["colour"]) == (name, settings, rho, colour)
            ]
            plain = [line for line in written(folder) if line["row"] == "plain" and line["epochs"] == epochs]
            plain = [line for line in plain if (line["rho"], line["colour"]) == (rho, colour)]
            cells = []
            for test in TESTS:
                mine, base = ({line["seed"]: line[test] for line in some} for some in (own, plain))
                cells += [
                    f"{100 * sum(mine.values()) / len(mine):.1f}",
                    "" if name == "plain" else compared(mine, base),
                ]
            told = name + (f", rho {rho:g}" if stage == "regimes" else "") + (", colour" if colour else "")
            rows.append(f"| {told} | {settings} | {len(own)} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
