"""A contact sheet shows its pictures unchanged, and its texts whole and apart."""

import string

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gestalt.media import sheet
from gestalt.media.sheet import contact_sheet


def levels(image: Tensor) -> Tensor:
    """(H, W, 3) in 0..255, as integers."""
    return ((image[0] + 1) * 127.5).round().int().permute(1, 2, 0)


def ink(image: Tensor) -> Tensor:
    """Where a sheet is not white: bool (H, W)."""
    return (levels(image) != 255).any(dim=2)


def runs(marks: Tensor) -> list[tuple[int, int]]:
    """The half-open intervals in which a bool vector is true."""
    outside = torch.zeros(1)
    edges = torch.diff(torch.cat([outside, marks.float(), outside])).nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def inside_frame(image: Tensor) -> Tensor:
    """The one picture of a sheet without text, (h, w, 3) in 0..255, without its frame of one pixel."""
    mark = ink(image)
    (top, bottom), (left, right) = runs(mark.any(dim=1))[0], runs(mark.any(dim=0))[0]
    return levels(image)[top + 1 : bottom - 1, left + 1 : right - 1]


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def black(height: int = 64, width: int = 64) -> Tensor:
    return torch.full((3, height, width), -1.0)


# -- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_small_pictures_are_enlarged_pixel_by_pixel(factor: int) -> None:
    picture = noise(1, 3, 24, 32)
    shown = inside_frame(contact_sheet([[picture]], cell=32 * factor + 31))
    expected = levels(picture).repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    assert torch.equal(shown, expected)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 600), (128, 256)),
        ((600, 300), (256, 128)),
        ((1, 500), (1, 256)),
        ((500, 1), (256, 1)),
        ((4, 20000), (1, 256)),
        ((256, 256), (256, 256)),
        ((257, 257), (256, 256)),
        ((100, 90), (200, 180)),
        ((1, 1), (256, 256)),
    ],
)
def test_aspect_is_kept(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert inside_frame(contact_sheet([[black(*size)]])).shape[:2] == expected


def test_large_pictures_are_reduced_with_antialiasing() -> None:
    rows, columns = torch.meshgrid(torch.arange(512), torch.arange(512), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1).expand(3, 512, 512)
    shown = inside_frame(contact_sheet([[board]], cell=128))
    assert shown.min() >= 120  # without antialiasing it would be all black, or all white
    assert shown.max() <= 135


def test_grey_and_alpha() -> None:
    grey = noise(1, 20, 20)
    assert torch.equal(inside_frame(contact_sheet([[grey]], cell=20)), levels(grey.expand(1, 3, 20, 20)))
    clear = torch.cat([black(20, 20), torch.full((1, 20, 20), -1.0)])
    assert (inside_frame(contact_sheet([[clear]], cell=20)) == 255).all()


def test_pictures_stand_in_rows_and_columns_and_none_stays_white() -> None:
    image = contact_sheet([[black(), None, black()], [None, black()]], cell=64)
    assert image.dtype == torch.float32
    mark = ink(image)
    ys, xs = runs(mark.any(dim=1)), runs(mark.any(dim=0))
    assert [b - a for a, b in xs] == [66, 66, 66]  # 64 and the frame
    assert [b - a for a, b in ys] == [66, 66]
    filled = [[bool(mark[y0:y1, x0:x1].any()) for x0, x1 in xs] for y0, y1 in ys]
    assert filled == [[True, False, True], [False, True, False]]


def test_a_white_picture_has_a_visible_edge() -> None:
    assert ink(contact_sheet([[torch.ones(3, 64, 64)]], cell=64)).sum() == 4 * 65


def test_the_same_arguments_give_the_same_pixels() -> None:
    def make() -> Tensor:
        return contact_sheet([[noise(3, 20, 30)]], row_labels=["row"], col_labels=["column"], captions=[["text"]])

    assert torch.equal(make(), make())


# -- text --------------------------------------------------------------------------------------------------

TEXTS = st.text(alphabet=string.ascii_letters + string.digits + "   _-./()|\n\u00fc\u732b\u00d7", max_size=120)


def labelled(texts: list[str], cell: int) -> tuple[Tensor, list[tuple[int, int]], list[tuple[int, int]]]:
    """A 2 x 2 sheet of black pictures with every kind of text; the sheet, and where its pictures are."""
    image = contact_sheet(
        [[black(cell, cell)] * 2] * 2,
        row_labels=texts[0:2],
        col_labels=texts[2:4],
        captions=[texts[4:6], texts[6:8]],
        cell=cell,
    )
    solid = (levels(image) == 0).all(dim=2)
    # Text is dark grey, never black: what is black over a whole side is a picture.
    ys = runs(solid.sum(dim=1) == 2 * cell)
    xs = runs(solid.sum(dim=0) == 2 * cell)
    return image, ys, xs


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(TEXTS, min_size=8, max_size=8), cell=st.sampled_from([96, 160]))
def test_no_text_is_cut_or_touches_anything(texts: list[str], cell: int) -> None:
    image, ys, xs = labelled(texts, cell)
    assert [b - a for a, b in ys] == [cell, cell], "a text lies on a picture"
    assert [b - a for a, b in xs] == [cell, cell], "a text lies on a picture"
    mark = ink(image)
    edge = torch.ones_like(mark)
    edge[8:-8, 8:-8] = False
    assert not (mark & edge).any(), "a text comes near the edge of the sheet"

    between = mark[:, xs[0][1] + 1 : xs[1][0] - 1]
    assert between.shape[1] >= 8
    assert not between.any(), "a text reaches into the next column"
    left = xs[0][0] - 1
    assert not mark[:, left - 6 : left].any(), "a row label touches its pictures"
    for top, bottom in ys:  # a row label belongs to its own row
        assert not mark[top - 4 : top - 1, :].any()
        assert not mark[bottom + 1 : bottom + 3, :].any()


