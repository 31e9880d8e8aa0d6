"""A video made shorter, fast where it stays natural and slower where it does not, to a duration that is met exactly.

Three passes, in constant memory: the network looks at versions of the video (`scores`); the speed of every frame is
found on numbers alone (`curve`); the video is written again, its frames at their new times and its sound stretched to
them, its pitch kept (`media.retime`).

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the idea; objective and solver are ours).
"""

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt.media import audio, video
from gestalt.media.atomic import AnyPath
from gestalt.media.plot import Line, plot
from gestalt.media.retime import retime
from gestalt.media.video import VideoStream
from gestalt.media.video_writer import VideoWriter
from gestalt.run.service import NullRun
from gestalt.tasks.speed.config import Adapt, protected
from gestalt.tasks.speed.curve import FACTORS, Bounds, Wanted, limit, planned, reachable
from gestalt.tasks.speed.edl import write_edl
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.predict import every_other, look, natural, write_rows
from gestalt.tasks.speed.scores import Scores

Floats = NDArray[np.float64]

LEAST_FPS, MOST_FPS = Fraction(1), Fraction(60)
"""Frames a second of results whose originals have fewer, and more."""

COMPARED = 360
"""Height in pixels of each of two videos beside each other."""


class Plan(NamedTuple):
    """The new times of a video of N frames.

    source_s: (N + 1,) when each is shown in the original, and the end.
    shown_s: (N + 1,) when in the result.
    """

    source_s: Floats
    shown_s: Floats

    @property
    def speed(self) -> Floats:
        """(N,) of every frame."""
        return np.diff(self.source_s) / np.diff(self.shown_s)


def make(path: AnyPath, model: Model, settings: Adapt, *, run: NullRun = NullRun()) -> Path:
    """Make a video shorter; what is kept is outputs/adapted.mp4, curve.csv, curve.edl and curve.png.

    Args:
        path: the video.
        model: that is asked what looks natural.
        settings: of the speed-up.
        run: keeps the results.

    Returns:
        Where the result lies.

    Raises:
        ValueError: the video is missing or damaged, or the rate cannot be reached.
    """
    check(path, settings)
    for text, part in zip(settings.protect, bounds(settings), strict=True):
        if part.fastest < settings.slowest:
            run.say(f"--protect {text} plays at {part.fastest:g}, though --slowest is {settings.slowest:g}")
    clock = [time.perf_counter()]
    found = look(path, model, factors=FACTORS, side=settings.side or model.side, run=run)
    clock.append(time.perf_counter())
    plan = planned_times(found, settings)
    keep_curve(plan, found, settings, run=run)
    clock.append(time.perf_counter())
    rate = frame_rate(path, settings)
    with run.file("adapted.mp4", "the video, sped up where it stays natural", kind="video") as result:
        written = retime(
            path,
            result,
            source_s=plan.source_s,
            shown_s=plan.shown_s,
            rate=rate,
            sound=settings.sound == "keep",
            quality=settings.quality,
            tell=Told(plan, run),
        )
    clock.append(time.perf_counter())
    if settings.compare:
        compare(path, plan, settings, run=run)
    looking, planning, writing = np.diff(clock)
    speed, lasts = plan.speed, np.diff(plan.source_s)
    run.measure(
        duration_s=float(plan.source_s[-1]),
        result_s=written.seconds,
        result_frames=written.frames,
        rate=float(plan.source_s[-1] / plan.shown_s[-1]),
        speed_least=float(speed.min()),
        speed_median=float(np.median(speed)),
        speed_most=float(speed.max()),
        below_1_5=float(np.average(speed < 1.5, weights=lasts)),
        above_3=float(np.average(speed > 3, weights=lasts)),
        looking_s=looking,
        planning_s=planning,
        writing_s=writing,
        times_real_time=float(plan.source_s[-1]) / float(looking + planning + writing),
    )
    return result


def check(path: AnyPath, settings: Adapt) -> None:
    """What can be known before anything is done.

    Raises:
        ValueError: the video cannot be opened, or the rate cannot be reached.
    """
    info = video.probe(path)
    if info.duration_s and settings.protect:
        lasts = np.full(1000, info.duration_s / 1000)
        times = np.append(0.0, lasts.cumsum())
        reachable(times, settings.rate, settings.slowest, settings.fastest, bounds(settings))


def check_sound(path: AnyPath, settings: Adapt) -> None:
    """Go through the sound that is to be kept, so that damage is known before the long look at the pictures.

    Raises:
        ValueError: it is damaged; the sentence names the way without it.
    """
    if settings.sound == "keep":
        try:
            audio.check_sound(path)
        except ValueError as error:
            raise ValueError(f"{error}; --sound mute leaves the sound out") from error


