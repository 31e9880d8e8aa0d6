"""New pictures and clips put together from the patches of one, without training.

The coarsest level of the input, with noise added, is the first query; from there up every patch of the growing sample
is replaced by its nearest patch of the input (`patchwork.synthesis`). The noise decides which large parts go where: at
that level a patch covers much of the picture. Everything finer follows from what fits. Left alone, that moves large
pieces of the input whole; three things that the published methods do not have make more of it, of pictures and clips
alike:

    bend       At each of the coarser levels the arrangement is bent by a smooth random displacement (the same in all
               frames, so that motion stays as it is), and the search mends it with what fits: pieces come apart.
    heights    The height of a patch in the picture is one more channel of the search (as networks have been given
               heights), so that what is missed goes where it belongs; else the ground comes back in the sky.
    coarser    Completeness counts at more than the coarsest levels, and by a smaller alpha.

    make       random samples, of the input's size or any other, as long as the input or not
    retarget   another size or length: no noise, so that the arrangement stays and nothing is stretched
    inpaint    a hole filled: patches that touch the hole are barred, and all outside it is held
    collage    one picture from several, side by side: the patches of all are there to bridge the seams

A picture is a clip of one frame: all of them take (1, 3, T, H, W) and patches of `depth` frames, cut to what is there.

References:
    Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single Image
        Generative Models. CVPR 2022 (pictures).
    Haim, Feinstein, Granot, Shocher, Bagon, Dekel, Irani: Diverse Generation from a Single Video Made Possible.
        ECCV 2022 (clips).
    Oh, Yoon, Kim: One-shot Ultra-high-Resolution Generative Adversarial Network That Synthesizes 16K Images On A
        Single GPU. 2023 (heights, in a network).
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops import nearest
from gestalt.ops.chance import seeded
from gestalt.ops.pyramid import Size, follow_clip, ladder_of_clip, reduced
from gestalt.ops.resize import resize
from gestalt.patchwork.synthesis import Level, synthesize
from gestalt.run.service import NullRun
from gestalt.settings import wanted_size
from gestalt.tasks.generate.config import Patch

SWEEPS, COARSER_SWEEPS = 2, 6
"""Of each search; matches are carried from search to search, so few are needed. More are where the arrangement is bent,
which costs little at those sizes: what completeness asks for has to be found."""

OVERLAP = 0.25
"""Share of the pictures' width by which those of a collage grow into each other."""


def working_size(clip: Tensor, settings: Patch) -> Tensor:
    """Reduce (1, 3, T, H, W) to the size it is worked on at, aspect kept."""
    wanted = wanted_size(settings.size)
    longest = wanted if isinstance(wanted, int) else max(wanted)
    return reduced(clip, longest)


def sample_size(source: Sequence[int], settings: Patch) -> Size:
    """(T, H, W) of what is asked for, from an input (T, H, W) at working size."""
    wanted = wanted_size(settings.size)
    plane = source[1:] if isinstance(wanted, int) else wanted
    return (settings.frames or source[0], *plane)


def ladder_of(source: Sequence[int], settings: Patch) -> list[Size]:
    """The pyramid (T, H, W) of an input at working size, down to `coarsest` and `shortest`; coarse to fine."""
    return ladder_of_clip(source, settings.coarsest, settings.ratio, settings.shortest, settings.time_ratio)


class Source(NamedTuple):
    """Where patches come from at each level, coarse to fine: the levels' fields of the same names."""

    source: list[Tensor]
    enlarged: list[Tensor | None]
    barred: list[Tensor | None]


def one_source(clip: Tensor, sizes: Sequence[Size]) -> Source:
    """The pyramid of one clip, (1, 3, T, H, W)."""
    levels = [resize(clip, size).clamp(-1, 1) for size in sizes]
    return Source(levels, [None] * len(levels), [None] * len(levels))


