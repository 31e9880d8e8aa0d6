"""Vector avatars with glasses and facial hair, drawn by a designer: the second style that transfer is tested on.

    uv run python benchmarks/avatars.py                     a sheet of 24, and how long 200 take

    people = avatars.commons(2000, seed=1)                  # faces, without any content
    guides = avatars.accessories(2000, seed=2)              # or avatars.beards(...)
    plain = avatars.avatars(people, None, None, 64)         # (2000, 3, 64, 64) in [-1, 1]
    exact = avatars.avatars(people, guides, None, 64)       # the right answer for every person and every guide
    mask = avatars.opacity(people, guides, None, 64)        # and where it differs from `plain`

The artwork is "Avataaars" by Pablo Stanley, as the package dicebear-styles (for development only) has it: with its
licence, "Free for personal and commercial use". Its pictures are layers, and facial hair and glasses are the last two.
So any content fits any face: it is rasterised alone, with its opacity, and laid over the picture of the face, in sRGB
numbers and at twice the size; both are then shrunk. What the designers meant to brighten whatever lies below, the glint
on dark lenses, brightens the lens alone.

Faces are also moved, scaled and turned a little, and content with them, so that glasses have to find the eyes. Content
colours that some skin nearly has are left out, since nobody could say where they are. So are hats, scarves, bands and
flowers, the eye patch, printed shirts, and faces that weep or worse.
"""

import argparse
import functools
import io
import json
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional as F

from gestalt.media import image
from gestalt.ops.chance import seeded

GLASSES = ("kurt", "prescription01", "prescription02", "round", "sunglasses", "wayfarers")
"""Of these kurt, sunglasses and wayfarers are dark."""
BEARDS = ("beardLight", "beardMajestic", "beardMedium", "moustacheFancy", "moustacheMagnum")

HAIR = (
    *("bigHair", "bob", "bun", "curly", "curvy", "dreads", "dreads01", "dreads02", "frizzle", "fro"),
    *("longButNotTooLong", "miaWallace", "shaggy", "shaggyMullet", "shavedSides", "shortCurly", "shortFlat"),
    *("shortRound", "shortWaved", "sides", "straight01", "straight02", "straightAndStrand", "theCaesar"),
    "theCaesarAndSidePart",
)
CLOTHES = (
    *("blazerAndShirt", "blazerAndSweater", "collarAndSweater", "hoodie", "overall"),
    *("shirtCrewNeck", "shirtScoopNeck", "shirtVNeck"),
)
EYES = ("closed", "default", "eyeRoll", "happy", "side", "squint", "surprised", "wink", "winkWacky")
EYEBROWS = (
    *("angry", "angryNatural", "default", "defaultNatural", "flatNatural", "frownNatural", "raisedExcited"),
    *("raisedExcitedNatural", "sadConcerned", "sadConcernedNatural", "upDown", "upDownNatural"),
)
MOUTHS = ("concerned", "default", "disbelief", "grimace", "sad", "screamOpen", "serious", "smile", "tongue", "twinkle")

APART = 0.13
"""Mean difference of a content's colour from any skin, of a range of 2, below which it is left out."""
CENTRE, MOVED, WIDTH, TURNED = (140, 118), 10, (205, 250), 5
"""Middle of a face, and how far the picture's middle may be from it; width of the picture, in units of the artwork;
and how far a face is turned, in degrees."""


class Common(NamedTuple):
    """What makes a face: names of parts and colours of the artwork, and where it is."""

    skin: str
    hair: str
    hair_colour: str
    clothes: str
    clothes_colour: str
    mouth: str
    eyes: str
    eyebrows: str
    ground: str
    x: float
    y: float
    width: float
    """Middle and width of the picture, in units of the artwork."""
    turn: float
    """In degrees."""


class Accessory(NamedTuple):
    """Glasses: one of `GLASSES`, and the colour of the frame."""

    kind: str
    colour: str


