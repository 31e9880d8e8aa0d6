"""Nearest patches: for every patch of one picture the most similar patch of another.

Two searches share one signature, `(queries, keys, patch) -> Field`: `exact` compares every pair, in chunks that
fit a memory budget, and is the oracle; `patchmatch` compares a few dozen candidates per position. Neither holds
all patches at once. The distance of two patches is the mean squared difference of their numbers, so it does not
grow with patch size or channel count; a channel counts more when the caller scales it in both pictures.

Both take a weight per key, and minimise weight * distance. `completeness_weight` makes the weight of the bidirectional
similarity: d(q, k) / (alpha + min_q' d(q', k)). A key that no query resembles gets a small weight, so it becomes
attractive and finds a place in the result.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.patches import Patch, grid, unfold

MEMORY_BUDGET = 256 * 2**20
"""Bytes that one chunk of the exact search may take."""


@dataclass(frozen=True)
class Field:
    """A nearest-neighbour field over the patch grid of the queries.

    index: (t, h, w) int64, position in the patch grid of the keys, row by row.
    distance: (t, h, w) float32, mean squared difference of the two patches (without any weight).
    """

    index: Tensor
    distance: Tensor


Search = Callable[..., Field]
"""`search(queries, keys, patch, *, weight=None, start=None, seed=0) -> Field`."""


def exact(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    *,
    weight: Tensor | None = None,
    start: Tensor | None = None,
    seed: int = 0,
    budget: int = MEMORY_BUDGET,
) -> Field:
    """Compare every query patch with every key patch, as chunked matrix products. Any device.

    Args:
        queries: (C, T, H, W) float32.
        keys: (C, T', H', W') float32.
        patch: (t, h, w).
        weight: (t', h', w') positive factor per key position, or None for 1.
        start, seed: not needed here; accepted so that both searches are called alike.
        budget: bytes of the largest chunk.

    Returns:
        The field; among equally near keys the first.
    """
    del start, seed
    query_grid, key_grid = _grids(queries, keys, patch, weight)
    query_rows, key_rows = _chunks(queries, keys, patch, budget)
    # |q|^2 + |k|^2 - 2 q.k cancels badly far from the origin: move it into the middle of the keys.
    centre = keys.mean(dim=(1, 2, 3), keepdim=True)
    queries, keys = queries - centre, keys - centre
    best_index = torch.empty(math.prod(query_grid), dtype=torch.int64, device=queries.device)
    best_score = torch.full((math.prod(query_grid),), math.inf, device=queries.device)
    distance = torch.empty_like(best_score)
    w_k = torch.ones(math.prod(key_grid), device=keys.device) if weight is None else weight.flatten()
    for q_at, q_nd in _blocks(queries, patch, query_rows):
        some = slice(q_at, q_at + len(q_nd))
        q_square = q_nd.square().sum(1, keepdim=True)
        for k_at, k_nd in _blocks(keys, patch, key_rows):
            w = w_k[k_at : k_at + len(k_nd)]
            gaps = torch.addmm(q_square + k_nd.square().sum(1), q_nd, k_nd.T, alpha=-2)
            score, nearest = gaps.clamp_(min=0).mul_(w).min(dim=1)
            better = score < best_score[some]
            best_score[some] = torch.where(better, score, best_score[some])
            best_index[some] = torch.where(better, nearest + k_at, best_index[some])
        # And it cancels for near patches anyway: measure the winners again, directly.
        distance[some] = _direct(q_nd, keys, patch, best_index[some])
    return Field(best_index.reshape(query_grid), distance.reshape(query_grid))


def patchmatch(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    *,
    weight: Tensor | None = None,
    start: Tensor | None = None,
    seed: int = 0,
    steps: Sequence[int] = (8, 4, 2, 1, 2, 1),
) -> Field:
    """Improve a field by race-free sweeps: ask neighbours `step` positions away, then random keys. CPU.

    The result depends on the arguments alone, not on the number of threads. Source: Barnes et al., "PatchMatch:
    a randomized correspondence algorithm for structural image editing", 2009; the sweeps jump as in Rong and Tan,
    "Jump flooding in GPU with applications to Voronoi diagram and distance transform", 2006.

    Args:
        queries: (C, T, H, W) float32 on the CPU.
        keys: (C, T', H', W') float32 on the CPU.
        patch: (t, h, w).
        weight: (t', h', w') positive factor per key position, or None for 1.
        start: (t, h, w) int64 field to begin from, or None for a random one.
        seed: of the random start and the random candidates.
        steps: neighbour distance of each sweep.

    Raises:
        ValueError: shapes do not fit, or the tensors are not on the CPU.
    """
    query_grid, key_grid = _grids(queries, keys, patch, weight)
    if queries.device.type != "cpu" or keys.device.type != "cpu":
        raise ValueError(
            f"the patchmatch search runs on the CPU, got tensors on {queries.device}: move them, or search exactly"
        )
    if start is not None and tuple(start.shape) != query_grid:
        raise ValueError(f"the starting field has shape {tuple(start.shape)}, the query grid is {query_grid}")
    from gestalt.ops import kernels

    count = math.prod(key_grid)
    if start is not None and not 0 <= int(start.min()) <= int(start.max()) < count:
        raise ValueError(f"the starting field points outside the {count} key positions")
    padding = (0, -queries.shape[0] % 4)  # zeros add nothing to a distance, and whole vectors are faster
    query, key = (F.pad(x.movedim(0, -1), padding).contiguous().numpy() for x in (queries, keys))
    w_k = torch.ones(count) if weight is None else weight.flatten()
    index = kernels.random_field(query_grid, count, seed) if start is None else start.contiguous().numpy()
    score = kernels.differences(query, key, patch, index, key_grid) * w_k.numpy()[index]
    for n, step in enumerate(steps):
        index, score = kernels.sweep(
            query, key, patch, w_k.numpy(), index, score, key_grid, step, seed * len(steps) + n + 1
        )
    best = torch.from_numpy(index)
    numbers = queries.shape[0] * math.prod(patch)
    return Field(best, torch.from_numpy(score) / w_k[best] / numbers)


def completeness_weight(missed: Field, alpha: float) -> Tensor:
    """Weigh each key by how far it is from every query: 1 / (alpha + min_q d(q, k)).

    Args:
        missed: the field of a search from keys to queries.
        alpha: > 0, in units of the distance; a small one presses every key patch into the result.

    Returns:
        The weight (t', h', w') over the key grid, for the search from queries to keys.
    """
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, got {alpha}")
    return 1 / (alpha + missed.distance)


def carry(index: Tensor, before: tuple[Patch, Patch], now: tuple[Patch, Patch]) -> Tensor:
    """Enlarge a field from one pyramid level to the next, to start the next search from.

    Args:
        index: (t, h, w) int64 field of the level before.
        before: its query grid and key grid.
        now: the grids of the new level.

    Returns:
        The field over the new query grid: each position takes the match of the old position under it, scaled, and
        shifted by its own place inside that position.
    """
    (query_before, key_before), (query_now, key_now) = before, now
    matches = (
        index // (key_before[1] * key_before[2]),
        index // key_before[2] % key_before[1],
        index % key_before[2],
    )
    centres = [(torch.arange(n) + 0.5) * b / n for n, b in zip(query_now, query_before, strict=True)]
    under = [c.floor().long().clamp(max=b - 1) for c, b in zip(centres, query_before, strict=True)]
    carried = torch.zeros(query_now, dtype=torch.int64)
    for axis, match in enumerate(matches):
        shape = [-1 if a == axis else 1 for a in range(3)]
        inside = (centres[axis] - under[axis]).view(shape)
        taken = match[under[0]][:, under[1]][:, :, under[2]]
        place = ((taken + inside) * key_now[axis] / key_before[axis]).floor().long()
        carried = carried * key_now[axis] + place.clamp(0, key_now[axis] - 1)
    return carried


def _grids(queries: Tensor, keys: Tensor, patch: Patch, weight: Tensor | None) -> tuple[Patch, Patch]:
    if queries.ndim != 4 or keys.ndim != 4 or queries.shape[0] != keys.shape[0]:
        raise ValueError(
            f"expected two tensors (C, T, H, W) with equal C, got {tuple(queries.shape)} and {tuple(keys.shape)}"
        )
    query_grid, key_grid = grid(queries.shape[1:], patch), grid(keys.shape[1:], patch)
    if weight is not None and tuple(weight.shape) != key_grid:
        raise ValueError(f"the weight has shape {tuple(weight.shape)}, the key grid is {key_grid}")
    return query_grid, key_grid


def _chunks(queries: Tensor, keys: Tensor, patch: Patch, budget: int) -> tuple[int, int]:
    """How many grid rows of queries and of keys one chunk may hold: a third of the budget each, and for products."""
    width = queries.shape[0] * math.prod(patch)
    numbers = budget // 4 // 3
    query_columns, key_columns = (x.shape[3] - patch[2] + 1 for x in (queries, keys))
    side = max(1, int(math.sqrt(numbers)))
    per_chunk = max(1, min(numbers // width, side))
    return max(1, per_chunk // query_columns), max(1, per_chunk // key_columns)


def _blocks(x: Tensor, patch: Patch, rows: int):
    """Patches of `x` in runs of at most `rows` grid rows: (number of the first patch, patches (n, D))."""
    times, height, width = grid(x.shape[1:], patch)
    for t in range(times):
        for y in range(0, height, rows):
            some = min(rows, height - y)
            part = x[:, t : t + patch[0], y : y + some + patch[1] - 1]
            yield (t * height + y) * width, unfold(part, patch)


def _direct(q_nd: Tensor, keys: Tensor, patch: Patch, index: Tensor) -> Tensor:
    """Mean squared difference between queries (n, D) and the key patches at `index` (n,)."""
    _, height, width = grid(keys.shape[1:], patch)
    t, y, x = index // (height * width), index // width % height, index % width
    dt, dy, dx = torch.meshgrid(*(torch.arange(p, device=keys.device) for p in patch), indexing="ij")
    at = [a[:, None] + d.flatten() for a, d in ((t, dt), (y, dy), (x, dx))]
    chosen = keys[:, at[0], at[1], at[2]].movedim(0, 1).flatten(1)
    return (q_nd - chosen).square().mean(dim=1)
