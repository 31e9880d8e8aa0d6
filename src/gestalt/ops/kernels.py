"""The numba kernels behind `ops.nearest` and `ops.patches.vote`: CPU, float32, channels last, three spatial axes.

Pictures are (T, H, W, C) arrays, C-contiguous, fastest with C a multiple of four (`ops.nearest` pads with zeros);
a patch is (t, h, w); a position in a patch grid is one number, row by row. Every kernel writes each output element
from one iteration of its outer loop and reads only its inputs, so one and two threads give equal bytes. Compiled code
is cached beside this file, or in the user's cache folder where that cannot be written.
"""

import numpy as np
from numba import njit, prange

_NEVER = np.float32(np.inf)

# Sums may be reordered (that is what lets them vectorise); infinities must stay what they are.
_FAST = {"reassoc", "contract", "nsz"}


@njit(fastmath=_FAST)
def _difference(query, q0, query_size, keys, k0, key_size, patch, limit):
    """Sum of squared differences of two patches at corners `q0` and `k0`, given up once it exceeds `limit`.

    Pictures come flat, with the size (T, H, W, C) beside. Along a row of a patch both hold w * C contiguous numbers;
    unsigned indices spare the check for negative ones, without which this loop would not vectorise.
    """
    total = np.float32(0.0)
    run = patch[2] * query_size[3]
    for dt in range(patch[0]):
        for dy in range(patch[1]):
            a = np.uintp((((q0[0] + dt) * query_size[1] + q0[1] + dy) * query_size[2] + q0[2]) * query_size[3])
            b = np.uintp((((k0[0] + dt) * key_size[1] + k0[1] + dy) * key_size[2] + k0[2]) * key_size[3])
            row = np.float32(0.0)
            for i in range(run):
                gap = query[a + np.uintp(i)] - keys[b + np.uintp(i)]
                row += gap * gap
            total += row
            if total > limit:
                return _NEVER
    return total


