"""Photographs of a machined part, good and with known defects: what inspection is tested on.

    from gestalt.drawn.parts import DEFECTS, parts
    shots = parts(5, seed=1)                                # good ones
    bad = parts(20, seed=2, defect="scratch")               # and where their scratches are
    twins = parts(20, seed=2)                               # the same photographs before they were scratched

The part is a turned steel flange on cloth, with a brass key in its dish and four screws around. From one photograph
to the next it lies a little differently, and cloth, machining marks, light and sensor noise are others. A defect
changes nothing outside its mask: a good part and its defective twin are equal there, bit by bit.

Lengths are in radii of the part, noise is a function of continuous coordinates, and a picture is drawn in blocks so
small that torch never splits one over threads (see `drawn.objects`).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from gestalt.drawn.textures import Surface, cast, encode, fractal, mix, noise, paint, ramp, rgb, root, shade, smooth

DEFECTS: tuple[str, ...] = ("scratch", "stain", "missing", "turned")
"""A scratch in the steel, a brown stain, a screw that is missing, the key turned out of its place."""

RADIUS = 0.40
"""Of the part, in short sides of the picture."""

_SCREWS = tuple((0.70 * x, 0.70 * y) for x, y in ((0.76, 0.65), (-0.65, 0.76), (-0.76, -0.65), (0.65, -0.76)))
"""Centres of the screws, a quarter turn apart."""
_HEAD, _DISH, _KEY = 0.145, 0.46, (0.36, 0.13)
"""Radii of a screw's head and of the dish; half length and half width of the key."""
_NEAR = 0.03
"""How far around a screw or the key the steel is darker: it goes with them."""
_EDGE = 0.1
"""Share of a pixel's area that a defect covers from which on the pixel is in the mask: scratches are thin."""
_BLOCK = 10_500
"""Samples worked on at a time; three colours of them stay under torch's unit of work for a thread."""


class Part(NamedTuple):
    """A photograph of a part, and where its defect is."""

    image: Tensor
    """(1, 3, H, W) float32 in [-1, 1]."""
    mask: Tensor
    """(1, 1, H, W) float32, 1 at the defect, else 0; all 0 for a good part."""


class _Shot(NamedTuple):
    """What differs from photograph to photograph."""

    x: float
    y: float
    cos: float
    sin: float
    """Where the part lies, in short sides from the middle, and how it is turned."""
    light: float
    seed: int


class _Defect(NamedTuple):
    cover: Callable[[Tensor, Tensor], Tensor]
    """(p, q) -> signed distance to the region that the defect changes, negative inside, in radii."""
    part: Callable[[Tensor, Tensor, int], Surface]
    """(p, q, seed) -> what is to be seen there instead."""


def parts(count: int, *, size: tuple[int, int] = (128, 128), seed: int = 0, defect: str | None = None) -> list[Part]:
    """Draw photographs of one kind of part.

    Args:
        count: how many.
        size: height and width in pixels, each at least 16.
        seed: the same seed gives the same bytes, and the same photographs whatever the defect.
        defect: one of `DEFECTS`, in each picture elsewhere or of other form; None for good parts.

    Returns:
        The pictures and their masks.

    Raises:
        ValueError: an unknown defect, or a size below 16 x 16.
    """
    if defect is not None and defect not in DEFECTS:
        raise ValueError(f"parts got the defect {defect!r}: known are {', '.join(DEFECTS)}")
    if len(size) != 2 or min(size) < 16:
        raise ValueError(f"parts got the size {tuple(size)}: expected height and width in pixels, each at least 16")
    return [_photograph(size, seed, number, defect) for number in range(count)]


