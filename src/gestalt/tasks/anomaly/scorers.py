"""Every way to find defects that `anomaly test` can measure, in one table: ours, the nulls, what came before."""

from collections.abc import Mapping

import torch

from gestalt.tasks.anomaly import fused, patch, transforms
from gestalt.tasks.anomaly.config import DeepSvdd, Fused, Geom, Memory, PatchSvdd, Test, Transforms
from gestalt.tasks.anomaly.deepsvdd import fit_deepsvdd
from gestalt.tasks.anomaly.evaluate import Fit
from gestalt.tasks.anomaly.geom import fit_geom
from gestalt.tasks.anomaly.nulls import fit_brightness, fit_patches, fit_pixels
from gestalt.tasks.anomaly.patchsvdd import fit_patchsvdd

NULLS = ("neighbour", "pixels", "brightness")
"""Scorers that every table has."""


def fits(settings: Test, device: torch.device) -> dict[str, Fit]:
    """How each scorer that the settings ask for is fitted, on a device, the nulls last."""
    memory = Memory(features=settings.features)
    every: Mapping[str, Fit] = {
        "patch": lambda shots, seed, run: patch.fit(shots, memory, seed=seed, run=run),
        "transforms": lambda shots, seed, run: transforms.fit(shots, Transforms(), seed=seed, run=run),
        "fused": lambda shots, seed, run: fused.fit(shots, Fused(features=settings.features), seed=seed, run=run),
        "geom": lambda shots, seed, run: fit_geom(shots, Geom(), seed=seed, run=run),
        "deepsvdd": lambda shots, seed, run: fit_deepsvdd(shots, DeepSvdd(), seed=seed, run=run),
        "patchsvdd": lambda shots, seed, run: fit_patchsvdd(shots, PatchSvdd(), seed=seed, run=run),
        "neighbour": lambda shots, _seed, _run: fit_patches(shots),
        "pixels": lambda shots, _seed, _run: fit_pixels(shots, 32),
        "brightness": lambda shots, _seed, _run: fit_brightness(shots),
    }
    wanted = [*(name for name in settings.scorers if name not in NULLS), *NULLS]
    return {name: on(every[name], device) for name in wanted}


def on(fit: Fit, device: torch.device) -> Fit:
    """The same, with the good pictures on a device."""
    return lambda shots, seed, run: fit([shot.to(device) for shot in shots], seed, run)
