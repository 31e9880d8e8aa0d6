"""How well defects are found on real data sets: the tables of docs/results/anomaly.md.

    uv run python benchmarks/anomaly.py sets ../shared/data/inspect/* --shots 1 5 10 --draws 10 --keep FILE
    uv run python benchmarks/anomaly.py threshold ../shared/data/inspect/* --shots 5 --draws 10
    uv run python benchmarks/anomaly.py parts
    uv run python benchmarks/anomaly.py cost

`sets`: means over the draws, beside the nulls, and how much each scorer gains over the best null, with the 90 %
interval of the pictures. Trials in FILE, JSON lines, are not made again. Every second test picture served to develop
the descriptors (`first`); what is reported is of the others (`second`). `threshold`: false alarms of the threshold that
good pictures alone give, and recall, beside that of the threshold that sees the labels. `parts`: the memory's
choices one by one, on drawn parts. `cost`: seconds of processor time.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from gestalt.drawn.parts import DEFECTS, parts
from gestalt.media import image
from gestalt.metrics.detection import auroc, bootstrap, pro, recall_at
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import critics, dataset, evaluate, fused, nulls, patch, scorers, transforms
from gestalt.tasks.anomaly.calibrate import from_good
from gestalt.tasks.anomaly.config import Fused, Memory, Test, Transforms
from gestalt.tasks.anomaly.dataset import Category
from gestalt.tasks.anomaly.evaluate import Trial
from gestalt.tasks.anomaly.fused import FusedModel
from gestalt.tasks.anomaly.scorer import Scorer
from gestalt.tasks.anomaly.scorers import NULLS
from gestalt.tasks.anomaly.transforms import TransformModel

HALVES = {"first": slice(0, None, 2), "second": slice(1, None, 2), "all": slice(None)}


class Aloud(NullRun):
    """Prints what is said."""

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)


def categories(folders: list[Path], half: str) -> list[Category]:
    """All categories, with the asked part of their test pictures."""
    found = [category for folder in folders for category in dataset.categories(folder)]
    return [category._replace(test=category.test[HALVES[half]]) for category in found]


class Shared:
    """Fits critics once for `fused` and `transforms`, at less than the usual size and budget: 36 px, 60 iterations."""

    def __init__(self, features: str) -> None:
        self.settings = Fused(features=features, finest=36, iterations=60)
        self.last: tuple[int, int, FusedModel] | None = None

    def fused(self, shots: Sequence[Tensor], seed: int, run: NullRun) -> FusedModel:
        if self.last is None or self.last[:2] != (len(shots), seed):
            self.last = len(shots), seed, fused.fit(shots, self.settings, seed=seed, run=run)
        return self.last[2]

    def transforms(self, shots: Sequence[Tensor], seed: int, run: NullRun) -> Scorer:
        return self.fused(shots, seed, run).model


def sets(folders: list[Path], half: str, settings: Test, keep: Path) -> None:
    """A row for every scorer and number of shots on every data set, and what is gained over the best null."""
    kept = [json.loads(line) for line in keep.read_text().splitlines()] if keep.exists() else []
    every = categories(folders, half)
    for category in every:
        shared = Shared(settings.features)
        ours = {"fused": shared.fused, "transforms": shared.transforms}
        fits = {name: ours.get(name, fit) for name, fit in scorers.fits(settings, torch.device("cpu")).items()}
        for k, n, name in itertools.product(settings.shots, range(settings.draws), fits):
            place = [category.name, half, name, k, n, "" if name in NULLS else settings.features]
            if place in [one["place"] for one in kept]:
                continue
            (found,) = evaluate.trials(category, {name: fits[name]}, shots=[k], draws=1, seed=n, run=Aloud())
            kept.append({"place": place, "trial": found._replace(draw=n)._asdict()})
            with keep.open("a") as file:
                file.write(json.dumps(kept[-1]) + "\n")
    found = {
        category.name: [
            Trial(**one["trial"])
            for one in kept
            if one["place"][:2] == [category.name, half]
            and one["place"][2] in [*settings.scorers, *NULLS]
            and one["place"][3] in settings.shots
            and one["place"][5] == ("" if one["place"][2] in NULLS else settings.features)
        ]
        for category in every
    }
    names = ("data set", "scorer", "shots", "draws", "image AUROC", "AP", "F1-max", "pixel AUROC", "PRO", "by defect")
    print(f"| {' | '.join(names)} | fit s | judge s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for category in every:
        for row in evaluate.table(found[category.name], category.test):
            cells = [f"{row[key]:.3f} +- {row[f'{key}_std']:.3f}" for key in evaluate.MEASURES]
            kinds = ", ".join(
                f"{key.removeprefix('auroc_')} {value:.2f}" for key, value in row.items() if key.startswith("auroc_")
            )
            first = f"{category.name} | {row['scorer']} | {row['shots']} | {row['draws']}"
            print(f"| {first} | {' | '.join(cells)} | {kinds} | {row['fit_s']:.1f} | {row['judge_s']:.2f} |")
    gains(every, found, [name for name in settings.scorers if name not in NULLS], settings.shots)


def gains(every: list[Category], found: dict[str, list[Trial]], names: list[str], shots: Sequence[int]) -> None:
    """Image AUROC of each scorer less that of the null that is best on the data set, in points, same draws."""
    print("\n| shots | scorer | gain over the best null, mean of the sets, 90 % interval | by set |\n|---|---|---|---|")
    labels = [np.array([item.label for item in category.test]) for category in every]
    of_set = np.concatenate([np.full(len(some), n) for n, some in enumerate(labels)])
    for k, name in itertools.product(shots, names):
        pairs = []
        for category, some in zip(every, labels, strict=True):
            mine = scores_of(found[category.name], name, k)
            nulls = [scores_of(found[category.name], null, k, mine) for null in NULLS]
            pairs.append((mine, max(nulls, key=lambda null: mean_auroc(null, some)) if mine else {}))
        if not all(mine for mine, _ in pairs):
            continue

        def gained(drawn: NDArray[np.intp], pairs: Sequence[tuple[Scores, Scores]] = tuple(pairs)) -> list[float]:
            points, begin = [], 0
            for n, ((mine, null), some) in enumerate(zip(pairs, labels, strict=True)):
                at = drawn[of_set[drawn] == n] - begin
                points.append(100 * (mean_auroc(mine, some, at) - mean_auroc(null, some, at)))
                begin += len(some)
            return points

        whole = bootstrap(
            lambda drawn, gained=gained: float(np.mean(gained(drawn))), of_set * 2 + np.concatenate(labels)
        )
        by_set = zip(every, gained(np.arange(len(of_set))), strict=True)
        told = ", ".join(f"{category.name} {points:+.1f}" for category, points in by_set)
        print(f"| {k} | {name} | {whole.value:+.1f} [{whole.low:+.1f}, {whole.high:+.1f}] | {told} |")


Scores = dict[int, NDArray[np.float64]]
"""Of all test pictures, by draw."""


def scores_of(found: Sequence[Trial], name: str, shots: int, draws: Container[int] | None = None) -> Scores:
    """What a scorer said, in some draws or all."""
    mine = [one for one in found if (one.scorer, one.shots) == (name, shots)]
    return {one.draw: np.array(one.scores) for one in mine if draws is None or one.draw in draws}


def mean_auroc(scores: Scores, labels: NDArray[np.intp], at: NDArray[np.intp] | slice = slice(None)) -> float:
    """Over the draws, of some pictures."""
    return float(np.mean([auroc(one[at], labels[at]) for one in scores.values()]))


def threshold(folders: list[Path], half: str, settings: Test) -> None:
    """Pooled over the draws: false alarms, recall, and recall at the oracle's threshold of the same rate."""
    print("| data set | shots | asked | false alarms | recall | recall of the oracle |\n|---|---|---|---|---|---|")
    for category in categories(folders, half):
        labels = np.array([item.label for item in category.test])
        for shots in settings.shots:
            alarms, recalls, oracle = [], [], []
            for n in range(settings.draws):
                good = [image.read(path) for path in dataset.draw(category.train, shots, n)]
                memory = patch.fit(good, Memory(features=settings.features), seed=n)
                scores = np.array([memory.judge(image.read(item.path)).score for item in category.test])
                cut = from_good(memory.self_scores, 0.05, shots).value
                alarms.append((scores[labels == 0] > cut).mean())
                recalls.append((scores[labels == 1] > cut).mean())
                oracle.append(recall_at(scores, labels, 0.05))
            found = " | ".join(f"{np.mean(values):.3f}" for values in (alarms, recalls, oracle))
            print(f"| {category.name} | {shots} | 0.05 | {found} |", flush=True)


