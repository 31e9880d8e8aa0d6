"""Picture files to tensors and back.

`read` takes what cameras, phones, scanners, microscopes and browsers leave behind, and gives one thing:
float32 (1, 3, H, W) in [-1, 1], sRGB, upright. On the way, in this order:

1. The content decides the format, never the ending. Of several frames or pages the first is taken.
2. Grey of more than 8 bits keeps its depth. Black is 0 and white is 65535 (16 bits, and integers of 32 bits),
   4095 (12 bits) or 1 (floats); where a value lies outside, the picture's own minimum and maximum become
   black and white, and a constant picture becomes middle grey. TIFFs whose zero is white are turned around.
   Colour of 16 bits a channel is reduced to 8 bits, which is all that Pillow gives.
3. Colours go to sRGB through the embedded ICC profile. A profile that is broken or made for other channels is
   ignored; one that is sRGB itself leaves every value exactly as it was. CMYK without a profile is converted
   by the plain formula, (1 - C)(1 - K).
4. Alpha, and the transparent colour of a palette or of a PNG, is composited over white.
5. The picture is turned as its EXIF orientation says.

JPEG 2000 is not read: its decoder may leave out what is missing from a file and not tell.
"""

import functools
import io
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms
from torch import Tensor

from gestalt.media import atomic
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.signatures import identify
from gestalt.media.silence import silence

MAX_PIXELS = 178_956_970
"""The largest picture that `read` takes by default, in pixels; Pillow refuses from here, too."""

# A closed list: of Pillow's other decoders, some start programs (EPS), and some have no signature to know a
# file by (TGA).
_LOADED_FIRST = ("PNG", "JPEG", "GIF", "BMP", "PPM")  # the rest costs Pillow 0.15 s once
_READABLE = (*_LOADED_FIRST, "TIFF", "WEBP", "AVIF", "DIB", "ICO", "PCX", "PSD", "QOI", "SGI")

_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # elsewhere, more pictures in a file are pages or previews
_HURRIED, _UNHURRIED = 10.0, 100.0  # milliseconds

_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


# -- files to tensors --------------------------------------------------------------------------------------


def read(path: AnyPath, *, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Reads any common picture file as an upright sRGB picture.

    Args:
        path: the file; its ending does not matter.
        max_pixels: larger pictures are refused before they are decoded. Pillow's own limit (twice
            `PIL.Image.MAX_IMAGE_PIXELS`) holds besides.

    Returns:
        float32 (1, 3, H, W) in [-1, 1], aspect kept; see the top of this module for each kind of file.

    Raises:
        ValueError: the file is missing, no readable regular file, no picture, damaged, cut short, too large,
            or holds NaN or infinite values; one sentence says which, and what to do.
    """
    with _open(path) as file, silence:
        picture = _decode(file, path, max_pixels)
        image = _wide_grey(picture, path) if _is_wide_grey(picture) else _eight_bit(picture)
        return _upright(image, _orientation(picture))


def read_frames(path: AnyPath, *, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[Tensor, float]]:
    """Reads an animated GIF, PNG, WebP or AVIF frame by frame; any other picture is one frame.

    Each frame is what is to be seen then: drawn over the ones before as the file says, then over white.

    Args:
        path: the file; its ending does not matter.
        max_pixels: as for `read`, for one frame.

    Yields:
        float32 (1, 3, H, W) in [-1, 1], and for how many seconds it is shown. A time of 10 ms or less becomes
        0.1 s, as in every browser; a picture that does not move has 0.

    Raises:
        ValueError: as `read`; a damaged frame is found when its turn comes.
    """
    with _open(path) as file:
        with silence:
            picture = _decode(file, path, max_pixels)
            moves = picture.format in _ANIMATED and getattr(picture, "is_animated", False)
        index = 0
        while True:
            with silence:
                if index > 0 and not _next_frame(picture, file, path, index):
                    return
                frame = _wide_grey(picture, path) if _is_wide_grey(picture) else _eight_bit(picture)
                frame = _upright(frame, _orientation(picture))
                milliseconds = float(picture.info.get("duration") or 0.0)
            if not moves:
                yield frame, 0.0
                return
            yield frame, (milliseconds if milliseconds > _HURRIED else _UNHURRIED) / 1000
            index += 1


def _next_frame(picture: Image.Image, file: BinaryIO, path: AnyPath, index: int) -> bool:
    """Decodes one more frame in place; False after the last one."""
    try:
        picture.seek(index)
        picture.load()
        return True
    except EOFError as error:
        if picture.format != "GIF":
            return False
        file.seek(max(0, file.tell() - 1))  # a GIF does not say how many frames it has, but marks its end
        if file.read(1) == b";":
            return False
        what = f"is cut short after {index} whole frames"
        raise _refusal(path, what, "copy or download it again") from error
    except Exception as error:  # on damaged bytes, decoders raise almost anything
        what = f"is damaged or cut short after {index} whole frames ({_words(error)})"
        raise _refusal(path, what, "copy or download it again") from error


def _open(path: AnyPath) -> BinaryIO:
    """Opens a regular file; looks before it opens, since to open a pipe is to wait for its other end."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "is a link to a missing file" if os.path.islink(path) else "does not exist"
        raise _refusal(path, what, "check the path") from error
    except PermissionError as error:
        raise _refusal(path, "may not be read by this user", "change its permissions or copy it") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _refusal(path, f"cannot be opened ({_words(error)})", "check the path") from error
    if stat.S_ISDIR(mode):
        raise _refusal(path, "is a folder", "name one file in it")
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise _refusal(path, f"is {kind}", "save the picture to a file first")


