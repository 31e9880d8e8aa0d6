"""`gestalt demo`: every task on drawn samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Try every task on pictures that the program draws itself; report.html in the run folder shows the results."""


def make(job: Job) -> Run:
    """Run the demo."""
    from gestalt.studies import demo

    with job.start(devices=("cpu",)) as run:
        demo.make(job.settings, seed=run.plan.seed, run=run)
    return run
