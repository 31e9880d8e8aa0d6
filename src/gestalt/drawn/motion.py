"""Moving things under gravity, drawn at any moment: clips at any rate without a codec, a camera or interpolation.

A scene is one of `KINDS`, in three families by what moves it,

    swinging    pendulum, swing, chain, rope, door       back and forth, in time with the root of length over gravity
    ballistic   bounce, throw, jump, juggle              thrown and falling
    cyclic      gait, roll, flag, hammer                 the same again and again, driven

and its laws of motion are in metres and seconds, without end: nothing visible jumps, and velocities do so only where
things touch, when a ball is caught or struck, a foot lands or a door is pushed. How large a metre looks is
exp(N(0, spread^2)) times what is usual for the kind, so how fast a thing should look is known only up to the root of
that: with t the time scale and L the size, t ~ sqrt(L / g), and twice the speed looks like the usual speed of what is
four times as large. Whoever tells 1x from 2x by gravity alone is therefore right at most in Phi(ln 2 / spread) of the
cases (`ceiling`).

Shutter and camera shake belong to the film, not to the world: the shutter is open for a part of the time from frame to
frame, and the hand shakes from frame to frame, whatever the speed of the scene.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bars = list[tuple[Floats, Floats, Floats, Floats, float, int]]
"""Ends (x, y) and (x', y') in metres, x to the right and y up, at all moments; radius in metres; number of the colour.
Later ones lie in front."""

GRAVITY = 9.81
SUBFRAMES = 5
"""Moments that are averaged over the time the shutter is open."""

Law = Callable[[Floats], Bars]


@dataclass(frozen=True)
class Scene:
    """One drawn scene; `scene` makes it.

    kind: one of `KINDS`.
    law: what is where at given seconds.
    metre: of a metre in the picture, as a part of its side.
    ground: (128, 128, 3) uint8, what is seen behind it.
    colours: (5, 3) in [0, 255].
    noise: deviation of each pixel of each frame, in grey levels.
    seed: of shake and noise.
    """

    kind: str
    law: Law
    metre: float
    ground: NDArray[np.uint8]
    colours: Floats
    noise: float
    seed: int

    def frames(
        self, times: Sequence[float] | Floats, side: int, *, shutter: float = 0.5, shake: float = 0.0, take: int = 0
    ) -> NDArray[np.uint8]:
        """The scene at some moments.

        Args:
            times: (T,) in seconds, growing; frame n is exposed from times[n] on.
            side: of the frames, in pixels.
            shutter: part of the time to the next frame for which the shutter is open, 0 to 1.
            shake: deviation of the camera's place from frame to frame, as a part of the side.
            take: another one has other shake and noise.

        Returns:
            (T, side, side, 3) uint8, sRGB.
        """
        at = np.asarray(times, np.float64)
        gaps = np.diff(at, append=2 * at[-1] - at[-2] if len(at) > 1 else at[-1] + 0.04)
        moments = (at[:, None] + gaps[:, None] * shutter * (np.arange(SUBFRAMES) + 0.5) / SUBFRAMES).ravel()
        chance = _seeded(self.seed, take, 5)
        path = _wandering(chance, len(at)) * shake * side
        bars, scale = self.law(moments), self.metre * side
        ends = np.empty((len(bars), len(moments), 4))
        for n, (x, y, x2, y2, _, _) in enumerate(bars):
            ends[n] = np.stack(np.broadcast_arrays(x, -np.asarray(y), x2, -np.asarray(y2)), -1) * scale + side / 2
        ends += np.repeat(path, SUBFRAMES, 0)[:, [0, 1, 0, 1]]
        radii = np.array([max(bar[4] * scale, 0.6) for bar in bars])
        paint = self.colours[[bar[5] for bar in bars]]
        exact = np.empty((len(at), side, side, 3), np.float32)
        _draw(exact, self.ground.astype(np.float32), path, ends, radii, paint.astype(np.float32))
        exact += self.noise * chance.standard_normal(exact.shape, np.float32)
        return np.clip(np.rint(exact), 0, 255).astype(np.uint8)


def scene(kind: str, seed: int, *, spread: float = 0.25) -> Scene:
    """A scene of a kind; another seed gives other lengths, colours and phases.

    Args:
        kind: one of `KINDS`.
        seed: of all chance.
        spread: deviation of the logarithm of how large a metre looks.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no motion {kind!r}: choose {', '.join(KINDS)}")
    chance = _seeded(seed, [*KINDS].index(kind))
    law, extent = KINDS[kind](chance)
    metre = float(np.exp(spread * chance.standard_normal()) / extent)
    left, up = 0.08 * extent * chance.standard_normal(2)
    mirror, start = (1 if chance.random() < 0.5 else -1), 100 * chance.random()

    def placed(t: Floats) -> Bars:
        return [(mirror * x + left, y + up, mirror * x2 + left, y2 + up, r, c) for x, y, x2, y2, r, c in law(t + start)]

    ground, colours = _looks(chance)
    return Scene(kind, placed, metre, ground, colours, float(chance.uniform(0, 4)), seed)


