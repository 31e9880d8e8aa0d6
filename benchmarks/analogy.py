"""Quality of structural analogies on both sides, beside the nulls: the tables of docs/results/analogy.md.

    uv run python benchmarks/analogy.py pairs ../shared/data/pairs    real pairs, both directions
    uv run python benchmarks/analogy.py images ../shared/data/images  12 random pairs of photographs, both directions
    uv run python benchmarks/analogy.py drawn                         drawn pairs with known masks

    uv run python benchmarks/analogy.py ablation ../shared/data/pairs what each part adds, on the tuning pairs only

Each prints a Markdown table and all but the last write a contact sheet into scratch/ (not committed). Patch measures use
the exact search. `--only NAME ...` limits the pairs, `--size` is the long side.
"""

import argparse
import dataclasses
import itertools
import random
import statistics
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.metrics.edges import edge_correlation
from gestalt.ops.nearest import exact
from gestalt.ops.stats import match_histogram
from gestalt.tasks.analogy import patch
from gestalt.tasks.analogy.measures import two_sided

SETTINGS = dataclasses.replace(recipes.analogy_patch("fast"), size=128)
TUNED_ON = ("stones_bowls", "mosaic_glyph", "sketch_balloons")
IMAGE_SEED, IMAGE_PAIRS = 0, 12
MEASURES = ("edges_structure", "edges_appearance", "coherence", "completeness", "swd", "contrast")


