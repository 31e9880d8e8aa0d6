"""On which of two sides is a picture, with the content or without? A classifier that stands beside the methods.

It is trained on the same two folders and on nothing that a method makes, and says what share of translated pictures
land on the side they were meant for. With p(x) the probability that x is with the content, 1/2 of a batch each,

    L = - mean over x with it of log p(x) - mean over x without of log (1 - p(x)).

What it says is worth its accuracy on pictures held out, and no more: report both. 400 steps on avatars of 64 px, 1000
a side, put .995 of others on their side with glasses as the content, and .82 with facial hair, small moustaches being
found half of the time; there the pictures trained on were not learned either (.89), so give it more steps. A method may
reach its side by a trace that no person would call the content, and a picture that is destroyed may land anywhere.

Pictures are shrunk to `LARGEST` pixels before it looks, so that a verdict costs the same at every size.
"""

import math
from typing import final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun

LARGEST, SMALLEST = 64, 16
"""Sides in pixels: what is larger is shrunk, what is smaller is refused."""
WIDTH, GROUP = 24, 8
"""Channels of the first layer, and channels normalised together."""
LR, DECAY = 1e-3, 1e-2
"""Of AdamW; the rate falls to 0 as half a cosine."""
FAR, BRIGHTER = 1 / 16, 0.2
"""The most that copies are shifted, in sides, and brightened or darkened, of a range of 2."""
AT_ONCE, LOG_EVERY = 128, 20
"""Pictures looked at together, which bounds the memory."""


class Net(nn.Sequential):
    """Five 3x3 convolutions, three of stride 2, mean and maximum over places: (B, 3, S, S) -> logits (B, 1).

    The content may be anywhere and covers little, of which a mean alone shows little: with it, the network begins to
    learn later. It has 219,289 weights.
    """

    def __init__(self) -> None:
        super().__init__(
            *_convolution(3, WIDTH, 1),
            *_convolution(WIDTH, 2 * WIDTH, 2),
            *_convolution(2 * WIDTH, 4 * WIDTH, 2),
            *_convolution(4 * WIDTH, 4 * WIDTH, 2),
            *_convolution(4 * WIDTH, 4 * WIDTH, 1),
            _Pooled(),
            nn.Linear(8 * WIDTH, 1),
        )


class _Pooled(nn.Module):
    """Mean and maximum over places: (B, C, H, W) -> (B, 2 C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _convolution(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return conv, nn.GroupNorm(after // GROUP, after), nn.LeakyReLU(0.1)


@final
class Attribute:
    """A trained classifier of the two sides.

    Args:
        net: on any device.
    """

    def __init__(self, net: Net) -> None:
        self.net = net.requires_grad_(False).eval()

    def probability(self, pictures: Tensor) -> Tensor:
        """How likely each picture is one with the content.

        Args:
            pictures: (N, 3, S, S) in [-1, 1], on the device of `net`; N may be 0.

        Returns:
            (N,) in [0, 1].

        Raises:
            ValueError: they are no pictures of one size.
        """
        _check(pictures)
        with torch.no_grad():
            logits = [self.net(_small(some))[:, 0] for some in pictures.split(AT_ONCE) if len(some)]
        return torch.cat(logits).sigmoid() if logits else pictures.new_zeros(0)


def accuracy(attribute: Attribute, content: Tensor, plain: Tensor) -> float:
    """Share of pictures put on their side, as the mean of both sides; .5 is chance.

    Args:
        attribute: the classifier.
        content: (N, 3, S, S) in [-1, 1], with the content, none of them trained on.
        plain: (M, 3, S, S), without.

    Raises:
        ValueError: a side is empty, or holds no pictures of one size.
    """
    for side in (content, plain):
        _check(side, fewest=1)
    right = (attribute.probability(content) > 0.5, attribute.probability(plain) <= 0.5)
    return sum(float(each.double().mean()) for each in right) / 2


def fit_attribute(
    content: Tensor, plain: Tensor, *, steps: int = 400, batch: int = 64, seed: int = 0, run: NullRun = NullRun()
) -> Attribute:
    """Train the classifier, on the device of the pictures.

    Args:
        content: (N, 3, S, S) in [-1, 1], pictures with the content.
        plain: (M, 3, S, S), pictures without, of the same size and on the same device.
        steps: of the optimiser.
        batch: pictures of a step, half of them from each side however many there are; even.
        seed: of weights, batches and changes to the pictures.
        run: takes the loop's steps.

    Raises:
        ValueError: a side is empty, the sizes differ, or there is no step or no even batch.
    """
    for side in (content, plain):
        _check(side, fewest=1)
    if content.shape[1:] != plain.shape[1:]:
        raise ValueError(f"both sides need pictures of one size, got {tuple(content.shape)} and {tuple(plain.shape)}")
    if steps < 1 or batch < 2 or batch % 2:
        raise ValueError(f"expected at least one step and an even batch, got {steps} steps of {batch} pictures")
    sides = [torch.cat([_small(some) for some in side.split(AT_ONCE)]) for side in (content, plain)]
    net = fresh(Net, seeded(seed)).to(content.device)
    optimiser = torch.optim.AdamW(net.parameters(), LR, weight_decay=DECAY)
    known = torch.tensor([1.0, 0.0], device=content.device).repeat_interleave(batch // 2)
    for step in run.steps("attribute", steps, {"net": net, "optimiser": optimiser}):
        chance = seeded(seed, step)
        picked = [side[torch.randint(len(side), (batch // 2,), generator=chance).to(side.device)] for side in sides]
        loss = F.binary_cross_entropy_with_logits(net(_changed(torch.cat(picked), chance))[:, 0], known)
        for group in optimiser.param_groups:
            group["lr"] = LR * (1 + math.cos(math.pi * step / steps)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % LOG_EVERY == 0 or step == steps - 1:
            run.log(step, attribute=float(loss.detach()))
    return Attribute(net)


def _changed(pictures: Tensor, chance: Generator) -> Tensor:
    """Pictures (B, 3, S, S), each mirrored or not, shifted, its border continued, and brightened or darkened."""
    count, side = len(pictures), pictures.shape[3]
    far = max(1, round(FAR * side))
    mirrored = torch.rand(count, generator=chance) < 0.5
    corners = torch.randint(2 * far + 1, (2, count, 1), generator=chance)
    brighter = BRIGHTER * (2 * torch.rand(count, 1, 1, 1, generator=chance) - 1)
    rows, columns = corners + torch.arange(side)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    which = torch.arange(count)[:, None, None]
    at = [index.to(pictures.device) for index in (which, rows[:, :, None], columns[:, None])]
    padded = F.pad(pictures, (far, far, far, far), mode="replicate").permute(0, 2, 3, 1)
    moved = padded[at[0], at[1], at[2]].permute(0, 3, 1, 2)
    return (moved + brighter.to(pictures)).clamp(-1, 1)


def _small(pictures: Tensor) -> Tensor:
    if pictures.shape[3] <= LARGEST:
        return pictures
    return resize(pictures, (LARGEST, LARGEST)).clamp(-1, 1)


def _check(pictures: Tensor, fewest: int = 0) -> None:
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or shape[3] < SMALLEST or shape[0] < fewest:
        raise ValueError(f"expected at least {fewest} pictures (N, 3, S, S), S at least {SMALLEST} pixels, got {shape}")
