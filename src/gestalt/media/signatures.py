"""What a file is that no picture decoder took, told from its first bytes."""

_AGAIN = "copy or download it again"
_FRAME = "export one frame as PNG"

_SIGNATURES = (
    # (offset, bytes there, what the file is, what to do about it); the first match counts
    (0, b"\x89PNG", "is a PNG that is damaged or cut short", _AGAIN),
    (0, b"\xff\xd8", "is a JPEG that is damaged or cut short", _AGAIN),
    (0, b"GIF8", "is a GIF that is damaged or cut short", _AGAIN),
    (8, b"WEBP", "is a WebP that is damaged or cut short", _AGAIN),
    (4, b"ftypavif", "is an AVIF that is damaged or cut short", _AGAIN),
    (0, b"II*\0", "is a TIFF that is damaged or of an unknown kind", "convert it to 8- or 16-bit PNG"),
    (0, b"MM\0*", "is a TIFF that is damaged or of an unknown kind", "convert it to 8- or 16-bit PNG"),
    (0, b"\0\0\0\x0cjP  ", "is a JPEG 2000", "convert it to PNG"),
    (0, b"\xff\x4f\xff\x51", "is a JPEG 2000", "convert it to PNG"),
    (4, b"ftyphei", "is a HEIC photo", "convert it to JPEG"),
    (4, b"ftypmif1", "is a HEIC photo", "convert it to JPEG"),
    (4, b"ftyp", "is a video", _FRAME),
    (4, b"moov", "is a video", _FRAME),
    (4, b"mdat", "is a video", _FRAME),
    (8, b"AVI ", "is a video", _FRAME),
    (0, b"\x1aE\xdf\xa3", "is a video", _FRAME),  # Matroska, WebM
    (0, b"FLV\1", "is a video", _FRAME),
    (0, b"OggS", "is a video", _FRAME),
    (0, b"\0\0\1\xba", "is a video", _FRAME),  # MPEG
    (0, b"\0\0\1\xb3", "is a video", _FRAME),
    (0, b"%PDF-", "is a PDF document", "export the page as PNG"),
    (0, b"%!PS", "is a PostScript document", "export the page as PNG"),
    (0, b"PK\3\4", "is a ZIP archive", "unpack it"),
    (0, b"\x1f\x8b", "is a gzip archive", "unpack it"),
    (0, b"\x93NUMPY", "is a NumPy array", "write it as PNG"),
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the file itself", "run git lfs pull"),
)


def identify(head: bytes) -> tuple[str, str]:
    """Says what a file is that is not a readable picture.

    Args:
        head: its first bytes; 4096 are plenty.

    Returns:
        Two parts of a message: what the file is ("is a video"), what to do ("export one frame as PNG").
    """
    for offset, signature, what, advice in _SIGNATURES:
        if head.startswith(signature, offset):
            return what, advice
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text:
        return "is an SVG drawing", "export it as PNG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page", "download the picture itself"
    if _is_text(head):
        return "is a text file", "name the picture itself"
    return "is not a picture of any known kind", "convert it to PNG"


def _is_text(head: bytes) -> bool:
    """Whether these are the first bytes of UTF-8 without control characters; the last letter may be cut."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < max(1, len(head) - 3):
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter >= " " or letter in "\t\n\r\f" for letter in text)
