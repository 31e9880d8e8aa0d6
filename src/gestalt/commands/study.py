"""`gestalt study ...`: whole experiments over one task or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.generate import check_training, read_input

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Input:
    """Train the VAE-GAN on X with several numbers of VAE levels, and draw the curve of quality against diversity."""

    x: Annotated[Path, tyro.conf.arg(metavar="X")]
    """A picture, a video, an animation, or a folder of frames."""


def vae_levels(job: Job) -> Run:
    """Read the input, then train with every number of VAE levels in a run."""
    from gestalt.studies import vae_levels
    from gestalt.tasks.generate.vaegan import working_size
    from gestalt.tasks.generate.windows import level_sizes

    clip, rate = read_input(job.inputs.x, job.settings)
    clip = working_size(clip, job.settings.model(1))
    check_training(job, clip, job.settings.model(1))
    there = len(level_sizes(clip.shape[3:], clip.shape[2] > 1, job.settings.model(1)))
    if max(job.settings.levels) > there:
        raise ValueError(
            f"--levels {' '.join(map(str, job.settings.levels))}: with --size {job.settings.size} and --coarsest "
            f"{job.settings.coarsest} this input has {there} levels, and more than all cannot belong to the VAE"
        )
    with job.start() as run:
        vae_levels.make(clip.to(run.plan.device), job.settings, rate=rate, seed=run.plan.seed, run=run)
    return run
