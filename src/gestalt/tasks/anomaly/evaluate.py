"""How well defects are found: every scorer on the same draws of good pictures and the same pictures to test.

A trial is one scorer, fitted to one draw. Draws are nested: that of one shot is the first picture of that of five.
Measures of a trial are those of `metrics.detection`; the table has their means and deviations over the draws, and for
every kind of defect the AUROC of its pictures against the good ones.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media import image
from gestalt.metrics.detection import auroc, average_precision, f1_max, pixel_auroc, pro
from gestalt.run.service import NullRun, Under
from gestalt.tasks.anomaly.dataset import GOOD, Category, Item, draw, read_mask
from gestalt.tasks.anomaly.scorer import Scorer

MEASURES = ("image_auroc", "average_precision", "f1_max", "pixel_auroc", "pro")

Fit = Callable[[Sequence[Tensor], int, NullRun], Scorer]
"""Fits a scorer to good pictures, (1, 3, H, W) in [-1, 1] each, with a seed."""


class Trial(NamedTuple):
    """One scorer on one draw.

    scores: of every item, in their order.
    measures: by name.
    seconds: to fit, and to judge one picture.
    """

    scorer: str
    shots: int
    draw: int
    scores: tuple[float, ...]
    measures: Mapping[str, float]
    seconds: tuple[float, float]


def trials(
    category: Category,
    scorers: Mapping[str, Fit],
    *,
    shots: Sequence[int],
    draws: int,
    seed: int = 0,
    run: NullRun = NullRun(),
) -> list[Trial]:
    """Try every scorer on every draw.

    Args:
        category: whose good pictures are drawn from, and whose test pictures are judged.
        scorers: how each is fitted, by name.
        shots: how many good pictures.
        draws: of each number of shots.
        seed: of the draws and of all chance.
        run: takes a step per trial, so that a stopped one goes on there.

    Raises:
        ValueError: there are not so many good pictures, or nothing to test; or a picture cannot be read.
    """
    if not category.test:
        raise ValueError(f"{category.name} has nothing to test: expected pictures in test/good and test/<defect>")
    wanted = [(name, k, n) for k in shots for name in scorers for n in range(draws)]
    state: dict[str, Any] = {"done": []}
    masks: list[NDArray[np.bool_] | None] = []
    for step in run.steps(category.name, len(wanted), state):
        name, k, n = wanted[step]
        good = [image.read(path) for path in draw(category.train, k, seed + n)]
        part = Under(run, f"{category.name}, {name}, {k} shots, draw {n}")
        began = time.monotonic()
        scorer = scorers[name](good, seed + n, part)
        fitted = time.monotonic()
        scores, maps = [], []
        for item in category.test:
            judged = scorer.judge(image.read(item.path))
            scores.append(judged.score)
            maps.append(judged.map[0, 0].cpu().numpy())
        seconds = (fitted - began, (time.monotonic() - fitted) / len(category.test))
        masks = masks or masks_of(category.test, [map_.shape for map_ in maps])
        measured = measure(scores, category.test, maps, masks)
        state["done"].append([name, k, n, scores, measured, list(seconds)])
        part.say(" ".join(f"{key} {value:.3f}" for key, value in measured.items()))
    return [
        Trial(name, k, n, tuple(scores), measured, (seconds[0], seconds[1]))
        for name, k, n, scores, measured, seconds in state["done"]
    ]


def masks_of(items: Sequence[Item], sizes: Sequence[tuple[int, ...]]) -> list[NDArray[np.bool_] | None]:
    """Where each picture is defective; None of good pictures and of what nobody drew."""
    return [
        None if item.mask is None else read_mask(item.mask, (size[0], size[1]))
        for item, size in zip(items, sizes, strict=True)
    ]


def measure(
    scores: Sequence[float],
    items: Sequence[Item],
    maps: Sequence[NDArray[np.float32]],
    masks: Sequence[NDArray[np.bool_] | None],
) -> dict[str, float]:
    """All measures of a trial; those of maps over good pictures and those whose defect somebody drew."""
    labels = [item.label for item in items]
    known = [n for n, item in enumerate(items) if item.label == 0 or masks[n] is not None]
    of_maps = [maps[n] for n in known], [masks[n] for n in known]
    return {
        "image_auroc": auroc(scores, labels),
        "average_precision": average_precision(scores, labels),
        "f1_max": f1_max(scores, labels).f1,
        "pixel_auroc": pixel_auroc(*of_maps),
        "pro": pro(*of_maps),
    }


def by_defect(trial: Trial, items: Sequence[Item]) -> dict[str, float]:
    """Of every kind of defect the AUROC against the good pictures."""
    kinds = dict.fromkeys(item.defect for item in items if item.defect != GOOD)
    found = {}
    for kind in kinds:
        some = [n for n, item in enumerate(items) if item.defect in (GOOD, kind)]
        found[kind] = auroc([trial.scores[n] for n in some], [items[n].label for n in some])
    return found


def table(found: Sequence[Trial], items: Sequence[Item]) -> list[dict[str, Any]]:
    """A row for every scorer and number of shots: means over the draws, deviations, and AUROC by kind of defect."""
    rows = []
    for scorer, shots in dict.fromkeys((trial.scorer, trial.shots) for trial in found):
        mine = [trial for trial in found if (trial.scorer, trial.shots) == (scorer, shots)]
        row: dict[str, Any] = {"scorer": scorer, "shots": shots, "draws": len(mine)}
        for key in MEASURES:
            values = [trial.measures[key] for trial in mine]
            row[key] = statistics.mean(values)
            row[f"{key}_std"] = statistics.stdev(values) if len(values) > 1 else 0.0
        kinds = [by_defect(trial, items) for trial in mine]
        row |= {f"auroc_{kind}": statistics.mean(found[kind] for found in kinds) for kind in kinds[0]}
        row["fit_s"] = statistics.mean(trial.seconds[0] for trial in mine)
        row["judge_s"] = statistics.mean(trial.seconds[1] for trial in mine)
        rows.append(row)
    return rows