def ceiling(spread: float, factor: float = 2.0) -> float:
    """How often 1x and `factor` can be told apart at most, at a spread of how large a metre looks."""
    return 0.5 * (1 + math.erf(math.log(factor) / spread / math.sqrt(2))) if spread else 1.0


# -- swinging ----------------------------------------------------------------------------------------------

_Chance = np.random.Generator


def _pendulum(chance: _Chance) -> tuple[Law, float]:
    length, angle = 1.0 * _about(chance), chance.uniform(0.3, 1.0)
    pace = math.sqrt(GRAVITY / length) * (1 - angle**2 / 16)

    def law(t: Floats) -> Bars:
        turn = angle * np.cos(pace * t)
        x, y = length * np.sin(turn), 0.5 - length * np.cos(turn)
        return [(_still(t, 0), _still(t, 0.5), x, y, 0.015, 1), (x, y, x, y, 0.13, 0)]

    return law, 2.4


def _swing(chance: _Chance) -> tuple[Law, float]:
    length, angle = 2.0 * _about(chance), chance.uniform(0.3, 0.9)
    pace = math.sqrt(GRAVITY / length) * (1 - angle**2 / 16)

    def law(t: Floats) -> Bars:
        turn = angle * np.cos(pace * t)
        s, c = np.sin(turn), np.cos(turn)
        x, y = length * s, 1.1 - length * c
        legs = 0.5 + 0.5 * np.sin(pace * t)  # stretched forwards, bent backwards
        knee_x, knee_y = x + 0.4 * c, y + 0.4 * s
        top = _still(t, 1.1)
        return [
            (_still(t, -1.4), _still(t, 1.1), _still(t, 1.4), top, 0.04, 1),
            (_still(t, 0), top, x, y, 0.02, 1),
            (x, y, x - 0.55 * s, y + 0.55 * c, 0.12, 0),
            (x - 0.75 * s, y + 0.75 * c, x - 0.75 * s, y + 0.75 * c, 0.11, 2),
            (x, y, knee_x, knee_y, 0.08, 0),
            (knee_x, knee_y, knee_x + 0.4 * legs * c, knee_y - 0.4 * (1 - legs), 0.06, 2),
        ]

    return law, 4.2


def _chain(chance: _Chance) -> tuple[Law, float]:
    length, links = 1.2 * _about(chance), 7
    first, second = chance.uniform(0.12, 0.3), chance.uniform(0.03, 0.1)
    phase = chance.uniform(0, math.tau)
    pace = math.sqrt(GRAVITY / length)

    def law(t: Floats) -> Bars:
        # The hanging chain's two slowest ways to swing have 1.20 and 2.76 times the pace.
        depth = np.linspace(0, 1, links + 1)
        shape = np.outer(depth**1.5, first * np.cos(1.203 * pace * t))
        shape += np.outer(np.sin(1.6 * math.pi * depth), second * np.cos(2.76 * pace * t + phase))
        x, y = length * shape, 0.6 - length * depth[:, None] + _still(t, 0)
        return [(x[n], y[n], x[n + 1], y[n + 1], 0.045, n % 2) for n in range(links)]

    return law, 1.9


