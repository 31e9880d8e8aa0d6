"""Named configurations. A recipe is a function: preset name -> settings; its docstring says source, cost, result."""

from typing import TypeVar

from gestalt.tasks.analogy.config import Patch

T = TypeVar("T")


def analogy_patch(preset: str) -> Patch:
    """Settings of the patch engine for structural analogy.

    fast     the default: two guidance channels, 256 px.
    tiny     for tests: 48 px, two iterations.
    paper    nearest patches as published for analogies (GPNN, CVPR 2022, as in its best-known public code): from 14
             px at ratio 3/4, ten iterations, no guidance, A's own colours, exact search. Slow: keep --size <= 128.
    style    the content picture redrawn in the strokes of the other: begins finer, holds tone strictly.
    texture  the other's texture over A's layout of tones.
    glyph    a letter's shape in the drawing of the other: strict figure-ground, B's strokes kept whole.
    sketch   a drawing of blobs becomes the picture they stand for: loose, every part of B wanted.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": Patch(),
        "tiny": Patch(size=48, coarsest=12, iterations=2),
        "paper": Patch(
            size=128, coarsest=14, iterations=10, colours="kept", guidance=0.0, completeness=0.005, search="exact"
        ),
        "style": Patch(coarsest=28, decay=0.7),
        "texture": Patch(coarsest=28, decay=0.7),
        "glyph": Patch(decay=0.7),
        "sketch": Patch(completeness=0.02),
    }
    return choose(presets, preset)


def choose(presets: dict[str, T], preset: str) -> T:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if preset not in presets:
        raise ValueError(f"there is no preset {preset!r} here: choose {', '.join(presets)}")
    return presets[preset]
