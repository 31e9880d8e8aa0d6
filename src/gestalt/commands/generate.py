"""`gestalt generate ...`: new pictures and clips from a single one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from torch import Tensor

    from gestalt.commands.job import Job
    from gestalt.run.folder import Run

MOST_FRAMES = 1000
"""Of an input, which is held in memory whole."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """Make new pictures or clips that look like X (sample_000.png or .mp4, and so on)."""

    x: Annotated[Path, tyro.conf.arg(metavar="X")]
    """A picture, a video, an animation, or a folder of frames."""


@dataclass(frozen=True, kw_only=True)
class Holed:
    """Fill the holes of X with what fits there, taken from the rest of it."""

    x: Annotated[Path, tyro.conf.arg(metavar="X")]
    """A picture, a video, an animation, or a folder of frames."""

    mask: Annotated[Path, tyro.conf.arg(metavar="MASK")]
    """White where X is to be filled, black elsewhere: a picture for all frames, or a video of as many."""


@dataclass(frozen=True, kw_only=True)
class Several:
    """Grow several pictures or clips into one, from left to right."""

    x: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="X")]
    """Two or more pictures, videos, animations, or folders of frames."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Draw more samples from a model already trained, of any size and length."""

    run: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of a run of generate make --engine vaegan or singan."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Give a picture the details of what a model was trained on: paint, a collage, something pasted in."""

    run: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of a run of generate make --engine vaegan or singan."""

    picture: Annotated[Path, tyro.conf.arg(metavar="PICTURE")]
    """A picture, or for a model of a clip a video."""

    mask: Path | None = None
    """White where the result may differ from the picture; without one it may everywhere."""


def make(job: Job) -> Run:
    """Read the input, then make samples of it in a run, by patches or by a model trained for it."""
    from gestalt.tasks.generate import measures, outcome, patch

    clip, rate = read_input(job.inputs.x, job.settings)
    if job.options.engine != "patch":
        return _train(job, clip, rate)
    clip = patch.working_size(clip, job.settings)
    size = patch.sample_size(clip.shape[2:], job.settings)
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:], size)
    with job.start(devices=("cpu", "cuda")) as run:
        samples = patch.make(clip.to(run.plan.device), job.settings, seed=run.plan.seed, run=run)
        outcome.keep(samples, clip, rate=rate, run=run, frechet=frechet)
    return run


def _train(job: Job, clip: Tensor, rate: Fraction) -> Run:
    """Train the model, keep it, and draw samples from it."""
    from gestalt.tasks.generate import measures, outcome, sampling, singan, vaegan
    from gestalt.tasks.generate.config import Sample

    method = {"vaegan": vaegan, "singan": singan}[job.options.engine]
    clip = method.working_size(clip, job.settings)
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:])
    with job.start() as run:
        source = clip.to(run.plan.device)
        model = method.fit(source, job.settings, seed=run.plan.seed, run=run)
        trained = sampling.trained_on(source, float(rate), job.settings, model)
        sampling.save(trained, run)
        samples = sampling.sample(trained, Sample(samples=job.settings.samples), seed=run.plan.seed)
        outcome.keep(samples, trained.source, rate=trained.rate, run=run, frechet=frechet)
    return run


def sample(job: Job) -> Run:
    """Read the model, then draw from it in a run of its own."""
    from gestalt.tasks.generate import measures, outcome, sampling

    trained = sampling.load(job.inputs.run, "cpu")
    sampling.check(trained, job.settings)
    size = sampling.ladder(trained, job.settings)[-1]
    frechet = measures.frechet_by(job.settings.features, trained.source.shape[2:], size)
    with job.start() as run:
        trained = sampling.load(job.inputs.run, run.plan.device)
        samples = sampling.sample(trained, job.settings, seed=run.plan.seed)
        outcome.keep(samples, trained.source, rate=trained.rate, run=run, frechet=frechet)
    return run


def edit(job: Job) -> Run:
    """Read model, picture and mask, then let the picture enter the model at every level, in a run of its own."""
    from gestalt.media.video import read_clip
    from gestalt.tasks.generate import outcome, sampling

    trained = sampling.load(job.inputs.run, "cpu")
    picture, _ = read_clip(job.inputs.picture, max_frames=MOST_FRAMES)
    mask = None
    if job.inputs.mask is not None:
        mask = read_clip(job.inputs.mask, max_frames=MOST_FRAMES)[0].mean(1, keepdim=True) > 0
        _check_mask(job.inputs.mask, mask, job.inputs.picture, picture)
    start = sampling.start_of(trained, picture, job.settings)
    with job.start() as run:
        device = run.plan.device
        trained = sampling.load(job.inputs.run, device)
        results = sampling.edit(
            picture.to(device),
            trained,
            job.settings,
            mask=None if mask is None else mask.to(device),
            seed=run.plan.seed,
        )
        outcome.keep_edit(results, start, trained.source, rate=trained.rate, run=run)
    return run


def inpaint(job: Job) -> Run:
    """Read the input and its mask, then fill the holes in a run."""
    from gestalt.media.video import read_clip
    from gestalt.ops.resize import resize
    from gestalt.tasks.generate import measures, outcome, patch

    if job.settings.frames:
        raise ValueError(f"--frames {job.settings.frames}: a clip with filled holes has the frames of the input")
    clip, rate = read_input(job.inputs.x, job.settings)
    mask, _ = read_clip(job.inputs.mask, max_frames=MOST_FRAMES)
    _check_mask(job.inputs.mask, mask, job.inputs.x, clip)
    clip = patch.working_size(clip, job.settings)
    hole = resize(mask.mean(1, keepdim=True), (mask.shape[2], *clip.shape[3:])) > 0
    hole = hole.expand(-1, -1, clip.shape[2], -1, -1)
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:])
    with job.start(devices=("cpu", "cuda")) as run:
        device = run.plan.device
        samples = patch.inpaint(clip.to(device), hole.to(device), job.settings, seed=run.plan.seed, run=run)
        outcome.keep(samples, clip, rate=rate, run=run, frechet=frechet)
    return run


def collage(job: Job) -> Run:
    """Read the inputs, then grow them together in a run."""
    from gestalt.tasks.generate import outcome, patch

    if len(job.inputs.x) < 2:
        raise ValueError(f"a collage needs two pictures or more, got {len(job.inputs.x)}")
    if job.settings.features is not None:
        raise ValueError("--features: a collage has several inputs and is not measured; leave this away")
    read = [read_input(path, job.settings) for path in job.inputs.x]
    clips = [patch.working_size(clip, job.settings) for clip, _ in read]
    with job.start(devices=("cpu", "cuda")) as run:
        given = [clip.to(run.plan.device) for clip in clips]
        samples = patch.collage(given, job.settings, seed=run.plan.seed, run=run)
        outcome.keep_collage(samples, clips, rate=read[0][1], run=run)
    return run


def _check_mask(path: Path, mask: Tensor, of: Path, clip: Tensor) -> None:
    """See that a mask (1, C, T, H, W) lies over a clip.

    Raises:
        ValueError: it has other frames or proportions.
    """
    (frames, height, width), (count, high, wide) = mask.shape[2:], clip.shape[2:]
    if frames not in (1, count):
        raise ValueError(f"{path} has {frames} frames and {of} {count}: expected one, or as many")
    if abs(height * wide - width * high) > max(height, width, high, wide):  # a pixel of rounding
        raise ValueError(f"{path} is {width} x {height} pixels and {of} {wide} x {high}: expected the same proportions")


def read_input(path: Path, settings: Any) -> tuple[Tensor, Fraction]:
    """The frames that were asked for, (1, 3, T, H, W), and their rate; of a picture, one."""
    from gestalt.media.video import read_clip
    from gestalt.tasks.generate.config import wanted_size

    wanted = wanted_size(settings.size)
    longest = wanted if isinstance(wanted, int) else max(wanted)
    take = settings.take or None
    clip, times_s = read_clip(path, max_frames=MOST_FRAMES, size=longest, start_s=settings.begin_s, take=take)
    steps_s = times_s.diff()
    return clip, Fraction(1 / float(steps_s.median())).limit_denominator(1001) if len(steps_s) else Fraction(25)
