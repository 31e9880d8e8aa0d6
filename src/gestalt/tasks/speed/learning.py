"""What `speed train` does: learn from videos or drawn motion, and say how well what was not learned from is told apart.

What is tested is set aside before training: of videos some whole files, of drawn motion scenes that were not drawn for
training and, if asked for, whole families of motion. Beside the network stands what needs none: how much changes from
frame to frame, with the threshold that is best for what was learned from.
"""

import csv
import dataclasses
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
from gestalt.tasks.speed.nulls import amounts, best_threshold, ranked_right, told_right
from gestalt.tasks.speed.shelf import Shelf
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


class Row(NamedTuple):
    """What came of testing a group.

    name, seen: as of the group.
    accuracy: of the network, with 0 as the threshold.
    ranked: part of the pairs that the network ranks right.
    by_change: accuracy of the amount of change, with the threshold that is best for what was learned from.
    ranked_by_change: part of the pairs whose sped-up clip changes more.
    """

    name: str
    seen: bool
    accuracy: float
    ranked: float
    by_change: float
    ranked_by_change: float


MEASURES = Row._fields[2:]
"""Of a row, those that are measured."""


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
    source = Filmed(Shelf(kept, settings.most), seed=seed)
    groups = [Group("learned from", source, True)]
    if aside:
        groups.append(Group("set aside", Filmed(Shelf(aside, settings.most), seed=seed), False))
    return dataclasses.replace(source, far=settings.far), groups


def examine(net: SpeedNet, groups: Sequence[Group], settings: Train, *, spread: float | None = None) -> list[Row]:
    """How well the classes of every group are told apart, by a network and by the amount of change.

    Args:
        net: ready to judge.
        groups: one at least is of what was learned from.
        settings: of training; the number of pairs, and the length and size of their clips, count here.
        spread: of drawn motion, if another one than was learned from.
    """
    if spread is not None:
        groups = [
            group._replace(source=dataclasses.replace(group.source, spread=spread))
            for group in groups
            if isinstance(group.source, Drawn)
        ]
    how = {"count": settings.test, "frames": settings.frames, "side": settings.most}
    moved = [amounts(group.source, **how) for group in groups]
    threshold = best_threshold(np.concatenate([some for some, group in zip(moved, groups, strict=True) if group.seen]))
    rows = []
    for some, group in zip(moved, groups, strict=True):
        said = training.told_apart(net, group.source, **how)
        by_change = told_right(some, threshold), ranked_right(some)
        rows.append(Row(group.name, group.seen, said.accuracy, said.ranked, *by_change))
    return rows


def on_average(rows: Sequence[Row], *, seen: bool) -> dict[str, float]:
    """The mean measures of the groups that were learned from, or of those that were not; empty if there is none."""
    some = [row[2:] for row in rows if row.seen == seen]
    return dict(zip(MEASURES, map(float, np.mean(some, 0)), strict=True)) if some else {}


def keep_tests(net: SpeedNet, source: Source, groups: Sequence[Group], settings: Train, *, run: NullRun) -> None:
    """How well the classes of every group are told apart, as a table and, on average, as measures."""
    rows = examine(net, groups, settings)
    with (
        run.file(
            "tested.csv", "clips told apart, pairs ranked right, and what the amount of change says", kind="table"
        ) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("motion", "learned from", "accuracy", "ranked right", "accuracy by change", "ranked by change"))
        for name, seen, *values in rows:
            table.writerow((name, "yes" if seen else "no", *(f"{value:.4f}" for value in values)))
    for seen, prefix in ((True, "seen"), (False, "held_out")):
        run.measure(**{f"{prefix}_{name}": value for name, value in on_average(rows, seen=seen).items()})
    if isinstance(source, Drawn):
        run.measure(ceiling=ceiling(source.spread))