@njit(inline="always")
def _random(seed, position, draw):
    """A number hashed from three (splitmix64 finaliser): the same whatever thread asks, in any order."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(position)
    z = z * np.uint64(0xD1342543DE82EF95) + np.uint64(draw)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(inline="always")
def _within(value, size):
    return np.int64((value >> np.uint64(16)) % np.uint64(size))


@njit(inline="always")
def _clip(value, top):
    return min(max(value, 0), top)


@njit(parallel=True, fastmath=_FAST, cache=True)
def random_field(shape, keys, seed):
    """An index field (t, h, w) of positions in a grid of `keys` positions, uniform at random."""
    index = np.empty(shape, np.int64)
    flat = index.reshape(-1)
    for p in prange(flat.size):
        flat[p] = _within(_random(seed, p, 0), keys)
    return index


@njit(parallel=True, fastmath=_FAST, cache=True)
def differences(query, keys, patch, index, grid):
    """Sum of squared differences between each query patch and the key patch that `index` (t, h, w) names."""
    out = np.empty(index.shape, np.float32)
    query_size, key_size = query.shape, keys.shape
    query, keys = query.reshape(-1), keys.reshape(-1)
    for row in prange(index.shape[0] * index.shape[1]):
        t, y = row // index.shape[1], row % index.shape[1]
        for x in range(index.shape[2]):
            k = index[t, y, x]
            corner = (k // (grid[1] * grid[2]), k // grid[2] % grid[1], k % grid[2])
            out[t, y, x] = _difference(query, (t, y, x), query_size, keys, corner, key_size, patch, _NEVER)
    return out


@njit(parallel=True, fastmath=_FAST, cache=True)
def sweep(query, keys, patch, weight, index, score, grid, step, seed):
    """One PatchMatch sweep: every position tries its neighbours' matches, shifted, and random ones near its best.

    Reads the old field and writes a new one, so the order of positions does not matter.

    Args:
        query, keys: (T, H, W, C) pictures; patch: (t, h, w).
        weight: (K,) factor on the difference of each key position, K the size of `grid`.
        index, score: (t, h, w) old field: key position and weight * difference.
        grid: (3,) key patch grid.
        step: distance in positions to the neighbours that are asked, along each axis.
        seed: changes the random candidates.

    Returns:
        index and score of the new field, nowhere worse than the old.
    """
    best_index, best_score = np.empty_like(index), np.empty_like(score)
    times, rows, columns = index.shape
    query_size, key_size = query.shape, keys.shape
    query, keys = query.reshape(-1), keys.reshape(-1)
    reach = max(grid[1], grid[2])
    for row in prange(times * rows):
        t, y = row // rows, row % rows
        for x in range(columns):
            best, least = index[t, y, x], score[t, y, x]
            for way in range(6):
                shift = step if way % 2 else -step
                dt, dy, dx = shift * (way // 2 == 0), shift * (way // 2 == 1), shift * (way // 2 == 2)
                if not (0 <= t + dt < times and 0 <= y + dy < rows and 0 <= x + dx < columns):
                    continue
                k = index[t + dt, y + dy, x + dx]
                kt, ky, kx = k // (grid[1] * grid[2]) - dt, k // grid[2] % grid[1] - dy, k % grid[2] - dx
                if not (0 <= kt < grid[0] and 0 <= ky < grid[1] and 0 <= kx < grid[2]):
                    continue
                k = (kt * grid[1] + ky) * grid[2] + kx
                if k == best:
                    continue
                corner, limit = (kt, ky, kx), least / weight[k]
                found = weight[k] * _difference(query, (t, y, x), query_size, keys, corner, key_size, patch, limit)
                if found < least:
                    best, least = k, found
            radius, draw = reach, 0
            while radius >= 1:
                bt, by, bx = best // (grid[1] * grid[2]), best // grid[2] % grid[1], best % grid[2]
                p = (t * rows + y) * columns + x
                kt = _clip(bt + _within(_random(seed, p, draw), 2 * radius + 1) - radius, grid[0] - 1)
                ky = _clip(by + _within(_random(seed, p, draw + 1), 2 * radius + 1) - radius, grid[1] - 1)
                kx = _clip(bx + _within(_random(seed, p, draw + 2), 2 * radius + 1) - radius, grid[2] - 1)
                k = (kt * grid[1] + ky) * grid[2] + kx
                if k != best:
                    corner, limit = (kt, ky, kx), least / weight[k]
                    found = weight[k] * _difference(query, (t, y, x), query_size, keys, corner, key_size, patch, limit)
                    if found < least:
                        best, least = k, found
                radius, draw = radius // 4, draw + 3
            best_index[t, y, x], best_score[t, y, x] = best, least
    return best_index, best_score


@njit(inline="always")
def _voters(length, patch, at):
    """First and last grid position whose patch covers pixel `at` of an axis with `length` positions."""
    return max(0, at - patch + 1), min(at, length - 1)


@njit(parallel=True, fastmath=_FAST, cache=True)
def vote_mean(values, index, patch):
    """Mean over all patches that cover a pixel; `ops.patches.vote` has the contract."""
    positions, channels = index.shape, values.shape[3]
    size = (positions[0] + patch[0] - 1, positions[1] + patch[1] - 1, positions[2] + patch[2] - 1)
    rows, columns = values.shape[1] - patch[1] + 1, values.shape[2] - patch[2] + 1
    out = np.empty((*size, channels), np.float32)
    for row in prange(size[0] * size[1]):
        t, y = row // size[1], row % size[1]
        t0, t1 = _voters(positions[0], patch[0], t)
        y0, y1 = _voters(positions[1], patch[1], y)
        total = np.empty(channels, np.float32)
        for x in range(size[2]):
            x0, x1 = _voters(positions[2], patch[2], x)
            total[:] = 0.0
            for gt in range(t0, t1 + 1):
                for gy in range(y0, y1 + 1):
                    for gx in range(x0, x1 + 1):
                        k = index[gt, gy, gx]
                        source = values[
                            k // (rows * columns) + t - gt, k // columns % rows + y - gy, k % columns + x - gx
                        ]
                        for c in range(channels):
                            total[c] += source[c]
            count = np.float32((t1 - t0 + 1) * (y1 - y0 + 1) * (x1 - x0 + 1))
            for c in range(channels):
                out[t, y, x, c] = total[c] / count
    return out


@njit(parallel=True, cache=True)
def vote_median(values, index, patch):
    """Median, channel by channel, over all patches that cover a pixel; `ops.patches.vote` has the contract."""
    positions, channels = index.shape, values.shape[3]
    size = (positions[0] + patch[0] - 1, positions[1] + patch[1] - 1, positions[2] + patch[2] - 1)
    rows, columns = values.shape[1] - patch[1] + 1, values.shape[2] - patch[2] + 1
    out = np.empty((*size, channels), np.float32)
    for row in prange(size[0] * size[1]):
        t, y = row // size[1], row % size[1]
        t0, t1 = _voters(positions[0], patch[0], t)
        y0, y1 = _voters(positions[1], patch[1], y)
        votes = np.empty((channels, patch[0] * patch[1] * patch[2]), np.float32)
        for x in range(size[2]):
            x0, x1 = _voters(positions[2], patch[2], x)
            count = 0
            for gt in range(t0, t1 + 1):
                for gy in range(y0, y1 + 1):
                    for gx in range(x0, x1 + 1):
                        k = index[gt, gy, gx]
                        source = values[
                            k // (rows * columns) + t - gt, k // columns % rows + y - gy, k % columns + x - gx
                        ]
                        for c in range(channels):
                            votes[c, count] = source[c]
                        count += 1
            for c in range(channels):
                out[t, y, x, c] = np.median(votes[c, :count])
    return out
