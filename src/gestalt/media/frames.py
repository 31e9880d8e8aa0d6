"""Clips that are made of pictures: a folder of frames, an animated GIF, PNG or WebP, a single picture.

`gestalt.media.video` is the way in for everyone else.
"""

import os
import re
from collections.abc import Generator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gestalt.media import image
from gestalt.media.atomic import AnyPath
from gestalt.media.container import video_refusal, words
from gestalt.media.video_info import SRGB, Picture, VideoInfo, fit

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pbm", ".qoi")
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"qoif", b"8BPS", b"\x01\xda")
_SHORT = re.compile(  # signatures so short that what follows has to fit: Netpbm, ICO, PCX
    rb"P[1-6fy][\s#]|\x00\x00\x01\x00[\x01-\x40]\x00.{3}\x00|\n[\x00\x02\x03\x05]\x01[\x01\x02\x04\x08]", re.DOTALL
)


def folder_info(folder: AnyPath, rate: Fraction) -> VideoInfo:
    """Describes a folder of frames; reads the first.

    Raises:
        ValueError: it holds no picture, or may not be read; or the first picture is refused.
    """
    paths = _paths(folder)
    first = image.read(paths[0])
    return _info(first.shape[2], first.shape[3], len(paths), float(len(paths) / rate), rate)


def folder_frames(folder: AnyPath, rate: Fraction, size: int | None, start_s: float) -> Generator[Picture, None, None]:
    """Every frame of a folder from `start_s` on, in the natural order of the names (2 before 10).

    Files that end in no picture format, and hidden ones, are left out.

    Args:
        folder: the folder.
        rate: frames per second.
        size: greatest length of the longer side, in pixels; larger frames are reduced.
        start_s: frames shown before are left out.

    Yields:
        Frames, uint8 (H, W, 3) each, with their times.

    Raises:
        ValueError: there is no picture, one is refused, or one has another size than the first.
    """
    paths = _paths(folder)
    full: tuple[int, int] | None = None
    for index, path in enumerate(paths):
        if index > 0 and float((index + 1) / rate) < start_s:  # the first one tells the size
            continue
        picture = image.read(path)
        shape = (picture.shape[2], picture.shape[3])
        full = full or shape
        if shape != full:
            what = f"has {shape[1]} x {shape[0]} pixels, but {os.path.basename(paths[0])!r} has {full[1]} x {full[0]}"
            raise video_refusal(path, what, "give all frames one size")
        yield _reduced(image.to_uint8(picture), size), float(index / rate), float(1 / rate)


def is_picture(path: AnyPath) -> bool:
    """Whether a file is one for `gestalt.media.image` by its first bytes, whatever its ending says."""
    with open(path, "rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":  # photos in the box of MP4; FFmpeg would give one tile of a HEIC
        return head[8:12] in {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis"}
    return head[8:12] == b"WEBP" or head.startswith(_SIGNATURES) or _SHORT.match(head) is not None


def picture_info(path: AnyPath) -> VideoInfo:
    """Describes a picture file by its first frame; how many more there are, only reading all of them tells.

    Raises:
        ValueError: `gestalt.media.image` refuses it.
    """
    frame, shown_s = next(image.read_frames(path))
    frames, duration_s, is_variable = (None, None, None) if shown_s > 0 else (1, 0.0, False)
    info = _info(frame.shape[2], frame.shape[3], frames, duration_s, None)
    return info._replace(is_variable=is_variable)


def picture_frames(path: AnyPath, size: int | None) -> Generator[Picture, None, None]:
    """The frames of an animated picture, or the one of a still picture.

    Yields:
        Frames, uint8 (H, W, 3) each, alpha over white, with their times since the first.

    Raises:
        ValueError: `gestalt.media.image` refuses it; a damaged frame is found when its turn comes.
    """
    time_s = 0.0
    for frame, shown_s in image.read_frames(path):
        yield _reduced(image.to_uint8(frame), size), time_s, shown_s
        time_s += shown_s


def _paths(folder: AnyPath) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise video_refusal(folder, f"may not be read ({words(error)})", "change its permissions") from error
    names = [name for name in names if name.lower().endswith(_ENDINGS) and not name.startswith(".")]
    if not names:
        raise video_refusal(folder, "is a folder without pictures", "name the folder with the frames")
    return [os.path.join(folder, name) for name in sorted(names, key=_natural)]


def _natural(name: str) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.split(r"([0-9]+)", name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], name


def _info(height: int, width: int, frames: int | None, duration_s: float | None, rate: Fraction | None) -> VideoInfo:
    return VideoInfo(width, height, frames, duration_s, rate, False, 0, False, Fraction(1), False, SRGB)


def _reduced(pixels: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    height, width = fit(pixels.shape[0], pixels.shape[1], size)
    if (height, width) == pixels.shape[:2]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
