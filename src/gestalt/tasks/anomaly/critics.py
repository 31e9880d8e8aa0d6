"""Critics that name what was done to every 11x11 patch, for training and for judging; `transforms` has the method.

A critic of M transformations has M + 1 logits at every place, the last one for "generated".
"""

import copy
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.tasks.anomaly.transformations import Transformation

DEPTH, KERNEL, SLOPE, EPSILON = 5, 3, 0.2, 1e-5
MARGIN = DEPTH * (KERNEL - 1) // 2
"""Pixels from a picture's border to its outermost patch centre."""

AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 21}
"""Pixels that pass a critic together, so that 54 transformations of 10 pictures need no more memory than 4 of 1."""


class Body(nn.Module):
    """Five 3x3 convolutions without padding: (B, C, H, W) -> (B, C', H - 10, W - 10), of any range.

    The first four are followed by normalisation with learned scales and shifts, and LeakyReLU(0.2). In training mode
    each channel is normalised over its batch; in evaluation mode by the moments that `settle` took.

    Args:
        channels_in, channels_out: C and C'.
        width: channels of the hidden layers.
        generator: of the weights: convolutions N(0, 0.02), scales N(1, 0.02); bias and shifts are 0. Only the last
            convolution has a bias, since normalisation would take the others out again.
    """

    means: Tensor
    variances: Tensor

    def __init__(self, channels_in: int, channels_out: int, width: int, generator: Generator) -> None:
        super().__init__()
        counts = [channels_in, *[width] * (DEPTH - 1), channels_out]
        shapes = [(after, before, KERNEL, KERNEL) for before, after in itertools.pairwise(counts)]
        self.weights = nn.ParameterList(0.02 * torch.randn(shape, generator=generator) for shape in shapes)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.scales = nn.Parameter(1 + 0.02 * torch.randn(DEPTH - 1, width, generator=generator))
        self.shifts = nn.Parameter(torch.zeros(DEPTH - 1, width))
        self.register_buffer("means", torch.zeros(DEPTH - 1, width))
        self.register_buffer("variances", torch.ones(DEPTH - 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.conv2d(self.hidden(x, DEPTH - 1), self.weights[-1], self.bias)

    def hidden(self, x: Tensor, depth: int) -> Tensor:
        """What enters the convolution after `depth` others."""
        for n in range(depth):
            moments = (None, None) if self.training else (self.means[n], self.variances[n])
            x = F.conv2d(x, self.weights[n])
            x = F.batch_norm(x, *moments, self.scales[n], self.shifts[n], self.training, eps=EPSILON)
            x = F.leaky_relu(x, SLOPE)
        return x


def transformed(x: Tensor, transformations: Sequence[Transformation]) -> Iterator[tuple[Tensor, list[int]]]:
    """All transformations of (B, 3, H, W), in batches of one shape that are small enough to be passed at once.

    Yields:
        (m B, 3, H', W'), transformation by transformation, and the places of these in the list.
    """
    count = max(1, AT_ONCE.get(x.device.type, AT_ONCE["cpu"]) // (x.shape[0] * x.shape[2:].numel()))
    is_square = x.shape[2] == x.shape[3]
    for odd in (0,) if is_square else (0, 1):
        places = [m for m, one in enumerate(transformations) if is_square or one.turns % 2 == odd]
        # A piece is a batch to the normalisation, so each is a mixture of what the whole list has.
        pieces = -(-len(places) // count)
        for some in (places[first::pieces] for first in range(pieces)):
            yield torch.cat([transformations[m].apply(x) for m in some]), some


def naming_losses(
    d: Body, pictures: Sequence[Tensor], transformations: Sequence[Transformation], *, generated: bool = False
) -> Iterator[Tensor]:
    """CE(D(T_m(x)), m), or CE(D(T_m(x)), M+1) if they should be known as generated, in parts that add up to the mean.

    Args:
        d: the critic.
        pictures: (B, 3, H, W) each.
        transformations: T.
        generated: which answer is right.

    Yields:
        A number for each batch of `transformed`.
    """
    answers = sum(len(x) * (x.shape[2] - 2 * MARGIN) * (x.shape[3] - 2 * MARGIN) for x in pictures)
    for x in pictures:
        for batch, places in transformed(x, transformations):
            right = [len(transformations)] * len(places) if generated else places
            known = F.log_softmax(d(batch), 1)
            # Slices instead of a map of targets: the gradient is the same on every run, on GPUs as well.
            parts = [part[:, m].sum() for part, m in zip(known.split(len(x)), right, strict=True)]
            yield -torch.stack(parts).sum() / (answers * len(transformations))


@torch.no_grad()
def settled(d: Body, pictures: Sequence[Tensor], transformations: Sequence[Transformation]) -> Body:
    """A copy of a critic with the moments of all transformations of the good pictures, (B, 3, H, W) each, to judge."""
    d = copy.deepcopy(d).requires_grad_(False).eval()
    for n in range(DEPTH - 1):
        count, total, squares = 0, d.means[n].double() * 0, d.means[n].double() * 0
        for batch in (batch for x in pictures for batch, _ in transformed(x, transformations)):
            found = F.conv2d(d.hidden(batch, n), d.weights[n]).transpose(0, 1).flatten(1).double()
            count, total, squares = count + found.shape[1], total + found.sum(1), squares + found.square().sum(1)
        d.means[n] = total / count
        d.variances[n] = squares / count - (total / count).square()
    return d


def anomaly_map(d: Body, x: Tensor, transformations: Sequence[Transformation]) -> Tensor:
    """a_n of (B, 3, H, W): (B, 1, H - 10, W - 10) in [0, 1], mean over the transformations that saw the place."""
    h, w = (side - 2 * MARGIN for side in x.shape[2:])
    total, votes = x.new_zeros(len(x), 1, h, w), x.new_zeros(1, 1, h, w)
    for batch, places in transformed(x, transformations):
        for logits, m in zip(d(batch).split(len(x)), places, strict=True):
            known = likelihood(logits, m)
            total += transformations[m].undo(known, x.shape[2:])
            votes += transformations[m].valid(h, w, x.shape[2:], x.device)
    return 1 - total / votes.clamp(min=1)


def likelihood(logits: Tensor, m: int) -> Tensor:
    """P[m] of (B, M + 1, h, w): softmax over the first M, or over both if M = 1; (B, 1, h, w)."""
    named = logits if logits.shape[1] == 2 else logits[:, :-1]
    return named.softmax(1)[:, m : m + 1]


def named(d: Body, x: Tensor, transformations: Sequence[Transformation]) -> float:
    """Part of the patches of all transformations of (B, 3, H, W) whose transformation has the largest P."""
    right, answers = 0.0, 0
    for batch, places in transformed(x, transformations):
        for logits, m in zip(d(batch).split(len(x)), places, strict=True):
            found = (logits if logits.shape[1] == 2 else logits[:, :-1]).argmax(1)
            right += float((found == m).sum())
            answers += found.numel()
    return right / answers
