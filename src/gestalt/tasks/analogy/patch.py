"""Structural analogy by patches: A's arrangement in B's patches, from the pair alone, without training.

A is recoloured to B's histogram and shrunk to a coarse level; from there up, every patch of the growing picture is
replaced by its nearest patch of B (`patchwork.synthesis`). The level at which A enters is the structure/appearance
dial: patches of fixed size cover much of a small picture and little of a large one, so what A arranges above its
level is kept, and what lies below comes from B.

By colour alone the search soon drifts to a copy of B, whose patches fit each other perfectly. Three guidance channels
hold the arrangement of A: the rank of a pixel's luminance, the rank of its distance from the picture's median colour
(rare colours mark figures), and figure-ground (`figure`). They mean the same in both pictures: A's brightest tenth
looks for patches in B's brightest tenth, A's figures for B's. Their weight decays from level to level, so they place
things and leave texture alone.

Style, texture and glyph transfer and sketch-to-image are settings of this function (`recipes`).

References:
    Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. Computer Graphics Forum 2020
        (the task).
    Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single Image
        Generative Models. CVPR 2022 (patches for it).
"""

import dataclasses

import torch
from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.metrics.edges import edge_correlation
from gestalt.ops import nearest
from gestalt.ops.pyramid import Size, fit_long_side, follow, ladder, pyramid
from gestalt.ops.resize import resize
from gestalt.ops.stats import luminance, match_histogram, ranks
from gestalt.patchwork.synthesis import Level, synthesize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Patch
from gestalt.tasks.analogy.figure import figure_ground
from gestalt.tasks.analogy.measures import two_sided


def working_size(image: Tensor, settings: Patch) -> Tensor:
    """Reduce (1, 3, H, W) to the size it is worked on at, aspect kept."""
    return resize(image, fit_long_side(image.shape[2:], settings.size)).clamp(-1, 1)


def level_sizes(structure: Tensor, settings: Patch) -> list[Size]:
    """The pyramid of the output, coarse to fine; `--start` counts its levels."""
    return ladder(structure.shape[2:], settings.coarsest, settings.ratio)


def guidance(image: Tensor) -> Tensor:
    """Where a picture has what, in numbers that mean the same in any picture.

    Args:
        image: (1, 3, H, W).

    Returns:
        (1, 3, H, W) in [-1, 1]: rank of the luminance; rank of the distance from the median colour; figure or ground.
    """
    median = image.flatten(2).median(dim=2).values[..., None, None]
    distance = (image - median).square().sum(dim=1, keepdim=True).sqrt()
    return torch.cat([ranks(luminance(image)), ranks(distance), figure_ground(image)], dim=1)


def check(a: Tensor, b: Tensor, settings: Patch) -> None:
    """See that both pictures, of any size, have the level to start at.

    Raises:
        ValueError: one has not.
    """
    for image in (a, b):
        height, width = fit_long_side(image.shape[2:], settings.size)
        count = len(ladder((height, width), settings.coarsest, settings.ratio))
        if settings.start >= count:
            raise ValueError(
                f"--start {settings.start} is past the finest level: a picture of {width} x {height} pixels "
                f"has levels 0 to {count - 1} with these settings"
            )


def transfer(
    structure: Tensor, appearance: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun(), name: str
) -> Tensor:
    """One direction: the arrangement of `structure` in patches of `appearance`.

    Args:
        structure: (1, 3, H, W) in [-1, 1], at working size.
        appearance: (1, 3, H', W') in [-1, 1], at working size.
        settings: of the patch engine.
        seed: of the search.
        run: takes the loop's steps.
        name: of the loop.

    Returns:
        (1, 3, H, W) in [-1, 1].

    Raises:
        ValueError: the pyramid has no level `settings.start`.
    """
    check(structure, structure, settings)
    sizes = level_sizes(structure, settings)
    begin = match_histogram(structure, appearance) if settings.colours == "matched" else structure
    source_sizes = follow(appearance.shape[2:], sizes)
    sources = pyramid(appearance, source_sizes)
    query_guides, key_guides = (
        pyramid(guidance(image) if settings.guidance else image[:, :0], at)
        for image, at in ((structure, sizes), (appearance, source_sizes))
    )
    levels = []
    for n, (source, query_guide, key_guide) in enumerate(zip(sources, query_guides, key_guides, strict=True)):
        weight = settings.guidance * settings.decay**n
        levels.append(Level(source, weight * query_guide, weight * key_guide))
    return synthesize(
        begin,
        levels[settings.start :],
        search=nearest.exact if settings.search == "exact" else nearest.patchmatch,
        patch=(1, settings.patch, settings.patch),
        iterations=settings.iterations,
        alpha=settings.completeness,
        vote_by=settings.vote,
        seed=seed,
        run=run,
        name=name,
    ).clamp(-1, 1)


