"""Patches of images, clips and volumes through one path: cut, paste back, and vote where they overlap.

An image is a clip of one frame: every function works on three spatial axes (T, H, W), and `as_volume` lifts one-
and two-axis tensors. A patch has size (t, h, w); the patch grid holds every position at which a patch fits
entirely, stride 1, no padding, so it has (T - t + 1, H - h + 1, W - w + 1) positions, numbered row by row.

`unfold` and `fold` materialise every patch (t * h * w copies of the picture): they are the plain form and the
oracle. `vote` pastes patches chosen by a field of indices without ever building them.
"""

import importlib.util
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Patch = tuple[int, int, int]
Vote = Literal["mean", "median", "agreed"]


def as_volume(x: Tensor) -> Tensor:
    """(B, C, *S) with one to three spatial axes -> (B, C, T, H, W), the missing leading axes of length 1."""
    if not 3 <= x.ndim <= 5:
        raise ValueError(f"expected (B, C, *S) with one to three spatial axes, got shape {tuple(x.shape)}")
    return x.reshape(*x.shape[:2], *(1,) * (5 - x.ndim), *x.shape[2:])


def grid(size: Sequence[int], patch: Patch) -> Patch:
    """Number of patch positions along each of three axes.

    Raises:
        ValueError: the patch does not fit.
    """
    if len(size) != 3 or any(p < 1 or p > s for p, s in zip(patch, size, strict=True)):
        raise ValueError(f"a patch of {tuple(patch)} does not fit into {tuple(size)} (time, height, width)")
    t, h, w = (s - p + 1 for s, p in zip(size, patch, strict=True))
    return t, h, w


def fit(patch: Patch, *sizes: Sequence[int]) -> Patch:
    """The largest patch no larger than `patch` that fits into every size (each of three lengths)."""
    t, h, w = (min(p, *(size[axis] for size in sizes)) for axis, p in enumerate(patch))
    return t, h, w


def unfold(x: Tensor, patch: Patch) -> Tensor:
    """Cut every patch.

    Args:
        x: (C, T, H, W).
        patch: (t, h, w).

    Returns:
        (N, C * t * h * w), N the product of `grid`; within a row the order is channel, t, h, w.
    """
    grid(x.shape[1:], patch)
    for axis, length in enumerate(patch, start=1):
        x = x.unfold(axis, length, 1)
    return x.permute(1, 2, 3, 0, 4, 5, 6).reshape(math.prod(x.shape[1:4]), -1)


