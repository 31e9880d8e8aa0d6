"""Quality of structural analogies on both sides, beside the nulls: the tables of docs/results/analogy.md.

    uv run python benchmarks/analogy.py pairs ../shared/data/pairs    real pairs, both directions
    uv run python benchmarks/analogy.py drawn                         drawn pairs with known masks

Each prints a Markdown table and writes a contact sheet into scratch/ (not committed). Patch measures use the exact
search. `--only NAME ...` limits the pairs.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.ops.nearest import exact
from gestalt.ops.stats import match_histogram
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import patch
from gestalt.tasks.analogy.measures import two_sided

SETTINGS = dataclasses.replace(recipes.analogy_patch("fast"), size=128)
TUNED_ON = ("stones_bowls", "mosaic_glyph", "sketch_balloons")
MEASURES = ("edges_structure", "edges_appearance", "coherence", "completeness", "swd", "contrast")


def directions(folder: Path, only: list[str]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, structure and appearance of both directions of every pair `<a>_<b>/` in a folder."""
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and (not only or path.name in only)):
        first, second = place.name.split("_")
        a, b = (patch.working_size(image.read(next(place.glob(f"{name}.*"))), SETTINGS) for name in (first, second))
        yield f"{first} < {second}", a, b
        yield f"{second} < {first}", b, a


def real_pairs(folder: Path, only: list[str]) -> None:
    """Five rows per direction: the two givens, two nulls, ours; then medians and the bar."""
    print("| arrangement < appearance | row | E(A) | E(B) | coherence | completeness | SWD | contrast |")
    print("|---|---|---|---|---|---|---|---|")
    rows: dict[str, list[dict[str, float]]] = {}
    cells, names, passed, seconds, candidates = [], [], [], 0.0, {}
    for name, a, b in directions(folder, only):
        began = time.perf_counter()
        ours = patch.transfer(a, b, SETTINGS, run=NullRun(), name=name)
        seconds += time.perf_counter() - began
        plain = dataclasses.replace(SETTINGS, guidance=0.0)
        candidates = {
            "A": a,
            "B": b,
            "histogram match": match_histogram(a, b),
            "RGB patches": patch.transfer(a, b, plain, run=NullRun(), name=name),
            "gestalt": ours,
        }
        for row, measured in two_sided(candidates, a, b, search=exact).items():
            rows.setdefault(row, []).append(measured)
            numbers = " | ".join(f"{measured[key]:.2f}" for key in MEASURES)
            print(f"| {name} | {row} | {numbers} |", flush=True)
        mine, between = rows["gestalt"][-1], rows["A"][-1]["edges_appearance"]
        gap = mine["edges_structure"] - mine["edges_appearance"]
        passed.append(mine["edges_structure"] >= 0.45 and (gap >= 0.15 or between > 0.4))
        cells.append(list(candidates.values()))
        names.append(name)
    for row, measured in rows.items():
        numbers = " | ".join(f"{statistics.median(m[key] for m in measured):.2f}" for key in MEASURES)
        print(f"| median | {row} | {numbers} |")
    print(f"\n{sum(passed)} of {len(passed)} directions pass; ours took {seconds:.1f} s in all (first call compiles)")
    save("pairs.png", cells, names, list(candidates))


def object_pixels(result: Tensor, scene: objects.Scene) -> Tensor:
    """(H, W) bool: the 7x7 patch around the pixel is nearest to a patch of the scene centred on an object."""
    padded, source = (F.pad(x, (3, 3, 3, 3), mode="replicate")[0][:, None] for x in (result, scene.image))
    nearest = exact(padded, source, (1, 7, 7)).index
    return scene.mask.flatten()[nearest.flatten()].reshape(result.shape[2:]) > 0.5


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two masks."""
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


def drawn_pairs(seeds: int) -> None:
    """IoU of the result's objects with the mask of A, and of B; histogram matching and B itself beside."""
    print("| seed | row | IoU with A's mask | IoU with B's mask |\n|---|---|---|---|")
    cells, names, found, candidates = [], [], {}, {}
    for seed in range(seeds):
        a, b = objects.pair(size=(96, 128), seed=seed)
        candidates = {
            "B": b.image,
            "histogram match": match_histogram(a.image, b.image),
            "gestalt": patch.transfer(a.image, b.image, SETTINGS, seed=seed, run=NullRun(), name="drawn"),
        }
        for row, candidate in candidates.items():
            pixels = object_pixels(candidate, b)
            both = overlap(pixels, a.mask[0, 0] > 0.5), overlap(pixels, b.mask[0, 0] > 0.5)
            found.setdefault(row, []).append(both)
            print(f"| {seed} | {row} | {both[0]:.2f} | {both[1]:.2f} |", flush=True)
        cells.append([a.image, *candidates.values()])
        names.append(f"seed {seed}")
    for row, both in found.items():
        medians = " | ".join(f"{statistics.median(b[k] for b in both):.2f}" for k in (0, 1))
        print(f"| median | {row} | {medians} |")
    save("drawn.png", cells, names, ["A", *candidates])


def save(name: str, cells: list[list[Tensor]], rows: list[str], columns: list[str]) -> None:
    """Write a contact sheet into scratch/."""
    Path("scratch").mkdir(exist_ok=True)
    image.write(Path("scratch", name), contact_sheet(cells, row_labels=rows, col_labels=columns, cell=192))
    print(f"scratch/{name}")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pairs", "drawn"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    if asked.what == "pairs":
        real_pairs(asked.folder, asked.only)
    else:
        drawn_pairs(asked.seeds)


if __name__ == "__main__":
    main()
