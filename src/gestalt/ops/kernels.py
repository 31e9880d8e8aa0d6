"""The numba kernels behind `ops.nearest` and `ops.patches.vote`: CPU, float32, channels last, three spatial axes.

Pictures are (T, H, W, C) arrays, C-contiguous, fastest with C a multiple of four (`ops.nearest` pads with zeros);
a patch is (t, h, w). A field is an int32 array (t, h, w, 3) over the query grid: the corner of the key patch that each
query patch points at. Every kernel writes each output element from one iteration of its outer loop and reads only its
inputs and what that same iteration wrote, so one and two threads give equal bytes. Compiled code is cached beside this
file, or in the user's cache folder where that cannot be written.
"""

import numpy as np
from numba import njit, prange

BAND = 16
"""Grid rows that one iteration of a sweep walks through; fixed, so that results do not depend on the threads."""

_NEVER = np.float32(np.inf)

# Sums may be reordered (that is what lets them vectorise); infinities must stay what they are.
_FAST = {"reassoc", "contract", "nsz"}


@njit(fastmath=_FAST)
def _difference(query, q0, query_size, keys, k0, key_size, block, limit):
    """Sum of squared differences of two blocks of pixels at corners `q0` and `k0`, given up once it exceeds `limit`.

    Pictures come flat, with the size (T, H, W, C) beside. Along a row of a block both hold w * C contiguous numbers;
    unsigned indices spare the check for negative ones, without which this loop would not vectorise.
    """
    total = np.float32(0.0)
    run = block[2] * query_size[3]
    for dt in range(block[0]):
        for dy in range(block[1]):
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
def _below(number, size):
    """An integer from 0 to size - 1, from the upper half of a random 64-bit number; a product costs no division."""
    return np.int64(((number >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


@njit(inline="always")
def _clip(value, top):
    return min(max(value, 0), top)


@njit(parallel=True, fastmath=_FAST, cache=True)
def random_field(shape, grid, seed):
    """A field (t, h, w, 3) of corners in a key grid, uniform at random."""
    field = np.empty((*shape, 3), np.int32)
    flat = field.reshape(-1, 3)
    for p in prange(flat.shape[0]):
        for axis in range(3):
            flat[p, axis] = _below(_random(seed, p, axis), grid[axis])
    return field


@njit(parallel=True, fastmath=_FAST, cache=True)
def differences(query, keys, patch, field):
    """(t, h, w): sum of squared differences between each query patch and the key patch that the field names."""
    times, rows, columns, _ = field.shape
    out = np.empty((times, rows, columns), np.float32)
    query_size, key_size = query.shape, keys.shape
    query, keys = query.reshape(-1), keys.reshape(-1)
    for row in prange(times * rows):
        t, y = row // rows, row % rows
        for x in range(columns):
            corner = (np.int64(field[t, y, x, 0]), np.int64(field[t, y, x, 1]), np.int64(field[t, y, x, 2]))
            out[t, y, x] = _difference(query, (t, y, x), query_size, keys, corner, key_size, patch, _NEVER)
    return out


@njit(parallel=True, fastmath=_FAST, cache=True)
def sweep(query, keys, patch, weight, field, difference, way, radius, seed):
    """One PatchMatch sweep: every position tries its neighbours' matches, shifted, and random ones near its best.

    Rows are walked in bands, forward (`way` 1) or backward (-1). Inside a band a position follows the new matches of
    the two neighbours just passed, so a good match runs along it in one sweep; beyond the band, and between frames,
    it follows the old ones. A followed match shares most of its patch with the neighbour's, so its difference is
    the neighbour's less the slab that left plus the slab that entered; only one that looks better is summed in full.

    Args:
        query, keys: (T, H, W, C) pictures; patch: (t, h, w).
        weight: (t', h', w') factor on the difference of each key position.
        field, difference: the old field and its unweighted sums of squared differences.
        way: 1 or -1.
        radius: of the first random candidate, in positions; each further one has a quarter of it, down to 1.
        seed: changes the random candidates.

    Returns:
        The new field and its differences; weight * difference is nowhere larger than before.
    """
    new_field, new_difference = field.copy(), difference.copy()
    times, rows, columns = difference.shape
    grid, query_size, key_size = weight.shape, query.shape, keys.shape
    query, keys = query.reshape(-1), keys.reshape(-1)
    # The slabs by which a patch differs from the one a row above (axis 1) or a column to its left (axis 2).
    slab_y, slab_x = (patch[0], 1, patch[2]), (patch[0], patch[1], 1)
    bands = (rows + BAND - 1) // BAND
    for band in prange(times * bands):
        t, top = band // bands, band % bands * BAND
        end = min(rows, top + BAND)
        for j in range(end - top):
            y = top + j if way > 0 else end - 1 - j
            for i in range(columns):
                x = i if way > 0 else columns - 1 - i
                here = (t, y, x)
                k = (np.int64(field[t, y, x, 0]), np.int64(field[t, y, x, 1]), np.int64(field[t, y, x, 2]))
                best, unweighted = k, difference[t, y, x]
                least = unweighted * weight[k]
                for axis in range(3):
                    nt, ny, nx = t - way * (axis == 0), y - way * (axis == 1), x - way * (axis == 2)
                    if not (0 <= nt < times and 0 <= ny < rows and 0 <= nx < columns):
                        continue
                    passed = nt == t and top <= ny < end
                    followed = new_field if passed else field
                    kt = np.int64(followed[nt, ny, nx, 0]) + way * (axis == 0)
                    ky = np.int64(followed[nt, ny, nx, 1]) + way * (axis == 1)
                    kx = np.int64(followed[nt, ny, nx, 2]) + way * (axis == 2)
                    if not (0 <= kt < grid[0] and 0 <= ky < grid[1] and 0 <= kx < grid[2]):
                        continue
                    k = (kt, ky, kx)
                    if k == best:
                        continue
                    if axis > 0:
                        estimate = new_difference[nt, ny, nx] if passed else difference[nt, ny, nx]
                        slab = slab_y if axis == 1 else slab_x
                        # Corners of the slab that entered, and of the one that left; backward they swap sides.
                        far = patch[axis] - 1 if way > 0 else 0
                        gone = -1 if way > 0 else patch[axis]
                        fy, fx, gy, gx = far * (axis == 1), far * (axis == 2), gone * (axis == 1), gone * (axis == 2)
                        q, c = (t, y + fy, x + fx), (kt, ky + fy, kx + fx)
                        estimate += _difference(query, q, query_size, keys, c, key_size, slab, _NEVER)
                        q, c = (t, y + gy, x + gx), (kt, ky + gy, kx + gx)
                        estimate -= _difference(query, q, query_size, keys, c, key_size, slab, _NEVER)
                        if weight[k] * estimate >= least:
                            continue
                    found = _difference(query, here, query_size, keys, k, key_size, patch, least / weight[k])
                    if weight[k] * found < least:
                        best, unweighted, least = k, found, weight[k] * found
                reach, draw = radius, 0
                while reach >= 1:
                    p = (t * rows + y) * columns + x
                    kt = _clip(best[0] + _below(_random(seed, p, draw), 2 * reach + 1) - reach, grid[0] - 1)
                    ky = _clip(best[1] + _below(_random(seed, p, draw + 1), 2 * reach + 1) - reach, grid[1] - 1)
                    kx = _clip(best[2] + _below(_random(seed, p, draw + 2), 2 * reach + 1) - reach, grid[2] - 1)
                    k = (kt, ky, kx)
                    if k != best:
                        found = _difference(query, here, query_size, keys, k, key_size, patch, least / weight[k])
                        if weight[k] * found < least:
                            best, unweighted, least = k, found, weight[k] * found
                    reach, draw = reach // 4, draw + 3
                for axis in range(3):
                    new_field[t, y, x, axis] = best[axis]
                new_difference[t, y, x] = unweighted
    return new_field, new_difference


@njit(parallel=True, fastmath=_FAST, cache=True)
def compare_members(query, keys, patch, weight, field, difference, members, leaf):
    """Compare every query patch with the key patches of its leaf.

    Args:
        members: (leaves, n) key positions, numbered row by row.
        leaf: (t, h, w), the leaf of each query position.
        The others: as for `sweep`.

    Returns:
        The new field and its differences; weight * difference is nowhere larger than before.
    """
    new_field, new_difference = field.copy(), difference.copy()
    times, rows, columns = difference.shape
    grid, query_size, key_size = weight.shape, query.shape, keys.shape
    query, keys = query.reshape(-1), keys.reshape(-1)
    for row in prange(times * rows):
        t, y = row // rows, row % rows
        for x in range(columns):
            k = (np.int64(field[t, y, x, 0]), np.int64(field[t, y, x, 1]), np.int64(field[t, y, x, 2]))
            best, unweighted = k, difference[t, y, x]
            least = unweighted * weight[k]
            for member in members[leaf[t, y, x]]:
                k = (member // (grid[1] * grid[2]), member // grid[2] % grid[1], member % grid[2])
                found = _difference(query, (t, y, x), query_size, keys, k, key_size, patch, least / weight[k])
                if weight[k] * found < least:
                    best, unweighted, least = k, found, weight[k] * found
            for axis in range(3):
                new_field[t, y, x, axis] = best[axis]
            new_difference[t, y, x] = unweighted
    return new_field, new_difference


@njit(inline="always")
def _voters(length, patch, at):
    """First and last grid position whose patch covers pixel `at` of an axis with `length` positions."""
    return max(0, at - patch + 1), min(at, length - 1)


@njit(parallel=True, fastmath=_FAST, cache=True)
def vote_mean(values, field, patch):
    """Mean over all patches that cover a pixel; `ops.patches.vote` has the contract."""
    positions, channels = field.shape[:3], values.shape[3]
    size = (positions[0] + patch[0] - 1, positions[1] + patch[1] - 1, positions[2] + patch[2] - 1)
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
                        k = field[gt, gy, gx]
                        source = values[k[0] + t - gt, k[1] + y - gy, k[2] + x - gx]
                        for c in range(channels):
                            total[c] += source[c]
            count = np.float32((t1 - t0 + 1) * (y1 - y0 + 1) * (x1 - x0 + 1))
            for c in range(channels):
                out[t, y, x, c] = total[c] / count
    return out


@njit(parallel=True, cache=True)
def vote_median(values, field, patch):
    """Median, channel by channel, over all patches that cover a pixel; `ops.patches.vote` has the contract."""
    positions, channels = field.shape[:3], values.shape[3]
    size = (positions[0] + patch[0] - 1, positions[1] + patch[1] - 1, positions[2] + patch[2] - 1)
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
                        k = field[gt, gy, gx]
                        source = values[k[0] + t - gt, k[1] + y - gy, k[2] + x - gx]
                        for c in range(channels):
                            votes[c, count] = source[c]
                        count += 1
            for c in range(channels):
                out[t, y, x, c] = np.median(votes[c, :count])
    return out


@njit(parallel=True, fastmath=_FAST, cache=True)
def vote_agreed(values, field, patch):
    """The source pixel that most patches covering a pixel agree on, mixed with their mean as far as they do not.

    `ops.patches.vote` has the contract.
    """
    positions, channels = field.shape[:3], values.shape[3]
    size = (positions[0] + patch[0] - 1, positions[1] + patch[1] - 1, positions[2] + patch[2] - 1)
    height, width = values.shape[1:3]
    flat = values.reshape(-1, channels)
    out = np.empty((*size, channels), np.float32)
    for row in prange(size[0] * size[1]):
        t, y = row // size[1], row % size[1]
        t0, t1 = _voters(positions[0], patch[0], t)
        y0, y1 = _voters(positions[1], patch[1], y)
        named = np.empty(patch[0] * patch[1] * patch[2], np.int64)
        times = np.empty(patch[0] * patch[1] * patch[2], np.int64)
        for x in range(size[2]):
            x0, x1 = _voters(positions[2], patch[2], x)
            different = 0
            for gt in range(t0, t1 + 1):
                for gy in range(y0, y1 + 1):
                    for gx in range(x0, x1 + 1):
                        k = field[gt, gy, gx]
                        pixel = ((k[0] + t - gt) * height + k[1] + y - gy) * width + k[2] + x - gx
                        n = 0
                        while n < different and named[n] != pixel:
                            n += 1
                        if n == different:
                            named[n], times[n] = pixel, 0
                            different += 1
                        times[n] += 1
            winner, count = 0, 0
            for n in range(different):
                count += times[n]
                if times[n] > times[winner] or (times[n] == times[winner] and named[n] < named[winner]):
                    winner = n
            share = min(np.float32(1.0), np.float32(2 * times[winner]) / np.float32(count))
            for c in range(channels):
                total = np.float32(0.0)
                for n in range(different):
                    total += np.float32(times[n]) * flat[named[n], c]
                out[t, y, x, c] = share * flat[named[winner], c] + (1 - share) * total / np.float32(count)
    return out
