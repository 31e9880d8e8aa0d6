"""Videos as the world makes them: odd ones that must be read, bad ones that must be refused in one sentence.

Everything is made on the spot, most of it by PyAV. As in `media.hostile`, `ODD_BUT_VALID` and `BAD` are for any
test that feeds videos to the program.
"""

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from media.hostile import BLUE, GREEN, RED, Colour, file, plain, textured, unix_socket

Frames = NDArray[np.uint8]
GREY = (128, 128, 128)
FULL, LIMITED = 2, 1
BT709, BT601, BT2020 = 1, 6, 9
DARK = (60, 60, 60)


@dataclass(frozen=True)
class VideoCase:
    """One video.

    Attributes:
        name: unique; the test's id.
        make: makes it in an existing empty folder, returns its path.
        size: the (H, W) to expect, for valid videos.
        times_s: the times to expect, for valid videos; three frames at 0, 1/10, 2/10 s unless told.
        corner: the colour (R, G, B) to expect in the top left corner of the first frame.
        tolerance: how far each channel may be from `corner`, in levels.
        says: for bad videos, a part of the sentence.
    """

    name: str
    make: Callable[[Path], Path]
    size: tuple[int, int] = (32, 48)
    times_s: tuple[float, ...] = (0.0, 0.1, 0.2)
    corner: Colour | None = RED
    tolerance: float = 4
    says: str = ""


# -- bricks ------------------------------------------------------------------------------------------------


def cornered(count: int = 3, height: int = 32, width: int = 48) -> Frames:
    """uint8 (count, H, W, 3): top left quarter red, top right green, the rest blue."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = BLUE
    frames[:, : height // 2, : width // 2] = RED
    frames[:, : height // 2, width // 2 :] = GREEN
    return frames


def solid(colour: Colour, count: int = 3, height: int = 32, width: int = 48) -> Frames:
    return np.full((count, height, width, 3), colour, np.uint8)


def numbered(count: int, height: int = 16, width: int = 64) -> Frames:
    """Frames that show their number, in 8-pixel wide stripes: black for 0, white for 1, the lowest bit first."""
    stripes = np.arange(width) // 8
    bits = np.arange(count)[:, None] >> stripes & 1
    return np.broadcast_to((bits * 255).astype(np.uint8)[:, None, :, None], (count, height, width, 3)).copy()


def numbers(frames: Frames) -> list[int]:
    """The numbers that frames of `numbered` show."""
    bits = frames[:, frames.shape[1] // 2, 4::8, 1] > 127
    return (bits << np.arange(bits.shape[1])).sum(axis=1).tolist()


def encode(
    path: Path,
    frames: Frames,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    matrix: int = BT601,
    colour_range: int = LIMITED,
    is_tagged: bool = True,
    times_s: Sequence[float] | None = None,
    tick_s: Fraction = Fraction(1, 10),
    options: dict[str, str] | None = None,
    rotation: float | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    container: dict[str, str] | None = None,
    sound_s: float = 0.0,
    sound: str = "aac",
) -> Path:
    """Encodes frames (T, H, W, 3), ten a second unless `times_s` are given; the ending says the container."""
    with av.open(path, "w", options=container or {}) as output:
        stream: Any = output.add_stream(codec, rate=round(1 / tick_s), options=options or {})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pix_fmt
        stream.time_base = stream.codec_context.time_base = tick_s
        if is_tagged:
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colour_range
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        voice: Any = output.add_stream(sound, rate=48000) if sound_s else None
        if voice:
            voice.codec_context.layout = "stereo"
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format=pix_fmt,
                dst_colorspace={BT709: 1, BT601: 5, BT2020: 9}[matrix],
                src_color_range=FULL,
                dst_color_range=colour_range,
                interpolation="AREA",
            )
            if not is_tagged:
                frame.colorspace, frame.color_range = 2, 0
            time_s = index * 0.1 if times_s is None else times_s[index]
            frame.pts, frame.time_base = round(time_s / tick_s), tick_s
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if voice:
            for piece in tone(sound_s, voice):
                output.mux(voice.encode(piece))
            output.mux(voice.encode(None))
    return path


def chirp(seconds: float, rate: int = 48000) -> NDArray[np.float32]:
    """float32 (2, N): a tone that rises on the left and falls on the right, so that no two moments are alike."""
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([np.sin(2 * np.pi * (300 + 400 * way * time) * time) / 2 for way in (1, -0.2)]).astype(np.float32)


def tone(seconds: float, stream: Any) -> list[av.AudioFrame]:
    """`chirp` in the pieces that the encoder of `stream` takes."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chirp(seconds)), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    context = stream.codec_context
    if not context.is_open:
        context.open()
    split = av.AudioResampler(context.format, context.layout, context.rate, frame_size=context.frame_size or None)
    return [*split.resample(frame), *split.resample(None)]


