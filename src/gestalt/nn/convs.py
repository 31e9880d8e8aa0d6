"""Convolutions over two or three axes, drawn from a seeded generator, plain or with their spectral norm held at 1.

References:
    Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks. ICLR 2018.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.ops.convolve import convolve

KERNEL = 3
"""Side of every kernel; with one pixel of zeros around it a picture keeps its size."""


class Conv(nn.Module):
    """A 3x3 or 3x3x3 convolution that keeps the size: zeros beyond the border.

    Weights and biases are uniform in +-1/sqrt(fan-in), torch's own default.

    Args:
        channels_in, channels_out: of input and output.
        axes: 2 for pictures (B, C, H, W), 3 for clips (B, C, T, H, W).
        generator: of the initial numbers.
    """

    def __init__(self, channels_in: int, channels_out: int, axes: int, generator: Generator) -> None:
        super().__init__()
        self.axes = axes
        shape = (channels_out, channels_in, *(KERNEL,) * axes)
        bound = (channels_in * KERNEL**axes) ** -0.5
        self.weight = nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) * bound)
        self.bias = nn.Parameter((2 * torch.rand(channels_out, generator=generator) - 1) * bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) -> (B, C', *S)."""
        return self.convolved(x, self.weight)

    def convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        """The convolution with other weights of the same shape."""
        return convolve(x, weight, self.bias, (1,) * self.axes)


class SpectralConv(Conv):
    """The same, its weights divided by their largest singular value as a matrix (channels out, the rest).

    That value is u.W v, where u and v follow W by one step of the power iteration whenever `follow` is called; a pass
    changes nothing. So one pass or many between two steps of training see one function.
    """

    START = 15
    """Power iterations at the start."""

    u: Tensor
    v: Tensor

    def __init__(self, channels_in: int, channels_out: int, axes: int, generator: Generator) -> None:
        super().__init__(channels_in, channels_out, axes, generator)
        self.register_buffer("u", F.normalize(torch.randn(channels_out, generator=generator), dim=0))
        self.register_buffer("v", torch.zeros(self.weight[0].numel()))
        self.follow(self.START)

    @torch.no_grad()
    def follow(self, steps: int = 1) -> None:
        """Take steps of the power iteration."""
        matrix = self.weight.flatten(1)
        for _ in range(steps):
            self.v.copy_(F.normalize(matrix.T @ self.u, dim=0))
            self.u.copy_(F.normalize(matrix @ self.v, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) -> (B, C', *S)."""
        norm = torch.dot(self.u, self.weight.flatten(1) @ self.v)
        return self.convolved(x, self.weight / norm)


def follow_all(module: nn.Module) -> None:
    """Take one step of the power iteration in every spectral convolution of a network."""
    for part in module.modules():
        if isinstance(part, SpectralConv):
            part.follow()
