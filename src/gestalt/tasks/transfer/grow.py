"""Small pictures first: a method learns from pictures of single pixels, then from ever larger ones, in blocks.

Networks read a picture as blocks of F x F pixels, whose pixels are channels of one place, and paint it likewise
(`fold`). So a picture of 64 pixels with blocks of 4, one of 32 with blocks of 2 and one of 16 without have the same 16
places, and a method for one size differs from that for the next in the channels of its first and last layers alone.
Grown, it does to blocks of twice the side what it did to the mean of every 2 x 2 of their pixels:

    reads   grown(x) = small(x halved)
    paints  grown(code) = small(code), every pixel four times

and goes on learning from there. What is coarse (who it is, where, which colour) is learned where pictures say little
else; none of the published methods does so.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.run.service import NullRun
from gestalt.tasks.transfer.codes import Transfer, fit
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.pictures import Side, as_bytes, as_images

Settings = TypeVar("Settings", bound=Fit)

SOME = 256
"""Pictures that are shrunk at a time."""


def learn(
    build: Callable[[Fit], Transfer],
    content: Side,
    plain: Side,
    settings: Fit,
    *,
    seed: int,
    device: torch.device,
    run: NullRun = NullRun(),
) -> Transfer:
    """Train a method on two folders, from small pictures to whole ones; what comes back is ready to use.

    Args:
        build: a method with its first weights, of settings.
        content: pictures with the content; of two kinds of content, the first.
        plain: pictures without; of two kinds, the second.
        settings: of the method.
        seed: of which pictures come when, and how they are moved.
        device: that computes.
        run: takes the loops, one for every size.

    Raises:
        ValueError: it diverged.
    """
    sizes = list(parts(settings))
    if len(sizes) > 1:
        run.say(
            "learns from small pictures first: " + ", ".join(f"{one.steps} steps of {one.size} px" for one in sizes)
        )
    net, begun = build(sizes[0]), 0
    for n, part in enumerate(sizes):
        if n:
            net = grown(net, build(part).to(device))
        x, y = (shrunk(side, settings.size // part.size) for side in (content, plain))
        net = fit(net, x, y, part, begun=begun, seed=seed, device=device, run=run)
        begun += part.steps
    return net


def parts(settings: Settings) -> Iterator[Settings]:
    """Settings of every size that is learned from, the smallest first; small ones without steps are left out."""
    smaller = settings.block.bit_length() - 1
    each = int(settings.coarse * settings.steps / max(1, smaller))
    if not each:
        smaller = 0
    for n in range(smaller, -1, -1):
        yield dataclasses.replace(
            settings,
            size=settings.size >> n,
            networks=dataclasses.replace(settings.networks, fold=settings.block >> n),
            steps=each if n else settings.steps - smaller * each,
            hiding=dataclasses.replace(settings.hiding, ramp=settings.hiding.ramp if n == smaller else 0.0),
            cool=0.0 if n else settings.cool,
            patience=0 if n else settings.patience,
        )


@torch.no_grad()
def grown(small: Transfer, large: Transfer) -> Transfer:
    """A method that does what a smaller one does, with larger blocks.

    Args:
        small: that has learned.
        large: of the same settings but for size and blocks; its weights are overwritten.
    """
    fold = small.common.fold
    times = large.common.fold // fold
    known = small.state_dict()
    for name, weight in large.state_dict().items():
        before = known[name]
        if before.shape != weight.shape:
            axis = 1 if name.endswith("weight") else 0
            before = before.unflatten(axis, (-1, fold, fold))
            before = before.repeat_interleave(times, axis + 1).repeat_interleave(times, axis + 2)
            before = before.flatten(axis, axis + 2)
            if isinstance(large.get_submodule(name.rpartition(".")[0]), nn.Conv2d):
                before = before / times**2
        weight.copy_(before)
    return large


def shrunk(side: Side, times: int) -> Side:
    """Pictures so many times smaller, each pixel the mean of what it covers."""

    def small(pictures: Tensor) -> Tensor:
        if times == 1 or not len(pictures):
            return pictures
        return torch.cat([as_bytes(F.avg_pool2d(as_images(some), times)) for some in pictures.split(SOME)])

    return Side(small(side.learned), small(side.held_out))
