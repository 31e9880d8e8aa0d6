"""`gestalt analogy ...`: from a pair of pictures, the appearance of one in the arrangement of the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Make B's appearance in A's arrangement (a2b.png), and the reverse (b2a.png)."""

    a: Annotated[Path, tyro.conf.arg(metavar="A")]
    """First picture."""

    b: Annotated[Path, tyro.conf.arg(metavar="B")]
    """Second picture."""


def make(job: Job) -> Run:
    """Read the pair, then make both analogies in a run."""
    from gestalt.media import image
    from gestalt.tasks.analogy import patch

    a, b = image.read(job.inputs.a), image.read(job.inputs.b)
    patch.check(a, b, job.settings)
    with job.start(devices=("cpu", "cuda")) as run:
        patch.make(a.to(run.plan.device), b.to(run.plan.device), job.settings, seed=run.plan.seed, run=run)
    return run