def make(a: Tensor, b: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun()) -> dict[str, Tensor]:
    """Both directions of a pair, measured beside the nulls, with a contact sheet (and with `settings.sweep` the dial).

    Args:
        a: (1, 3, H, W) in [-1, 1].
        b: (1, 3, H', W') in [-1, 1].
        settings: of the patch engine.
        seed: of the search; the same for both directions, so that swapping A and B swaps the results.
        run: keeps outputs, measures, resumption; `NullRun()` for none.

    Returns:
        "a2b": B's appearance in A's arrangement, (1, 3, h, w) at A's working size; "b2a": the reverse.
    """
    a, b = working_size(a, settings), working_size(b, settings)
    run.image("a.png", a, "A", row="given", col="A")
    run.image("b.png", b, "B", row="given", col="B")
    results, rows = {}, []
    for name, (first, structure), (second, appearance) in (
        ("a2b", ("A", a), ("B", b)),
        ("b2a", ("B", b), ("A", a)),
    ):
        result = transfer(structure, appearance, settings, seed=seed, run=run, name=name)
        caption = f"{second}'s appearance in {first}'s arrangement"
        run.image(f"{name}.png", result, caption, row="analogy", col=f"arranged like {first}")
        recoloured = match_histogram(structure, appearance)
        candidates = {name: result, f"{name}_null_histogram": recoloured, f"{name}_null_structure": structure}
        for candidate, measured in two_sided(candidates, structure, appearance).items():
            run.measure(**{f"{candidate}_{key}": value for key, value in measured.items()})
        rows.append([structure, appearance, recoloured, result])
        results[name] = result
        if settings.sweep:
            sweep(structure, appearance, settings, seed=seed, run=run, name=name)
    sheet = contact_sheet(
        rows,
        row_labels=["A to B", "B to A"],
        col_labels=["arrangement", "appearance", "histogram match", "analogy"],
        cell=min(256, max(*a.shape[2:], *b.shape[2:])),
    )
    run.image("sheet.png", sheet, "Both directions beside histogram matching", kind="sheet")
    return results


def sweep(
    structure: Tensor, appearance: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun(), name: str
) -> Tensor:
    """The whole structure/appearance dial as one contact sheet: a column per start level, with and without guidance.

    Args:
        structure, appearance: as for `transfer`.
        settings: of the patch engine; `start` and `guidance` are varied.
        seed: of the search.
        run: keeps the sheet as `sweep_<name>.png` and the two edge correlations of every cell.
        name: of the direction.

    Returns:
        (1, 3, h, w), the sheet.
    """
    count = len(level_sizes(structure, settings))
    guided = settings.guidance if settings.guidance > 0 else Patch.guidance
    rows, captions = [], []
    for weight in (0.0, guided):
        cells, notes = [], []
        for start in range(count):
            cell = f"{name}_start_{start}_{'guided' if weight else 'free'}"
            variant = dataclasses.replace(settings, start=start, guidance=weight)
            cells.append(transfer(structure, appearance, variant, seed=seed, run=run, name=cell))
            kept, copied = edge_correlation(cells[-1], structure), edge_correlation(cells[-1], appearance)
            run.measure(**{f"{cell}_edges_structure": kept, f"{cell}_edges_appearance": copied})
            notes.append(f"E {kept:.2f} / {copied:.2f}")
        rows.append(cells)
        captions.append(notes)
    sheet = contact_sheet(
        rows,
        row_labels=["no guidance", "guidance"],
        col_labels=[f"start {start}" for start in range(count)],
        captions=captions,
        cell=min(256, max(structure.shape[2:])),
    )
    caption = "Every start level; E is the edge correlation with the arrangement / with the appearance"
    run.image(f"sweep_{name}.png", sheet, caption, kind="sheet")
    return sheet
