"""What measuring scorers leaves: a table, measures, and a sheet of the pictures that were judged worst."""

import csv
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import evaluate, scorers
from gestalt.tasks.anomaly.config import Test
from gestalt.tasks.anomaly.dataset import Category
from gestalt.tasks.anomaly.evaluate import MEASURES, Trial

MISSES = 10
"""Pictures on the sheet of misses."""


def make(
    categories: Sequence[Category], settings: Test, *, seed: int = 0, device: torch.device, run: NullRun = NullRun()
) -> list[dict[str, Any]]:
    """Measure every scorer on every category, beside the nulls.

    Args:
        categories: of a data set, each with something to test.
        settings: which scorers, shots and draws.
        seed: of the draws and of all chance.
        device: that computes.
        run: keeps table.csv, scores.csv, a sheet of misses for each category, and the measures.

    Returns:
        The table: a row for each category, scorer and number of shots.
    """
    rows: list[dict[str, Any]] = []
    kept: dict[str, list[Trial]] = {}
    for category in categories:
        shots = list(dict.fromkeys(min(k, len(category.train)) for k in settings.shots))
        fits = scorers.fits(settings, device)
        found = evaluate.trials(category, fits, shots=shots, draws=settings.draws, seed=seed, run=run)
        kept[category.name] = found
        mine = [{"category": category.name, **row} for row in evaluate.table(found, category.test)]
        rows += mine
        for row in mine:
            key = f"{row['category']}_{row['scorer']}_{row['shots']}"
            run.measure(**{f"{key}_{name}": row[name] for name in MEASURES})
        first = next(name for name in fits)
        run.image(
            f"misses_{category.name}.png",
            misses(category, [trial for trial in found if (trial.scorer, trial.shots) == (first, shots[-1])]),
            f"{category.name}: what {first} judged worst with {shots[-1]} good pictures",
            kind="sheet",
        )
    keep_table(rows, run)
    keep_scores(categories, kept, run)
    return rows


def keep_table(rows: Sequence[dict[str, Any]], run: NullRun) -> None:
    """Keep table.csv: means over the draws, then deviations, then AUROC by kind of defect."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    order = [name for name in columns if not name.endswith("_std") and not name.startswith("auroc_")]
    order += [name for name in columns if name not in order]
    with (
        run.file("table.csv", "every scorer, means over the draws; nulls last", kind="table") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=order, restval="")
        writer.writeheader()
        writer.writerows({key: _blank(value) for key, value in row.items()} for row in rows)


def keep_scores(categories: Sequence[Category], kept: dict[str, list[Trial]], run: NullRun) -> None:
    """Keep trials.csv: the score of every picture in every trial."""
    with (
        run.file("trials.csv", "the score of every picture, by every scorer and draw") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["category", "scorer", "shots", "draw", "path", "gt_label", "defect", "pred_score"])
        for category in categories:
            for trial in kept[category.name]:
                place = [category.name, trial.scorer, trial.shots, trial.draw]
                for item, score in zip(category.test, trial.scores, strict=True):
                    writer.writerow([*place, str(item.path), item.label, item.defect, score])


def misses(category: Category, found: Sequence[Trial]) -> Tensor:
    """The pictures furthest on the wrong side of the others, by their mean rank over the draws, (1, 3, h, w).

    A defective picture is the worse missed the more good ones score above it, and a good one the more defective ones
    score below it.
    """
    labels = np.array([item.label for item in category.test])
    wrong = np.zeros(len(labels))
    for trial in found:
        scores = np.array(trial.scores)
        for n, (score, label) in enumerate(zip(scores, labels, strict=True)):
            others = scores[labels != label]
            wrong[n] += ((others >= score) if label else (others <= score)).mean() / len(found) if len(others) else 0
    worst = np.argsort(-wrong, kind="stable")[:MISSES]
    cells, captions = [[], []], [[], []]
    for place, n in enumerate(worst):
        item = category.test[int(n)]
        cells[place % 2].append(image.read(item.path))
        captions[place % 2].append(f"wrong side of {wrong[n]:.0%}: {item.defect}, {item.path.name}")
    rows = [row for row in cells if row]
    return contact_sheet(rows, captions=captions[: len(rows)], cell=180)


def _blank(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value
