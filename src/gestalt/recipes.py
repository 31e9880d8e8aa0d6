"""Named configurations. A recipe is a function: preset name -> settings; its docstring says source, cost, result."""

import dataclasses
from typing import TypeVar

from gestalt.tasks.analogy.config import Apply, Pair, Patch

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


def analogy_pair(preset: str) -> Pair:
    """Settings of the pair network for structural analogy.

    fast     the default: 64 px, narrow, 500 steps at the two finest levels and 300 at the others.
    tiny     for tests: 24 px, 4 steps a level.
    paper    the published hyperparameters: 220 px, 11 levels (the refitted ratio is given here), 20,000 steps a level,
             widths 32 to 128; days on a CPU.
    sketch   fast with the published weights for a sketch as B: critics learn five times faster than generators, and
             B's adversarial loss counts a tenth.

    Raises:
        ValueError: no such preset.
    """
    fast = Pair()
    presets = {
        "fast": fast,
        "tiny": Pair(size=24, coarsest=12, width=8, widest=8, steps=4, coarse_steps=4),
        "paper": Pair(
            size=220,
            ratio=0.7785,
            widest=128,
            lr_d=1e-4,
            steps=20_000,
            coarse_steps=20_000,
            average=0.0,
            layout="learned",
            penalty_every=1,
            plateau=0,
        ),
        "sketch": dataclasses.replace(fast, lr_g=1e-4, gamma=0.1),
    }
    return choose(presets, preset)


def analogy_apply(preset: str) -> Apply:
    """Settings of applying a trained pair; there is one preset, fast.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": Apply()}, preset)


def choose(presets: dict[str, T], preset: str) -> T:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if preset not in presets:
        raise ValueError(f"there is no preset {preset!r} here: choose {', '.join(presets)}")
    return presets[preset]