def _decode(file: BinaryIO, path: AnyPath, max_pixels: int) -> Image.Image:
    """The first frame, decoded, in the file's own mode; every failure of a decoder becomes one sentence."""
    head = file.read(4096)
    if not head:
        raise _refusal(path, "is empty", "copy or download it again")
    try:
        picture = Image.open(file, formats=_READABLE)
        fits = picture.width * picture.height <= max_pixels
        if fits:
            picture.load()
    except Image.DecompressionBombError as error:
        what = "has more pixels than Pillow decodes (see PIL.Image.MAX_IMAGE_PIXELS)"
        raise _refusal(path, what, "reduce it first") from error
    except MemoryError as error:
        raise _refusal(path, "does not fit in the memory", "reduce it first") from error
    except Image.UnidentifiedImageError as error:
        raise _refusal(path, *identify(head)) from error
    except Exception as error:  # on damaged bytes, decoders raise almost anything
        if "MAX_TEXT" in str(error):
            what = "holds more text, or a larger profile, than Pillow reads"
            raise _refusal(path, what, "save it again without metadata") from error
        what = f"is damaged or cut short ({_words(error)})"
        raise _refusal(path, what, "copy or download it again") from error
    if not fits:
        what = f"has {picture.width} x {picture.height} pixels, more than the limit of {max_pixels}"
        raise _refusal(path, what, "reduce it first, or raise the limit (max_pixels)")
    return picture


def _refusal(path: AnyPath, what: str, advice: str) -> ValueError:
    return ValueError(f"{quoted(path)} {what}; expected a picture such as PNG, JPEG, TIFF or WebP: {advice}")


def _words(error: BaseException) -> str:
    """What a decoder or the system said, as a short part of a sentence."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return " ".join(text.split()).replace(". ", ", ").rstrip(".")[:80]


# -- pixels to sRGB ----------------------------------------------------------------------------------------


def _eight_bit(picture: Image.Image) -> Tensor:
    """Any mode of up to 8 bits a channel, as (1, 3, H, W) in [-1, 1]."""
    profile = picture.info.get("icc_profile")
    if not picture.has_transparency_data:
        return from_uint8(np.asarray(_to_srgb(picture, profile)))
    grey = picture.mode in {"1", "L", "LA", "La"}
    straight = picture.convert("LA" if grey else "RGBA")
    colour = _to_srgb(straight.convert("L" if grey else "RGB"), profile).convert("RGB")
    return from_uint8(np.dstack([np.asarray(colour), np.asarray(straight.getchannel("A"))]))


def _is_wide_grey(picture: Image.Image) -> bool:
    return picture.mode in {"I", "F"} or picture.mode.startswith("I;")


def _wide_grey(picture: Image.Image, path: AnyPath) -> Tensor:
    """Grey of 12, 16 or 32 bits, or floats, as (1, 3, H, W) in [-1, 1]; point 2 of the module's docstring."""
    values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        raise _refusal(path, "holds NaN or infinite values", "replace them and save it again")
    key = picture.info.get("transparency")  # PNG: the one value that is transparent
    transparent = values == key if isinstance(key, int) else None

    tags: Any = getattr(picture, "tag_v2", {})  # TIFF only
    black, white = 0.0, 1.0 if picture.mode == "F" else 4095.0 if tags.get(_TIFF_BITS) == (12,) else 65535.0
    if values.min() < black or values.max() > white:
        black, white = float(values.min()), float(values.max())
    values = (values - black) / (white - black) if white > black else np.full_like(values, 0.5)
    if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = 1.0 - values

    curve = _grey_curve(picture.info.get("icc_profile"))
    if curve is not None:
        values = np.interp(values, np.linspace(0.0, 1.0, 256), np.divide(curve, 255.0))
    if transparent is not None:
        values[transparent] = 1.0
    return torch.from_numpy((values * 2.0 - 1.0).astype(np.float32)).repeat(1, 3, 1, 1)


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture without alpha in sRGB: mode L where it is grey, RGB otherwise."""
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in {"L", "RGB", "CMYK"}:  # palettes, YCbCr, LAB, HSV
        picture = picture.convert("RGB")
    if picture.mode == "L":
        curve = _grey_curve(profile)
        return picture.point(curve) if curve is not None else picture
    transform = _transform(profile, picture.mode)
    return transform.apply(picture) if transform is not None else picture.convert("RGB")


@functools.lru_cache(maxsize=16)  # all pictures of one camera have one profile
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from `mode` (L, RGB, CMYK) to sRGB; None where the profile is of no use or changes nothing."""
    if not profile:
        return None
    try:
        source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"L": "GRAY"}.get(mode, mode):
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode == "RGB":
        # Most profiles are sRGB. Through the colour engine and back, values would still move by one level.
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        moved = np.asarray(transform.apply(Image.fromarray(cube))).astype(int) - cube
        if np.abs(moved).max() <= 1:
            return None
    return transform


