"""Where a picture has what, in numbers that mean the same in any picture: the guidance of the patch engine.

By colour alone the search drifts to a copy of B, whose patches fit each other perfectly. Six channels, measured in
both pictures, hold the arrangement of A:

    tone         rank of the luminance: A's brightest tenth looks for patches in B's brightest tenth
    rarity       rank of the distance from the picture's median colour: rare colours mark figures
    figure       figure or ground (`figure`), as far as *both* pictures have figures
    edges        rank of the blurred gradient magnitude: busy places for busy places, and B's outlines on A's
    direction    which way edges run, as cosine and sine of twice the angle (an edge has no front)

What places things (tone, rarity, figure) fades fast from level to level, so that it leaves texture alone; what aligns
outlines (edges, direction) fades slowly. The weights were chosen by the ablation in docs/results/analogy.md.

References:
    Hertzmann, Jacobs, Oliver, Curless, Salesin: Image Analogies. SIGGRAPH 2001 (guiding patches by further channels).
    Knutsson: Representing Local Structure Using Tensors. SCIA 1989 (twice the angle).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.metrics.edges import blur, edge_map
from gestalt.ops.resize import resize
from gestalt.ops.stats import luminance, ranks
from gestalt.tasks.analogy.figure import figure_ground

WEIGHTS = (2.0, 2.0, 3.0, 2.0, 1.0, 1.0)
"""Of the channels at the coarsest level; a colour channel has 1."""

DECAYS = (0.6, 0.6, 0.7, 0.85, 0.85, 0.85)
"""Factor on each weight from one level to the next finer one."""

FIGURES_EVERY = 4
"""Frames of a clip from one look at figure and ground to the next."""

CERTAIN = (0.2, 0.35)
"""Certainty of figure against ground below which that channel is off, and above which it has all its weight."""


def guidance(structure: Tensor, appearance: Tensor) -> tuple[Tensor, Tensor]:
    """Measure the channels in both pictures or clips; a clip is ranked as a whole, so that frames agree.

    Args:
        structure: (1, 3, H, W) or (1, 3, T, H, W) in [-1, 1].
        appearance: the same with other lengths, picture or clip.

    Returns:
        (1, 6, ...) of the size of either, in [-1, 1].
    """
    (figures, ours), (others, theirs) = _figures(structure), _figures(appearance)
    low, high = CERTAIN
    trust = min(max((min(ours, theirs) - low) / (high - low), 0.0), 1.0)
    return _channels(structure, trust * figures), _channels(appearance, trust * others)


def channel_weights(level: int) -> Tensor:
    """(6,), the weight of each channel at a level counted from the coarsest."""
    return torch.tensor([w * d**level for w, d in zip(WEIGHTS, DECAYS, strict=True)])


def _figures(image: Tensor) -> tuple[Tensor, float]:
    """(1, 1, ...) figure or ground, and the certainty; of a clip some frames are looked at, the others lie between."""
    if image.ndim == 4:
        return figure_ground(image)
    # Where `resize` will put them: each in the middle of its share of the time.
    count = -(-image.shape[2] // FIGURES_EVERY)
    at = [min(image.shape[2] - 1, int((n + 0.5) * image.shape[2] / count)) for n in range(count)]
    found = [figure_ground(frame) for frame in _frames(image)[at].split(1)]
    figures = torch.stack([frame for frame, _ in found], dim=2)
    return resize(figures, image.shape[2:]).clamp(-1, 1), sum(certainty for _, certainty in found) / len(found)


def _channels(image: Tensor, figures: Tensor) -> Tensor:
    tone = luminance(image)
    median = image.flatten(2).median(dim=2).values.view(1, -1, *(1,) * (image.ndim - 2))
    rarity = (image - median).square().sum(dim=1, keepdim=True).sqrt()
    edges, ways = (_in_frames(measure, image) for measure in (edge_map, direction))
    return torch.cat([ranks(tone), ranks(rarity), figures, ranks(edges), ways], dim=1)


def _frames(image: Tensor) -> Tensor:
    """(1, C, T, H, W) -> (T, C, H, W); a picture stays as it is."""
    return image if image.ndim == 4 else image[0].movedim(1, 0)


def _in_frames(measure: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """A measure of pictures, of every frame."""
    found = measure(_frames(image))
    return found if image.ndim == 4 else found.movedim(0, 1)[None]


def direction(image: Tensor) -> Tensor:
    """Which way the edges of (B, 3, H, W) run: (B, 2, H, W), cosine and sine of twice the angle.

    Of length near 1 on a clear edge; 0 where nothing has a direction.
    """
    tone = F.pad(blur(luminance(image), 1.0), (1, 1, 1, 1), mode="replicate")
    across = (tone[:, :, 1:-1, 2:] - tone[:, :, 1:-1, :-2]) / 2
    down = (tone[:, :, 2:, 1:-1] - tone[:, :, :-2, 1:-1]) / 2
    tensor = blur(
        torch.cat([across.square() - down.square(), 2 * across * down, across.square() + down.square()], 1), 2.0
    )
    energy = tensor[:, 2:]
    return tensor[:, :2] / (energy + 0.5 * energy.mean() + 1e-9)
