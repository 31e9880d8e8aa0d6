"""`gestalt analogy ...`: from a pair of pictures, the appearance of one in the arrangement of the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from torch import Tensor

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


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Make B's appearance in A's arrangement with every method there is: one sheet, and one table of what each gives
    and takes. Of a video the frame in the middle stands for it."""

    a: Annotated[Path, tyro.conf.arg(metavar="A")]
    """First picture, or a video."""

    b: Annotated[Path, tyro.conf.arg(metavar="B")]
    """Second picture, or a video."""

    pair_run: Annotated[Path | None, tyro.conf.arg(metavar="RUN", help_behavior_hint="(optional)")] = None
    """A run of analogy make --engine pair on these two pictures and this size, in place of training anew."""


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


def compare(job: Job) -> Run:
    """Read the pair, and the pair network where there is one, then fill every cell in a run."""
    from gestalt.studies import compare, methods

    settings = job.settings
    methods.check_features(settings.features)
    if job.inputs.pair_run is not None and "pair" not in settings.methods:
        raise ValueError("--pair-run is for the method pair, which --methods leaves out: add it there")
    (a, about_a), (b, about_b) = (read_frame(path, settings.size) for path in (job.inputs.a, job.inputs.b))
    a, b = (compare.working_size(image, settings) for image in (a, b))
    if job.inputs.pair_run is not None:
        methods.pair_of_run(job.inputs.pair_run, a, b)  # refuses another pair's before there is a run
    with job.start(devices=("cuda", "cpu")) as run:
        a, b = a.to(run.plan.device), b.to(run.plan.device)
        network = job.inputs.pair_run and methods.pair_of_run(job.inputs.pair_run, a, b)
        about = {"a": about_a, "b": about_b}
        compare.make(a, b, settings, network=network, about=about, seed=run.plan.seed, run=run)
    return run


def read_frame(path: Path, size: int) -> tuple[Tensor, str]:
    """A picture, or of a video the frame shown at half its time, (1, 3, H, W) in [-1, 1]; and what to say of it.

    Args:
        path: a picture, a video, an animation, or a folder of frames.
        size: greatest length of a frame's longer side, in pixels; pictures are not reduced.

    Raises:
        ValueError: it is none of these, or damaged.
    """
    from gestalt.media import frames, image
    from gestalt.media.video import VideoStream

    info = VideoStream(path).info
    if info.frames == 1 and path.is_file() and frames.is_picture(path):
        return image.read(path), ""
    duration_s = info.duration_s
    if duration_s is None:
        duration_s = max(float(block.times_s[-1]) for block in VideoStream(path, size=size))
    frame, time_s = None, 0.0
    for block in VideoStream(path, block=1, size=size):
        if frame is not None and block.times_s[0] > duration_s / 2:
            break
        frame, time_s = block.frames[0], float(block.times_s[0])
    assert frame is not None, "a video without frames is refused"
    return image.from_uint8(frame), f"the frame in the middle of a video, {time_s:.2f} s from its beginning"
