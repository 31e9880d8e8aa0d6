"""Instance normalisation with LeakyReLU, in one operation that can be differentiated twice.

Between the convolutions of a small network these two cost as much as the convolutions themselves, and in a gradient
penalty, which differentiates them twice, more. On the CPU they are one pass of `ops.planes` over each plane.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SLOPE, EPSILON = 0.2, 1e-5


def normalised_leaky(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """leaky(scale n + shift), n being x with mean 0 and variance 1 over the pixels of each channel of each sample.

    Args:
        x: (B, C, *S).
        scale, shift: (C,).

    Returns:
        (B, C, *S).
    """
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
        y: Any = _Forward.apply(x, scale, shift)
        return y
    return F.leaky_relu(F.group_norm(x, x.shape[1], scale, shift, EPSILON), SLOPE)


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        from gestalt.ops import planes

        y, *moments = planes.forward(_planes(x), _array(scale), _array(shift), _constants(x))
        ctx.save_for_backward(x, scale, shift)
        ctx.moments = moments
        return torch.from_numpy(y).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Backward.apply(*ctx.saved_tensors, *gradients, ctx.moments)


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, gy: Tensor, moments: Any) -> Any:
        from gestalt.ops import planes

        mean, inverse = moments
        gx, *rest = planes.backward(_planes(x), mean, inverse, _array(scale), _array(shift), _constants(x), _planes(gy))
        ctx.save_for_backward(x, scale, shift, gy)
        ctx.moments = moments
        ctx.set_materialize_grads(False)
        return torch.from_numpy(gx).view(x.shape), *map(torch.from_numpy, rest)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        from gestalt.ops import planes

        x, scale, shift, gy = ctx.saved_tensors
        u, u_scale, u_shift = (
            torch.zeros_like(like) if given is None else given
            for given, like in zip(gradients, (x, scale, shift), strict=True)
        )
        mean, inverse = ctx.moments
        to_gy, to_x, to_scale = planes.backward_twice(
            _planes(x),
            mean,
            inverse,
            _array(scale),
            _array(shift),
            _constants(x),
            _planes(gy),
            _planes(u),
            _array(u_scale),
            _array(u_shift),
        )
        to_x, to_gy = (torch.from_numpy(array).view(x.shape) for array in (to_x, to_gy))
        return to_x, torch.from_numpy(to_scale), None, to_gy, None


def _array(x: Tensor) -> Any:
    return x.detach().numpy()


def _planes(x: Tensor) -> Any:
    return x.detach().contiguous().numpy().reshape(x.shape[0] * x.shape[1], -1)


def _constants(x: Tensor) -> Any:
    return _constants_of(x.dtype, x.shape[2:].numel())


@functools.lru_cache(maxsize=256)
def _constants_of(dtype: torch.dtype, pixels: int) -> Any:
    return torch.tensor([0.0, 1.0, SLOPE, EPSILON, pixels], dtype=dtype).numpy()
