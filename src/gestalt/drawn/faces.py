"""Drawn faces with and without glasses and moustaches: every transfer between them has an exact answer.

    from gestalt.drawn import faces
    chance = seeded(1)
    people, frames = faces.people(8, chance), faces.glasses(8, chance)
    plain = faces.draw(people, size=64).image               # (8, 3, 64, 64) in [-1, 1]
    drawn = faces.draw(people, frames, size=64)              # the same people with glasses, and how much of each pixel
                                                             # is theirs
    swapped = faces.draw(people, faces.pick(frames, order), size=64)

A person has no factor in common with glasses, nor they with a moustache, and whatever depends on both (where glasses
sit, how wide they are for the eyes they cover) follows from the person. So moving the glasses of one picture into
another means to draw the other's person with the first's glasses, and there is one right picture.

All factors are drawn on the CPU from the generator that is given; a picture depends on its factors alone, so a half of
a batch is drawn to the byte like the whole.
"""

from typing import NamedTuple, TypeVar

import torch
from torch import Generator, Tensor

Factors = TypeVar("Factors", "People", "Glasses", "Moustaches")


class People(NamedTuple):
    """Everything of N faces but what they wear. Lengths are parts of the picture's side, colours lie in [-1, 1].

    ground, skin, hair, iris: (N, 3) colours.
    centre: (N, 2) of the face, x and y.
    half: (N, 2) of its width and height.
    eyes: (N, 2) half the distance between the eyes and how far they lie above the centre, in halves of the face.
    smile: (N,) bend of the mouth, from -1 to 1.
    """

    ground: Tensor
    skin: Tensor
    hair: Tensor
    iris: Tensor
    centre: Tensor
    half: Tensor
    eyes: Tensor
    smile: Tensor


class Glasses(NamedTuple):
    """N pairs of glasses. Lengths are parts of the distance between the eyes that they come to sit on.

    colour: (N, 3) of the frame in [-1, 1].
    tint: (N,) opacity of the lenses, which have the frame's colour, darkened.
    power: (N,) of their outline, a superellipse: 2 is round, 5 nearly square.
    half: (N, 2) of the width and height of a lens.
    rim: (N,) thickness of the frame.
    """

    colour: Tensor
    tint: Tensor
    power: Tensor
    half: Tensor
    rim: Tensor


class Moustaches(NamedTuple):
    """N moustaches.

    colour: (N, 3) in [-1, 1].
    half: (N, 2) of width and height, in halves of the face's width.
    """

    colour: Tensor
    half: Tensor


class Drawn(NamedTuple):
    """Pictures and whose their pixels are.

    image: (N, 3, S, S) in [-1, 1].
    glasses, moustache: (N, 1, S, S) opacity of each, from 0 to 1.
    """

    image: Tensor
    glasses: Tensor
    moustache: Tensor


def people(count: int, chance: Generator) -> People:
    """Faces at random; hair from black over brown to blond and grey, skin from dark to light."""
    u = torch.rand(count, 16, generator=chance)
    skin = _between(u[:, 0:1], (-0.35, -0.6, -0.75), (0.95, 0.65, 0.4)) + 0.1 * (u[:, 1:2] - 0.5)
    hair = _between(u[:, 2:3] ** 1.5, (-0.9, -0.92, -0.95), (0.7, 0.45, -0.1)) + 0.25 * (u[:, 3:4] - 0.5)
    return People(
        ground=1.6 * u[:, 4:7] - 0.8,
        skin=skin.clamp(-1, 1),
        hair=hair.clamp(-1, 1),
        iris=_between(u[:, 7:8], (-0.6, -0.8, -0.9), (-0.2, 0.2, 0.6)),
        centre=torch.stack([0.44 + 0.12 * u[:, 8], 0.48 + 0.10 * u[:, 9]], 1),
        half=torch.stack([0.26 + 0.07 * u[:, 10], 0.34 + 0.07 * u[:, 11]], 1),
        eyes=torch.stack([0.40 + 0.12 * u[:, 12], 0.08 + 0.18 * u[:, 13]], 1),
        smile=2 * u[:, 14] - 1,
    )


def glasses(count: int, chance: Generator) -> Glasses:
    """Glasses at random: any colour, clear to almost opaque, round to square, fine to heavy."""
    u = torch.rand(count, 8, generator=chance)
    return Glasses(
        colour=2 * u[:, 0:3] - 1,
        tint=0.9 * u[:, 3],
        power=2 + 3 * u[:, 4],
        half=torch.stack([0.30 + 0.15 * u[:, 5], 0.22 + 0.18 * u[:, 6]], 1),
        rim=0.07 + 0.11 * u[:, 7],
    )


def moustaches(count: int, chance: Generator) -> Moustaches:
    """Moustaches at random: any colour, small to as wide as the mouth and more."""
    u = torch.rand(count, 5, generator=chance)
    return Moustaches(2 * u[:, 0:3] - 1, torch.stack([0.22 + 0.30 * u[:, 3], 0.07 + 0.12 * u[:, 4]], 1))


def pick(factors: Factors, order: Tensor) -> Factors:
    """The factors at some places: order (M,) of whole numbers -> M of them."""
    return type(factors)(*(values[order] for values in factors))


def blend(one: Factors, other: Factors, share: float) -> Factors:
    """Factors on the way from one to the other, 0 being the first."""
    return type(one)(*(a.lerp(b, share) for a, b in zip(one, other, strict=True)))


