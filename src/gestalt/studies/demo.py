"""Every task on pictures the program draws itself, so that a fresh machine sees all of it in minutes."""

import dataclasses

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.run.service import NullRun
from gestalt.studies.config import Demo
from gestalt.tasks.analogy import patch


def make(settings: Demo, *, seed: int = 0, run: NullRun) -> None:
    """Draw, run every task, and keep the results.

    Args:
        settings: of the demo.
        seed: of the drawn pictures and of all tasks.
        run: keeps the outputs.
    """
    _analogy(settings, seed, run)


def _analogy(settings: Demo, seed: int, run: NullRun) -> None:
    """A drawn pair, both directions, and the structure/appearance dial."""
    size = (round(settings.size * 3 / 4), settings.size)
    first, second = objects.pair(size=size, seed=seed)
    fast = dataclasses.replace(recipes.analogy_patch("fast"), size=settings.size)
    patch.make(first.image, second.image, fast, seed=seed, run=run)
    patch.sweep(first.image, second.image, fast, seed=seed, run=run, name="a2b")
