"""How well a method does, as a table: on drawn faces, where every answer is known, or on pictures held out."""

import csv
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gestalt.metrics.frechet import fit_gaussian, frechet_distance
from gestalt.metrics.kernel import kid
from gestalt.nn import features
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import edits, exact, model
from gestalt.tasks.transfer.attribute import accuracy, fit_attribute
from gestalt.tasks.transfer.codes import Transfer
from gestalt.tasks.transfer.config import Fit, Test
from gestalt.tasks.transfer.model import SETTINGS, Model
from gestalt.tasks.transfer.pictures import Side, as_images

CHUNK = 64
"""Pictures that are looked at at once."""


def drawn(settings: Test, *, seed: int, device: torch.device, run: NullRun = NullRun()) -> None:
    """Fit a method on drawn faces and measure it on others: outputs/tested.csv, and the method's own outputs.

    Args:
        settings: of measuring.
        seed: of all chance.
        device: that computes.
        run: keeps the results.
    """
    content, plain = exact.sides(settings.pictures, settings.size, seed=seed, two=settings.two_sided)
    fitted: Fit = SETTINGS[settings.method](size=settings.size, steps=settings.steps, **SMALL[settings.size <= 48])
    trained = model.make(content, plain, fitted, seed=seed, device=device, run=run)
    asked, learned = (
        exact.exam(settings.pairs, settings.size, seed=seed, part=part, two=settings.two_sided) for part in (1, 2)
    )
    found = exact.measure(trained.net, asked) | exact.measure_masks(trained.net, asked, learned)
    judged = [as_images(some) for some in (content.learned, plain.learned, content.held_out, plain.held_out)]
    found |= rates(trained.net, judged[0], judged[1], asked.source(), asked.target(), settings, seed=seed, run=run)
    keep(found, run=run)
'''
