"""`gestalt anomaly ...`: defects, found and shown, from one to ten good pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import ANOMALIES, SKIPPED
from gestalt.commands.inputs import named

if TYPE_CHECKING:
    from torch import Tensor

    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Good:
    """Learn from good pictures alone what is good, and from where on a picture is called anomalous."""

    good: Annotated[Path, tyro.conf.arg(metavar="GOOD")]
    """A folder of good pictures, or a data set with them in train/good; one to ten are enough."""

    defects: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(optional)")] = None
    """Pictures with defects, if there are some: nothing is learned from them but where good ends best."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Say of pictures whether they are anomalous, and show where."""

    run: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of a run of anomaly fit."""

    pictures: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint="(required)")]
    """Pictures, or folders that are searched for them."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Measure on a data set how well defects are found, beside what needs no method at all."""

    dataset: Annotated[Path, tyro.conf.arg(metavar="DATASET")]
    """In the MVTec layout: train/good, test/good, test/<defect>, ground_truth/<defect>, here or in every folder."""


def fit(job: Job) -> Run:
    """Read the good pictures, then learn them in a run."""
    from gestalt.tasks.anomaly import dataset, model, patch

    paths = dataset.good(job.inputs.good)
    wanted = job.settings.shots or len(paths)
    if wanted > len(paths):
        raise ValueError(f"--shots {wanted} is more than the {len(paths)} good pictures in {job.inputs.good}")
    memory = job.settings.memory if job.options.engine == "fused" else job.settings
    if job.options.engine != "transforms" and memory.features:
        patch.describers(memory, ())  # refuses a network that is not there before there is a run
    drawn = dataset.draw(paths, wanted, job.options.seed) if wanted < len(paths) else paths
    shots, skipped = read_all(drawn)
    if not shots:
        raise ValueError(f"none of the {len(drawn)} pictures in {job.inputs.good} can be read: {skipped[0]}")
    defective: list[Tensor] = []
    if job.inputs.defects:
        defective, unreadable = read_all(dataset.good(job.inputs.defects))
        skipped += unreadable
        if not defective:
            raise ValueError(f"none of the pictures in {job.inputs.defects} can be read: {unreadable[0]}")
    model.check(shots, job.settings, defective)
    with job.start() as run:
        for reason in skipped:
            run.say(f"left out: {reason}")
        device, seed = run.plan.device, run.plan.seed
        good, bad = ([picture.to(device) for picture in some] for some in (shots, defective))
        model.fit(good, job.settings, defective=bad, seed=seed, run=run)
        run.measure(skipped=len(skipped))
    run.exit_code = SKIPPED if skipped else 0
    return run


def read_all(paths: list[Path]) -> tuple[list[Tensor], list[str]]:
    """The pictures that can be read, and a sentence on each of the others."""
    from gestalt.media import image

    shots, skipped = [], []
    for path in paths:
        try:
            shots.append(image.read(path))
        except ValueError as error:
            skipped.append(str(error))
    return shots, skipped


def score(job: Job) -> Run:
    """Load the model, then judge every picture in a run."""
    from gestalt.tasks.anomaly import model, outcome

    paths = named(job.inputs.pictures)
    model.load(job.inputs.run, "cpu")  # refuses what is no model before there is a run
    with job.start() as run:
        told = outcome.keep(paths, model.load(job.inputs.run, run.plan.device), job.settings, run=run)
        if len(told.skipped) == len(paths):
            raise ValueError(f"none of the {len(paths)} pictures can be read: {told.skipped[0][1]}")
    run.exit_code = SKIPPED if told.skipped else 0
    if told.anomalous and job.settings.fail_on_anomaly:
        run.exit_code = ANOMALIES
    return run


def test(job: Job) -> Run:
    """Try every scorer on every draw of every category in a run."""
    import torch

    from gestalt.tasks.anomaly import dataset, patch, report
    from gestalt.tasks.anomaly.config import Memory

    found = dataset.categories(job.inputs.dataset)
    for category in found:
        if not category.test:
            raise ValueError(f"{category.name} has nothing to test: expected pictures in test/good and test/<defect>")
    if job.settings.features:
        patch.describers(Memory(features=job.settings.features), ())  # refuses what is not there before there is a run
    with job.start() as run:
        report.make(found, job.settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
    return run
