"""The numba kernels behind `ops.normalise`: CPU, each plane (one channel of one sample) read while it is in the cache.

Planes come as (P, N) arrays, C-contiguous, P = B * C with the sample's index first; `scale` and `shift` have length C.
With m and v the mean and variance of a plane x, n = (x - m) / sqrt(v + epsilon) and z = scale n + shift, the kernels
compute y = leaky(z), the gradient of that, and the gradient of that gradient. `constants` (0, 1, slope, epsilon, N) is
an array of the same type as x, since a literal would turn the arithmetic into double precision. They run on the
calling thread and let go of Python's lock, so that several threads may call them at once.
"""

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "nsz"}


@njit(fastmath=_FAST, cache=True, nogil=True)
def forward(x, scale, shift, constants):
    """y (P, N), and the mean and 1 / sqrt(v + epsilon) of every plane."""
    planes, size = x.shape
    zero, one, slope, epsilon, count = constants[0], constants[1], constants[2], constants[3], constants[4]
    y = np.empty_like(x)
    means, inverses = np.empty(planes, x.dtype), np.empty(planes, x.dtype)
    for p in range(planes):
        channel = p % len(scale)
        plane, out = x[p], y[p]
        total = zero
        for i in range(size):
            total += plane[i]
        mean = total / count
        total = zero
        for i in range(size):
            total += (plane[i] - mean) * (plane[i] - mean)
        inverse = one / np.sqrt(total / count + epsilon)
        gain = scale[channel] * inverse
        offset = shift[channel] - gain * mean
        for i in range(size):
            z = gain * plane[i] + offset
            out[i] = max(z, slope * z)
        means[p], inverses[p] = mean, inverse
    return y, means, inverses


@njit(fastmath=_FAST, cache=True, nogil=True)
def backward(x, means, inverses, scale, shift, constants, gy):
    """Gradients with respect to x (P, N), scale and shift, from the one to y."""
    planes, size = x.shape
    zero, one, slope, count = constants[0], constants[1], constants[2], constants[4]
    gx = np.empty_like(x)
    g_scale, g_shift = np.zeros_like(scale), np.zeros_like(shift)
    for p in range(planes):
        channel = p % len(scale)
        plane, incoming, out = x[p], gy[p], gx[p]
        mean, inverse = means[p], inverses[p]
        gain = scale[channel] * inverse
        offset = shift[channel] - gain * mean
        total = zero
        along = zero
        for i in range(size):
            z = gain * plane[i] + offset
            g = incoming[i] * (one if z > 0 else slope)
            out[i] = g
            total += g
            along += g * (plane[i] - mean)
        along *= inverse
        drift, share = total / count, along * inverse / count
        for i in range(size):
            out[i] = gain * (out[i] - drift - share * (plane[i] - mean))
        g_scale[channel] += along
        g_shift[channel] += total
    return gx, g_scale, g_shift


@njit(fastmath=_FAST, cache=True, nogil=True)
def backward_twice(x, means, inverses, scale, shift, constants, gy, u, u_scale, u_shift):
    """Gradients of sum(u gx) + sum(u_scale g_scale) + sum(u_shift g_shift), with gx, ... as `backward` gives them.

    With g = leaky'(z) gy and P the projection that takes out of a plane its mean and its share of n,
    gx = scale / s P g, so that what comes back to g is scale / s P u + u_scale n + u_shift, and to x

        -scale / (N s^2) [(u.g - N mean(u) mean(g) - (u.n)(g.n) / N) n + (g.n) P u + (u.n) P g] + u_scale / s P g.

    Returns:
        With respect to gy and x (P, N), and to scale; to shift there is none.
    """
    planes, size = x.shape
    zero, one, slope, count = constants[0], constants[1], constants[2], constants[4]
    out_gy, out_x = np.empty_like(x), np.empty_like(x)
    out_scale = np.zeros_like(scale)
    for p in range(planes):
        channel = p % len(scale)
        plane, incoming, other, to_gy, to_x = x[p], gy[p], u[p], out_gy[p], out_x[p]
        mean, inverse = means[p], inverses[p]
        gain = scale[channel] * inverse
        offset = shift[channel] - gain * mean
        sum_g, sum_u, g_n, u_n, u_g = zero, zero, zero, zero, zero
        for i in range(size):
            n = (plane[i] - mean) * inverse
            g = incoming[i] * (one if gain * plane[i] + offset > 0 else slope)
            to_x[i] = g
            sum_g += g
            sum_u += other[i]
            g_n += g * n
            u_n += other[i] * n
            u_g += other[i] * g
        mean_g, mean_u, g_share, u_share = sum_g / count, sum_u / count, g_n / count, u_n / count
        joint = u_g - count * mean_u * mean_g - u_n * g_share
        factor = -gain * inverse / count
        for i in range(size):
            n = (plane[i] - mean) * inverse
            u_rest = other[i] - mean_u - n * u_share
            g_rest = to_x[i] - mean_g - n * g_share
            leak = one if gain * plane[i] + offset > 0 else slope
            to_gy[i] = leak * (gain * u_rest + u_scale[channel] * n + u_shift[channel])
            to_x[i] = factor * (joint * n + g_n * u_rest + u_n * g_rest) + u_scale[channel] * inverse * g_rest
        out_scale[channel] += joint * inverse
    return out_gy, out_x, out_scale
