"""Losses of adversarial training, with the names of their papers.

References:
    Arjovsky, Chintala, Bottou: Wasserstein GAN. ICML 2017.
    Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville: Improved Training of Wasserstein GANs. NeurIPS 2017.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gestalt.ops.convolve import slopes_only


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """How far a critic of patches is from slope 1, over the pixels of some pictures: differentiable in its weights.

    The gradient of the sum of the critic's map is taken with respect to every pixel; its length over the channels
    should be 1.

    Args:
        critic: (B, C, *S) -> (B, 1, *S'), each sample by itself.
        points: (B, C, *S), the pictures or clips to look at, as `between` makes them.

    Returns:
        A number: mean over pixels of (|d sum D / d x|_2 - 1)^2, summed over the B samples.
    """
    points = points.detach().requires_grad_()
    with slopes_only():
        total = critic(points).sum()
    (slope,) = torch.autograd.grad(total, points, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).flatten(1).mean(1).sum()


def between(real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures on the straight line from a real one to each fake one, at a place drawn for each.

    Args:
        real: (1, C, *S).
        fake: (B, C, *S).
        generator: on the CPU.

    Returns:
        (B, C, *S), without a graph.
    """
    place = torch.rand(len(fake), *[1] * (fake.ndim - 1), generator=generator).to(fake)
    return torch.lerp(real, fake.detach(), place)
