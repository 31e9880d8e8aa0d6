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

from gestalt.ops import jumpflood
from gestalt.ops.patches import Patch, corners, cut, grid, unfold
from gestalt.ops.trees import Leaves, leaves, principal_features

MEMORY_BUDGET = 256 * 2**20
"""Bytes that one chunk of the exact search may take."""

QUERIES, KEYS = 4096, 1024
"""Patches in a chunk of the exact search, where the budget allows: their products stay in a cache of 32 MB."""


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

    The product alone says which key wins: with two more columns per patch, (q, |q|^2, 1) . (-2wk, w, w|k|^2) is
    w |q - k|^2. What remains is one pass for the smallest number of each block of keys, which is cheap, and, for each
    query, one more product with the block that held it, to see where.

    Args:
        queries: (C, T, H, W) float32.
        keys: (C, T', H', W') float32.
        patch: (t, h, w).
        weight: (t', h', w') positive factor per key position, or None for 1.
        start, seed: not needed here; accepted so that both searches are called alike.
        budget: bytes of the largest chunk.

    Returns:
        The field; among equally near keys the first, up to rounding.
    """
    del start, seed
    query_grid, key_grid = _grids(queries, keys, patch, weight)
    query_rows, key_rows = _chunks(queries, keys, patch, budget)
    # The product cancels badly far from the origin: move it into the middle of the keys.
    centre = keys.mean(dim=(1, 2, 3), keepdim=True)
    queries, keys = queries - centre, keys - centre
    best_index = torch.zeros(math.prod(query_grid), dtype=torch.int64, device=queries.device)
    distance = torch.empty(math.prod(query_grid), device=queries.device)
    w_k = torch.ones(math.prod(key_grid), device=keys.device) if weight is None else weight.flatten()
    # One buffer for all products: fresh memory for each would cost more than the product itself. And the keys are
    # kept as they go into the product, unless that takes too much.
    buffer = torch.empty(query_rows * query_grid[2] * key_rows * key_grid[2], device=queries.device)
    kept = 4 * math.prod(key_grid) * (keys.shape[0] * math.prod(patch) + 2) <= budget // 2
    factors = list(_key_factors(keys, patch, w_k, key_rows)) if kept else None
    for q_at, q_nd in _blocks(queries, patch, query_rows):
        q_nd2 = torch.cat([q_nd, q_nd.square().sum(1, keepdim=True), torch.ones_like(q_nd[:, :1])], dim=1)
        least = torch.full((len(q_nd),), math.inf, device=queries.device)
        block = torch.zeros(len(q_nd), dtype=torch.int64, device=queries.device)
        for n, (_, k_nd2) in enumerate(factors or _key_factors(keys, patch, w_k, key_rows)):
            scores = torch.mm(q_nd2, k_nd2.T, out=buffer[: len(q_nd) * len(k_nd2)].view(len(q_nd), len(k_nd2)))
            smallest = scores.amin(1)
            block[smallest < least] = n
            least = torch.minimum(least, smallest)
        nearest = best_index[q_at : q_at + len(q_nd)]
        for n, (k_at, k_nd2) in enumerate(factors or _key_factors(keys, patch, w_k, key_rows)):
            rows = (block == n).nonzero()[:, 0]
            nearest[rows] = (q_nd2[rows] @ k_nd2.T).argmin(1) + k_at
        # And it cancels for near patches anyway: measure the winners again, directly.
        distance[q_at : q_at + len(q_nd)] = (q_nd - cut(keys, nearest, patch)).square().mean(dim=1)
    return Field(best_index.reshape(query_grid), distance.reshape(query_grid))


def patchmatch(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    *,
    weight: Tensor | None = None,
    start: Tensor | None = None,
    seed: int = 0,
    sweeps: int = 4,
    trees: int = 1,
    reach: int | None = None,
) -> Field:
    """Improve a field by candidates that are likely near: from trees, from neighbours, and random ones. Any device.

    A search without `start` first compares each query with the members of its leaf in `trees` median-split trees
    (`ops.trees`). Then sweeps: on the CPU walks along rows (`ops.kernels.sweep`), elsewhere jump flooding
    (`ops.jumpflood`). The result depends on the arguments and the kind of device alone, not on the number of threads.

    Args:
        queries: (C, T, H, W) float32.
        keys: (C, T', H', W') float32, on the same device.
        patch: (t, h, w).
        weight: (t', h', w') positive factor per key position, or None for 1.
        start: (t, h, w) int64 field to begin from, or None.
        seed: of all chance.
        sweeps: how many.
        trees: how many, where there is no `start`.
        reach: distance in positions at which the random candidates begin; each further one has a quarter of it, and
            None is the whole picture.

    Raises:
        ValueError: shapes do not fit.

    References:
        Barnes, Shechtman, Finkelstein, Goldman: PatchMatch: A Randomized Correspondence Algorithm for Structural
            Image Editing. SIGGRAPH 2009.
    """
    query_grid, key_grid = _grids(queries, keys, patch, weight)
    if start is not None and tuple(start.shape) != query_grid:
        raise ValueError(f"the starting field has shape {tuple(start.shape)}, the query grid is {query_grid}")
    count = math.prod(key_grid)
    if start is not None and not 0 <= int(start.min()) <= int(start.max()) < count:
        raise ValueError(f"the starting field points outside the {count} key positions")
    planted = []
    if start is None and trees and count > 1:
        features = principal_features(queries, keys, patch, seed)
        planted = [leaves(*features, seed=seed * trees + n) for n in range(trees)]
    w_k = torch.ones(key_grid, device=keys.device) if weight is None else weight
    form = _walked if queries.device.type == "cpu" else _flooded
    reach = max(key_grid) if reach is None else min(reach, max(key_grid))
    field, difference = form(queries, keys, patch, w_k, start, planted, sweeps, reach, seed)
    index = (field[..., 0] * key_grid[1] + field[..., 1]) * key_grid[2] + field[..., 2]
    return Field(index, difference / (queries.shape[0] * math.prod(patch)))


def _walked(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    weight: Tensor,
    start: Tensor | None,
    planted: Sequence[Leaves],
    sweeps: int,
    reach: int,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """The sweeps by the numba kernels: field (t, h, w, 3) and sums of squared differences (t, h, w)."""
    from gestalt.ops import kernels

    padding = (0, -queries.shape[0] % 4)  # zeros add nothing to a distance, and whole vectors are faster
    query, key = (F.pad(x.movedim(0, -1), padding).contiguous().numpy() for x in (queries, keys))
    query_grid, key_grid = grid(queries.shape[1:], patch), grid(keys.shape[1:], patch)
    w = weight.contiguous().numpy()
    if start is None:
        field = kernels.random_field(query_grid, key_grid, seed)
    else:
        field = corners(start, key_grid).int().numpy()
    difference = kernels.differences(query, key, patch, field)
    for tree in planted:
        members, leaf = tree.members.contiguous().numpy(), tree.leaf.contiguous().numpy()
        field, difference = kernels.compare_members(query, key, patch, w, field, difference, members, leaf)
    for n in range(sweeps):
        chance, way = seed * sweeps + n + 1, 1 if n % 2 == 0 else -1
        field, difference = kernels.sweep(query, key, patch, w, field, difference, way, reach, chance)
    return torch.from_numpy(field).long(), torch.from_numpy(difference)


def _flooded(
    queries: Tensor,
    keys: Tensor,
    patch: Patch,
    weight: Tensor,
    start: Tensor | None,
    planted: Sequence[Leaves],
    sweeps: int,
    reach: int,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """The same by jump flooding; since a walk carries a match along its whole row, each sweep is a round of steps."""
    query_grid, key_grid = grid(queries.shape[1:], patch), grid(keys.shape[1:], patch)
    if start is None:
        field = jumpflood.random_field(query_grid, key_grid, seed, queries.device)
    else:
        field = corners(start, key_grid)
    difference = jumpflood.differences(queries, keys, patch, field)
    for tree in planted:
        field, difference = jumpflood.compare_members(queries, keys, patch, weight, field, difference, *tree)
    steps = jumpflood.STEPS * sweeps
    for n, step in enumerate(steps, seed * len(steps) + 1):
        field, difference = jumpflood.sweep(queries, keys, patch, weight, field, difference, step, reach, n)
    return field, difference


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
    matches = corners(index, key_before).unbind(-1)
    centres = [
        (torch.arange(n, device=index.device) + 0.5) * b / n for n, b in zip(query_now, query_before, strict=True)
    ]
    under = [c.floor().long().clamp(max=b - 1) for c, b in zip(centres, query_before, strict=True)]
    carried = torch.zeros(query_now, dtype=torch.int64, device=index.device)
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
    """How many grid rows of queries and of keys one chunk may hold, so that products stay in the cache."""
    width = queries.shape[0] * math.prod(patch) + 2
    numbers = budget // 4 // 3
    query_columns, key_columns = (x.shape[3] - patch[2] + 1 for x in (queries, keys))
    per_chunk = max(1, min(numbers // width, math.isqrt(numbers)))
    return max(1, min(per_chunk, QUERIES) // query_columns), max(1, min(per_chunk, KEYS) // key_columns)


def _key_factors(keys: Tensor, patch: Patch, w_k: Tensor, rows: int):
    """Blocks of the keys as they go into the product: (number of the first, (-2wk, w, w|k|^2))."""
    for at, k_nd in _blocks(keys, patch, rows):
        w = w_k[at : at + len(k_nd), None]
        yield at, torch.cat([-2 * w * k_nd, w, w * k_nd.square().sum(1, keepdim=True)], dim=1)


def _blocks(x: Tensor, patch: Patch, rows: int):
    """Patches of `x` in runs of at most `rows` grid rows: (number of the first patch, patches (n, D))."""
    times, height, width = grid(x.shape[1:], patch)
    for t in range(times):
        for y in range(0, height, rows):
            some = min(rows, height - y)
            part = x[:, t : t + patch[0], y : y + some + patch[1] - 1]
            yield (t * height + y) * width, unfold(part, patch)
