"""Shaded objects on textured ground, with exact masks: the demo's input and the ground truth of tests.

A scene is a layout (where the objects are) in a look (what they are, and what they lie on):

    from gestalt.drawn.objects import scene, pair
    image, mask = scene("ring", "oranges", seed=3)
    a, b = pair(seed=3)         # two layouts, two looks, little overlap: an analogy with a known answer

Positions depend on the layout, the aspect ratio and the seed alone, so one arrangement can be seen in every look; all
lengths are in units of the short side, and all noise is a function of continuous coordinates, so a scene is the same
at every size. It is drawn in blocks small enough that torch never splits one over threads: the bytes do not depend
on their number.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.drawn import bodies, grounds
from gestalt.drawn.layouts import ARRANGEMENTS, Place, arrange
from gestalt.drawn.textures import LAMP, Surface, cast, encode, paint, rgb, shade, smooth

Ground = Callable[[Tensor, Tensor, int], Surface]

_LOOKS: dict[str, tuple[bodies.Body, Ground]] = {
    "oranges": (bodies.ORANGE, grounds.river),
    "bowls": (bodies.BOWL, grounds.walnut),
    "pebbles": (bodies.PEBBLE, grounds.sand),
    "pumpkins": (bodies.PUMPKIN, grounds.grass),
    "marbles": (bodies.MARBLE, grounds.felt),
    "leaves": (bodies.LEAF, grounds.slate),
    "starfish": (bodies.STARFISH, grounds.shallows),
    "biscuits": (bodies.BISCUIT, grounds.gingham),
    "gems": (bodies.GEM, grounds.velvet),
    "soaps": (bodies.SOAP, grounds.terrazzo),
}

LAYOUTS: tuple[str, ...] = tuple(ARRANGEMENTS)
"""Where objects can be."""
LOOKS: tuple[str, ...] = tuple(_LOOKS)
"""What objects and their ground can look like."""

_BLOCK = 10_500
"""Samples worked on at a time: three colours of them stay under 32768 numbers, torch's unit of work for a thread."""
_DOWN = math.hypot(LAMP[0], LAMP[1])
_LIGHT = (-LAMP[0] / _DOWN, -LAMP[1] / _DOWN)
"""The way the light travels over the ground."""


class Scene(NamedTuple):
    """A drawn picture and where its objects are."""

    image: Tensor
    """(1, 3, H, W) float32 in [-1, 1]."""
    mask: Tensor
    """(1, 1, H, W) float32, 1 where an object covers at least half the pixel, else 0; shadows are ground."""


class _Thing(NamedTuple):
    place: Place
    body: bodies.Body
    traits: bodies.Traits


def scene(layout: str, look: str, *, size: tuple[int, int] = (192, 256), seed: int = 0) -> Scene:
    """Draw one scene.

    Args:
        layout: one of `LAYOUTS`.
        look: one of `LOOKS`.
        size: height and width in pixels, each at least 16.
        seed: the same seed gives the same bytes; positions in one layout are the same in every look.

    Returns:
        The image and its mask.

    Raises:
        ValueError: an unknown layout or look, or a size below 16 x 16.
    """
    _check(layout, look, size)
    things = _dress(layout, look, size, seed)
    ground = _LOOKS[look][1]
    generator = _stream(seed, 2)
    where = int(torch.randint(1 << 20, (), generator=generator))
    return Scene(_image(things, ground, where, size), _mask(things, size))


def pair(*, size: tuple[int, int] = (192, 256), seed: int = 0) -> tuple[Scene, Scene]:
    """Draw two scenes of different layouts and looks, made for an analogy whose answer is known.

    Foregrounds are alike in area (the larger at most 1.25 times the smaller) and apart in place (intersection over
    union at most 0.1), so that neither copying the input nor ignoring it looks like success. Both are judged on
    small masks, so they hold to a few hundredths.

    Args:
        size: height and width in pixels of both, each at least 16.
        seed: chooses layouts, looks and positions.

    Returns:
        The scenes A and B.

    Raises:
        ValueError: a size below 16 x 16.
        RuntimeError: none of 1000 draws met both bounds.
    """
    _check(LAYOUTS[0], LOOKS[0], size)
    generator = _stream(seed, 3)
    reduction = max(1.0, min(size) / 32)
    small = round(size[0] / reduction), round(size[1] / reduction)
    for _ in range(1000):
        layouts = torch.randperm(len(LAYOUTS), generator=generator)[:2].tolist()
        looks = torch.randperm(len(LOOKS), generator=generator)[:2].tolist()
        seeds = torch.randint(1 << 30, (2,), generator=generator).tolist()
        names = [(LAYOUTS[i], LOOKS[j], s) for i, j, s in zip(layouts, looks, seeds, strict=True)]
        # Small masks are cheap and say nearly the same: only a pair that suits is painted.
        if _suit(*(_mask(_dress(layout, look, small, s), small) for layout, look, s in names)):
            a, b = (scene(layout, look, size=size, seed=s) for layout, look, s in names)
            return a, b
    raise RuntimeError(f"pair found no two layouts of like area and little overlap at size {size}, seed {seed}")


