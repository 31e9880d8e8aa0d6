"""Pictures as data URIs, small enough to put many into one page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

_SHOWN_BY_BROWSERS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_LONG_SIDES = (1600, 1000, 640, 320)


@dataclass(frozen=True)
class Picture:
    """A picture ready for a page: its source, the file's own size, and whether the source is a copy."""

    source: str
    width: int
    height: int
    is_copy: bool


def data_uri(data: bytes, kind: str) -> str:
    """Return bytes of a media type such as image/png as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def embed(path: Path, limit: int) -> Picture:
    """Return a picture file as it is if it has at most `limit` bytes and browsers show it, else a copy.

    Raises:
        ValueError: If the file is missing, damaged or not a picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            kind = _SHOWN_BY_BROWSERS.get(image.format or "")
            if kind and len(data) <= limit:
                image.verify()
                return Picture(data_uri(data, kind), width, height, is_copy=False)
        with Image.open(io.BytesIO(data)) as image:
            copy, kind = _smaller(image, limit)
            return Picture(data_uri(copy, kind), width, height, is_copy=True)
    except FileNotFoundError:
        raise ValueError("the file is missing") from None
    except UnidentifiedImageError:
        raise ValueError("the file is not a picture, or it is damaged") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture is damaged: {error}") from None


def _smaller(image, limit: int) -> tuple[bytes, str]:
    """Return the largest copy within the limit, or the smallest we make; alpha stays, 16 bits become 8."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    data = b""
    for side in _LONG_SIDES:
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "WEBP" if has_alpha else "JPEG", quality=88)
        data = buffer.getvalue()
        if len(data) <= limit:
            break
    return data, "image/webp" if has_alpha else "image/jpeg"