@functools.lru_cache(maxsize=16)
def _grey_curve(profile: bytes | None) -> list[int] | None:
    """Where each of the 256 greys goes in sRGB; None where the profile is of no use or changes nothing.

    Grey pictures come with grey profiles, and as often with RGB ones. Either way grey stays neutral.
    """
    ramp = np.arange(256, dtype=np.uint8)[None]
    for mode in ("L", "RGB"):
        transform = _transform(profile, mode)
        if transform is not None:
            curve = np.asarray(transform.apply(Image.fromarray(ramp).convert(mode)))[:, :, 1]
            return curve[0].tolist() if np.abs(curve.astype(int) - ramp).max() > 1 else None
    return None


def _orientation(picture: Image.Image) -> Any:
    """The EXIF orientation: 1 (upright) to 8. Pillow has turned TIFFs already, and gives 1 for them."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block, which fails in many ways, must not cost the picture
        return 1


def _upright(image: Tensor, orientation: Any) -> Tensor:
    """Undoes the camera's turn: 5 to 8 swap the axes, and each of 2 to 8 then mirrors none, one or both."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(2, 3)
    mirrored = {2: [3], 3: [2, 3], 4: [2], 6: [3], 7: [2, 3], 8: [2]}.get(orientation, [])
    return image.flip(mirrored).contiguous()


# -- tensors to files --------------------------------------------------------------------------------------


class _Encoding(NamedTuple):
    format: str  # Pillow's name
    options: dict[str, Any]
    max_side: int  # pixels
    has_alpha: bool


_PNG = _Encoding("PNG", {"compress_level": 4}, 2**31 - 1, has_alpha=True)  # half the time of 6, 3 % larger
_JPEG = _Encoding("JPEG", {"quality": 95, "subsampling": 0}, 65500, has_alpha=False)
_WEBP = _Encoding("WEBP", {"lossless": True, "exact": True}, 16383, has_alpha=True)
_TIFF = _Encoding("TIFF", {"compression": "tiff_lzw"}, 2**31 - 1, has_alpha=True)
_ENCODINGS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}


