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


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Give a new picture the appearance of A or B, by a pair network trained with analogy make --engine pair."""

    run: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of the run that trained it."""

    x: Annotated[Path, tyro.conf.arg(metavar="X")]
    """The new picture."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Give a clip the look of a picture or of another clip (a2b.mp4), its times and its sound kept."""

    clip: Annotated[Path, tyro.conf.arg(metavar="CLIP")]
    """A video, an animation, or a folder of frames."""

    style: Annotated[Path, tyro.conf.arg(metavar="STYLE")]
    """A picture, or a video of at most 120 frames."""


def make(job: Job) -> Run:
    """Read the pair, then make both analogies in a run."""
    from gestalt.media import image
    from gestalt.tasks.analogy import pair, patch

    a, b = image.read(job.inputs.a), image.read(job.inputs.b)
    if job.options.engine == "pair":
        engine, devices = pair, ("cuda", "mps", "cpu")
    else:
        engine, devices = patch, ("cpu", "cuda")
    engine.check(a, b, job.settings)
    with job.start(devices=devices) as run:
        engine.make(a.to(run.plan.device), b.to(run.plan.device), job.settings, seed=run.plan.seed, run=run)
    return run


def apply(job: Job) -> Run:
    """Read the trained pair and the picture, then map it in a run of its own."""
    from gestalt.media import image
    from gestalt.tasks.analogy import modes

    x = image.read(job.inputs.x)
    modes.check(modes.load(job.inputs.run, "cpu"), job.settings)
    with job.start() as run:
        trained = modes.load(job.inputs.run, run.plan.device)
        modes.apply(x.to(run.plan.device), trained, job.settings, seed=run.plan.seed, run=run)
    return run


def video(job: Job) -> Run:
    """Read the style, then go through the clip in a run."""
    from gestalt.media.video import VideoStream, read_clip
    from gestalt.tasks.analogy import video

    stream = VideoStream(job.inputs.clip, size=job.settings.size)
    style, _ = read_clip(job.inputs.style, max_frames=120, size=job.settings.size)
    style = style[:, :, 0] if style.shape[2] == 1 else style
    video.check(job.settings, (stream.height, stream.width), style.shape[-2:], stream.info.frames)
    devices = ("cuda", "mps", "cpu") if job.options.engine == "pair" else ("cpu", "cuda")
    with job.start(devices=devices) as run:
        sound = job.inputs.clip if stream.info.has_audio else None
        video.make(stream, style.to(run.plan.device), job.settings, seed=run.plan.seed, run=run, sound=sound)
    return run
