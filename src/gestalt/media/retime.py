"""A video written again, its frames as they are stored, at other times.

1. Frames of 8 bits, 4:2:0, go from the decoder to the encoder as they are; where their size is odd, the last column
   or row is repeated once. Other YCbCr frames (10 bits, 4:2:2, 4:4:4) become that, by the same matrix and range.
   How a file wants its frames turned, mirrored, widened and coloured is not done but passed on: what the source
   does not say, the new file does not say either.
2. RGB, grey and palettes, frames with alpha, GIFs and other pictures, and folders of frames take the way of
   `gestalt.media.video`: upright, in square pixels, alpha over white; and are written in BT.709, limited range, and
   said to be so.
3. At a constant rate, output frame n shows what the source shows at the middle of it, so frames repeat or are left
   out. Without a rate every source frame is kept, its times to 1/90000 s, and the file as long to the tick.
4. Sound is played at the same changing speed, at its own pitch: `gestalt.media.stretch`. It becomes AAC of 192
   kbit/s, of one or two channels, and is as long as the map to the sample.
5. No more than a few frames, and less than a second of sound, are in the memory; and what x264 looks ahead.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt.media import mp4, video
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.audio import AudioStream, AudioTrack, has_sound
from gestalt.media.container import opened, quiet
from gestalt.media.decoder import Stored
from gestalt.media.stretch import stretched

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_TICK_S = Fraction(1, 90_000)
_AS_IT_IS = {"yuv420p", "yuvj420p"}
_YCBCR = ("yuv4", "yuvj4", "nv12", "nv21", "nv16", "nv24", "p010", "p210", "uyvy", "yuyv")


class Retimed(NamedTuple):
    """What was written.

    Attributes:
        frames: how many, repeated ones counted again.
        seconds: how long the pictures last.
    """

    frames: int
    seconds: float


def retime(
    path: AnyPath,
    out: AnyPath,
    *,
    source_s: NDArray[np.float64],
    shown_s: NDArray[np.float64],
    rate: Fraction | None,
    sound: bool = True,
    quality: int = 20,
    preset: str = "veryfast",
    tell: Callable[[int], None] | None = None,
) -> Retimed:
    """Writes a video with its frames at other times, as H.264 in MP4; complete or absent.

    Args:
        path: a video, as for `gestalt.media.video.VideoStream`.
        out: the file to write, ending in .mp4 (any case); its folder must exist.
        source_s: float64 (N + 1,), the times of the N frames as `VideoStream` gives them, and the end.
        shown_s: float64 (N + 1,), when the same moments are shown, from 0 on; both strictly increasing.
        rate: frames per second: `round(shown_s[-1] * rate)` frames, at least one. None: every frame once.
        sound: whether to keep the first sound track, if there is one.
        quality: x264's constant rate factor, 0 (lossless) to 51.
        preset: x264's, from "ultrafast" to "placebo": slower ones make smaller files.
        tell: called with the number of source frames read so far, after each.

    Returns:
        How many frames were written, and how long they last.

    Raises:
        ValueError: an argument is out of range, the video is unreadable or damaged, or has not N frames; or `out`
            cannot be written there.
        OSError: the disk is full or fails; nothing is left behind.
    """
    mp4.checked(out, quality)
    source_s, shown_s = (np.asarray(times, np.float64) for times in (source_s, shown_s))
    plan = _plan(source_s, shown_s, rate)
    voice = AudioStream(path) if sound and has_sound(path) else None
    length = 0 if voice is None else round(shown_s[-1] * voice.rate)
    with _source(path) as source, mp4.written(out) as output, ExitStack() as stack:
        track = mp4.PictureTrack(
            out,
            output,
            source.size,
            rate=plan.rate,
            tick_s=plan.tick_s,
            quality=quality,
            preset=preset,
            colour=source.colour,
            pix_fmt=source.pix_fmt,
            aspect=source.aspect,
        )
        track.stream.set_display_matrix(source.turn)
        heard = None
        if voice is not None and length > 0:
            blocks = stretched(voice, voice.rate, source_s, shown_s)
            heard = AudioTrack.of_samples(blocks, voice.rate, voice.channels, output)
            stack.callback(heard.close)
        count, done = 0, 0
        for stored in source.frames:
            if count == len(source_s) - 1:
                raise _miscounted(path, "more", count)
            if done < len(plan.shows) and plan.shows[done] == count:
                frame = source.convert(stored)
                while done < len(plan.shows) and plan.shows[done] == count:
                    track.write(frame, int(plan.at[done]), int(plan.at[done + 1] - plan.at[done]))
                    done += 1
                    if heard is not None:
                        heard.write_until(int(plan.at[done]) * plan.tick_s)
            count += 1
            if tell is not None:
                tell(count)
        if count < len(source_s) - 1:
            raise _miscounted(path, f"{count}", len(source_s) - 1)
        track.finish()
        if voice is not None and heard is not None:
            heard.write_until(Fraction(length, voice.rate), is_last=True)
    return Retimed(len(plan.shows), float(int(plan.at[-1]) * plan.tick_s))


def _miscounted(path: AnyPath, there: str, expected: int) -> ValueError:
    frames = "frame" if expected == 1 else "frames"
    return ValueError(f"{quoted(path)} has {there} where {expected} {frames} were expected; read its times again")


# -- when --------------------------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """Which source frame each frame of the output shows, (M,), and when, in ticks, (M + 1,) with the end."""

    shows: NDArray[np.int64]
    at: NDArray[np.int64]
    tick_s: Fraction
    rate: Fraction


def _plan(source_s: NDArray[np.float64], shown_s: NDArray[np.float64], rate: Fraction | None) -> _Plan:
    """The times of the output, from the times of the source frames and of the end.

    Raises:
        ValueError: the times are not as many, do not increase or do not start at 0; or the rate is out of range.
    """
    if source_s.ndim != 1 or source_s.shape != shown_s.shape or len(source_s) < 2:
        raise ValueError(f"expected times (N + 1,) of N frames and the end, got {source_s.shape} and {shown_s.shape}")
    for times in (source_s, shown_s):
        if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise ValueError("expected finite and strictly increasing times, in the source and as shown")
    if shown_s[0] != 0:
        raise ValueError(f"expected the first frame to be shown at 0 s, got {shown_s[0]:g} s")
    if rate is None:
        count = len(shown_s) - 1
        rounded = np.rint(shown_s / float(_TICK_S)).astype(np.int64)
        steps = np.arange(len(rounded))
        at = np.maximum.accumulate(rounded - steps) + steps  # frames closer than a tick are a tick apart
        average = Fraction(min(max(count / shown_s[-1], 1), 1000)).limit_denominator(1001)
        return _Plan(np.arange(count), at, _TICK_S, average)
    if not (math.isfinite(rate) and 0 < rate <= 1000):
        raise ValueError(f"expected a rate above 0, up to 1000 frames per second, got {rate}")
    rate = Fraction(rate).limit_denominator(1001)
    count = max(1, round(Fraction(float(shown_s[-1])) * rate))
    middles = (np.arange(count) + 0.5) / float(rate)
    shows = np.searchsorted(shown_s, middles, side="right") - 1
    return _Plan(shows.clip(0, len(shown_s) - 2), np.arange(count + 1), 1 / rate, rate)


# -- what --------------------------------------------------------------------------------------------------


class _Source(NamedTuple):
    """The frames of a video in order, how to make one ready for the encoder, and how the file wants them shown."""

    frames: "Iterator[Any]"
    convert: "Callable[[Any], VideoFrame]"
    size: tuple[int, int]
    pix_fmt: str = "yuv420p"
    colour: tuple[int, int, int, int] = (mp4.BT709, mp4.BT709, mp4.BT709, mp4.LIMITED)
    aspect: Fraction | None = None
    turn: tuple[int, ...] | None = None


@contextlib.contextmanager
def _source(path: AnyPath) -> Iterator[_Source]:
    if video.is_made_of_pictures(path):
        stream = video.VideoStream(path, block=1)
        yield _Source((block.frames[0] for block in stream), mp4.ToBT709(), (stream.height, stream.width))
        return
    with opened(path) as container:
        stored = Stored(container, path)
        if stored.pix_fmt.startswith(_YCBCR):
            primaries, transfer, matrix, its_range = stored.colour
            its_range = mp4.FULL if stored.pix_fmt.startswith("yuvj") else its_range
            pix_fmt = stored.pix_fmt if stored.pix_fmt in _AS_IT_IS else "yuv420p"
            colour = primaries, transfer, matrix, its_range
            convert = _To420(stored, pix_fmt)
            yield _Source(stored.frames(), convert, stored.size, pix_fmt, colour, stored.aspect, stored.turn)
        else:
            to_bt709 = mp4.ToBT709()
            yield _Source(stored.frames(), lambda frame: to_bt709(stored.rgb(frame)), stored.upright_size)


class _To420:
    """Makes YCbCr frames 8 bits, 4:2:0, of the size of the first and even; by the same matrix, in the same range."""

    def __init__(self, stored: Stored, pix_fmt: str) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._size, self._pix_fmt, self._matrix, self._range = stored.size, pix_fmt, stored.matrix, stored.range
        self._reformatter = VideoReformatter()
        self._flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT

    def __call__(self, frame: "VideoFrame") -> "VideoFrame":
        from av.video.frame import PictureType

        height, width = self._size
        if (frame.format.name, frame.height, frame.width) != (self._pix_fmt, height, width):
            with quiet:
                frame = self._reformatter.reformat(
                    frame,
                    width=width,
                    height=height,
                    format=self._pix_fmt,
                    src_colorspace=self._matrix,
                    dst_colorspace=self._matrix,
                    src_color_range=self._range,
                    dst_color_range=self._range,
                    interpolation=self._flags,
                )
        if height % 2 or width % 2:
            frame = _even(frame)
        frame.pict_type = PictureType.NONE  # or the encoder would make key frames where the source has them
        return frame


def _even(frame: "VideoFrame") -> "VideoFrame":
    """The same 4:2:0 frame with the last column or row of the luma repeated; the chroma has enough of them."""
    from av.video.frame import VideoFrame

    even = VideoFrame(frame.width + frame.width % 2, frame.height + frame.height % 2, frame.format.name)
    for old, new in zip(frame.planes, even.planes, strict=True):
        more = ((0, new.height - old.height), (0, new.width - old.width))
        _levels(new)[:] = np.pad(_levels(old), more, mode="edge")
    return even


def _levels(plane: Any) -> NDArray[np.uint8]:
    """The numbers of a plane (H, W), in its own memory."""
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]
