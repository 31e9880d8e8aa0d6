"""Contact sheets: pictures in rows and columns, with labels, as one picture.

Every column is as wide as its widest picture, every row as high as its highest. Small pictures are enlarged
by whole factors, pixel by pixel, so that what a network made is seen as it is; large ones are reduced with
antialiasing. No text is cut or runs into another: long labels are wrapped, and shortened where that is not
enough.
"""

import bisect
import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gestalt.media.image import from_uint8, to_uint8

Colour = tuple[int, int, int]
_T = TypeVar("_T")

_GROUND, _FRAME, _LABEL, _CAPTION = (255, 255, 255), (208, 208, 208), (38, 38, 38), (89, 89, 89)
_ELLIPSIS = "\u2026"
_CELL = 256  # pixels


def contact_sheet(
    rows: Sequence[Sequence[Tensor | None]],
    *,
    row_labels: Sequence[str] | None = None,
    col_labels: Sequence[str] | None = None,
    captions: Sequence[Sequence[str | None]] | None = None,
    cell: int | None = None,
) -> Tensor:
    """Lays out pictures in a labelled grid on white ground.

    Args:
        rows: the pictures, row by row: each float (1, C, H, W) or (C, H, W) in [-1, 1] with C = 1, 3 or 4, of
            any size, on any device. None leaves a cell empty, and short rows end in empty cells.
        row_labels: one for each row, on its left.
        col_labels: one for each column, above it.
        captions: in the same arrangement as `rows`, one (or None) below each picture.
        cell: the longest side of a picture on the sheet, in pixels, at least 16; 256 where it is not given.

    Returns:
        float32 (1, 3, H, W) in [-1, 1], sRGB. The same arguments give the same pixels.

    Raises:
        ValueError: there is no picture, the labels or captions do not match the rows and columns, `cell` is
            too small, or a picture is of another shape or holds NaN.
    """
    side = _CELL if cell is None else cell
    if side < 16:
        raise ValueError(f"expected cells of at least 16 pixels, got {side}; give a larger one")
    columns = max((len(row) for row in rows), default=0)
    _check_count("row labels", row_labels, len(rows))
    _check_count("column labels", col_labels, columns)
    _check_count("rows of captions", captions, len(rows))
    for row, texts in zip(rows, captions or (), strict=False):
        _check_count("captions in a row", texts, len(row))
    grid = [[None if p is None else _fitted(p, side) for p in _filled(row, columns)] for row in rows]
    if not any(picture for row in grid for picture in row):
        raise ValueError("expected at least one picture for a contact sheet, got none; add one")

    gap = max(10, side // 20)
    margin = 2 * gap
    labels = _Style(max(14, min(28, side // 14)), _LABEL)
    notes = _Style(max(12, min(24, side // 17)), _CAPTION)

    narrowest = min(max(side, 48), 96) if col_labels or captions else 0  # room for text, whatever the pictures
    widths = [max([0, *(p.width for p in column if p)]) for column in zip(*grid, strict=True)]
    widths = [max(width, narrowest) for width in widths]
    above = [labels.wrap(text, width, 3) for text, width in zip(col_labels or (), widths, strict=False)]
    beside = [labels.wrap(text, max(side * 3 // 4, 96), 4) for text in row_labels or [""] * len(rows)]
    below = [
        [notes.wrap(text or "", width, 3) for text, width in zip(_filled(row, columns), widths, strict=True)]
        for row in captions or [[]] * len(rows)
    ]
    heights = [max([label.height, *(p.height for p in row if p)]) for label, row in zip(beside, grid, strict=True)]

    above_height = max([0, *(text.height for text in above)])
    left = margin + _and_gap(max(text.width for text in beside), gap)
    top = margin + _and_gap(above_height, gap // 2)
    under = [_and_gap(max(text.height for text in row), gap) for row in below]  # half before, half after
    xs = [left + sum(widths[:i]) + gap * i for i in range(columns)]
    ys = [top + sum(heights[:i]) + sum(under[:i]) + gap * i for i in range(len(rows))]
    size = (xs[-1] + widths[-1] + margin, ys[-1] + heights[-1] + under[-1] + margin)

    sheet = Image.new("RGB", size, _GROUND)
    for x, width, text in zip(xs, widths, above, strict=False):
        text.draw(sheet, x + width / 2, margin + above_height - text.height, "m")  # aligned at the last line
    for y, height, text in zip(ys, heights, beside, strict=True):
        text.draw(sheet, left - gap, y + (height - text.height) / 2, "r")
    for y, height, row, texts in zip(ys, heights, grid, below, strict=True):
        for x, width, picture, text in zip(xs, widths, row, texts, strict=True):
            if picture:
                _paste(sheet, picture, x + (width - picture.width) // 2, y + (height - picture.height) // 2)
            text.draw(sheet, x + width / 2, y + height + gap // 2, "m")
    return from_uint8(np.asarray(sheet))


def _check_count(what: str, given: Sequence[object] | None, expected: int) -> None:
    if given is not None and len(given) != expected:
        raise ValueError(f"expected {expected} {what}, got {len(given)}; give one for each, or none at all")


def _filled(row: Sequence[_T | None], columns: int) -> list[_T | None]:
    return [*row, *[None] * (columns - len(row))]


def _and_gap(length: int, gap: int) -> int:
    """A length with the gap that sets it apart, where there is something to set apart."""
    return length + gap if length else 0


def _fitted(picture: Tensor, side: int) -> Image.Image:
    """The picture with its longest side as near to `side` as its kind of scaling allows."""
    levels = to_uint8(picture)
    if levels.shape[2] == 4:  # over white, as everywhere
        levels = to_uint8(from_uint8(levels))
    fitted = Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels).convert("RGB")
    longest = max(fitted.size)
    if longest <= side:
        factor = side // longest
        return fitted.resize((fitted.width * factor, fitted.height * factor), Image.Resampling.NEAREST)
    width, height = (max(1, round(length * side / longest)) for length in fitted.size)
    return fitted.resize((width, height), Image.Resampling.LANCZOS)


def _paste(sheet: Image.Image, picture: Image.Image, x: int, y: int) -> None:
    """Puts a picture down in a thin frame, without which the edge of a white one would not be seen."""
    frame = (x - 1, y - 1, x + picture.width, y + picture.height)
    ImageDraw.Draw(sheet).rectangle(frame, outline=_FRAME)
    sheet.paste(picture, (x, y))


# -- text ------------------------------------------------------------------------------------------------

# The font has little more than ASCII, and no letter with an accent: accents are dropped. These have no ASCII part to
# keep.
_KEPT = "\u00a9\u00ab\u00b0\u00b1\u00b7\u00bb\u2018\u2019\u201c\u201d" + _ELLIPSIS
_SPELLED = str.maketrans(
    {
        "\u00c6": "AE",
        "\u00d0": "D",
        "\u00d7": "x",
        "\u00d8": "O",
        "\u00de": "Th",
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u00f0": "d",
        "\u00f7": "/",
        "\u00f8": "o",
        "\u00fe": "th",
        "\u0110": "D",
        "\u0111": "d",
        "\u0126": "H",
        "\u0127": "h",
        "\u0131": "i",
        "\u0141": "L",
        "\u0142": "l",
        "\u0152": "OE",
        "\u0153": "oe",
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2192": "->",
        "\u2190": "<-",
    }
)


class _Style:
    """A size (in pixels) and a colour of the one font that Pillow brings along."""

    def __init__(self, size: int, colour: Colour) -> None:
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType"
        self.font, self.colour = font, colour
        self.line = sum(font.getmetrics())  # from one line to the next, in pixels

    def width(self, text: str) -> int:
        """The width of the ink or of the advance, whichever is more, in pixels."""
        left, _, right, _ = self.font.getbbox(text)
        return math.ceil(max(self.font.getlength(text), right - min(left, 0)))

    def wrap(self, text: str, width: int, max_lines: int) -> "_Text":
        """Breaks a text into lines of about one length, none wider than `width`, at most `max_lines`."""
        text = _legible(text)[: max_lines * width]  # more letters than pixels are not read
        lines = self._broken(text, width)
        if len(lines) > max_lines:
            last = self._head(lines[max_lines - 1], width - self.width(_ELLIPSIS), " ").rstrip()
            return _Text([*lines[: max_lines - 1], last + _ELLIPSIS], self)
        # As narrow as it gets without one more line: no single word is left alone on the last one.
        narrowest = max([1, *(self.width(word) for word in text.split())])
        if len(lines) > 1 and narrowest < width:
            widths = range(narrowest, width + 1)
            best = bisect.bisect_left(widths, True, key=lambda w: len(self._broken(text, w)) <= len(lines))
            lines = self._broken(text, widths[best])
        return _Text(lines, self)

    def _broken(self, text: str, width: int) -> list[str]:
        """Fills line after line; breaks inside a word only where it is wider than a line."""
        lines: list[str] = []
        for paragraph in text.splitlines():
            line = ""
            for word in paragraph.split():
                if line and self.width(f"{line} {word}") <= width:
                    line = f"{line} {word}"
                    continue
                if line:
                    lines.append(line)
                line = word
                while self.width(line) > width and len(line) > 1:
                    head = self._head(line, width, "_-./")
                    lines.append(head)
                    line = line[len(head) :]
            if line:
                lines.append(line)
        return lines

    def _head(self, text: str, width: int, after: str) -> str:
        """As much of the beginning as fits, best up to one of the letters `after`; never nothing."""
        lengths = range(len(text) + 1)
        end = max(1, bisect.bisect_right(lengths, width, key=lambda n: self.width(text[:n])) - 1)
        if end < len(text):
            good = 1 + max(text.rfind(letter, 0, end) for letter in after)
            end = good if good > end // 2 else end
        return text[:end]


class _Text(NamedTuple):
    """Lines that are ready to be drawn."""

    lines: list[str]
    style: _Style

    @property
    def width(self) -> int:
        return max((self.style.width(line) for line in self.lines), default=0)

    @property
    def height(self) -> int:
        return self.style.line * len(self.lines)

    def draw(self, sheet: Image.Image, x: float, y: float, align: str) -> None:
        """Draws the lines downwards from `y`; `x` is their middle ("m") or their right end ("r")."""
        draw = ImageDraw.Draw(sheet)
        for i, line in enumerate(self.lines):
            position = (x, y + i * self.style.line)
            draw.text(position, line, self.style.colour, self.style.font, anchor=f"{align}a")


def _legible(text: str) -> str:
    """The text in letters that the font has; lines stay, all other white space is one space."""
    letters = []
    for letter in text.translate(_SPELLED):
        if letter in _KEPT or (letter.isascii() and letter.isprintable()) or letter == "\n":
            letters.append(letter)
        elif letter.isspace() or not letter.isprintable():
            letters.append(" ")
        else:
            letters.append(unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?")
    return "\n".join(" ".join(line.split()) for line in "".join(letters).split("\n"))
