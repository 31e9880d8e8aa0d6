"""The objects of drawn scenes: fruit, bowls, stones, pumpkins, marbles, leaves, starfish, biscuits, gems, soaps.

An object lives in its own coordinates: its centre at the origin, its radius 1. A `Body` is two functions of them. The
outline is a signed distance, negative inside, exact at zero and close to exact near it: it gives the mask, the
antialiased edge and the shadow. The surface is colour and height inside the outline.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.drawn.textures import (
    Surface,
    cells,
    draw,
    fractal,
    hashed,
    mix,
    noise,
    paint,
    pick,
    ramp,
    rgb,
    ridges,
    root,
    smooth,
    wave,
)


class Traits(NamedTuple):
    """What tells one object from the next of its kind."""

    seed: int
    """Chooses its noise."""
    u: tuple[float, float, float]
    """Numbers in [0, 1) for hue, shape and whatever else varies."""
    light: tuple[float, float]
    """The way the light travels over the ground, a unit vector in the object's own, turned coordinates."""


class Body(NamedTuple):
    """One kind of object."""

    outline: Callable[[Tensor, Tensor, Traits], Tensor]
    """(p, q, traits) -> (h, w) signed distance in radii."""
    surface: Callable[[Tensor, Tensor, Tensor, Traits], Surface]
    """(p, q, signed distance, traits) -> the surface, height in radii."""
    tall: float
    """Height over the ground in radii: how far and how soft its shadow falls."""
    size: float = 1.0
    """Its radius, as a factor on the layout's: evens out the areas of slim and full shapes."""
    reach: float = 1.1
    """No point of it is further from its centre than so many radii."""
    glow: str = ""
    """A clear body: the colour of the light it gathers within its shadow, "rrggbb"."""