def sounding(path: Path, codec: str, seconds: float = 1.0) -> Path:
    """A file of sound alone."""
    with av.open(path, "w") as output:
        stream: Any = output.add_stream(codec, rate=48000)
        stream.codec_context.layout = "stereo"
        for piece in tone(seconds, stream):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return path


def made(name: str, frames: Callable[[], Frames] = cornered, **options: Any) -> Callable[[Path], Path]:
    return lambda folder: encode(folder / name, frames(), **options)


def animation(
    name: str, kind: str, pictures: Callable[[], list[Image.Image]], **options: Any
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        first, *rest = pictures()
        first.save(folder / name, kind, save_all=True, append_images=rest, **options)
        return folder / name

    return make


def changed(name: str, change: Callable[[bytes], bytes], **options: Any) -> Callable[[Path], Path]:
    """A good video of ten textured frames, with its bytes changed."""

    def make(folder: Path) -> Path:
        path = encode(folder / name, textures(), **options)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def textures(count: int = 10) -> Frames:
    """Frames that do not compress to nothing, so that they can be cut in the middle."""
    return np.random.default_rng(0).integers(0, 256, (count, 32, 48, 3), dtype=np.uint8)


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


# -- odd, but valid ----------------------------------------------------------------------------------------


def _written(folder: Path, *names: str) -> Path:
    """A folder of pictures whose red level is their place in the order of names given."""
    (folder / "frames").mkdir()
    for index, name in enumerate(names):
        plain(colour=(index, 60, 30)).save(folder / "frames" / name)
    return folder / "frames"


def natural_folder(folder: Path) -> Path:
    """The frames 2, 9 and 10, and things that are no frames."""
    frames = _written(folder, "frame2.png", "Frame9.png", "frame10.PNG")
    (frames / "notes.txt").write_text("no picture")
    (frames / ".hidden.png").write_bytes(b"no picture")
    return frames


def transparent_gif() -> list[Image.Image]:
    """A red square, then a green one elsewhere; what is not drawn is transparent, and nothing stays."""
    frames = []
    for left, colour in ((0, RED), (24, GREEN), (0, BLUE)):
        frame = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
        frame.paste((*colour, 255), (left, 0, left + 24, 16))
        frames.append(frame)
    return frames


def squares() -> list[Image.Image]:
    return [plain(size=(48, 32), colour=colour) for colour in (RED, GREEN, BLUE)]


def half_clear() -> list[Image.Image]:
    return [Image.new("RGBA", (48, 32), (*colour, 128)) for colour in (RED, GREEN, BLUE)]


def raw_h264(folder: Path) -> Path:
    """Frames as the encoder makes them, in no container: nothing says when they are shown, but the rate."""
    with av.open(folder / "a.h264", "w", format="h264") as output:
        stream: Any = output.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = BT601, LIMITED
        for pixels in cornered():
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p", interpolation="AREA")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return folder / "a.h264"


def tail_of_zeros(data: bytes) -> bytes:
    return data + bytes(1000)


def linked(folder: Path) -> Path:
    encode(folder / "target.mp4", cornered())
    (folder / "link.mp4").symlink_to("target.mp4")
    return folder / "link.mp4"


def turned(degrees: int, name: str = "a.mp4", mirrored: bool = False) -> Callable[[Path], Path]:
    """`cornered` stored so that the display matrix, which turns counter-clockwise, makes it upright."""

    def frames() -> Frames:
        upright = cornered()
        stored = np.rot90(upright, -degrees // 90, axes=(1, 2))
        return np.ascontiguousarray(stored if not mirrored else stored[:, :, ::-1])

    return lambda folder: encode(folder / name, frames(), rotation=degrees, mirrored=mirrored)


_NTSC = tuple(float(Fraction(1001 * index, 30000)) for index in range(3))
_HOURS = (0.0, 3600.0, 7200.0)
_VARIABLE = (0.0, 0.04, 0.0812345, 0.2, 1.0)
_MICROSECOND = Fraction(1, 1_000_000)

ODD_BUT_VALID: list[VideoCase] = [
    # times
    VideoCase("one_frame", made("a.mp4", lambda: cornered(1)), times_s=(0.0,)),
    VideoCase("two_frames", made("a.mp4", lambda: cornered(2)), times_s=(0.0, 0.1)),
    VideoCase("ntsc", made("a.mp4", times_s=_NTSC, tick_s=Fraction(1, 30000), options={"bf": "0"}), times_s=_NTSC),
    VideoCase(
        "variable_rate",
        made("a.mp4", lambda: cornered(5), times_s=_VARIABLE, tick_s=_MICROSECOND, options={"bf": "0"}),
        times_s=_VARIABLE,
    ),
    VideoCase(
        "starts_late",
        made("a.mp4", times_s=(5.0, 5.1, 5.2), tick_s=Fraction(1, 1000), options={"bf": "0"}),
    ),
    VideoCase(  # what lies before 0 is hidden by an edit list
        "negative_times",
        made(
            "a.mp4",
            lambda: cornered(5),
            times_s=(-0.2, -0.1, 0.0, 0.1, 0.2),
            tick_s=Fraction(1, 1000),
            options={"bf": "0"},
        ),
    ),
    VideoCase(
        "b_frames",
        made("a.mp4", lambda: cornered(9), options={"bf": "3", "b-adapt": "0"}),
        times_s=tuple(index / 10 for index in range(9)),
    ),
    VideoCase(
        "b_frames_in_avi",
        made("a.avi", lambda: cornered(9), options={"bf": "3", "b-adapt": "0"}),
        times_s=tuple(index / 10 for index in range(9)),
    ),
    VideoCase("no_times", raw_h264, times_s=(0.0, 0.04, 0.08)),
    VideoCase(
        "hours_apart",
        made("a.mp4", times_s=_HOURS, tick_s=Fraction(1, 1000), options={"bf": "0"}),
        times_s=_HOURS,
    ),
    VideoCase(
        "microseconds_apart",
        made("a.mp4", times_s=(0.0, 1e-6, 2e-6), tick_s=_MICROSECOND, options={"bf": "0"}),
        times_s=(0.0, 1e-6, 2e-6),
    ),
    # sizes and shapes
    VideoCase("odd_size", made("a.mkv", lambda: cornered(3, 17, 33), pix_fmt="yuv444p"), (17, 33)),
    VideoCase("odd_size_420", made("a.avi", lambda: cornered(3, 17, 33), codec="mpeg4"), (17, 33), tolerance=8),
    VideoCase("one_row", made("a.mkv", lambda: solid(RED, 3, 1, 64), codec="ffv1"), (1, 64)),
    VideoCase("two_pixels", made("a.mkv", lambda: solid(RED, 3, 2, 2), codec="ffv1"), (2, 2)),
    VideoCase(
        "eight_k",
        made("a.avi", lambda: cornered(1, 4320, 7680), codec="mjpeg", pix_fmt="yuvj420p", colour_range=FULL),
        (4320, 7680),
        (0.0,),
        tolerance=8,
    ),
    VideoCase("turned_90", turned(90)),
    VideoCase("turned_180", turned(180)),
    VideoCase("turned_270", turned(270)),
    VideoCase("turned_90_mov", turned(90, "a.mov")),
    VideoCase("mirrored", turned(0, mirrored=True)),
    VideoCase("wide_pixels", made("a.mp4", aspect=Fraction(4, 3)), (32, 64)),
    VideoCase("narrow_pixels", made("a.mp4", aspect=Fraction(1, 2)), (64, 48)),
    VideoCase("nearly_square_pixels", made("a.mp4", aspect=Fraction(64, 63)), (32, 48)),
    # colours
    VideoCase("bt709", made("a.mp4", matrix=BT709)),
    VideoCase("bt2020", made("a.mp4", matrix=BT2020)),
    VideoCase("untagged", made("a.mp4", is_tagged=False)),
    VideoCase(
        "untagged_high", made("a.mp4", lambda: cornered(1, 720, 64), matrix=BT709, is_tagged=False), (720, 64), (0.0,)
    ),
    VideoCase("full_range", made("a.mp4", pix_fmt="yuvj420p", colour_range=FULL)),
    VideoCase(
        "full_range_ten_bits",
        made("a.mp4", lambda: solid(DARK), pix_fmt="yuv420p10le", colour_range=FULL),
        corner=DARK,
    ),
    VideoCase("ten_bits", made("a.mp4", pix_fmt="yuv420p10le", matrix=BT2020)),
    VideoCase("grey_coded", made("a.mp4", lambda: solid(GREY), pix_fmt="gray", colour_range=FULL), corner=GREY),
    VideoCase(
        "grey_full_range",
        made("a.mkv", lambda: solid(DARK), codec="ffv1", pix_fmt="gray", colour_range=FULL),
        corner=DARK,
        tolerance=0,
    ),
    VideoCase(  # in limited range, the stored number 60 is (60 - 16) * 255 / 219
        "grey_limited_range",
        made("a.mkv", lambda: solid(DARK), codec="ffv1", pix_fmt="gray"),
        corner=(51, 51, 51),
        tolerance=0,
    ),
    VideoCase("rgb_coded", made("a.mkv", codec="ffv1", pix_fmt="bgr0"), tolerance=0),
    VideoCase("alpha_opaque", made("a.mov", codec="qtrle", pix_fmt="argb"), tolerance=0),
    # containers and codings
    VideoCase("matroska", made("a.mkv", tick_s=Fraction(1, 1000), options={"bf": "0"})),
    VideoCase("webm", made("a.webm", codec="libvpx", options={"cpu-used": "8", "crf": "4", "b": "4M"}), tolerance=8),
    VideoCase("webm_live", made("a.webm", codec="libvpx", options={"b": "4M"}, container={"live": "1"}), tolerance=16),
    VideoCase("avi", made("a.avi", codec="mpeg4", options={"qscale": "1"}), tolerance=16),
    VideoCase("transport_stream", made("a.ts")),
    VideoCase("flash", made("a.flv")),
    VideoCase("fragmented", made("a.mp4", container={"movflags": "frag_keyframe+empty_moov"})),
    VideoCase("with_sound", made("a.mp4", sound_s=0.3)),
    VideoCase(
        "tail_of_zeros", changed("a.mp4", tail_of_zeros, codec="mpeg4"), times_s=tuple(np.arange(10) / 10), corner=None
    ),
    # pictures
    VideoCase("gif", animation("a.gif", "GIF", squares, duration=100, loop=0)),
    VideoCase("gif_durations", animation("a.gif", "GIF", squares, duration=[40, 250, 30]), times_s=(0.0, 0.04, 0.29)),
    VideoCase("gif_hurried", animation("a.gif", "GIF", squares, duration=[0, 20, 30]), times_s=(0.0, 0.1, 0.12)),
    VideoCase("gif_transparent", animation("a.gif", "GIF", transparent_gif, duration=100, disposal=2)),
    VideoCase("webp", animation("a.webp", "WEBP", squares, duration=100, lossless=True), tolerance=0),
    VideoCase(
        "webp_half_clear", animation("a.webp", "WEBP", half_clear, duration=100, lossless=True), corner=(255, 127, 127)
    ),
    VideoCase("animated_png", animation("a.png", "PNG", squares, duration=100), tolerance=0),
    VideoCase("still_png", lambda folder: _written(folder, "a.png") / "a.png", (8, 12), (0.0,), (0, 60, 30)),
    VideoCase("still_jpeg", lambda folder: _written(folder, "a.jpg") / "a.jpg", (8, 12), (0.0,), (0, 60, 30)),
    VideoCase("folder", natural_folder, (8, 12), (0.0, 0.1, 0.2), (0, 60, 30), 0),
    # names
    VideoCase("wrong_ending", lambda folder: encode(folder / "a.mkv", cornered()).rename(folder / "a.avi")),
    VideoCase("no_ending", lambda folder: encode(folder / "a.mp4", cornered()).rename(folder / "video")),
    VideoCase(
        "gif_called_mp4",
        lambda folder: animation("a.gif", "GIF", squares, duration=100)(folder).rename(folder / "a.mp4"),
    ),
    VideoCase(
        "pattern_in_name", lambda folder: encode(folder / "a.mp4", cornered()).rename(folder / "100%03d it's.mp4")
    ),
    VideoCase("symbolic_link", linked),
]


# -- bad ---------------------------------------------------------------------------------------------------


def mixed_folder(folder: Path) -> Path:
    frames = _written(folder, "1.png", "2.png")
    plain(size=(20, 10)).save(frames / "3.png")
    return frames


def broken_folder(folder: Path) -> Path:
    frames = _written(folder, "1.png")
    (frames / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return frames


def empty_folder(folder: Path) -> Path:
    (folder / "clip.mp4").mkdir()
    (folder / "clip.mp4" / "notes.txt").write_text("no picture")
    return folder / "clip.mp4"


def dangling(folder: Path) -> Path:
    (folder / "a.mp4").symlink_to("gone.mp4")
    return folder / "a.mp4"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def without_frames(folder: Path) -> Path:
    """An MP4 whose index lists a video track of no frame."""
    with av.open(folder / "a.mp4", "w") as output:
        stream: Any = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        output.start_encoding()
    return folder / "a.mp4"


def music_with_cover(folder: Path) -> Path:
    """The one video stream of an M4A is the picture on its sleeve."""
    cover = encode(folder / "cover.mkv", cornered(1), codec="mjpeg", pix_fmt="yuvj420p", colour_range=FULL)
    path = folder / "a.m4a"
    with av.open(cover) as source, av.open(path, "w", format="mp4") as output:
        voice: Any = output.add_stream("aac", rate=48000)
        voice.codec_context.layout = "stereo"
        picture: Any = output.add_stream_from_template(source.streams.video[0])
        picture.disposition = Disposition.attached_pic
        for piece in tone(0.2, voice):
            output.mux(voice.encode(piece))
        output.mux(voice.encode(None))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                output.mux(packet)
    return path


def png_without_a_frame(folder: Path) -> Path:
    """An animated PNG that announces three frames and holds two, well ended."""
    path = animation("a.png", "PNG", squares, duration=100)(folder)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"fcTL") - 4] + data[data.rindex(b"IEND") - 4 :])
    return path


