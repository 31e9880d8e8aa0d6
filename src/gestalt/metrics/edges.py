"""Does one picture have its edges where another has them? The structure side of an analogy, and local contrast."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.resize import resize


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (B, C, H, W); the border is continued with its own values; the kernel is cut at 4 sigma."""
    radius = math.ceil(4 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    x = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)


def edge_map(x: Tensor) -> Tensor:
    """Blurred gradient magnitude of a picture.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, 1, H, W): Gaussian sigma 1 px, central differences, root of the squares summed over both directions and
        all channels, Gaussian sigma 1.5 px.
    """
    x = F.pad(blur(x, 1.0), (1, 1, 1, 1), mode="replicate")
    down = (x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]) / 2
    across = (x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2]) / 2
    return blur((down.square() + across.square()).sum(1, keepdim=True).sqrt(), 1.5)


def edge_correlation(output: Tensor, reference: Tensor) -> float:
    """E(output, reference): Pearson correlation of the edge maps; 1 for one arrangement, about 0 for unrelated ones.

    Traps: a recoloured copy of the structure image scores near 1, so this says nothing about appearance; and two
    unrelated pictures can score .4 and more when both have one busy region, so an output's E with A is to be read
    beside E(A, B). The reference is resized to the output when their sizes differ.

    Args:
        output: (1, C, H, W) in [-1, 1].
        reference: (1, C, H', W').

    Returns:
        A number in [-1, 1]; 0 when either picture has no edges at all.
    """
    a = edge_map(output).flatten().double()
    b = edge_map(resize(reference, output.shape[2:])).flatten().double()
    a, b = a - a.mean(), b - b.mean()
    scale = float(a.norm() * b.norm())
    return float(a @ b) / scale if scale > 1e-12 else 0.0


def local_contrast(output: Tensor, source: Tensor, window: int = 7) -> float:
    """Mean local standard deviation of the output, as a ratio to that of the source: 1 is as lively as the source.

    Trap: averaging overlapping patches blurs, and blur lowers patch distances; this is the measure that shows it
    (below .85 the picture looks soft). Noise raises it, so above 1.15 is no better.

    Args:
        output: (1, C, H, W).
        source: (1, C, H', W'), at the same scale.
        window: side in pixels of the square window, cut down to fit small pictures.

    Returns:
        The ratio; `inf` when the source is flat and the output is not, 1 when both are.
    """
    ours, theirs = (_mean_local_deviation(x, window) for x in (output, source))
    if theirs < 1e-8:
        return 1.0 if ours < 1e-8 else math.inf
    return ours / theirs


def _mean_local_deviation(x: Tensor, window: int) -> float:
    x = x.double()
    size = (min(window, x.shape[2]), min(window, x.shape[3]))
    mean = F.avg_pool2d(x, size, stride=1)
    variance = F.avg_pool2d(x.square(), size, stride=1) - mean.square()
    return float(variance.clamp(min=0).sqrt().mean())
