"""Picture files as the world makes them: odd ones that must be read, bad ones that must be refused in one
sentence.

Everything is made on the spot. `ODD_BUT_VALID` and `BAD` are for any test that feeds files to the program:
each case makes its file in a given folder and says what to expect.
"""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Transpose

Colour = tuple[int, int, int]

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
PAINT = (200, 60, 30)


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        name: unique; the test's id.
        make: makes the file in an existing empty folder, returns its path.
        size: the (H, W) to expect, for valid pictures.
        colour: the sRGB colour (R, G, B) in [0, 255] to expect in the top left pixel, where it is known.
        tolerance: how far each channel may be from `colour`, in levels.
    """

    name: str
    make: Callable[[Path], Path]
    size: tuple[int, int] | None = None
    colour: Colour | None = None
    tolerance: float = 0.5


# -- bricks ------------------------------------------------------------------------------------------------


def plain(mode: str = "RGB", size: tuple[int, int] = (12, 8), colour: Any = PAINT) -> Image.Image:
    """A picture of one colour; `size` is (W, H), as Pillow has it."""
    return Image.new(mode, size, colour)


def textured(width: int = 64, height: int = 48) -> Image.Image:
    """A picture that does not compress to nothing, so that it can be cut in the middle."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def cornered() -> Image.Image:
    """24 x 16 pixels: the top left quarter red, the top right green, the rest blue (blocks of JPEG)."""
    picture = plain(size=(24, 16), colour=BLUE)
    picture.paste(RED, (0, 0, 8, 8))
    picture.paste(GREEN, (16, 0, 24, 8))
    return picture


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def png(width: int, height: int, depth: int, colour_type: int, raw: bytes, *chunks: bytes) -> bytes:
    """A PNG from its scan lines (each with its filter byte), for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [
        png_chunk(b"IHDR", header),
        *chunks,
        png_chunk(b"IDAT", zlib.compress(raw)),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(width: int, height: int, data: bytes, bits: Sequence[int], photometric: int, sample_format: int) -> bytes:
    """An uncompressed little-endian TIFF of one strip, for what Pillow does not write."""
    counted = struct.pack(f"<{len(bits)}H", *bits)
    formats = struct.pack(f"<{len(bits)}H", *[sample_format] * len(bits))
    entries = 10
    after = 8 + 2 + 12 * entries + 4
    tags = [
        (256, 3, 1, struct.pack("<HH", width, 0)),
        (257, 3, 1, struct.pack("<HH", height, 0)),
        (258, 3, len(bits), counted if len(bits) < 3 else struct.pack("<I", after)),
        (259, 3, 1, struct.pack("<HH", 1, 0)),
        (262, 3, 1, struct.pack("<HH", photometric, 0)),
        (273, 4, 1, struct.pack("<I", after + len(counted) + len(formats))),
        (277, 3, 1, struct.pack("<HH", len(bits), 0)),
        (278, 3, 1, struct.pack("<HH", height, 0)),
        (279, 4, 1, struct.pack("<I", len(data))),
        (339, 3, len(bits), formats if len(bits) < 3 else struct.pack("<I", after + len(counted))),
    ]
    directory = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3].ljust(4, b"\0") for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, entries) + directory + bytes(4) + counted + formats + data


def icc_profile(space: bytes, tags: dict[bytes, bytes], *, pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """An ICC 2.1 profile."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50
    header = struct.pack(">I4xI", start + len(body), 0x02100000) + kind + space + pcs
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *[round(v * 65536) for v in values])


LINEAR = b"curv" + bytes(8)
RED_XYZ, GREEN_XYZ, BLUE_XYZ = (
    xyz(0.4361, 0.2225, 0.0139),
    xyz(0.3851, 0.7169, 0.0971),
    xyz(0.1431, 0.0606, 0.7141),
)


def rgb_profile(red: bytes = RED_XYZ, blue: bytes = BLUE_XYZ) -> bytes:
    """Linear RGB with the primaries of sRGB; swap two of them to see whether the profile is obeyed."""
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"rXYZ": red, b"gXYZ": GREEN_XYZ, b"bXYZ": blue}
    return icc_profile(b"RGB ", {**tags, b"rTRC": LINEAR, b"gTRC": LINEAR, b"bTRC": LINEAR})