def cut(x: Tensor, positions: Tensor, patch: Patch) -> Tensor:
    """Cut the patches at some positions of the grid only.

    Args:
        x: (C, T, H, W).
        positions: (n,) int64, numbered row by row.
        patch: (t, h, w).

    Returns:
        (n, C * t * h * w) in the order of `unfold`.
    """
    _, rows, columns = grid(x.shape[1:], patch)
    corner = (positions // (rows * columns), positions // columns % rows, positions % columns)
    inside = torch.meshgrid(*(torch.arange(length, device=x.device) for length in patch), indexing="ij")
    t, h, w = (c[:, None] + i.flatten() for c, i in zip(corner, inside, strict=True))
    return x[:, t, h, w].movedim(0, 1).flatten(1)


def fold(patches: Tensor, size: Sequence[int], patch: Patch, vote: Literal["mean", "median"] = "mean") -> Tensor:
    """Paste one patch at every grid position; where they overlap, each channel takes the mean or the median.

    The median of an even number of votes is the mean of the middle two.

    Args:
        patches: (N, C * t * h * w) in the order of `unfold`.
        size: (T, H, W) of the result.
        patch: (t, h, w).
        vote: "mean" or "median".

    Returns:
        (C, T, H, W).
    """
    positions = grid(size, patch)
    if patches.shape[0] != math.prod(positions):
        raise ValueError(
            f"{tuple(size)} has {math.prod(positions)} positions for patches of {patch}, got {patches.shape[0]} patches"
        )
    votes = patches.reshape(*positions, -1, math.prod(patch)).movedim((3, 4), (0, 1))
    channels, voters = votes.shape[:2]
    # One layer per position inside the patch; a pixel has no vote (nan) where the patch would stick out.
    layers = torch.full((voters, channels, *size), torch.nan, dtype=patches.dtype, device=patches.device)
    t, h, w = positions
    for n in range(voters):
        dt, dy, dx = n // (patch[1] * patch[2]), n // patch[2] % patch[1], n % patch[2]
        layers[n, :, dt : dt + t, dy : dy + h, dx : dx + w] = votes[:, n]
    if vote == "mean":
        return torch.nanmean(layers, dim=0)
    if vote == "median":
        return torch.nanquantile(layers.flatten(1), 0.5, dim=0).reshape(layers.shape[1:])
    raise ValueError(f"a vote is 'mean' or 'median', got {vote!r}")


def vote(values: Tensor, index: Tensor, patch: Patch, how: Vote = "mean") -> Tensor:
    """Build a picture from the patches of `values` that a field of indices names, without building the patches.

    Every output pixel gathers its own votes, so the result does not depend on the number of threads.

    "mean" and "median" equal `fold(unfold(values, patch)[index], ...)`: soft where patches disagree. "agreed" takes
    the one pixel of `values` that most patches name (the first of equals), as sharp as `values`; where it has less
    than half of the votes it is mixed with their mean, in the share of its votes among half of them.

    Args:
        values: (C, T', H', W') float32, where the patches come from.
        index: (t, h, w) int64, for each output grid position a position in the grid of `values`, row by row.
        patch: patch size.
        how: "mean", "median" or "agreed".

    Returns:
        (C, T, H, W) with T = t + patch[0] - 1 and so on.
    """
    size = tuple(n + p - 1 for n, p in zip(index.shape, patch, strict=True))
    if how not in ("mean", "median", "agreed"):
        raise ValueError(f"a vote is 'mean', 'median' or 'agreed', got {how!r}")
    source_grid = grid(values.shape[1:], patch)
    if not 0 <= int(index.min()) <= int(index.max()) < math.prod(source_grid):
        raise ValueError(f"the field points outside the {math.prod(source_grid)} patches of the values")
    field = corners(index, source_grid)
    if values.device.type != "cpu":
        if how == "median":
            return fold(unfold(values, patch)[index.flatten()], size, patch, "median")
        if has_triton(values.device):
            from gestalt.ops import gpu

            corner = (field[..., 0] * values.shape[2] + field[..., 1]) * values.shape[3] + field[..., 2]
            return gpu.vote(values, corner, patch, agreed=how == "agreed")
        return _gathered(values, field, size, patch, how == "agreed")
    from gestalt.ops import kernels

    kernel = {"mean": kernels.vote_mean, "median": kernels.vote_median, "agreed": kernels.vote_agreed}[how]
    picture = kernel(values.movedim(0, -1).contiguous().numpy(), field.int().numpy(), patch)
    return torch.from_numpy(picture).movedim(-1, 0).contiguous()


def corners(index: Tensor, of: Patch) -> Tensor:
    """Positions in a grid, numbered row by row, (...) -> their coordinates (..., 3)."""
    _, rows, columns = of
    return torch.stack([index // (rows * columns), index // columns % rows, index % columns], dim=-1)


def has_triton(device: torch.device) -> bool:
    """Whether the kernels of `ops.gpu` run on a device; torch brings Triton along for CUDA on Linux."""
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


def _gathered(values: Tensor, field: Tensor, size: Sequence[int], patch: Patch, agreed: bool) -> Tensor:
    """The votes "mean" and "agreed" in tensor operations, for devices without our kernels."""
    _, height, width = values.shape[1:]
    flat = values.flatten(1)
    times, rows, columns = field.shape[:3]
    # Which pixel of `values` each voter names, and where it has none because its patch would stick out, -1.
    named = torch.full((math.prod(patch), *size), -1, dtype=torch.int64, device=values.device)
    for n, (dt, dy, dx) in enumerate(itertools.product(*map(range, patch))):
        pixel = ((field[..., 0] + dt) * height + field[..., 1] + dy) * width + field[..., 2] + dx
        named[n, dt : dt + times, dy : dy + rows, dx : dx + columns] = pixel
    total = torch.zeros(len(flat), *size, device=values.device)
    for pixel in named:
        total += torch.where(pixel >= 0, flat[:, pixel.clamp(min=0)], 0.0)
    count = (named >= 0).sum(0)
    if not agreed:
        return total / count
    named = named.sort(dim=0).values
    run = torch.zeros(tuple(size), dtype=torch.int64, device=values.device)
    most, winner, before = torch.zeros_like(run), torch.zeros_like(run), torch.full_like(run, -1)
    for pixel in named:
        run = torch.where(pixel == before, run + 1, 1) * (pixel >= 0)
        winner, most = torch.where(run > most, pixel, winner), torch.maximum(run, most)
        before = pixel
    share = (2 * most / count).clamp(max=1)
    return share * flat[:, winner] + (1 - share) * total / count
