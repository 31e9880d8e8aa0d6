"""Do the places where separately known or separately placed material meets look like the source, too?

A picture that was filled, grown together, edited or retargeted has seams. A patch that *straddles* one holds material
from both sides, and no source need have anything like it; a patch of the *interior* holds material from one side. With
d(p) the mean squared difference of patch p of the result to its nearest patch of the sources, means over patches:

    ratio = mean of d over the patches that straddle a seam / mean of d over the patches of the interior

and distances below what rounding to 8 bits makes count as that. What is a seam depends on what was done:

    hole_seam     one was drawn: the border of a hole, or of the mask of an edit. Straddling are patches with pixels
                  inside and outside; interior are those wholly inside, not those outside, which are the source's own.
    joint_seam    several inputs in one: between neighbouring pixels that come from different inputs, as the nearest
                  patches around them say. Interior are all patches without such a place, of all inputs.
    broken_seam   no seam was drawn: between neighbouring pixels where the field of nearest patches breaks. Interior
                  are the patches without a break.

Traps: the ratio alone says nothing about the interior. A blurred or foreign interior is far from the source, and makes
any seam look good by comparison; so read both distances, and beside those of a plain paste, which must fail. The other
way round, an interior that is copied exactly has distance 0, and then a seam nobody sees has a ratio of hundreds. Of a
hole, what was known around it has no like elsewhere either: `least_at_hole` is what no filling can go below.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.metrics.diversity import LEAST_DEVIATION
from gestalt.metrics.patches import usual_patch
from gestalt.ops.nearest import Search, exact
from gestalt.ops.patches import Patch, as_volume, corners, cut, fit, grid

LEAST_DISTANCE = LEAST_DEVIATION**2
"""Mean squared difference in [-1, 1] units that rounding to 8 bits makes, 5.1e-6."""

BARRED, AVOID = 3.0, 1e4
"""What barred pixels are taken for, and the weight of patches that hold one: none is then the nearest."""

SOME = 1024
"""Patches across the border that `least_at_hole` compares at a time."""

Edges = tuple[Tensor, Tensor, Tensor]
"""For each axis (T, H, W) bool, shorter by one along it: whether a seam lies between a pixel and the next."""


class Seam(NamedTuple):
    """Distances at a seam and away from it.

    seam: mean over the patches that straddle it of the mean squared difference to the nearest, in squared [-1, 1]
        units (divide by 4 for [0, 1]); 0 where there is no seam.
    interior: the same over the interior; nan where there is none.
    share: of straddling patches among both.
    """

    seam: float
    interior: float
    share: float

    @property
    def ratio(self) -> float:
        """Seam over interior, neither below `LEAST_DISTANCE`; 1 is "as good as the interior"."""
        return max(self.seam, LEAST_DISTANCE) / max(self.interior, LEAST_DISTANCE)


class Matches(NamedTuple):
    """The nearest patch among those of several sources, for each position (t, h, w) of the result's patch grid.

    distance: float32, mean squared difference.
    source: int64, which of the sources.
    corner: (t, h, w, 3) int64, where in it.
    """

    distance: Tensor
    source: Tensor
    corner: Tensor


def nearest_of(
    result: Tensor,
    sources: Sequence[Tensor],
    patch: Patch,
    *,
    barred: Tensor | None = None,
    search: Search = exact,
) -> Matches:
    """Find the nearest patch among several sources.

    Args:
        result: (1, C, *S) in [-1, 1].
        sources: (1, C, *S') each, in [-1, 1], of any sizes that hold a patch.
        patch: (t, h, w).
        barred: (1, 1, *S') bool, pixels of the one source that no patch may hold, or None.
        search: `exact`, or an approximate one.

    Raises:
        ValueError: a patch does not fit, or there is something barred in one of several sources, or everywhere.
    """
    if barred is not None and len(sources) != 1:
        raise ValueError(f"pixels can be barred in one source, got {len(sources)} sources")
    found = []
    for source in sources:
        keys, weight = as_volume(source)[0], None
        if barred is not None:
            touching = F.max_pool3d(as_volume(barred).float(), patch, stride=1)[0, 0] > 0
            if bool(touching.all()):
                raise ValueError("every patch of the source holds a barred pixel: expected a smaller hole or patch")
            keys = torch.where(as_volume(barred)[0], BARRED, keys)
            weight = torch.where(touching, AVOID, 1.0)
        field = search(as_volume(result)[0], keys, patch, weight=weight)
        found.append((field.distance, corners(field.index, grid(keys.shape[1:], patch))))
    distance, which = torch.stack([distance for distance, _ in found]).min(dim=0)
    corner = torch.stack([corner for _, corner in found])
    corner = corner.gather(0, which[None, ..., None].expand(1, *which.shape, 3))[0]
    return Matches(distance, which, corner)


def hole_seam(
    result: Tensor,
    source: Tensor,
    hole: Tensor,
    *,
    barred: Tensor | None = None,
    patch: Patch | None = None,
    search: Search = exact,
) -> Seam:
    """Measure along the border of a hole that was filled, or of a mask inside which was edited.

    Args:
        result: (1, C, *S) in [-1, 1].
        source: (1, C, *S') in [-1, 1], where patches come from: the picture whose hole it is, or what a model of the
            edit was trained on.
        hole: (1, 1, *S) bool, what was filled.
        barred: (1, 1, *S') bool, what of the source does not count: in a picture with a hole, the hole.
        patch: (t, h, w); None is `metrics.patches.usual_patch`. Cut down to fit both.
        search: `exact`, or an approximate one.

    Raises:
        ValueError: the hole is everywhere or nowhere, or holds no patch.
    """
    patch = _patch(result, [source], patch)
    _check_hole(hole)
    hole = as_volume(hole)[0, 0]
    # Only what is near the hole is searched for.
    near = tuple(_reach(hole, axis, side) for axis, side in enumerate(patch))
    hole, result = hole[near], as_volume(result)[0][:, *near][None]
    inside = F.max_pool3d((~hole)[None, None].float(), patch, stride=1)[0, 0] == 0
    if not inside.any():
        raise ValueError(f"the hole has no room for a patch of {patch}: expected a larger hole or a smaller patch")
    matches = nearest_of(result, [source], patch, barred=barred, search=search)
    return _compare(matches.distance, straddling(borders(hole), patch), inside)


def least_at_hole(source: Tensor, hole: Tensor, *, patch: Patch | None = None) -> float:
    """The least distance at its border that any filling of a hole can have: what is known there has it already.

    Of every patch across the border only the known pixels are compared, with every patch outside the hole; what would
    be filled in agrees with it exactly.

    Args:
        source: (1, C, *S) in [-1, 1], the picture whose hole it is; what it has there does not count.
        hole: (1, 1, *S) bool.
        patch: (t, h, w); None is `metrics.patches.usual_patch`. Cut down to fit.

    Returns:
        A bound on `hole_seam(...).seam` with the hole barred, in the same units.

    Raises:
        ValueError: the hole is everywhere or nowhere, or leaves no patch outside.
    """
    patch = _patch(source, [source], patch)
    _check_hole(hole)
    picture, hole = as_volume(source)[0], as_volume(hole)[0]
    across = straddling(borders(hole[0]), patch).flatten().nonzero()[:, 0]
    outside = (F.max_pool3d(hole[None].float(), patch, stride=1)[0, 0] == 0).flatten().nonzero()[:, 0]
    if len(outside) == 0:
        raise ValueError("every patch of the source holds a barred pixel: expected a smaller hole or patch")
    keys = cut(picture, outside, patch)
    squares, total = keys.square(), 0.0
    for some in across.split(SOME):
        known = cut((~hole).to(picture.dtype).expand_as(picture), some, patch)
        queries = known * cut(picture, some, patch)
        # Sum over known pixels of (q - k)^2, all pairs at once.
        least = (known @ squares.T - 2 * queries @ keys.T).amin(1) + queries.square().sum(1)
        total += float(least.clamp(min=0).double().sum())
    return total / len(across) / keys.shape[1]


def joint_seam(
    result: Tensor, sources: Sequence[Tensor], *, patch: Patch | None = None, search: Search = exact
) -> Seam:
    """Measure where the material of several inputs meets.

    Args:
        result: (1, C, *S) in [-1, 1].
        sources: (1, C, *S') each, in [-1, 1]: all inputs.
        patch: (t, h, w); None is `metrics.patches.usual_patch`. Cut down to fit all.
        search: `exact`, or an approximate one.
    """
    patch = _patch(result, sources, patch)
    matches = nearest_of(result, sources, patch, search=search)
    seam = straddling(_at_centres(borders(matches.source), patch), patch)
    return _compare(matches.distance, seam, ~seam)


def broken_seam(result: Tensor, source: Tensor, *, patch: Patch | None = None, search: Search = exact) -> Seam:
    """Measure where pieces of one source meet.

    Args:
        result: (1, C, *S) in [-1, 1], of any size.
        source: (1, C, *S') in [-1, 1].
        patch: (t, h, w); None is `metrics.patches.usual_patch`. Cut down to fit both.
        search: `exact`, or an approximate one, which breaks the field where the exact one does not.
    """
    patch = _patch(result, [source], patch)
    matches = nearest_of(result, [source], patch, search=search)
    seam = straddling(_at_centres(breaks(matches.corner), patch), patch)
    return _compare(matches.distance, seam, ~seam)


def borders(labels: Tensor) -> Edges:
    """Where labels (T, H, W) of any kind change from one pixel to the next."""
    along_t, along_h, along_w = (_later(labels, axis) != _earlier(labels, axis) for axis in range(3))
    return along_t, along_h, along_w


def breaks(corner: Tensor) -> Edges:
    """Where the matches (t, h, w, 3) of neighbouring patches are no neighbours.

    They are where the one lies at most a pixel from where the other would have it: smooth places slide by as much.
    """
    edges = []
    for axis in range(3):
        step = _later(corner, axis) - _earlier(corner, axis)
        step[..., axis] -= 1
        edges.append(step.abs().amax(-1) > 1)
    return edges[0], edges[1], edges[2]


def straddling(edges: Edges, patch: Patch) -> Tensor:
    """Which patches have a seam inside them: edges of (T, H, W) -> (t, h, w) bool over the patch grid."""
    found: Tensor | None = None
    for axis, edge in enumerate(edges):
        window = [side - (n == axis) for n, side in enumerate(patch)]
        if window[axis] == 0 or 0 in edge.shape:
            continue
        inside = F.max_pool3d(edge[None, None].float(), window, stride=1)[0, 0] > 0
        found = inside if found is None else found | inside
    if found is None:
        raise ValueError(f"a patch of {patch} straddles nothing: expected one of at least two pixels")
    return found


def _compare(distance: Tensor, seam: Tensor, interior: Tensor) -> Seam:
    distance = distance.clamp(min=0).double()
    some, others = int(seam.sum()), int(interior.sum())
    at_seam = float(distance[seam].mean()) if some else 0.0
    return Seam(at_seam, float(distance[interior].mean()), some / (some + others))


def _check_hole(hole: Tensor) -> None:
    if not hole.any() or hole.all():
        raise ValueError("expected a hole with something around it, got one that is everywhere or nowhere")


def _patch(result: Tensor, sources: Sequence[Tensor], patch: Patch | None) -> Patch:
    """The patch, cut down to fit everything."""
    channels = {(x.shape[0], x.shape[1]) for x in (result, *sources)}
    if len(channels) != 1 or result.shape[0] != 1:
        got = ", ".join(str(tuple(x.shape)) for x in (result, *sources))
        raise ValueError(f"patches are compared between (1, C, *S) with equal C, got {got}")
    patch = patch or min((usual_patch(result, source) for source in sources), key=math.prod)
    return fit(patch, *(as_volume(x).shape[2:] for x in (result, *sources)))


def _at_centres(edges: Edges, patch: Patch) -> Edges:
    """Edges between neighbouring patches of a grid (t, h, w), as edges between the pixels in the middle of them."""
    moved = []
    for edge in edges:
        pad = [pair for side in reversed(patch) for pair in ((side - 1) // 2, side - 1 - (side - 1) // 2)]
        moved.append(F.pad(edge, pad))
    return moved[0], moved[1], moved[2]


def _reach(hole: Tensor, axis: int, side: int) -> slice:
    """Along one axis, where the patches lie that touch a hole (T, H, W)."""
    places = hole.transpose(0, axis).flatten(1).any(1).nonzero()
    return slice(max(0, int(places.min()) - side + 1), int(places.max()) + side)


def _later(x: Tensor, axis: int) -> Tensor:
    return x.narrow(axis, 1, x.shape[axis] - 1)


def _earlier(x: Tensor, axis: int) -> Tensor:
    return x.narrow(axis, 0, x.shape[axis] - 1)
