"""The coarse-to-fine loop of the patch engine: no training, nearest patches over a pyramid.

A picture is put together from patches of a source. At each level of the pyramid, and a few times per level,

    1. every patch of the picture so far (the *query*) finds its nearest patch among the *keys*,
    2. the patch of the *values* at the same place is pasted there, and overlapping pastes vote.

Keys and values share a grid: the values are the source at this level; the keys are the same, except in the first
iteration of a level, when the query has just been enlarged and the keys are enlarged likewise from the level
below. Further channels (*guidance*) may join queries and keys, never values: they say which place should look
like which. With completeness, keys that no query resembles become more attractive.

Places of the source can be barred: no patch that touches one is pasted. Pixels of the result can be held at what they
are known to be, so that only the others are put together.

An arrangement can be bent where a level begins: positions take over the match of one nearby, so that what was one
piece of the source becomes several that lie closer together or further apart, and the search mends the seams.

Matches are carried up from level to level, so each search begins near its end. For huge pictures that is almost all
there is to do: the upper levels only look around the carried match (`Level.search` with a short reach), once.

Images, clips and volumes take the same path; an image is a clip of one frame.

References:
    Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single
        Image Generative Models. CVPR 2022.
    Haim, Feinstein, Granot, Shocher, Bagon, Dekel, Irani: Diverse Generation from a Single Video Made Possible.
        ECCV 2022.
    Simakov, Caspi, Shechtman, Irani: Summarizing Visual Data Using Bidirectional Similarity. CVPR 2008.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.nearest import Search, carry, completeness_weight
from gestalt.ops.patches import Patch, Vote, as_volume, fit, grid, vote
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun


class Level(NamedTuple):
    """What one level of the pyramid works with; *S is its output size, *R its source size, one to three axes.

    source: (1, C, *R), the patches to paste.
    query_guide: (1, G, *S) guidance beside the query, its weight multiplied in; G may be 0.
    key_guide: (1, G, *R) guidance beside the keys, weighted alike.
    search: `ops.nearest.patchmatch`, `exact`, or a partial of them.
    iterations: searches and votes.
    alpha: completeness, in units of the patch distance; 0 leaves it out.
    enlarged: (1, C, *R), the keys of the first iteration; None for the source of the level below, enlarged.
    barred: (1, 1, *R) bool, pixels of the source that may not be pasted, or None.
    held: (1, 1, *S) bool and (1, C, *S), which pixels of the result are known and what they are, or None.
    bend: (2, H, W) int64, rows and columns further at which each pixel looks, in all frames, for what the level below
        left; None leaves it in its place. Not for the first level.
    """

    source: Tensor
    query_guide: Tensor
    key_guide: Tensor
    search: Search
    iterations: int
    alpha: float
    enlarged: Tensor | None = None
    barred: Tensor | None = None
    held: tuple[Tensor, Tensor] | None = None
    bend: Tensor | None = None


FAR = 100.0
"""What barred pixels are taken for in a search: further from any picture than two pictures can ever be."""


def synthesize(
    start: Tensor,
    levels: Sequence[Level],
    *,
    patch: Patch,
    vote_by: Vote,
    join_by: Vote | None = None,
    seed: int,
    run: NullRun,
    name: str,
) -> Tensor:
    """Put a picture together from patches of a source, beginning with `start` at the first of the levels.

    Args:
        start: (1, C, *S) in [-1, 1], any size; resized to the first level's.
        levels: coarse to fine; leave out the coarsest ones to keep more of `start`.
        patch: (t, h, w), cut down at levels where it would not fit.
        vote_by: how overlapping patches merge (`ops.patches.vote`).
        join_by: how they merge in the last iteration of every level; None for no other way. A mean there softens the
            seams between pieces that the pixels most patches agree on would leave hard, and leaves the pieces alone.
        seed: of the searches.
        run: takes steps, previews and resumption; `NullRun()` for none.
        name: the loop's name in the run.

    Returns:
        (1, C, *S) at the last level's size, within the range of the source.
    """
    state: dict[str, Any] = {
        "picture": resize(start, levels[0].query_guide.shape[2:]),
        "found": None,  # field from the query grid to the key grid
        "missed": None,  # field from the key grid to the query grid, for completeness
    }
    plan = [(n, iteration) for n, level in enumerate(levels) for iteration in range(level.iterations)]
    for step in run.steps(name, len(plan), state):
        n, iteration = plan[step]
        level, keys = levels[n], levels[n].source
        fitted = _fitted(level, patch)
        if iteration == 0 and n > 0:
            keys = resize(levels[n - 1].source, keys.shape[2:]) if level.enlarged is None else level.enlarged
            state["picture"] = resize(state["picture"], level.query_guide.shape[2:])
            (query_before, key_before), (query_now, key_now) = _grids(levels[n - 1], patch), _grids(level, patch)
            state["found"] = carry(state["found"], (query_before, key_before), (query_now, key_now))
            if level.alpha and state["missed"] is not None:
                state["missed"] = carry(state["missed"], (key_before, query_before), (key_now, query_now))
            if level.bend is not None:
                state["picture"] = _bent(state["picture"], level.bend)
                top, left = fitted[1] // 2, fitted[2] // 2  # a patch moves as its middle does
                middles = level.bend[:, top : top + query_now[1], left : left + query_now[2]]
                state["found"] = _bent(state["found"], middles)

        queries_cthw = as_volume(torch.cat([state["picture"], level.query_guide], dim=1))[0]
        keys_cthw = as_volume(torch.cat([keys, level.key_guide], dim=1))[0]
        if level.barred is not None:
            keys_cthw = torch.where(as_volume(level.barred)[0], FAR, keys_cthw)
        chance = 2 * (seed * len(plan) + step)
        weight = None
        if level.alpha:
            missed = level.search(keys_cthw, queries_cthw, fitted, start=state["missed"], seed=chance + 1)
            state["missed"], weight = missed.index, completeness_weight(missed, level.alpha)
            if level.barred is not None:  # far from every query, these must not become attractive
                weight = torch.where(_touching(level.barred, fitted), weight.max(), weight)
        found = level.search(queries_cthw, keys_cthw, fitted, weight=weight, start=state["found"], seed=chance)
        last = iteration == level.iterations - 1
        how = join_by if last and join_by is not None else vote_by
        picture = vote(as_volume(level.source)[0], found.index, fitted, how)
        picture = picture.reshape(1, -1, *level.query_guide.shape[2:])
        if level.held is not None:
            picture = torch.where(level.held[0], level.held[1], picture)
        state["found"], state["picture"] = found.index, picture
        run.log(step, distance=float(found.distance.mean()))
        if last:
            frames = as_volume(picture)
            run.preview(name, step, frames[:, :, frames.shape[2] // 2])  # of a clip, the middle frame
    return state["picture"]


def _bent(x: Tensor, bend: Tensor) -> Tensor:
    """(..., H, W), each position taking what is (2, H, W) rows and columns further, or at the border."""
    height, width = x.shape[-2:]
    rows = torch.arange(height, device=x.device)[:, None] + bend[0]
    columns = torch.arange(width, device=x.device) + bend[1]
    return x[..., rows.clamp(0, height - 1), columns.clamp(0, width - 1)]


def _touching(barred: Tensor, patch: Patch) -> Tensor:
    """Which positions of the key grid, (t, h, w), hold a patch with a barred pixel in it."""
    return F.max_pool3d(as_volume(barred).float(), patch, stride=1)[0, 0] > 0


def _fitted(level: Level, patch: Patch) -> Patch:
    return fit(patch, as_volume(level.query_guide).shape[2:], as_volume(level.source).shape[2:])


def _grids(level: Level, patch: Patch) -> tuple[Patch, Patch]:
    """The patch grids of a level's output and source."""
    fitted = _fitted(level, patch)
    query_grid, key_grid = (grid(as_volume(x).shape[2:], fitted) for x in (level.query_guide, level.source))
    return query_grid, key_grid
