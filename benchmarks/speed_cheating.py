"""Does the network look at speed, or at what goes along with it? Fourteen checks, each with its figure and its limit.

    uv run python benchmarks/speed_cheating.py [--model RUN] [--pairs 60] [--only 1 4 10]

Drawn scenes are rendered at 240 frames a second where a check says so; both classes are then thinned out. The limits
are those of the method notes. Check 11 trains, on labels that were shuffled and, as a control, on true ones; check 12
is the table of `speed_held_out.py`.
"""

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt.drawn.motion import KINDS, Scene, scene
from gestalt.media.recode import recoded
from gestalt.media.video_info import SRGB, VideoInfo
from gestalt.metrics.detection import auroc
from gestalt.tasks.speed import adapt, model, training
from gestalt.tasks.speed.clips import NORMAL, SPED_UP, Drawn, Pair
from gestalt.tasks.speed.config import Adapt, Train
from gestalt.tasks.speed.curve import FACTORS
from gestalt.tasks.speed.footage import RATE, with_cuts
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.nulls import amount, amounts, best_threshold, ranked_right, told_right
from gestalt.tasks.speed.scores import as_clip, even_factors, score

Clip = NDArray[np.uint8]
SIDE = 48
FIRST = 700_000
"""Seed of the first scene: none was trained on."""


