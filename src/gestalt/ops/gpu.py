"""The patch engine's inner loops for GPUs, in Triton: one pass where tensor operations would take hundreds.

Both keep their pictures with the channels last, padded to a power of two, so that a pixel is one load. A match is told
by the pixel of its patch's first corner, numbered row by row. `ops.jumpflood` and `ops.patches` say what is computed
and hold the same in tensor operations, for devices without Triton.

Floors: a candidate reads its patch of t h w pixels once, all of it from the cache where neighbours agree; a vote reads
t h w names a pixel, and compares all with all, since a sort would need more.
"""

# pyright: reportCallIssue=false, reportOperatorIssue=false
# What a Triton kernel is called with, and what its numbers are, no type checker knows.

import math

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.patches import Patch

POSITIONS, PIXELS = 128, 32
"""Positions of a search, and pixels of a vote, in each block."""


def differences(queries: Tensor, keys: Tensor, patch: Patch, corner: Tensor) -> Tensor:
    """`ops.jumpflood.differences`, for matches told by the pixel of their corner.

    Args:
        queries: (C, T, H, W) float32.
        keys: (C, T', H', W') float32.
        patch: (t, h, w).
        corner: (t, h, w) int64.

    Returns:
        (t, h, w).
    """
    total = torch.empty(corner.shape, dtype=torch.float32, device=corner.device)
    query, key = _channels_last(queries), _channels_last(keys)
    _differences[(triton.cdiv(corner.numel(), POSITIONS),)](
        query, key, corner.contiguous(), total, corner.numel(), *corner.shape[1:], *queries.shape[2:], *keys.shape[2:],
        *patch, query.shape[-1], POSITIONS,
    )  # fmt: skip
    return total


def vote(values: Tensor, corner: Tensor, patch: Patch, *, agreed: bool) -> Tensor:
    """`ops.patches.vote` by "agreed" or "mean", for matches told by the pixel of their corner.

    Args:
        values: (C, T', H', W') float32.
        corner: (t, h, w) int64.
        patch: (t, h, w).
        agreed: which of the two.

    Returns:
        (C, T, H, W).
    """
    size = tuple(n + p - 1 for n, p in zip(corner.shape, patch, strict=True))
    value = _channels_last(values)
    out = torch.empty(*size, value.shape[-1], device=values.device)
    voters = triton.next_power_of_2(math.prod(patch))
    _vote[(triton.cdiv(math.prod(size), PIXELS),)](
        value, corner.contiguous(), out, math.prod(size), *size[1:], *corner.shape, *values.shape[2:],
        *patch, value.shape[-1], voters, agreed, PIXELS,
    )  # fmt: skip
    return out[..., : len(values)].movedim(-1, 0).contiguous()


def _channels_last(x: Tensor) -> Tensor:
    """(C, T, H, W) -> (T, H, W, C'), C' a power of two; further channels are zero."""
    more = triton.next_power_of_2(x.shape[0]) - x.shape[0]
    return F.pad(x.movedim(0, -1), (0, more)).contiguous()


@triton.jit
def _differences(
    query, key, corner, total, positions, rows, columns,
    query_height, query_width, key_height, key_width,
    T: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_one = n < positions
    ours = (n // (rows * columns) * query_height + n // columns % rows) * query_width + n % columns
    theirs = tl.load(corner + n, mask=is_one, other=0).to(tl.int32)
    c = tl.arange(0, C)[None, :]
    found = tl.zeros([BLOCK], tl.float32)
    for t in range(T):
        for y in range(H):
            for x in range(W):
                q = ours + (t * query_height + y) * query_width + x
                k = theirs + (t * key_height + y) * key_width + x
                gap = tl.load(query + q[:, None] * C + c, mask=is_one[:, None], other=0.0)
                gap -= tl.load(key + k[:, None] * C + c, mask=is_one[:, None], other=0.0)
                found += tl.sum(gap * gap, axis=1)
    tl.store(total + n, found, mask=is_one)


@triton.jit
def _vote(
    value, corner, out, pixels, height, width,
    times, rows, columns, value_height, value_width,
    T: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, VOTERS: tl.constexpr, AGREED: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_one = n < pixels
    at_t, at_y, at_x = n // (height * width), n // width % height, n % width

    # Which pixel each voter names; a voter is a position inside the patch, absent where the patch would stick out.
    v = tl.arange(0, VOTERS)[None, :]
    dt, dy, dx = v // (H * W), v // W % H, v % W
    t, y, x = at_t[:, None] - dt, at_y[:, None] - dy, at_x[:, None] - dx
    inside = (t >= 0) & (t < times) & (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    votes = inside & (v < T * H * W) & is_one[:, None]
    named = tl.load(corner + (t * rows + y) * columns + x, mask=votes, other=0).to(tl.int32)
    named = tl.where(votes, named + (dt * value_height + dy) * value_width + dx, -1)
    count = tl.sum(votes.to(tl.int32), axis=1)

    share = tl.zeros([BLOCK], tl.float32)
    winner = tl.zeros([BLOCK], tl.int32)
    if AGREED:
        most = tl.zeros([BLOCK], tl.int32)
        for j in range(T * H * W):
            jt, jy, jx = j // (H * W), j // W % H, j % W
            t1, y1, x1 = at_t - jt, at_y - jy, at_x - jx
            has = (t1 >= 0) & (t1 < times) & (y1 >= 0) & (y1 < rows) & (x1 >= 0) & (x1 < columns) & is_one
            name = tl.load(corner + (t1 * rows + y1) * columns + x1, mask=has, other=0).to(tl.int32)
            name = tl.where(has, name + (jt * value_height + jy) * value_width + jx, -2)
            number = tl.sum((named == name[:, None]).to(tl.int32), axis=1)
            is_better = (number > most) | ((number == most) & (number > 0) & (name < winner))
            winner = tl.where(is_better, name, winner)
            most = tl.maximum(most, number)
        share = tl.minimum(2.0 * most / count, 1.0)
    for c in range(C):
        mean = tl.sum(tl.load(value + named * C + c, mask=votes, other=0.0), axis=1) / count
        if AGREED:
            mean = share * tl.load(value + winner * C + c, mask=is_one, other=0.0) + (1.0 - share) * mean
        tl.store(out + n * C + c, mean, mask=is_one)
