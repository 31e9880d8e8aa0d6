"""`gestalt speed retrieve` and `gestalt speed finetune`: what the network of speed knows of motion, put to use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import SKIPPED
from gestalt.commands.speed import searched

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Learn to name actions, beginning with the network of speed, and say how well it is done."""

    dataset: Annotated[Path, tyro.conf.arg(metavar="DATASET")]
    """Videos in class folders with the lists of UCF101 or HMDB51, which say what to train and to test with."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """Find what moves like a video, or later in it what moves like a part of it."""

    query: Annotated[Path, tyro.conf.arg(metavar="QUERY")]
    """A video, or with CORPUS a folder of them."""

    corpus: Annotated[
        tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[CORPUS]", help_behavior_hint="(optional)")
    ] = None
    """A folder of videos to search, but for those of earlier runs; without one, QUERY is searched after the part that
    is asked about."""


def finetune(job: Job) -> Run:
    """Read the lists, then train and test in a run."""
    import torch

    from gestalt.ops.chance import seeded
    from gestalt.tasks.speed import actions, finetune
    from gestalt.tasks.speed.embedding import starting_weights

    found = actions.read(job.inputs.dataset, job.settings.split)
    # Before there is a run: what is not there is refused.
    net = starting_weights(job.settings.begin_from, job.settings.trunk, seeded(job.options.seed))
    with job.start() as run:
        finetune.make(found, net, job.settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
    return run


def retrieve(job: Job) -> Run:
    """List the videos, then look at all of them in a run."""
    from gestalt.ops.chance import seeded
    from gestalt.tasks.speed import retrieval
    from gestalt.tasks.speed.embedding import starting_weights

    if job.inputs.corpus is None and job.inputs.query.is_dir():
        raise ValueError(f"{job.inputs.query} is a folder: name one video, or a folder to search as CORPUS beside it")
    given = (job.inputs.query, job.inputs.corpus)
    queries, corpus = ([] if one is None else retrieval.items(one, searched((one,))) for one in given)
    retrieval.check(queries, job.settings, within_it=job.inputs.corpus is None)
    net = starting_weights(job.settings.begin_from, job.settings.trunk, seeded(job.options.seed))
    with job.start() as run:
        skipped = retrieval.make(queries, corpus, net.eval().to(run.plan.device), job.settings, run=run)
    run.exit_code = SKIPPED if skipped else 0
    return run
