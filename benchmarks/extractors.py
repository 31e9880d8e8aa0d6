"""Which features serve where nothing can be downloaded: the table of extractors.

    uv run python benchmarks/extractors.py random gabor pair squeezenet:../shared/data/weights/squeezenet_v1_0.npz
    uv run python benchmarks/extractors.py gabor --size 48 --pairs 1              tiny

Drawn pairs have known masks, so a match can be right or wrong: every place of A takes the label, object or ground, of
the place of B whose features are nearest. Columns:
intersection over union of the labels with A's mask, matched at each level and its best, beside what patches of colours
reach; then what Deep Image Analogy makes with these features, on both sides; medians over both directions of all
pairs. The sheet goes into scratch/ (not committed).
"""

import argparse
import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional as F

from analogy import overlap, save
from gestalt.drawn import objects
from gestalt.nn import features
from gestalt.nn.features import Features
from gestalt.ops.nearest import exact
from gestalt.ops.resize import resize
from gestalt.tasks.analogy import deep_analogy
from gestalt.tasks.analogy.config import DeepAnalogy
from gestalt.tasks.analogy.measures import score, two_sided

MEASURES = ("edges_structure", "edges_appearance", "coherence", "completeness", "swd", "contrast")


def labelled(ours: Tensor, theirs: Tensor, mask: Tensor, side: int = 3) -> Tensor:
    """What a mask of B says of A, by the nearest features.

    Args:
        ours: (1, N, h, w), a map of A.
        theirs: (1, N, h', w'), of B.
        mask: (1, 1, H', W'), of B, 1 on objects.
        side: of the patches of features that are compared, odd.

    Returns:
        (h, w) bool.
    """
    half = side // 2
    queries, keys = (F.pad(F.normalize(x, dim=1), (half,) * 4, mode="replicate")[0][:, None] for x in (ours, theirs))
    nearest = exact(queries, keys, (1, side, side)).index.flatten()
    known = resize(mask, theirs.shape[2:]).flatten() > 0.5
    return known[nearest].reshape(ours.shape[2:])


def level_overlaps(net: Features, a: objects.Scene, b: objects.Scene) -> list[float]:
    """IoU of the labels that features of each level carry from B to A with A's mask, fine to coarse."""
    names = net.levels(min(a.image.shape[2:]))
    with torch.no_grad():
        maps_a, maps_b = net.layers(a.image, names), net.layers(b.image, names)
    found = []
    for name in names:
        labels = labelled(maps_a[name], maps_b[name], b.mask)
        found.append(overlap(resize(labels[None, None].float(), a.mask.shape[2:])[0, 0] > 0.5, a.mask[0, 0] > 0.5))
    return found


def extractors(specs: list[str], pairs: int, size: int, iterations: int) -> None:
    """One row per extractor."""
    print(
        "| features | IoU by level, fine to coarse | best | E(A) / E(B) | coherence | compl. | SWD | contrast |", end=""
    )
    print(" score | train s | analogy s |\n|---|---|---|---|---|---|---|---|---|---|---|")
    scenes = [objects.pair(size=(size * 3 // 4, size), seed=seed) for seed in range(pairs)]
    directions = [way for a, b in scenes for way in ((a, b), (b, a))]
    cells: list[list[Tensor]] = [[a.image, b.image] for a, b in directions]
    names = []
    for spec in specs:
        levels, rows, trained, made, name = [], [], 0.0, 0.0, spec
        for n, (a, b) in enumerate(directions):
            began = time.process_time()
            net = features.load(spec, (a.image, b.image), seed=n)
            trained, name = trained + time.process_time() - began, net.name
            levels.append(level_overlaps(net, a, b))
            began = time.process_time()
            result = deep_analogy.make(a.image, b.image, DeepAnalogy(iterations=iterations), extractor=net, seed=n)
            made += time.process_time() - began
            cells[n].append(result)
            rows.append(two_sided({"made": result}, a.image, b.image, search=exact)["made"])
        ious = [statistics.median(level) for level in zip(*levels, strict=True)]
        median = {key: statistics.median(row[key] for row in rows) for key in MEASURES}
        kept = f"{median['edges_structure']:.2f} / {median['edges_appearance']:.2f}"
        rest = " | ".join(f"{median[key]:.2f}" for key in MEASURES[2:])
        names.append(name)
        total = statistics.median(score(row) for row in rows)
        print(
            f"| {name} | {' '.join(f'{iou:.2f}' for iou in ious)} | {max(ious):.2f} | {kept} | {rest} | "
            f"{total:.2f} | {trained / len(directions):.1f} | {made / len(directions):.1f} |",
            flush=True,
        )
    colour = [overlap(labelled(a.image, b.image, b.mask, side=7), a.mask[0, 0] > 0.5) for a, b in directions]
    chance = [overlap(resize(b.mask, a.mask.shape[2:])[0, 0] > 0.5, a.mask[0, 0] > 0.5) for a, b in directions]
    print(
        f"\n7x7 patches of colours: {statistics.median(colour):.2f}; B's mask as it is: {statistics.median(chance):.2f}"
    )
    save("extractors.png", cells, [str(n) for n in range(len(cells))], ["A", "B", *names])


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", nargs="+", metavar="ARCH[:FILE]")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--size", type=int, default=128, help="long side of the drawn pairs in pixels")
    parser.add_argument("--iterations", type=int, default=40, help="of L-BFGS between two levels of the analogy")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    extractors(asked.features, asked.pairs, asked.size, asked.iterations)


if __name__ == "__main__":
    main()
