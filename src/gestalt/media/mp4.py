"""What every MP4 that is written here has in common: complete or absent, its index in front, H.264 without B pictures.

`gestalt.media.video_writer` writes new pictures with it, `gestalt.media.retime` those of another video.
"""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gestalt.media import atomic
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.container import quiet

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

TICK_S = Fraction(1, 720_000)
"""The clock of the file as a whole: every usual frame rate is exact, and any other time to 0.7 us."""

LONGEST = 2**31 - 1
"""In ticks, the longest that FFmpeg lets a frame of an MP4 last."""

BT709 = 1  # in each of the three tables of H.273
LIMITED, FULL = 1, 2  # FFmpeg's AVCOL_RANGE

_THREADS = 4  # fixed, since the bytes depend on it


def checked(path: AnyPath, quality: int) -> None:
    """Looks at a name and a quality before any work is done.

    Raises:
        ValueError: the name does not end in .mp4, or x264 has no such quality.
    """
    if not os.fspath(path).lower().endswith(".mp4"):
        raise ValueError(f"cannot write {quoted(path)}: expected a name ending in .mp4; rename it")
    if not 0 <= quality <= 51:
        raise ValueError(f"expected a quality (constant rate factor) from 0 to 51, got {quality}")


@contextlib.contextmanager
def written(path: AnyPath) -> "Iterator[OutputContainer]":
    """An MP4 that appears under its name when the block ends, and not at all if it raises.

    Yields:
        PyAV's container, of which the caller adds the streams and the packets; closed at the end.

    Raises:
        ValueError, OSError: as `gestalt.media.atomic.replacing`.
    """
    import av
    from av.error import FFmpegError

    with atomic.replacing(path) as temporary:
        options = {"movflags": "+faststart", "movie_timescale": str(TICK_S.denominator)}
        with quiet:
            output = av.open(temporary, "w", format="mp4", options=options)
        try:
            yield output
        except BaseException:
            with quiet, contextlib.suppress(FFmpegError, OSError):  # it will be removed, whole or not
                output.close()
            raise
        with quiet:
            output.close()


class PictureTrack:
    """The pictures of an MP4 as H.264: frames in, each with its time and how long it lasts."""

    def __init__(
        self,
        path: AnyPath,
        output: "OutputContainer",
        size: tuple[int, int],
        *,
        rate: Fraction,
        tick_s: Fraction,
        quality: int,
        preset: str,
        colour: tuple[int, int, int, int] = (BT709, BT709, BT709, LIMITED),
        pix_fmt: str = "yuv420p",
        aspect: Fraction | None = None,
    ) -> None:
        """Adds the track to `output`.

        Args:
            path: the name in refusals.
            output: an MP4 that no packet was written to.
            size: (H, W) of the frames; where they are odd, the track has one row or column more.
            rate: frames per second, as the file will say.
            tick_s: the unit of times, in seconds.
            quality: x264's constant rate factor.
            preset: x264's, as "medium".
            colour: primaries, transfer, matrix and range, by their numbers.
            pix_fmt: 8 bits, 4:2:0.
            aspect: width over height of a pixel.

        Raises:
            ValueError: H.264 has no such size.
        """
        # x264's macroblock tree reads memory nobody has written when it runs on AVX-512: the bytes would change
        # from one run to the next. Without it files are larger by some 4 to 60 %.
        options = {"crf": str(quality), "preset": preset, "bf": "0", "mbtree": "0"}
        height, width = size
        with quiet:
            stream = output.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, pix_fmt
            stream.time_base = tick_s
            context = stream.codec_context
            context.time_base = tick_s
            context.thread_count = _THREADS
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = colour
            if aspect is not None:
                context.sample_aspect_ratio = aspect
            try:
                context.open()
            except Exception as error:  # x264 has its own
                what = f"H.264 holds no frames of {width} x {height} pixels; reduce them first"
                raise ValueError(f"cannot write {quoted(path)}: {what}") from error
        self.stream: VideoStream = stream
        self._output, self._tick_s = output, tick_s
        self._lasting: dict[int, int] = {}  # how long each frame lasts that is inside the encoder

    def write(self, frame: "VideoFrame", at: int, lasts: int) -> None:
        """Encodes a frame that is shown at tick `at` for `lasts` of them.

        Raises:
            ValueError: that is longer than an MP4 can show one.
        """
        if lasts > LONGEST:
            most, lasts_s = float(LONGEST * self._tick_s), float(lasts * self._tick_s)
            raise ValueError(f"an MP4 shows a frame for at most {most:.0f} s, got {lasts_s:.0f} s; cut the video there")
        frame.pts, frame.time_base = at, self._tick_s
        self._lasting[at] = lasts
        with quiet:
            self._mux(self.stream.encode(frame))

    def finish(self) -> None:
        """Writes what waits inside the encoder."""
        with quiet:
            self._mux(self.stream.encode(None))

    def _mux(self, packets: "list[Packet[Any]]") -> None:
        for packet in packets:
            # Without it, the last frame would last as long as its player likes.
            packet.duration = self._lasting.pop(packet.pts or 0)
            self._output.mux(packet)


class ToBT709:
    """Makes full-range sRGB pictures what every player knows: 8 bits, 4:2:0, BT.709 in limited range."""

    def __init__(self) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._reformatter = VideoReformatter()
        exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        self._flags = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INP | exact

    def __call__(self, pixels: NDArray[np.uint8]) -> "VideoFrame":
        """A frame of uint8 (H, W, 3), of which the last column and row are repeated where it is odd."""
        from av.video.frame import VideoFrame

        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with quiet:
            frame = self._reformatter.reformat(
                VideoFrame.from_ndarray(even, format="rgb24"),
                format="yuv420p",
                dst_colorspace=BT709,
                src_color_range=FULL,
                dst_color_range=LIMITED,
                interpolation=self._flags,
            )
        frame.color_primaries = frame.color_trc = BT709
        return frame
