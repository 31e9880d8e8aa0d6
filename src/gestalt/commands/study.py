"""`gestalt study ...`: whole experiments over one task or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gestalt.commands.generate import Input, check_training, read_input

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run

__all__ = ["Input", "vae_levels"]


def vae_levels(job: Job) -> Run:
    """Read the input, then train with every number of VAE levels in a run."""
    from gestalt.studies import vae_levels
    from gestalt.tasks.generate.vaegan import working_size

    clip, rate = read_input(job.inputs.x, job.settings)
    clip = working_size(clip, job.settings.model(1))
    check_training(job, clip, job.settings.model(1))
    with job.start() as run:
        vae_levels.make(clip.to(run.plan.device), job.settings, rate=rate, seed=run.plan.seed, run=run)
    return run
