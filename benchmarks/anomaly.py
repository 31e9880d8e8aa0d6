"""How well defects are found on real data sets: the tables of docs/results/anomaly.md.

    uv run python benchmarks/anomaly.py sets ../shared/data/inspect/* --half second --shots 5 --draws 3
    uv run python benchmarks/anomaly.py threshold ../shared/data/inspect/* --shots 5 --draws 10
    uv run python benchmarks/anomaly.py cost

`sets`: means over the draws, beside the nulls. Every second test picture served to develop the descriptors (`first`);
what is reported is of the others (`second`). `threshold`: false alarms of the threshold that good pictures alone give,
and recall, beside that of the threshold that sees the labels. `cost`: seconds of processor time of the memory.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from gestalt.drawn.parts import parts
from gestalt.media import image
from gestalt.metrics.detection import recall_at
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import dataset, evaluate, patch, scorers
from gestalt.tasks.anomaly.calibrate import from_good
from gestalt.tasks.anomaly.config import Memory, Test
from gestalt.tasks.anomaly.dataset import Category

HALVES = {"first": slice(0, None, 2), "second": slice(1, None, 2), "all": slice(None)}


class Aloud(NullRun):
    """Prints what is said."""

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)


def categories(folders: list[Path], half: str) -> list[Category]:
    """All categories, with the asked part of their test pictures."""
    found = [category for folder in folders for category in dataset.categories(folder)]
    return [category._replace(test=category.test[HALVES[half]]) for category in found]


def sets(folders: list[Path], half: str, settings: Test) -> None:
    """A row for every scorer and number of shots on every data set."""
    tables = []
    for category in categories(folders, half):
        fits = scorers.fits(settings, torch.device("cpu"))
        found = evaluate.trials(category, fits, shots=settings.shots, draws=settings.draws, run=Aloud())
        tables.append((category, evaluate.table(found, category.test)))
    print("| data set | scorer | shots | image AUROC | AP | F1-max | pixel AUROC | PRO | by defect | fit s | judge s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for category, rows in tables:
        for row in rows:
            cells = [f"{row[key]:.3f} +- {row[f'{key}_std']:.3f}" for key in evaluate.MEASURES]
            kinds = ", ".join(
                f"{key.removeprefix('auroc_')} {value:.2f}" for key, value in row.items() if key.startswith("auroc_")
            )
            times = f"{row['fit_s']:.1f} | {row['judge_s']:.2f}"
            print(f"| {category.name} | {row['scorer']} | {row['shots']} | {' | '.join(cells)} | {kinds} | {times} |")


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


def cost() -> None:
    """Processor seconds of one thread: to fit one picture of 128 px, and to judge pictures of 256 px."""
    shot = parts(1, size=(128, 128), seed=0)[0].image
    given = [part.image for part in parts(4, size=(256, 256), seed=1)]
    patch.fit([shot], Memory())  # what is loaded at first use
    began = time.process_time()
    memory = patch.fit([shot], Memory())
    fitted = time.process_time()
    for picture in given:
        memory.judge(picture)
    print(f"fit {fitted - began:.2f} s, judge {(time.process_time() - fitted) / len(given):.3f} s a picture")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sets", "threshold", "cost"])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--half", choices=list(HALVES), default="second")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--scorers", nargs="+", default=["patch"])
    parser.add_argument("--features", default="")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    settings = Test(scorers=tuple(asked.scorers), shots=tuple(asked.shots), draws=asked.draws, features=asked.features)
    if asked.what == "cost":
        cost()
    else:
        {"sets": sets, "threshold": threshold}[asked.what](asked.folders, asked.half, settings)


if __name__ == "__main__":
    main()
