"""Noise fields, colour and light: what every drawn scene is made of.

Everything is a function of continuous coordinates, so a picture is the same at every resolution. Noise lives on a
lattice hashed with 32-bit integers: it has no period, needs no table, and the same point gives the same value
wherever it is asked for. Fields are (h, w), colours (3, h, w) in linear light; coordinates may be given as a row
(1, w) and a column (h, 1), which broadcast.

Light comes from the upper left. A surface is a colour and a height; `shade` takes the height's slopes on the sample
grid, so that bumps, bevels and domes all need no derivative of their own.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

Colour = tuple[float, float, float]

SUN: Colour = (1.18, 1.09, 0.94)
"""Linear light of the lamp, warm."""
SKY: Colour = (0.27, 0.31, 0.38)
"""Linear light from everywhere else, cool."""
LAMP = (-0.46, -0.52, 0.72)
"""The unit vector towards the lamp: x to the right, y down, z towards the viewer."""


class Surface(NamedTuple):
    """What a point of a scene looks like before light falls on it."""

    colour: Tensor
    """(3, h, w) the share of light that comes back, linear, in [0, 1]."""
    height: Tensor
    """(h, w) towards the viewer, in the unit of the coordinates."""
    gloss: Tensor | float = 0.0
    """(h, w) or one number: the strength of the lamp's reflection."""
    shine: int = 4
    """The highlight is `(n . half) ** (2 ** shine)`: 3 is waxy, 8 is glass."""


# Fields
#
# Nearly all of a scene's time goes into the two hashes below, so they are written in place and with constants that are
# tensors: a Python number costs torch more to convert than the arithmetic does. No field in this package meets floor,
# sqrt, sin or cos: torch splits those over threads however small the field is, and where another job holds a core two
# threads on ten thousand numbers are fifty times slower than one. frac, rsqrt and hypot are not split.


def _whole(value: int) -> Tensor:
    return torch.tensor(value, dtype=torch.int32)


_X, _Y, _MIX, _FOLD = 374761393, 668265263, _whole(1274126177), _whole(974634781)
_SPLIT, _S14, _S15, _BYTE, _256 = _whole(668265263), _whole(14), _whole(15), _whole(255), _whole(256)
_ONE, _TWO, _THREE, _SIX, _TEN, _FIFTEEN = (torch.tensor(float(n)) for n in (1, 2, 3, 6, 10, 15))


@cache
def _number(value: float) -> Tensor:
    return torch.tensor(value)


def _lattice(t: Tensor, factor: int, start: int, steps: Sequence[int]) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """Split a coordinate into the fraction of its cell and, for each neighbour, its share of the hash."""
    rest = t.frac()
    # Both round towards zero; below zero, where the sign bit is set, the cell is one further down.
    below = rest.view(torch.int32) >> 31
    whole = t.int().add_(below).mul_(factor)
    rest -= below
    # Sums wrap at 32 bits, those of Python numbers too: a lattice point has one hash, whichever cell asks.
    return rest, [(k, whole + ((factor * k + start + 2**31) % 2**32 - 2**31)) for k in steps]


def _scramble(h: Tensor) -> Tensor:
    """Mix int32 bits in place; the high bits are the random ones."""
    h ^= h >> _S15
    h *= _MIX
    h ^= h >> _S14
    h *= _FOLD
    return h


def hashed(ix: Tensor, iy: Tensor, seed: int) -> Tensor:
    """Scramble lattice points into 32 random bits.

    Args:
        ix, iy: int32, any shapes that broadcast.
        seed: any integer; another seed is another field.

    Returns:
        int32, the broadcast shape.
    """
    h = _scramble(ix * _X + (iy * _Y + _start(seed)))
    return h ^ (h >> 16)


def draw(h: Tensor, which: int = 0) -> Tensor:
    """Read one of three independent numbers in [0, 1] out of hashed bits."""
    return ((h >> (8 * which)) & 255).float() * (1 / 255)