class Beard(NamedTuple):
    """Facial hair: one of `BEARDS`, and its colour, which need not be that of the hair."""

    kind: str
    colour: str


def commons(count: int, seed: int) -> list[Common]:
    """Faces; the first of more are the same."""
    return [_common(seeded(seed, number, 0)) for number in range(count)]


def accessories(count: int, seed: int) -> list[Accessory]:
    """Glasses of all kinds and colours."""
    colours = _visible("accessories")
    return [Accessory(_one(GLASSES, c), _one(colours, c)) for c in (seeded(seed, n, 1) for n in range(count))]


def beards(count: int, seed: int) -> list[Beard]:
    """Facial hair of all kinds and colours."""
    colours = _visible("facialHair")
    return [Beard(_one(BEARDS, c), _one(colours, c)) for c in (seeded(seed, n, 2) for n in range(count))]


def avatars(
    commons: Sequence[Common], accessories: Sequence[Accessory] | None, beards: Sequence[Beard] | None, size: int
) -> Tensor:
    """Pictures of faces, each with the content at its place in the lists.

    Args:
        commons: N faces.
        accessories: N glasses, or none for all.
        beards: N times facial hair, which lies below glasses, or none for all.
        size: of the pictures, in pixels.

    Returns:
        (N, 3, size, size) float32 in [-1, 1].

    Raises:
        ValueError: the lists have other lengths.
    """
    pictures = torch.empty(len(commons), 3, size, size)
    for picture, (common, parts) in zip(pictures, _each(commons, accessories, beards), strict=True):
        face = _rasterised(_face(common), common, size)[:3]
        if parts:
            content = _rasterised(parts, common, size)
            face = content[:3] + (1 - content[3:]) * face
        picture.copy_(2 * F.avg_pool2d(face, 2) - 1)
    return pictures.clamp_(-1, 1)


def opacity(
    commons: Sequence[Common], accessories: Sequence[Accessory] | None, beards: Sequence[Beard] | None, size: int
) -> Tensor:
    """How much the content of `avatars` covers the face: where it is 0, that face without it has the same bits.

    Frames are near 1, dark lenses from .7 up, and the shadow that glasses throw on the face is at most .1.

    Returns:
        (N, 1, size, size) float32 in [0, 1].

    Raises:
        ValueError: the lists have other lengths.
    """
    masks = torch.zeros(len(commons), 1, size, size)
    for mask, (common, parts) in zip(masks, _each(commons, accessories, beards), strict=True):
        if parts:
            mask.copy_(F.avg_pool2d(_rasterised(parts, common, size)[3:], 2))
    return masks


def _common(chance: Generator) -> Common:
    colours = _definition()["colors"]
    x, y, width, turn = torch.rand(4, generator=chance, dtype=torch.float64).tolist()
    ground = torch.randint(90, 251, (3,), generator=chance).tolist()
    return Common(
        skin=_one(_skins(), chance),
        hair=_one(HAIR, chance),
        hair_colour=_one(colours["hair"]["values"], chance),
        clothes=_one(CLOTHES, chance),
        clothes_colour=_one(colours["clothes"]["values"], chance),
        mouth=_one(MOUTHS, chance),
        eyes=_one(EYES, chance),
        eyebrows=_one(EYEBROWS, chance),
        ground="#" + bytes(ground).hex(),
        x=CENTRE[0] + MOVED * (2 * x - 1),
        y=CENTRE[1] + MOVED * (2 * y - 1),
        width=WIDTH[0] + (WIDTH[1] - WIDTH[0]) * width,
        turn=TURNED * (2 * turn - 1),
    )


def _one(values: Sequence[str], chance: Generator) -> str:
    return values[int(torch.randint(len(values), (), generator=chance))]


