"""Videos out: H.264 in MP4, complete or absent.

What is written is what every browser, phone and editor plays: 8 bits, 4:2:0, BT.709 in limited range, and said
to be so; the index at the front of the file. There are no B pictures, so that the file holds the frames in the
order and with the very times in which they are shown, and a reader that ignores edit lists sees no other.
"""

import math
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media import mp4
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.audio import AudioTrack, has_sound

TICK_S = mp4.TICK_S
"""The clock of files with given times. Frames closer together than that are a tick apart."""

MOST_SIDE = 16_384
"""Pixels that height and width can have, as x264 has it."""


class VideoWriter:
    """Writes one video, frame after frame: `with VideoWriter("out.mp4", rate=25) as writer: ...`.

    The file appears under its name when the block ends, and not at all if it raises. The same frames give the
    same bytes on one version of PyAV.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        rate: Fraction | float | None = None,
        end_s: float | None = None,
        audio_from: AnyPath | None = None,
        audio_start_s: float = 0.0,
        quality: int = 17,
    ) -> None:
        """Says where the video goes and how; nothing is written yet.

        Args:
            path: the file, ending in .mp4 (any case); its folder must exist.
            rate: frames per second, for frames without times. None: each frame comes with its time.
            end_s: with times, when the last frame ends; None: it lasts as long as the one before it, and
                1/25 s if it is alone. May be set as an attribute as long as the video is open.
            audio_from: a video or sound file whose sound is added, as far as the video is long; see
                `AudioTrack`. A file without sound adds none.
            audio_start_s: the time in that file that is heard with the first frame, in seconds.
            quality: x264's constant rate factor, 0 (lossless but for the colours) to 51; 17 looks like the frames.

        Raises:
            ValueError: an argument is out of range.
        """
        mp4.checked(path, quality)
        if rate is not None and not (math.isfinite(rate) and 0 < rate <= 1000):
            raise ValueError(f"expected a rate above 0, up to 1000 frames per second, got {rate}")
        if rate is not None and end_s is not None:
            raise ValueError("expected a rate or an end, got both; the rate says how long each frame lasts")
        if not (math.isfinite(audio_start_s) and audio_start_s >= 0):
            raise ValueError(f"expected the sound to start at 0 s or later, got {audio_start_s}")
        self._path, self.end_s, self._quality = path, end_s, quality
        self._rate = None if rate is None else Fraction(rate).limit_denominator(1001)
        self._audio_from, self._audio_start_s = audio_from, audio_start_s
        self._tick_s = TICK_S if self._rate is None else 1 / self._rate
        self._track: mp4.PictureTrack | None = None
        self._sound: AudioTrack | None = None
        self._size = (0, 0)
        self._start_s = 0.0
        self._held: NDArray[np.uint8] | None = None  # written when it is known how long it lasts
        self._held_at, self._lasted = 0, 0  # in ticks
        self._held_s = 0.0  # its time as it was given

    def __enter__(self) -> Self:
        if self._audio_from is not None and not has_sound(self._audio_from):
            self._audio_from = None
        with ExitStack() as stack:
            self._output = stack.enter_context(mp4.written(self._path))
            stack.callback(self._close)
            self._stack = stack.pop_all()  # nothing has failed: __exit__ does what is left
        return self

    def write(self, frames: NDArray[np.uint8] | Tensor, times_s: Iterable[float] | None = None) -> None:
        """Adds frames.

        Args:
            frames: uint8 (T, H, W, 3), full-range sRGB; or float (1, 3, T, H, W) in [-1, 1] on any device, where
                values outside are clamped. All blocks have one size. Where it is odd, the last column or row is
                repeated once: 4:2:0 holds even sizes only.
            times_s: (T,) seconds, strictly increasing over all blocks, if the writer has no rate. The first frame
                of all is shown at once, whatever its time, and the others relative to it.

        Raises:
            ValueError: the frames or their times are none of these.
            OSError: the disk is full or fails.
        """
        levels = _levels(frames)
        times = None if times_s is None else [float(time_s) for time_s in times_s]
        if (times is None) != (self._rate is not None):
            raise ValueError("expected times with every block or a rate for all of them, got both or none")
        if times is not None and len(times) != len(levels):
            raise ValueError(f"expected one time a frame, got {len(times)} times for {len(levels)} frames")
        if self._track is None:
            self._start(levels.shape[1], levels.shape[2], times[0] if times else 0.0)
        if levels.shape[1:3] != self._size:
            (height, width), (other, wider) = self._size, levels.shape[1:3]
            raise ValueError(f"expected frames of {width} x {height} pixels as before, got {wider} x {other}")
        for index, frame in enumerate(levels):
            following = 0 if self._held is None else self._held_at + 1
            at = following if times is None else self._ticks(times[index])
            if times is not None and self._held is not None and times[index] > self._held_s:
                at = max(at, following)
            self._encode_held(at)
            self._held, self._held_at, self._held_s = frame.copy(), at, 0.0 if times is None else times[index]

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, traceback)
            return
        with self._stack:
            self._finish()

    def _start(self, height: int, width: int, start_s: float) -> None:
        """Adds the streams, when the size is known."""
        self._size, self._start_s = (height, width), start_s
        self._track = mp4.PictureTrack(
            self._path,
            self._output,
            self._size,
            rate=self._rate or Fraction(25),
            tick_s=self._tick_s,
            quality=self._quality,
            preset="medium",
        )
        if self._audio_from is not None:
            self._sound = AudioTrack(self._audio_from, self._output, start_s=self._audio_start_s)
        self._converted = mp4.ToBT709()

    def _ticks(self, time_s: float) -> int:
        if not math.isfinite(time_s):
            raise ValueError(f"expected finite times, got {time_s}")
        return round((Fraction(time_s) - Fraction(self._start_s)) / self._tick_s)

    def _encode_held(self, until: int) -> None:
        """Encodes the frame before, which is shown until then, in ticks."""
        if self._held is None or self._track is None:
            return
        lasts = until - self._held_at
        if lasts < 1:
            at_s, until_s = (float(ticks * self._tick_s) + self._start_s for ticks in (self._held_at, until))
            raise ValueError(f"expected increasing times, got {until_s:g} s after {at_s:g} s")
        self._track.write(self._converted(self._held), self._held_at, lasts)
        self._lasted = lasts
        if self._sound is not None:
            self._sound.write_until(until * self._tick_s)

    def _finish(self) -> None:
        """Encodes the last frame, and what waits inside the encoder."""
        if self._track is None or self._held is None:
            raise ValueError(f"cannot write {quoted(self._path)}: expected at least one frame, got none")
        if self.end_s is not None:
            until = self._ticks(self.end_s)
            if self.end_s > self._held_s:
                until = max(until, self._held_at + 1)
        else:
            alone = 1 if self._rate is not None else round(Fraction(1, 25) / self._tick_s)
            until = self._held_at + (self._lasted or alone)
        self._encode_held(until)
        self._track.finish()
        if self._sound is not None:
            self._sound.write_until(until * self._tick_s, is_last=True)

    def _close(self) -> None:
        if self._sound is not None:
            self._sound.close()


def _levels(frames: "NDArray[np.uint8] | Tensor") -> NDArray[np.uint8]:
    """Frames of either kind as uint8 (T, H, W, 3)."""
    if isinstance(frames, Tensor):
        is_clip = frames.ndim == 5 and frames.shape[:2] == (1, 3) and frames.is_floating_point()
        if not is_clip or frames.numel() == 0:
            kind = f"{str(frames.dtype).removeprefix('torch.')} {tuple(frames.shape)}"
            raise ValueError(f"expected a float clip (1, 3, T, H, W) of at least one frame, got {kind}")
        values = frames[0].detach().cpu().float()
        if values.isnan().any():
            raise ValueError(f"expected numbers in [-1, 1], got NaN in a clip of shape {tuple(frames.shape)}")
        levels = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return levels.permute(1, 2, 3, 0).contiguous().numpy()
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ValueError(f"expected uint8 frames (T, H, W, 3), at least one, got {frames.dtype} {frames.shape}")
    return frames
