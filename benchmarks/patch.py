"""Speed and memory of the patch engine, as ratios measured side by side in one run.

    uv run python benchmarks/patch.py search ../shared/data/pairs     searches and a whole analogy at 256 px
    uv run python benchmarks/patch.py sides ../shared/data/pairs      seconds and peak memory of an analogy by side

Prints Markdown. The reference is the exact search, as chunked matrix products on all threads; how near it is to the
machine's limit is measured too, as a share of the rate of large square products (4096,
median of three before it and three after it).
"""

import argparse
import dataclasses
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line does

import torch
from torch import Tensor

from gestalt.media import image
from gestalt.ops import nearest
from gestalt.ops.patches import grid
from gestalt.ops.resize import resize
from gestalt.tasks.analogy import patch
from gestalt.tasks.analogy.config import Patch

PAIRS = ("stones_bowls", "balls_pumpkins", "paving_mud", "mosaic_glyph", "scribble_halftone", "sketch_balloons")
SIDES = (64, 128, 256, 512, 1024, 2048)
PATCH = (1, 7, 7)


def pair(folder: Path, name: str, side: int) -> tuple[Tensor, Tensor]:
    """A pair with its long sides at exactly `side` pixels, enlarged where it must be."""
    both = []
    for one in name.split("_"):
        picture = image.read(next((folder / name).glob(f"{one}.*")))
        scale = side / max(picture.shape[2:])
        both.append(resize(picture, [max(1, round(length * scale)) for length in picture.shape[2:]]).clamp(-1, 1))
    return both[0], both[1]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the seconds it took."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def product_rates(side: int = 4096) -> list[float]:
    """Floating-point operations per second of a large square matrix product, three times."""
    x, out = torch.randn(side, side), torch.empty(side, side)
    torch.mm(x, x, out=out)
    return [2 * side**3 / timed(lambda: torch.mm(x, x, out=out))[1] for _ in range(3)]


def previous_output(a: Tensor, b: Tensor, settings: Patch) -> Tensor:
    """The analogy up to the last level but one, enlarged to full size: what the last level's first search is asked."""
    given = patch.prepare(a, b, settings)
    before = patch.synthesize_levels(given, settings, seed=0, last=len(given.sizes) - 2, name="before")
    return resize(before, a.shape[2:])


def search(folder: Path) -> None:
    """Exact against approximate, and a whole analogy, at 256 px."""
    settings = Patch(size=256)
    fixed = dataclasses.replace(settings, start=0, guidance=1.0)
    warm = pair(folder, PAIRS[0], 96)
    patch.transfer(*warm, dataclasses.replace(settings, size=96, solve=48), name="warm")  # compiles
    nearest.patchmatch(warm[0][0][:, None], warm[1][0][:, None], PATCH)
    print("| pair | exact s | of product peak | approx. s | exact / approx. | mean distance, approx. / exact |", end="")
    print(" cold start without trees | analogy s | analogy / exact |\n|---|---|---|---|---|---|---|---|---|")
    rows = []
    for name in PAIRS:
        a, b = pair(folder, name, 256)
        queries, keys = previous_output(a, b, fixed)[0][:, None], b[0][:, None]
        rates = product_rates()
        best, exact_s = timed(lambda queries=queries, keys=keys: nearest.exact(queries, keys, PATCH))
        peak = statistics.median(rates + product_rates())
        positions = [math.prod(grid(x.shape[1:], PATCH)) for x in (queries, keys)]
        rate = 2 * positions[0] * positions[1] * math.prod(PATCH) * len(queries) / exact_s
        found, ours_s = timed(lambda queries=queries, keys=keys: nearest.patchmatch(queries, keys, PATCH))
        bare = nearest.patchmatch(queries, keys, PATCH, trees=0)
        _, whole_s = timed(lambda a=a, b=b: patch.transfer(a, b, settings, name="whole"))
        distance = float(best.distance.mean())
        row = (
            *(exact_s, rate / peak, ours_s, exact_s / ours_s),
            *(float(field.distance.mean()) / distance for field in (found, bare)),
            *(whole_s, whole_s / exact_s),
        )
        rows.append(row)
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in row) + " |", flush=True)
    print("| mean | " + " | ".join(f"{statistics.fmean(column):.3g}" for column in zip(*rows, strict=True)) + " |")


def sides(folder: Path) -> None:
    """Seconds and peak memory by side, each in a process of its own, kernels compiled before."""
    print("| long side | pixels | seconds | us per pixel | peak memory above imports, MB | bytes per pixel |")
    print("|---|---|---|---|---|---|")
    for side in SIDES:
        told = subprocess.run(
            [sys.executable, __file__, "one", str(folder), "--side", str(side)],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(told.stdout.splitlines()[-1])
        pixels, seconds, memory = found["pixels"], found["seconds"], found["bytes"]
        print(
            f"| {side} | {pixels} | {seconds:.2f} | {seconds / pixels * 1e6:.1f} | {memory / 1e6:.0f} | "
            f"{memory / pixels:.0f} |",
            flush=True,
        )


def one(folder: Path, side: int) -> None:
    """One analogy at one side; prints JSON."""
    settings = Patch(size=side)
    warm = pair(folder, PAIRS[0], 64)
    patch.transfer(*warm, dataclasses.replace(settings, size=64, solve=32), name="warm")
    a, b = pair(folder, PAIRS[0], side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds = timed(lambda: patch.transfer(a, b, settings, name="one"))
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"pixels": a.shape[2] * a.shape[3], "seconds": seconds, "bytes": more * 1024}))


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "sides", "one"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=256)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    if asked.what == "one":
        one(asked.folder, asked.side)
    else:
        {"search": search, "sides": sides}[asked.what](asked.folder)


if __name__ == "__main__":
    main()
