"""Does a picture or a clip look as if cut from another? Its appearance, by patches, without a trained network.

All of them come as raw distances here, and a raw distance says little: it grows with the busyness of the source. Read
it beside that of null candidates. For an analogy that is usually the structure image itself: 1 is "no closer to B's
appearance than A was". For a generated sample these are the mean colour, a shuffle and a cyclic shift of the source.

A clip is cut in space-time, an image is a clip of one frame, and without a patch size `usual_patch` chooses. `exact`
compares every pair of patches, so its time grows with the square of the voxels: half a second at 13x24x43, a quarter
of an hour at 13x144x256. Reduce long clips first, or search with `ops.nearest.patchmatch`.

References:
    Simakov, Caspi, Shechtman, Irani: Summarizing Visual Data Using Bidirectional Similarity. CVPR 2008 (coherence and
        completeness).
    Rabin, Peyre, Delon, Bernot: Wasserstein Barycenter and its Application to Texture Mixing. SSVM 2011 (sliced).
"""

import math

import numpy as np
import torch
from torch import Tensor

from gestalt.ops.nearest import Field, Search, exact
from gestalt.ops.patches import Patch, as_volume, fit, grid, unfold
from gestalt.ops.resize import resize

PATCH: Patch = (1, 7, 7)
"""The usual patch of images (time, height, width)."""

CLIP_PATCH: Patch = (3, 5, 5)
"""The usual patch of clips."""

PROJECTIONS = 2**25
"""Numbers that the projections of `sliced_wasserstein` may hold at a time: 128 MiB, and a few copies of it."""


def usual_patch(output: Tensor, source: Tensor) -> Patch:
    """`CLIP_PATCH` where both have more than one frame, else `PATCH`; each (B, C, *S) with one to three axes."""
    return CLIP_PATCH if min(as_volume(x).shape[2] for x in (output, source)) > 1 else PATCH


def nearest_field(
    output: Tensor, source: Tensor, patch: Patch | None = None, search: Search = exact
) -> tuple[Field, Patch, Patch]:
    """For every patch of the output the nearest patch of the source.

    Args:
        output: (1, C, *S), an image or a clip in [-1, 1].
        source: (1, C, *S'), any size.
        patch: (t, h, w), cut down to fit both; None is `usual_patch`.
        search: `exact`, or an approximate one.

    Returns:
        The field over the output's grid, the grid of the source, and the patch that was used.

    Raises:
        ValueError: they have unequal channels, or more than one sample.
    """
    if output.shape[:2] != source.shape[:2] or output.shape[0] != 1:
        raise ValueError(
            f"patches are compared between one picture and one other, both (1, C, *S) with equal C, got "
            f"{tuple(output.shape)} and {tuple(source.shape)}"
        )
    queries, keys = as_volume(output)[0], as_volume(source)[0]
    patch = fit(patch or usual_patch(output, source), queries.shape[1:], keys.shape[1:])
    return search(queries, keys, patch), grid(keys.shape[1:], patch), patch


def coherence(output: Tensor, source: Tensor, patch: Patch | None = None, search: Search = exact) -> float:
    """How far the output's patches are from the source's: their RMS distances to the nearest, averaged.

    Zero for any rearrangement that only pastes source patches. Traps: a copy of the source scores 0, so read it
    beside `edge_correlation` with the structure image, or beside `diversity`; and blur lowers it too (a smooth patch
    is near to some smooth patch), so read it beside `local_contrast` and the full-resolution sliced Wasserstein
    distance. A clip of the source's mean colour ties with good samples: only `completeness` tells them apart.

    Args:
        output: (1, C, *S), an image (H, W) or a clip (T, H, W) in [-1, 1].
        source: (1, C, *S'), any size.
        patch: (t, h, w), cut down to fit both; None is `usual_patch`.
        search: `exact`, or an approximate one for large pictures (which can only be larger).

    Returns:
        Root-mean-square difference per number, in [0, 2].

    Raises:
        ValueError: they have unequal channels, or more than one sample.
    """
    return mean_rms(nearest_field(output, source, patch, search)[0])


def completeness(output: Tensor, source: Tensor, patch: Patch | None = None, search: Search = exact) -> float:
    """How much of the source is missing: mean over the source's patches of the RMS distance to the output's nearest.

    Zero when every source patch occurs in the output. Trap: it cannot be low where the structure image has no place
    for some content of the source, or where the output is shorter or smaller, so it is no goal by itself. Arguments,
    result and errors are those of `coherence`.
    """
    return coherence(source, output, patch, search)


def mean_rms(field: Field) -> float:
    """The mean over a field of its root-mean-square differences."""
    return float(field.distance.clamp(min=0).sqrt().double().mean())


def sliced_wasserstein(
    output: Tensor,
    source: Tensor,
    patch: Patch | None = None,
    directions: int = 256,
    scales: int = 3,
    seed: int = 0,
) -> float:
    """Sliced Wasserstein-1 distance between the two sets of patches, averaged over scales 1, 1/2, 1/4.

    Every patch is projected on fixed random unit directions; along each, the sorted projections are compared
    (at equal quantiles where the numbers of patches differ). Trap: a mirrored source scores .1 of what the
    structure image does, and histogram matching alone .24: low is necessary, it proves nothing.

    Args:
        output: (1, C, *S), an image (H, W) or a clip (T, H, W).
        source: (1, C, *S'), any size.
        patch: (t, h, w), cut down to fit both at every scale; None is `usual_patch`.
        directions: number of random directions.
        scales: number of scales, each half the last (time is not reduced).
        seed: of the directions.

    Returns:
        The mean distance, in the pictures' units times the square root of the numbers in a patch.
    """
    patch = patch or usual_patch(output, source)
    total = 0.0
    for scale in range(scales):
        a, b = (as_volume(_reduce(x, 2**scale))[0] for x in (output, source))
        fitted = fit(patch, a.shape[1:], b.shape[1:])
        a, b = unfold(a, fitted), unfold(b, fitted)
        generator = torch.Generator().manual_seed(seed)
        rays = torch.randn(a.shape[1], directions, generator=generator).to(a)
        rays = rays / rays.norm(dim=0)
        # Clips have more patches than memory has room for along all directions at once.
        some = max(1, min(directions, PROJECTIONS // max(len(a), len(b))))
        parts = [_wasserstein(few.T @ a.T, few.T @ b.T) * few.shape[1] for few in rays.split(some, dim=1)]
        total += math.fsum(parts) / directions
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
