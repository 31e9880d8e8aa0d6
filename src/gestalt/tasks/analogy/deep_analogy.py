"""Deep Image Analogy: A and B' matched both ways through five levels of a trained network's features.

Given A and B' one looks for A' and B such that A : A' = B : B', where A' is aligned with A and looks like B', and B is
aligned with B' and looks like A. With F^L the map of level L, Fu its columns scaled to length 1, and B' being `the
appearance`, for L from the coarsest down:

1. search, both ways:  phi_ab(p) = argmin_q sum over a patch of |Fu_A(p) - Fu_B(q)|^2 + |Fu_A'(p) - Fu_B'(q)|^2
   and phi_ba alike; from the coarsest on, within a radius of the match that is carried up;
2. warp F_B'^L by phi_ab, and find the finer map R that the network turns into it, by L-BFGS:
   R = argmin | CNN_(L-1 to L)(R) - F_B'^L(phi_ab) |^2
3. blend:  F_A'^(L-1) = W F_A^(L-1) + (1 - W) R    with   W = alpha_L / (1 + exp(-kappa (|F_A|^2 - tau)))
   so that A's own features stay where they respond strongly, less so at finer levels; F_B alike with the roles of A
   and B' exchanged.

At the coarsest level F_A' = F_A and F_B = F_B'. At the end A' is B' pasted patch by patch as phi_ab of the finest level
says, with the mean where patches overlap: its pixels are B's, its outlines A's.

Where this departs from the published method: R starts as F_B'^(L-1) warped by the field carried up, which saves
iterations; the search is `ops.nearest.patchmatch`, in which only random candidates obey the radius; a network without
five levels of its own, or a picture too small for all of them, takes the finer ones' settings; where the finest level
is coarser than the picture (squeezenet), its field is carried up to the pixels.

References:
    Liao, Yao, Yuan, Hua, Kang: Visual Attribute Transfer through Deep Image Analogy. SIGGRAPH 2017.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.features import Features
from gestalt.ops.nearest import carry, patchmatch
from gestalt.ops.patches import Patch, vote
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import DeepAnalogy

PATCHES, RADII, KEPT = (3, 3, 3, 5, 5), (None, 6, 6, 4, 4), (0.8, 0.7, 0.6, 0.1)
"""From the coarsest of five levels: side of the patches, search radius, and alpha of the next finer level."""

KAPPA, TAU = 300.0, 0.05
"""Steepness and place of the sigmoid over the squared response, which is scaled to [0, 1]."""


def make(
    structure: Tensor,
    appearance: Tensor,
    settings: DeepAnalogy,
    *,
    extractor: Features,
    seed: int = 0,
    run: NullRun = NullRun(),
) -> Tensor:
    """One picture in the look of the other, by deep features that are matched both ways.

    Args:
        structure: A, (1, 3, H, W) in [-1, 1], at working size.
        appearance: B', (1, 3, H', W') in [-1, 1].
        settings: of the method.
        extractor: of images, on the pictures' device; its `levels` are matched.
        seed: of the searches.
        run: takes a step per level.

    Returns:
        A', (1, 3, H, W) in [-1, 1].

    Raises:
        ValueError: the extractor does not take pictures, or none so small.
    """
    names = extractor.levels(min(*structure.shape[2:], *appearance.shape[2:]))[::-1]
    with torch.no_grad():
        maps_a, maps_b = (extractor.layers(x, names) for x in (structure, appearance))
    patches, radii = PATCHES[-len(names) :], (None, *RADII[len(RADII) - len(names) + 1 :])
    kept = KEPT[len(KEPT) - len(names) + 1 :]
    state: dict[str, Any] = {
        "a": maps_a[names[0]],  # F_A'
        "b": maps_b[names[0]],  # F_B
        "there": None,  # phi_ab as positions in the map of B', (1, h, w)
        "back": None,  # phi_ba
    }
    for n in run.steps("levels", len(names), state):
        f_a, f_b = maps_a[names[n]], maps_b[names[n]]
        if n:
            now, before = (_grid(f_a), _grid(f_b)), (_grid(maps_a[names[n - 1]]), _grid(maps_b[names[n - 1]]))
            state["there"] = carry(state["there"], before, now)
            state["back"] = carry(state["back"], (before[1], before[0]), (now[1], now[0]))
        ours, theirs = torch.cat([unit(f_a), unit(state["a"])], 1), torch.cat([unit(state["b"]), unit(f_b)], 1)
        radius, sweeps = radii[n], settings.sweeps
        state["there"], far = _search(ours, theirs, patches[n], radius, state["there"], sweeps, 2 * (seed * 5 + n))
        state["back"], _ = _search(theirs, ours, patches[n], radius, state["back"], sweeps, 2 * (seed * 5 + n) + 1)
        run.log(n, distance=far)
        run.preview("levels", n, paste(appearance, state["there"], f_a, f_b, structure, patches[n]))
        if n < len(names) - 1:
            way, alpha = (names[n + 1], names[n]), min(max(kept[n] + settings.kept, 0.0), 1.0)
            state["a"] = refined(maps_a, maps_b, way, state["there"], alpha, extractor, settings.iterations)
            state["b"] = refined(maps_b, maps_a, way, state["back"], alpha, extractor, settings.iterations)
    return paste(appearance, state["there"], maps_a[names[-1]], maps_b[names[-1]], structure, patches[-1])


def refined(
    own: dict[str, Tensor],
    other: dict[str, Tensor],
    way: tuple[str, str],
    field: Tensor,
    alpha: float,
    extractor: Features,
    iterations: int,
) -> Tensor:
    """Steps 2 and 3: the next finer map of a picture that is aligned with one and looks like the other.

    Args:
        own: the maps of the picture it is aligned with, by layer.
        other: of the picture it looks like.
        way: the finer layer, and the one that was matched.
        field: (1, h, w), for each position of the latter in `own` a position in `other`.
        alpha: share of the own map where it responds strongly.
        extractor: whose layers these are.
        iterations: of L-BFGS.

    Returns:
        (1, N, h', w'), of the size of `own[finer]`.
    """
    finer, layer = way
    wanted = warp(other[layer], field)
    before, now = ((_grid(own[name]), _grid(other[name])) for name in (layer, finer))
    r = warp(other[finer], carry(field, before, now)).requires_grad_()
    # In units of what is wanted, so that the tolerances of L-BFGS mean the same whatever the network.
    scale = 1 / (wanted.square().mean() + 1e-12)
    optimiser = torch.optim.LBFGS([r], max_iter=iterations, line_search_fn="strong_wolfe")

    def descend() -> Tensor:
        loss = scale * (extractor.onward(r, finer, layer) - wanted).square().sum()
        (r.grad,) = torch.autograd.grad(loss, r)
        return loss.detach()

    optimiser.step(descend)
    w = alpha * response(own[finer])
    return w * own[finer] + (1 - w) * r.detach()


def response(x: Tensor) -> Tensor:
    """(1, N, h, w) -> (1, 1, h, w): near 1 where a map responds more than weakly, else near 0."""
    strength = x.square().sum(1, keepdim=True)
    low, high = strength.amin(), strength.amax()
    return torch.sigmoid(KAPPA * ((strength - low) / (high - low + 1e-12) - TAU))


def unit(x: Tensor) -> Tensor:
    """(1, N, h, w), each column scaled to length 1."""
    return F.normalize(x, dim=1)


def warp(x: Tensor, field: Tensor) -> Tensor:
    """The columns of (1, N, h', w') that a field (1, h, w) names, (1, N, h, w)."""
    return x.flatten(2)[:, :, field.flatten()].unflatten(2, tuple(field.shape[1:])).contiguous()


def paste(appearance: Tensor, field: Tensor, f_a: Tensor, f_b: Tensor, structure: Tensor, side: int) -> Tensor:
    """The appearance put together as a field between two maps says, the mean of overlapping patches.

    Args:
        appearance: (1, 3, H', W') in [-1, 1].
        field: (1, h, w), positions in the map of the appearance.
        f_a, f_b: the maps, (1, N, h, w) and (1, N, h', w').
        structure: (1, 3, H, W), of the size of the result.
        side: of the patches in pixels, odd.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    at_pixels = carry(field, (_grid(f_a), _grid(f_b)), (_grid(structure), _grid(appearance)))
    half = side // 2
    pasted = vote(_around(appearance, half)[0][:, None], at_pixels, (1, side, side))[:, 0]
    height, width = structure.shape[2:]
    return pasted[None, :, half : half + height, half : half + width].clamp(-1, 1)


def _search(
    queries: Tensor, keys: Tensor, side: int, radius: int | None, start: Tensor | None, sweeps: int, seed: int
) -> tuple[Tensor, float]:
    """For the patch around every position of (1, N, h, w) the nearest around one of (1, N, h', w'); mean distance."""
    ours, theirs = (_around(x, side // 2)[0][:, None] for x in (queries, keys))
    found = patchmatch(ours, theirs, (1, side, side), start=start, reach=radius, sweeps=sweeps, seed=seed)
    return found.index, float(found.distance.mean())


def _around(x: Tensor, by: int) -> Tensor:
    return F.pad(x, (by, by, by, by), mode="replicate")


def _grid(x: Tensor) -> Patch:
    """The positions of (1, N, h, w), as a field has them."""
    return (1, x.shape[2], x.shape[3])