def draw(persons: People, worn: Glasses | None = None, moustache: Moustaches | None = None, *, size: int) -> Drawn:
    """Draw faces of N persons, the n-th with the n-th glasses and moustache.

    Args:
        persons: N of them.
        worn: N pairs of glasses, or none at all.
        moustache: N moustaches, or none at all.
        size: S, side of the pictures in pixels.
    """
    at = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    x, y, soft = x[None], y[None], 1.0 / size
    cx, cy, hw, hh = (_plane(v) for v in (*persons.centre.unbind(1), *persons.half.unbind(1)))
    u, v = (x - cx) / hw, (y - cy) / hh  # the face is the unit disc
    gap, above = (_plane(v) for v in persons.eyes.unbind(1))

    shade = 1 - 0.25 * y  # the ground is a little darker below
    canvas = _colour(persons.ground) * shade[:, None]
    canvas = _over(canvas, persons.hair, _disc(u / 1.12, (v + 0.12) / 1.15, soft / hw))
    neck = _edge(u.abs() - 0.42, soft / hw) * _edge(0.5 - v, soft / hh)
    canvas = _over(canvas, 0.85 * persons.skin - 0.1, neck)
    canvas = _over(canvas, persons.skin, _disc(u, v, soft / hw))
    fringe = _disc(u, v, soft / hw) * _edge(v + 0.58 + 0.12 * u.square(), soft / hh)
    canvas = _over(canvas, persons.hair, fringe)
    nose = _disc((u - 0.02) / 0.10, (v - 0.16) / 0.16, soft / hw / 0.10)
    canvas = _over(canvas, 0.8 * persons.skin - 0.12, 0.6 * nose)
    bend = v - 0.55 + 0.16 * _plane(persons.smile) * ((u / 0.4).square() - 0.5)
    mouth = _edge(bend.abs() - 0.045, soft / hh) * _edge(u.abs() - 0.38, soft / hw)
    canvas = _over(canvas, torch.tensor([0.35, -0.5, -0.5]).expand(len(persons.skin), 3), mouth)
    for side in (-1, 1):
        p, q = (u - side * gap) / 0.17, (v + above) / 0.085 * (hh / hw) * 0.8
        canvas = _over(
            canvas, torch.tensor([0.95, 0.95, 0.95]).expand(len(persons.skin), 3), _disc(p, q, soft / hw / 0.17)
        )
        canvas = _over(canvas, persons.iris, _disc(p / 0.5, q / 0.75, soft / hw / 0.085))

    nothing = torch.zeros(len(persons.skin), size, size)
    hair_opacity, frame_opacity = nothing, nothing
    if moustache is not None:
        width, height = (_plane(v) for v in moustache.half.unbind(1))
        p, q = u / width, (v - 0.40 - 0.10 * (u / width).square()) * (hh / hw) / height
        hair_opacity = _disc(p, q, soft / hw / height)
        canvas = _over(canvas, moustache.colour, hair_opacity)
    if worn is not None:
        far = gap * hw  # half the distance between the eyes
        p, q = (x - cx) / far, (y - cy + above * hh) / far
        frame, lens = _worn(p, q, worn, soft / far)
        tint = lens * _plane(worn.tint)
        canvas = _over(canvas, 0.6 * worn.colour - 0.3, tint)
        canvas = _over(canvas, worn.colour, frame)
        frame_opacity = 1 - (1 - tint) * (1 - frame)
    hair_opacity = hair_opacity * (1 - frame_opacity)
    return Drawn(canvas.clamp(-1, 1), frame_opacity[:, None], hair_opacity[:, None])


def _worn(p: Tensor, q: Tensor, worn: Glasses, soft: Tensor) -> tuple[Tensor, Tensor]:
    """Opacity of the frame and of the lenses; the eyes lie at p = -1 and 1, q = 0."""
    width, height = (2 * _plane(v) for v in worn.half.unbind(1))
    power, rim = _plane(worn.power), _plane(worn.rim)
    frame, lens = torch.zeros_like(p), torch.zeros_like(p)
    for side in (-1, 1):
        a, b = ((p - side) / width).abs(), (q / height).abs()
        # About the distance to the outline, in units of p.
        away = ((a**power + b**power).clamp_min(1e-6) ** (1 / power) - 1) * torch.minimum(width, height)
        frame = torch.maximum(frame, _edge((away - rim / 2).abs() - rim, soft))
        lens = torch.maximum(lens, _edge(away, soft))
    gap = p.abs() - (1 - width)
    bridge = _edge(gap, soft) * _edge((q + 0.1).abs() - 0.7 * rim, soft)
    return torch.maximum(frame, bridge), lens * (1 - frame)


def _plane(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1)


def _colour(values: Tensor) -> Tensor:
    return values.view(-1, 3, 1, 1)


def _between(share: Tensor, dark: tuple[float, ...], light: tuple[float, ...]) -> Tensor:
    return torch.tensor(dark).lerp(torch.tensor(light), share)


def _edge(outside: Tensor, soft: Tensor | float) -> Tensor:
    """1 where `outside` is below 0, 0 above, over about a pixel."""
    return (0.5 - outside / soft).clamp(0, 1)


def _disc(p: Tensor, q: Tensor, soft: Tensor | float) -> Tensor:
    return _edge(torch.hypot(p, q) - 1, soft)


def _over(canvas: Tensor, colour: Tensor, opacity: Tensor) -> Tensor:
    return canvas + (_colour(colour) - canvas) * opacity[:, None]