def _downlight(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    """Distance from the centre in the direction the light travels, in radii."""
    return p * traits.light[0] + q * traits.light[1]


def _dome(inside: Tensor, width: float = 1.0) -> Tensor:
    """A quarter circle of the given width along the edge, flat further in."""
    t = (inside * (-1 / width)).clamp(0, 1)
    return root(t * (2 - t))


# Oranges


def _orange_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    return torch.hypot(p, q * (1.0 + 0.06 * traits.u[1])) - 1 + 0.02 * noise(p * 1.3, q * 1.3, traits.seed)


def _orange(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    cx, cy = 0.5 * (traits.u[1] - 0.5), 0.6 * (traits.u[2] - 0.5)
    eye = torch.hypot(p - cx, q - cy)
    pores = smooth(0.0, 0.7, noise(p * 15, q * 15, traits.seed + 1))
    tone = 0.30 + 0.45 * traits.u[0] + 0.14 * fractal(p * 1.6, q * 1.6, traits.seed + 2, 3) - 0.10 * pores
    colour = ramp(tone.clamp(0, 1), ["f7a823", "f58f12", "ec7208", "d9580a"])
    colour = mix(colour, paint(rgb("a9a52a")), smooth(0.34, 0.08, eye) * 0.55)
    star = smooth(0.085, 0.05, eye * (1 + 0.5 * noise(p * 9, q * 9, traits.seed + 3)))
    colour = mix(colour, paint(rgb("5b5a24")), star)
    height = 0.88 * _dome(inside) - 0.014 * pores - 0.05 * smooth(0.22, 0.0, eye)
    return Surface(colour, height, gloss=0.42, shine=4)


# Bowls


def _bowl_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    return torch.hypot(p, q) - 1 + 0.008 * noise(p * 2, q * 2, traits.seed)


def _bowl(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    r = 1 + inside
    glaze = [
        ["0c3f52", "1f7f8f", "8fd3cf"],
        ["12275c", "2f56a8", "a9c3ea"],
        ["7d2a1a", "c25a34", "efb48a"],
        ["9b8763", "dccfae", "faf3df"],
        ["34502f", "6f9160", "cfdcae"],
    ][int(traits.u[0] * 5)]
    run = noise(p * 3, q * 3, traits.seed + 1)
    crackle = fractal(p * 5, q * 5, traits.seed + 2, 3)
    bands = smooth(0.55, 0.85, wave(r * (3.0 + 2 * traits.u[1]) + run * 0.10))
    tone = 0.40 + 0.22 * bands + 0.12 * crackle + 0.42 * smooth(0.55, 0.0, r) * traits.u[2]
    colour = ramp(tone.clamp(0, 1), glaze)
    lip = smooth(0.86, 0.90, r)
    colour = mix(colour, ramp((0.75 + 0.2 * run).clamp(0, 1), glaze), lip)
    colour = mix(colour, paint(rgb("8a5a33")), smooth(0.955, 0.985, r) * 0.55)
    # The wall falls from the rim to a flat bottom; the rim towards the lamp throws its shadow into the bowl.
    wall = 1 - smooth(0.28, 0.93, r)
    rim = root((1 - ((r - 0.925) * (1 / 0.085)).square()).clamp_min(0))
    height = -0.58 * wall + 0.075 * rim
    dx, dy = traits.light
    dark = smooth(-0.10, 0.16, torch.hypot(p - 0.36 * dx, q - 0.36 * dy) - 0.80) * smooth(0.91, 0.86, r)
    colour = colour * (1 - 0.22 * smooth(0.9, 0.45, r)) * (1 - 0.55 * dark)
    return Surface(colour, height, gloss=0.75, shine=5)


# Pebbles


def _pebble_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    long, short = 1.06 - 0.10 * traits.u[1], 0.80 + 0.14 * traits.u[1]
    bump = 0.11 * noise(p * 1.1 + 3, q * 1.1, traits.seed) + 0.03 * noise(p * 2.3, q * 2.3, traits.seed + 1)
    a, b = p * (1 / long), q * (1 / short)
    # A superellipse of power 2.5 or so, written without powers.
    r2 = a * a + b * b
    square = (a * a * b * b) / (r2 + 1e-6)
    return (root(r2 - 0.30 * square) - 1 + bump) * (0.5 * (long + short))


def _pebble(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    families = [
        ["1c2127", "353d45", "59646c"],
        ["232a33", "3f4d5c", "71828f"],
        ["3a2a28", "5c4541", "8a6f66"],
        ["20261f", "41493d", "6d7563"],
    ]
    speck = noise(p * 15, q * 15, traits.seed + 2)
    cloud = fractal(p * 1.4, q * 1.4, traits.seed + 3, 4)
    bands = wave((p * 0.5 + q) * 1.8 + cloud * 0.8)
    tone = 0.38 + 0.20 * cloud + 0.14 * bands + 0.10 * speck
    colour = ramp(tone.clamp(0, 1), families[int(traits.u[0] * 4)])
    turn = p * (traits.u[2] - 0.5) + q * 0.8
    vein = ridges(turn + 0.35 * noise(p * 1.2, q * 1.2, traits.seed + 7) + 0.7 * (traits.u[1] - 0.5), 0.075)
    vein = vein + 0.6 * ridges(noise(p * 1.3, q * 1.3, traits.seed + 8), 0.05)
    colour = mix(colour, paint(rgb("ece6d8")), (vein * 1.6).clamp(0, 1) * 0.9)
    colour = mix(colour, paint(rgb("b9b7ae")), smooth(0.42, 0.6, noise(p * 12, q * 12, traits.seed + 9)) * 0.6)
    height = 0.55 * _dome(inside, 0.85) + 0.006 * speck
    return Surface(colour, height, gloss=0.35, shine=4)


# Pumpkins


def _ribs(p: Tensor, q: Tensor, traits: Traits) -> tuple[Tensor, Tensor]:
    """The radius, and how far up a rib a point is: 0 in a furrow, 1 on the back of a rib."""
    count = 8 + int(traits.u[1] * 4)
    turn = torch.atan2(q, p) * (count / (2 * math.pi))
    f = turn.abs().frac()
    return torch.hypot(p, q), root(4 * f * (1 - f))


def _pumpkin_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    r, rib = _ribs(p, q, traits)
    return r - 0.90 - 0.10 * rib + 0.03 * noise(p, q, traits.seed)


def _pumpkin(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    r, rib = _ribs(p, q, traits)
    families = [
        ["7a2405", "cf4f0a", "f07a17", "f9a43f"],
        ["8a2f08", "d9600f", "f38b1e", "fbb558"],
        ["6e2a08", "b8480c", "e0661a", "f08f3c"],
        ["b49a6a", "dccaa0", "efe3c4", "f8f1de"],
        ["7d2007", "c43d08", "ea6410", "f78f2c"],
    ]
    stripe = noise(p * 4, q * 4, traits.seed + 1)
    freckle = smooth(0.35, 0.6, noise(p * 13, q * 13, traits.seed + 2))
    tone = 0.18 + 0.55 * rib * smooth(0.05, 0.5, r) + 0.12 * stripe + 0.16 * (traits.u[2] - 0.5) + 0.18 * freckle
    colour = ramp(tone.clamp(0, 1), families[int(traits.u[0] * 5)])
    height = 0.74 * _dome(inside, 0.9) * (0.80 + 0.20 * rib) - 0.30 * smooth(0.42, 0.0, r) + 0.004 * stripe
    # The stalk: a fluted stump that leans to one side.
    lean = 0.10 * (traits.u[2] - 0.3)
    s = torch.hypot(p - lean, q + 0.06)
    flute = 0.02 * (1 - rib)
    cap = smooth(0.235, 0.19, s + flute)
    bark = ramp((0.5 + 0.5 * noise(p * 16, q * 6, traits.seed + 3)).clamp(0, 1), ["38401a", "6b6a34", "a39a63"])
    colour = mix(colour, mix(bark, paint(rgb("cdbf8f")), smooth(0.10, 0.07, s)), cap)
    colour = colour * (1 - 0.55 * smooth(0.36, 0.22, s) * (1 - cap))
    height = height + cap * (0.34 + 0.10 * smooth(0.2, 0.05, s))
    return Surface(colour, height, gloss=0.30 * (1 - 0.8 * cap), shine=4)


# Marbles


def _marble_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    del traits
    return torch.hypot(p, q) - 1


def _marble(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    twists = [
        ["0a1c4f", "1f5fd0", "e9f2ff", "f4c531"],
        ["4f0a16", "d8203a", "fff3e6", "f79a2b"],
        ["2a0a4f", "8a3bd1", "f5e6ff", "35c7d8"],
        ["05343a", "12a3a6", "f1fff6", "ef5a3c"],
        ["3a2a05", "e0a512", "fff8dc", "2b62c9"],
        ["0f1114", "4a525c", "f7f7f7", "d8203a"],
    ]
    dome = _dome(inside)
    # The ribbons sit inside the glass: refraction magnifies the middle and crowds the rim.
    zoom = 0.62 + 0.55 * (1 - dome)
    a, b = p * zoom, q * zoom
    curl = noise(a * 1.5, b * 1.5, traits.seed + 1)
    turn = a * (0.7 + 0.6 * traits.u[1]) + b * 0.5 + 0.65 * curl + b * a * (traits.u[2] - 0.5) * 2.4
    ribbon = wave(turn * 1.3 + 0.12 * noise(a * 4, b * 4, traits.seed + 2))
    vane = ramp(wave(turn * 0.65 + 0.1), twists[int(traits.u[0] * 6)])
    # Clear glass shows the cloth below it, upside down: light enters on the lamp's side and gathers on the far side.
    across = _downlight(p, q, traits)
    far = smooth(-0.35, 0.95, across) * smooth(0.0, 0.22, -inside)
    clear = ramp((0.22 + 0.75 * far).clamp(0, 1), ["123c38", "2f7f6c", "a5e0c6", "fafffa"])
    solid = smooth(0.30, 0.42, ribbon) * smooth(0.03, 0.20, -inside)
    colour = mix(clear, vane * (0.55 + 0.85 * far), solid)
    colour = mix(colour, paint(rgb("06201c")), smooth(0.10, 0.0, -inside) * (0.8 - 0.6 * far))
    # A window and its reflection on the far wall of the glass.
    pane = smooth(0.10, 0.04, torch.hypot(across + 0.50, root((p * p + q * q - across * across).clamp_min(0)) * 0.55))
    colour = colour + paint(rgb("dfeaf2")) * (0.35 * pane)
    return Surface(colour, 0.9 * dome, gloss=1.3, shine=7)


# Leaves


def _leaf_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    # Two arcs that meet in points at p = -1 and 1, fuller behind the middle; teeth along both.
    wide = 0.60 + 0.10 * traits.u[1]
    bend = 0.12 * (traits.u[2] - 0.5)
    side = (q - bend * (1 - p * p)).abs()
    # Past the tips the outline goes on as a line, so that the distance keeps growing there.
    along = p.clamp(-1, 1)
    belly = (1 - along * along) * (1 - 0.28 * along) * wide
    teeth = (wave(p * 7.5) - 0.5) * 0.035 * (1 - along * along)
    slope = wide * 2 * along
    body = (side - belly - teeth) * (1 + slope * slope).rsqrt() + (p.abs() - 1).clamp_min(0)
    stalk = torch.maximum(side - 0.032, (p + 1.12).abs() - 0.24)
    return torch.minimum(body, stalk)


def _leaf(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    families = [
        ["7a1408", "c22c10", "e8641a", "f5b02e"],
        ["8c3a06", "d9780f", "f2b022", "f9dc5c"],
        ["5a0d14", "a01a1e", "d23a20", "ee8a2a"],
        ["5d5a12", "a39720", "e0bf2e", "f4dd6a"],
    ]
    side = q - 0.12 * (traits.u[2] - 0.5) * (1 - p * p)
    mid = side.abs()
    blotch = fractal(p * 2.0, q * 2.0, traits.seed + 1, 4)
    tone = 0.50 + 0.34 * blotch + 0.30 * smooth(0.5, 0.0, mid) - 0.32 * smooth(0.16, 0.0, -inside)
    colour = ramp(tone.clamp(0, 1), families[int(traits.u[0] * 4)])
    spot = smooth(0.45, 0.62, noise(p * 9, q * 9, traits.seed + 7))
    colour = mix(colour, paint(rgb("4a1c0c")), spot * 0.7)
    rib = smooth(0.035, 0.008, mid)
    along = (p - mid * 0.75) * 5.0
    branch = smooth(0.80, 0.97, wave(along)) * smooth(0.0, 0.06, -inside)
    vein = torch.maximum(rib, branch * 0.7)
    colour = mix(colour, paint(rgb("f7dc98")), vein * 0.55)
    quilt = (1 - wave(along)) * smooth(0.0, 0.12, mid) * 0.020
    height = 0.15 * mid.clamp_max(0.5) + quilt + 0.035 * blotch + 0.03 * rib + 0.05 * _dome(inside, 0.12)
    return Surface(colour.clamp(0, 1), height, gloss=0.22, shine=3)


# Starfish


def _star(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Fold the plane onto half an arm: along it, and across it (at least 0), by mirrors 36 degrees apart."""
    q = q.abs()
    for turn in (0.4 * math.pi, 0.2 * math.pi):
        # What lies beyond a mirror at this angle comes to its near side.
        nx, ny = -math.sin(turn), math.cos(turn)
        beyond = (p * nx + q * ny).clamp_min(0) * 2
        p, q = p - beyond * nx, (q - beyond * ny).abs()
    return p, q


def _starfish_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    fat = 0.30 + 0.06 * traits.u[1]
    wx = p + 0.10 * noise(p * 1.2, q * 1.2, traits.seed)
    wy = q + 0.10 * noise(p * 1.2, q * 1.2, traits.seed + 1)
    along, across = _star(wx, wy)
    t = (along * (1 / 0.92)).clamp(0, 1)
    limb = torch.hypot(along - t * 0.92, across) - (fat + (0.10 - fat) * t)
    # The webs between arms: round off the crease with a disc that the limb runs into.
    disc = torch.hypot(along, across) - 0.42
    h = (0.5 + (disc - limb) * 2.2).clamp(0, 1)
    return disc + (limb - disc) * h - h * (1 - h) * (1 / 4.4)


def _starfish(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    families = [
        ["8f2413", "d9482a", "f58a55", "ffd0a0"],
        ["8a1c3c", "d9386a", "f77f9a", "ffd3cf"],
        ["8a4a08", "e08a1a", "f7bb4a", "ffeab0"],
        ["4a1f6b", "8f4fc0", "c294e6", "f0dcff"],
    ]
    along, across = _star(p, q)
    near, _, number = cells(p * 7.5, q * 7.5, traits.seed + 2)
    bead = smooth(0.42, 0.12, near) * (0.5 + 0.5 * number)
    # A row of spines down the middle of every arm.
    off = ((along * 7.5).frac() - 0.5) * (1 / 7.5)
    row = smooth(0.060, 0.015, torch.hypot(off, across)) * smooth(1.0, 0.85, along)
    cloud = fractal(p * 2.4, q * 2.4, traits.seed + 3, 3)
    tone = 0.34 + 0.14 * cloud + 0.26 * bead + 0.50 * row + 0.12 * smooth(0.12, 0.3, across)
    colour = ramp(tone.clamp(0, 1), families[int(traits.u[0] * 4)])
    height = 0.34 * _dome(inside, 0.34) + 0.035 * bead + 0.05 * row
    return Surface(colour, height, gloss=0.25, shine=4)


# Biscuits


def _biscuit_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    edge = 0.05 * noise(p * 1.8, q * 1.8, traits.seed) + 0.025 * noise(p * 5, q * 5, traits.seed + 1)
    return torch.hypot(p, q) - 0.97 + edge


def _biscuit(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    crumb = fractal(p * 7, q * 7, traits.seed + 2, 3)
    bake = fractal(p * 1.6, q * 1.6, traits.seed + 5, 2)
    tone = 0.62 - 0.55 * smooth(0.30, 0.0, -inside) + 0.16 * bake + 0.16 * crumb - 0.25 * (traits.u[0] - 0.5)
    colour = ramp(tone.clamp(0, 1), ["6e3a12", "a8672a", "d29a52", "ecc583", "f6deaa"])
    split = ridges(noise(p * 2.1, q * 2.1, traits.seed + 8), 0.10) * smooth(0.05, 0.3, -inside)
    colour = colour * (1 - 0.45 * split)
    near, _, number = cells(p * 2.9 + traits.u[1], q * 2.9 + traits.u[2], traits.seed + 9, 0.85)
    wobble = near + 0.06 * noise(p * 8, q * 8, traits.seed + 10)
    here = smooth(0.10, 0.2, -inside)
    chip = smooth(0.34, 0.27, wobble + 0.12 * number) * here
    dark = ramp((0.5 + 0.5 * crumb).clamp(0, 1), ["1d0d07", "3b1d10", "5a3019"])
    colour = mix(colour * (1 - 0.5 * smooth(0.46, 0.3, wobble) * here), dark, chip)
    height = 0.24 * _dome(inside, 0.42) + 0.030 * crumb - 0.04 * split + 0.11 * smooth(0.36, 0.10, wobble) * here
    return Surface(colour, height, gloss=0.04 + 0.40 * chip, shine=4)


# Gems


def _polygon(p: Tensor, q: Tensor, sides: int, reach: float, turn: float) -> tuple[Tensor, Tensor]:
    """Distance beyond the sides of a regular polygon (negative inside), and which side is nearest."""
    out = best = torch.full_like(p, -4.0)
    for k in range(sides):
        angle = 2 * math.pi * (k + turn) / sides
        side = p * math.cos(angle) + q * math.sin(angle) - reach
        best = torch.where(side > out, torch.full_like(p, float(k)), best)
        out = torch.maximum(out, side)
    return out, best


def _gem_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    sides = (6, 8)[int(traits.u[1] * 2)]
    return _polygon(p, q * (1.0 + 0.12 * traits.u[2]), sides, 0.94, 0.5)[0]


def _gem(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    waters = [
        ["02331f", "0a7a46", "29c47c", "c9ffe0"],
        ["04205f", "0f55c4", "4aa3f5", "dff2ff"],
        ["5f0414", "bf0f30", "f5486a", "ffdbe2"],
        ["6a3a02", "d98a0c", "fbc743", "fff4cf"],
        ["063f4a", "12a0b0", "6fe3e6", "effffd"],
    ]
    sides = (6, 8)[int(traits.u[1] * 2)]
    q = q * (1.0 + 0.12 * traits.u[2])
    crown, face = _polygon(p, q, sides, 0.94, 0.5)
    star, point = _polygon(p, q, sides, 0.80, 0.0)
    table, _ = _polygon(p, q, sides, 0.52, 0.5)
    height = torch.minimum(-crown * 0.95, -star * 0.62 + 0.02).clamp(0.0, 0.36)
    # Light that went in comes out of the facets of the far side, each as bright as chance has it.
    back, deep = _polygon(-p, -q, 2 * sides, 0.9, 0.25)
    rings = ((back + 0.9) * 4.2).int()
    key = hashed(deep.int() + rings * 16, (face * 8 + point).int() * (table > 0).int(), traits.seed)
    flash = draw(key)
    depth = 0.22 + 0.5 * flash * flash + 0.20 * _downlight(p, q, traits) + 0.10 * noise(p * 3, q * 3, traits.seed + 1)
    colour = ramp(depth.clamp(0, 1), waters[int(traits.u[0] * 5)])
    edge = ridges(table, 0.03) * 0.30 + smooth(0.035, 0.0, -inside) * 0.2
    colour = colour + paint(rgb("ffffff")) * edge
    return Surface(colour.clamp(0, 1.2), height, gloss=1.1, shine=5)


# Soaps


def _soap_outline(p: Tensor, q: Tensor, traits: Traits) -> Tensor:
    a, b, corner = 0.92, 0.70 + 0.18 * traits.u[1], 0.26
    x, y = p.abs() - (a - corner), q.abs() - (b - corner)
    outside = torch.hypot(x.clamp_min(0), y.clamp_min(0))
    return outside + torch.maximum(x, y).clamp_max(0) - corner


def _soap(p: Tensor, q: Tensor, inside: Tensor, traits: Traits) -> Surface:
    families = [
        ["c2477a", "f08fb0", "fbd3dd", "fff4f0"],
        ["2f8f7a", "7fd0b4", "cdf0dd", "f6fff4"],
        ["6a55b5", "a995e2", "dccff7", "f9f4ff"],
        ["d99a1a", "f7cf5a", "fdeaa9", "fffbe8"],
        ["2f78b5", "7cb9e6", "cbe6f7", "f4fcff"],
    ]
    wx = p + 0.45 * noise(p * 1.3, q * 1.3, traits.seed + 1)
    wy = q + 0.45 * noise(p * 1.3, q * 1.3, traits.seed + 2)
    swirl = wave(wx * (0.7 + traits.u[2]) + wy * 1.5 + 0.35 * fractal(wx * 2, wy * 2, traits.seed + 3, 3))
    thread = ridges(noise(wx * 2.6, wy * 1.4, traits.seed + 6), 0.10)
    colour = ramp((0.10 + 0.72 * swirl).clamp(0, 1), families[int(traits.u[0] * 5)])
    colour = mix(colour, pick(traits.u[0], ["8c2355", "176a58", "46328f", "b5700a", "15527f"]), thread * 0.55)
    # A groove stamped along the edge, and the maker's oval.
    groove = ridges(inside + 0.24, 0.045)
    oval = torch.hypot(p * 1.0, q * 1.55) - 0.40
    stamp = ridges(oval, 0.05) + 0.6 * smooth(0.0, -0.05, oval)
    height = 0.40 * _dome(inside, 0.22) - 0.035 * smooth(0.0, 1.0, groove) - 0.040 * smooth(0.0, 1.0, stamp)
    colour = colour * (1 - 0.16 * groove.clamp(0, 1))
    return Surface(colour, height + 0.006 * swirl, gloss=0.40, shine=3)


ORANGE = Body(_orange_outline, _orange, tall=0.80)
BOWL = Body(_bowl_outline, _bowl, tall=0.55, size=1.02)
PEBBLE = Body(_pebble_outline, _pebble, tall=0.45, size=1.04, reach=1.20)
PUMPKIN = Body(_pumpkin_outline, _pumpkin, tall=0.75, size=1.03)
MARBLE = Body(_marble_outline, _marble, tall=0.85, glow="fff0c8")
LEAF = Body(_leaf_outline, _leaf, tall=0.13, size=1.28, reach=1.40)
STARFISH = Body(_starfish_outline, _starfish, tall=0.22, size=1.36, reach=1.20)
BISCUIT = Body(_biscuit_outline, _biscuit, tall=0.24, size=1.02)
GEM = Body(_gem_outline, _gem, tall=0.50, size=1.04, reach=1.12)
SOAP = Body(_soap_outline, _soap, tall=0.42, size=1.06, reach=1.20)