def bounds(settings: Adapt) -> list[Bounds]:
    """Speeds of the parts to protect: between their own and the fastest given, which is their own by default."""
    parts = [protected(text) for text in settings.protect]
    return [Bounds(begin, end, min(1.0, fastest), fastest) for begin, end, fastest in parts]


def planned_times(found: Scores, settings: Adapt) -> Plan:
    """When every frame is shown.

    Raises:
        ValueError: the rate cannot be reached; the sentence names what can.
    """
    moving = found.moving
    said = natural(found, limit(found.logits[:, moving], found.factors) if moving.any() else 0.0)
    usual = 1 / float((1 / said.speed[moving]).mean()) if moving.any() else 1.0
    still = usual if settings.still == "rate" else found.factors[-1]
    said = Wanted(np.where(moving, said.speed, still), said.confidence)
    slowness = planned(
        said,
        settings.rate,
        times=found.times,
        adaptivity=settings.adaptivity,
        smooth=settings.smooth,
        slowest=settings.slowest,
        fastest=settings.fastest,
        bounds=bounds(settings),
        cuts=found.cuts,
    )
    shown = np.append(0.0, np.cumsum(slowness * np.diff(found.times)))
    return Plan(found.times, shown * (found.times[-1] / settings.rate / shown[-1]))


def frame_rate(path: AnyPath, settings: Adapt) -> Fraction | None:
    """Frames a second of the result; None where each is shown for its own time."""
    if settings.frames == "variable":
        return None
    if settings.fps:
        return Fraction(settings.fps).limit_denominator(1001)
    return usual_rate(path)


def usual_rate(path: AnyPath) -> Fraction:
    """Frames a second of the original, within limits; 25 where it does not say."""
    return max(LEAST_FPS, min(video.probe(path).rate or Fraction(25), MOST_FPS))


def keep_curve(plan: Plan, found: Scores, settings: Adapt, *, run: NullRun) -> None:
    """The speed of every frame as a table, an edit list for editors, and a picture."""
    times, speed = plan.source_s[:-1], plan.speed
    with run.file("curve.csv", "the speed of every frame of the original") as file:
        write_rows(file, ("time_s", "speed"), times, speed)
    with run.file("curve.edl", "the same in pieces of one speed, for video editors") as file:
        write_edl(file, plan.source_s, plan.shown_s, found.cuts)
    lines = [Line("adaptive", times, speed), Line("uniform", times, np.full(len(times), settings.rate))]
    low, high = min(settings.slowest, float(speed.min())), max(4.0, float(speed.max()))
    picture = plot(
        lines,
        x_name="seconds of the original",
        y_name="times as fast (grey: every other shot)",
        y_range=(low, high),
        is_log=True,
        shaded=every_other(found),
    )
    run.image("curve.png", picture, "the speed over time")


class Told:
    """Says every few seconds how far the writing is."""

    def __init__(self, plan: Plan, run: NullRun, every_s: float = 20.0) -> None:
        self._times, self._run, self._every_s = plan.source_s, run, every_s
        self._said = time.monotonic()

    def __call__(self, frames: int) -> None:
        """So many frames of the original are done."""
        if time.monotonic() - self._said > self._every_s:
            self._said = time.monotonic()
            self._run.say(f"written up to {self._times[frames]:.0f} s of {self._times[-1]:.0f} s")


def compare(path: AnyPath, plan: Plan, settings: Adapt, *, run: NullRun) -> None:
    """The uniform speed-up on the left and the adaptive one on the right, as outputs/compared.mp4."""
    uniform = plan.source_s * (plan.shown_s[-1] / plan.source_s[-1])
    rate = frame_rate(path, settings) or usual_rate(path)
    info = video.probe(path)
    size = max(16, round(max(info.width, info.height) * COMPARED / info.height))
    count = max(1, round(float(plan.shown_s[-1]) * rate))
    at: Floats = (np.arange(count, dtype=np.float64) + 0.5) / float(rate)
    with (
        run.file("compared.mp4", "uniform on the left, adaptive on the right", kind="video") as file,
        VideoWriter(file, rate=rate, quality=settings.quality) as writer,
    ):
        left, right = (shown_at(path, size, times, at) for times in (uniform, plan.shown_s))
        for one, other in zip(left, right, strict=True):
            gap = np.full((one.shape[0], 8, 3), 255, np.uint8)
            writer.write(np.concatenate([one, gap, other], 1)[None])


def shown_at(path: AnyPath, size: int, shown_s: Floats, at: Floats) -> Iterator[NDArray[np.uint8]]:
    """The frame that is shown at each of some growing moments, (H, W, 3)."""
    wanted = np.clip(np.searchsorted(shown_s, at, side="right") - 1, 0, len(shown_s) - 2)
    n, done = 0, 0
    for block in VideoStream(path, size=size):
        for frame in block.frames:
            while done < len(wanted) and wanted[done] == n:
                yield frame
                done += 1
            n += 1
