"""`gestalt generate ...`: new pictures and clips from a single one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from torch import Tensor

    from gestalt.commands.job import Job
    from gestalt.run.folder import Run
    from gestalt.tasks.generate.config import SinGan, VaeGan

MOST_FRAMES = 1000
"""Of an input, which is held in memory whole."""

READ, PATCHED, DRAWN, TRAINED, USUAL_WIDTH = 24, 200, 450, 8000, 32
"""Bytes for each pixel and frame: of an input that is read, of what patches make, of what networks of the usual width
make, and of what they are trained on; measured at 2048, and the last at 512 pixels."""

PATCH, ANY = ("cpu", "cuda"), ("cuda", "mps", "cpu")
"""Devices of the patch engine, and of networks."""

SMALLER = "ask for a smaller --size or fewer frames"


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
    """White where X is to be filled, black elsewhere: a picture for all frames, or a video of as many as X has."""


@dataclass(frozen=True, kw_only=True)
class Several:
    """Grow several pictures or clips into one, from left to right."""

    x: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="X X [X ...]", help_behavior_hint="(required)")]
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

    mask: Annotated[Path | None, tyro.conf.arg(metavar="PICTURE", help_behavior_hint="(optional)")] = None
    """White where the result may differ from the picture; without one it may everywhere."""


def make(job: Job) -> Run:
    """Read the input, then make samples of it in a run, by patches or by a model trained for it."""
    from gestalt.tasks.generate import measures, outcome, patch

    clip, rate = read_input(job.inputs.x, job.settings)
    if job.options.engine != "patch":
        return _train(job, clip, rate)
    clip = patch.working_size(clip, job.settings)
    if clip.shape[2] == 1 and job.settings.frames > 1:
        raise ValueError(f"--frames {job.settings.frames} is for clips, and {job.inputs.x} is a picture: leave it away")
    size = patch.sample_size(clip.shape[2:], job.settings)
    _check_sizes(job, PATCH, PATCHED, clip.shape[2:], size)
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:], size)
    with job.start(devices=PATCH) as run:
        samples = patch.make(clip.to(run.plan.device), job.settings, seed=run.plan.seed, run=run)
        outcome.keep(samples, clip, rate=rate, run=run, frechet=frechet)
    return run


def _train(job: Job, clip: Tensor, rate: Fraction) -> Run:
    """Train the model, keep it, and draw samples from it."""
    from gestalt.tasks.generate import measures, outcome, sampling, singan, vaegan
    from gestalt.tasks.generate.config import Sample

    method = {"vaegan": vaegan, "singan": singan}[job.options.engine]
    clip = method.working_size(clip, job.settings)
    check_training(job, clip, job.settings)
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:])
    with job.start(devices=ANY) as run:
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
    _check_sizes(job, ANY, DRAWN, size)
    frechet = measures.frechet_by(job.settings.features, trained.source.shape[2:], size)
    with job.start(devices=ANY) as run:
        trained = sampling.load(job.inputs.run, run.plan.device)
        # After those that the training run drew itself, which with the same seed would come again.
        drawn = trained.settings.samples
        samples = sampling.sample(trained, job.settings, first=drawn, seed=run.plan.seed)
        outcome.keep(samples, trained.source, rate=trained.rate, run=run, frechet=frechet)
    return run


def edit(job: Job) -> Run:
    """Read model, picture and mask, then let the picture enter the model at every level, in a run of its own."""
    from gestalt.media.video import read_clip
    from gestalt.ops.resize import resize
    from gestalt.tasks.generate import outcome, sampling

    trained = sampling.load(job.inputs.run, "cpu")
    longest = max(trained.model.sizes[-1][1:])
    picture, times_s = read_clip(job.inputs.picture, max_frames=MOST_FRAMES, size=longest)
    start = sampling.start_of(trained, picture, job.settings)
    mask = None
    if job.inputs.mask is not None:
        mask = read_mask(job.inputs.mask, job.inputs.picture, picture, lambda white, size: resize(white.float(), size))
    _check_sizes(job, ANY, DRAWN, picture.shape[2:])
    with job.start(devices=ANY) as run:
        device = run.plan.device
        trained = sampling.load(job.inputs.run, device)
        results = sampling.edit(
            picture.to(device),
            trained,
            job.settings,
            mask=None if mask is None else mask.to(device),
            seed=run.plan.seed,
        )
        outcome.keep_edit(results, start, trained.source, rates=(trained.rate, rate_of(times_s)), run=run)
    return run


def inpaint(job: Job) -> Run:
    """Read the input and its mask, then fill the holes in a run."""
    from gestalt.tasks.generate import measures, outcome, patch

    if job.settings.frames:
        raise ValueError(f"--frames {job.settings.frames}: a clip with filled holes has the frames of the input")
    if isinstance(job.settings.size, str):
        raise ValueError(f"--size {job.settings.size}: a filled picture has the shape of the input; give one number")
    clip, rate = read_input(job.inputs.x, job.settings)
    clip = patch.working_size(clip, job.settings)
    part = job.settings.begin_s, job.settings.take or None
    hole = read_mask(job.inputs.mask, job.inputs.x, clip, patch.touched, part=part)
    hole = hole.expand(-1, -1, clip.shape[2], -1, -1)
    patch.around(hole, job.settings)  # refuses what cannot be filled before there is a run
    _check_sizes(job, PATCH, PATCHED, clip.shape[2:])
    frechet = measures.frechet_by(job.settings.features, clip.shape[2:])
    with job.start(devices=PATCH) as run:
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
    rate = next((rate for clip, rate in read if clip.shape[2] > 1), Fraction(25))
    size = patch.collage_size([clip.shape[2:] for clip in clips], job.settings)
    if size[0] > 1 and all(clip.shape[2] == 1 for clip in clips):
        raise ValueError(f"--frames {job.settings.frames} is for clips, and all of these are pictures: leave it away")
    _check_sizes(job, PATCH, PATCHED, size, *(clip.shape[2:] for clip in clips))
    with job.start(devices=PATCH) as run:
        given = [clip.to(run.plan.device) for clip in clips]
        samples = patch.collage(given, job.settings, seed=run.plan.seed, run=run)
        outcome.keep_collage(samples, clips, rate=rate, run=run)
    return run


def read_input(path: Path, settings: Any) -> tuple[Tensor, Fraction]:
    """The frames that were asked for, (1, 3, T, H, W), and their rate; of a picture, one."""
    from gestalt.media.video import read_clip
    from gestalt.run import memory
    from gestalt.settings import wanted_size

    wanted = wanted_size(settings.size)
    longest = wanted if isinstance(wanted, int) else max(wanted)
    take = settings.take or None
    most = (memory.total() or math.inf) / READ
    clip, times_s = read_clip(
        path, max_frames=MOST_FRAMES, max_pixels=most, size=longest, start_s=settings.begin_s, take=take
    )
    return clip, rate_of(times_s)


def rate_of(times_s: Tensor) -> Fraction:
    """The usual frame rate of frames shown at these times, in seconds."""
    steps_s = times_s.diff()
    return Fraction(1 / float(steps_s.median())).limit_denominator(1001) if len(steps_s) else Fraction(25)


def read_mask(
    path: Path,
    of: Path,
    clip: Tensor,
    reduce: Callable[[Tensor, tuple[int, ...]], Tensor],
    *,
    part: tuple[float, int | None] = (0.0, None),
) -> Tensor:
    """Where a mask is white, frame by frame, so that it never lies in memory at its own size.

    Args:
        path: a picture for all frames, or a video of as many as the clip has, or as the file the clip is from.
        of: that file.
        clip: (1, 3, T, H, W).
        reduce: makes (1, 1, t, h, w) bool, at any size, (1, 1, t, H, W) of a size that is given.
        part: where in its file the clip begins, in seconds, and how many frames were taken; None for all.

    Returns:
        (1, 1, T or 1, H, W), as `reduce` gives it.

    Raises:
        ValueError: it has other frames or proportions, or cannot be read.
    """
    import itertools

    import torch

    from gestalt.media.video import VideoStream, probe

    count, plane = clip.shape[2], clip.shape[3:]
    its, theirs = VideoStream(path, block=1), probe(of)
    rounding = max(its.height, its.width, theirs.height, theirs.width)
    if abs(its.height * theirs.width - its.width * theirs.height) > rounding:
        raise ValueError(
            f"{path} is {its.width} x {its.height} pixels and {of} {theirs.width} x {theirs.height}: "
            "expected the same proportions"
        )

    def white(stream: VideoStream) -> list[Tensor]:
        """Up to one frame more than there should be."""
        frames = []
        for block in itertools.islice(stream, count + 1):
            levels = torch.from_numpy(block.frames).float().mean(-1)[None, None]
            frames.append(reduce(levels > 127.5, (1, *plane)))
        return frames

    found = white(its)
    begin_s, take = part
    if len(found) not in (1, count) and (begin_s or take):
        found = white(VideoStream(path, block=1, start_s=begin_s))[:take]
    if len(found) not in (1, count):
        if count == 1:
            raise ValueError(f"{path} has several frames and {of} one: expected a picture")
        has = f"more than {count}" if len(found) > count else len(found)
        raise ValueError(f"{path} has {has} frames and {of} {count}: expected one, or as many")
    return torch.cat(found, dim=2)


def check_training(job: Job, clip: Tensor, settings: VaeGan | SinGan) -> None:
    """See that there is memory to train networks on a clip (1, 3, T, H, W) at working size.

    Raises:
        ValueError: there is not.
    """
    from gestalt.tasks.generate.config import VaeGan

    frames = min(clip.shape[2], math.lcm(*settings.rates) + 1) if isinstance(settings, VaeGan) else clip.shape[2]
    _check_sizes(job, ANY, TRAINED * settings.width / USUAL_WIDTH, (frames, *clip.shape[3:]))


def _check_sizes(job: Job, devices: tuple[str, ...], each: float, *sizes: Sequence[int]) -> None:
    """See that clips of such sizes, (T, H, W), can be made and written.

    Args:
        job: says which device computes.
        devices: the kinds that it chooses from.
        each: bytes for each pixel of the largest, where that is the processor.
        sizes: with T = 1 of pictures.

    Raises:
        ValueError: there is too little memory, or videos have no frames as large, or there is no such device.
    """
    from gestalt.media.video_writer import MOST_SIDE
    from gestalt.run import device, memory

    for frames, height, width in sizes:
        if frames > 1 and max(height, width) > MOST_SIDE:
            most = f"at most {MOST_SIDE} pixels high and wide"
            raise ValueError(f"a video is {most}, and this would have frames of {width} x {height}: {SMALLER}")
    if device.choose(job.options.device, devices).type == "cpu":
        memory.check(each * max(map(math.prod, sizes)), SMALLER)