def _suit(a: Tensor, b: Tensor) -> bool:
    one, two = float(a.sum()), float(b.sum())
    both = float((a * b).sum())
    return max(one, two) <= 1.2 * min(one, two) and both <= 0.08 * (one + two - both)


def _check(layout: str, look: str, size: tuple[int, int]) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f"scene got the layout {layout!r}: known are {', '.join(LAYOUTS)}")
    if look not in LOOKS:
        raise ValueError(f"scene got the look {look!r}: known are {', '.join(LOOKS)}")
    if len(size) != 2 or min(size) < 16:
        raise ValueError(f"scene got the size {tuple(size)}: expected height and width in pixels, each at least 16")


def _stream(seed: int, which: int) -> torch.Generator:
    """A generator of its own for every purpose: 0 the layout, 1 the objects' traits, 2 the ground, 3 a pair."""
    return torch.Generator().manual_seed((seed * 1_000_003 + which * 7_919) % (1 << 62))


def _dress(layout: str, look: str, size: tuple[int, int], seed: int) -> list[_Thing]:
    """Give every place of the layout an object of the look."""
    body = _LOOKS[look][0]
    short = min(size)
    places = arrange(layout, (size[1] / short, size[0] / short), _stream(seed, 0))
    generator = _stream(seed, 1)
    start = float(torch.rand((), generator=generator))
    things = []
    for i, place in enumerate(places):
        number = int(torch.randint(1 << 20, (), generator=generator))
        u1, u2 = torch.rand(2, generator=generator).tolist()
        # Hues go round by the golden ratio: neighbours differ, and few objects still show many.
        u0 = (start + i * 0.618034) % 1.0
        cos, sin = math.cos(place.angle), math.sin(place.angle)
        light = (_LIGHT[0] * cos + _LIGHT[1] * sin, _LIGHT[1] * cos - _LIGHT[0] * sin)
        place = place._replace(radius=place.radius * body.size)
        things.append(_Thing(place, body, bodies.Traits(number, (u0, u1, u2), light)))
    return things


# Drawing: on a grid of samples, `fine` along each side of a pixel, `step` apart


def _fineness(size: tuple[int, int]) -> int:
    """Samples along a pixel's side: more in small pictures, whose texture would alias."""
    return 1 if min(size) >= 512 else min(6, max(2, math.ceil(384 / min(size))))


