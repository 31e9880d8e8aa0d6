"""One good digit against all others: the transformation-discriminating model, its ablations, and nulls, on MNIST.

    uv run python benchmarks/anomaly_digits.py ../shared/data/digits [--classes 3 6] [--draws 3] [--variants model ...]

A class of digits is normal and the nine others are not; one picture of it is the only good one. 500 others of its class
and 500 of the rest are judged, image AUROC. `moved` puts every digit somewhere on a canvas of 36 pixels, where squared
distance to the good picture must fail. A line for every trial, as it comes; then the table.
"""

import argparse
import dataclasses
import gzip
import statistics
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gestalt.metrics.detection import auroc
from gestalt.ops.chance import seeded
from gestalt.tasks.anomaly import nulls, patch, transforms
from gestalt.tasks.anomaly.config import Memory, Transforms
from gestalt.tasks.anomaly.scorer import Scorer

MODEL = Transforms(size=28, coarsest=18, finest=28, ratio=0.66, iterations=150, worst=1.0, held_out=0)
"""4 rotations, 2 levels, all patches."""

PAPER = dataclasses.replace(MODEL, transformations="grey", iterations=500, turns=3, lr=5e-4)
"""42 transformations, at the published number of iterations and turns."""

MEMORY = Memory(descriptors=("gradient@32",), augment="none")

VARIANTS: Mapping[str, Transforms] = {
    "model": MODEL,
    "no generator": dataclasses.replace(MODEL, fakes=0.0),
    "no transformations": dataclasses.replace(MODEL, transformations="none"),
    "moved": dataclasses.replace(MODEL, size=36, coarsest=22, finest=36),
    "published budget": PAPER,
}
COUNT = 500


def read(folder: Path) -> tuple[Tensor, Tensor]:
    """The pictures, (10000, 3, 28, 28) in [-1, 1], and what they show, (10000,)."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        count, height, width = struct.unpack(">4x3i", file.read(16))
        pixels = np.frombuffer(file.read(), np.uint8).reshape(count, 1, height, width)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.tensor(pixels).float().expand(-1, 3, -1, -1) / 127.5 - 1, torch.tensor(labels)


def moved(pictures: Tensor, canvas: int, seed: int) -> Tensor:
    """Every picture somewhere on a black canvas."""
    side = pictures.shape[3]
    places = torch.randint(0, canvas - side + 1, (len(pictures), 2), generator=seeded(seed)).tolist()
    whole = torch.full((len(pictures), 3, canvas, canvas), -1.0)
    for one, picture, (top, left) in zip(whole, pictures, places, strict=True):
        one[:, top : top + side, left : left + side] = picture
    return whole


def drawn(pictures: Tensor, labels: Tensor, digit: int, draw: int) -> tuple[Tensor, Tensor, Tensor]:
    """The good picture, and the normal and the others to judge, none of them twice."""
    order = torch.randperm(len(labels), generator=seeded(draw, 17))
    is_it = labels[order] == digit
    same, rest = pictures[order[is_it]], pictures[order[~is_it]]
    return same[:1], same[1 : COUNT + 1], rest[:COUNT]


def told(scorer: Scorer, normal: Tensor, others: Tensor) -> float:
    """Image AUROC."""
    scores = [scorer.judge(picture[None]).score for picture in torch.cat([normal, others])]
    return auroc(scores, [0] * len(normal) + [1] * len(others))


def trial(settings: Transforms, shot: Tensor, normal: Tensor, others: Tensor, seed: int) -> dict[str, float]:
    """The model and everything that stands beside it."""
    shots = [shot]
    return {
        "model": told(transforms.fit(shots, settings, seed=seed), normal, others),
        "patch memory": told(patch.fit(shots, MEMORY, seed=seed), normal, others),
        "neighbour": told(nulls.fit_patches(shots), normal, others),
        "pixels": told(nulls.fit_pixels(shots, shot.shape[3]), normal, others),
        "brightness": told(nulls.fit_brightness(shots), normal, others),
    }


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 6])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=[*VARIANTS][:4])
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    pictures, labels = read(asked.folder)
    rows: dict[tuple[str, int], list[dict[str, float]]] = {}
    for variant in asked.variants:
        given = moved(pictures, VARIANTS[variant].size, 23) if variant == "moved" else pictures
        for digit in asked.classes:
            for draw in range(asked.draws):
                found = trial(VARIANTS[variant], *drawn(given, labels, digit, draw), seed=draw)
                rows.setdefault((variant, digit), []).append(found)
                print(variant, digit, draw, {name: round(value, 3) for name, value in found.items()}, flush=True)
    names = list(next(iter(rows.values()))[0])
    print(f"| variant | digit | {' | '.join(names)} |\n|{'---|' * (len(names) + 2)}")
    for (variant, digit), found in rows.items():
        cells = [f"{statistics.mean(one[name] for one in found):.3f}" for name in names]
        spread = statistics.stdev(one["model"] for one in found) if len(found) > 1 else 0.0
        print(f"| {variant} | {digit} | {cells[0]} +- {spread:.3f} | {' | '.join(cells[1:])} |")


if __name__ == "__main__":
    main()
