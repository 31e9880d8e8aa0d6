"""Median-split trees over patches: which key patches lie in the same corner of patch space as a query patch.

Patches are projected on a few principal directions of the keys (a convolution, so they are never built). A tree then
halves the keys again and again, each node along the direction in which its members differ most; all leaves are
equally large. Queries walk down by the same cuts. Trees over differently rotated directions cut elsewhere, so what
one tree separates wrongly the next one finds. All of it is sorting and gathering, on any device.

References:
    Bentley: Multidimensional Binary Search Trees Used for Associative Searching. Communications of the ACM 1975.
    He, Sun: Computing Nearest-Neighbor Fields via Propagation-Assisted KD-Trees. CVPR 2012.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.patches import Patch, cut, grid

DIRECTIONS = 8
"""Number of principal directions; real pictures hold most of their variance in fewer."""

LEAF = 32
"""Wanted number of members of a leaf."""

_SAMPLE = 512


class Leaves(NamedTuple):
    """What one tree says.

    members: (leaves, n) int64, key positions; some twice where their number is not a multiple.
    leaf: (t, h, w) int64, the leaf of every query position.
    """

    members: Tensor
    leaf: Tensor


def principal_features(queries: Tensor, keys: Tensor, patch: Patch, seed: int) -> tuple[Tensor, Tensor]:
    """Project all patches of both on the first principal directions of a sample of the keys.

    Args:
        queries: (C, T, H, W).
        keys: (C, T', H', W').
        patch: (t, h, w).
        seed: of the sample.

    Returns:
        (t, h, w, D) and (N', D), D at most `DIRECTIONS`.
    """
    positions = math.prod(grid(keys.shape[1:], patch))
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randint(0, positions, (min(_SAMPLE, positions),), generator=generator).to(keys.device)
    sample = cut(keys, picked, patch)
    sample = sample - sample.mean(0)
    # Subspace iteration: a full decomposition of the covariance would take longer than the whole search.
    directions = torch.randn(sample.shape[1], min(DIRECTIONS, sample.shape[1]), generator=generator).to(sample)
    for _ in range(4):
        directions = torch.linalg.qr(sample.T @ (sample @ directions)).Q
    filters = directions.T.reshape(-1, keys.shape[0], *patch)
    query_features, key_features = (F.conv3d(x[None], filters)[0].movedim(0, -1) for x in (queries, keys))
    return query_features, key_features.flatten(0, 2)


def leaves(query_features: Tensor, key_features: Tensor, seed: int) -> Leaves:
    """Grow one tree over the keys and let the queries walk down.

    Args:
        query_features: (t, h, w, D).
        key_features: (N', D).
        seed: of the rotation of the D directions.

    Returns:
        Members of the leaves, and the leaf of each query.
    """
    count, dimensions = key_features.shape
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(dimensions, dimensions, generator=generator)).Q.to(key_features)
    queries_nd, keys_nd = query_features.flatten(0, 2) @ turn, key_features @ turn
    depth = max(0, math.ceil(math.log2(count / LEAF)))
    members = torch.arange(math.ceil(count / 2**depth) * 2**depth, device=keys_nd.device) % count
    leaf = torch.zeros(len(queries_nd), dtype=torch.int64, device=keys_nd.device)
    for level in range(depth):
        nodes = members.reshape(2**level, -1)
        values = keys_nd[nodes]
        axis = values.var(dim=1, correction=0).argmax(1)
        along = values.gather(2, axis[:, None, None].expand(-1, values.shape[1], 1))[..., 0]
        along, order = along.sort(dim=1)
        half = along.shape[1] // 2
        middle = (along[:, half - 1] + along[:, half]) / 2
        members = nodes.gather(1, order).flatten()
        leaf = 2 * leaf + (queries_nd.gather(1, axis[leaf][:, None])[:, 0] > middle[leaf]).long()
    return Leaves(members.reshape(2**depth, -1), leaf.reshape(query_features.shape[:3]))