def directions(folder: Path, only: list[str]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, structure and appearance of both directions of every pair `<a>_<b>/` in a folder."""
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and (not only or path.name in only)):
        first, second = place.name.split("_")
        a, b = (patch.working_size(image.read(next(place.glob(f"{name}.*"))), SETTINGS) for name in (first, second))
        mark = " (tuned on)" if place.name in TUNED_ON else ""
        yield f"{first} < {second}{mark}", a, b
        yield f"{second} < {first}{mark}", b, a


def random_directions(folder: Path) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Both directions of pairs drawn at random from a folder's pictures, those already too alike left out."""
    pictures = {path.stem: patch.working_size(image.read(path), SETTINGS) for path in sorted(folder.iterdir())}
    pairs = list(itertools.combinations(pictures, 2))
    random.Random(IMAGE_SEED).shuffle(pairs)
    apart = [(a, b) for a, b in pairs if edge_correlation(pictures[a], pictures[b]) <= 0.4]
    for first, second in apart[:IMAGE_PAIRS]:
        yield f"{first} < {second}", pictures[first], pictures[second]
        yield f"{second} < {first}", pictures[second], pictures[first]


def passes(measured: dict[str, float], between: float) -> tuple[bool, bool | None]:
    """The two clauses of the bar; the second is None where the givens themselves are too alike (E(A, B) > .4)."""
    gap = measured["edges_structure"] - measured["edges_appearance"]
    return measured["edges_structure"] >= 0.45, gap >= 0.15 if between <= 0.4 else None


def all_of(mark: tuple[bool, bool | None]) -> bool:
    """Whether no clause fails."""
    return mark[0] and mark[1] is not False


def real_pairs(pairs: Iterable[tuple[str, Tensor, Tensor]], sheet: str) -> None:
    """Five rows per direction: the two givens, two nulls, ours; then medians and the bar."""
    print("| arrangement < appearance | row | E(A) | E(B) | coherence | completeness | SWD | contrast |")
    print("|---|---|---|---|---|---|---|---|")
    rows: dict[str, list[dict[str, float]]] = {}
    cells, names, seconds, candidates = [], [], 0.0, {}
    for name, a, b in pairs:
        began = time.perf_counter()
        ours = patch.transfer(a, b, SETTINGS, name=name)
        seconds += time.perf_counter() - began
        plain = dataclasses.replace(SETTINGS, start=0, guidance=0.0, vote="mean")
        candidates = {
            "A": a,
            "B": b,
            "histogram match": match_histogram(a, b),
            "RGB patches": patch.transfer(a, b, plain, name=name),
            "gestalt": ours,
        }
        for row, measured in two_sided(candidates, a, b, search=exact).items():
            rows.setdefault(row, []).append(measured)
            numbers = " | ".join(f"{measured[key]:.2f}" for key in MEASURES)
            print(f"| {name} | {row} | {numbers} |", flush=True)
        cells.append(list(candidates.values()))
        names.append(name)
    for row, measured in rows.items():
        numbers = " | ".join(f"{statistics.median(m[key] for m in measured):.2f}" for key in MEASURES)
        print(f"| median | {row} | {numbers} |")
    print("\n| row | directions with E(A) >= .45 | with E(A) - E(B) >= .15 | of those where E(A, B) <= .4 | both |")
    print("|---|---|---|---|---|")
    for row, measured in rows.items():
        marks = [passes(m, null["edges_appearance"]) for m, null in zip(measured, rows["A"], strict=True)]
        near, told = sum(mark[0] for mark in marks), sum(mark[1] is True for mark in marks)
        asked = sum(null["edges_appearance"] <= 0.4 for null in rows["A"])
        print(f"| {row} | {near} of {len(marks)} | {told} | {asked} | {sum(all_of(mark) for mark in marks)} |")
    print(f"\nours took {seconds:.1f} s in all (the first call compiles)")
    save(sheet, cells, names, list(candidates))


def object_pixels(result: Tensor, scene: objects.Scene) -> Tensor:
    """(H, W) bool: the 7x7 patch around the pixel is nearest to a patch of the scene centred on an object."""
    padded, source = (F.pad(x, (3, 3, 3, 3), mode="replicate")[0][:, None] for x in (result, scene.image))
    nearest = exact(padded, source, (1, 7, 7)).index
    return scene.mask.flatten()[nearest.flatten()].reshape(result.shape[2:]) > 0.5


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two masks."""
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


def drawn_directions(seeds: int) -> Iterator[tuple[int, objects.Scene, objects.Scene]]:
    """Seed, structure and appearance of both directions of drawn pairs."""
    for seed in range(seeds):
        a, b = objects.pair(size=(96, 128), seed=seed)
        yield seed, a, b
        yield seed, b, a


def mask_overlaps(result: Tensor, a: objects.Scene, b: objects.Scene) -> tuple[float, float]:
    """IoU of the result's objects with A's mask and with B's."""
    pixels = object_pixels(result, b)
    return overlap(pixels, a.mask[0, 0] > 0.5), overlap(pixels, b.mask[0, 0] > 0.5)


def drawn_pairs(seeds: int) -> None:
    """IoU of the result's objects with the mask of A, and of B; histogram matching and B itself beside."""
    print("| seed | row | IoU with A's mask | IoU with B's mask |\n|---|---|---|---|")
    cells, names, found, candidates = [], [], {}, {}
    for seed, a, b in drawn_directions(seeds):
        candidates = {
            "B": b.image,
            "histogram match": match_histogram(a.image, b.image),
            "gestalt": patch.transfer(a.image, b.image, SETTINGS, seed=seed, name="drawn"),
        }
        for row, candidate in candidates.items():
            both = mask_overlaps(candidate, a, b)
            found.setdefault(row, []).append(both)
            print(f"| {seed} | {row} | {both[0]:.2f} | {both[1]:.2f} |", flush=True)
        cells.append([a.image, *candidates.values()])
        names.append(f"seed {seed}")
    for row, both in found.items():
        medians = " | ".join(f"{statistics.median(b[k] for b in both):.2f}" for k in (0, 1))
        print(f"| median | {row} | {medians} |")
    save("drawn.png", cells, names, ["A", *candidates])


def ablation(folder: Path, seeds: int) -> None:
    """One row per variant: drawn IoU and the two-sided measures, medians over the tuning pairs, both directions."""
    whole = patch.guidance
    variants = {
        "as shipped": (SETTINGS, slice(0, 3)),
        "no guidance": (dataclasses.replace(SETTINGS, guidance=0.0), slice(0, 3)),
        "tone and rarity only": (SETTINGS, slice(0, 2)),
        "figure only": (SETTINGS, slice(2, 3)),
        "guidance fades by .6": (dataclasses.replace(SETTINGS, decay=0.6), slice(0, 3)),
        "no completeness": (dataclasses.replace(SETTINGS, completeness=0.0), slice(0, 3)),
    }
    print("| variant | IoU A / B | of 10 pass | E(A) / E(B) | coherence | SWD | contrast | of 6 pass |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (settings, channels) in variants.items():
        patch.guidance = lambda image, channels=channels: whole(image)[:, channels]
        masks = [
            mask_overlaps(patch.transfer(a.image, b.image, settings, seed=seed, name=name), a, b)
            for seed, a, b in drawn_directions(seeds)
        ]
        rows, marks = [], []
        for _, a, b in directions(folder, list(TUNED_ON)):
            measured = two_sided({"ours": patch.transfer(a, b, settings, name=name)}, a, b, search=exact)["ours"]
            rows.append(measured)
            marks.append(all_of(passes(measured, edge_correlation(a, b))))
        median = {key: statistics.median(row[key] for row in rows) for key in MEASURES}
        ours, theirs = (statistics.median(m[k] for m in masks) for k in (0, 1))
        good = sum(m[0] >= 0.5 and m[1] <= 0.15 for m in masks)
        print(
            f"| {name} | {ours:.2f} / {theirs:.2f} | {good} | {median['edges_structure']:.2f} / "
            f"{median['edges_appearance']:.2f} | {median['coherence']:.2f} | {median['swd']:.2f} | "
            f"{median['contrast']:.2f} | {sum(marks)} |",
            flush=True,
        )
    patch.guidance = whole


def save(name: str, cells: list[list[Tensor]], rows: list[str], columns: list[str]) -> None:
    """Write a contact sheet into scratch/."""
    Path("scratch").mkdir(exist_ok=True)
    image.write(Path("scratch", name), contact_sheet(cells, row_labels=rows, col_labels=columns, cell=192))
    print(f"scratch/{name}")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pairs", "images", "drawn", "ablation"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    if asked.what != "drawn" and asked.folder is None:
        parser.error(f"'{asked.what}' needs the folder of the pairs")
    if asked.what == "pairs":
        real_pairs(directions(asked.folder, asked.only), "pairs.png")
    elif asked.what == "images":
        real_pairs(random_directions(asked.folder), "images.png")
    elif asked.what == "ablation":
        ablation(asked.folder, asked.seeds)
    else:
        drawn_pairs(asked.seeds)


if __name__ == "__main__":
    main()
