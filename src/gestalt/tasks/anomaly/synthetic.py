"""Defects made on good pictures: does the threshold find them? Nothing is learned or chosen by them.

Two kinds in turn, at random places, of the size of things that inspectors look for:

    pasted    a piece of the picture itself, turned, lies where it does not belong
    scratch   a thin straight line, lighter or darker than what it crosses

Each is judged by what the other good pictures say. Real defects may be fainter, or larger: the share that is found
tells a threshold that finds nothing from one that may serve, not how many real ones are found.

References:
    Li, Sohn, Yoon, Pfister: CutPaste - Self-Supervised Learning for Anomaly Detection and Localization. CVPR 2021
        (pieces of 2 to 15 % of a picture, and thin ones).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.gathering import groups_of
from gestalt.tasks.anomaly.patch import PatchMemory

TRIES = 8
"""Pieces and places for them that are tried: a piece of bare ground on bare ground is no defect."""

MOST = 10
"""Good pictures, at most, that get some."""


def share_found(
    memory: PatchMemory, shots: Sequence[Tensor], threshold: float, *, seed: int = 0, run: NullRun = NullRun()
) -> float:
    """Part of the defects made on good pictures that are found, one of each kind on each picture.

    Args:
        memory: of the good pictures.
        shots: these, (1, 3, H, W) each.
        threshold: that a score must exceed.
        seed: of all chance.
        run: takes a step per picture.
    """
    state: dict[str, Any] = {"scores": []}
    for n in run.steps("made defects", min(len(shots), MOST), state):
        groups = groups_of(n, shots[n], len(shots))
        for kind, make in enumerate((pasted, scratched)):
            state["scores"].append(among_others(memory, make(shots[n], seeded(seed, n, kind, 29)), groups))
    return sum(score > threshold for score in state["scores"]) / len(state["scores"])


def among_others(memory: PatchMemory, picture: Tensor, groups: Tensor) -> float:
    """What the other good pictures say of one, less what one more of them would change."""
    return float(memory.judged(picture, groups)[0]) - memory.fall


def pasted(picture: Tensor, chance: Generator) -> Tensor:
    """A copy of (1, 3, H, W) in [-1, 1] with a piece of it where it changes most, of `TRIES` random ones."""
    tries = [_pasted(picture, chance) for _ in range(TRIES)]
    return max(tries, key=lambda changed: float((changed - picture).abs().sum()))


def _pasted(picture: Tensor, chance: Generator) -> Tensor:
    u = torch.rand(6, generator=chance).tolist()
    height, width = picture.shape[2:]
    area, aspect = (0.02 + 0.04 * u[0]) * height * width, math.exp((2 * u[1] - 1) * math.log(3))
    h = min(height, max(1, round(math.sqrt(area * aspect))))
    w = min(width, max(1, round(math.sqrt(area / aspect))))
    top, left, to_top, to_left = (
        int(u[2 + n] * (side - length + 1)) for n, (side, length) in enumerate(((height, h), (width, w)) * 2)
    )
    changed = picture.clone()
    piece = torch.rot90(picture[:, :, top : top + h, left : left + w], 2, (2, 3))
    changed[:, :, to_top : to_top + h, to_left : to_left + w] = piece
    return changed


def scratched(picture: Tensor, chance: Generator) -> Tensor:
    """A copy of (1, 3, H, W) in [-1, 1] with a line across it, a hundredth of the long side wide."""
    u = torch.rand(5, generator=chance).tolist()
    height, width = picture.shape[2:]
    long = max(height, width)
    y, x = torch.meshgrid(torch.arange(height) - u[0] * height, torch.arange(width) - u[1] * width, indexing="ij")
    sin, cos = math.sin(math.pi * u[2]), math.cos(math.pi * u[2])
    along, across = (x * cos + y * sin).abs(), (y * cos - x * sin).abs()
    inside = (along <= (0.1 + 0.15 * u[3]) * long) & (across <= max(0.6, 0.005 * long))
    change = 0.5 if u[4] < 0.5 else -0.5
    return torch.where(inside.to(picture.device), (picture + change).clamp(-1, 1), picture)
