"""Pictures of two sides, ready to learn from: squares of one size, moved and lit a little differently every time.

A picture that is not square is continued by its border to a square, so that nothing of it is lost or stretched;
`squared` and `unsquared` go there and back.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from gestalt.media import image
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.transfer.config import Fit


class Side(NamedTuple):
    """The pictures of one folder as bytes.

    learned, held_out: uint8 (N, S, S, 3).
    """

    learned: Tensor
    held_out: Tensor


class Read(NamedTuple):
    """Picture files, as far as they can be read.

    pictures: uint8 (N, S, S, 3).
    paths: of these N files.
    refused: a sentence on each of the others.
    """

    pictures: Tensor
    paths: tuple[Path, ...]
    refused: list[str]


def read(paths: Sequence[Path], size: int) -> Read:
    """Pictures as squares in bytes, some at a time."""

    def one(path: Path) -> Tensor | str:
        try:
            return as_bytes(squared(image.read(path), size))
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(one, paths))
    pictures = [picture for picture in found if isinstance(picture, Tensor)]
    return Read(
        torch.cat(pictures) if pictures else torch.empty(0, size, size, 3, dtype=torch.uint8),
        tuple(path for path, one in zip(paths, found, strict=True) if isinstance(one, Tensor)),
        [sentence for sentence in found if isinstance(sentence, str)],
    )


def squared(picture: Tensor, size: int) -> Tensor:
    """(1, 3, H, W) -> (1, 3, S, S), the shorter axis continued by its border on both sides."""
    height, width = picture.shape[2:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    around = (left, side - width - left, top, side - height - top)
    # The longer axis first: a square as large as a strip is long may not fit in memory.
    picture = resize(picture, tuple(size if length == side else length for length in (height, width)))
    return resize(F.pad(picture, around, mode="replicate"), (size, size)).clamp(-1, 1)


def unsquared(square: Tensor, height: int, width: int) -> Tensor:
    """The part of (1, C, S, S) that shows a picture of H x W, at that size: (1, C, H, W)."""
    side = max(height, width)
    for axis, length in ((2, height), (3, width)):
        if length < side:
            size = [side if n == axis else square.shape[n] for n in (2, 3)]
            square = resize(square, size).narrow(axis, (side - length) // 2, length)
    return resize(square, (height, width))


def spread(pictures: Tensor, most: int) -> Tensor:
    """So many of N pictures at most, evenly spaced: in folders, those that lie together are often of one person."""
    return pictures[torch.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().long()]


def mean_picture(pictures: Tensor) -> Tensor:
    """Of uint8 (N, S, S, 3): (1, 3, S, S) in [-1, 1]; few of them are in memory as larger numbers at once."""
    total = torch.zeros(pictures.shape[1:], dtype=torch.float64)
    for some in pictures.split(64):
        total += some.double().sum(0)
    return as_images((total / len(pictures)).float()[None])


def as_bytes(images: Tensor) -> Tensor:
    """(N, 3, S, S) in [-1, 1] -> uint8 (N, S, S, 3)."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def as_images(pictures: Tensor) -> Tensor:
    """uint8 (N, S, S, 3) -> (N, 3, S, S) in [-1, 1], channels last in memory."""
    return (pictures.float() / 127.5 - 1).permute(0, 3, 1, 2)


def batch(pictures: Side, settings: Fit, *, seed: int, side: int, step: int) -> Tensor:
    """The pictures of a step: half of them mirrored, moved by a part of their side, brighter or darker.

    Every picture comes once before any comes again; which, and how, depends on the seed, the side and the step alone.

    Args:
        pictures: to take from.
        settings: of learning.
        seed: of all chance.
        side: number of the side.
        step: number of the step.

    Returns:
        (B, 3, S, S) in [-1, 1].
    """
    count, size = pictures.learned.shape[:2]
    at = range(step * settings.batch, (step + 1) * settings.batch)
    which = torch.stack([_order(count, seed, side, n // count)[n % count] for n in at])
    u = torch.rand(settings.batch, 4, generator=seeded(seed, side, step, 1))
    far = settings.shift * size
    down, right = ((far * (2 * u[:, n : n + 1] - 1)).round().long() for n in (0, 1))
    along = torch.arange(size)
    rows = (along + down).clamp(0, size - 1)
    columns = torch.where(u[:, 2:3] < 0.5, along, along.flip(0)) + right
    taken = pictures.learned[which[:, None, None], rows[:, :, None], columns.clamp(0, size - 1)[:, None, :]]
    light = 2 * settings.light * (2 * u[:, 3].view(-1, 1, 1, 1) - 1)
    return (as_images(taken) + light).clamp(-1, 1)


def displaced(pictures: Tensor, far: float, chance: Generator) -> Tensor:
    """Pictures, each moved by whole pixels at random, continued by its border.

    Rows and columns are taken by products with matrices of zeros and ones, whose gradient is the same every time; that
    of taking them by their numbers adds up in any order where threads share a picture.

    Args:
        pictures: (N, C, S, S) of any range.
        far: how far at most, each way, as a part of S, rounded to whole pixels; 0 for not at all.
        chance: on the CPU, from which every call draws anew.

    Returns:
        (N, C, S, S), the very pictures where `far` is 0.
    """
    if not far:
        return pictures
    count, size = len(pictures), pictures.shape[3]
    moved = (far * size * (2 * torch.rand(2, count, 1, generator=chance) - 1)).round().long()
    at = (torch.arange(size) + moved).clamp(0, size - 1)
    rows, columns = F.one_hot(at, size).to(pictures)[:, :, None]
    return rows @ pictures @ columns.mT


@lru_cache(maxsize=8)
def _order(count: int, seed: int, side: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=seeded(seed, 2, side, epoch))
