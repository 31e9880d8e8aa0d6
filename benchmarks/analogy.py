"""Quality of structural analogies on both sides, beside the nulls: the tables of docs/results/analogy.md.

    uv run python benchmarks/analogy.py pairs ../shared/data/pairs    real pairs, both directions
    uv run python benchmarks/analogy.py images ../shared/data/images  12 random pairs of photographs, both directions
    uv run python benchmarks/analogy.py drawn                         drawn pairs with known masks

    uv run python benchmarks/analogy.py ablation ../shared/data       what each part adds, on what was tuned on

Each prints a Markdown table; all but the last write a contact sheet into scratch/ (not committed). The patch measures
of the first two use the exact search. `--only NAME ...` limits the pairs.
"""

import argparse
import dataclasses
import itertools
import random
import statistics
import time
import unittest.mock
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
from gestalt.tasks.analogy import guidance, patch
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
    """Rows per direction: the two givens, two nulls, ours with three seeds; then medians and the bar."""
    print("| arrangement < appearance | row | E(A) | E(B) | coherence | completeness | SWD | contrast |")
    print("|---|---|---|---|---|---|---|---|")
    rows: dict[str, list[dict[str, float]]] = {}
    cells, names, seconds, candidates = [], [], 0.0, {}
    for name, a, b in pairs:
        began = time.perf_counter()
        ours = {f"gestalt, seed {n}": patch.transfer(a, b, SETTINGS, seed=n, name=name) for n in range(3)}
        seconds += time.perf_counter() - began
        plain = dataclasses.replace(SETTINGS, start=0, guidance=0.0, vote="mean")
        candidates = {
            "A": a,
            "B": b,
            "histogram match": match_histogram(a, b),
            "RGB patches": patch.transfer(a, b, plain, name=name),
            **ours,
        }
        for row, measured in two_sided(candidates, a, b, search=exact).items():
            rows.setdefault(row, []).append(measured)
            numbers = " | ".join(f"{measured[key]:.2f}" for key in MEASURES)
            print(f"| {name} | {row} | {numbers} |", flush=True)
        cells.append(list(candidates.values()))
        names.append(name)
    for row, measured in rows.items():
        numbers = " | ".join(f"{statistics.median(m[key] for m in measured):.3f}" for key in MEASURES)
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


def tuning_photographs(shared: Path) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Both directions of pairs of photographs that settings were tuned on: scikit-image's samples and video frames."""
    import av
    import skimage.data

    def frame(path: Path, number: int = 0) -> Tensor:
        with av.open(str(path)) as clip:
            rgb = next(itertools.islice(clip.decode(video=0), number, None)).to_ndarray(format="rgb24")
        return torch.from_numpy(rgb).movedim(-1, 0)[None].float() / 127.5 - 1

    samples, clips, motion = Path(skimage.data.__file__).parent, shared / "clips", shared / "motion"
    pairs = (
        (image.read(min((clips / "air_balloons").iterdir())), frame(clips / "flamingo_13.mp4")),
        (image.read(samples / "rocket.jpg"), frame(clips / "skydivers_13.mp4")),
        (frame(motion / "wolf.mp4"), frame(clips / "volcano.mp4", 100)),
        (frame(clips / "fish_13.mp4"), image.read(samples / "coffee.png")),
        (image.read(samples / "chelsea.png"), frame(motion / "hitting_baseball.mp4", 20)),
    )
    for one, other in pairs:
        a, b = (patch.working_size(picture, SETTINGS) for picture in (one, other))
        yield "photographs", a, b
        yield "photographs", b, a


def ablation(shared: Path, seeds: int) -> None:
    """One row per variant: drawn IoU and the two-sided measures, medians over what the settings were tuned on."""
    fixed = dataclasses.replace(SETTINGS, guidance=1.0, start=0)
    tone, rarity, figure, edges, cosine, sine = guidance.WEIGHTS
    variants = {
        "as shipped": (SETTINGS, {}),
        "guidance 1, start 0": (fixed, {}),
        "votes: mean": (dataclasses.replace(fixed, vote="mean"), {}),
        "votes: median": (dataclasses.replace(fixed, vote="median"), {}),
        "no guidance": (dataclasses.replace(fixed, guidance=0.0), {}),
        "no edges, no direction": (fixed, {"WEIGHTS": (tone, rarity, figure, 0.0, 0.0, 0.0)}),
        "no direction": (fixed, {"WEIGHTS": (tone, rarity, figure, edges, 0.0, 0.0)}),
        "no tone, no rarity": (fixed, {"WEIGHTS": (0.0, 0.0, figure, edges, cosine, sine)}),
        "no figure": (fixed, {"WEIGHTS": (tone, rarity, 0.0, edges, cosine, sine)}),
        "figure however uncertain": (fixed, {"CERTAIN": (-1.0, 0.0)}),
        "all fade alike, .8": (fixed, {"DECAYS": (0.8,) * 6}),
        "no completeness": (dataclasses.replace(fixed, completeness=0.0), {}),
        "completeness .02": (dataclasses.replace(fixed, completeness=0.02), {}),
    }
    pairs = list(directions(shared / "pairs", list(TUNED_ON)))
    photographs = list(tuning_photographs(shared))
    print("| variant | drawn: IoU A / B | E(A) / E(B) | coherence | compl. | SWD | contrast | of 6 |", end="")
    print(
        " photographs: E(A) / E(B) | coherence | compl. | SWD | contrast | of 10 |\n|---|---|---|---|---|---|---|---|",
        end="",
    )
    print("---|---|---|---|---|---|")
    for name, (settings, constants) in variants.items():
        with unittest.mock.patch.multiple(guidance, **({"WEIGHTS": guidance.WEIGHTS} | constants)):
            masks = [
                mask_overlaps(patch.transfer(a.image, b.image, settings, seed=seed, name=name), a, b)
                for seed, a, b in drawn_directions(seeds)
            ]
            ours, theirs = (statistics.median(m[k] for m in masks) for k in (0, 1))
            cells = [f"{ours:.2f} / {theirs:.2f}"]
            for group in (pairs, photographs):
                rows, marks = [], []
                for _, a, b in group:
                    rows.append(two_sided({"ours": patch.transfer(a, b, settings, name=name)}, a, b)["ours"])
                    marks.append(all_of(passes(rows[-1], edge_correlation(a, b))))
                median = [statistics.median(row[key] for row in rows) for key in MEASURES]
                cells.append(f"{median[0]:.2f} / {median[1]:.2f}")
                cells += [*(f"{value:.2f}" for value in median[2:]), str(sum(marks))]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


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
