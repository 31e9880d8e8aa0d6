"""The kernel distance between two sets of feature vectors: KID.

With the kernel k(x, y) = (x.y / D + 1)^3 of vectors in R^D, two distributions have the squared maximum mean
discrepancy

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),        x, x' of one and y, y' of the other, all independent,

which is 0 where their moments up to the third agree. From N and M samples it is estimated without bias:

    1 / (N (N - 1)) sum over i != j of k(x_i, x_j) + the same of y - 2 / (N M) sum over i, j of k(x_i, y_j).

So around 0 for two halves of one distribution it is negative as often as not, and, unlike the Frechet distance of few
pictures, does not grow as these become fewer: this is why it is the one to read at a hundred pictures. KID is its mean
over random subsets. Their deviation is how much one subset's figure scatters; it is no error of the mean, since subsets
share vectors.

As with the Frechet distance, the extractor decides the number more than the pictures: name it beside the figures, and
give those of a trivial answer as well. Papers print KID times 100 or times 1000; here it is as it comes.

References:
    Gretton, Borgwardt, Rasch, Schoelkopf, Smola: A Kernel Two-Sample Test. JMLR 2012.
    Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs. ICLR 2018 (KID).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.ops.chance import seeded

LARGEST = 1000
"""Vectors of a subset, where there are twice as many: the published number."""


class Kid(NamedTuple):
    """The mean of the squared discrepancy over subsets, and its standard deviation (ddof 0, as published)."""

    mean: float
    deviation: float


def squared_discrepancy(one: Tensor, other: Tensor) -> float:
    """Squared maximum mean discrepancy under the cubic kernel, without bias; symmetric, and negative by chance.

    Args:
        one: (N, D), N >= 2.
        other: (M, D), M >= 2.

    Raises:
        ValueError: they are not two sets of at least two vectors of one length, or not finite.
    """
    _check(one, other)
    return _discrepancy(one.detach().double(), other.detach().double())


def kid(one: Tensor, other: Tensor, *, subsets: int = 100, size: int | None = None, seed: int = 0) -> Kid:
    """Kernel distance of two sets of feature vectors, as mean and deviation over random subsets.

    Args:
        one: (N, D), N >= 2; of pictures, one vector each.
        other: (M, D), M >= 2, on the same device.
        subsets: how many pairs of subsets, each drawn without replacement.
        size: vectors of a subset, 2 to min(N, M). None is half of the smaller set, at most `LARGEST`: subsets that are
            all there is are equal, and have no deviation.
        seed: of the subsets.

    Raises:
        ValueError: they are not two sets of at least two vectors of one length, or not finite; no subset, or one that
            does not fit.
    """
    _check(one, other)
    fewest = min(len(one), len(other))
    size = min(LARGEST, max(2, fewest // 2)) if size is None else size
    if subsets < 1 or not 2 <= size <= fewest:
        raise ValueError(
            f"kid got {subsets} subsets of {size} vectors, of sets of {len(one)} and {len(other)}: expected at least "
            f"one, of 2 to {fewest} vectors"
        )
    one, other = one.detach().double(), other.detach().double()
    found = []
    for number in range(subsets):
        chance = seeded(seed, number)
        picked = (x[torch.randperm(len(x), generator=chance)[:size].to(x.device)] for x in (one, other))
        found.append(_discrepancy(*picked))
    values = torch.tensor(found, dtype=torch.float64)
    return Kid(float(values.mean()), float(values.std(correction=0)))


def _check(one: Tensor, other: Tensor) -> None:
    for x in (one, other):
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"a discrepancy is that of vectors (N, D) with N at least 2, got {tuple(x.shape)}")
        if not bool(x.isfinite().all()):
            raise ValueError("features hold NaN or infinite values: are the pictures finite, and in [-1, 1]?")
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"vectors of {one.shape[1]} and {other.shape[1]} dimensions have no discrepancy")


def _discrepancy(one: Tensor, other: Tensor) -> float:
    within = sum((k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (_kernel(one, one), _kernel(other, other)))
    return float(within - 2 * _kernel(one, other).mean())


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """k of every pair: (N, M)."""
    return (one @ other.T / one.shape[1] + 1) ** 3