class Asked:
    """A model, and how many scenes of each kind it is asked about."""

    def __init__(self, given: Model, pairs: int) -> None:
        self.net, self.frames, self.pairs = given.net, given.settings.frames, pairs

    @torch.inference_mode()
    def logit(self, clip: Clip) -> float:
        """Of one clip, (T, H, W, 3)."""
        return float(self.net(as_clip(list(clip), self.net)))

    def scenes(self, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[tuple[Scene, float]]:
        """A few of every kind, and when to begin."""
        for n in range(max(1, self.pairs // len(kinds))):
            for k, kind in enumerate(kinds):
                chance = np.random.default_rng((FIRST, n, k))
                yield scene(kind, FIRST + 97 * n + k, spread=0.25), float(chance.uniform(0, 10))

    def at(self, given: Scene, begin: float, factor: float, **how: float) -> Clip:
        """A scene at a speed, evenly sampled."""
        times = begin + np.arange(self.frames) * factor / RATE
        return given.frames(times, int(how.pop("side", SIDE)), take=int(how.pop("take", 0)), **how)


def still_with_noise(asked: Asked) -> tuple[str, bool]:
    """1. A still picture with codec noise, 1x and 2x: AUC .50 +- .03."""
    chance, said = np.random.default_rng(0), []
    for given, begin in list(asked.scenes()) * 4:
        frame = given.frames([begin], SIDE)
        long = np.repeat(frame, 2 * asked.frames, 0).astype(float) + chance.normal(
            0, 3, (2 * asked.frames, *frame[0].shape)
        )
        clip = recoded(np.clip(long, 0, 255).astype(np.uint8), quality=28, key_every=12)
        said.append((asked.logit(clip[: asked.frames]), asked.logit(clip[::2])))
    scores = np.array(said)
    area = auroc(scores.T.ravel(), np.repeat([False, True], len(scores)))
    return f"AUC {area:.3f} of {len(scores)} pairs", abs(area - 0.5) <= 0.03


def repeated(asked: Asked) -> tuple[str, bool]:
    """2. One frame repeated: the same logit for any class."""
    apart = [
        abs(asked.logit(np.repeat(frame, asked.frames, 0)) - asked.logit(np.repeat(frame, 2 * asked.frames, 0)))
        for frame in (given.frames([begin], SIDE) for given, begin in asked.scenes())
    ]
    return f"largest difference {max(apart):.1e}", max(apart) < 1e-3


def pairs_of(asked: Asked, make: Callable[[Scene, float, float, int], Clip]) -> NDArray[np.float64]:
    """(N, 2) logits at factors of the classes' middles."""
    factors = (float(np.mean(NORMAL)), float(np.mean(SPED_UP)))
    return np.array(
        [
            [asked.logit(make(given, begin, factor, take)) for take, factor in enumerate(factors)]
            for given, begin in asked.scenes()
        ]
    )


def accuracy(said: NDArray[np.float64]) -> float:
    """Of both classes."""
    return float(((said[:, 0] < 0).mean() + (said[:, 1] > 0).mean()) / 2)


def double_decimation(asked: Asked) -> tuple[str, bool]:
    """3. Both classes thinned out from 240 frames a second: at most 5 points lower than clips as in training."""
    source = Drawn(tuple(KINDS), spread=0.25)
    usual = np.mean(
        [
            training.told_apart(
                asked.net, source.of(kind), count=max(8, asked.pairs // len(KINDS)), frames=asked.frames, side=SIDE
            ).accuracy
            for kind in KINDS
        ]
    )

    def thinned(given: Scene, begin: float, factor: float, take: int) -> Clip:
        times = begin + np.arange(int(asked.frames * factor * 240 / RATE) + 2) / 240
        frames = given.frames(times, SIDE, shutter=1.0, take=take)  # exposed for 1/240 s whatever the class
        kept = np.rint(np.arange(asked.frames) * factor * 240 / RATE).astype(int)
        return frames[kept]

    thin = accuracy(pairs_of(asked, thinned))
    return f"{thin:.3f}, as in training {usual:.3f}", bool(thin >= usual - 0.05)


def shuffled(asked: Asked) -> tuple[str, bool]:
    """4. Frames shuffled: AUC, and pairs ranked right, at most .55 (at 0 as the threshold all may be of one class)."""
    chance = np.random.default_rng(1)

    moved = []

    def make(given: Scene, begin: float, factor: float, take: int) -> Clip:
        clip = asked.at(given, begin, factor, take=take, shutter=0.5)[chance.permutation(asked.frames)]
        moved.append(amount(clip))
        return clip

    said = pairs_of(asked, make)
    area, ranked = auroc(said.T.ravel(), np.repeat([False, True], len(said))), ranked_right(said)
    by_change = ranked_right(np.array(moved).reshape(-1, 2))
    told = f"AUC {area:.3f}, ranked right {ranked:.3f} (by change {by_change:.3f}) of {len(said)} pairs"
    return f"{told}; {(said > 0).mean():.1%} of the clips are called sped-up", max(area, ranked) <= 0.55


def reduced(frames: Clip, side: int) -> Clip:
    """Square frames as they are looked at, of a whole number of pixels to one."""
    every = frames.shape[1] // side
    return frames.reshape(len(frames), side, every, side, every, 3).mean((2, 4)).round().astype(np.uint8)


def coded_again(asked: Asked) -> tuple[str, bool]:
    """5. Re-encoded (192 px) at CRF 18, 28, 35 and GOP 12, 250: median change of the logit below .2."""
    apart: dict[str, list[float]] = {}
    for given, begin in asked.scenes():
        for factor in (1.1, 1.95):
            clip = asked.at(given, begin, factor, shutter=0.5, side=4 * SIDE)
            plain = asked.logit(reduced(clip, SIDE))
            for quality in (18, 28, 35):
                for keys in (12, 250):
                    again = asked.logit(reduced(recoded(clip, quality=quality, key_every=keys), SIDE))
                    apart.setdefault(f"{quality}/{keys}", []).append(abs(again - plain))
    medians = {name: float(np.median(values)) for name, values in apart.items()}
    told = ", ".join(f"{name} {value:.2f}" for name, value in medians.items())
    return f"median change {told}", max(medians.values()) < 0.2


def zoomed(asked: Asked) -> tuple[str, bool]:
    """6. The same clip at half to twice the size in pixels: less than 10 % of the answers turn."""
    sides = (24, 34, 40, 68, 96)
    turned = np.array(
        [
            [(asked.logit(asked.at(given, begin, factor, side=side, shutter=0.5)) > 0) != usual for side in sides]
            for given, begin in asked.scenes()
            for factor in (1.1, 1.95)
            for usual in (asked.logit(asked.at(given, begin, factor, shutter=0.5)) > 0,)
        ]
    )
    told = ", ".join(f"{side} px {part:.1%}" for side, part in zip(sides, turned.mean(0), strict=True))
    return f"of those at {SIDE} px turn at {told}", float(turned.mean()) < 0.1


def blurred(asked: Asked) -> tuple[str, bool]:
    """7. Shutter from 0 to all of the time between frames: correlation with the logit below .1, within scenes too."""
    shutters = np.linspace(0, 1, 5)
    rows = []
    for given, begin in asked.scenes():
        for factor in (1.1, 1.95):
            said = np.array([asked.logit(asked.at(given, begin, factor, shutter=float(s))) for s in shutters])
            rows.append(said)
    table = np.array(rows)
    overall = float(np.corrcoef(np.tile(shutters, len(table)), table.ravel())[0, 1])
    within = float(np.mean([np.corrcoef(shutters, row)[0, 1] if np.ptp(row) else 0.0 for row in table]))
    told = f"correlation over all {overall:+.3f}, within scenes {within:+.3f} (mean of {len(table)})"
    return told, max(abs(overall), abs(within)) < 0.1


def reversed_time(asked: Asked) -> tuple[str, bool]:
    """8. Periodic motion backwards: the logit changes little (median below .5)."""
    apart = [
        abs(asked.logit(clip) - asked.logit(clip[::-1]))
        for given, begin in asked.scenes(("pendulum", "swing", "rope", "roll", "flag"))
        for clip in (asked.at(given, begin, 1.1, shutter=0.0),)
    ]
    return f"median change {np.median(apart):.2f}", float(np.median(apart)) < 0.5


def beyond_magnitude(asked: Asked) -> tuple[str, bool]:
    """9. Ten points above the amount of change, with the best threshold of other scenes."""
    source, count = Drawn(tuple(KINDS), spread=0.25), max(60, asked.pairs)
    threshold = best_threshold(amounts(source, count=200, frames=asked.frames, side=SIDE, first=1000))
    moved = amounts(source, count=count, frames=asked.frames, side=SIDE)
    by_change = told_right(moved, threshold)
    found = training.told_apart(asked.net, source, count=count, frames=asked.frames, side=SIDE).accuracy
    return f"{found:.3f} and {by_change:.3f}", found >= by_change + 0.1


def response(asked: Asked) -> tuple[str, bool]:
    """10. The chance of sped-up grows with the factor on average and crosses a half between 1.2 and 1.7."""
    factors = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0])
    said = np.array(
        [
            [asked.logit(asked.at(given, begin, float(f), shutter=0.5)) for f in factors]
            for given, begin in asked.scenes()
        ]
    )
    means = (1 / (1 + np.exp(-said))).mean(0)
    first = int(np.argmax(means > 0.5))
    crossing = float(np.interp(0.5, means[first - 1 : first + 1], factors[first - 1 : first + 1]))
    told = " ".join(f"{f:g}:{m:.2f}" for f, m in zip(factors, means, strict=True))
    return f"{told}; crosses at {crossing:.2f}", bool((np.diff(means) > -0.01).all()) and 1.2 <= crossing <= 1.7


class Shuffled(Drawn):
    """Pairs whose clips change places half of the time: labels that mean nothing."""

    def pair(self, number: int, count: int, side: int) -> Pair:
        """See `Drawn`."""
        one, other = super().pair(number, count, side)
        return Pair(other, one) if np.random.default_rng((number, 23)).random() < 0.5 else Pair(one, other)


def shuffled_labels(_: Asked) -> tuple[str, bool]:
    """11. Trained on shuffled labels: 50 +- 15 % ranked right (1,200 steps of 8 pairs); on true ones more."""
    settings = Train(steps=1200, frames=16, most=32)
    meaningless, true = (
        training.told_apart(
            training.fit(source, settings, seed=0, device=torch.device("cpu")),
            Drawn(tuple(KINDS)),
            count=300,
            frames=16,
            side=32,
        )
        for source in (Shuffled(tuple(KINDS)), Drawn(tuple(KINDS)))
    )
    told = "; ".join(
        f"{name} labels: accuracy {found.accuracy:.3f}, ranked right {found.ranked:.3f}"
        for name, found in (("shuffled", meaningless), ("true", true))
    )
    return told, abs(meaningless.ranked - 0.5) <= 0.15 < true.ranked - 0.5


def of_rate(rate: int) -> VideoInfo:
    """What is known of a file of a frame rate."""
    return VideoInfo(SIDE, SIDE, None, None, Fraction(rate), False, 0, False, Fraction(1), False, SRGB)


def any_frame_rate(asked: Asked) -> tuple[str, bool]:
    """13. Files of 24, 30, 50, 60 frames a second: the same curve in seconds as of 25 (correlation above .9)."""
    curves: dict[int, list[NDArray[np.float64]]] = {}
    for given, begin in asked.scenes():
        for rate in (25, 24, 30, 50, 60):
            frames = given.frames(begin + np.arange(4 * rate) / rate, SIDE, shutter=0.3 * rate / 25)
            pictures = with_cuts((frames[n], n / rate) for n in range(len(frames)))
            factors = even_factors(FACTORS[:6], of_rate(rate))
            found = score(pictures, asked.net, factors=factors, window=asked.frames)
            at = np.arange(0.5, 3.5, 0.1)
            said = (found.at(1.0) + found.at(2.0)) / 2
            curves.setdefault(rate, []).append(np.interp(at, found.times[:-1], said))
    usual = np.concatenate(curves.pop(25))
    alike = {rate: float(np.corrcoef(usual, np.concatenate(some))[0, 1]) for rate, some in curves.items()}
    shifts = {rate: float(np.median(np.concatenate(some) - usual)) for rate, some in curves.items()}
    told = ", ".join(f"{rate}: {alike[rate]:.2f} ({shifts[rate]:+.2f})" for rate in alike)
    return f"{told}; in brackets the median shift, of logits that vary by {usual.std():.2f}", min(alike.values()) > 0.9


def spliced(asked: Asked) -> tuple[str, bool]:
    """14. 1x, half speed, 1x of 5, 10 and 5 s: adaptive speed about twice as high in the middle; the duration exact."""
    ratios, errors = [], []
    for given, begin in asked.scenes():
        middle = begin + 5 + np.arange(250) * 0.02
        times = np.concatenate([begin + np.arange(125) * 0.04, middle, begin + 10 + np.arange(125) * 0.04])
        frames = given.frames(times, SIDE, shutter=0.5)
        found = score(
            with_cuts((frames[n], n * 0.04) for n in range(len(frames))),
            asked.net,
            factors=FACTORS,
            window=asked.frames,
        )
        plan = adapt.planned_times(found, Adapt())
        speed = np.log(plan.speed)
        ratios.append(float(np.exp(speed[125:375].mean() - np.r_[speed[:125], speed[375:]].mean())))
        errors.append(abs(plan.shown_s[-1] - plan.source_s[-1] / 2) * 25)
    low, mid, high = np.quantile(ratios, [0.1, 0.5, 0.9])
    told = f"ratio {mid:.2f} (10 % {low:.2f}, 90 % {high:.2f}), duration off by {max(errors):.1e} frames"
    return told, 1.5 <= mid <= 2.5 and max(errors) < 1


def maps(asked: Asked) -> tuple[str, bool]:
    """Map: the left half of a scene at 1x and its right half at half speed, side by side: AUC of moving cells .8."""
    from gestalt.tasks.speed.config import Map
    from gestalt.tasks.speed.maps import FASTER, looked

    areas = []
    for given, begin in asked.scenes():
        times = np.arange(150) * 0.04
        halves = [given.frames(begin + times * factor, 96, shutter=0.5) for factor in (1.0, 0.5)]
        frames = np.concatenate(halves, 2)
        found = looked(
            with_cuts((frames[n], float(times[n])) for n in range(150)),
            asked.net,
            Map(),
            even_factors(FASTER, of_rate(25)),
        )
        truth = np.broadcast_to(np.arange(found.slowed.shape[2]) >= found.slowed.shape[2] / 2, found.slowed.shape)
        inside = found.moving
        if truth[inside].any() and not truth[inside].all():
            areas.append(auroc(found.slowed[inside], truth[inside]))
    return f"AUC {np.median(areas):.3f} (median of {len(areas)} scenes, mean {np.mean(areas):.3f})", float(
        np.median(areas)
    ) >= 0.8


CHECKS: dict[str, Callable[[Asked], tuple[str, bool]]] = {
    "1": still_with_noise,
    "2": repeated,
    "3": double_decimation,
    "4": shuffled,
    "5": coded_again,
    "6": zoomed,
    "7": blurred,
    "8": reversed_time,
    "9": beyond_magnitude,
    "10": response,
    "11": shuffled_labels,
    "13": any_frame_rate,
    "14": spliced,
    "map": maps,
}


def main() -> None:
    """One row a check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--pairs", type=int, default=65)
    parser.add_argument("--only", nargs="+", default=[*CHECKS])
    given = parser.parse_args()
    asked = Asked(model.wanted(given.model, "cpu"), given.pairs)
    print("| check | figure | limit kept |\n|---|---|---|")
    for name in given.only:
        told, is_kept = CHECKS[name](asked)
        what = (CHECKS[name].__doc__ or "").strip()
        print(f"| {what} | {told} | {'yes' if is_kept else 'NO'} |", flush=True)


if __name__ == "__main__":
    main()