def _each(
    commons: Sequence[Common], accessories: Sequence[Accessory] | None, beards: Sequence[Beard] | None
) -> list[tuple[Common, str]]:
    """Every face with the markup of its content, which may be empty."""
    none = [None] * len(commons)
    return [
        (common, _content("facialHair", beard) + _content("accessories", accessory))
        for common, beard, accessory in zip(commons, beards or none, accessories or none, strict=True)
    ]


# -- the artwork as SVG ------------------------------------------------------------------------------------


@functools.cache
def _definition() -> dict[str, Any]:
    """Parts, colours and order of the layers."""
    return json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8"))


def _skins() -> list[str]:
    return _definition()["colors"]["skin"]["values"]


@functools.cache
def _visible(layer: str) -> list[str]:
    """The colours of a content that no skin nearly has."""

    def numbers(colour: str) -> Tensor:
        return torch.tensor(list(bytes.fromhex(colour[1:]))) / 127.5

    values = _definition()["colors"][layer]["values"]
    return [c for c in values if all((numbers(c) - numbers(s)).abs().mean() >= APART for s in _skins())]


def _face(common: Common) -> str:
    parts = {"top": common.hair, "nose": "default", **{part: getattr(common, part) for part in _NAMED}}
    colours = {"skin": common.skin, "hair": common.hair_colour, "clothes": common.clothes_colour}
    ground = f'<rect x="-999" y="-999" width="2999" height="2999" fill="{common.ground}"/>'
    return ground + _markup(_definition()["canvas"]["elements"], parts, colours)


_NAMED = ("clothes", "mouth", "eyes", "eyebrows")


def _content(layer: str, content: Accessory | Beard | None) -> str:
    if content is None:
        return ""
    elements = [e for e in _definition()["canvas"]["elements"] if e["name"] == layer]
    return _markup(elements, {layer: content.kind}, {layer: content.colour})


def _markup(elements: Sequence[Mapping[str, Any]], parts: Mapping[str, str], colours: Mapping[str, str]) -> str:
    """SVG of elements, with components that `parts` does not name left out."""
    written = ""
    for element in elements:
        name, inner = element["name"], element.get("children", [])
        if element["type"] == "component":
            if name not in parts:
                continue
            inner = _definition()["components"][name]["variants"][parts[name]]["elements"]
            name = "g"
        values = {k: v if isinstance(v, str) else colours[v["name"]] for k, v in element.get("attributes", {}).items()}
        attributes = "".join(f' {key}="{value}"' for key, value in values.items())
        written += f"<{name}{attributes}>{_markup(inner, parts, colours)}</{name}>"
    return written


def _rasterised(markup: str, common: Common, size: int) -> Tensor:
    """(4, 2 size, 2 size) in [0, 1]: red, green and blue times opacity, and opacity."""
    import resvg_py

    left, top, side = common.x - common.width / 2, common.y - common.width / 2, 2 * size
    drawn = resvg_py.svg_to_bytes(
        svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {common.width} {common.width}" '
        f'width="{side}" height="{side}" fill="none"><g transform="rotate({common.turn} {CENTRE[0]} {CENTRE[1]})">'
        f"{markup}</g></svg>",
        skip_system_fonts=True,
    )
    with Image.open(io.BytesIO(drawn)) as opened:
        numbers = np.asarray(opened.convert("RGBA"), np.float32) / 255
    layers = torch.from_numpy(numbers).permute(2, 0, 1)
    return torch.cat([layers[:3] * layers[3:], layers[3:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("scratch", "avatars.png"))
    asked = parser.parse_args()
    people, glasses, hair = commons(8, 0), accessories(8, 1), beards(8, 2)
    rows = [avatars(people, *content, asked.size) for content in ((None, None), (glasses, None), (None, hair))]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    image.write(asked.out, torch.cat([torch.cat(list(row), 2) for row in rows], 1)[None])
    begun = time.perf_counter()
    avatars(commons(200, 3), accessories(200, 4), beards(200, 5), asked.size)
    print(f"{asked.out}; 200 pictures with content in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
