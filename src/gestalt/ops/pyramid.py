"""The ladder of sizes, and the stack of resized tensors: the only place that knows scale factors."""

import math
from collections.abc import Sequence

from torch import Tensor

from gestalt.ops.resize import resize

Size = tuple[int, ...]


def ladder(size: Sequence[int], coarsest: int, ratio: float) -> list[Size]:
    """List the sizes of a pyramid, coarse to fine, with the short side running from `coarsest` to its full length.

    The wanted ratio is refitted so that a whole number of equal steps joins the two ends:
    `steps = ceil(log(coarsest / short) / log(ratio))`, `r = (coarsest / short) ** (1 / steps)`, and level n has
    lengths `round(length * r ** (steps - n))`. All axes shrink by the same factor, so the aspect ratio is kept
    to the rounding. An axis never gets shorter than `min(coarsest, its length)`.

    Args:
        size: the finest size, one to three lengths in pixels.
        coarsest: length in pixels of the short side at level 0, at least 1; a picture that is no larger has one level.
        ratio: wanted size ratio between neighbouring levels, in (0, 1).

    Returns:
        The sizes, strictly growing, the last equal to `size`.

    Raises:
        ValueError: a length below 1 or a ratio outside (0, 1).
    """
    if min(size) < 1 or coarsest < 1:
        raise ValueError(f"a ladder needs lengths of at least 1, got size {tuple(size)} and coarsest {coarsest}")
    if not 0 < ratio < 1:
        raise ValueError(f"the ratio between pyramid levels must lie between 0 and 1, got {ratio}")
    short = min(size)
    if coarsest >= short:
        return [tuple(size)]
    # The small slack keeps an exact power (14 -> 56 at ratio 1/2) from gaining a step by rounding.
    steps = max(1, math.ceil(math.log(coarsest / short) / math.log(ratio) - 1e-9))
    factor = (coarsest / short) ** (1 / steps)
    sizes = [
        tuple(max(min(coarsest, length), round(length * factor ** (steps - n))) for length in size)
        for n in range(steps + 1)
    ]
    return [level for n, level in enumerate(sizes) if n == 0 or level != sizes[n - 1]]


def follow(size: Sequence[int], sizes: Sequence[Size]) -> list[Size]:
    """List the sizes of another picture, reduced by the same factors as the levels of a ladder.

    Args:
        size: the other picture's finest size.
        sizes: a ladder, coarse to fine.

    Returns:
        One size per level, the last equal to `size`; factors are those of the ladder's longest axis.
    """
    axis = max(range(len(sizes[-1])), key=lambda a: sizes[-1][a])
    return [tuple(max(1, round(length * level[axis] / sizes[-1][axis])) for length in size) for level in sizes]


def ladder_of_clip(size: Sequence[int], coarsest: int, ratio: float, shortest: int, time_ratio: float) -> list[Size]:
    """List the sizes (T, H, W) of a pyramid in which time shrinks by a factor of its own.

    Time and plane each have their own `ladder`; where one has fewer levels it waits at its coarsest length.

    Args:
        size: the finest size (T, H, W).
        coarsest, ratio: of the plane, as for `ladder`.
        shortest: frames at level 0, at least 1; a clip that is no longer keeps its frames at every level.
        time_ratio: wanted ratio between the frames of neighbouring levels, in (0, 1).

    Returns:
        The sizes, coarse to fine, the last equal to `size`.

    Raises:
        ValueError: as `ladder`.
    """
    times, planes = ladder(size[:1], shortest, time_ratio), ladder(size[1:], coarsest, ratio)
    count = max(len(times), len(planes))
    times, planes = ([part[0]] * (count - len(part)) + part for part in (times, planes))
    return [(*time, *plane) for time, plane in zip(times, planes, strict=True)]


def follow_clip(size: Sequence[int], sizes: Sequence[Size]) -> list[Size]:
    """List the sizes (T, H, W) of another clip, its time and its plane each reduced as those of a ladder are.

    Where time or plane are those of the ladder, so are all levels of it, to the pixel.
    """
    times, planes = [level[:1] for level in sizes], [level[1:] for level in sizes]
    times = times if tuple(size[:1]) == times[-1] else follow(size[:1], times)
    planes = planes if tuple(size[1:]) == planes[-1] else follow(size[1:], planes)
    return [(*time, *plane) for time, plane in zip(times, planes, strict=True)]


def pyramid(x: Tensor, sizes: Sequence[Size]) -> list[Tensor]:
    """Resize `x` (B, C, *S) to every size, each directly from `x`, coarse to fine like `sizes`."""
    return [resize(x, size) for size in sizes]


def fit_long_side(size: Sequence[int], long_side: int) -> Size:
    """Shrink a size so that its longest length is `long_side` pixels, aspect kept; a smaller one stays as it is."""
    longest = max(size)
    if long_side < 1:
        raise ValueError(f"the long side must be at least 1 pixel, got {long_side}")
    if longest <= long_side:
        return tuple(size)
    return tuple(max(1, round(length * long_side / longest)) for length in size)


def reduced(x: Tensor, long_side: int) -> Tensor:
    """Reduce pictures (B, C, H, W) or clips (B, C, T, H, W) in [-1, 1] to a longest side in pixels, aspect kept.

    Smaller ones stay as they are, and clips keep their frames.
    """
    return resize(x, (*x.shape[2:-2], *fit_long_side(x.shape[-2:], long_side))).clamp(-1, 1)
