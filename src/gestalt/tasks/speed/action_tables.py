"""How well actions are named: measures, and a table of classes, of confusions and of videos."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from gestalt.run.service import NullRun
from gestalt.tasks.speed.actions import Actions

MOST = 5
"""Classes of which one must be right for top-5."""


def keep(found: Actions, probabilities: Tensor, nearest: Tensor, run: NullRun) -> dict[str, float]:
    """Keep classes.csv, confusion.csv and predictions.csv.

    Args:
        found: what was trained and tested with.
        probabilities: (N, K) of the tested videos.
        nearest: (N,) class of the training video of the most alike colours.
        run: keeps the tables.

    Returns:
        The parts of the tested videos that are right: top1, top5, colours, largest, chance; and how many videos and
        classes there are.
    """
    count = len(found.classes)
    truth = torch.tensor([one.label for one in found.test])
    trained = torch.tensor([one.label for one in found.train]).bincount(minlength=count)
    ranked = torch.argsort(probabilities, dim=1, descending=True, stable=True)
    first = ranked[:, 0]
    confusion = (truth * count + first).bincount(minlength=count**2).view(count, count)
    tested = confusion.sum(1)
    right = (first == truth).float()

    rows: list[list[Any]] = []
    for n, name in enumerate(found.classes):
        accuracy = round(float(confusion[n, n] / tested[n]), 6) if tested[n] else ""
        rows.append([name, int(trained[n]), int(tested[n]), accuracy])
    _table("classes.csv", "how often each class is named right", ["class", "train", "test", "accuracy"], rows, run)
    lines = ([name, *line] for name, line in zip(found.classes, confusion.tolist(), strict=True))
    _table("confusion.csv", "videos of each class, by what they were called", ["class", *found.classes], lines, run)
    said = (
        [str(one.path), found.classes[one.label], found.classes[best], round(float(probabilities[n, best]), 6)]
        for n, (one, best) in enumerate(zip(found.test, first.tolist(), strict=True))
    )
    _table("predictions.csv", "what each video was called", ["path", "class", "predicted", "probability"], said, run)
    return {
        "top1": float(right.mean()),
        "top5": float((ranked[:, :MOST] == truth[:, None]).any(1).float().mean()),
        "colours": float((nearest == truth).float().mean()),
        "largest": float((truth == trained.argmax()).float().mean()),
        "chance": 1 / count,
        "classes": count,
        "train": len(found.train),
        "test": len(found.test),
    }


def _table(name: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], run: NullRun) -> None:
    with run.file(name, caption, kind="table") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
