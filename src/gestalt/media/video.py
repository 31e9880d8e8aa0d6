"""Videos in: blocks of frames with their times, from anything that moves.

A video is a file that FFmpeg decodes (MP4, MOV, WebM, Matroska, AVI, MPEG and relatives), an animated GIF, PNG,
WebP or AVIF, a folder of frames, or a still picture, which is a clip of one frame. The content decides, never
the ending. All of them give the same thing:

1. Frames are uint8 (T, H, W, 3), full-range RGB, upright, in square pixels, alpha over white. How each property
   of a stream is obeyed is told in `gestalt.media.decoder`, and for pictures in `gestalt.media.image`.
2. Times are float64 seconds since the first frame of the file, which is shown at 0.0 whatever the file calls
   it; with `start_s` they stay on that clock. They are the times of the file, exact where its frame rate varies.
3. Times are strictly increasing. A missing time lies one average period after the frame before it. One that is
   not later than the frame before it becomes that frame's time and one tick of the file's clock; if it is
   earlier by more than a second, everything after is moved to follow on.
4. At no time more than one block, and the few frames that decoders need, are in the memory.
5. A file is read whole or refused, before its first frame if possible: one that is cut short, and one that is
   damaged when its decoder notices: H.264, MPEG-2 and MPEG-4 mostly do, HEVC often does not.
"""

import math
import os
import stat
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media import decoder, frames
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.decoder import HALF_MICROSECOND
from gestalt.media.video_info import Picture, VideoInfo, fit


class Block(NamedTuple):
    """Some frames that follow each other.

    Attributes:
        frames: uint8 (T, H, W, 3), full-range RGB.
        times_s: float64 (T,), seconds since the first frame of the file, strictly increasing.
    """

    frames: NDArray[np.uint8]
    times_s: NDArray[np.float64]


def probe(path: AnyPath, *, rate: Fraction | float = 25) -> VideoInfo:
    """Describes a video; decodes one frame of it, however long it is.

    Args:
        path: a file or a folder, as at the top of this module.
        rate: frames per second of a folder of frames; other videos know it themselves.

    Returns:
        What is known; see `VideoInfo`.

    Raises:
        ValueError: as `VideoStream`.
    """
    if os.path.isdir(path):
        return frames.folder_info(path, _rate(rate))
    if _is_picture(path):
        return frames.picture_info(path)
    return decoder.video_info(path)