def draw(
    source: Source,
    sizes: Sequence[Size],
    begin: Tensor,
    settings: Patch,
    *,
    held: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
    run: NullRun = NullRun(),
    name: str,
) -> Tensor:
    """Put one sample together.

    Args:
        source: its levels.
        sizes: (T, H, W) of the sample at each of them.
        begin: (1, 3, *) what the sample looks like at first, any size.
        settings: of the patch engine.
        held: (1, 1, *S) bool and (1, 3, *S) at the finest size, pixels of the sample that are known.
        seed: of the search and of what bends the arrangement.
        run: takes the loop's steps.
        name: of the loop.

    Returns:
        (1, 3, *S) of the finest size, in [-1, 1].
    """
    levels = [
        Level(
            picture,
            _heights(size, settings.heights, picture),
            _heights(picture.shape[2:], settings.heights, picture),
            _search(settings, is_coarser=n < settings.coarser),
            settings.iterations,
            settings.completeness if n < settings.coarser else 0.0,
            enlarged,
            barred,
            None if held is None else (~touched(~held[0], size), resize(held[1], size).clamp(-1, 1)),
            bend_of(size[1:], settings, seed, n).to(picture.device) if settings.bend and n < settings.coarser else None,
        )
        for n, (picture, enlarged, barred, size) in enumerate(zip(*source, sizes, strict=True))
    ]
    patch = (settings.depth, settings.patch, settings.patch)
    vote, join = ("agreed", "mean") if settings.vote == "joined" else (settings.vote, None)
    sample = synthesize(begin, levels, patch=patch, vote_by=vote, join_by=join, seed=seed, run=run, name=name)
    return sample.clamp(-1, 1)


def noisy(begin: Tensor, settings: Patch, seed: int) -> Tensor:
    """`begin` with the noise of the coarsest level, independent for every number."""
    chance = torch.Generator().manual_seed(seed)
    return begin + settings.noise * torch.randn(begin.shape, generator=chance).to(begin)


def bend_of(plane: Sequence[int], settings: Patch, seed: int, level: int) -> Tensor:
    """The smooth random displacement of one level, (2, H, W) int64 rows and columns.

    One normal number for each patch side, interpolated, of standard deviation `bend` patch sides. Towards a border the
    displacement across it vanishes, so that nothing leaves the picture.
    """
    few = [max(2, round(length / settings.patch) + 1) if length > 1 else 1 for length in plane]
    by = resize(torch.randn(1, 2, 1, *few, generator=seeded(seed, level)), (1, *plane))[0, :, 0]
    by = by / by.std(dim=(1, 2), correction=0, keepdim=True).clamp(min=1e-6)
    for axis, length in enumerate(plane):
        place = torch.arange(length)
        edge = torch.minimum(place, length - 1 - place) / (settings.patch / 2)
        by[axis] *= edge.clamp(max=1).view(-1, 1) if axis == 0 else edge.clamp(max=1)
    return (settings.bend * settings.patch * by).round().long()


def make(clip: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun()) -> Iterator[Tensor]:
    """Samples of a clip or picture: random ones, or, without noise and bend, one retargeted to another size or length.

    Args:
        clip: (1, 3, T, H, W) in [-1, 1], at working size; a picture has T = 1.
        settings: of the patch engine.
        seed: of noise and search; sample n has seed + n.
        run: takes a loop for each sample.

    Yields:
        (1, 3, T', H', W') in [-1, 1], one after another.
    """
    ladder = ladder_of(clip.shape[2:], settings)
    sizes = follow_clip(sample_size(clip.shape[2:], settings), ladder)
    source, coarsest = one_source(clip, ladder), resize(clip, sizes[0])
    for n in range(settings.samples):
        begin = noisy(coarsest, settings, seed + n)
        yield draw(source, sizes, begin, settings, seed=seed + n, run=run, name=f"sample {n}")