def _blocks(rows: slice, cols: slice) -> Iterator[tuple[slice, slice]]:
    """Split a rectangle of samples into blocks that torch works through in one thread."""
    across = math.ceil((cols.stop - cols.start) / 256)
    width = math.ceil((cols.stop - cols.start) / max(1, across))
    height = max(1, _BLOCK // (width + 2) - 2)
    for top in range(rows.start, rows.stop, height):
        for left in range(cols.start, cols.stop, max(1, width)):
            yield slice(top, min(top + height, rows.stop)), slice(left, min(left + width, cols.stop))


def _around(x: float, y: float, reach: float, step: float, shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """The blocks of samples within `reach` of a point."""

    def span(centre: float, count: int) -> slice:
        low, high = math.floor((centre - reach) / step), math.ceil((centre + reach) / step)
        return slice(min(max(low, 0), count), min(max(high, 0), count))

    return _blocks(span(y, shape[0]), span(x, shape[1]))


def _at(rows: slice, cols: slice, step: float, border: int = 0) -> tuple[Tensor, Tensor]:
    """Where samples are, in short sides: a row x (1, w) and a column y (h, 1), with some more on every side."""
    x = (torch.arange(cols.start - border, cols.stop + border).float() + 0.5) * step
    y = (torch.arange(rows.start - border, rows.stop + border).float() + 0.5) * step
    return x.view(1, -1), y.view(-1, 1)


def _turned(thing: _Thing, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Go from the picture's coordinates to an object's."""
    place = thing.place
    cos, sin = math.cos(place.angle) / place.radius, math.sin(place.angle) / place.radius
    dx, dy = x - place.x, y - place.y
    return dx * cos + dy * sin, dy * cos - dx * sin


def _cover(inside: Tensor, radius: float, step: float) -> Tensor:
    """The share of a sample's square that lies inside an outline."""
    return (0.5 - inside * (radius / step)).clamp(0, 1)


def _average(samples: Tensor, fine: int) -> Tensor:
    """Box-average the samples of each pixel, in a fixed order; (..., h * fine, w * fine) -> (..., h, w)."""
    total = torch.zeros_like(samples[..., ::fine, ::fine])
    for j in range(fine):
        for i in range(fine):
            total += samples[..., j::fine, i::fine]
    return total * (1 / (fine * fine))


def _pixels(rows: slice, cols: slice, fine: int) -> tuple[slice, slice]:
    """The samples of a block of pixels."""
    return slice(rows.start * fine, rows.stop * fine), slice(cols.start * fine, cols.stop * fine)


def _mask(things: list[_Thing], size: tuple[int, int]) -> Tensor:
    fine = _fineness(size)
    step = 1 / (fine * min(size))
    shape = (size[0] * fine, size[1] * fine)
    free = torch.ones(shape)
    for thing in things:
        place, body, traits = thing
        for rows, cols in _around(place.x, place.y, body.reach * place.radius, step, shape):
            inside = body.outline(*_turned(thing, *_at(rows, cols, step)), traits)
            free[rows, cols] *= 1 - _cover(inside, place.radius, step)
    out = torch.zeros(1, 1, *size)
    for rows, cols in _blocks(slice(0, size[0]), slice(0, size[1])):
        out[0, 0, rows, cols] = (_average(1 - free[_pixels(rows, cols, fine)], fine) >= 0.5).float()
    return out


def _image(things: list[_Thing], ground: Ground, where: int, size: tuple[int, int]) -> Tensor:
    fine = _fineness(size)
    step = 1 / (fine * min(size))
    shape = (size[0] * fine, size[1] * fine)
    light = torch.empty(3, *shape)
    for rows, cols in _blocks(slice(0, shape[0]), slice(0, shape[1])):
        lit = shade(ground(*_at(rows, cols, step, border=1), where), step)
        light[:, rows, cols] = lit[:, 1:-1, 1:-1]
    for thing in things:
        _darken(light, thing, step)
        _lay(light, thing, step)
    out = torch.zeros(1, 3, *size)
    for rows, cols in _blocks(slice(0, size[0]), slice(0, size[1])):
        # The lamp is near the upper left corner; the lens darkens the others.
        x, y = _at(rows, cols, 1)
        across, down = x * (1 / size[1]) - 0.5, y * (1 / size[0]) - 0.5
        fall = 1.07 - 0.16 * (across + down) - 0.42 * (across * across + down * down)
        pixels = _average(light[:, *_pixels(rows, cols, fine)], fine)
        out[0, :, rows, cols] = encode(pixels * fall)
    return out


def _darken(light: Tensor, thing: _Thing, step: float) -> None:
    """Let an object's shadow fall on what is already there; changes `light` (3, h, w)."""
    place, body, traits = thing
    dx, dy = (0.62 * body.tall * c for c in traits.light)
    blur = 0.10 + 0.30 * body.tall
    # The shadow reaches further on the side away from the lamp.
    x, y = (at + 0.31 * body.tall * place.radius * c for at, c in zip(place[:2], _LIGHT, strict=True))
    reach = place.radius * (body.reach + 0.31 * body.tall + max(blur, 0.08 + 0.24 * body.tall))
    for rows, cols in _around(x, y, reach, step, (light.shape[1], light.shape[2])):
        p, q = _turned(thing, *_at(rows, cols, step))
        fallen = cast(body.outline(p - dx, q - dy, traits), blur)
        touching = smooth(0.08 + 0.55 * body.tall, -0.05, body.outline(p, q, traits))
        dark = 1 - (1 - 0.72 * fallen) * (1 - 0.55 * touching * touching)
        under = light[:, rows, cols]
        under *= 1 - dark * paint((0.96, 0.92, 0.84))
        if body.glow:
            ex, ey = (1.18 * c for c in traits.light)
            spot = smooth(0.46, 0.0, torch.hypot(p - ex, q - ey))
            under *= 1 + 3.2 * spot * paint(rgb(body.glow))


def _lay(light: Tensor, thing: _Thing, step: float) -> None:
    """Put an object over what is already there; changes `light` (3, h, w)."""
    place, body, traits = thing
    for rows, cols in _around(place.x, place.y, body.reach * place.radius, step, (light.shape[1], light.shape[2])):
        p, q = _turned(thing, *_at(rows, cols, step, border=1))
        inside = body.outline(p, q, traits)
        lit = shade(body.surface(p, q, inside, traits), step / place.radius)
        # Less sky reaches the flanks near the ground.
        lit *= 1 - 0.38 * body.tall * smooth(-0.28, 0.0, inside)
        under = light[:, rows, cols]
        cover = _cover(inside, place.radius, step)[1:-1, 1:-1]
        under += (lit[:, 1:-1, 1:-1] - under) * cover