def noise(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Gradient noise: smooth, zero at every lattice point, about one blob per unit.

    Args:
        x, y: coordinates, any shapes that broadcast.
        seed: which field.

    Returns:
        The broadcast shape, zero mean, nearly all of it in [-1, 1].
    """
    fx, columns = _lattice(x, _X, 0, (0, 1))
    fy, lines = _lattice(y, _Y, _start(seed), (0, 1))
    u, v = _fade(fx), _fade(fy)
    offsets = [(fx, columns[0][1]), (fx - 1, columns[1][1])]
    rows = []
    for j, hy in lines:
        dy = fy - j
        corners = []
        for dx, hx in offsets:
            h = _scramble(hx + hy)
            slope = h.float().mul_(dx)
            h *= _SPLIT
            corners.append(slope.addcmul_(h.float(), dy))
        rows.append(corners[0].lerp_(corners[1], u.expand_as(corners[1])))
    return rows[0].lerp_(rows[1], v.expand_as(rows[1])).mul_(1.5 * 2.0**-31)


def fractal(x: Tensor, y: Tensor, seed: int, octaves: int = 4, gain: float = 0.5) -> Tensor:
    """Sum noise over doubling frequencies: large soft shapes with ever finer detail, about in [-1, 1]."""
    total, weight = noise(x, y, seed), 1.0
    for octave in range(1, octaves):
        weight *= gain
        scale = 2.03**octave
        total += noise(x * scale + 17.3 * octave, y * scale - 9.1 * octave, seed + octave).mul_(weight)
    return total


def cells(x: Tensor, y: Tensor, seed: int, jitter: float = 0.9) -> tuple[Tensor, Tensor, Tensor]:
    """Cellular noise: one random site per unit square, every point belongs to the nearest.

    Args:
        x, y: coordinates, any shapes that broadcast.
        seed: which field.
        jitter: how far sites stray from a regular grid, 0 to 1.

    Returns:
        distance to the nearest site, distance to the second nearest, and the nearest cell's number in [0, 1].
    """
    fx, columns = _lattice(x, _X, 0, (-1, 0, 1))
    fy, lines = _lattice(y, _Y, _start(seed), (-1, 0, 1))
    spread, grain = torch.tensor(jitter * 2.0**-32), torch.tensor(2.0**20)
    # A squared distance and the cell's number packed in one integer: the two smallest come out of min and max.
    far = torch.iinfo(torch.int32).max
    first = second = torch.full_like(fx + fy, far, dtype=torch.int32)
    offsets = [(i + 0.5 - fx, hx) for i, hx in columns]
    for j, hy in lines:
        oy = j + 0.5 - fy
        for ox, hx in offsets:
            h = _scramble(hx + hy)
            dx = h.float().mul_(spread).add_(ox)
            dy = (h * _SPLIT).float().mul_(spread).add_(oy)
            key = dx.mul_(dx).addcmul_(dy, dy).mul_(grain).int()
            h >>= _S14
            h &= _BYTE
            key = key.mul_(_256).add_(h)
            second = torch.minimum(second, torch.maximum(first, key))
            first = torch.minimum(first, key)
    near, next_near = (root((key >> 8).float().mul_(2.0**-20)) for key in (first, second))
    return near, next_near, (first & _BYTE).float().mul_(1 / 255)


def root(x: Tensor) -> Tensor:
    """Take the square root of numbers that are at least 0."""
    return (x + 1e-20).rsqrt_().mul_(x)


def smooth(low: float, high: float, x: Tensor) -> Tensor:
    """Rise from 0 at `low` to 1 at `high` with flat ends; with `low` above `high`, fall."""
    t = (x - _number(low)).mul_(_number(1 / (high - low))).clamp_(0, 1)
    return (_THREE - t * _TWO).mul_(t).mul_(t)


def wave(t: Tensor) -> Tensor:
    """A smooth wave of period 1, from 1 at whole numbers to 0 half way between."""
    f = t.abs().frac_().mul_(_TWO).sub_(_ONE).abs_()
    return (_THREE - f * _TWO).mul_(f).mul_(f)


def ridges(n: Tensor, width: float) -> Tensor:
    """Thin lines where noise crosses zero: veins, cracks, caustics. In [0, 1]."""
    return (_ONE - n.abs().mul_(_number(1 / width))).clamp_min_(0)


# Colour


def rgb(code: str) -> Colour:
    """Read "rrggbb" as linear light."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red**2.2, green**2.2, blue**2.2


def paint(colour: Colour) -> Tensor:
    """Make a colour (3, 1, 1), ready to broadcast."""
    return torch.tensor(colour).view(3, 1, 1)


def mix(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Go from `a` at 0 to `b` at 1."""
    return (b - a).mul(t).add_(a)


def ramp(t: Tensor, colours: Sequence[str]) -> Tensor:
    """Spread colours over [0, 1], evenly and straight between neighbours; (h, w) -> (3, h, w)."""
    stops = [paint(rgb(code)) for code in colours]
    t = t * (len(stops) - 1)
    out = torch.addcmul(stops[0], stops[1] - stops[0], t.clamp(0, 1))
    for i in range(1, len(stops) - 1):
        out.addcmul_(stops[i + 1] - stops[i], (t - _number(i)).clamp_(0, 1))
    return out


def pick(u: float, colours: Sequence[str]) -> Tensor:
    """Choose one colour by a number in [0, 1); (3, 1, 1)."""
    return paint(rgb(colours[min(int(u * len(colours)), len(colours) - 1)]))


def encode(light: Tensor) -> Tensor:
    """Turn linear light into an image in [-1, 1]: highlights roll off softly, then the display's gamma."""
    knee = 0.72
    over = (light - knee).clamp_min(0) * (1 / (1 - knee))
    soft = torch.minimum(light, torch.tensor(knee)) + (1 - knee) * over / (1 + over)
    return soft.clamp(0, 1).pow(1 / 2.2) * 2 - 1


# Light


def shade(surface: Surface, step: float) -> Tensor:
    """Light a surface: Lambert from the lamp, a sky above, and the lamp's highlight.

    Args:
        surface: colour and height on a grid of samples.
        step: the distance between samples, in the unit of the height.

    Returns:
        (3, h, w) linear light. The outermost samples have no slope: draw one more than needed.
    """
    height = surface.height
    dx, dy = torch.zeros_like(height), torch.zeros_like(height)
    dx[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * (0.5 / step)
    dy[1:-1] = (height[2:] - height[:-2]) * (0.5 / step)
    nz = (1 + dx * dx + dy * dy).rsqrt_()
    facing = (LAMP[2] - dx * LAMP[0] - dy * LAMP[1]) * nz
    # Wrapped a little past the terminator, as skin, wax and cloth do.
    lambert = ((facing + 0.12) * (1 / 1.12)).clamp_min(0)
    above = 0.45 + 0.55 * nz
    out = (paint(SUN) * lambert).addcmul_(paint(SKY), above).mul_(surface.colour)
    if not isinstance(surface.gloss, float) or surface.gloss > 0:
        hx, hy, hz = _half()
        glint = ((hz - dx * hx - dy * hy) * nz).clamp(0, 1)
        for _ in range(surface.shine):
            glint = glint * glint
        # A glossy thing also mirrors the sky where it turns away: a pale rim.
        rim = (1 - nz) * (1 - nz) * 0.16
        out.addcmul_(paint(SUN), glint * surface.gloss).addcmul_(paint(SKY), rim * surface.gloss)
    return out


def cast(inside: Tensor, blur: float) -> Tensor:
    """Soften the shadow of a shape: 1 well inside, 0 well outside, from its signed distance."""
    return smooth(blur, -blur, inside)


def _fade(t: Tensor) -> Tensor:
    out = t * _SIX
    out -= _FIFTEEN
    out *= t
    out += _TEN
    return out.mul_(t).mul_(t).mul_(t)


def _start(seed: int) -> int:
    return (seed * 40503 + 12289) % 0x7FFFFFFF


def _half() -> tuple[float, float, float]:
    """Half way between the lamp and the viewer."""
    x, y, z = LAMP[0], LAMP[1], LAMP[2] + 1
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length
