"""Drawn signs of six shapes on patterned ground, in any light: what each pixel belongs to is known.

    from gestalt.drawn import signs
    chance = seeded(1)
    things = signs.things(8, chance, each=3)
    drawn = signs.draw(things, signs.looks(8, chance), size=48)             # the source: even light, little noise
    other = signs.draw(things, signs.looks(8, chance, far=1.0), size=48)    # the same things in the target's looks

A look is a gain and an offset for each channel, haze, and noise: what light, camera and air do to a scene. It hangs on
nothing that is in the scene, so a classifier loses nothing by not looking at it. All factors are drawn on the CPU from
the generator that is given, noise included, and a picture depends on its factors alone.
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

SHAPES = ("disc", "square", "triangle", "cross", "ring", "bar")
"""Class n is the n-th; of pixels, class 0 is the ground and n + 1 the n-th shape."""


class Things(NamedTuple):
    """What is in N scenes of E signs each. Lengths are parts of the picture's side, colours lie in [-1, 1].

    shape: (N, E) numbers of shapes.
    centre: (N, E, 2), x and y.
    radius: (N, E).
    turn: (N, E) in radians.
    colour: (N, E, 3).
    ground: (N, 2, 3), two colours of its stripes.
    stripes: (N, 3) of which the wave vector, x and y, in waves per side, and the phase.
    """

    shape: Tensor
    centre: Tensor
    radius: Tensor
    turn: Tensor
    colour: Tensor
    ground: Tensor
    stripes: Tensor


class Looks(NamedTuple):
    """What light and camera do to N scenes.

    gain, offset: (N, 3).
    haze: (N,) part that a pale grey takes.
    noise: (N,) deviation.
    seed: (N,) of the noise.
    """

    gain: Tensor
    offset: Tensor
    haze: Tensor
    noise: Tensor
    seed: Tensor


class Drawn(NamedTuple):
    """Scenes.

    image: (N, 3, S, S) in [-1, 1].
    segments: (N, S, S) class of each pixel, 0 the ground.
    """

    image: Tensor
    segments: Tensor


def things(count: int, chance: Generator, *, each: int = 1) -> Things:
    """Signs at random, turned by up to 20 degrees; one alone stands near the middle, later ones hide earlier ones."""
    u = torch.rand(count, each, 8, generator=chance)
    g = torch.rand(count, 9, generator=chance)
    tone = 0.9 * (2 * g[:, :1] - 1)
    sides = torch.where(tone > 0, -1.0, 1.0)[:, None]  # signs are darker than bright ground and brighter than dark
    near = 0.18 if each == 1 else 0.34
    return Things(
        shape=(u[..., 0] * len(SHAPES)).long(),
        centre=0.5 + near * (2 * u[..., 1:3] - 1),
        radius=(0.2 if each == 1 else 0.13) + 0.1 * u[..., 3],
        turn=0.35 * (2 * u[..., 4] - 1),
        colour=(tone[:, None] + sides * (0.5 + 0.5 * u[..., 5:8])).clamp(-1, 1),
        ground=torch.stack([tone + 0.3 * (g[:, 1:4] - 0.5), tone + 0.3 * (g[:, 4:7] - 0.5)], 1).clamp(-1, 1),
        stripes=torch.cat([8 * (2 * g[:, 7:9] - 1), g[:, :1]], 1),
    )


def looks(count: int, chance: Generator, *, far: float = 0.0) -> Looks:
    """Light at random: even and clear, or by as much as `far` dim, tinted, hazy and noisy."""
    u = torch.rand(count, 8, generator=chance)
    tint = torch.tensor([0.25, -0.05, -0.35])
    return Looks(
        gain=(1 - 0.55 * far) * (1 + (0.1 + 0.1 * far) * (2 * u[:, :3] - 1)),
        offset=far * tint + (0.05 + 0.05 * far) * (2 * u[:, 3:6] - 1),
        haze=0.2 * far * u[:, 6],
        noise=0.02 + 0.03 * far * u[:, 7],
        seed=torch.randint(2**31, (count,), generator=chance),
    )


def draw(scene: Things, light: Looks, *, size: int) -> Drawn:
    """Draw N scenes, the n-th in the n-th light.

    Args:
        scene: N of them.
        light: N looks.
        size: S, side of the pictures in pixels.
    """
    at = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    y, x = at[None, :, None], at[None, None, :]
    kx, ky, phase = (value.view(-1, 1, 1) for value in scene.stripes.unbind(1))
    wave = 0.5 + 0.5 * torch.sin(2 * torch.pi * (kx * x + ky * y + phase))
    one, two = (colour[:, :, None, None] for colour in scene.ground.unbind(1))
    canvas = one + (two - one) * wave[:, None]
    segments = torch.zeros(wave.shape, dtype=torch.long)
    for e in range(scene.shape.shape[1]):
        distance = _distance(scene, e, x, y)
        cover = (0.5 - distance * size).clamp(0, 1)[:, None]
        canvas = canvas + (scene.colour[:, e, :, None, None] - canvas) * cover
        segments = torch.where(distance < 0, scene.shape[:, e].view(-1, 1, 1) + 1, segments)
    canvas = canvas * light.gain[:, :, None, None] + light.offset[:, :, None, None]
    haze = light.haze.view(-1, 1, 1, 1)
    canvas = canvas * (1 - haze) + 0.5 * haze
    grains = [torch.randn(3, size, size, generator=torch.Generator().manual_seed(int(seed))) for seed in light.seed]
    canvas = canvas + light.noise.view(-1, 1, 1, 1) * torch.stack(grains)
    return Drawn(canvas.clamp(-1, 1), segments)


def _distance(scene: Things, e: int, x: Tensor, y: Tensor) -> Tensor:
    """About how far each pixel lies outside of the e-th signs, in sides: (N, S, S)."""
    radius, turn = (value[:, e].view(-1, 1, 1) for value in (scene.radius, scene.turn))
    cx, cy = (scene.centre[:, e, n].view(-1, 1, 1) for n in (0, 1))
    dx, dy = (x - cx) / radius, (y - cy) / radius
    u, v = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    r = (u.square() + v.square()).sqrt()
    a, b = u.abs(), v.abs()
    shapes = (
        r - 1,
        torch.maximum(a, b) - 0.85,
        torch.maximum(0.866 * a + 0.5 * v, -v) - 0.5,
        torch.minimum(torch.maximum(a - 1, b - 0.33), torch.maximum(a - 0.33, b - 1)),
        (r - 0.72).abs() - 0.28,
        torch.maximum(a - 1, b - 0.36),
    )
    which = scene.shape[:, e].view(1, -1, 1, 1).expand(1, *r.shape)
    return torch.stack(shapes).gather(0, which)[0] * radius
