"""The pair network: quality beside patches and nulls, cost beside the published schedule.

    uv run python benchmarks/pair.py pairs ../shared/data/pairs --size 64    real pairs, both directions
    uv run python benchmarks/pair.py cost ../shared/data/pairs               seconds per step, level by level
    uv run python benchmarks/pair.py equal ../shared/data/pairs --threads 1  time to the published quality

The first keeps its runs in scratch/pair and makes each only once. `--only NAME ...` limits the pairs.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gestalt import cli, recipes
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.ops.chance import seeded
from gestalt.ops.nearest import exact
from gestalt.ops.resize import resize
from gestalt.ops.stats import match_histogram
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import modes, pair, patch
from gestalt.tasks.analogy.config import Pair
from gestalt.tasks.analogy.measures import two_sided
from published import Published

MEASURES = ("edges_structure", "edges_appearance", "coherence", "completeness", "swd", "contrast")
SCRATCH = Path("scratch/pair")


def files(folder: Path, name: str) -> list[Path]:
    """The two pictures of `<a>_<b>/`."""
    return [next((folder / name).glob(f"{part}.*")) for part in name.split("_")]


def pairs(folder: Path, size: int, only: list[str], threads: int) -> None:
    """A table and a sheet: histogram matching, the patch engine, the pair network, both directions of every pair."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and (not only or path.name in only))
    print("| arrangement < appearance | row | E(A) | E(B) | coherence | completeness | SWD | contrast | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows: dict[str, list[list[float]]] = {}
    cells, labels = [], []
    for name in names:
        # Runs of other settings, as those of an older version, are others.
        settings = dataclasses.replace(recipes.analogy_pair("fast"), size=size)
        run = SCRATCH / f"{name}_{size}_{hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}"
        if not (run / "metrics.json").exists():
            argv = [
                "analogy",
                "make",
                *map(str, files(folder, name)),
                "--engine",
                "pair",
                "--size",
                str(size),
                "--threads",
                str(threads),
            ]
            code = cli.run(["resume", str(run)] if (run / "run.json").exists() else [*argv, "--out", str(run)])
            assert code == 0, f"{name} failed"
        results = {key: image.read(run / "outputs" / f"{key}.png") for key in ("a", "b", "a2b", "b2a")}
        seconds = json.loads((run / "metrics.json").read_text())["seconds"] / 2
        for key, (first, second) in {"a2b": name.split("_"), "b2a": name.split("_")[::-1]}.items():
            a, b = results[key[0]], results[key[2]]
            began = time.perf_counter()
            patches = patch.transfer(a, b, recipes.analogy_patch("fast"), name=key)
            took = time.perf_counter() - began
            candidates = {
                "A": (a, 0.0),
                "histogram match": (match_histogram(a, b), 0.0),
                "patch engine": (patches, took),
                "pair network": (results[key], seconds),
            }
            measured = two_sided({row: picture for row, (picture, _) in candidates.items()}, a, b, search=exact)
            for row, (_, spent) in candidates.items():
                numbers = [*(measured[row][measure] for measure in MEASURES), spent]
                rows.setdefault(row, []).append(numbers)
                print(f"| {first} < {second} | {row} | " + " | ".join(f"{x:.2f}" for x in numbers) + " |", flush=True)
            cells.append([a, b, *(picture for row, (picture, _) in candidates.items() if row != "A")])
            labels.append(f"{first} < {second}")
    for row, numbers in rows.items():
        medians = [statistics.median(column) for column in zip(*numbers, strict=True)]
        print(f"| median | {row} | " + " | ".join(f"{x:.2f}" for x in medians) + " |")
    columns = ["arrangement", "appearance", "histogram match", "patch engine", "pair network"]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    image.write(SCRATCH / f"pairs_{size}.png", contact_sheet(cells, row_labels=labels, col_labels=columns, cell=128))
    print(f"{SCRATCH}/pairs_{size}.png")


def square(folder: Path, name: str, size: int) -> tuple[Tensor, Tensor]:
    """Both pictures as the published code takes them: squeezed to a square."""
    a, b = (resize(image.read(path), (size, size)).clamp(-1, 1) for path in files(folder, name))
    return a, b


def cost(folder: Path) -> None:
    """Seconds per step of the published schedule and of ours at equal settings, interleaved, at levels of 220 px."""
    settings = dataclasses.replace(recipes.analogy_pair("paper"), steps=10**9, coarse_steps=10**9)
    a, b = square(folder, "stones_bowls", 220)
    sizes = pair.level_sizes((220, 220), (220, 220), settings)[0]
    widths = [pair.width(n, settings) for n in range(len(sizes))]
    print("| level | px | width | published, s/step | ours, s/step | ratio | and with the penalty every 4 steps |")
    print("|---|---|---|---|---|---|---|")
    for level in (0, 1, 2, 5, 7):
        theirs = Published(a, b, [size[0] for size in sizes], widths, settings.plain, settings.beta)
        for n in range(level + 1):
            theirs.begin(n)
            if n < level:
                theirs.end(n)
        rounds: list[tuple[float, ...]] = []
        ours = stepper(a, b, level, settings)
        lazy = stepper(a, b, level, dataclasses.replace(settings, penalty_every=4))
        for _ in range(4):
            count = 4 if sizes[level][0] > 40 else 20
            rounds.append(
                tuple(
                    timed(function, count)
                    for function in (
                        lambda n=level, it=theirs: it.step(n),
                        lambda it=ours: next(it),
                        lambda it=lazy: next(it),
                    )
                )
            )
        one, other, third = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
        head = f"| {level} | {sizes[level][0]} | {widths[level]} |"
        print(f"{head} {one:.3f} | {other:.3f} | {one / other:.2f} | {one / third:.2f} |", flush=True)
        ours.close()
        lazy.close()


def stepper(a: Tensor, b: Tensor, level: int, settings: Pair):
    """A generator that does one training step of a level each time it is asked; levels below are new and untrained."""
    chains = [pair.Chain(sizes, settings.plain) for sizes in pair.level_sizes((220, 220), (220, 220), settings)]
    nets = []
    for n in range(level + 1):
        nets = [
            pair.new_nets(pair.width(n, settings), pair.BORDERS[settings.layout], seeded(0, n), a.device)
            for _ in chains
        ]
        if n < level:
            for chain, (g, _) in zip(chains, nets, strict=True):
                chain.nets.append(g.requires_grad_(False))
                chain.sigmas.append(1.0 if n == 0 else 0.05)
    sides = [
        pair.Side(resize(x, chain.sizes[level]).clamp(-1, 1), chain, *net)
        for x, chain, net in zip((a, b), chains, nets, strict=True)
    ]

    return one_by_one(lambda run: pair.fit_level(level, sides[0], sides[1], settings, seed=0, run=run))


def one_by_one(function: Callable[[NullRun], None]):
    """Turn a training loop inside out: it runs in a thread of its own, a step each time the generator is asked."""
    go, done, is_over = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
    count = torch.get_num_threads()

    class Stepwise(NullRun):
        def steps(self, name, total, state):
            del name, state
            go.acquire()
            for step in range(total):
                yield step
                done.release()
                go.acquire()
                if is_over.is_set():
                    return

    def work() -> None:
        torch.set_num_threads(count)
        function(Stepwise())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            go.release()
            done.acquire()
            yield
    finally:
        is_over.set()
        go.release()
        thread.join()


def timed(function: Callable[[], object], count: int) -> float:
    """Seconds of one call, on average."""
    began = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - began) / count