def _rope(chance: _Chance) -> tuple[Law, float]:
    reach, half, points = 0.85 * _about(chance), 1.3, 9
    pace = chance.uniform(2.4, 3.2) * math.sqrt(GRAVITY / reach)

    def law(t: Floats) -> Bars:
        along = np.linspace(-1, 1, points)
        x, y = half * along[:, None] + _still(t, 0), np.outer(1 - along**2, reach * np.sin(pace * t))
        rope: Bars = [(x[n], y[n], x[n + 1], y[n + 1], 0.03, 0) for n in range(points - 1)]
        for sign in (-1, 1):
            side = _still(t, sign * (half + 0.15))
            rope += [(side, _still(t, -0.9), side, _still(t, 0.45), 0.12, 1)]
            rope += [(side, _still(t, 0.15), _still(t, sign * half), 0.1 * np.sin(pace * t), 0.05, 2)]
        return rope

    return law, 3.6


def _door(chance: _Chance) -> tuple[Law, float]:
    width, high = 0.9 * _about(chance), 1.1
    angle, dying = chance.uniform(0.8, 1.3), chance.uniform(0.05, 0.2)
    pace = 1.2 * math.sqrt(GRAVITY / width)
    lasts = math.tau * 4 / pace
    first = angle * math.exp(dying * math.tau / 4 / pace)  # so that it first comes to rest about there

    def law(t: Floats) -> Bars:
        since = t % lasts  # it swings on its own, and is pushed again as it passes the middle
        turn = first * np.exp(-dying * since) * np.sin(pace * since)
        end, lift = -0.45 + width * np.cos(turn), 0.25 * width * np.sin(turn)  # nearer sides look higher
        hinge = _still(t, -0.45)
        bars: Bars = [(hinge, _still(t, -0.7), hinge, _still(t, 0.7), 0.05, 1)]
        for share in np.linspace(-0.5, 0.5, 5):
            bars.append((hinge, _still(t, share * high), end, share * (high + 2 * lift), 0.09, 0))
        return [*bars, (end, -0.5 * (high + 2 * lift), end, 0.5 * (high + 2 * lift), 0.05, 2)]

    return law, 2.2


# -- ballistic ---------------------------------------------------------------------------------------------