def test_every_text_is_there() -> None:
    texts = ["row", "line", "left", "right", "one", "two", "three", "four"]
    image, ys, xs = labelled(texts, 96)
    mark = ink(image)
    for top, bottom in ys:
        assert mark[top:bottom, : xs[0][0] - 2].any()
    for left, right in xs:
        assert mark[: ys[0][0] - 2, left:right].any()
        assert mark[ys[0][1] + 2 : ys[1][0] - 2, left:right].any()
        assert mark[ys[1][1] + 2 :, left:right].any()


def test_labels_higher_than_their_pictures_stay_apart() -> None:
    image = contact_sheet([[black(2, 256)]] * 2, row_labels=["nnnnnnnnnnnnnn " * 4] * 2, cell=256)
    left = runs((levels(image) == 0).all(dim=2).any(dim=0))[0][0] - 1
    assert len(runs(ink(image)[:, :left].any(dim=1))) == 8  # two labels of four lines, all with white between


def test_labels_of_very_narrow_pictures_can_be_read() -> None:
    image = contact_sheet([[black(500, 1), black(500, 1)]], col_labels=["input picture", "the result"], cell=256)
    mark = ink(image)
    assert len(runs(mark.any(dim=0))) > 2
    assert image.shape[3] > 2 * 96


@given(text=TEXTS, width=st.integers(48, 250), max_lines=st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_wrapping_loses_nothing_without_saying_so(text: str, width: int, max_lines: int) -> None:
    style = sheet._Style(14, (0, 0, 0))
    lines = style.wrap(text, width, max_lines).lines
    assert len(lines) <= max_lines
    assert all(style.width(line) <= width for line in lines)
    assert all(line.strip() == line != "" for line in lines)
    whole = "".join(sheet._legible(text).split())
    shown = "".join("".join(lines).split())
    if shown.endswith("\u2026"):
        assert whole.startswith(shown[:-1])
        assert len(shown) - 1 < len(whole)
    else:
        assert shown == whole


def test_lines_are_of_about_one_length() -> None:
    style = sheet._Style(18, (0, 0, 0))
    assert style.wrap("pair networks (CGF 2020)", 190, 4).lines == ["pair networks", "(CGF 2020)"]


def test_long_names_break_where_they_have_parts() -> None:
    style = sheet._Style(14, (0, 0, 0))
    assert style.wrap("broken_large_000123", style.width("broken_large_000"), 3).lines == [
        "broken_large_",
        "000123",
    ]


def test_a_label_of_a_whole_book_is_cheap() -> None:
    image = contact_sheet([[black()]], row_labels=["word " * 200_000], cell=64)
    assert image.shape[2] < 400


def test_texts_use_letters_that_the_font_has() -> None:
    assert sheet._legible("Gr\u00fc\u00dfe \u732b\ud800 3\u00d73\t\x1b[31m\r\nnext") == "Grusse ? 3x3 [31m\nnext"
    assert (
        sheet._legible("Sm\u00f8rrebr\u00f8d, \u0141\u00f3d\u017a, \u0152uvre, \u00c6sir")
        == "Smorrebrod, Lodz, OEuvre, AEsir"
    )
    assert sheet._legible("\u00ab\u201cit\u2019s\u201d\u00bb") == "\u00ab\u201cit\u2019s\u201d\u00bb"
    assert "?" not in sheet._legible(
        "".join(map(chr, [*range(0xC0, 0x100), *range(0x100, 0x138), *range(0x139, 0x14A)]))
    )
    font = ImageFont.load_default(20)

    def drawn(letter: str) -> bytes:
        picture = Image.new("L", (40, 40))
        ImageDraw.Draw(picture).text((5, 5), letter, 255, font)
        return picture.tobytes()

    printable = string.ascii_letters + string.digits + string.punctuation + sheet._KEPT
    assert drawn("\u732b") == drawn("\uffff"), "what the font lacks is drawn as one and the same box"
    accented = [chr(n) for n in range(0xC0, 0x100)]
    assert not [letter for letter in accented if drawn(letter) != drawn("\uffff")], "kept as they are, if there are any"
    assert not [letter for letter in printable if drawn(letter) == drawn("\uffff")]


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([], {}, "at least one picture"),
        ([[]], {}, "at least one picture"),
        ([[None, None]], {}, "at least one picture"),
        ([[black()]], {"row_labels": ["a", "b"]}, "expected 1 row labels, got 2"),
        ([[black()]], {"row_labels": []}, "expected 1 row labels, got 0"),
        ([[black(), None]], {"col_labels": ["a"]}, "expected 2 column labels, got 1"),
        ([[black()]], {"captions": []}, "expected 1 rows of captions, got 0"),
        ([[black()]], {"captions": [["a", "b"]]}, "expected 1 captions in a row, got 2"),
        ([[black()]], {"cell": 15}, "at least 16 pixels, got 15"),
        ([[torch.zeros(2, 4, 4)]], {}, "expected one float picture"),
        ([[torch.full((3, 4, 4), float("nan"))]], {}, "got NaN"),
    ],
)
def test_mistakes_are_one_sentence(rows: list, options: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        contact_sheet(rows, **options)
