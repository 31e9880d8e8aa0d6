"""Features learned from the pictures at hand alone: a place must be told by what it looks like, whatever the colours.

A small network of five levels looks at two views of the same random crops, each view with colours mixed anew, noise,
and half of the time mirrored. At every level some places are drawn; the column f_i of a place in one view must be
nearer to its own in the other view, g_i, than to those of all other places of all crops:

    L = - mean over i of log ( exp(f_i . g_i / tau) / sum_j exp(f_i . g_j / tau) ),

columns taken to length 1. What is left to tell places by is shape and texture, of both pictures in one network. That is
half a minute of work on one core and needs no weights from elsewhere; what it cannot know is what things are.

References:
    van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding. arXiv:1807.03748, 2018.
    Chen, Kornblith, Norouzi, Hinton: A Simple Framework for Contrastive Learning of Visual Representations. ICML 2020.
    O Pinheiro, Almahairi, Benmalek, Golemo, Courville: Unsupervised Learning of Dense Visual Representations.
        NeurIPS 2020 (places instead of pictures).
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.nn.trunks import Stage
from gestalt.ops.chance import noise, seeded
from gestalt.ops.stats import luminance

WIDTHS = (24, 32, 48, 64, 64)
"""Channels of the levels; each but the first halves height and width."""

CROP, CROPS, PLACES, TAU, LR, STEPS = 64, 2, 64, 0.1, 2e-3, 300
"""Side of the crops in pixels; crops of each picture and places of each crop and level in a step; temperature; Adam."""


def train(pictures: Sequence[Tensor], *, seed: int = 0) -> tuple[nn.Module, list[Stage]]:
    """Train on some pictures.

    Args:
        pictures: (1, 3, H, W) in [-1, 1] each, any sizes.
        seed: of weights, crops and views.

    Returns:
        The trunk and its levels, (B, 3, H, W) -> (B, D, H / 2^(n-1), W / 2^(n-1)), rounded up, on the CPU.
    """
    levels = _levels(seeded(seed))
    optimiser = torch.optim.Adam(levels.parameters(), LR)
    given = [_at_least(picture.cpu(), CROP) for picture in pictures]
    for step in range(STEPS):
        chance = seeded(seed, step)
        crops = torch.cat([_crop(picture, chance) for picture in given for _ in range(CROPS)])
        mirrored = bool(torch.rand((), generator=chance) < 0.5)
        first, second = view(crops, chance), view(crops, chance)
        ours, theirs = first, second.flip(3) if mirrored else second
        loss = torch.zeros(())
        for level in levels:
            ours, theirs = level(ours), level(theirs)
            loss = loss + contrast(ours, theirs.flip(3) if mirrored else theirs, chance)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return levels, [Stage(f"level{n}", level, 1) for n, level in enumerate(levels, start=1)]


def view(crops: Tensor, chance: Generator) -> Tensor:
    """Crops (B, 3, H, W) in other colours: each channel a random mixture of all, scaled and shifted, and noise."""
    count = len(crops)
    mixing = torch.eye(3) + 0.5 * torch.randn(count, 3, 3, generator=chance)
    shift = 0.3 * torch.randn(count, 3, 1, 1, generator=chance)
    tone = luminance(crops)
    coloured = crops - tone
    # The tone keeps its sign, or light and dark would be the same; the colours turn freely.
    gain = torch.exp(0.3 * torch.randn(count, 1, 1, 1, generator=chance))
    mixed = gain * tone + torch.einsum("bij,bjhw->bihw", mixing, coloured) + shift
    return mixed + 0.05 * noise(crops.shape, chance, crops)


def contrast(ours: Tensor, theirs: Tensor, chance: Generator) -> Tensor:
    """L of one level, at random places of two maps (B, D, h, w) that lie over each other."""
    area = ours.shape[2] * ours.shape[3]
    at = torch.randperm(area, generator=chance)[:PLACES]
    f_nd, g_nd = (F.normalize(x.flatten(2)[:, :, at].movedim(1, 2).flatten(0, 1), dim=1) for x in (ours, theirs))
    return F.cross_entropy(f_nd @ g_nd.T / TAU, torch.arange(len(f_nd)))


def _levels(chance: Generator) -> nn.Sequential:
    """Untrained: one 3x3 convolution in the first level, two in the others, each with LeakyReLU(0.1).

    Weights are N(0, 2 / fan-in), biases 0.
    """

    def convolution(before: int, after: int, stride: int) -> tuple[nn.Module, nn.Module]:
        conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, padding_mode="replicate")
        return conv, nn.LeakyReLU(0.1)

    def build() -> nn.Sequential:
        levels = [nn.Sequential(*convolution(3, WIDTHS[0], 1))]
        for before, after in itertools.pairwise(WIDTHS):
            levels.append(nn.Sequential(*convolution(before, after, 2), *convolution(after, after, 1)))
        return nn.Sequential(*levels)

    return fresh(build, chance)


def _crop(picture: Tensor, chance: Generator) -> Tensor:
    top, left = (int(torch.randint(length - CROP + 1, (), generator=chance)) for length in picture.shape[2:])
    return picture[:, :, top : top + CROP, left : left + CROP]


def _at_least(picture: Tensor, side: int) -> Tensor:
    down, right = (max(0, side - length) for length in picture.shape[2:])
    return F.pad(picture, (0, right, 0, down), mode="replicate")
