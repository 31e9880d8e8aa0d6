"""Clips of both classes from one scene or one stretch of a video, so that nothing but the speed can tell them apart.

The authors skip each frame with probability 1 - 1/f, f from 1 to 1.2 for a normal clip and from 1.7 to 2.2 for a
sped-up one. Then sped-up clips are uneven and normal ones hardly, and a network learns to see that: it fails on clips
that were sped up evenly. Here both clips of a pair skip frames with one and the same probability, none in every other
pair, and f is the mean step; what differs is how far the scene moves on, and not how evenly.

Both clips come from the same place, of the same size, and lie in the same batch, so what is seen says nothing of the
class. Shutter, shake, noise and what a codec leaves of the frames are drawn for each clip by itself.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the sampling that ours departs from).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt.drawn.motion import scene
from gestalt.media import video
from gestalt.media.atomic import quoted
from gestalt.media.recode import recoded
from gestalt.ops.resize import resize
from gestalt.tasks.speed.footage import LONGEST, RATE, SLOWEST, duration, watched
from gestalt.tasks.speed.shelf import Shelf

NORMAL, SPED_UP = (1.0, 1.2), (1.7, 2.2)
"""Of f, the mean step in 25ths of a second."""

FAR = (2.2, 8.0)
"""Of f in some sped-up clips, so that a network knows how what is much faster looks: it is asked about that too."""

SKIPPED = 0.2
"""Largest probability with which a frame is skipped."""

SHAKE = 0.01
"""Largest deviation of a drawn camera's place, as a part of the side."""

CODED = 0.3
"""Part of the clips that go through a codec."""

QUALITIES, KEYS = (18, 38), (4, 60)
"""Of the codec: constant rate factors, and frames between those that stand by themselves."""

Clip = NDArray[np.uint8]


class Pair(NamedTuple):
    """Clips of one scene, (T, H, W, 3) uint8, sRGB."""

    normal: Clip
    sped_up: Clip


class Source(Protocol):
    """Where pairs come from."""

    def pair(self, number: int, count: int, side: int) -> Pair:
        """The pair of a number, always the same one; of `count` frames whose shorter side is `side` pixels."""
        ...


def as_input(clip: Clip, least: int) -> Tensor:
    """(T, H, W, 3) uint8 -> (1, 3, T, H, W) in [-1, 1], enlarged until its shorter side has `least` pixels.

    The longer side is enlarged no further than to `LONGEST` times that: of a strip a network would see nothing anyway.
    """
    x = torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float().div_(127.5).sub_(1)
    short = min(x.shape[3:])
    if short < least:
        size = (max(n, least, min(round(n * least / short), LONGEST * least)) for n in x.shape[3:])
        x = resize(x, (x.shape[2], *size)).clamp_(-1, 1)
    return x


