"""A bank of patch descriptors: what good pictures look like, place by place, thinned until it is quick to search.

For a descriptor q the bank gives the distance to the nearest of its keys,

    d(q)^2 = min over k of |q - k|^2 = min over k of |q - m|^2 + |k - m|^2 - 2 (q - m) . (k - m),

m the mean of the keys. Only the last product is taken in the span of the keys' first principal components, so what a
strange patch has outside of it still counts. Keys are thinned by farthest points: each one kept is the one farthest
from all kept before, so that rare but good patches stay.

References:
    Arthur, Vassilvitskii: k-means++: The Advantages of Careful Seeding. SODA 2007 (chance as squared distance).
    Efraimidis, Spirakis: Weighted Random Sampling with a Reservoir. Information Processing Letters 2006.
    Roth, Pemula, Zepeda, Scholkopf, Brox, Gehler: Towards Total Recall in Industrial Anomaly Detection. CVPR 2022 (the
        memory of good patches, and its coreset).
    Gonzalez: Clustering to Minimize the Maximum Intercluster Distance. Theoretical Computer Science 1985 (farthest
        points).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.ops.chance import seeded

CANDIDATES = 8
"""Times as many keys as are kept are drawn at random, for the farthest points to be chosen from."""

COARSE = 16
"""Principal components in which farthest points are looked for."""

CHUNK = 2**24
"""Distances that are in memory at once."""


class Bank(NamedTuple):
    """Keys to compare with.

    keys_nd: (N, D) in principal components, from the mean.
    square_n: (N,) squared distance of each key from the mean, in all components.
    group_n: (N,) int64, which part of the good material each key is from.
    place_n2: (N, 2) where in its picture, y and x in [0, 1].
    mean_c: (C,) of the descriptors.
    basis_cd: (C, D) principal components.
    """

    keys_nd: Tensor
    square_n: Tensor
    group_n: Tensor
    place_n2: Tensor
    mean_c: Tensor
    basis_cd: Tensor

    def distances(
        self,
        queries_nc: Tensor,
        *,
        window: float = 1.0,
        place_n2: Tensor | None = None,
        group_n: Tensor | None = None,
    ) -> Tensor:
        """How far every place is from the nearest key.

        Args:
            queries_nc: (N, C) descriptors.
            window: only keys within this part of the picture's sides, above and below, left and right, are compared.
            place_n2: (N, 2) where they are, y and x in [0, 1]; needed where the window is below 1.
            group_n: (N,) int64; a place is compared with keys of other groups only. None: with all.

        Returns:
            (N,), at least 0; infinite where there is no key to compare with.
        """
        found = []
        for part, squares in self._squares(queries_nc, window, place_n2):
            if group_n is not None:
                squares = squares.masked_fill(group_n[part, None] == self.group_n, torch.inf)
            found.append(squares.amin(1))
        return torch.cat(found).clamp(min=0).sqrt()

    def distances_by_group(
        self, queries_nc: Tensor, count: int, *, window: float = 1.0, place_n2: Tensor | None = None
    ) -> Tensor:
        """How far every place is from the nearest key of each of the groups 0 ... `count` - 1.

        Returns:
            (N, count), at least 0; infinite where there is no key to compare with.
        """
        groups = self.group_n.expand(len(queries_nc), -1)
        found = []
        for part, squares in self._squares(queries_nc, window, place_n2):
            nearest = squares.new_full((len(squares), count), torch.inf)
            found.append(nearest.scatter_reduce(1, groups[part], squares, "amin"))
        return torch.cat(found).clamp(min=0).sqrt()

    def _squares(self, queries_nc: Tensor, window: float, place_n2: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
        """Squared distances of some queries after the other to all keys, and which queries they are."""
        queries = queries_nc - self.mean_c
        at_once = max(1, CHUNK // len(self.keys_nd))
        for begin in range(0, len(queries), at_once):
            part = slice(begin, begin + at_once)
            cross = torch.addmm(self.square_n, queries[part] @ self.basis_cd, self.keys_nd.T, alpha=-2)
            squares = cross + queries[part].square().sum(1, keepdim=True)
            if place_n2 is not None and window < 1:
                away = (place_n2[part, None] - self.place_n2).abs().amax(2)
                squares = squares.masked_fill(away > window, torch.inf)
            yield part, squares


def places(size: Sequence[int], first: Sequence[int] = (0, 0), whole: Sequence[int] | None = None) -> Tensor:
    """(h * w, 2): where the middle of every place of a map lies in its picture, y and x in [0, 1].

    Args:
        size: (h, w) of the map.
        first: of a map that is a part of another one, the row and column where it begins there.
        whole: (h, w) of that other one.
    """
    y, x = (
        (torch.arange(length) + begin + 0.5) / side
        for length, begin, side in zip(size, first, whole or size, strict=True)
    )
    return torch.cartesian_prod(y, x)


def gather(keys: Tensor, group: Tensor, place: Tensor, *, most: int, dims: int, seed: int = 0) -> Bank:
    """Put the descriptors of good pictures into a bank.

    Args:
        keys: (N, C) of all pictures.
        group: (N,) int64 of each, as `Bank.group_n`.
        place: (N, 2) of each, as `Bank.place_n2`.
        most: keys to keep at most.
        dims: principal components to keep at most.
        seed: of the random choice.
    """
    if len(keys) > CANDIDATES * most:
        drawn = some_of(len(keys), CANDIDATES * most, seed).to(keys.device)
        keys, group, place = keys[drawn], group[drawn], place[drawn]
    mean = keys.mean(0)
    keys = keys - mean
    basis = components(keys, dims)
    projected = keys @ basis
    if len(keys) > most:
        kept = farthest(projected[:, :COARSE], most)
        keys, projected, group, place = keys[kept], projected[kept], group[kept], place[kept]
    return Bank(projected, keys.square().sum(1), group, place, mean, basis)


def some_of(count: int, most: int, *seed: int) -> Tensor:
    """Indices of `most` of `count`, drawn at random, ascending; all where there are no more."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=seeded(*seed, most))[:most].sort().values