def _photograph(size: tuple[int, int], seed: int, number: int, name: str | None) -> Part:
    chance = _stream(seed, number, 0)
    u = (2 * torch.rand(4, generator=chance) - 1).tolist()
    angle = 0.05 * u[2]
    where = int(torch.randint(1 << 20, (), generator=chance))
    shot = _Shot(0.015 * u[0], 0.015 * u[1], math.cos(angle), math.sin(angle), 1 + 0.05 * u[3], where)
    grain = torch.randn(3, *size, generator=chance)
    defect = _DRAWN[name](_stream(seed, number, 1)) if name else None
    image, mask = torch.empty(1, 3, *size), torch.zeros(1, 1, *size)
    fine = min(6, max(2, math.ceil(192 / min(size))))
    tall, wide = _tile(size[1], fine)
    for top in range(0, size[0], tall):
        for left in range(0, size[1], wide):
            rows, cols = slice(top, min(top + tall, size[0])), slice(left, min(left + wide, size[1]))
            light, mask[0, 0, rows, cols] = _block(rows, cols, size, fine, shot, defect)
            image[0, :, rows, cols] = encode(light * shot.light) + 0.012 * grain[:, rows, cols]
    return Part(image.clamp_(-1, 1), mask)


def _stream(seed: int, number: int, which: int) -> Generator:
    """A generator of its own for each photograph and, which = 1, for its defect."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number * 7_919 + which * 104_729) % (1 << 62))


def _tile(width: int, fine: int) -> tuple[int, int]:
    """Height and width in pixels of the blocks, which have a border of a sample besides."""
    wide = min(width, max(1, 192 // fine))
    return max(1, (_BLOCK // (wide * fine + 2) - 2) // fine), wide


def _block(
    rows: slice, cols: slice, size: tuple[int, int], fine: int, shot: _Shot, defect: _Defect | None
) -> tuple[Tensor, Tensor]:
    """Linear light (3, h, w) of some pixels, and their mask, (h, w)."""
    step = 1 / (fine * min(size))
    x, y = (
        (torch.arange(pixels.start * fine - 1, pixels.stop * fine + 1).float() + 0.5) * step - 0.5 * side / min(size)
        for pixels, side in ((cols, size[1]), (rows, size[0]))
    )
    x, y = x.view(1, -1), y.view(-1, 1)
    dx, dy = (x - shot.x) * (1 / RADIUS), (y - shot.y) * (1 / RADIUS)
    p, q = dx * shot.cos + dy * shot.sin, dy * shot.cos - dx * shot.sin
    away = torch.hypot(p, q) - 1
    # The shadow falls to the lower right, and darkest where the part touches the cloth.
    under = shade(_cloth(x, y, shot.seed), step)
    fallen = cast(torch.hypot(p - 0.07, q - 0.08) - 1, 0.12)
    light = under * (1 - 0.62 * torch.maximum(fallen, smooth(0.10, 0.0, away)))
    light = mix(light, shade(_part(p, q, shot.seed), step / RADIUS), _covered(away, step))
    mask = torch.zeros(rows.stop - rows.start, cols.stop - cols.start)
    if defect:
        cover = _covered(defect.cover(p, q), step) * _covered(away, step)
        mask = (_pixels(cover, fine) > _EDGE).float()
        if mask.any():
            # Nothing changes outside the mask, not even by the least part of a pixel.
            cover[1:-1, 1:-1] *= mask.repeat_interleave(fine, 0).repeat_interleave(fine, 1)
            light = mix(light, shade(defect.part(p, q, shot.seed), step / RADIUS), cover)
    return _pixels(light, fine), mask


def _covered(away: Tensor, step: float) -> Tensor:
    """Share of a sample's square inside an outline; distances in radii."""
    return (0.5 - away * (RADIUS / step)).clamp(0, 1)


def _pixels(samples: Tensor, fine: int) -> Tensor:
    """The mean of the samples of each pixel, in a fixed order, their border left out."""
    inner = samples[..., 1:-1, 1:-1]
    total = torch.zeros_like(inner[..., ::fine, ::fine])
    for j in range(fine):
        for i in range(fine):
            total += inner[..., j::fine, i::fine]
    return total * (1 / (fine * fine))


# -- what there is to see ----------------------------------------------------------------------------------


