"""What `speed train` does: learn from videos or drawn motion, and say how well what was not learned from is told apart.

What is tested is set aside before training: of videos some whole files, of drawn motion scenes that were not drawn for
training and, if asked for, whole families of motion. Beside the network stands what needs none: how much changes from
frame to frame, with the threshold that is best for what was learned from.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gestalt.drawn.motion import FAMILIES, KINDS, ceiling
from gestalt.run.service import NullRun
from gestalt.tasks.speed import model, training
from gestalt.tasks.speed.clips import Drawn, Filmed, Source
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.nulls import amounts, best_threshold
from gestalt.tasks.speed.speednet import SpeedNet

Videos = Sequence[tuple[Path, float]]


class Group(NamedTuple):
    """Pairs of one kind, or of some videos, that are tested together.

    name: of what they show.
    source: of its pairs.
    seen: whether more of its kind were learned from.
    """

    name: str
    source: Source
    seen: bool


def check(found: Videos, refused: Sequence[str]) -> None:
    """What can be known before training.

    Raises:
        ValueError: no video is of use.
    """
    if not found:
        raise ValueError(refused[0] if len(refused) == 1 else f"none of {len(refused)} videos is of use: {refused[0]}")


def make(found: Videos, settings: Train, *, seed: int, device: torch.device, run: NullRun = NullRun()) -> SpeedNet:
    """Train and test; what is kept is weights/speednet.safetensors and outputs/tested.csv.

    Args:
        found: videos and how long they last; none for drawn motion.
        settings: of training.
        seed: of all chance.
        device: that computes.
        run: keeps the results.
    """
    source, groups = filmed(found, settings, seed=seed, run=run) if found else drawn(settings, seed=seed)
    begin = model.wanted(settings.begin_from, device).net if settings.begin_from else None
    net = training.fit(source, settings, seed=seed, device=device, begin=begin, run=run)
    run.save("speednet", net.state_dict())
    if settings.test and groups:
        keep_tests(net, source, groups, settings, run=run)
    return net


def drawn(settings: Train, *, seed: int) -> tuple[Source, list[Group]]:
    """Pairs of drawn motion to learn from, and the kinds of motion to test."""
    held_out = {kind for family in settings.held_out for kind in FAMILIES[family]}
    kinds = [kind for kind in KINDS if kind not in held_out]
    source = Drawn(kinds, seed=seed, spread=settings.spread, far=settings.far)
    return source, [Group(kind, source.of(kind), kind not in held_out) for kind in KINDS]


def filmed(found: Videos, settings: Train, *, seed: int, run: NullRun) -> tuple[Source, list[Group]]:
    """Pairs of some videos to learn from, and the videos set aside."""
    order = np.random.default_rng((seed, 19)).permutation(len(found))
    count = min(round(settings.aside * len(found)), len(found) - 1) if settings.test else 0
    aside, kept = ([found[n] for n in sorted(some)] for some in (order[:count], order[count:]))
    run.say(f"{len(kept)} videos to learn from" + (f", {len(aside)} set aside to be tested" if aside else ""))
    groups = [Group("learned from", Filmed(kept, seed=seed), True)]
    if aside:
        groups.append(Group("set aside", Filmed(aside, seed=seed), False))
    return Filmed(kept, seed=seed, far=settings.far), groups


def keep_tests(net: SpeedNet, source: Source, groups: Sequence[Group], settings: Train, *, run: NullRun) -> None:
    """How well the classes of every group are told apart, as a table and, on average, as measures."""
    how = {"count": settings.test, "frames": settings.frames, "side": settings.most}
    threshold = best_threshold(np.concatenate([amounts(group.source, **how) for group in groups if group.seen]))
    rows: list[tuple[str, bool, float, float, float]] = []
    for group in groups:
        told = training.told_apart(net, group.source, **how)
        moved = amounts(group.source, **how)
        by_change = float(((moved[:, 0] < threshold).mean() + (moved[:, 1] >= threshold).mean()) / 2)
        rows.append((group.name, group.seen, told.accuracy, told.ranked, by_change))
    with (
        run.file(
            "tested.csv", "clips told apart, pairs ranked right, and what the amount of change says", kind="table"
        ) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("motion", "learned from", "accuracy", "ranked right", "accuracy by change"))
        for name, seen, *values in rows:
            table.writerow((name, "yes" if seen else "no", *(f"{value:.4f}" for value in values)))
    for seen, prefix in ((True, "seen"), (False, "held_out")):
        some = np.array([row[2:] for row in rows if row[1] == seen])
        if len(some):
            accuracy, ranked, by_change = some.mean(0)
            run.measure(
                **{f"{prefix}_accuracy": accuracy, f"{prefix}_ranked": ranked, f"{prefix}_by_change": by_change}
            )
    if isinstance(source, Drawn):
        run.measure(ceiling=ceiling(source.spread))
