"""Statistics of channels: ranks, histogram matching."""

import torch
from torch import Tensor


def ranks(x: Tensor) -> Tensor:
    """Replace every number by its rank within its channel, spread over [-1, 1]; equal numbers share their mean rank.

    Args:
        x: (B, C, *S).

    Returns:
        (B, C, *S) float32. A channel of one value is all zeros.
    """
    flat = x.flatten(2)
    out = torch.empty(flat.shape, dtype=torch.float32, device=x.device)
    count = flat.shape[2]
    for sample, result in zip(flat.flatten(0, 1), out.view(-1, count), strict=True):
        _, group, sizes = sample.unique(return_inverse=True, return_counts=True)
        middle = sizes.cumsum(0) - (sizes + 1) / 2
        result.copy_(((2 * middle + 1) / count - 1)[group])
    return out.reshape(x.shape)


def match_histogram(x: Tensor, reference: Tensor) -> Tensor:
    """Give every channel of `x` the value distribution of the reference's channel; equal inputs stay equal.

    Args:
        x: (B, C, *S).
        reference: (B, C, *R), another size is fine.

    Returns:
        (B, C, *S) float32: the reference's quantile at each number's mean rank, linear between its samples.
    """
    if x.shape[:2] != reference.shape[:2]:
        raise ValueError(
            f"histogram matching needs equal batch and channels, got {tuple(x.shape)} and {tuple(reference.shape)}"
        )
    ordered = reference.flatten(2).float().sort(dim=2).values
    count = ordered.shape[2]
    at = ((ranks(x).flatten(2).double() + 1) / 2 * count - 0.5).clamp(0, count - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=count - 1)
    part = (at - low).float()
    return (ordered.gather(2, low) * (1 - part) + ordered.gather(2, high) * part).reshape(x.shape)


def luminance(x: Tensor) -> Tensor:
    """(B, 3, *S) sRGB values -> (B, 1, *S): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601 luma)."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype, device=x.device)
    return torch.einsum("bc...,c->b...", x, weights)[:, None]
