"""Pixels whose patches are distributed like B's, beginning as A: direct patch distribution matching (GPDM).

The distance of the two sets of patches is their sliced Wasserstein distance: along a random direction w, a filter of
the patch's size, both pictures are convolved with w, the responses sorted, and compared in order,

    SWD(x, B) = mean over w of | sort(w * x) - sort(w * B) |,

which has a gradient in every pixel of x. Level by level up a pyramid, with new directions at each step, Adam lowers it;
A enters at the coarsest level, each result, enlarged, is where the next level begins. Nothing but that beginning holds
A's arrangement. Filters and sorts are all there is: no network, no search.

Where this departs from the published method: pictures of unequal size have their sorted responses compared at equal
quantiles, where the paper repeats some of the smaller one's patches.

References:
    Elnekave, Weiss: Generating Natural Images with Direct Patch Distributions Matching. ECCV 2022.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.chance import noise, seeded
from gestalt.ops.pyramid import follow, ladder
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Sliced

LOG_EVERY = 20


def make(structure: Tensor, appearance: Tensor, settings: Sliced, *, seed: int = 0, run: NullRun = NullRun()) -> Tensor:
    """One picture, moved until its patches are distributed like the other's.

    Args:
        structure: (1, 3, H, W) in [-1, 1], at working size.
        appearance: (1, 3, H', W') in [-1, 1].
        settings: of the method.
        seed: of the directions.
        run: takes a loop of steps per level.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    sizes = ladder(structure.shape[2:], settings.coarsest, settings.ratio)
    picture = structure
    for n, (size, source_size) in enumerate(zip(sizes, follow(appearance.shape[2:], sizes), strict=True)):
        source = resize(appearance, source_size).clamp(-1, 1)
        picture = resize(picture, size).clamp(-1, 1).clone().requires_grad_()
        patch = min(settings.patch, *size, *source_size)
        optimiser = torch.optim.Adam([picture], settings.lr)
        for step in run.steps(f"level {n}", settings.steps, {"picture": picture, "optimiser": optimiser}):
            rays = noise((settings.projections, 3, patch, patch), seeded(seed, n, step), picture)
            rays = rays / rays.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            loss = distance(picture, source, rays)
            (picture.grad,) = torch.autograd.grad(loss, picture)
            optimiser.step()
            if step % LOG_EVERY == 0 or step == settings.steps - 1:
                run.log(step, swd=float(loss.detach()))
        picture = picture.detach()
        run.preview("level", n, picture.clamp(-1, 1))
    return picture.clamp(-1, 1)


def distance(x: Tensor, source: Tensor, rays: Tensor) -> Tensor:
    """The sliced Wasserstein-1 distance of two pictures' patches along given directions.

    Args:
        x: (1, 3, H, W); the distance is differentiable in it.
        source: (1, 3, H', W').
        rays: (R, 3, p, p), each of length 1.
    """
    ours, theirs = (_sorted(F.conv2d(image, rays)[0].flatten(1)) for image in (x, source))
    count = max(ours.shape[1], theirs.shape[1])
    return (_quantiles(ours, count) - _quantiles(theirs, count)).abs().mean()


def _sorted(rows: Tensor) -> Tensor:
    """Sort each row, differentiably; on the CPU by numpy, which sorts floats with vector instructions."""
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    if not rows.requires_grad:
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    return rows.gather(1, torch.from_numpy(np.argsort(rows.detach().numpy(), axis=1)))


def _quantiles(ordered: Tensor, count: int) -> Tensor:
    """Values of sorted rows (R, N) at `count` equally spaced quantiles, linear in between."""
    if ordered.shape[1] == count:
        return ordered
    return F.interpolate(ordered[None], size=count, mode="linear", align_corners=False)[0]