def grey_profile() -> bytes:
    """Linear grey: 128 becomes 188 in sRGB."""
    return icc_profile(b"GRAY", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": LINEAR})


def cmyk_profile() -> bytes:
    """An ink whose cyan, magenta and yellow are invisible: only K darkens."""
    ramps = bytes(range(256))
    nodes = b"".join(bytes([0 if index & 1 else 255, 128, 128]) for index in range(16))  # K is the last bit
    matrix = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramps * 4 + nodes + ramps * 3
    return icc_profile(b"CMYK", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"A2B0": lut}, pcs=b"Lab ", kind=b"prtr")


def srgb_profile() -> bytes:
    """sRGB as small as web services attach it: its curve has 26 points, and is off by up to one level."""
    encoded = np.linspace(0, 1, 26)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    curve = b"curv" + struct.pack(">4xI", 26) + np.rint(linear * 65535).astype(">u2").tobytes()
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"rXYZ": RED_XYZ, b"gXYZ": GREEN_XYZ, b"bXYZ": BLUE_XYZ}
    return icc_profile(b"RGB ", {**tags, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def file(name: str, data: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data() if callable(data) else data)
        return path

    return make


def saved(name: str, picture: Callable[[], Image.Image], kind: str, **options: Any) -> Callable[[Path], Path]:
    """A picture written by Pillow; options that are functions are called first."""

    def data() -> bytes:
        return encode(picture(), kind, **{key: v() if callable(v) else v for key, v in options.items()})

    return file(name, data)


def cut(name: str, kind: str, keep: float, **options: Any) -> Callable[[Path], Path]:
    """The first part of a good picture."""

    def data() -> bytes:
        whole = encode(textured(), kind, **options)
        return whole[: int(len(whole) * keep)]

    return file(name, data)


def grey_array(values: Any, dtype: Any) -> Callable[[], Image.Image]:
    return lambda: Image.fromarray(np.array(values, dtype=dtype))


# -- odd, but valid ----------------------------------------------------------------------------------------


def turned(name: str, kind: str, orientation: int, store: Transpose) -> Callable[[Path], Path]:
    """`cornered`, stored as `store` leaves it, with the EXIF orientation that undoes it."""

    def data() -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
        return encode(cornered().transpose(store), kind, exif=exif, **options)

    return file(name, data)


def palette_with_alpha() -> Image.Image:
    picture = Image.new("P", (6, 5), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    return picture


def palette_and_alpha_band() -> Image.Image:
    return Image.merge("PA", (palette_with_alpha(), Image.new("L", (6, 5), 0)))


def lab_red() -> Image.Image:
    return plain(colour=RED).convert("LAB")


def several(kind: str, name: str, **options: Any) -> Callable[[Path], Path]:
    """A file of three frames or pages: red, green, blue."""

    def data() -> bytes:
        frames = [plain(colour=colour) for colour in (RED, GREEN, BLUE)]
        return encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)

    return file(name, data)


def profiled(mode: str, colour: Any, profile: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A TIFF, the one format that holds every mode, with an ICC profile."""
    return saved("a.tif", lambda: plain(mode, colour=colour), "TIFF", icc_profile=profile)


def linked(folder: Path) -> Path:
    plain().save(folder / "target.png")
    (folder / "link.png").symlink_to("target.png")
    return folder / "link.png"


def jpeg_with_broken_exif() -> bytes:
    return encode(plain(), "JPEG", quality=95, subsampling=0, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f broken")


def psd(width: int, height: int, colour: Colour) -> bytes:
    """A Photoshop file of one flat layer."""
    header = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, height, width, 8, 3)
    return header + bytes(14) + b"".join(bytes([level]) * (width * height) for level in colour)


def top_down(bmp: bytes) -> bytes:
    """The same rows, declared to start at the top: a negative height turns the picture over."""
    height = struct.unpack_from("<i", bmp, 22)[0]
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:]


def pgm(maximum: int, *values: int) -> bytes:
    return b"P5 %d 1 %d\n" % (len(values), maximum) + struct.pack(f">{len(values)}H", *values)


_GREY16 = [[0x8000, 0], [65535, 1]]
_LINES16 = b"\0" + struct.pack(">HH", 0x8000, 0x1234)

ODD_BUT_VALID: list[Case] = [
    # turned by the camera
    Case("jpeg_exif_3", turned("a.jpg", "JPEG", 3, Transpose.ROTATE_180), (16, 24), RED, 4),
    Case("jpeg_exif_5", turned("a.jpg", "JPEG", 5, Transpose.TRANSPOSE), (16, 24), RED, 4),
    Case("jpeg_exif_6", turned("a.jpg", "JPEG", 6, Transpose.ROTATE_90), (16, 24), RED, 4),
    Case("jpeg_exif_8", turned("a.jpg", "JPEG", 8, Transpose.ROTATE_270), (16, 24), RED, 4),
    Case("png_exif_6", turned("a.png", "PNG", 6, Transpose.ROTATE_90), (16, 24), RED),
    Case("webp_exif_6", turned("a.webp", "WEBP", 6, Transpose.ROTATE_90), (16, 24), RED),
    Case("tiff_exif_6", turned("a.tif", "TIFF", 6, Transpose.ROTATE_90), (16, 24), RED),
    Case("jpeg_exif_broken", file("a.jpg", jpeg_with_broken_exif), (8, 12), PAINT, 4),
    Case("png_exif_broken", file("a.png", png(1, 1, 8, 0, b"\0\x09", png_chunk(b"eXIf", b"XX"))), (1, 1), (9, 9, 9)),
    # alpha
    Case(
        "rgba_half",
        saved("a.png", lambda: plain("RGBA", colour=(255, 0, 0, 128)), "PNG"),
        (8, 12),
        (255, 127, 127),
    ),
    Case("rgba_clear", saved("a.png", lambda: plain("RGBA", colour=(9, 9, 9, 0)), "PNG"), (8, 12), WHITE),
    Case("la_half", saved("a.png", lambda: plain("LA", colour=(0, 128)), "PNG"), (8, 12), (127, 127, 127)),
    Case(
        "palette_alpha",
        saved("a.png", palette_with_alpha, "PNG", transparency=b"\xff\x80"),
        (5, 6),
        (255, 127, 127),
    ),
    Case("palette_key", saved("a.png", palette_with_alpha, "PNG", transparency=1), (5, 6), WHITE),
    Case("palette_alpha_band", saved("a.tif", palette_and_alpha_band, "TIFF"), (5, 6), WHITE),
    Case("gif_transparent", saved("a.gif", palette_with_alpha, "GIF", transparency=1), (5, 6), WHITE),
    Case("rgb_key", saved("a.png", plain, "PNG", transparency=PAINT), (8, 12), WHITE),
    Case("webp_alpha", saved("a.webp", lambda: plain("RGBA", colour=(0, 0, 0, 0)), "WEBP"), (8, 12), WHITE),
    # depth
    Case("grey16_png", saved("a.png", grey_array(_GREY16, np.uint16), "PNG"), (2, 2), (128, 128, 128)),
    Case("grey16_key", file("a.png", png(2, 1, 16, 0, _LINES16, png_chunk(b"tRNS", b"\x80\0"))), (1, 2), WHITE),
    Case("grey16_big_endian", saved("a.tif", grey_array(_GREY16, ">u2"), "TIFF"), (2, 2), (128, 128, 128)),
    Case("grey16_white_is_zero", file("a.tif", tiff(1, 1, b"\0\x40", [16], 0, 1)), (1, 1), (191, 191, 191)),
    Case("grey12_tiff", file("a.tif", tiff(2, 1, b"\x80\x08\x00", [12], 1, 1)), (1, 2), (128, 128, 128)),
    Case("grey16_pgm", file("a.pgm", pgm(1000, 500, 1000)), (1, 2), (128, 128, 128)),
    Case("grey32_tiff", saved("a.tif", grey_array([[32768, 0]], np.int32), "TIFF"), (1, 2), (128, 128, 128)),
    Case("grey32_wide", saved("a.tif", grey_array([[-100000, 100000]], np.int32), "TIFF"), (1, 2), (0, 0, 0)),
    Case("float_unit", saved("a.tif", grey_array([[0.25, 0.75]], np.float32), "TIFF"), (1, 2), (64, 64, 64)),
    Case(
        "float_wide",
        saved("a.tif", grey_array([[150, 100, 200]], np.float32), "TIFF"),
        (1, 3),
        (128, 128, 128),
    ),
    Case("float_constant", saved("a.tif", grey_array([[7, 7]], np.float32), "TIFF"), (1, 2), (128, 128, 128)),
    Case("rgb16_png", file("a.png", png(1, 1, 16, 2, b"\0\xff\xff\x80\x80\0\0")), (1, 1), (255, 128, 0)),
    Case(
        "rgb16_tiff",
        file("a.tif", tiff(1, 1, b"\xff\xff\x80\x80\0\0", [16] * 3, 2, 1)),
        (1, 1),
        (255, 128, 0),
    ),
    Case("la16_png", file("a.png", png(1, 1, 16, 4, b"\0\0\0\x80\x80")), (1, 1), (127, 127, 127)),
    Case("grey2_png", file("a.png", png(4, 1, 2, 0, b"\0\x6c")), (1, 4), (85, 85, 85)),
    # kinds of colour
    Case("one_bit", saved("a.png", lambda: plain("1", colour=1), "PNG"), (8, 12), WHITE),
    Case("grey", saved("a.png", lambda: plain("L", colour=77), "PNG"), (8, 12), (77, 77, 77)),
    Case("palette", saved("a.png", palette_with_alpha, "PNG"), (5, 6), RED),
    Case("cmyk_tiff", saved("a.tif", lambda: plain("CMYK", colour=(0, 255, 255, 0)), "TIFF"), (8, 12), RED),
    Case("cmyk_adobe", saved("a.jpg", lambda: plain("CMYK", colour=(255, 255, 0, 0)), "JPEG"), (8, 12), BLUE, 6),
    Case("ycbcr_tiff", saved("a.tif", lambda: plain().convert("YCbCr"), "TIFF"), (8, 12), PAINT, 3),
    Case("lab_tiff", saved("a.tif", lab_red, "TIFF"), (8, 12), RED, 6),
    # colour profiles
    Case("icc_swapped", profiled("RGB", RED, lambda: rgb_profile(BLUE_XYZ, RED_XYZ)), (8, 12), BLUE, 1.5),
    Case("icc_srgb", profiled("RGB", PAINT, srgb_profile), (8, 12), PAINT),
    Case("icc_grey", profiled("L", 128, grey_profile), (8, 12), (188, 188, 188), 1.5),
    Case("icc_rgb_on_grey", profiled("L", 128, rgb_profile), (8, 12), (188, 188, 188), 1.5),
    Case("icc_grey16", profiled("I;16", 128 * 257, grey_profile), (8, 12), (188, 188, 188), 1.5),
    Case("icc_cmyk", profiled("CMYK", (255, 0, 0, 0), cmyk_profile), (8, 12), WHITE, 1.5),
    Case("icc_with_alpha", profiled("RGBA", (255, 0, 0, 0), srgb_profile), (8, 12), WHITE),
    Case("icc_broken", profiled("RGB", PAINT, lambda: b"no profile at all"), (8, 12), PAINT),
    Case("icc_of_other_channels", profiled("RGB", PAINT, cmyk_profile), (8, 12), PAINT),
    # several pictures in one
    Case("gif_animated", several("GIF", "a.gif", duration=40, loop=0), (8, 12), RED),
    Case("webp_animated", several("WEBP", "a.webp", lossless=True), (8, 12), RED),
    Case("png_animated", several("PNG", "a.png"), (8, 12), RED),
    Case("tiff_pages", several("TIFF", "a.tif"), (8, 12), RED),
    Case("mpo_stereo", several("MPO", "a.mpo"), (8, 12), RED, 4),
    # names
    Case("upper_case_ending", saved("A.JPG", plain, "JPEG", quality=95, subsampling=0), (8, 12), PAINT, 4),
    Case("wrong_ending", saved("a.jpg", plain, "PNG"), (8, 12), PAINT),
    Case("no_ending", saved("picture", plain, "PNG"), (8, 12), PAINT),
    Case("video_ending", saved("a.mp4", plain, "PNG"), (8, 12), PAINT),
    Case("unicode_and_spaces", saved("gr\u00fc\u00dfe \u732b \u00e9 (1).png", plain, "PNG"), (8, 12), PAINT),
    Case("percent_and_quote", saved("100% it's #1 {x}.png", plain, "PNG"), (8, 12), PAINT),
    Case("symbolic_link", linked, (8, 12), PAINT),
    # shapes
    Case("one_pixel", saved("a.png", lambda: plain(size=(1, 1)), "PNG"), (1, 1), PAINT),
    Case("one_column", saved("a.png", lambda: plain(size=(1, 500)), "PNG"), (500, 1), PAINT),
    Case("one_row", saved("a.png", lambda: plain(size=(500, 1)), "PNG"), (1, 500), PAINT),
    Case("very_wide", saved("a.png", lambda: plain(size=(20000, 4)), "PNG"), (4, 20000), PAINT),
    # encodings
    Case("jpeg_progressive", saved("a.jpg", plain, "JPEG", quality=95, progressive=True), (8, 12), PAINT, 4),
    Case("tiff_lzw", saved("a.tif", plain, "TIFF", compression="tiff_lzw"), (8, 12), PAINT),
    Case("tiff_jpeg", saved("a.tif", plain, "TIFF", compression="jpeg", quality=95), (8, 12), PAINT, 6),
    Case("bmp", saved("a.bmp", plain, "BMP"), (8, 12), PAINT),
    Case("bmp_top_down", file("a.bmp", lambda: top_down(encode(cornered(), "BMP"))), (16, 24), BLUE),
    Case("ico", saved("a.ico", lambda: plain(size=(16, 16)), "ICO", sizes=[(16, 16)]), (16, 16), PAINT),
    Case("psd", file("a.psd", psd(12, 8, PAINT)), (8, 12), PAINT),
    Case("qoi", saved("a.qoi", plain, "QOI"), (8, 12), PAINT),
    Case("pcx", saved("a.pcx", plain, "PCX"), (8, 12), PAINT),
    Case("sgi", saved("a.sgi", plain, "SGI"), (8, 12), PAINT),
    Case("png_with_tail", file("a.png", lambda: encode(plain(), "PNG") + b"\0" * 1000), (8, 12), PAINT),
]


# -- bad ---------------------------------------------------------------------------------------------------


def missing_in_missing(folder: Path) -> Path:
    return folder / "nowhere" / "a.png"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"x")
    return folder / "file" / "a.png"


def dangling(folder: Path) -> Path:
    (folder / "a.png").symlink_to("gone.png")
    return folder / "a.png"


def circle(folder: Path) -> Path:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    return folder / "a.png"


def directory(folder: Path) -> Path:
    (folder / "folder.png").mkdir()
    return folder / "folder.png"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def unix_socket(folder: Path) -> Path:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{handle}/socket.png")  # the real path may exceed 108 characters
    finally:
        os.close(handle)
    return folder / "socket.png"


def png_of_damaged_pixels() -> bytes:
    data = bytearray(encode(textured(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


def tiff_of_damaged_pixels() -> bytes:
    data = bytearray(encode(textured(), "TIFF", compression="tiff_deflate"))
    for offset in (20, 21, 22):
        data[offset] ^= 0xFF
    return bytes(data)


def jpeg_without_scan() -> bytes:
    data = encode(textured(), "JPEG")
    return data[: data.index(b"\xff\xda")]


def png_text_bomb() -> bytes:
    """A picture of one pixel with a comment of 2 MB in 2 kB."""
    text = b"Comment\0\0" + zlib.compress(bytes(2_000_000))
    return png(1, 1, 8, 2, b"\0\0\0\0", png_chunk(b"zTXt", text))


_MP4 = struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isomavc1" + struct.pack(">I", 4096) + b"mdat" + bytes(4088)
_HEIC = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(500)
_SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>\n'
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n"
_NOISE = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()

BAD: list[Case] = [
    # not a file
    Case("missing", lambda folder: folder / "missing.png"),
    Case("missing_folder", missing_in_missing),
    Case("below_a_file", below_a_file),
    Case("dangling_link", dangling),
    Case("circle_of_links", circle),
    Case("folder", directory),
    Case("named_pipe", fifo),
    Case("socket", unix_socket),
    Case("device", lambda _: Path("/dev/zero")),
    Case("name_too_long", lambda folder: folder / ("x" * 300 + ".png")),
    # not a picture
    Case("empty", file("a.png", b"")),
    Case("one_byte", file("a.png", b"\x89")),
    Case("text", file("a.png", b"Dear reader,\nthis is no picture.\n")),
    Case("web_page", file("a.jpg", b"<!DOCTYPE html>\n<html><body>404 not found</body></html>")),
    Case("svg", file("a.svg", _SVG)),
    Case("svg_as_png", file("a.png", _SVG)),
    Case("pdf", file("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n")),
    Case("postscript", file("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")),
    Case("video", file("a.mp4", _MP4)),
    Case("video_as_png", file("a.png", _MP4)),
    Case("video_matroska", file("a.mkv", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01" + bytes(500))),
    Case("heic", file("a.heic", _HEIC)),
    Case("jpeg_2000", saved("a.jp2", textured, "JPEG2000")),
    Case("zip", file("a.png", b"PK\3\4\x14\0\0\0" + bytes(100))),
    Case("numpy", file("a.npy", b"\x93NUMPY\1\0" + bytes(100))),
    Case("git_lfs_pointer", file("a.png", _LFS)),
    Case("noise", file("a.png", _NOISE)),
    # cut short
    Case("png_signature_only", file("a.png", b"\x89PNG\r\n\x1a\n")),
    Case("png_cut", cut("a.png", "PNG", 0.5)),
    Case("png_cut_late", cut("a.png", "PNG", 0.98)),
    Case("jpeg_cut", cut("a.jpg", "JPEG", 0.5)),
    Case("jpeg_cut_late", cut("a.jpg", "JPEG", 0.98)),
    Case("jpeg_progressive_cut", cut("a.jpg", "JPEG", 0.8, progressive=True)),
    Case("jpeg_without_scan", file("a.jpg", jpeg_without_scan)),
    Case("gif_cut", cut("a.gif", "GIF", 0.7)),
    Case("bmp_cut", cut("a.bmp", "BMP", 0.7)),
    Case("webp_cut", cut("a.webp", "WEBP", 0.7)),
    Case("avif_cut", cut("a.avif", "AVIF", 0.7)),
    Case("tiff_cut", cut("a.tif", "TIFF", 0.7)),
    Case("tiff_lzw_cut", cut("a.tif", "TIFF", 0.7, compression="tiff_lzw")),
    Case("ppm_cut", cut("a.ppm", "PPM", 0.7)),
    # damaged
    Case("png_damaged_header", file("a.png", lambda: encode(plain(), "PNG").replace(b"IHDR", b"IHDX"))),
    Case("png_damaged_pixels", file("a.png", png_of_damaged_pixels)),
    Case("png_zero_wide", file("a.png", png(0, 5, 8, 2, b""))),
    Case("png_zero_high", file("a.png", png(5, 0, 8, 2, b""))),
    Case("jpeg_damaged_header", file("a.jpg", b"\xff\xd8\xff\xe0" + bytes(200))),
    Case("tiff_damaged_pixels", file("a.tif", tiff_of_damaged_pixels)),
    Case("tiff_of_70_channels", file("a.tif", tiff(1, 1, bytes(70), [8] * 70, 2, 1))),
    Case("tiff_float_colour", file("a.tif", tiff(1, 1, bytes(12), [32] * 3, 2, 3))),
    Case("ppm_no_size", file("a.ppm", b"P6\nx y\n255\n")),
    # numbers that are none
    Case("float_nan", saved("a.tif", grey_array([[0.5, np.nan]], np.float32), "TIFF")),
    Case("float_infinite", saved("a.tif", grey_array([[0.5, np.inf]], np.float32), "TIFF")),
    # too much
    Case("bomb_png", file("a.png", png(60000, 60000, 1, 0, b"\0"))),
    Case("bomb_png_just_too_large", file("a.png", png(14000, 12800, 8, 0, b"\0"))),
    Case(
        "bomb_gif",
        file("a.gif", b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\x02\x44\x01\0;"),
    ),
    Case("bomb_text", file("a.png", png_text_bomb)),
]