def varied(keys_nc: Tensor, most: int, *seed: int) -> Tensor:
    """Indices of about `most` of (N, C), ascending: half at random, the others by chance too, the rarer the likelier.

    The chance of the others is as their squared distance to the nearest of the first half, so that of what there is
    only little of, such as a small hole, some is taken.
    """
    if len(keys_nc) <= most:
        return torch.arange(len(keys_nc))
    first = some_of(len(keys_nc), max(1, most // 2), *seed)
    known, at_once = keys_nc[first], max(1, CHUNK // len(first))
    far = torch.cat([torch.cdist(part, known).amin(1) for part in keys_nc.split(at_once)]).square().cpu()
    far[first] = 0
    count = min(most - len(first), int((far > 0).sum()))
    # The largest of u^(1/w), u uniform, is a draw without replacement by the weights w.
    luck = torch.rand(len(far), generator=seeded(*seed, most, 1), dtype=torch.float64).log() / far.double().clamp_min(
        1e-30
    )
    others = luck.topk(count).indices if count > 0 else first[:0]
    return torch.cat([first, others]).unique()


def components(centred: Tensor, dims: int) -> Tensor:
    """The first principal components of (N, C), strongest first, (C, D); all directions where C is at most `dims`."""
    covariance = centred.T.double() @ centred.double() / len(centred)
    vectors = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :dims]
    # The sign of a component is arbitrary, and not the same on all machines.
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return (vectors * largest.sign()).to(centred).contiguous()


def farthest(points_nd: Tensor, count: int) -> Tensor:
    """Indices of `count` of (N, D) points, ascending: the first is nearest to the mean, each next farthest from all."""
    squares = points_nd.square().sum(1)
    following = (points_nd - points_nd.mean(0)).square().sum(1).argmin()
    nearest = torch.full_like(squares, torch.inf)
    kept = torch.empty(count, dtype=torch.int64, device=points_nd.device)
    for n in range(count):
        kept[n] = following
        distance = squares + squares[following] - 2 * (points_nd @ points_nd[following])
        nearest = torch.minimum(nearest, distance)
        following = nearest.argmax()
    return kept.sort().values


def tensors(bank: Bank, name: str) -> dict[str, Tensor]:
    """A bank for a file of weights, each tensor under the name of the bank."""
    return {f"{name}.{key}": value.contiguous() for key, value in bank._asdict().items()}


def from_tensors(saved: Mapping[str, Tensor], name: str) -> Bank:
    """A bank as `tensors` has named its parts.

    Raises:
        KeyError: one is missing.
    """
    return Bank(**{key: saved[f"{name}.{key}"] for key in Bank._fields})
