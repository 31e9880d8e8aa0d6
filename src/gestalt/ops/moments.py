"""Moments of feature maps: taken, and given to other maps.

For x (N, C, *S), over all places S or over one part of its axes, with n places,

    mean m = sum x / n        deviation s = (sum (x - m)^2 / (n - 1) + eps)^(1/2)

Numbers of 16 bits are reckoned with in 32: their squares overflow or lose what the deviation is made of.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Dims = Literal["spatial", "frames", "windows"]
"""What shares its moments: all places of a channel (of a clip all frames too), the places of one frame of (N, C, T, H,
W), or all channels, rows and columns of a window of columns."""


class Moments(NamedTuple):
    """Mean and deviation, each of a shape that broadcasts to the map they are of."""

    mean: Tensor
    deviation: Tensor

    def at(self, partner: Tensor) -> "Moments":
        """Those of others: of sample n those of sample partner[n]."""
        return Moments(self.mean[partner], self.deviation[partner])

    def detach(self) -> "Moments":
        """The same numbers, of which nothing is learned."""
        return Moments(self.mean.detach(), self.deviation.detach())


def places(x: Tensor, dims: Dims, windows: int = 1) -> int:
    """How many numbers each pair of moments is made of, the fewest if they differ.

    Raises:
        ValueError: the map has too few axes.
    """
    least = {"spatial": 3, "frames": 5, "windows": 3}[dims]
    if x.ndim < least:
        raise ValueError(f"{dims} moments need at least {least} axes (N, C, ...), got a tensor of {tuple(x.shape)}")
    if dims == "windows":
        return x[0, ..., 0].numel() * (x.shape[-1] // min(windows, x.shape[-1]))
    return x[0, 0].numel() if dims == "spatial" else x[0, 0, 0].numel()


def widened(x: Tensor) -> Tensor:
    """The same numbers in at least 32 bits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def moments(x: Tensor, dims: Dims, eps: float) -> Moments:
    """Of a map (N, C, *S): (N, C, 1, ...), or, of "frames", (N, C, T, 1, 1)."""
    axes = tuple(range(2 if dims == "spatial" else 3, x.ndim))
    variance, mean = torch.var_mean(x, axes, keepdim=True)
    return Moments(mean, (variance + eps).sqrt())


def boxed_moments(x: Tensor, box: Tensor, eps: float) -> Moments:
    """Over the places of one box alone, the same for all samples: (N, C, 1, ...).

    Args:
        x: (N, C, *S).
        box: (len(S), 2), for each axis where the box begins and ends, as parts of it. It is widened to hold two places
            of each axis that has them.
        eps: see the module.
    """
    inside = torch.ones((), dtype=x.dtype, device=x.device)
    for axis, side in enumerate(x.shape[2:]):
        at = torch.arange(side, device=x.device)
        begin = (box[axis, 0] * side).floor().clamp(max=max(side - 2, 0))
        end = torch.maximum((box[axis, 1] * side).ceil(), begin + min(side, 2))
        chosen = ((at >= begin) & (at < end)).to(x.dtype)
        inside = inside * chosen.view(-1, *(1,) * (x.ndim - 3 - axis))
    axes, count = tuple(range(2, x.ndim)), inside.sum()
    mean = (x * inside).sum(axes, keepdim=True) / count
    variance = ((x - mean).square() * inside).sum(axes, keepdim=True) / (count - 1)
    return Moments(mean, (variance + eps).sqrt())


def window_moments(x: Tensor, windows: int, eps: float) -> Moments:
    """Over channels, rows and the columns of each window: (N K,) each; windows differ by one column at most."""
    which = window_of(x.shape[-1], windows)
    numbers = [x[0, ..., 0].numel() * which.count(n) for n in range(which[-1] + 1)]
    index, count = torch.tensor(which, device=x.device), torch.tensor(numbers, device=x.device)
    rest = tuple(range(1, x.ndim - 1))
    mean = _by_window(x.sum(rest), index, len(numbers)) / count
    around = x - mean[:, index].view(len(x), *(1,) * (x.ndim - 2), -1)
    variance = _by_window(around.square().sum(rest), index, len(numbers)) / (count - 1)
    return Moments(mean.flatten(), (variance + eps).sqrt().flatten())


def window_of(columns: int, windows: int) -> list[int]:
    """The number of each column's window."""
    return [column * min(windows, columns) // columns for column in range(columns)]


def spread(values: Moments, x: Tensor, windows: int) -> Moments:
    """Moments of windows (N K,), broadcast to the map: (N, 1, ..., W)."""
    which = torch.tensor(window_of(x.shape[-1], windows), device=x.device)
    shape = (len(x), *(1,) * (x.ndim - 2), x.shape[-1])
    return Moments(*(value.view(len(x), -1)[:, which].view(shape) for value in values))


def _by_window(columns: Tensor, which: Tensor, count: int) -> Tensor:
    """Sums (N, W) of columns -> (N, K) of windows."""
    return columns.new_zeros(len(columns), count).index_add(1, which, columns)


def sorted_like(x: Tensor, other: Tensor, dims: Dims) -> Tensor:
    """The values of another map in the order of this one: its n-th smallest goes where this one has its n-th smallest.

    Args:
        x: (N, C, *S).
        other: the same shape.
        dims: "spatial" sorts whole channels, "frames" each frame of them.
    """
    start = 2 if dims == "spatial" else 3
    order = x.flatten(start).argsort(dim=-1, stable=True)
    values = other.flatten(start).sort(-1).values
    return torch.zeros_like(values).scatter(-1, order, values).view(x.shape)
