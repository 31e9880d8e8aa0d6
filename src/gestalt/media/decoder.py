"""The frames of a coded video, upright, in square pixels, as 8-bit RGB, with their times.

FFmpeg decodes; what a picture means is settled here. `gestalt.media.video` is the way in for everyone else.
"""

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gestalt.media.atomic import AnyPath
from gestalt.media.container import (
    audio_stream,
    has_index,
    opened,
    quietly,
    video_refusal,
    video_stream,
    words,
)
from gestalt.media.video_info import Colour, Picture, VideoInfo, fit

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

HALF_MICROSECOND = 5e-7
"""Times closer than this are the same, after rounding to float64 and back."""

_THREADS = 4  # more hold more frames in memory, and those may be large

_UNKNOWN = 2  # in each of the three tables of H.273
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020"}
_PRIMARIES |= {10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}
_TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100"}
_TRANSFERS |= {10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10"}
_TRANSFERS |= {15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}
_MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco"}
_MATRICES |= {9: "bt2020nc", 10: "bt2020c"}
_RANGES = {1: "limited", 2: "full"}

_SCALER = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # H.273's matrix to libswscale's number
_LIMITED, _FULL = 1, 2  # FFmpeg's AVCOL_RANGE


def video_info(path: AnyPath) -> VideoInfo:
    """Describes a coded video; decodes one frame.

    Raises:
        ValueError: the file is no readable video, or holds no frame.
    """
    with opened(path) as container:
        stream = video_stream(container, path)
        frame = next(_decoded(container, stream, path))
        look = _Look(frame, stream, None)
        height, width = look.upright_size
        duration = None
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / 1_000_000
        count, is_variable = _counted(container, stream)
        return VideoInfo(
            width=width,
            height=height,
            frames=count,
            duration_s=duration,
            rate=stream.average_rate or stream.guessed_rate or None,
            is_variable=is_variable,
            rotation=-90 * look.turns % 360,
            is_mirrored=look.is_mirrored,
            sample_aspect=look.sample_aspect,
            has_audio=audio_stream(container) is not None,
            colour=Colour(
                _PRIMARIES.get(frame.color_primaries, "unknown"),
                _TRANSFERS.get(frame.color_trc, "unknown"),
                "rgb" if frame.format.is_rgb else _MATRICES.get(frame.colorspace, "unknown"),
                _RANGES.get(frame.color_range, "unknown"),
            ),
        )


def first_time(path: AnyPath) -> Fraction | None:
    """When the first frame of a file is shown, in seconds by the file's own clock; None without video."""
    with opened(path) as container:
        try:
            stream = video_stream(container, path)
        except ValueError:
            return None
        frame = next(_decoded(container, stream, path))
        return (_stamp(frame, container) or 0) * (stream.time_base or Fraction(1))


def coded_frames(path: AnyPath, size: int | None, start_s: float) -> Generator[Picture, None, None]:
    """Every frame from `start_s` on, decoded one at a time.

    Args:
        path: the file.
        size: greatest length of the longer side, in pixels; larger frames are reduced.
        start_s: frames shown before are left out; where the format has an index they are not all decoded.

    Yields:
        Frames, uint8 (H, W, 3) each, with their times since the first of the file.

    Raises:
        ValueError: the file is no readable video, or damaged; then after the last good frame.
    """
    with opened(path) as container:
        stream = video_stream(container, path)
        frames = _decoded(container, stream, path)
        frame = next(frames)
        look = _Look(frame, stream, size)
        clock = _Clock(stream, _stamp(frame, container))
        later = None
        if start_s > 0 and has_index(container) and frame.pts is not None:
            later = _sought(container, stream, path, frame.pts + int(clock.ticks_of(start_s)))
        if later is None and start_s > 0:  # from the start: a container that was sought in stays moved
            with opened(path) as again:
                stream = video_stream(again, path)
                yield from _shown(_decoded(again, stream, path), again, look, clock, start_s)
            return
        yield from _shown(_chain(frame, frames) if later is None else later, container, look, clock, start_s)


class Stored:
    """A coded video, open: its frames as they are stored, and what the file says about how to show them.

    Attributes:
        size: (H, W) of the first frame, as stored.
        upright_size: (H, W) as it is shown, in square pixels.
        pix_fmt: FFmpeg's name of the first frame's pixels.
        colour: primaries, transfer, matrix and range, by the numbers of H.273 and FFmpeg's AVCOL_RANGE.
        matrix, range: what they are taken for where the file does not say, as libswscale and FFmpeg number them.
        aspect: width over height of a stored pixel; None where the file does not say.
        turn: the display matrix, nine numbers; None without one.
    """

    def __init__(self, container: "InputContainer", path: AnyPath) -> None:
        """Decodes the first frame.

        Raises:
            ValueError: the file is no readable video, or damaged.
        """
        stream = video_stream(container, path)
        self._rest = _decoded(container, stream, path)
        self._first = frame = next(self._rest)
        self._look = _Look(frame, stream, None)
        self.upright_size = self._look.upright_size
        self.size, self.pix_fmt = (frame.height, frame.width), frame.format.name
        self.colour = frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range
        self.matrix, self.range = self._look.matrix, self._look.range
        self.aspect = stream.sample_aspect_ratio
        self.turn = _display_matrix(frame)

    def frames(self) -> "Iterator[VideoFrame]":
        """All frames in the order in which they are shown; may be asked for once.

        Raises:
            ValueError: the file is damaged; then after the last good frame.
        """
        return _chain(self._first, self._rest)

    def rgb(self, frame: "VideoFrame") -> NDArray[np.uint8]:
        """uint8 (H, W, 3): a frame upright and in square pixels, as `coded_frames` gives it."""
        return self._look.rgb(frame)


def _shown(
    frames: "Iterator[VideoFrame]", container: "InputContainer", look: "_Look", clock: "_Clock", start_s: float
) -> Iterator[Picture]:
    for frame in frames:
        time_s = clock.read(_stamp(frame, container))
        if time_s >= start_s - HALF_MICROSECOND:
            yield look.rgb(frame), time_s, float((frame.duration or 0) * (frame.time_base or 0))


def _chain(first: "VideoFrame", rest: "Iterator[VideoFrame]") -> "Iterator[VideoFrame]":
    yield first
    yield from rest


# -- time --------------------------------------------------------------------------------------------------


def _stamp(frame: "VideoFrame", container: "InputContainer") -> int | None:
    """When a frame is shown, in ticks. AVI has no such times: there a frame is shown when it is decoded."""
    if container.format.name == "avi" or frame.pts is None:
        return frame.dts
    return frame.pts


class _Clock:
    """Times since the first frame, ever growing.

    A time that is missing lies one average period after the frame before it. One that is not later than the
    frame before it becomes that frame's time and one tick; where it is earlier by more than a second, the
    clock was restarted (as where two recordings were joined), and goes on one period after the frame before.
    """

    def __init__(self, stream: "VideoStream", first: int | None) -> None:
        self._tick = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or Fraction(25)
        self._period = max(1, round(1 / rate / self._tick))
        self._second = round(1 / self._tick)
        self._shift = -(first or 0)
        self._last: int | None = None

    def ticks_of(self, seconds: float) -> Fraction:
        return Fraction(max(0.0, seconds - HALF_MICROSECOND)) / self._tick

    def read(self, stamp: int | None) -> float:
        if self._last is None:
            now = 0 if stamp is None else stamp + self._shift
        elif stamp is None:
            now = self._last + self._period
        else:
            now = stamp + self._shift
            if now < self._last - self._second:
                self._shift += self._last + self._period - now
                now = self._last + self._period
            elif now <= self._last:
                now = self._last + 1
        self._last = now
        return now * self._tick.numerator / self._tick.denominator


def _counted(container: "InputContainer", stream: "VideoStream") -> tuple[int | None, bool | None]:
    """How many frames the index promises to show, and whether their steps differ by more than rounding."""
    if container.format.name.split(",")[0] != "mov" or stream.frames == 0:
        return stream.frames or None, None
    entries = stream.index_entries
    if len(entries) != stream.frames:
        return stream.frames, None
    shown = [entry.timestamp for entry in entries if not entry.is_discard]
    steps = np.diff(np.array(shown, dtype=np.int64))
    if len(steps) == 0:
        return len(shown) or None, False
    slack = max(1.0, 0.01 * float(np.median(steps)))
    return len(shown), bool(steps.max() - steps.min() > slack)


# -- decoding ----------------------------------------------------------------------------------------------


def _decoded(container: "InputContainer", stream: "VideoStream", path: AnyPath) -> "Iterator[VideoFrame]":
    """All frames in the order in which they are shown; at least one, and none known to be damaged."""
    context = stream.codec_context
    if not context.is_open:
        context.thread_count = _THREADS
        # With one decoder thread per frame, AVI's times would be early.
        context.thread_type = "SLICE" if container.format.name == "avi" else "AUTO"  # type: ignore[assignment]
    count = 0
    try:
        for frame in quietly(container.decode(stream)):
            if frame.is_corrupt:  # the decoder has painted over what it could not read
                raise ValueError("a frame is incomplete")
            yield frame
            count += 1
    except Exception as error:  # on damaged bytes, FFmpeg has many
        what = f"is damaged or cut short after {count} good frames ({words(error)})"
        advice = "copy or download it again" + (", or read only up to there" if count else "")
        raise video_refusal(path, what, advice) from error
    if count == 0:
        raise video_refusal(path, "holds no frame", "record or convert it again")


def _sought(
    container: "InputContainer", stream: "VideoStream", path: AnyPath, target: int
) -> "Iterator[VideoFrame] | None":
    """Frames from a key frame shown at or before `target` on; None where the index is of no use.

    Pictures that are stored after a key frame may be shown before it, and need the ones before it: so it is the
    key frame's own time that counts, not where FFmpeg has sought to.
    """
    back, tick = 0, stream.time_base or Fraction(1)
    for _ in range(8):
        try:
            container.seek(target - back, stream=stream)
            packet = next(quietly(container.demux(stream)))
            if packet.is_keyframe and packet.pts is not None and packet.pts <= target:
                container.seek(target - back, stream=stream)
                frames = _decoded(container, stream, path)
                for frame in frames:
                    if frame.pts is None:
                        return None
                    if frame.pts >= target:
                        return _chain(frame, frames)
                return iter(())
        except (ValueError, OSError, OverflowError, StopIteration):  # the third past all that an index can hold
            return None
        back = 2 * back + round(1 / tick)
    return None


# -- pictures ----------------------------------------------------------------------------------------------


class _Look:
    """How the frames of one video become upright RGB in square pixels.

    - The sample aspect widens the picture one way, never narrows it; where that would be by less than one
      pixel, the pixels are left alone.
    - The display matrix turns by the nearest quarter, and mirrors.
    - Matrix and range are the stream's own. Where it names no matrix, pictures of 720 lines or 1280 columns
      and more are BT.709, smaller ones BT.601; where it names no range, it is limited.
    - Primaries and transfer are left: wide colours look paler, and HDR (PQ, HLG) is not tone mapped.
    - More than 8 bits are reduced to 8; alpha is composited over white. Fields are not deinterlaced.
    """

    def __init__(self, frame: "VideoFrame", stream: "VideoStream", size: int | None) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self.sample_aspect = stream.sample_aspect_ratio or Fraction(1)
        height, width = frame.height, frame.width
        wide, high = width * max(1, self.sample_aspect), height / min(1, self.sample_aspect)
        if wide - width >= 1:
            width = round(wide)
        elif high - height >= 1:
            height = round(high)
        self.turns, self.is_mirrored = _orientation(frame)
        self._stored_size = fit(height, width, size)
        self.upright_size = self._stored_size
        if self.turns % 2 == 1:
            self.upright_size = self._stored_size[1], self._stored_size[0]

        is_high = frame.height >= 720 or frame.width >= 1280
        self.matrix = _SCALER.get(frame.colorspace, 1 if is_high else 5)
        is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj") or frame.format.is_rgb
        self.range = _FULL if is_full else _LIMITED
        # FFmpeg takes all grey for full range.
        self._stretches = frame.format.name.startswith("gray") and frame.color_range == _LIMITED
        self._has_alpha = any(component.is_alpha for component in frame.format.components)
        self._reformatter = VideoReformatter()
        exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        self._flags = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP | exact

    def rgb(self, frame: "VideoFrame") -> NDArray[np.uint8]:
        """uint8 (H, W, 3) of one frame; all frames have the size of the first."""
        height, width = self._stored_size
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if self._has_alpha else "rgb24",
            src_colorspace=self.matrix,
            src_color_range=self.range,
            dst_color_range=_FULL,
            interpolation=self._flags,
        )
        pixels: NDArray[Any] = converted.to_ndarray()
        if self._has_alpha:
            alpha = pixels[:, :, 3:].astype(np.uint16)
            over = pixels[:, :, :3] * alpha + 255 * (255 - alpha)  # at most 255 * 255
            pixels = ((over + np.uint16(127)) // 255).astype(np.uint8)
        if self._stretches:
            levels = (np.arange(256) - 16) * (255 / 219)
            pixels = np.rint(levels.clip(0, 255)).astype(np.uint8)[pixels]
        if self.is_mirrored:
            pixels = pixels[:, ::-1]
        return np.rot90(pixels, self.turns)


def _display_matrix(frame: "VideoFrame") -> tuple[int, ...] | None:
    try:
        return tuple(np.frombuffer(bytes(frame.side_data["DISPLAYMATRIX"]), np.int32).tolist())  # type: ignore[arg-type]
    except (KeyError, ValueError):
        return None


def _orientation(frame: "VideoFrame") -> tuple[int, bool]:
    """Quarter turns counter-clockwise that make a frame upright, and whether to mirror it before."""
    matrix = _display_matrix(frame)
    if matrix is None:
        return 0, False
    # The stored point (x, y) is shown at (a x + c y, b x + d y); y points down.
    a, b, c, d = (float(matrix[index]) for index in (0, 1, 3, 4))
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    return round(float(np.arctan2(c - b, a + d)) / (np.pi / 2)) % 4, is_mirrored
