"""Every task on pictures the program draws itself, so that a fresh machine sees all of it in minutes."""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from gestalt import recipes
from gestalt.drawn import motion, objects
from gestalt.drawn.parts import DEFECTS, parts
from gestalt.media.sheet import contact_sheet
from gestalt.media.video_writer import VideoWriter
from gestalt.run.service import NullRun, Under
from gestalt.studies.config import Demo
from gestalt.tasks.analogy import patch as analogies
from gestalt.tasks.anomaly import model, outcome
from gestalt.tasks.generate import patch as samples
from gestalt.tasks.generate.outcome import keep_one
from gestalt.tasks.speed import adapt
from gestalt.tasks.speed import model as network

RATE = 13
"""Frames per second of the drawn clip, which lasts a second."""


def make(settings: Demo, *, seed: int = 0, run: NullRun) -> None:
    """Draw, run every task, and keep the results.

    Args:
        settings: of the demo.
        seed: of the drawn pictures and of all tasks.
        run: keeps the outputs.
    """
    _analogy(settings, seed, run)
    _generate(settings, seed, run)
    _anomaly(settings, seed, run)
    _speed(settings, seed, run)


def _analogy(settings: Demo, seed: int, run: NullRun) -> None:
    """A drawn pair, both directions, and the structure/appearance dial."""
    size = (round(settings.size * 3 / 4), settings.size)
    first, second = objects.pair(size=size, seed=seed)
    fast = dataclasses.replace(recipes.analogy_patch("fast"), size=settings.size)
    analogies.make(first.image, second.image, fast, seed=seed, run=run)
    analogies.sweep(first.image, second.image, fast, seed=seed, run=run, name="a2b")


def _pan(picture: Tensor, frames: int) -> Tensor:
    """A clip (1, 3, T, H, W) of a view that moves across a picture (1, 3, H, W'), two thirds as wide as it."""
    width = picture.shape[3] * 2 // 3
    at = [n * (picture.shape[3] - width) // (frames - 1) for n in range(frames)]
    return torch.stack([picture[..., left : left + width] for left in at], dim=2)


def _generate(settings: Demo, seed: int, run: NullRun) -> None:
    """Two new pictures like a drawn one, the same one wider, and a new clip like a drawn one."""
    size = (round(settings.size * 3 / 4), settings.size)
    picture = objects.pair(size=size, seed=seed)[0].image[:, :, None]
    clip = _pan(objects.pair(size=(settings.size // 2, settings.size), seed=seed + 1)[0].image, RATE)
    wide = f"{size[0]}x{size[1] * 3 // 2}"
    fast = dataclasses.replace(recipes.generate_patch("fast"), size=settings.size, samples=2)
    for name, given, asked in (
        ("new_picture", picture, fast),
        ("wider_picture", picture, dataclasses.replace(recipes.generate_retarget("fast"), size=wide)),
        ("new_clip", clip, dataclasses.replace(fast, samples=1)),
    ):
        if given.shape[2] > 1:
            keep_one("clip", given, "a drawn clip", rate=RATE, run=run)
        for n, sample in enumerate(samples.make(given, asked, seed=seed, run=Under(run, name))):
            caption = f"{name.replace('_', ' ')} like the one drawn"
            keep_one(f"{name}_{n}", sample, caption, rate=RATE, run=run)


def _anomaly(settings: Demo, seed: int, run: NullRun) -> None:
    """Five good drawn parts, and what is then found on another good one and on one with each defect."""
    size = (settings.size, settings.size)
    good = [part.image for part in parts(5, size=size, seed=seed)]
    fitted = model.fit(good, recipes.anomaly_patch("fast"), seed=seed, run=Under(run, "defects"))
    shown = {"good": parts(1, size=size, seed=seed + 50)[0].image}
    shown |= {name: parts(1, size=size, seed=seed + 60, defect=name)[0].image for name in DEFECTS}
    cut, drawn_over, captions = fitted.threshold.value, [], []
    for name, picture in shown.items():
        judged = fitted.scorer.judge(picture)
        drawn_over.append(outcome.overlay(picture, judged, fitted.threshold, cut))
        captions.append(f"{name}: {fitted.threshold.normalised(judged.score):.2f}")
    run.image(
        "defects.png",
        contact_sheet([list(shown.values()), drawn_over], captions=[list(shown), captions], cell=180),
        "defects, from five good parts alone: 0.5 is the threshold, what exceeds it is outlined",
        kind="sheet",
    )


def _speed(settings: Demo, seed: int, run: NullRun) -> None:
    """A drawn clip in slow motion in its middle, and half as long: faster there."""
    normal, slowed = np.arange(0, 3, 1 / 25), np.arange(3, 6, 1 / 50)
    drawn = motion.scene("swing", seed).frames(np.concatenate([normal, slowed, normal + 6]), settings.size // 2 * 2)
    with run.file("swing.mp4", "a drawn clip, in slow motion from 3 to 9 s", kind="video") as clip:
        with VideoWriter(clip, rate=25) as writer:
            writer.write(drawn)
        adapt.make(clip, network.shipped("cpu"), recipes.speed_adapt("fast"), run=run)
