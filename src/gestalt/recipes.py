"""Named configurations. A recipe is a function: preset name -> settings; its docstring says source, cost, result."""

from typing import TypeVar

from gestalt.tasks.analogy.config import Patch

T = TypeVar("T")


def analogy_patch(preset: str) -> Patch:
    """Settings of the patch engine for structural analogy.

    fast     the default: guided, 256 px.
    tiny     for tests: 48 px, two iterations.
    paper    nearest patches as published for analogies (GPNN, CVPR 2022, as in its best-known public code): from 14
             px at ratio 3/4, ten iterations, no guidance, A's own colours, exact search; its alpha of 0.005 is taken in
             our units (mean squared difference). Slow: keep --size <= 128.
    style    a picture redrawn in the other's strokes: its coarsest level is finer.
    texture  a layout of tones filled with the other's texture: the same, and guidance is strong.
    glyph    a letter in the drawing of the other: guidance is weak, so that strokes stay whole.
    sketch   a drawing of blobs becomes the picture they stand for: presses more of B's parts into the result.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": Patch(),
        "tiny": Patch(size=48, coarsest=12, iterations=2),
        "paper": Patch(
            size=128,
            coarsest=14,
            iterations=10,
            colours="kept",
            start=0,
            guidance=0.0,
            completeness=0.005,
            vote="mean",
            search="exact",
        ),
        "style": Patch(coarsest=28),
        "texture": Patch(coarsest=28, guidance=1.5),
        "glyph": Patch(guidance=0.5),
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
