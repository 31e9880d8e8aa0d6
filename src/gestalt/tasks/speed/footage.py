"""Frames of videos at steady steps of time, small enough for a network, whatever their frame rate.

What is looked at runs at 25 frames a second, and a version that runs X times as fast is looked at every X / 25 s. From
any video those frames are taken whose times are nearest, by their time stamps and none twice. Where the frame rate is
constant the step is a whole number of frames, so that motion stays even, and X is what that makes it: files of 30
frames a second are looked at at X = 5/6, 5/3, 5/2 and so on.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt.media import video
from gestalt.media.atomic import AnyPath
from gestalt.media.video import VideoStream

RATE = 25.0
"""Frames a second of what is looked at."""

SLOWEST = 20.0
"""Frames a second below which a video has too few frames: what is left of them looks sped-up."""

ENDINGS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ts", ".gif")
"""Of the files in a folder that are taken for videos."""

LONGEST = 4
"""Of a frame's sides, how many times the shorter one the longer may have: what is longer gets smaller as a whole."""


class Frame(NamedTuple):
    """One frame of a video.

    pixels: (H, W, 3) uint8, sRGB.
    time: since the first frame, in seconds.
    cut: whether a new shot begins with it.
    """

    pixels: NDArray[np.uint8]
    time: float
    cut: bool


class Ticks:
    """Which of the frames that come one after another lie nearest to n * step, none twice.

    Args:
        step: in seconds.
        begin: time of the first.
    """

    def __init__(self, step: float, begin: float = 0.0) -> None:
        self.step, self._begin, self._count = step, begin, 0

    def takes(self, time: float, following: float) -> bool:
        """Whether the frame at `time` is taken, knowing when the next one comes."""
        middle, taken = (time + following) / 2, False
        while self._begin + self._count * self.step < middle:
            taken, self._count = True, self._count + 1
        return taken


def long_side(info: video.VideoInfo, side: int) -> int:
    """The longer side in pixels that gives the shorter one `side` of them."""
    short, long = sorted((info.width, info.height))
    return max(1, round(side * min(LONGEST, long / short)))


def duration(path: AnyPath, info: video.VideoInfo) -> float:
    """How long a video lasts, in seconds; where nothing says it, found by reading all of it.

    Raises:
        ValueError: as `VideoStream`.
    """
    return info.duration_s or (info.frames or 0) / float(info.rate or RATE) or watched(path)[1]


def watched(path: AnyPath) -> tuple[int, float]:
    """How many frames a video has and how long it lasts, in seconds, found by reading all of it.

    Raises:
        ValueError: as `VideoStream`.
    """
    stream, count, last = VideoStream(path, size=16), 0, 0.0
    for block in stream:
        count, last = count + len(block.times_s), float(block.times_s[-1])
    end = stream.end_s or 0.0
    return count, end if end > last else last + 1 / RATE


class Footage:
    """Every frame of a video, small; to be gone through once.

    Attributes:
        info: what is known of the video.

    Args:
        path: what `media.video` reads.
        side: in pixels, of the shorter side.
        start_s, stop_s: of what is read, in seconds.

    Raises:
        ValueError: as `VideoStream`, here or while its frames are taken.
    """

    def __init__(self, path: AnyPath, side: int, *, start_s: float = 0.0, stop_s: float | None = None) -> None:
        self.info = video.probe(path)
        self._stream = VideoStream(path, size=long_side(self.info, side), start_s=start_s, stop_s=stop_s)

    def __iter__(self) -> Iterator[Frame]:
        pictures = ((pixels, float(time)) for block in self._stream for pixels, time in zip(*block, strict=True))
        return with_cuts(pictures)

    @property
    def end_s(self) -> float | None:
        """When the last frame ends, in seconds; None until all are taken, and where the file does not say."""
        return self._stream.end_s


def stretch(path: AnyPath, start_s: float, count: int, side: int, *, step: int = 1) -> NDArray[np.uint8]:
    """Frames about `step` 25ths of a second apart, (T, H, W, 3) uint8, fewer than `count` where the video ends before.

    Args:
        path: what `media.video` reads.
        start_s: where the first lies, in seconds.
        count: of the frames.
        side: of the shorter side, in pixels.
        step: see above.

    Raises:
        ValueError: as `VideoStream`.
    """
    apart = even_step(step / RATE, video.probe(path))
    footage = Footage(path, side, start_s=start_s, stop_s=start_s + (count + 1) * apart)
    return np.stack([frame.pixels for frame in taken(iter(footage), apart)][:count])


def even_step(step: float, info: video.VideoInfo) -> float:
    """The step in seconds nearest to one, in ratio, that frames of a constant rate can be taken at evenly.

    Where now one and now two frames are left out, motion is jerky, and that looks sped-up by itself.
    """
    if info.rate is None or info.is_variable:
        return step
    period = float(1 / info.rate)
    fewer = max(1, int(step / period))
    return period * min((fewer, fewer + 1), key=lambda frames: abs(np.log(frames * period / step)))


def taken(given: Iterator[Frame], step: float) -> Iterator[Frame]:
    """Those frames nearest to every `step` seconds from the first on."""
    ticks: Ticks | None = None
    cut = False
    for frame, following in with_following(given, step):
        ticks = ticks or Ticks(step, frame.time)
        cut = cut or frame.cut
        if ticks.takes(frame.time, following):
            yield frame._replace(cut=cut)
            cut = False


def with_following(given: Iterable[Frame], least: float = 1 / RATE) -> Iterator[tuple[Frame, float]]:
    """Every frame and when the next one comes; the last one lasts as long as the one before, and `least` at least."""
    before: Frame | None = None
    lasts = 0.0
    for frame in given:
        if before is not None:
            yield before, frame.time
            lasts = frame.time - before.time
        before = frame
    if before is not None:
        yield before, before.time + max(lasts, least)


# -- shots -------------------------------------------------------------------------------------------------

AROUND = 4
"""Frames before and after that a change is measured by."""

JUMP, TIMES = 18.0, 4.0
"""A cut changes frames by so many grey levels on average, and so many times as much as anything around it."""


def with_cuts(given: Iterator[tuple[NDArray[np.uint8], float]]) -> Iterator[Frame]:
    """Frames with the word where shots begin: where one changes much more than those around it."""
    waiting: list[tuple[NDArray[np.uint8], float]] = []
    changes: list[float] = []  # of waiting frames from the ones before them
    last: NDArray[np.uint8] | None = None
    past: list[float] = []
    for pixels, time in given:
        changes.append(0.0 if last is None or last.shape != pixels.shape else _change(last, pixels))
        waiting.append((pixels, time))
        last = pixels
        if len(waiting) > AROUND:
            yield _judged(waiting, changes, past)
    while waiting:
        yield _judged(waiting, changes, past)


def _judged(waiting: list[tuple[NDArray[np.uint8], float]], changes: list[float], past: list[float]) -> Frame:
    pixels, time = waiting.pop(0)
    change = changes.pop(0)
    around = max([*past, *changes[:AROUND]], default=0.0)
    past.append(change)
    del past[:-AROUND]
    return Frame(pixels, time, bool(change > JUMP and change > TIMES * around))


def _change(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