ABLATION = {
    "as it is": Memory(),
    **{f"{name} alone": Memory(descriptors=(name,)) for name in Memory.descriptors},
    **{f"{name} alone": Memory(descriptors=(name,)) for name in ("raw@96", "colour@96", "random@96", "pair@96")},
    **{f"copies: {name}": Memory(augment=name) for name in ("dihedral", "mirrored", "none")},
    "window 0.2": Memory(window=0.2),
    "window 0.2, no copies": Memory(window=0.2, augment="none"),
    "500 keys": Memory(keys=500),
    "8 components": Memory(dims=8),
    "relative": Memory(relative="yes"),
    "worst 0.005": Memory(worst=0.005),
    "worst 0.1": Memory(worst=0.1),
}


def ablation() -> None:
    """Image AUROC by defect, and PRO, of 5 good drawn parts of 192 px, two draws; 10 good and 6 of each to test."""
    given = parts(10, size=(192, 192), seed=50)
    test = given + [part for defect in DEFECTS for part in parts(6, size=(192, 192), seed=60, defect=defect)]
    masks = [part.mask[0, 0].numpy() > 0 for part in test]
    fits = {name: lambda shots, settings=settings: patch.fit(shots, settings) for name, settings in ABLATION.items()}
    fits |= {
        "null: neighbour": lambda shots: nulls.fit_patches(shots),
        "null: pixels": lambda shots: nulls.fit_pixels(shots, 32),
    }
    print(f"| memory | {' | '.join(DEFECTS)} | mean | PRO |\n|{'---|' * (len(DEFECTS) + 3)}")
    for name, fit in fits.items():
        rows = []
        for draw in range(2):
            scorer = fit([part.image for part in parts(5, size=(192, 192), seed=draw)])
            judged = [scorer.judge(part.image) for part in test]
            scores = [one.score for one in judged]
            kinds = [scores[10 + 6 * n : 16 + 6 * n] for n in range(len(DEFECTS))]
            found = [auroc(scores[:10] + kind, [0] * 10 + [1] * 6) for kind in kinds]
            rows.append([*found, sum(found) / len(found), pro([one.map[0, 0].numpy() for one in judged], masks)])
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in np.mean(rows, 0))} |", flush=True)


