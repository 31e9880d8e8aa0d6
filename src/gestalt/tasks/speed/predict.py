"""How sped-up a video looks over time.

The video is read once, in constant memory (`scores`). Speediness is the chance that a moment looks sped-up, 0 to 1, at
the speed the video has; it is not to be trusted as an absolute number on what the network was not trained on: fast real
motion looks sped-up too. With `versions` it is also asked how much faster each moment could go and still look normal;
of the moments of one video, those in slow motion can go fastest.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020.
"""

import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.plot import Line, plot
from gestalt.run.service import NullRun
from gestalt.tasks.speed.config import Predict
from gestalt.tasks.speed.curve import FACTORS, UNSURE, Wanted, wanted
from gestalt.tasks.speed.footage import SLOWEST, Footage, Frame
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.scores import Scores, even_factors, score

Floats = NDArray[np.float64]

OWN = (1.0, FACTORS[3])
"""Versions from which it is known how a video looks at its own speed, where that cannot be looked at evenly itself."""

SAY_EVERY_S = 20.0
"""Seconds of work after which it is said how far it is."""


def make(path: AnyPath, model: Model, settings: Predict, *, run: NullRun = NullRun()) -> Scores:
    """Look at a video and keep what is seen: outputs/speediness.csv and .png, with versions natural.csv and .png.

    Args:
        path: the video.
        model: that is asked.
        settings: of looking.
        run: keeps the results.

    Raises:
        ValueError: the video is missing or damaged.
    """
    began = time.perf_counter()
    found = look(path, model, factors=FACTORS if settings.versions else OWN, side=settings.side or model.side, run=run)
    took = time.perf_counter() - began
    times, sped_up = found.times[:-1], 1 / (1 + np.exp(-found.at(1.0)))
    sure = np.where(found.moving, np.abs(2 * sped_up - 1), 0.0)
    columns = ("time_s", "speediness", "confidence")
    with run.file("speediness.csv", "how sped-up every frame looks, 0 to 1, and how sure that is") as file:
        write_rows(file, columns, times, sped_up, sure)
    shown = np.where(found.moving, sped_up, np.nan)
    curve = plot(
        [Line("speediness", times, shown)],
        x_name="seconds",
        y_name="chance of looking sped-up (gaps: nothing moves; grey: every other shot)",
        y_range=(0.0, 1.0),
        shaded=every_other(found),
    )
    run.image("speediness.png", curve, "how sped-up it looks over time")
    lasts = np.diff(found.times)
    run.measure(
        speediness=float(np.average(sped_up, weights=lasts)),
        looks_sped_up=float(np.average(sped_up > 0.5, weights=lasts)),
        moving=float(np.average(found.moving, weights=lasts)),
        shots=len(found.cuts) + 1,
        frames=len(times),
        duration_s=float(found.times[-1]),
        times_real_time=float(found.times[-1]) / took,
    )
    if settings.versions:
        said = natural(found)
        with run.file("natural.csv", "up to which speed every frame looks normal, and how sure that is") as file:
            write_rows(file, ("time_s", "speed", "confidence"), times, said.speed, said.confidence)
        fastest = plot(
            [Line("natural up to", times, np.where(found.moving, said.speed, np.nan))],
            x_name="seconds",
            y_name="times as fast, up to which it still looks normal (gaps: nothing moves; grey: every other shot)",
            y_range=(FACTORS[0], FACTORS[-1]),
            is_log=True,
            shaded=every_other(found),
        )
        run.image("natural.png", fastest, "up to which speed it looks normal over time")
        run.measure(natural_median=float(np.median(said.speed[found.moving])) if found.moving.any() else 1.0)
    return found


def look(path: AnyPath, model: Model, *, factors: Sequence[float], side: int, run: NullRun = NullRun()) -> Scores:
    """What a network says of a video, told as it goes.

    Args:
        path: the video.
        model: that is asked.
        factors: speeds of the versions, growing; those nearest to them at which frames can be taken evenly are used.
        side: shorter side in pixels of what the network sees.
        run: is told how far it is.

    Raises:
        ValueError: the video is missing or damaged.
    """
    footage = Footage(path, side)
    return score(
        told(footage, path, run),
        model.net,
        factors=even_factors(factors, footage.info),
        window=model.settings.frames,
        end=lambda: footage.end_s,
    )


def told(footage: Footage, path: AnyPath, run: NullRun) -> Iterator[Frame]:
    """The frames; a warning before the first if they are too few, and every few seconds a word on how far it is."""
    rate = footage.info.rate
    if rate is not None and rate < SLOWEST:
        run.say(
            f"warning: {quoted(path)} has {float(rate):.3g} frames a second; with fewer than {SLOWEST:g} "
            "anything looks sped-up"
        )
    said, whole = time.monotonic(), footage.info.duration_s
    for frame in footage:
        if time.monotonic() - said > SAY_EVERY_S:
            said = time.monotonic()
            run.say(f"looked at {frame.time:.0f} s" + (f" of {whole:.0f} s" if whole else ""))
        yield frame


def natural(found: Scores, sped_up: float = 0.0) -> Wanted:
    """Up to which speed every frame looks normal; what stands still, or was seen at one speed alone, tells nothing.

    Args:
        found: of the video.
        sped_up: the logit from which on a frame is called that.
    """
    if len(found.factors) < 2:
        return Wanted(np.ones(len(found.moving)), np.full(len(found.moving), UNSURE))
    said = wanted(1 / (1 + np.exp(found.logits - sped_up)), 0.5, found.factors)
    return said._replace(confidence=np.where(found.moving, said.confidence, UNSURE))


def every_other(found: Scores) -> list[tuple[float, float]]:
    """From when to when every second shot is, in seconds."""
    ends = found.times[[0, *found.cuts, len(found.times) - 1]]
    return [(float(ends[n]), float(ends[n + 1])) for n in range(1, len(ends) - 1, 2)]


def write_rows(path: Path, names: Sequence[str], *columns: Floats) -> None:
    """A table of numbers, one row a frame."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        table.writerows(
            [f"{value:.6g}" if n else f"{value:.6f}" for n, value in enumerate(row)]
            for row in zip(*columns, strict=True)
        )
