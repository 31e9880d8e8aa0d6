"""What a codec leaves of frames: H.264 there and back, in memory."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt.media.container import quiet


def recoded(frames: NDArray[np.uint8], *, quality: int, key_every: int) -> NDArray[np.uint8]:
    """Frames after having been H.264 of 4:2:0.

    Args:
        frames: (T, H, W, 3) uint8, sRGB; H and W of 16 or more.
        quality: x264's constant rate factor: 18 is hardly seen, 35 is coarse.
        key_every: frames from one that stands by itself to the next, at most.

    Returns:
        As many of the same size.
    """
    from av.codec.context import CodecContext
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    options = {"crf": str(quality), "preset": "veryfast", "g": str(key_every), "tune": "zerolatency"}
    with quiet:
        reformatter = VideoReformatter()
        encoder, decoder = CodecContext.create("libx264", "w"), CodecContext.create("h264", "r")
        assert isinstance(encoder, VideoCodecContext)
        assert isinstance(decoder, VideoCodecContext)
        encoder.thread_count = decoder.thread_count = 1
        encoder.width, encoder.height, encoder.pix_fmt = even.shape[2], even.shape[1], "yuv420p"
        encoder.options, encoder.time_base = options, Fraction(1, 25)
        packets = []
        for n, pixels in enumerate(even):
            frame = reformatter.reformat(VideoFrame.from_ndarray(pixels, format="rgb24"), format="yuv420p")
            frame.pts = n
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        shown = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
        levels: list[NDArray[Any]] = [reformatter.reformat(frame, format="rgb24").to_ndarray() for frame in shown]
        return np.stack(levels)[:, :height, :width]