def inpaint(
    clip: Tensor, hole: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun()
) -> Iterator[Tensor]:
    """Fill a hole with what fits there.

    Args:
        clip: (1, 3, T, H, W) in [-1, 1], at working size.
        hole: (1, 1, T, H, W) bool, what is to be filled; the clip's own pixels there are not looked at.
        settings: of the patch engine; the size is that of the clip.
        seed: of noise and search; sample n has seed + n.
        run: takes a loop for each sample.

    Yields:
        (1, 3, T, H, W) in [-1, 1], equal to the clip outside the hole.

    Raises:
        ValueError: as `around`.
    """
    sizes, barred = around(hole, settings)
    filled = torch.where(hole, _spread(clip, ~hole, ladder_of(clip.shape[2:], settings)[0]), clip)
    source = one_source(filled, sizes)._replace(barred=list(barred))
    for n in range(settings.samples):
        small = resize(filled, sizes[0])
        begin = torch.where(barred[0], noisy(small, settings, seed + n), small)
        yield draw(
            source,
            sizes,
            begin,
            settings,
            held=(~hole, clip),
            seed=seed + n,
            run=run,
            name=f"sample {n}",
        )


def around(hole: Tensor, settings: Patch) -> tuple[list[Size], list[Tensor]]:
    """The levels at which a hole is filled, and what is barred there.

    Args:
        hole: (1, 1, T, H, W) bool, at working size.
        settings: of the patch engine.

    Returns:
        (T, H, W) of each level, coarse to fine, and (1, 1, *S) bool.

    Raises:
        ValueError: there is no hole, or no patch outside it.
    """
    expected = "expected white where the picture is to be filled, black elsewhere"
    if not hole.any():
        raise ValueError(f"the mask has no hole: {expected}")
    if hole.all():
        raise ValueError(f"the mask is white everywhere, and what is transparent counts as white: {expected}")
    ladder = ladder_of(hole.shape[2:], settings)
    barred = [touched(hole, size) for size in ladder]
    patch = (settings.depth, settings.patch, settings.patch)
    usable = [n for n, level in enumerate(barred) if _free(level, patch) >= 1]
    if len(ladder) - 1 not in usable:
        raise ValueError(
            "the hole leaves no patch to fill it with: expected a smaller hole, or a smaller patch "
            f"(--patch is {settings.patch})"
        )
    # Levels on which too little is left outside the hole would only repeat that little: begin above them.
    some = [n for n in usable if _free(barred[n], patch) >= 0.1 * barred[n].numel()]
    first = min(some or usable[-1:])
    return ladder[first:], barred[first:]


def collage(clips: Sequence[Tensor], settings: Patch, *, seed: int = 0, run: NullRun = NullRun()) -> Iterator[Tensor]:
    """One picture or clip from several, from left to right, each at its own size.

    Args:
        clips: (1, 3, T, H, W) in [-1, 1] each, at working size, of any sizes; longer ones are cut to the shortest,
            and pictures among clips stand still.
        settings: of the patch engine. By default the result is as high as the highest, and as wide as all together
            less their overlap.
        seed: of noise and search; sample n has seed + n.
        run: takes a loop for each sample.

    Yields:
        (1, 3, T', H', W') in [-1, 1].
    """
    frames, height, together = _beside([clip.shape[2:] for clip in clips])
    clips = [clip[:, :, :frames].expand(-1, -1, frames, -1, -1) for clip in clips]
    size = collage_size([clip.shape[2:] for clip in clips], settings)
    # One ladder, of what lies side by side, so that all pictures have equally many levels of the same factors.
    ladder = ladder_of((frames, height, together), settings)
    each = [follow_clip(clip.shape[2:], ladder) for clip in clips]
    levels = [[resize(clip, sizes[n]).clamp(-1, 1) for clip, sizes in zip(clips, each, strict=True)]
              for n in range(len(ladder))]  # fmt: skip
    enlarged: list[Tensor | None] = [None]
    for below, now in itertools.pairwise(levels):
        enlarged.append(_side_by_side([resize(x, y.shape[2:]) for x, y in zip(below, now, strict=True)])[0])
    joined, barred = zip(*map(_side_by_side, levels), strict=True)
    source, sizes = Source(list(joined), enlarged, list(barred)), follow_clip(size, ladder)
    beside = torch.cat([resize(clip, (*sizes[0][:2], x.shape[4])) for clip, x in zip(clips, levels[0], strict=True)], 4)
    for n in range(settings.samples):
        begin = noisy(resize(beside, sizes[0]), settings, seed + n)
        yield draw(source, sizes, begin, settings, seed=seed + n, run=run, name=f"sample {n}")