def cost(fit_critics: bool) -> None:
    """Processor seconds of one thread: to fit one picture of 128 px, and to judge pictures of 256 px."""
    shot = parts(1, size=(128, 128), seed=0)[0].image
    given = [part.image for part in parts(4, size=(256, 256), seed=1)]
    patch.fit([shot], Memory())  # what is loaded at first use
    began = time.process_time()
    memory = patch.fit([shot], Memory())
    fitted = time.process_time()
    for picture in given:
        memory.judge(picture)
    each = (time.process_time() - fitted) / len(given)
    print(f"memory: fit {fitted - began:.2f} s, judge {each:.3f} s a picture", flush=True)
    settings = Transforms() if fit_critics else Transforms(iterations=1, held_out=0)
    began = time.process_time()
    model = transforms.fit([shot], settings)
    if fit_critics:
        print(f"critics, `fast`: fit {time.process_time() - began:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "critics.safetensors"
        save_file(model.tensors(), path)
        seconds = {"ours": [], "published form": []}
        for picture in given * 3:
            for name in seconds:
                began = time.process_time()
                if name == "ours":
                    model.judge(picture)
                else:
                    as_published(picture, path, model)
                seconds[name].append(time.process_time() - began)
    ours, published = (float(np.median(values)) for values in seconds.values())
    print(f"critics: judge {ours:.3f} s, published form {published:.3f} s, {published / ours:.1f} times as long")


def as_published(picture: Tensor, path: Path, model: TransformModel) -> float:
    """A score by the same critics the way the published code goes about it; the same multiplications in its networks.

    For every picture the weights are read anew, the picture is made smaller for every level in NumPy, in 8 bits, and
    transformations pass one by one.
    """
    loaded, score = transforms.load(load_file(path), model.settings), 0.0
    pixels = ((picture[0].numpy() + 1) * 127.5).round()
    for side, critic in zip(loaded.sides, loaded.critics, strict=True):
        rows, columns = (cubic_weights(length, side) for length in pixels.shape[1:])
        small = np.clip(rows @ pixels @ columns.T, 0, 255).round()
        level = torch.from_numpy(small / 127.5 - 1).float()[None]
        with torch.no_grad():
            found = [critics.likelihood(critic(one.apply(level)), m) for m, one in enumerate(loaded.transformations)]
        worst = [float(one.flatten().sort().values[: one.numel() // 10].mean()) for one in found]
        score += sum(worst) / len(loaded.sides)
    return score


def cubic_weights(length: int, side: int) -> NDArray[np.float64]:
    """(side, length), rows of a cubic kernel widened by the factor of reduction."""
    factor = max(1.0, length / side)
    at = (np.arange(side)[:, None] + 0.5) * length / side - 0.5
    x = np.abs(at - np.arange(length)) / factor
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(1, keepdims=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sets", "threshold", "parts", "cost"])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--half", choices=list(HALVES), default="second")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--scorers", nargs="+", default=["patch"])
    parser.add_argument("--features", default="")
    parser.add_argument("--keep", type=Path, default=Path("trials.jsonl"))
    parser.add_argument("--quick", action="store_true", help="cost: do not fit critics at their full budget")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    settings = Test(scorers=tuple(asked.scorers), shots=tuple(asked.shots), draws=asked.draws, features=asked.features)
    if asked.what == "cost":
        cost(fit_critics=not asked.quick)
    elif asked.what == "parts":
        ablation()
    elif asked.what == "sets":
        sets(asked.folders, asked.half, settings, asked.keep)
    else:
        threshold(asked.folders, asked.half, settings)


if __name__ == "__main__":
    main()