def write(path: AnyPath, image: Tensor) -> None:
    """Writes a picture, atomically; the same tensor gives the same bytes.

    PNG, WebP and TIFF are lossless; JPEG has quality 95 and full colour resolution.

    Args:
        path: the file, ending in .png, .jpg, .jpeg, .webp, .tif or .tiff (any case); its folder must exist.
        image: float (1, C, H, W) or (C, H, W) in [-1, 1], with C = 1 (grey), 3 (sRGB) or 4 (sRGB and straight
            alpha); values outside are clamped.

    Raises:
        ValueError: the image or the ending is none of these, the image holds NaN, the format cannot hold its
            size or its alpha, or the place cannot be written to.
        OSError: the disk is full or fails; nothing is left behind.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in _ENCODINGS:
        known = ", ".join(_ENCODINGS)
        raise ValueError(f"cannot write {quoted(path)}: expected a name ending in {known}; rename it")
    encoding = _ENCODINGS[ending]
    pixels = to_uint8(image)
    height, width, channels = pixels.shape
    if channels == 4 and not encoding.has_alpha:
        raise ValueError(f"cannot write {quoted(path)}: JPEG holds no alpha; write PNG, or drop the channel")
    if max(height, width) > encoding.max_side:
        limit = f"{encoding.format} holds at most {encoding.max_side} pixels a side"
        raise ValueError(f"cannot write {quoted(path)}: {limit}, got {width} x {height}; write PNG")
    _save(path, pixels[:, :, 0] if channels == 1 else pixels, encoding)


def write_map(path: AnyPath, values: Tensor) -> None:
    """Writes a map of numbers as 16-bit grey PNG, atomically; `read` gives it back to 1/65535.

    Args:
        path: the file, ending in .png (any case); its folder must exist.
        values: float (H, W) in [0, 1], on any device.

    Raises:
        ValueError: the shape or the ending is another, a value is NaN or outside [0, 1], or the place cannot
            be written to.
        OSError: the disk is full or fails; nothing is left behind.
    """
    if not os.fspath(path).lower().endswith(".png"):
        raise ValueError(f"cannot write {quoted(path)}: a map is a 16-bit PNG; give a name ending in .png")
    if values.ndim != 2 or values.numel() == 0 or not values.is_floating_point():
        raise ValueError(f"expected a float map (H, W) of at least one pixel, got {_described(values)}")
    numbers = values.detach().to("cpu", torch.float64)
    low, high = numbers.min().item(), numbers.max().item()
    if not (low >= -1e-6 and high <= 1 + 1e-6):  # in this form NaN fails, too; the margin is for rounding
        raise ValueError(f"expected a map in [0, 1], got values from {low:g} to {high:g}; scale it first")
    levels = (numbers.clamp(0, 1) * 65535).round()
    _save(path, levels.numpy().astype(np.uint16), _PNG)


def _save(path: AnyPath, pixels: NDArray[Any], encoding: _Encoding) -> None:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, encoding.format, **encoding.options)
    atomic.write_bytes(path, encoded.getvalue())


# -- tensors to 8-bit arrays -------------------------------------------------------------------------------


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """One picture as bytes: (x + 1) * 127.5 after clamping x to [-1, 1], rounded half to even.

    Args:
        image: float (1, C, H, W) or (C, H, W) in [-1, 1], C = 1, 3 or 4, on any device.

    Returns:
        uint8 (H, W, C) in [0, 255], contiguous.

    Raises:
        ValueError: another shape or type, or NaN.
    """
    planes = image[0] if image.ndim == 4 and image.shape[0] == 1 else image
    one_picture = planes.ndim == 3 and planes.shape[0] in (1, 3, 4) and planes.numel() > 0
    if not one_picture or not planes.is_floating_point():
        expected = "one float picture (1, C, H, W) or (C, H, W) with 1, 3 or 4 channels"
        raise ValueError(f"expected {expected}, got {_described(image)}")
    planes = planes.detach().cpu()
    if planes.dtype != torch.float64:  # half precision has too few digits for 255 levels
        planes = planes.float()
    if planes.isnan().any():
        raise ValueError(f"expected numbers in [-1, 1], got NaN in a picture of shape {tuple(image.shape)}")
    levels = ((planes.clamp(-1, 1) + 1) * 127.5).round()
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def from_uint8(array: NDArray[np.uint8]) -> Tensor:
    """Bytes as a picture: v / 127.5 - 1, alpha composited over white.

    Args:
        array: uint8 (H, W) or (H, W, C) in [0, 255], C = 1 (grey), 3 (sRGB) or 4 (sRGB and straight alpha).

    Returns:
        float32 (1, 3, H, W) in [-1, 1]; shares no memory with `array`.

    Raises:
        ValueError: another shape or type.
    """
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    if array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (1, 3, 4) or 0 in shape:
        expected = "a uint8 picture (H, W) or (H, W, C) with 1, 3 or 4 channels"
        raise ValueError(f"expected {expected}, got {array.dtype} {array.shape}")
    levels = torch.from_numpy(np.array(array).reshape(shape)).permute(2, 0, 1)[None].contiguous()
    image = levels[:, :3].float().div_(127.5).sub_(1)
    if shape[2] == 4:
        alpha = levels[:, 3:].float().div_(255)
        image = image * alpha + (1 - alpha)  # white is 1
    return image.repeat(1, 3, 1, 1) if shape[2] == 1 else image


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
