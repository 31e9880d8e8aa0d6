"""`gestalt speed ...`: how fast videos look, and making them faster so that they stay natural."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import SKIPPED

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run


@dataclass(frozen=True, kw_only=True)
class Videos:
    """Learn from videos at their own speed to tell normal from sped-up; without any, from drawn motion."""

    videos: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="[VIDEOS ...]", help_behavior_hint="(optional)"),
    ] = ()
    """Videos, or folders that are searched for them, but for those of earlier runs."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Look at one video, of any length and frame rate."""

    video: Annotated[Path, tyro.conf.arg(metavar="IN")]
    """A video, an animation or a folder of frames."""


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """Make a video shorter, fast where it stays natural and slower where it does not."""

    video: Annotated[Path, tyro.conf.arg(metavar="IN")]
    """A video, an animation or a folder of frames."""

    result: Annotated[Path, tyro.conf.arg(metavar="OUT")]
    """The MP4 to write, last of all; what is there is replaced."""


def train(job: Job) -> Run:
    """Find the videos, then train in a run."""
    import torch

    from gestalt.tasks.speed import clips, learning, model, training

    settings = job.settings
    if settings.begin_from:
        trunk = model.wanted(settings.begin_from, "cpu").settings.trunk  # refuses what is no model
        if trunk != settings.trunk:
            raise ValueError(f"the network of --begin-from {settings.begin_from} is {trunk}: add --trunk {trunk}")
    training.share(settings)
    found, refused = [], []
    if job.inputs.videos:
        if settings.held_out:
            raise ValueError("--held-out is for drawn motion: leave it or the videos out")
        found, refused = clips.lasting(searched(job.inputs.videos), settings.frames)
        learning.check(found, refused)
    with job.start() as run:
        for reason in refused:
            run.say(f"left out: {reason}")
        learning.make(found, settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
        run.measure(skipped=len(refused))
    if refused and "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun takes any code but 0 for a failed process
        run.say(f"of the files named {len(refused)} were not used: without torchrun, exit code {SKIPPED}")
    else:
        run.exit_code = SKIPPED if refused else 0
    return run


def predict(job: Job) -> Run:
    """Look at a video in a run."""
    from gestalt.media import video
    from gestalt.tasks.speed import model, predict

    video.probe(job.inputs.video)
    model.wanted(job.settings.model, "cpu")
    with job.start() as run:
        predict.make(job.inputs.video, model.wanted(job.settings.model, run.plan.device), job.settings, run=run)
    return run


def adapt(job: Job) -> Run:
    """Make a video shorter in a run, then copy it to where it is wanted."""
    from gestalt.media import atomic
    from gestalt.tasks.speed import adapt, model

    source, result = job.inputs.video, job.inputs.result
    if result.suffix.lower() != ".mp4":
        raise ValueError(f"OUT must end in .mp4, got {atomic.quoted(result)}: rename it")
    adapt.check(source, job.settings)
    if os.path.exists(result) and os.path.samefile(result, source):
        raise ValueError(f"OUT must be another file than IN, got {atomic.quoted(result)}")
    atomic.check(result)
    model.wanted(job.settings.model, "cpu")
    adapt.check_sound(source, job.settings)
    with job.start() as run:
        adapt.make(source, model.wanted(job.settings.model, run.plan.device), job.settings, run=run)
        atomic.copy(run.path / "outputs" / "adapted.mp4", result)
        run.say(f"written to {result}")
    return run


def map(job: Job) -> Run:
    """Look at every place of a video in a run."""
    from gestalt.media import video
    from gestalt.tasks.speed import maps, model

    video.probe(job.inputs.video)
    model.wanted(job.settings.model, "cpu")
    with job.start() as run:
        maps.make(job.inputs.video, model.wanted(job.settings.model, run.plan.device), job.settings, run=run)
    return run


def searched(given: tuple[Path, ...]) -> list[Path]:
    """Every video asked for, those in folders and below them in the order of their names.

    What earlier runs made is no footage: folders that hold a run.json are left out, unless they are named themselves.

    Raises:
        ValueError: a path does not exist, or a folder holds no video.
    """
    from gestalt.run import record
    from gestalt.tasks.speed.footage import ENDINGS

    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise ValueError(f"no such file or folder: {path}")
        if path.is_file():
            found.append(path)
            continue
        inside: list[Path] = []
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not os.path.lexists(os.path.join(folder, name, record.NAME))]
            inside += [Path(folder, name) for name in names]
        videos = sorted(one for one in inside if one.suffix.lower() in ENDINGS and one.is_file())
        if not videos:
            raise ValueError(
                f"{path} holds no video, and neither do its folders, those of runs left out: "
                f"expected {', '.join(ENDINGS)}"
            )
        found += videos
    return found