def skipping(count: int, skipped: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """Which frames are left, (count,) growing from 0 on, when each is skipped with a probability."""
    steps = chance.geometric(1 - skipped, count - 1)  # frames to the next that is not skipped
    return np.concatenate([[0], np.cumsum(steps)])


def unevenness(chance: np.random.Generator) -> float:
    """The probability with which both clips of a pair skip frames."""
    is_even, skipped = chance.random() < 0.5, float(chance.uniform(0, SKIPPED))
    return 0.0 if is_even else skipped


def coded(clip: Clip, chance: np.random.Generator, has_codec: bool) -> Clip:
    """A clip as it is or, now and then if there is a codec, as that leaves it."""
    is_coded, quality, keys = chance.random() < CODED, chance.integers(*QUALITIES), chance.integers(*KEYS)
    if not (is_coded and has_codec) or min(clip.shape[1:3]) < 16:
        return clip
    return recoded(clip, quality=int(quality), key_every=int(keys))


@dataclass(frozen=True)
class Drawn:
    """Pairs of drawn scenes.

    kinds: of `drawn.motion`, one of which is taken for each pair.
    seed: of all chance.
    spread: deviation of the logarithm of how large a metre looks.
    codec: whether some clips go through one.
    far: part of the sped-up clips that are sped up much more.
    """

    kinds: Sequence[str]
    seed: int = 0
    spread: float = 0.25
    codec: bool = True
    far: float = 0.0

    def pair(self, number: int, count: int, side: int) -> Pair:
        """See `Source`; square frames."""
        chance = np.random.default_rng((self.seed, number, 11))
        given = scene(
            self.kinds[int(chance.integers(len(self.kinds)))], int(chance.integers(2**40)), spread=self.spread
        )
        begin, skipped = chance.uniform(0, 20), unevenness(chance)
        made = []
        factors = float(chance.uniform(*NORMAL)), float(chance.uniform(*SPED_UP))
        is_far, much = chance.random() < self.far, float(np.exp(chance.uniform(*np.log(FAR))))
        for take, factor in enumerate((factors[0], much if is_far else factors[1])):
            step = factor * (1 - skipped) / RATE
            times = begin + skipping(count, skipped, chance) * step
            shutter, shake = float(chance.uniform(0, 1)), float(chance.uniform(0, SHAKE))
            clip = given.frames(times, side, shutter=shutter, shake=shake, take=take)
            made.append(coded(clip, chance, self.codec))
        return Pair(*made)

    def of(self, kind: str) -> "Drawn":
        """The same of one kind, none of them far, to be tested."""
        return dataclasses.replace(self, kinds=(kind,), far=0.0)


@dataclass(frozen=True)
class Filmed:
    """Pairs from videos, of which any frame rate from 20 on will do: their time stamps count.

    shelf: the videos.
    seed: of all chance.
    codec: whether some clips go through one more.
    far: part of the sped-up clips that are sped up much more, as far as their videos last.
    """

    shelf: Shelf
    seed: int = 0
    codec: bool = True
    far: float = 0.0

    def pair(self, number: int, count: int, side: int) -> Pair:
        """See `Source`; the same stretch for both clips, at 25 frames a second and at 12.5, now and then mirrored.

        Raises:
            ValueError: a video is damaged.
        """
        chance = np.random.default_rng((self.seed, number, 13))
        path, lasts = self.shelf.videos[int(chance.integers(len(self.shelf.videos)))]
        skipped, is_mirrored = unevenness(chance), chance.random() < 0.5
        is_far, much = chance.random() < self.far, int(chance.integers(3, round(FAR[1]) + 1))
        fast = min(much, max(2, int(2 * lasts / needed_s(count)))) if is_far else 2
        begin = float(chance.uniform(0, max(0.0, lasts - needed_s(count) * fast / 2)))
        made = []
        for step in (1, fast):
            kept = skipping(count, skipped, chance)
            frames = self.shelf.stretch(path, begin, int(kept[-1]) + 2, side, step=step)
            clip = exposed(frames[:, :, ::-1] if is_mirrored else frames, kept, bool(chance.random() < 0.5))
            made.append(coded(clip, chance, self.codec))
        return Pair(*made)


def needed_s(count: int) -> float:
    """Seconds that a video lasts at least of which clips of so many frames are taken."""
    return 2.6 * count / RATE


def exposed(frames: Clip, kept: NDArray[np.int64], is_long: bool) -> Clip:
    """Some frames of a stretch, with a long shutter each as the mean of itself and the next one.

    What lies beyond the end of the stretch is its last frame.
    """
    last = len(frames) - 1
    clip = frames[np.minimum(kept, last)]
    if not is_long:
        return np.ascontiguousarray(clip)
    following = frames[np.minimum(kept + 1, last)]
    return ((clip.astype(np.uint16) + following + 1) // 2).astype(np.uint8)


def lasting(paths: Sequence[Path], count: int) -> tuple[list[tuple[Path, float]], list[str]]:
    """The videos that are long enough for clips of `count` frames, with their durations, and a sentence on the others.

    Long enough is `needed_s`, and there must be 20 frames a second or more.
    """
    found, refused = [], []
    for path in paths:
        try:
            info = video.probe(path)
            lasts, rate = duration(path, info), info.rate
            if rate is None:  # as of animations
                shown, lasts = watched(path)
                rate = shown / lasts
            if rate < SLOWEST:
                refused.append(
                    f"{quoted(path)} has {float(rate):.3g} frames a second, too few: {SLOWEST:g} or more will do"
                )
            elif lasts < needed_s(count):
                refused.append(
                    f"{quoted(path)} lasts {lasts:.1f} s, too short: {needed_s(count):.1f} s or more will do"
                )
            else:
                found.append((path, lasts))
        except ValueError as error:
            refused.append(str(error))
    return found, refused
