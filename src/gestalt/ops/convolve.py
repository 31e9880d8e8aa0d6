"""Convolutions of stride 1 that are fast where torch's are not: small clips on the CPU, penalties on a GPU.

A gradient penalty differentiates a critic twice. For the second derivative of a convolution torch asks for one whose
kernel is as large as the picture, and on a GPU that took three quarters of a step's time. But the first derivative is
a convolution as well, with the kernel mirrored, and so the second is its first: `_Convolution` says so.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SLOW_UP_TO = 20_480
"""Where a clip in a batch of one has no more than this many numbers in C x T x H, torch 2.15 on the CPU takes a path
without oneDNN; as a batch of two halves it needs a quarter of the time or less."""


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Sequence[int]) -> Tensor:
    """`F.conv2d` or `F.conv3d`.

    Args:
        x: (B, C, *S), two or three axes.
        weight: (C', C, *K).
        bias: (C',), or None.
        padding: zeros beyond the border, per axis, on either side.

    Returns:
        (B, C', *S').
    """
    if x.device.type != "cpu":
        y: Any = _Convolution.apply(x, weight, bias, tuple(padding), _state.slopes_only)
        return y
    if x.ndim == 4 or len(x) > 1 or x.shape[1:4].numel() > SLOW_UP_TO:
        return _plain(x, weight, bias, padding)
    time, height, width = padding
    more = weight.shape[3] - 1
    rows = x.shape[3] + 2 * height - more
    half = (rows + 1) // 2
    x = F.pad(x, (0, 0, height, height))
    both = torch.cat([x[..., : half + more, :], x[..., rows - half :, :]])
    upper, lower = _plain(both, weight, bias, (time, 0, width)).chunk(2)
    return torch.cat([upper, lower[..., 2 * half - rows :, :]], dim=3)


class _State(threading.local):
    slopes_only = False


_state = _State()


@contextlib.contextmanager
def slopes_only() -> Iterator[None]:
    """Of a first derivative that is to be differentiated again, only that by the pictures is asked, not by the weights.

    For the forward pass; saves the work for what nobody would use.
    """
    _state.slopes_only = True
    try:
        yield
    finally:
        _state.slopes_only = False


def _plain(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Sequence[int]) -> Tensor:
    return (F.conv2d if x.ndim == 4 else F.conv3d)(x, weight, bias, padding=tuple(padding))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, ...], slopes_only: bool
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.slopes_only, ctx.has_bias = padding, slopes_only, bias is not None
        return _plain(x, weight, bias, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gy,) = gradients
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        if not torch.is_grad_enabled():
            return *_derivatives(gy, x, weight, ctx.padding, [wants_x, wants_weight, ctx.has_bias]), None, None
        gx = gw = gb = None
        if wants_x:
            mirrored = weight.flip(tuple(range(2, weight.ndim))).transpose(0, 1)
            around = tuple(k - 1 - p for k, p in zip(weight.shape[2:], ctx.padding, strict=True))
            gx = _Convolution.apply(gy, mirrored, None, around, False)
        if wants_weight and not ctx.slopes_only:
            _, gw, gb = _derivatives(gy, x, weight, ctx.padding, [False, True, ctx.has_bias])
        return gx, gw, gb, None, None


def _derivatives(gy: Tensor, x: Tensor, weight: Tensor, padding: Sequence[int], wanted: list[bool]) -> Any:
    """By x, weight and bias, as far as wanted."""
    axes = len(padding)
    return torch.ops.aten.convolution_backward(
        gy, x, weight, [len(weight)], [1] * axes, list(padding), [1] * axes, False, [0] * axes, 1, wanted
    )
