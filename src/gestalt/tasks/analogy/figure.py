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

CLUSTERINGS = ((3, 2.0), (4, 2.0), (6, 1.0), (8, 1.0))
"""Numbers of colour clusters, and the blur before each in pixels at a short side of 96; their answers are averaged."""

BORDER = 0.03
"""Width of the border strip, as a share of the short side."""


def figure_ground(image: Tensor) -> Tensor:
    """Tell figure from ground.

    Args:
        image: (1, 3, H, W) in [-1, 1].

    Returns:
        (1, 1, H, W) in [-1, 1]: 1 surely figure, -1 surely ground; all 0 for a picture of one colour.
    """
    pixel = max(min(image.shape[2:]) / 96, 0.01)
    likelihood = torch.stack([_likelihood(blur(image, width * pixel), count) for count, width in CLUSTERINGS])
    return _two_classes(blur(likelihood.mean(0)[None, None], pixel))


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
    for _ in range(rounds):
        members = torch.nn.functional.one_hot(_nearest(colours_nc, centres_kc), count).to(colours_nc.dtype)
        sizes = members.sum(0)[:, None]
        centres_kc = torch.where(sizes > 0, members.T @ colours_nc / sizes.clamp(min=1), centres_kc)
    return _nearest(colours_nc, centres_kc)


def _nearest(colours_nc: Tensor, centres_kc: Tensor) -> Tensor:
    return (colours_nc[:, None] - centres_kc).square().sum(2).argmin(1)


def _clear_of_border(inside: Tensor, border: Tensor, strip: int) -> Tensor:
    """(H, W) in [0, 1] over the connected regions of `inside`: exp(-border contact / root of area)."""
    import scipy.ndimage

    numbered = np.empty(inside.shape, np.int32)
    scipy.ndimage.label(inside.numpy(), output=numbered)
    regions = torch.from_numpy(numbered).long()
    area = torch.bincount(regions.flatten()).float()
    contact = torch.bincount(regions[border], minlength=len(area)).float() / strip
    return torch.exp(-contact / area.clamp(min=1).sqrt())[regions]


def _two_classes(x: Tensor, rounds: int = 20) -> Tensor:
    """Push values away from the threshold halfway between the means of those above and below it, into [-1, 1]."""
    deviation = x.std(correction=0)
    if deviation < 1e-6:
        return torch.zeros_like(x)
    threshold = x.mean()
    for _ in range(rounds):
        above = x > threshold
        threshold = (x[above].mean() + x[~above].mean()) / 2
    return torch.tanh(2 * (x - threshold) / deviation)
