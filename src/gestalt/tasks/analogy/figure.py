"""Which pixels are figure and which are ground, from one picture, without training.

Two everyday cues: the ground reaches the border of the picture, and figures are whole shapes that stay clear of it.
Colours are clustered; a cluster is ground as far as it takes a larger share of the border than of the picture; a
connected region of a cluster is ground as far as it touches the border for its size. On a picture without figures
(a texture) the two classes mean little, and the map only groups like with like.

References:
    Zhu, Liang, Wei, Sun: Saliency Optimization from Robust Background Detection. CVPR 2014 (border contact per
        root of area).
"""

import math

import numpy as np
import torch
from torch import Tensor

from gestalt.metrics.edges import blur
from gestalt.ops.pyramid import fit_long_side
from gestalt.ops.resize import resize

CLUSTERINGS = ((3, 2.0), (4, 2.0), (6, 1.0), (8, 1.0))
"""Numbers of colour clusters, and the blur before each in pixels at a short side of 96; their answers are averaged."""

LONG_SIDE = 128
"""Long side in pixels of the copy on which figures are sought; a larger one shows no more of them."""

BORDER = 0.03
"""Width of the border strip, as a share of the short side."""


def figure_ground(image: Tensor) -> tuple[Tensor, float]:
    """Tell figure from ground.

    Args:
        image: (1, 3, H, W) in [-1, 1].

    Returns:
        (1, 1, H, W) in [-1, 1]: 1 surely figure, -1 surely ground; all 0 for a picture of one colour.
        The certainty, in [0, 1]: how far apart the two classes are. Objects on a ground have .35 and more, landscapes
        and textures, which have no figures, mostly .15 to .3.
    """
    shrunk = resize(image, fit_long_side(image.shape[2:], LONG_SIDE)).cpu()  # small, and full of tiny steps
    pixel = max(min(shrunk.shape[2:]) / 96, 0.01)
    likelihood = torch.stack([_likelihood(blur(shrunk, width * pixel), count) for count, width in CLUSTERINGS])
    figures, certainty = _two_classes(blur(likelihood.mean(0)[None, None], pixel))
    return resize(figures.to(image.device), image.shape[2:]).clamp(-1, 1), certainty


def _likelihood(image: Tensor, count: int) -> Tensor:
    """(H, W) in [0, 1], how much each pixel looks like figure by one clustering of (1, 3, H, W)."""
    height, width = image.shape[2:]
    labels = _clusters(image[0].flatten(1).T.contiguous(), count).reshape(height, width)
    strip = max(1, round(BORDER * min(height, width)))
    border = torch.ones(height, width, dtype=torch.bool)
    border[strip : height - strip, strip : width - strip] = False
    likelihood = torch.zeros(height, width)
    for label in range(count):
        inside = labels == label
        if inside.any():
            area, contact = inside.float().mean(), inside[border].float().mean()
            likelihood[inside] = area / (area + contact) * (1 + _clear_of_border(inside, border, strip)[inside]) / 2
    return likelihood


def _clusters(colours_nc: Tensor, count: int, rounds: int = 20) -> Tensor:
    """K-means labels (N,) of colours (N, C), begun from colours far apart, so that chance plays no part."""
    centres = [colours_nc[(colours_nc - colours_nc.mean(0)).square().sum(1).argmax()]]
    distance = torch.full((len(colours_nc),), math.inf)
    for _ in range(count - 1):
        distance = torch.minimum(distance, (colours_nc - centres[-1]).square().sum(1))
        centres.append(colours_nc[distance.argmax()])
    centres_kc = torch.stack(centres)
    some_nc = colours_nc[::4]  # enough to find the centres
    labels = _nearest(some_nc, centres_kc)
    for _ in range(rounds):
        sizes = torch.bincount(labels, minlength=count)[:, None]
        sums = torch.zeros_like(centres_kc).index_add_(0, labels, some_nc)
        centres_kc = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres_kc)
        before, labels = labels, _nearest(some_nc, centres_kc)
        if torch.equal(before, labels):
            break
    return _nearest(colours_nc, centres_kc)


def _nearest(colours_nc: Tensor, centres_kc: Tensor) -> Tensor:
    return (centres_kc.square().sum(1, keepdim=True) - 2 * centres_kc @ colours_nc.T).argmin(0)


def _clear_of_border(inside: Tensor, border: Tensor, strip: int) -> Tensor:
    """(H, W) in [0, 1] over the connected regions of `inside`: exp(-border contact / root of area)."""
    import scipy.ndimage

    numbered = np.empty(inside.shape, np.int32)
    scipy.ndimage.label(inside.numpy(), output=numbered)
    regions = torch.from_numpy(numbered).long()
    area = torch.bincount(regions.flatten()).float()
    contact = torch.bincount(regions[border], minlength=len(area)).float() / strip
    return torch.exp(-contact / area.clamp(min=1).sqrt())[regions]


def _two_classes(x: Tensor, rounds: int = 20) -> tuple[Tensor, float]:
    """Push values away from the threshold halfway between the means of those above and below it, into [-1, 1].

    Also returns the distance of those means.
    """
    deviation = x.std(correction=0)
    if deviation < 1e-6:
        return torch.zeros_like(x), 0.0
    threshold = x.mean()
    high = low = threshold
    for _ in range(rounds):
        above = x > threshold
        high, low = x[above].mean(), x[~above].mean()
        threshold = (high + low) / 2
    return torch.tanh(2 * (x - threshold) / deviation), float(high - low)