def scratched_frame(data: bytes) -> bytes:
    """A few bytes in the middle of the frames; decoders would paint over what they do not understand."""
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    middle = (start + end) // 2
    return data[:middle] + b"\xff" * 40 + data[middle + 40 :]


def without_index(data: bytes) -> bytes:
    """As a camera leaves it that lost its battery: frames, but no list of them."""
    return data[: data.index(b"moov") - 4]


def header_of_a_giant(data: bytes) -> bytes:
    """An AVI that announces frames of 60000 x 60000 pixels, and holds small ones."""
    for side in (32, -32):
        data = data.replace(struct.pack("<ii", 48, side), struct.pack("<ii", 60000, 60000))
    return data


def damaged_frames(data: bytes) -> bytes:
    """The second half of the frames overwritten, as by a bad disk; the index at the end is whole."""
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    middle = (start + end) // 2
    noise = np.random.default_rng(0).integers(0, 256, end - middle, dtype=np.uint8).tobytes()
    return data[:middle] + noise + data[end:]


def zeroed_frames(data: bytes) -> bytes:
    """As a download in pieces leaves it: the right length, the last pieces empty."""
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    middle = (start + end) // 2
    return data[:middle] + bytes(end - middle) + data[end:]


_FTYP = struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isomavc1"
_NOISE = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()
_FAST = {"movflags": "faststart"}
_CUT = "cut short"