def _bounce(chance: _Chance) -> tuple[Law, float]:
    drop, springy = 1.1 * _about(chance), chance.uniform(0.75, 0.9)
    radius, drift = 0.14 * _about(chance), chance.uniform(-0.25, 0.25)
    falls = math.sqrt(2 * drop / GRAVITY)
    rises = math.sqrt(2 * GRAVITY * drop) * springy ** np.arange(5)
    begins = np.concatenate([[0], np.cumsum(2 * rises / GRAVITY)])
    lasts = begins[-1]
    far = drift * lasts / 2
    # After the last of its bounces the bat strikes, which turns into springy * (its fall + strike) + strike.
    strike, pace = (rises[0] - springy * rises[-1]) / (1 + springy), math.pi / (0.6 * falls)

    def law(t: Floats) -> Bars:
        since = t % lasts
        nth = np.searchsorted(begins[1:-1], since, side="right")
        after = since - begins[nth]
        y = rises[nth] * after - GRAVITY * after**2 / 2 - 0.6 + radius
        x = np.where((t // lasts) % 2 == 0, far, -far) * (2 * since / lasts - 1)
        swung = np.clip(pace * np.where(since < lasts / 2, since, since - lasts), -math.pi, math.pi)
        bat = strike / pace * np.sin(swung) * np.cos(swung / 2) ** 2 - 0.65
        floor, wide = _still(t, -0.65), abs(far) + radius + 0.1
        return [
            (_still(t, -2), floor, _still(t, 2), floor, 0.05, 1),
            (_still(t, -wide), bat, _still(t, wide), bat, 0.05, 2),
            (x, y, x, y, radius, 0),
        ]

    return law, 1.9


def _throw(chance: _Chance) -> tuple[Law, float]:
    rise, far = 1.4 * _about(chance), 2.4 * _about(chance)
    up = math.sqrt(2 * GRAVITY * rise)
    flies, waits, spin = 2 * up / GRAVITY, chance.uniform(0.1, 0.3), chance.uniform(2, 8)
    dip = up * waits / math.pi  # half a wave that ends at the speed it began with, upwards

    def law(t: Floats) -> Bars:
        cycle = flies + waits
        since, way = t % cycle, np.where((t // cycle) % 2 == 0, 1.0, -1.0)  # there and back
        after, held = np.minimum(since, flies), np.maximum(since - flies, 0)
        lowered = dip * np.sin(math.pi * held / waits)
        x, y = way * far * (after / flies - 0.5), up * after - GRAVITY * after**2 / 2 - 0.8 - lowered
        turn = spin * np.where(way > 0, after, flies - after)
        c, s = 0.22 * np.cos(turn), 0.22 * np.sin(turn)
        posts: Bars = []
        for side in (-1, 1):
            at = _still(t, side * far / 2)
            posts.append((at, _still(t, -1.5), at, np.where(way == side, -0.8 - lowered, -0.8), 0.12, 1))
        return [*posts, (x - c, y - s, x + c, y + s, 0.07, 0), (x + c, y + s, x + c, y + s, 0.1, 2)]

    return law, 3.6


def _jump(chance: _Chance) -> tuple[Law, float]:
    high, leg = 0.4 * _about(chance), 0.9
    up = math.sqrt(2 * GRAVITY * high)
    flies = 2 * up / GRAVITY
    rests = min(flies * chance.uniform(0.7, 1.1), 0.5 * math.pi / up)  # going down by half a metre at most
    dip = up * rests / math.pi  # half a wave that leaves the ground at the speed it came with

    def law(t: Floats) -> Bars:
        since = t % (flies + rests)
        is_up, down = since < flies, since - flies
        hip = np.where(is_up, up * since - GRAVITY * since**2 / 2, -dip * np.sin(math.pi * down / rests))
        hip = hip + leg - 1.0
        foot = np.where(is_up, hip - leg, -1.0)
        knee = (hip + foot) / 2
        bend = np.sqrt((1.03 * leg / 2) ** 2 - ((hip - foot) / 2) ** 2)  # never quite straight, so no knee snaps
        arm = 0.5 * np.sin(math.tau * since / (flies + rests))
        x = _still(t, 0)
        return [
            (_still(t, -2), _still(t, -1.1), _still(t, 2), _still(t, -1.1), 0.06, 1),
            (x, foot, x + bend, knee, 0.07, 1),
            (x + bend, knee, x, hip, 0.08, 1),
            (x, hip, x, hip + 0.6, 0.13, 0),
            (x, hip + 0.5, x + 0.45 * np.cos(arm), hip + 0.5 + 0.45 * np.sin(arm), 0.05, 2),
            (x, hip + 0.85, x, hip + 0.85, 0.12, 2),
        ]

    return law, 3.0


def _juggle(chance: _Chance) -> tuple[Law, float]:
    high, apart, balls = 0.8 * _about(chance), 0.5, 3
    up = math.sqrt(2 * GRAVITY * high)
    flies = 2 * up / GRAVITY
    holds = flies * chance.uniform(0.4, 0.6)

    def law(t: Floats) -> Bars:
        bars: Bars = []
        cycle = flies + holds
        for side in (-1, 1):
            wave = math.tau * t / cycle * balls / 2 + (0 if side < 0 else math.pi)
            hand = side * apart / 2 + 0.08 * np.cos(wave), -0.55 + 0.08 * np.sin(wave)
            bars.append((_still(t, side * 0.35), _still(t, -0.9), *hand, 0.06, 1))
        for ball in range(balls):
            since = t + ball * 2 * cycle / balls
            side = np.where((since // cycle) % 2 == 0, -1, 1)
            after = since % cycle
            is_up = after < flies
            share = np.where(is_up, after / flies, 1.0)
            y = np.where(is_up, up * after - GRAVITY * after**2 / 2, -0.1 * np.sin(math.pi * (after - flies) / holds))
            x = side * apart / 2 * (1 - 2 * share)
            bars.append((x, y - 0.5, x, y - 0.5, 0.07, (0, 2, 3)[ball]))
        return bars

    return law, 2.0


# -- cyclic ------------------------------------------------------------------------------------------------


def _gait(chance: _Chance) -> tuple[Law, float]:
    leg = 0.9 * _about(chance)
    speed = math.sqrt(chance.uniform(0.15, 0.35) * GRAVITY * leg)  # Froude numbers of walking
    stride = 2 * 0.75 * leg
    pace, swing = math.tau * speed / stride, 0.45
    far, bow = 1.3, 0.5  # there, half a circle, and back

    def law(t: Floats) -> Bars:
        gone = (speed * t) % (4 * far + math.tau * bow)
        there, back = (np.clip(gone - n * (2 * far + math.pi * bow), 0, 2 * far) for n in (0, 1))
        turn, again = (np.clip((gone - 2 * far) / bow - n * (2 * far / bow + math.pi), 0, math.pi) for n in (0, 1))
        middle = there - back - far + bow * (np.sin(turn) - np.sin(again))
        along, across = np.cos(turn + again), np.sin(turn + again)
        bob = 0.03 * np.cos(2 * pace * t)
        hip = leg - 0.9 + bob
        bars: Bars = [(_still(t, -4), _still(t, -0.98), _still(t, 4), _still(t, -0.98), 0.06, 3)]
        for phase, colour, side in ((math.pi, 2, -0.07), (0.0, 1, 0.07)):
            x = middle + side * across
            thigh = swing * np.sin(pace * t + phase)
            bend = 0.6 * np.clip(np.cos(pace * t + phase), 0, None) ** 2
            knee_x, knee_y = x + leg / 2 * np.sin(thigh) * along, hip - leg / 2 * np.cos(thigh)
            foot_x = knee_x + leg / 2 * np.sin(thigh - bend) * along
            bars.append((x, hip, knee_x, knee_y, 0.08, colour))
            bars.append((knee_x, knee_y, foot_x, knee_y - leg / 2 * np.cos(thigh - bend), 0.06, colour))
            arm = -0.8 * thigh
            hand_x, hand_y = x + 0.55 * np.sin(arm) * along, hip + 0.5 - 0.55 * np.cos(arm)
            bars.append((x, hip + 0.5, hand_x, hand_y, 0.045, colour))
        bars.append((middle, hip, middle, hip + 0.55, 0.12, 0))
        bars.append((middle, hip + 0.8, middle, hip + 0.8, 0.12, 2))
        return bars

    return law, 3.0


def _roll(chance: _Chance) -> tuple[Law, float]:
    bowl, radius = 1.2 * _about(chance), 0.22 * _about(chance)
    angle = chance.uniform(0.4, 0.9)
    pace = math.sqrt(5 * GRAVITY / (7 * (bowl - radius))) * (1 - angle**2 / 16)

    def law(t: Floats) -> Bars:
        turn = angle * np.cos(pace * t)
        x, y = (bowl - radius) * np.sin(turn), 0.7 - (bowl - radius) * np.cos(turn)
        spin = -(bowl - radius) / radius * turn
        bars: Bars = []
        edge = np.linspace(-1.2, 1.2, 9)
        x0, y0 = (bowl + 0.05) * np.sin(edge), 0.7 - (bowl + 0.05) * np.cos(edge)
        ends = [(_still(t, float(x0[n])), _still(t, float(y0[n]))) for n in range(len(edge))]
        bars += [(*first, *last, 0.05, 1) for first, last in itertools.pairwise(ends)]
        bars.append((x, y, x, y, radius, 0))
        for spoke in (0.0, math.pi / 2):
            c, s = 0.7 * radius * np.cos(spin + spoke), 0.7 * radius * np.sin(spin + spoke)
            bars.append((x - c, y - s, x + c, y + s, 0.03, 2))
        return bars

    return law, 2.6


def _flag(chance: _Chance) -> tuple[Law, float]:
    length, points = 1.2 * _about(chance), 8
    pace = chance.uniform(2.2, 3.0) * math.sqrt(GRAVITY / length)
    waves, high = chance.uniform(0.9, 1.3), chance.uniform(0.1, 0.18)

    def law(t: Floats) -> Bars:
        along = np.linspace(0, 1, points + 1)[:, None]
        y = high * length * along * np.sin(math.tau * waves * along - pace * t)
        x = -0.6 + length * along + _still(t, 0)
        bars: Bars = [(_still(t, -0.6), _still(t, -1.0), _still(t, -0.6), _still(t, 0.7), 0.04, 1)]
        for row in range(4):
            drop = 0.5 - 0.18 * row
            bars += [(x[n], y[n] + drop, x[n + 1], y[n + 1] + drop, 0.1, (0, 2)[row % 2]) for n in range(points)]
        return bars

    return law, 2.4


def _hammer(chance: _Chance) -> tuple[Law, float]:
    arm = 0.75 * _about(chance)
    high = chance.uniform(1.0, 1.5)
    falls = math.sqrt(2 * high * arm / (3 * GRAVITY))  # driven down with three times gravity
    lifts, rests = falls * chance.uniform(2.5, 3.5), falls * chance.uniform(0.2, 0.6)

    def law(t: Floats) -> Bars:
        since = t % (lifts + falls + rests)
        lifted = high * 0.5 * (1 - np.cos(math.pi * np.clip(since / lifts, 0, 1)))
        fallen = high * np.clip((since - lifts) / falls, 0, 1) ** 2
        turn = lifted - fallen
        c, s = np.cos(turn), np.sin(turn)
        x, y = -0.4 + arm * c, -0.25 + arm * s
        return [
            (_still(t, -0.4), _still(t, -0.9), _still(t, -0.4), _still(t, -0.25), 0.12, 1),
            (_still(t, arm - 0.75), _still(t, -0.45), _still(t, arm - 0.05), _still(t, -0.45), 0.1, 3),
            (_still(t, -0.4), _still(t, -0.25), x, y, 0.05, 0),
            (x - 0.16 * s, y + 0.16 * c, x + 0.12 * s, y - 0.12 * c, 0.08, 2),
        ]

    return law, 2.0


FAMILIES: Mapping[str, tuple[str, ...]] = {
    "swinging": ("pendulum", "swing", "chain", "rope", "door"),
    "ballistic": ("bounce", "throw", "jump", "juggle"),
    "cyclic": ("gait", "roll", "flag", "hammer"),
}

KINDS: Mapping[str, Callable[[_Chance], tuple[Law, float]]] = {
    "pendulum": _pendulum,
    "swing": _swing,
    "chain": _chain,
    "rope": _rope,
    "door": _door,
    "bounce": _bounce,
    "throw": _throw,
    "jump": _jump,
    "juggle": _juggle,
    "gait": _gait,
    "roll": _roll,
    "flag": _flag,
    "hammer": _hammer,
}
"""Of each, given chance, its laws of motion and how many metres across are usually seen."""


# -- looks -------------------------------------------------------------------------------------------------


def _seeded(*numbers: int) -> _Chance:
    return np.random.default_rng((len(numbers), *numbers))


def _about(chance: _Chance) -> float:
    """A length near 1, by which things of one kind differ."""
    return float(np.exp(0.08 * chance.standard_normal()))


def _still(t: Floats, value: float) -> Floats:
    return np.full(len(t), value)


def _wandering(chance: _Chance, count: int) -> Floats:
    """(count, 2) a smooth way around 0, of deviation 1."""
    n = np.arange(count)[:, None]
    pace, phase = chance.uniform(0.15, 0.9, (3, 2)), chance.uniform(0, math.tau, (3, 2))
    return np.stack([np.sin(pace[k] * n + phase[k]) for k in range(3)]).sum(0) * math.sqrt(2 / 3)


def _looks(chance: _Chance) -> tuple[NDArray[np.uint8], Floats]:
    """A ground, and colours that stand out from it."""
    base = chance.uniform(40, 215, 3)
    side, rough = 128, np.zeros((128, 128, 3))
    for cells in (4, 11, 29):
        field = chance.uniform(-1, 1, (cells, cells, 1)) + 0.3 * chance.uniform(-1, 1, (cells, cells, 3))
        at = np.linspace(0, cells - 1.001, side)
        low, part = at.astype(int), (at - at.astype(int))[:, None, None]
        rows = field[low] * (1 - part) + field[low + 1] * part
        part = part[None, :, 0]
        rough += (rows[:, low] * (1 - part) + rows[:, low + 1] * part) * chance.uniform(5, 30)
    ground = np.clip(base + rough, 0, 255).astype(np.uint8)
    colours = np.empty((5, 3))
    for n in range(5):
        tries = chance.uniform(0, 255, (8, 3))
        colours[n] = tries[np.abs(tries - base).sum(1).argmax()] if n == 0 else tries[chance.integers(8)]
        if np.abs(colours[n] - base).sum() < 120:
            colours[n] = 255 - base if np.abs(255 - 2 * base).sum() > 120 else base + 90 * np.sign(127 - base)
    return ground, colours


@numba.njit(cache=True, fastmath=True, nogil=True)
def _draw(out, ground, path, ends, radii, colours):  # pragma: no cover - compiled
    """Every frame as the mean of its moments: the ground, moved with the camera, and the bars on it in their order."""
    frames, side = out.shape[0], out.shape[1]
    wide = ground.shape[0]
    moments = ends.shape[1] // frames
    behind = np.empty((side, side, 3), np.float32)  # the ground, which stands still while the shutter is open
    canvas = np.empty((side, side, 3), np.float32)
    for f in range(frames):
        for i in range(side):
            v = (i - path[f, 1]) / side * (wide - 1)
            v = min(max(v, 0.0), wide - 1.001)
            v0 = int(v)
            dv = v - v0
            for j in range(side):
                u = (j - path[f, 0]) / side * (wide - 1)
                u = min(max(u, 0.0), wide - 1.001)
                u0 = int(u)
                du = u - u0
                for c in range(3):
                    upper = ground[v0, u0, c] * (1 - du) + ground[v0, u0 + 1, c] * du
                    lower = ground[v0 + 1, u0, c] * (1 - du) + ground[v0 + 1, u0 + 1, c] * du
                    behind[i, j, c] = upper * (1 - dv) + lower * dv
        out[f] = 0
        for m in range(moments):
            canvas[:] = behind
            for b in range(ends.shape[0]):
                x, y, x2, y2 = ends[b, f * moments + m]
                r = radii[b]
                top, bottom = int(max(0, min(y, y2) - r - 1)), int(min(side, max(y, y2) + r + 2))
                left, right = int(max(0, min(x, x2) - r - 1)), int(min(side, max(x, x2) + r + 2))
                dx, dy = x2 - x, y2 - y
                square = dx * dx + dy * dy + 1e-9
                for i in range(top, bottom):
                    for j in range(left, right):
                        px, py = j + 0.5 - x, i + 0.5 - y
                        share = min(max((px * dx + py * dy) / square, 0.0), 1.0)
                        away = math.sqrt((px - share * dx) ** 2 + (py - share * dy) ** 2) - r
                        cover = min(max(0.5 - away, 0.0), 1.0)
                        if cover > 0:
                            for c in range(3):
                                canvas[i, j, c] += cover * (colours[b, c] - canvas[i, j, c])
            out[f] += canvas
        out[f] /= moments