class VideoStream:
    """A video as an iterable over blocks of frames; every iteration starts anew.

    Attributes:
        info: the whole video, as `probe` gives it.
        height, width: of the frames that are delivered, in pixels.
        end_s: when the last frame ends, in seconds by the same clock as the times; None until all of them have been
            delivered, and where the file does not say for how long it is shown.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        block: int = 16,
        size: int | None = None,
        start_s: float = 0.0,
        stop_s: float | None = None,
        rate: Fraction | float = 25,
    ) -> None:
        """Looks at the video; frames are decoded only when they are asked for.

        Args:
            path: a file or a folder, as at the top of this module.
            block: frames in a block; the last one may have fewer.
            size: greatest length of the longer side, in pixels. Larger frames are reduced one by one as they
                are decoded, with antialiasing; smaller ones are left as they are.
            start_s: the first time wanted, in seconds. The frames are the same as without, from there on.
            stop_s: the first time no longer wanted; None for the end.
            rate: frames per second of a folder of frames; other videos know it themselves.

        Raises:
            ValueError: an argument is out of range; or the video is missing, no readable file or folder, cut
                short, damaged, without frames or of an unknown format. Iteration raises it too, where more
                than the first frame must be seen to know: damage in the middle, frames of mixed sizes in a
                folder, no frame from `start_s` to `stop_s`.
        """
        if block < 1 or (size is not None and size < 1):
            raise ValueError(f"expected a block and a size of at least 1, got block={block} and size={size}")
        if not (math.isfinite(start_s) and start_s >= 0 and (stop_s is None or stop_s > start_s)):
            raise ValueError(f"expected 0 <= start < stop in seconds, got start={start_s} and stop={stop_s}")
        self._path, self._block, self._size = path, block, size
        self._start_s, self._stop_s = start_s, math.inf if stop_s is None else stop_s
        self._rate = _rate(rate)
        self.end_s: float | None = None
        self.info = probe(path, rate=self._rate)
        self.height, self.width = fit(self.info.height, self.info.width, size)

    def __iter__(self) -> Iterator[Block]:
        block = np.empty((0,), np.uint8)
        times: list[float] = []
        count, end_s = 0, None
        for frame, time_s, lasts_s in self._frames():
            if time_s < self._start_s - HALF_MICROSECOND:
                continue
            if time_s >= self._stop_s - HALF_MICROSECOND:
                break
            if not times:
                block = np.empty((self._block, *frame.shape), np.uint8)  # never the one that was handed out
            block[len(times)] = frame
            times.append(time_s)
            count += 1
            end_s = min(time_s + lasts_s, self._stop_s) if lasts_s > 0 else None
            if len(times) == self._block:
                yield Block(block, np.array(times))
                block, times = np.empty((0,), np.uint8), []
        self.end_s = end_s
        if times:
            yield Block(block[: len(times)], np.array(times))
        if count == 0:
            until = "on" if self._stop_s == math.inf else f"to {self._stop_s:g} s"
            what = f"has no frame from {self._start_s:g} s {until}"
            raise ValueError(f"{quoted(self._path)} {what}; choose a part that is inside the video")

    def _frames(self) -> Iterator[Picture]:
        if os.path.isdir(self._path):
            return frames.folder_frames(self._path, self._rate, self._size, self._start_s)
        if _is_picture(self._path):
            return frames.picture_frames(self._path, self._size)
        return decoder.coded_frames(self._path, self._size, self._start_s)


def read_clip(
    path: AnyPath,
    *,
    max_frames: int,
    max_pixels: float = math.inf,
    size: int | None = None,
    start_s: float = 0.0,
    stop_s: float | None = None,
    take: int | None = None,
    rate: Fraction | float = 25,
) -> tuple[Tensor, Tensor]:
    """Reads a whole clip, for tasks that need all of it at once.

    Args:
        path: a file or a folder, as at the top of this module.
        max_frames: longer clips are refused, at the latest when one more frame has been decoded.
        max_pixels: clips of more pixels in all frames together are refused, where the file says how many there are.
        take: how many frames to read, the rest is not looked at; None for all.
        size, start_s, stop_s, rate: as for `VideoStream`.

    Returns:
        float32 (1, 3, T, H, W) in [-1, 1], and float64 (T,), the times in seconds.

    Raises:
        ValueError: there are more frames than `max_frames`, more pixels than `max_pixels`, or fewer frames than
            `take`; or as `VideoStream`.
    """
    # With `take`, one frame at a time: what comes after the last one that is wanted may be damaged.
    block = 16 if take is None else 1
    stream = VideoStream(path, block=block, size=size, start_s=start_s, stop_s=stop_s, rate=rate)
    is_whole = start_s == 0 and stop_s is None and take is None
    if is_whole and stream.info.frames is not None and stream.info.frames > max_frames:
        raise _too_long(path, f"{stream.info.frames} frames, more", max_frames)
    frames = min(take or stream.info.frames or 1, max_frames)
    if frames * stream.height * stream.width > max_pixels:
        what = f"{frames} frames of {stream.width} x {stream.height} pixels"
        raise ValueError(f"{quoted(path)} has {what}, more than fit into memory; take fewer or make them smaller")
    clips: list[Tensor] = []
    times: list[NDArray[np.float64]] = []
    count = 0
    for block in stream:
        some = len(block.times_s) if take is None else min(take - count, len(block.times_s))
        count += some
        if count > max_frames:
            raise _too_long(path, "more frames", max_frames)
        levels = torch.from_numpy(block.frames[:some]).permute(3, 0, 1, 2)
        clips.append(levels.float().div_(127.5).sub_(1))
        times.append(block.times_s[:some])
        if count == take:
            break
    if take is not None and count < take:
        there = "1 frame" if count == 1 else f"{count} frames"
        raise ValueError(f"{quoted(path)} has {there} there, fewer than the {take} asked for; ask for fewer")
    return torch.cat(clips, dim=1)[None], torch.from_numpy(np.concatenate(times))


def is_made_of_pictures(path: AnyPath) -> bool:
    """Whether a video is a folder of frames or a picture file, rather than one that FFmpeg decodes."""
    return os.path.isdir(path) or _is_picture(path)


def _too_long(path: AnyPath, what: str, max_frames: int) -> ValueError:
    return ValueError(f"{quoted(path)} has {what} than the limit of {max_frames}; take a part of it")


def _rate(rate: Fraction | float) -> Fraction:
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"expected a rate above 0 in frames per second, got {rate}")
    if isinstance(rate, Fraction):
        return rate
    return Fraction(rate).limit_denominator(1001) or Fraction(rate)  # 29.97002997 is 30000/1001


def _is_picture(path: AnyPath) -> bool:
    """Whether it is a picture file; whatever cannot be opened is left for the decoder to refuse."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode) and frames.is_picture(path)
    except (OSError, ValueError):
        return False
