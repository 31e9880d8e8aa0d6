"""PatchMatch by jump flooding, in plain tensor operations: the form for GPUs, where a walk along rows would crawl.

In each sweep all positions at once try the matches of their neighbours `step` positions away, shifted back, and random
keys near their best. Distances are summed pixel by pixel of the patch, so no patches are ever built: one candidate
costs one read of its patch, by `ops.gpu` where there is Triton.

References:
    Barnes, Shechtman, Finkelstein, Goldman: PatchMatch: A Randomized Correspondence Algorithm for Structural Image
        Editing. SIGGRAPH 2009.
    Rong, Tan: Jump Flooding in GPU with Applications to Voronoi Diagram and Distance Transform. I3D 2006.
"""

import itertools

import torch
from torch import Tensor

from gestalt.ops.patches import Patch, grid, has_triton

STEPS = (8, 4, 2, 1)
"""Distances to the neighbours that are asked, in positions, one after another in each round."""


def differences(queries: Tensor, keys: Tensor, patch: Patch, field: Tensor) -> Tensor:
    """Sum of squared differences between each query patch and the key patch that the field names.

    Args:
        queries: (C, T, H, W).
        keys: (C, T', H', W').
        patch: (t, h, w).
        field: (t, h, w, 3) int64 corners in the key grid.

    Returns:
        (t, h, w).
    """
    times, rows, columns = field.shape[:3]
    _, height, width = keys.shape[1:]
    corner = (field[..., 0] * height + field[..., 1]) * width + field[..., 2]
    if has_triton(queries.device):
        from gestalt.ops import gpu

        return gpu.differences(queries, keys, patch, corner)
    query_last, keys_nc = queries.movedim(0, -1), keys.flatten(1).T.contiguous()
    total = torch.zeros(field.shape[:3], dtype=queries.dtype, device=queries.device)
    for t, y, x in itertools.product(*map(range, patch)):
        ours = query_last[t : t + times, y : y + rows, x : x + columns]
        total += (ours - keys_nc[corner + (t * height + y) * width + x]).square().sum(-1)
    return total


def sweep(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    weight: Tensor,
    field: Tensor,
    difference: Tensor,
    step: int,
    radius: int,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """One sweep over all positions at once.

    Args:
        queries, keys: (C, T, H, W) and (C, T', H', W'); patch: (t, h, w).
        weight: (t', h', w') factor on the difference of each key position.
        field, difference: (t, h, w, 3) int64 and (t, h, w), the old field and its unweighted differences.
        step: distance to the neighbours.
        radius: of the first random candidate; each further one has a quarter of it, down to 1.
        seed: of the random candidates.

    Returns:
        The new field and its differences; weight * difference is nowhere larger than before.
    """
    top = torch.tensor(grid(keys.shape[1:], patch), device=keys.device) - 1
    asked = field
    for axis, way in itertools.product(range(3), (step, -step)):
        if field.shape[axis] <= abs(way):
            continue
        followed = asked.roll(way, dims=axis)
        followed = torch.cat([followed[..., :axis], followed[..., axis, None] + way, followed[..., axis + 1 :]], dim=-1)
        field, difference = _keep_better(
            queries, keys, patch, weight, field, difference, followed.clamp(min=0).min(top)
        )
    draw = 0
    while radius >= 1:
        offset = torch.stack(
            [_random(field.shape[:3], 2 * radius + 1, seed, draw + n, field.device) for n in range(3)], -1
        )
        near = (field + offset - radius).clamp(min=0).min(top)
        field, difference = _keep_better(queries, keys, patch, weight, field, difference, near)
        radius, draw = radius // 4, draw + 3
    return field, difference


def compare_members(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    weight: Tensor,
    field: Tensor,
    difference: Tensor,
    members: Tensor,
    leaf: Tensor,
) -> tuple[Tensor, Tensor]:
    """Compare every query patch with the key patches of its leaf (`ops.trees`); returns as `sweep` does."""
    _, rows, columns = grid(keys.shape[1:], patch)
    for n in range(members.shape[1]):
        member = members[leaf, n]
        corner = torch.stack([member // (rows * columns), member // columns % rows, member % columns], dim=-1)
        field, difference = _keep_better(queries, keys, patch, weight, field, difference, corner)
    return field, difference


def random_field(shape: tuple[int, int, int], key_grid: Patch, seed: int, device: torch.device) -> Tensor:
    """A field (t, h, w, 3) of corners in a key grid, uniform at random."""
    return torch.stack([_random(shape, size, seed, axis, device) for axis, size in enumerate(key_grid)], dim=-1)


def _keep_better(
    queries: Tensor, keys: Tensor, patch: Patch, weight: Tensor, field: Tensor, difference: Tensor, candidate: Tensor
) -> tuple[Tensor, Tensor]:
    found = differences(queries, keys, patch, candidate)
    better = weight[tuple(candidate.unbind(-1))] * found < weight[tuple(field.unbind(-1))] * difference
    return torch.where(better[..., None], candidate, field), torch.where(better, found, difference)


def _random(shape: tuple[int, ...] | torch.Size, below: int, seed: int, draw: int, device: torch.device) -> Tensor:
    """Integers in [0, below) hashed from position, seed and draw (splitmix64), the same on every device."""
    z = torch.arange(shape[0] * shape[1] * shape[2], device=device) + _signed(seed * 0x9E3779B97F4A7C15)
    z = z * _signed(0xD1342543DE82EF95) + draw
    z = (z ^ _right(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _right(z, 27)) * _signed(0x94D049BB133111EB)
    z = z ^ _right(z, 31)
    return (_right(z, 32) * below >> 32).reshape(shape)


def _right(z: Tensor, bits: int) -> Tensor:
    """Shift right as if unsigned."""
    return (z >> bits) & (2 ** (64 - bits) - 1)


def _signed(number: int) -> int:
    """The signed 64-bit integer with the same bits."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number
