"""The ground a drawn scene lies on: stones, wood, sand, grass, felt, slate, water, cloth, velvet, terrazzo.

Each is a function of a row x (1, w) and a column y (h, 1), in units of the picture's short side, and of a seed that
chooses one stretch of that ground; it returns a `Surface`.
"""

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
    ramp,
    rgb,
    ridges,
    root,
    smooth,
    wave,
)


def river(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Rounded blue-grey stones, packed, with small ones in the gaps."""
    wx = x + noise(x * 5, y * 5, seed + 1) * 0.03
    wy = y + noise(x * 5, y * 5, seed + 2) * 0.03
    near, second, number = cells(wx * 8, wy * 8, seed)
    gap = second - near
    dome = smooth(0.0, 0.62, gap)
    mottle = fractal(x * 22, y * 22, seed + 3, 3)
    colour = ramp((number + mottle * 0.16).clamp(0, 1), ["33424f", "56697a", "8295a3", "6d7680", "a9b4b8", "46586b"])
    vein = ridges(noise(wx * 9, wy * 9, seed + 7), 0.05) * smooth(0.75, 0.8, number)
    colour = mix(colour, paint(rgb("c8d2d6")), vein * 0.6)
    colour = colour * (0.16 + 0.84 * smooth(0.0, 0.22, gap))
    height = 0.034 * root(dome) + 0.0007 * mottle
    return Surface(colour, height, gloss=0.10, shine=4)


def walnut(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Dark planks with flowing grain and fine pores."""
    lane = y * 3.6 + 0.37
    plank, across = lane.int(), lane.frac()
    shift = draw(hashed(plank, plank, seed)) * 40
    flow = fractal(x * 0.9 + shift, y * 4.2 + shift, seed + 1, 3)
    rings = wave(flow * 2.6 + y * 7 + shift)
    fibre = noise(x * 5 + shift, y * 110, seed + 5)
    pores = smooth(0.25, 0.6, noise(x * 11 + shift, y * 190, seed + 6))
    tone = 0.30 + 0.26 * rings + 0.13 * fibre + 0.012 * (shift - 20)
    colour = ramp(tone.clamp(0, 1), ["26140c", "4a2917", "6f4226", "94603a"]) * (1 - 0.45 * pores)
    seam = smooth(0.0, 0.028, torch.minimum(across, 1 - across))
    colour = colour * (0.12 + 0.88 * seam)
    height = 0.006 * seam + 0.0007 * fibre + 0.0004 * rings
    return Surface(colour, height, gloss=0.10, shine=4)


def sand(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Pale sand, raked in long bending lines, down to single grains."""
    bend = fractal(x * 0.9, y * 0.9, seed, 2)
    ripple = wave(y * 11 + x * 2.5 + bend * 3.4)
    grain = noise(x * 150, y * 150, seed + 4)
    coarse = noise(x * 64, y * 64, seed + 5)
    dark = smooth(0.42, 0.6, noise(x * 120, y * 120, seed + 6))
    tone = 0.55 + 0.10 * ripple + 0.12 * fractal(x * 4, y * 4, seed + 7, 3) + 0.10 * coarse + 0.12 * grain
    colour = ramp(tone.clamp(0, 1), ["a8834f", "cfae7a", "e6cfa2", "f6e9cb"]) * (1 - 0.4 * dark)
    height = 0.010 * ripple + 0.0009 * coarse + 0.0005 * grain
    return Surface(colour, height)


def grass(x: Tensor, y: Tensor, seed: int) -> Surface:
    """A mown field: layers of leaning blades over dark soil, with a few straws."""
    patch = fractal(x * 2.2, y * 2.2, seed, 3)
    sway = noise(x * 3, y * 3, seed + 9) * 0.05
    best = torch.full_like(x + y, -0.15)
    hue = torch.zeros(())
    for layer, (lean, rise) in enumerate(((0.10, 0.99), (0.62, 0.78), (-0.55, 0.83), (0.95, 0.3), (-0.92, 0.4))):
        along = x * lean + y * rise + layer * 3.1
        across = x * rise - y * lean + sway
        blade = noise(across * 62, along * 9, seed + 10 + layer) * (1 - 0.08 * layer)
        hue = hue + (blade - best).clamp_min(0) * (1.0 if layer % 2 else -0.6)
        best = torch.maximum(best, blade)
    tone = 0.16 + 0.62 * (best + 0.15) + 0.10 * hue + 0.10 * patch
    colour = ramp(tone.clamp(0, 1), ["12200c", "2c4a16", "4c7524", "7c9f3c", "b9c56a"])
    straw = smooth(0.5, 0.66, noise(x * 14 + y * 46, y * 12 - x * 40, seed + 30))
    colour = mix(colour, paint(rgb("d9bf77")), straw * 0.75)
    return Surface(colour, 0.012 * best)


def felt(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Green baize: short matted fibres, brushed unevenly."""
    wx = x + noise(x * 30, y * 30, seed + 1) * 0.010
    wy = y + noise(x * 30, y * 30, seed + 2) * 0.010
    fibre = noise(wx * 150, wy * 46, seed + 3) + noise(wx * 46 + wy * 46, wy * 150 - wx * 90, seed + 4)
    fibre = fibre + noise(wx * 90, wy * 90, seed + 5) * 0.6
    nap = fractal(x * 1.8, y * 1.8, seed, 4)
    tone = 0.46 + 0.16 * nap + 0.14 * fibre
    colour = ramp(tone.clamp(0, 1), ["062a22", "0d4a39", "1b6b50", "3c9471"])
    return Surface(colour, 0.0012 * fibre)


def slate(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Wet flagstones, blue-grey and layered, with moss in the joints."""
    wx = x + fractal(x * 3, y * 3, seed + 1, 3) * 0.035
    wy = y + fractal(x * 3, y * 3, seed + 2, 3) * 0.035
    near, second, number = cells(wx * 2.6, wy * 2.6, seed, 0.75)
    joint = smooth(0.02, 0.10, second - near)
    bed = fractal(x * 4, y * 8, seed + 5, 5)
    step = wave(bed * 2.2) * 0.5 + bed * 0.5
    fine = noise(x * 85, y * 85, seed + 11)
    tone = 0.34 + 0.20 * step + 0.16 * (number - 0.5) + 0.06 * fine
    colour = ramp(tone.clamp(0, 1), ["1b222b", "37434f", "566470", "7b8a92"])
    rust = smooth(0.25, 0.7, fractal(x * 3.1, y * 3.1, seed + 21, 3))
    colour = mix(colour, paint(rgb("6e5a4b")), rust * 0.4)
    moss = (1 - joint) * (0.7 + 0.5 * noise(x * 60, y * 60, seed + 23))
    colour = mix(colour, ramp((0.5 + fine * 0.4).clamp(0, 1), ["1d2b0f", "4f6426", "7c8a3c"]), moss.clamp(0, 1))
    return Surface(colour, 0.012 * joint + 0.007 * step + 0.0012 * fine, gloss=0.3 * joint, shine=4)


def shallows(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Clear turquoise water over sand, with a net of light on the bottom."""
    wx = x + noise(x * 2.4, y * 2.4, seed + 1) * 0.16
    wy = y + noise(x * 2.4, y * 2.4, seed + 2) * 0.16
    one, two, _ = cells(wx * 4.6, wy * 4.6, seed)
    bright = smooth(0.20, 0.0, two - one)
    one, two, _ = cells(wx * 7.7 + 5, wy * 7.7, seed + 3)
    bright = 0.75 * bright * bright + 0.5 * smooth(0.18, 0.0, two - one) * (0.35 + bright)
    depth = fractal(x * 1.1, y * 1.1, seed + 5, 3)
    grain = noise(x * 95, y * 95, seed + 9)
    tone = 0.45 + 0.28 * depth + 0.06 * grain + 0.08 * noise(x * 12, y * 12, seed + 10)
    colour = ramp(tone.clamp(0, 1), ["0b6f86", "1c9aa8", "48bfc0", "8fdccf"])
    colour = colour * 0.82 + paint(rgb("dffcf0")) * (bright * 0.42)
    return Surface(colour, 0.004 * noise(x * 9, y * 9, seed + 12))


def gingham(x: Tensor, y: Tensor, seed: int) -> Surface:
    """A checked cloth, red on white, woven, with soft creases."""
    wx = x + noise(x * 1.6, y * 1.6, seed + 1) * 0.03
    wy = y + noise(x * 1.6, y * 1.6, seed + 2) * 0.03
    down = smooth(0.42, 0.58, wave(wx * 6.5 + 0.2))
    over = smooth(0.42, 0.58, wave(wy * 6.5 + 0.4))
    warp, weft = wave(wx * 84), wave(wy * 84)
    thread = smooth(0.3, 0.7, 0.5 + (warp - weft) * 0.5)
    red = down * thread + over * (1 - thread)
    red = 0.25 * (down + over) + 0.5 * red
    slub = noise(wx * 20, wy * 130, seed + 3) + noise(wx * 130, wy * 20, seed + 4)
    colour = ramp(red.clamp(0, 1), ["f4efe2", "dd7a74", "b3222a"]) * (0.94 + 0.10 * slub)
    crease = fractal(x * 1.7, y * 1.7, seed + 5, 3)
    return Surface(colour.clamp(0, 1), 0.022 * crease + 0.0008 * (warp + weft))


def velvet(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Dark plum velvet in deep soft folds, bright where it turns away."""
    wx = x + fractal(x * 1.2, y * 1.2, seed + 1, 2) * 0.22
    wy = y + fractal(x * 1.2, y * 1.2, seed + 2, 2) * 0.22
    folds = fractal(wx * 2.0 + wy * 0.8, wy * 1.3, seed, 2)
    sheen = smooth(-0.1, 0.75, folds)
    pile = noise(x * 120, y * 120, seed + 4) + noise(x * 60, y * 60, seed + 5)
    tone = 0.18 + 0.62 * sheen * sheen + 0.06 * pile
    colour = ramp(tone.clamp(0, 1), ["1a0820", "3a1245", "642670", "a35fae"])
    return Surface(colour, 0.075 * folds + 0.0008 * pile)


def terrazzo(x: Tensor, y: Tensor, seed: int) -> Surface:
    """Polished charcoal stone with angular chips of pale and coloured marble."""
    colour = ramp((0.5 + 0.3 * fractal(x * 18, y * 18, seed + 9, 3)).clamp(0, 1), ["23262b", "31363d", "444a52"])
    for layer, (scale, share) in enumerate(((8.0, 0.45), (17.0, 0.40))):
        near, second, number = cells(x * scale + 3 * layer, y * scale, seed + 31 * layer, 1.0)
        size = 0.10 + 0.25 * wave(number * 7)
        chip = smooth(0.0, 0.05, second - near - size) * (number < share).float()
        tint = wave(number * 13.7)
        hue = ramp(tint, ["e9e2d6", "c9a79a", "8fa7a3", "d8c9a3", "b9b4ad"])
        cloud = 0.88 + 0.16 * noise(x * 40, y * 40, seed + 50 + layer)
        colour = mix(colour, hue * cloud, chip)
    return Surface(colour.clamp(0, 1), 0.001 * noise(x * 7, y * 7, seed + 60), gloss=0.12, shine=3)