def _cloth(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Blue-grey cloth."""
    thread = noise(x * 120, y * 34, seed + 1) + noise(x * 34, y * 120, seed + 2)
    tone = 0.45 + 0.14 * thread + 0.12 * fractal(x * 3, y * 3, seed + 3, 3)
    return Surface(ramp(tone.clamp(0, 1), ["1d2733", "33424f", "50626f"]), 0.001 * thread)


def _part(
    p: Tensor, q: Tensor, seed: int, *, screws: tuple[int, ...] = (0, 1, 2, 3), turn: tuple[float, float] = (1.0, 0.0)
) -> Surface:
    """The flange with some of its screws, and the key turned by an angle of the given cosine and sine."""
    r = torch.hypot(p, q)
    # Marks of the lathe run round: noise of the radius, a little uneven along the way.
    marks = noise(r * 70, 0.6 * p + 0.8 * q, seed + 11) + 0.5 * noise(r * 150, 0.9 * q - 0.4 * p, seed + 12)
    cloud = fractal(p * 2.5, q * 2.5, seed + 13, 3)
    colour = ramp((0.55 + 0.10 * marks + 0.10 * cloud).clamp(0, 1), ["5b6167", "8d949a", "b9bfc3"])
    edge = smooth(1.0, 0.94, r)
    dish = smooth(_DISH - 0.03, _DISH + 0.03, r)
    groove = smooth(0.025, 0.0, (r - 0.90).abs())
    height = 0.05 * edge + 0.05 * dish - 0.014 * groove + 0.0008 * marks
    colour = colour * (0.72 + 0.28 * dish) * (1 - 0.5 * groove)

    for number, (x, y) in enumerate(_SCREWS):
        s = torch.hypot(p - x, q - y)
        if number in screws:
            inside = smooth(_HEAD + 0.008, _HEAD - 0.008, s)
            slot = torch.minimum(_box(p - x, q - y, 0.095, 0.022), _box(p - x, q - y, 0.022, 0.095))
            cut = smooth(0.012, -0.012, slot)
            head = ramp((0.6 + 0.25 * noise(p * 30, q * 30, seed + 20 + number)).clamp(0, 1), ["2b2e33", "4a4e55"])
            rest = mix(head, paint(rgb("0b0c0e")), cut * 0.85)
            t = (1 - s * (1 / _HEAD)).clamp(0, 1)
            dome = 0.05 * root(t * (2 - t)) - 0.03 * cut
            # A head darkens the steel around it.
            colour = colour * (1 - 0.45 * smooth(_HEAD + _NEAR, _HEAD, s) * (1 - inside))
            colour, height = mix(colour, rest, inside), height + dome * inside
        else:
            seat, bore = smooth(_HEAD + 0.008, _HEAD - 0.008, s), smooth(0.09, 0.075, s)
            colour = colour * (1 - 0.18 * seat)
            colour = mix(colour, paint(rgb("08080a")), bore)
            height = height - 0.02 * seat - 0.03 * bore

    u, v = p * turn[0] + q * turn[1], q * turn[0] - p * turn[1]
    key = _box(u, v, _KEY[0] - 0.05, _KEY[1] - 0.05) - 0.05
    # An eye at one end tells which way round it lies.
    eye = smooth(0.06, 0.045, torch.hypot(u - 0.24, v))
    inside = smooth(0.008, -0.008, key) * (1 - eye)
    grain = noise(u * 9, v * 80, seed + 31)
    brass = ramp((0.5 + 0.2 * grain + 0.1 * cloud).clamp(0, 1), ["8a6a24", "b8923f", "d9bc6f"])
    colour = colour * (1 - 0.5 * smooth(_NEAR, 0.0, key) * (1 - inside))
    colour = mix(colour, brass, inside)
    t = (key * (-1 / 0.05)).clamp(0, 1)
    height = height + 0.05 * root(t * (2 - t)) * inside
    return Surface(colour, height, gloss=0.35, shine=4)


def _box(p: Tensor, q: Tensor, length: float, width: float) -> Tensor:
    """Signed distance to a rectangle around the origin, of half its length and width."""
    a, b = p.abs() - length, q.abs() - width
    return torch.hypot(a.clamp_min(0), b.clamp_min(0)) + torch.maximum(a, b).clamp_max(0)


# -- defects -----------------------------------------------------------------------------------------------


def _scratch(chance: Generator) -> _Defect:
    """A bright, slightly bent groove, anywhere on the part."""
    u = torch.rand(6, generator=chance).tolist()
    angle, at, far = 2 * math.pi * u[0], 2 * math.pi * u[1], 0.25 + 0.4 * u[2]
    x, y, cos, sin = far * math.cos(at), far * math.sin(at), math.cos(angle), math.sin(angle)
    length, width, bend = 0.16 + 0.16 * u[3], 0.015 + 0.010 * u[4], 1.2 * (u[5] - 0.5)

    def away(p: Tensor, q: Tensor) -> Tensor:
        along, across = (p - x) * cos + (q - y) * sin, (q - y) * cos - (p - x) * sin
        across = across + bend * along * along
        # Thinner towards its ends.
        return _box(along, across, length, 0.0) - width * smooth(1.25, 0.4, along.abs() * (1 / length))

    def part(p: Tensor, q: Tensor, seed: int) -> Surface:
        good, deep = _part(p, q, seed), smooth(0.01, -width, away(p, q))
        bright = paint(rgb("e3e6e8")) * (0.85 + 0.25 * noise(p * 40, q * 40, seed + 41))
        return Surface(mix(good.colour, bright, 0.85 * deep), good.height - 0.02 * deep, good.gloss, good.shine)

    return _Defect(away, part)


def _stain(chance: Generator) -> _Defect:
    """A brown spot of ragged outline, anywhere on the part."""
    u = torch.rand(3, generator=chance).tolist()
    form = int(torch.randint(1 << 20, (), generator=chance))
    at, far, radius = 2 * math.pi * u[0], 0.2 + 0.55 * u[1], 0.10 + 0.10 * u[2]
    x, y = far * math.cos(at), far * math.sin(at)

    def away(p: Tensor, q: Tensor) -> Tensor:
        return torch.hypot(p - x, q - y) - radius * (1 + 0.55 * fractal(p * 6, q * 6, form, 3))

    def part(p: Tensor, q: Tensor, seed: int) -> Surface:
        good = _part(p, q, seed)
        strong = smooth(0.0, -0.04, away(p, q)) * (0.75 + 0.4 * fractal(p * 14, q * 14, form + 5, 2)).clamp(0, 1)
        rust = good.colour * paint(rgb("b58a5e")) + paint(rgb("2a1608"))
        return Surface(mix(good.colour, rust, 0.35 + 0.6 * strong), good.height, 0.1, good.shine)

    return _Defect(away, part)


def _missing(chance: Generator) -> _Defect:
    """One screw is not there."""
    gone = int(torch.randint(4, (), generator=chance))
    x, y = _SCREWS[gone]
    rest = tuple(n for n in range(4) if n != gone)
    return _Defect(
        lambda p, q: torch.hypot(p - x, q - y) - (_HEAD + _NEAR), lambda p, q, seed: _part(p, q, seed, screws=rest)
    )


def _turned(chance: Generator) -> _Defect:
    """The key lies at an angle, or the wrong way round."""
    u = torch.rand(3, generator=chance).tolist()
    angle = math.pi if u[0] < 0.25 else (0.35 + 0.85 * u[1]) * (1 if u[2] < 0.5 else -1)
    turn = math.cos(angle), math.sin(angle)

    def away(p: Tensor, q: Tensor) -> Tensor:
        """Where it is and where it should be."""
        a, b = p * turn[0] + q * turn[1], q * turn[0] - p * turn[1]
        return torch.minimum(_box(p, q, *_KEY), _box(a, b, *_KEY)) - _NEAR

    return _Defect(away, lambda p, q, seed: _part(p, q, seed, turn=turn))


_DRAWN = {"scratch": _scratch, "stain": _stain, "missing": _missing, "turned": _turned}
