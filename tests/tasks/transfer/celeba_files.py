"""Folders laid out like CelebA, with made-up pictures, for tests."""

from collections.abc import Iterable, Mapping
from pathlib import Path

NAMES: list[str] = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
]
"""The 40 attributes in the official order."""


def line(name: str, shown: Iterable[str]) -> str:
    """As the official file has it: numbers right-aligned."""
    return " ".join([name, *(f"{1 if one in shown else -1:2}" for one in NAMES)]) + "\n"


def write(
    root: Path, rows: Mapping[str, Iterable[str]], *, anno: str = "", img: str = "", missing: Iterable[str] = ()
) -> Path:
    """Attributes by file names, and the files; `anno` and `img` are folders in between."""
    folder = root / img / "img_align_celeba"
    folder.mkdir(parents=True)
    for name in set(rows) - set(missing):
        (folder / name).touch()
    (root / anno).mkdir(exist_ok=True)
    text = f"{len(rows)}\n{' '.join(NAMES)} \n" + "".join(line(name, shown) for name, shown in rows.items())
    (root / anno / "list_attr_celeba.txt").write_text(text)
    return root
