"""Does a picture look as if cut from another? The appearance side of an analogy, by patches, no trained network.

All of them come as raw distances here and are read as ratios to those of a null candidate, usually the structure
image itself: 1 is "no closer to B's appearance than A was".
"""

import numpy as np
import torch
from torch import Tensor

from gestalt.ops.nearest import Search, exact
from gestalt.ops.patches import Patch, as_volume, fit, unfold
from gestalt.ops.resize import resize

PATCH: Patch = (1, 7, 7)


def coherence(output: Tensor, source: Tensor, patch: Patch = PATCH, search: Search = exact) -> float:
    """How far the output's patches are from the source's: their RMS distances to the nearest, averaged.

    Zero for any rearrangement that only pastes source patches. Traps: a copy of the source scores 0, so read it
    beside `edge_correlation` with the structure image; and blur lowers it too (a smooth patch is near to some
    smooth patch), so read it beside `local_contrast` and the full-resolution sliced Wasserstein distance.

    Args:
        output: (1, C, H, W) or (1, C, T, H, W) in [-1, 1].
        source: the same kind, any size.
        patch: (t, h, w), cut down to fit both.
        search: `exact`, or an approximate one for large pictures (which can only be larger).

    Returns:
        Root-mean-square difference per number, in [0, 2].
    """
    queries, keys = as_volume(output)[0], as_volume(source)[0]
    patch = fit(patch, queries.shape[1:], keys.shape[1:])
    return float(search(queries, keys, patch).distance.clamp(min=0).sqrt().double().mean())


def completeness(output: Tensor, source: Tensor, patch: Patch = PATCH, search: Search = exact) -> float:
    """How much of the source is missing: mean over the source's patches of the RMS distance to the output's nearest.

    Zero when every source patch occurs in the output. Trap: it cannot be low where the structure image has no place
    for some content of the source, so it is no goal by itself.
    """
    return coherence(source, output, patch, search)


def sliced_wasserstein(
    output: Tensor,
    source: Tensor,
    patch: Patch = PATCH,
    directions: int = 256,
    scales: int = 3,
    seed: int = 0,
) -> float:
    """Sliced Wasserstein-1 distance between the two sets of patches, averaged over scales 1, 1/2, 1/4.

    Every patch is projected on fixed random unit directions; along each, the sorted projections are compared
    (at equal quantiles where the numbers of patches differ). Trap: a mirrored source scores .1 of what the
    structure image does, and histogram matching alone .24: low is necessary, it proves nothing.

    Args:
        output: (1, C, H, W) or (1, C, T, H, W).
        source: the same kind, any size.
        patch: (t, h, w), cut down to fit both at every scale.
        directions: number of random directions.
        scales: number of scales, each half the last (time is not reduced).
        seed: of the directions.

    Returns:
        The mean distance, in the pictures' units times the square root of the numbers in a patch.
    """
    total = 0.0
    for scale in range(scales):
        a, b = (as_volume(_reduce(x, 2**scale))[0] for x in (output, source))
        fitted = fit(patch, a.shape[1:], b.shape[1:])
        a, b = unfold(a, fitted), unfold(b, fitted)
        generator = torch.Generator().manual_seed(seed)
        rays = torch.randn(a.shape[1], directions, generator=generator).to(a)
        rays = rays / rays.norm(dim=0)
        total += _wasserstein(rays.T @ a.T, rays.T @ b.T)
    return total / scales


def _reduce(x: Tensor, factor: int) -> Tensor:
    size = [*x.shape[2:-2], *(max(1, round(length / factor)) for length in x.shape[-2:])]
    return resize(x, size)


def _wasserstein(a: Tensor, b: Tensor) -> float:
    """Mean absolute difference of quantile functions, over the rows of (R, N) and (R, M)."""
    a, b = _sorted(a), _sorted(b)
    if a.shape[1] != b.shape[1]:
        count = max(a.shape[1], b.shape[1])
        a, b = _quantiles(a, count), _quantiles(b, count)
    return float((a - b).abs().double().mean())


def _sorted(rows: Tensor) -> Tensor:
    """Sort each row; on the CPU by numpy, which sorts floats with vector instructions."""
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    return torch.from_numpy(np.sort(rows.numpy(), axis=1))


def _quantiles(ordered: Tensor, count: int) -> Tensor:
    """Values of sorted rows at `count` equally spaced quantiles, linear in between."""
    have = ordered.shape[1]
    at = (torch.arange(count, device=ordered.device, dtype=torch.float64) + 0.5) / count * have - 0.5
    at = at.clamp(0, have - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=have - 1)
    part = (at - low).to(ordered.dtype)
    return ordered[:, low] * (1 - part) + ordered[:, high] * part