def equal(folder: Path, steps: int) -> None:
    """Train the published schedule at 48 px, then `fast` with ever more steps until it is as good.

    Seconds are of processor time, so that other jobs beside do not count; use `--threads 1`, where waiting costs none.
    """
    a, b = square(folder, "stones_bowls", 48)
    settings = dataclasses.replace(recipes.analogy_pair("paper"), size=48, widest=32)
    sizes = pair.level_sizes((48, 48), (48, 48), settings)[0]
    torch.manual_seed(0)
    theirs = Published(a, b, [size[0] for size in sizes], [32] * len(sizes), settings.plain, settings.beta)
    spent = 0.0
    for n in range(len(sizes)):
        theirs.begin(n)
        began = time.process_time()
        for _ in range(steps):
            theirs.step(n)
        spent += time.process_time() - began
        theirs.end(n)
        print(f"published, level {n} ({sizes[n][0]} px): {spent:.0f} s so far", flush=True)
    print(
        "| schedule | direction | start | seconds | E(A) | E(B) | coherence | SWD |\n|---|---|---|---|---|---|---|---|"
    )
    for direction, structure, appearance, side in (("a2b", a, b, 1), ("b2a", b, a, 0)):
        results = {k: theirs.mapped(structure, side, k) for k in range(len(sizes))}
        tell(f"published, {steps} steps", direction, results, structure, appearance, spent)
    for count in (100, 200, 400):
        ours = dataclasses.replace(recipes.analogy_pair("fast"), size=48, steps=count, coarse_steps=count)
        began = time.process_time()
        chain_a, chain_b = pair.fit(a, b, ours)
        spent = time.process_time() - began
        for direction, structure, appearance, chain in (("a2b", a, b, chain_b), ("b2a", b, a, chain_a)):
            results = {k: modes.map_picture(structure, chain, k) for k in range(len(chain.sizes))}
            tell(f"fast, {count} steps", direction, results, structure, appearance, spent)


def tell(name: str, direction: str, results: dict[int, Tensor], a: Tensor, b: Tensor, seconds: float) -> None:
    """Rows of the last two starts."""
    measured = two_sided(results, a, b, search=exact)
    for start in itertools.islice(reversed(measured), 2):
        row = measured[start]
        numbers = [f"{row[key]:.2f}" for key in ("edges_structure", "edges_appearance", "coherence", "swd")]
        print(f"| {name} | {direction} | {start} | {seconds:.0f} | " + " | ".join(numbers) + " |", flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pairs", "cost", "equal"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.what == "pairs":
        pairs(asked.folder, asked.size, asked.only, asked.threads)
    elif asked.what == "cost":
        cost(asked.folder)
    else:
        equal(asked.folder, asked.steps)


if __name__ == "__main__":
    main()
