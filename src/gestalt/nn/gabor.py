"""Fixed features: how strongly a picture waves in each direction, at five scales, and its colours there.

    level 1:  m_1 = |x * psi_k|, k = 1 ... 6 directions, of the luminance, and the picture x itself
    level n:  all magnitudes and the colours of level n - 1, halved, and |luminance * psi_k| of the halved colours

psi_k are complex Gabor filters of one octave's width and 4 pixels' wavelength, without response to flat colour; halving
is by the binomial filter 1 3 3 1. So level n sees wavelengths of 4 ... 4 * 2^(n-1) pixels, the finer ones as their mean
strength, as the first order of a scattering transform does. Nothing is learned, and nothing knows what an object is.

References:
    Daugman: Uncertainty Relation for Resolution in Space, Spatial Frequency, and Orientation Optimized by
        Two-Dimensional Visual Cortical Filters. JOSA A 1985.
    Bruna, Mallat: Invariant Scattering Convolution Networks. PAMI 2013.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.nn.trunks import Stage
from gestalt.ops.stats import luminance

DIRECTIONS, WAVELENGTH, LEVELS = 6, 4.0, 5
GAIN = 2.0
"""On the magnitudes, which in photographs are weaker than the colours beside them."""


def stages() -> tuple[nn.Module, list[Stage]]:
    """The trunk, and its levels: (B, 3, H, W) in [-1, 1] -> (B, 6 n + 3, H / 2^(n-1), W / 2^(n-1)), rounded down."""
    levels = [Level(n) for n in range(LEVELS)]
    return nn.ModuleList(levels), [Stage(f"level{n + 1}", level, 2**n) for n, level in enumerate(levels)]


class Level(nn.Module):
    """Level n + 1 from the map of level n; its last three channels are colours. Level 1 takes the picture itself."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.is_first = n == 0
        self.register_buffer("filters", filters())

    def forward(self, x: Tensor) -> Tensor:
        """(B, 6 n + 3, H, W) -> (B, 6 (n + 1) + 3, H', W')."""
        if not self.is_first:
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
            x = F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(x, 2, stride=1), 2, stride=1), 2)  # 1 1 thrice is 1 3 3 1
        half = self.get_buffer("filters").shape[-1] // 2
        tone = F.pad(luminance(x[:, -3:]), (half,) * 4, mode="replicate")
        even, odd = F.conv2d(tone, self.get_buffer("filters")).chunk(2, dim=1)
        # Less than the small number is noise; with it slopes change slowly where a picture is flat.
        strength = (even.square() + odd.square() + 1e-4).sqrt()
        return torch.cat([GAIN * strength, x], dim=1)


def filters() -> Tensor:
    """(12, 1, 11, 11): even, then odd filters of six directions; a wave of amplitude 1 along one gives 1."""
    deviation = 0.56 * WAVELENGTH
    half = math.ceil(2.2 * deviation)
    at = torch.arange(-half, half + 1, dtype=torch.float64)
    y, x = torch.meshgrid(at, at, indexing="ij")
    window = torch.exp(-(x.square() + y.square()) / (2 * deviation**2))
    even, odd = [], []
    for k in range(DIRECTIONS):
        angle = math.pi * k / DIRECTIONS
        phase = 2 * math.pi / WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle))
        cosine = window * (phase.cos() - (window * phase.cos()).sum() / window.sum())
        even.append(cosine / (cosine * phase.cos()).sum())
        odd.append(window * phase.sin() / (window * phase.sin().square()).sum())
    return torch.stack(even + odd)[:, None].float()
