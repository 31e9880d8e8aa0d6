"""Curves of a run's measures as small inline SVG: one chart per measure, one line per loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

Points = list[tuple[int, float]]

_WIDTH, _HEIGHT = 380, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 10, 24
_BUCKETS = 120
_MOST = 1e300  # a loss that has diverged further is not drawn
_COLOURS = 6  # how many the style sheet names


def collect(lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, Points]]:
    """Return measure -> loop -> points in the order of their steps, finite numbers only."""
    curves: dict[str, dict[str, Points]] = {}
    for line in lines:
        for measure, value in line.items():
            if measure not in ("loop", "step") and isinstance(value, int | float) and abs(value) <= _MOST:
                curves.setdefault(measure, {}).setdefault(line["loop"], []).append((line["step"], float(value)))
    for loops in curves.values():
        for points in loops.values():
            points.sort(key=lambda point: point[0])
    return curves


def chart(measure: str, loops: dict[str, Points]) -> str:
    """Return one chart as an HTML figure with its legend.

    A line of many points is drawn as the mean of each bucket, over a band from the least to the greatest.
    The axis is logarithmic where all values are positive and span more than a factor of 50.
    """
    values = [value for points in loops.values() for _, value in points]
    last_step = max(step for points in loops.values() for step, _ in points)
    first_step = min(step for points in loops.values() for step, _ in points)
    is_log = min(values) > 0 and max(values) / min(values) > 50
    ticks = _log_ticks(min(values), max(values)) if is_log else _ticks(min(values), max(values), 4)
    scale = math.log if is_log else float
    low, high = min(ticks[0], min(values)), max(ticks[-1], max(values))

    def x(step: float) -> float:
        share = (step - first_step) / max(last_step - first_step, 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (scale(value) - scale(low)) / (scale(high) - scale(low))
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in ticks:
        parts.append(f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{_label(tick)}</text>')
    steps = [tick for tick in _ticks(first_step, last_step, 4) if first_step <= tick <= last_step]
    for tick in steps:
        parts.append(f'<text x="{x(tick):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{_label(tick)}</text>')
    legend = []
    for index, (loop, points) in enumerate(loops.items()):
        colour = _colour(index, len(loops))
        parts.append(f'<g style="color:{colour}">{_line(points, x, y)}</g>')
        name = escape(loop or "run")
        legend.append(f'<li style="color:{colour}"><span>{name}</span> {_label(points[-1][1])}</li>')
    if len(legend) > 2 * _COLOURS:
        legend[_COLOURS:-_COLOURS] = ["<li><span>...</span></li>"]
    title = escape(measure)
    return (
        f'<figure class="chart"><figcaption>{title}{" (log)" if is_log else ""}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title} by step">'
        f"{''.join(parts)}</svg>"
        f'<ul class="legend">{"".join(legend)}</ul></figure>'
    )


def _line(points: Points, x, y) -> str:
    buckets = _bucketed(points)
    path = " ".join(f"{x(step):.1f},{y(mean):.1f}" for step, mean, _, _ in buckets)
    if len(buckets) == 1:
        step, mean, _, _ = buckets[0]
        return f'<circle class="dot" cx="{x(step):.1f}" cy="{y(mean):.1f}" r="3"/>'
    band = ""
    if len(points) > len(buckets):
        above = [f"{x(step):.1f},{y(most):.1f}" for step, _, _, most in buckets]
        below = [f"{x(step):.1f},{y(least):.1f}" for step, _, least, _ in reversed(buckets)]
        band = f'<polygon class="band" points="{" ".join(above + below)}"/>'
    return f'{band}<polyline class="curve" points="{path}"/>'


def _bucketed(points: Points) -> list[tuple[float, float, float, float]]:
    """Return (step, mean, least, greatest) of at most `_BUCKETS` groups of neighbouring points."""
    size = math.ceil(len(points) / _BUCKETS)
    buckets = []
    for start in range(0, len(points), size):
        group = points[start : start + size]
        values = [value for _, value in group]
        buckets.append((sum(s for s, _ in group) / len(group), sum(values) / len(group), min(values), max(values)))
    return buckets


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers from at or below `low` to at or above `high`."""
    if high <= low:
        margin = abs(low) / 2 or 1.0
        low, high = low - margin, high + margin
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * 0.999)
    return [step * index for index in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten around the values, at most six."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = math.ceil((last - first) / 5)
    return [10.0**power for power in range(first, last + every, every)]


def _label(value: float) -> str:
    """Return a number short enough for an axis."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, power = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _colour(index: int, count: int) -> str:
    """Return a colour of its own for each of a few loops, steps of one ramp for many."""
    if count <= _COLOURS:
        return f"var(--line-{index + 1})"
    return f"color-mix(in oklab, var(--line-2) {100 * index / (count - 1):.0f}%, var(--line-1))"
