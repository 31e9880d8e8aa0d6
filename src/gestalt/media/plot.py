"""Curves over time as a picture: axes, lines, names."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gestalt.media import image

WIDTH, HEIGHT = 960, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 44
_FINE = 2  # lines are drawn so many times as large, and reduced
_INK, _SOFT, _RULE = (32, 33, 36), (104, 108, 114), (224, 226, 230)
_COLOURS = ((31, 108, 176), (214, 96, 22), (34, 139, 87), (136, 77, 167))
_SHADE = (241, 243, 246)


class Line(NamedTuple):
    """One curve.

    name: in the legend.
    x, y: (N,) numbers, x growing; where y is not a number there is a gap.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]


def plot(
    lines: Sequence[Line],
    *,
    x_name: str,
    y_name: str,
    y_range: tuple[float, float] | None = None,
    is_log: bool = False,
    shaded: Sequence[tuple[float, float]] = (),
) -> Tensor:
    """Draw curves.

    Args:
        lines: one or more.
        x_name, y_name: what the axes show, and in which unit.
        y_range: of the vertical axis; by default that of the curves.
        is_log: whether the vertical axis is logarithmic; then all y are above 0.
        shaded: parts of the horizontal axis on a darker ground.

    Returns:
        (1, 3, 320, 960) in [-1, 1].
    """
    x_low, x_high = _range(np.concatenate([line.x for line in lines]))
    y_low, y_high = y_range or _range(np.concatenate([line.y for line in lines]))
    scale = math.log if is_log else float
    sheet = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13 * _FINE)

    def at_x(x: float) -> float:
        return _FINE * (_LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT))

    def at_y(y: float) -> float:
        share = (scale(y) - scale(y_low)) / (scale(y_high) - scale(y_low))
        return _FINE * (HEIGHT - _BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - _TOP - _BOTTOM))

    for begin, end in shaded:
        draw.rectangle((at_x(begin), _FINE * _TOP, at_x(end), _FINE * (HEIGHT - _BOTTOM)), fill=_SHADE)
    for y in _log_ticks(y_low, y_high) if is_log else _ticks(y_low, y_high):
        draw.line((at_x(x_low), at_y(y), at_x(x_high), at_y(y)), _RULE, _FINE)
        draw.text((_FINE * (_LEFT - 8), at_y(y)), f"{y:g}", _SOFT, font, anchor="rm")
    for x in _ticks(x_low, x_high):
        draw.text((at_x(x), _FINE * (HEIGHT - _BOTTOM + 8)), f"{x:g}", _SOFT, font, anchor="ma")
    draw.text((_FINE * (WIDTH - _RIGHT), _FINE * (HEIGHT - 6)), x_name, _SOFT, font, anchor="rd")
    draw.text((_FINE * 8, _FINE * 10), y_name, _INK, font, anchor="la")
    place = _FINE * (WIDTH - _RIGHT)
    for number, line in reversed(list(enumerate(lines))):
        colour = _COLOURS[number % len(_COLOURS)]
        if len(lines) > 1:
            draw.text((place, _FINE * 10), line.name, colour, font, anchor="ra")
            place -= draw.textlength(line.name, font) + 18 * _FINE
        for run in _unbroken(line):
            points = [(at_x(x), at_y(y)) for x, y in zip(*run, strict=True)]
            if len(points) == 1:
                (x, y), r = points[0], 3 * _FINE
                draw.ellipse((x - r, y - r, x + r, y + r), colour)
            else:
                draw.line(points, colour, 2 * _FINE, joint="curve")
    return image.from_uint8(np.asarray(sheet.resize((WIDTH, HEIGHT), Image.Resampling.BOX)))


def _range(values: NDArray[np.floating]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _unbroken(line: Line) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
    """Parts of a curve between its gaps, of many points those that can be told apart on the picture."""
    known = np.isfinite(line.y)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    parts = []
    for begin, end in zip(ends[::2], ends[1::2], strict=True):
        x, y = line.x[begin:end], line.y[begin:end]
        size = math.ceil(len(x) / (2 * WIDTH))
        if size > 1:  # the mean of neighbours, as many at each place
            cut = len(x) // size * size
            x, y = (values[:cut].reshape(-1, size).mean(1) for values in (x, y))
        parts.append((x, y))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within a range, about five."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * n, 12) for n in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within a range, of a narrow one more."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 4, 6, 8)
    found = [digit * 10.0**power for power in powers for digit in digits]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
