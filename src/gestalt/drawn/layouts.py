"""Where objects lie: scattered, in a grid, a ring, a cluster, a row, a diagonal, a wave, a spiral, or one alone.

Lengths are in units of the picture's short side. The later of two overlapping places is on top.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch


class Place(NamedTuple):
    """Where an object is, how large, and which way it is turned."""

    x: float
    y: float
    radius: float
    angle: float
    """Radians, clockwise on the screen."""


def arrange(layout: str, extent: tuple[float, float], generator: torch.Generator) -> list[Place]:
    """Choose the places of a layout.

    Args:
        layout: a key of `ARRANGEMENTS`.
        extent: width and height in short sides: the smaller of them is 1.
        generator: where positions come from.

    Returns:
        The places, from the lowest to the topmost.
    """

    def draw() -> float:
        return float(torch.rand((), generator=generator))

    return ARRANGEMENTS[layout](*extent, draw)


Draw = Callable[[], float]


def _near(x: float, y: float, radius: float, spread: float, draw: Draw) -> Place:
    """A place close to a point, of any heading."""
    return Place(x + spread * (draw() - 0.5), y + spread * (draw() - 0.5), radius, 2 * math.pi * draw())


def _scattered(w: float, h: float, draw: Draw) -> list[Place]:
    places: list[Place] = []
    wanted = 0.27 * w * h
    for _ in range(round(220 * w * h)):
        radius = 0.085 + 0.075 * draw()
        edge = radius * 1.15
        place = Place(edge + (w - 2 * edge) * draw(), edge + (h - 2 * edge) * draw(), radius, 2 * math.pi * draw())
        if all(math.dist(place[:2], other[:2]) > 1.18 * (radius + other.radius) for other in places):
            places.append(place)
            wanted -= math.pi * radius * radius
        if wanted < 0:
            break
    return places


def _grid(w: float, h: float, draw: Draw) -> list[Place]:
    cell = 0.30 + 0.06 * draw()
    across, down = max(1, round(w / cell)), max(1, round(h / cell))
    dx, dy = w / across, h / down
    radius = 0.345 * min(dx, dy)
    return [
        _near((i + 0.5) * dx, (j + 0.5) * dy, radius * (0.94 + 0.12 * draw()), 0.10 * radius, draw)
        for j in range(down)
        for i in range(across)
    ]


def _ring(w: float, h: float, draw: Draw) -> list[Place]:
    radius = 0.105 + 0.025 * draw()
    a, b = w / 2 - 1.3 * radius, h / 2 - 1.3 * radius
    # Walk the ellipse in small steps and stop at equal lengths.
    steps = 720
    points = [(a * math.cos(2 * math.pi * k / steps), b * math.sin(2 * math.pi * k / steps)) for k in range(steps + 1)]
    lengths = [0.0]
    for one, two in pairwise(points):
        lengths.append(lengths[-1] + math.dist(one, two))
    count = max(5, round(lengths[-1] / (2.45 * radius)))
    start = draw()
    places, k = [], 0
    for i in range(count):
        goal = (i + start) / count * lengths[-1]
        while lengths[k] < goal:
            k += 1
        x, y = points[k]
        places.append(_near(w / 2 + x, h / 2 + y, radius * (0.92 + 0.16 * draw()), 0.12 * radius, draw))
    return places


def _cluster(w: float, h: float, draw: Draw) -> list[Place]:
    count = 9 + int(4 * draw())
    spread = 0.105 + 0.012 * draw()
    turn = 2 * math.pi * draw()
    cx, cy = w / 2 + 0.12 * (draw() - 0.5), h / 2 + 0.08 * (draw() - 0.5)
    places = []
    for i in reversed(range(count)):
        out, angle = spread * math.sqrt(i + 0.4), turn + i * 2.39996
        places.append(_near(cx + out * math.cos(angle), cy + out * math.sin(angle), 0.108 + 0.03 * draw(), 0.03, draw))
    return places


def _row(w: float, h: float, draw: Draw) -> list[Place]:
    long = max(w, h)
    count = max(3, round(long / (0.33 + 0.05 * draw())))
    radius = 0.42 * long / count
    drift = 0.16 * (draw() - 0.5)
    places = []
    for i in range(count):
        along, off = (i + 0.5) * long / count, 0.5 + drift
        x, y = (along, off) if w >= h else (off, along)
        places.append(_near(x, y, radius * (0.92 + 0.16 * draw()), 0.16 * radius, draw))
    return places


def _diagonal(w: float, h: float, draw: Draw) -> list[Place]:
    length = math.hypot(w, h)
    count = max(4, round(length / 0.30))
    rising = draw() < 0.5
    first, last = (0.085, 0.165) if draw() < 0.5 else (0.165, 0.085)
    sizes = [first + (last - first) * i / (count - 1) for i in range(count)]
    # Objects of growing size, equally far from one another, between the corners.
    margin = 0.05
    room = length - 2 * margin - 2 * sum(sizes)
    at, places = margin, []
    for radius in sizes:
        t = (at + radius) / length
        at += 2 * radius + room / (count - 1)
        x, y = t * w, (1 - t if rising else t) * h
        # The corners are tight: keep the object in the picture.
        x, y = min(max(x, radius), w - radius), min(max(y, radius), h - radius)
        places.append(_near(x, y, radius, 0.02, draw))
    return places


def _wave(w: float, h: float, draw: Draw) -> list[Place]:
    long = max(w, h)
    radius = 0.085 + 0.015 * draw()
    turns = max(1, round(long / 1.3)) * (1.0 if draw() < 0.5 else 1.5)
    phase = math.pi * (draw() < 0.5)
    steps = round(600 * long)
    reach = 0.5 - 1.35 * radius
    path = []
    for k in range(steps + 1):
        t = k / steps
        along = 1.3 * radius + t * (long - 2.6 * radius)
        path.append((along, 0.5 + reach * math.cos(2 * math.pi * turns * t + phase)))
    total = sum(math.dist(one, two) for one, two in pairwise(path))
    gap = total / max(3, round(total / (2.3 * radius)))
    places, walked, last = [], gap, path[0]
    for point in path:
        walked += math.dist(last, point)
        last = point
        if walked >= gap * 0.999:
            walked -= gap
            x, y = point if w >= h else (point[1], point[0])
            places.append(_near(x, y, radius * (0.92 + 0.16 * draw()), 0.10 * radius, draw))
    return places


def _spiral(w: float, h: float, draw: Draw) -> list[Place]:
    count = 11 + int(3 * draw())
    turn, way = 2 * math.pi * draw(), (1 if draw() < 0.5 else -1)
    places, angle = [], 0.0
    for i in range(count):
        t = i / (count - 1)
        radius = 0.045 + 0.075 * t
        out = 0.05 + 0.345 * t
        x = w / 2 + out * (1 + 0.8 * (w - 1)) * math.cos(turn + way * angle)
        y = h / 2 + out * (1 + 0.8 * (h - 1)) * math.sin(turn + way * angle)
        places.append(_near(x, y, radius, 0.01, draw))
        angle += 2.35 * (radius + 0.004) / out if i else 1.9
    return places


def _single(w: float, h: float, draw: Draw) -> list[Place]:
    radius = 0.31 + 0.05 * draw()
    x = w / 2 + 0.8 * (w / 2 - 0.45) * (draw() - 0.5)
    y = h / 2 + 0.8 * (h / 2 - 0.45) * (draw() - 0.5)
    return [_near(x, y, radius, 0.0, draw)]


ARRANGEMENTS: dict[str, Callable[[float, float, Draw], list[Place]]] = {
    "scattered": _scattered,
    "grid": _grid,
    "ring": _ring,
    "cluster": _cluster,
    "row": _row,
    "diagonal": _diagonal,
    "wave": _wave,
    "spiral": _spiral,
    "single": _single,
}