def collage_size(sizes: Sequence[Sequence[int]], settings: Patch) -> Size:
    """(T, H, W) of what becomes of clips of such sizes, at working size."""
    frames, height, together = _beside(sizes)
    width = max(1, round(together * (1 - OVERLAP * (len(sizes) - 1) / len(sizes))))
    return sample_size((frames, height, width), settings)


def _beside(sizes: Sequence[Sequence[int]]) -> Size:
    """(T, H, W) of clips side by side: as short as the shortest that is no picture, as high as the highest."""
    frames = min((time for time, *_ in sizes if time > 1), default=1)
    return frames, max(height for _, height, _ in sizes), sum(width for *_, width in sizes)


def _search(settings: Patch, *, is_coarser: bool) -> nearest.Search:
    if settings.search == "exact":
        return nearest.exact
    return functools.partial(nearest.patchmatch, sweeps=COARSER_SWEEPS if is_coarser and settings.bend else SWEEPS)


def _heights(size: Sequence[int], weight: float, like: Tensor) -> Tensor:
    """(1, 1, T, H, W): heights in a picture from -1 to 1, times their weight; without weight no channel at all."""
    if not weight:
        return like.new_empty(1, 0, *size)
    heights = torch.linspace(-weight, weight, size[1], device=like.device)
    return heights.view(1, 1, 1, -1, 1).expand(1, 1, *size)


def _side_by_side(clips: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Clips (1, 3, T, H, W) of several heights and widths in one, a barred column between them; and what is barred."""
    height = max(clip.shape[3] for clip in clips)
    pictures, barred = [], []
    for clip in clips:
        pad = (0, 1, 0, height - clip.shape[3])
        pictures.append(F.pad(clip, pad))
        barred.append(F.pad(torch.zeros_like(clip[:, :1], dtype=torch.bool), pad, value=True))
    return torch.cat(pictures, dim=4)[..., :-1], torch.cat(barred, dim=4)[..., :-1]


def touched(mask: Tensor, size: Sequence[int]) -> Tensor:
    """A mask (1, 1, T, H, W) at another size: every pixel that covers some of it."""
    return F.adaptive_max_pool3d(mask.float(), tuple(size)) > 0


def _free(barred: Tensor, patch: Sequence[int]) -> int:
    """How many patches have no barred pixel."""
    fitted = [min(length, side) for length, side in zip(patch, barred.shape[2:], strict=True)]
    return int((F.max_pool3d(barred.float(), fitted, stride=1) == 0).sum())


def _spread(clip: Tensor, known: Tensor, size: Sequence[int]) -> Tensor:
    """A smooth clip that continues what is known into the rest: known means at a small size, and at half of it, ..."""
    weight = known.float()
    total, share, size = clip * weight, weight, list(size)
    result, missing = torch.zeros_like(clip), torch.ones_like(weight)
    while True:
        coarse_total, coarse_share = (F.adaptive_avg_pool3d(x, (size[0], size[1], size[2])) for x in (total, share))
        means = torch.where(coarse_share > 0, coarse_total / coarse_share.clamp(min=1e-6), 0.0)
        there = resize((coarse_share > 0).float(), clip.shape[2:]).clamp(0, 1) * missing
        result, missing = result + there * resize(means, clip.shape[2:]), missing - there
        if bool((coarse_share > 0).all()) or max(size) == 1:
            return result.clamp(-1, 1)
        size = [max(1, length // 2) for length in size]