BAD: list[VideoCase] = [
    # not a file
    VideoCase("missing", lambda folder: folder / "missing.mp4", says="does not exist"),
    VideoCase("missing_folder", lambda folder: folder / "nowhere" / "a.mp4", says="does not exist"),
    VideoCase("dangling_link", dangling, says="is a link to a missing file"),
    VideoCase("folder_without_pictures", empty_folder, says="is a folder without pictures"),
    VideoCase("named_pipe", fifo, says="is a named pipe"),
    VideoCase("socket", unix_socket, says="is a socket"),
    VideoCase("device", lambda _: Path("/dev/zero"), says="is a device"),
    VideoCase("name_too_long", lambda folder: folder / ("x" * 300 + ".mp4"), says="cannot be opened"),
    VideoCase("address", lambda _: Path("http:/example.org/a.mp4"), says="does not exist"),
    # not a video
    VideoCase("empty", file("a.mp4", b""), says="is empty"),
    VideoCase("one_byte", file("a.mp4", b"\0")),
    VideoCase("text", file("a.mp4", b"Dear reader,\nthis is no video.\n"), says="is a text file"),
    VideoCase("text_called_txt", file("a.txt", b"Dear reader,\nthis is no video.\n" * 20), says="is a text file"),
    VideoCase("playlist", file("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), says="is a text file"),
    VideoCase("joined", file("a.ffconcat", b"ffconcat version 1.0\nfile a.mp4\n"), says="is a text file"),
    VideoCase("web_page", file("a.mp4", b"<!DOCTYPE html>\n<html>404</html>"), says="is a web page"),
    VideoCase("git_lfs_pointer", file("a.mp4", b"version https://git-lfs.github.com/spec/v1\n"), says="Git LFS"),
    VideoCase("heic", file("a.mp4", struct.pack(">I", 24) + b"ftypheic" + bytes(500)), says="HEIC photo"),
    VideoCase("noise", file("a.mp4", _NOISE), says="is neither a video nor a picture of any known kind"),
    VideoCase("noise_after_ftyp", file("a.mp4", _FTYP + _NOISE), says="is a video without its index"),
    VideoCase(
        "noise_as_mdat", file("a.mp4", _FTYP + struct.pack(">I", 5008) + b"mdat" + _NOISE), says="without its index"
    ),
    VideoCase("matroska_head_only", file("a.mkv", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01" + bytes(500))),
    # no pictures that move
    VideoCase("sound_only", lambda folder: sounding(folder / "a.m4a", "aac", 0.2), says="holds sound only"),
    VideoCase("wave", lambda folder: sounding(folder / "a.wav", "pcm_s16le", 0.2), says="holds sound only"),
    VideoCase("music_with_cover", music_with_cover, says="holds sound only"),
    VideoCase("no_frame", without_frames),
    # cut short and damaged
    VideoCase("index_missing", changed("a.mp4", without_index), says="without its index"),
    VideoCase("mp4_cut_before_index", changed("a.mp4", half), says=_CUT),
    VideoCase("mp4_cut_after_index", changed("a.mp4", half, container=_FAST), says="whole frames"),
    VideoCase("mp4_cut_late", changed("a.mp4", lambda data: data[:-1], container=_FAST), says="with 9 whole frames"),
    VideoCase("matroska_cut", changed("a.mkv", half), says="whole frames"),
    VideoCase("webm_cut", changed("a.webm", half, codec="libvpx", options={"b": "4M"}), says="whole frames"),
    VideoCase("avi_cut", changed("a.avi", half, codec="mpeg4"), says="whole frames"),
    VideoCase("giant", changed("a.avi", header_of_a_giant, codec="rawvideo", pix_fmt="bgr24"), says="0 good frames"),
    VideoCase("mp4_damaged", changed("a.mp4", damaged_frames, options={"bf": "0"}), says="good frames"),
    VideoCase("mp4_scratched", changed("a.mp4", scratched_frame, codec="mpeg4"), says="good frames"),
    VideoCase("mp4_zeroed", changed("a.mp4", zeroed_frames, options={"bf": "0"}), says="good frames"),
    VideoCase("gif_cut", lambda folder: cut_picture(folder, "a.gif", "GIF", 0.7), says=_CUT),
    VideoCase("gif_without_end", lambda folder: cut_picture(folder, "a.gif", "GIF", 1.0), says="after 3 whole frames"),
    VideoCase("webp_cut", lambda folder: cut_picture(folder, "a.webp", "WEBP", 0.7), says=_CUT),
    VideoCase("animated_png_without_a_frame", png_without_a_frame, says="after 2 whole frames"),
    VideoCase("animated_png_cut", lambda folder: cut_picture(folder, "a.png", "PNG", 0.7), says=_CUT),
    # folders
    VideoCase("mixed_sizes", mixed_folder, says="has 20 x 10 pixels, but '1.png' has 12 x 8"),
    VideoCase("broken_frame", broken_folder, says="is a PNG that is damaged"),
]


def cut_picture(folder: Path, name: str, kind: str, keep: float) -> Path:
    """An animation of three textured frames, and of it only a part; of all, the last byte is left out."""
    noise = [Image.fromarray(255 - np.asarray(textured())) if index % 2 else textured() for index in range(3)]
    path = animation(name, kind, lambda: noise, duration=100)(folder)
    data = path.read_bytes()
    path.write_bytes(data[: min(int(len(data) * keep), len(data) - 1)])
    return path
