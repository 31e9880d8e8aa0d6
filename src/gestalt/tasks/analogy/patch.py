"""Structural analogy by patches: A's arrangement in B's patches, from the pair alone, without training.

A is recoloured to B's histogram and shrunk to a coarse level; from there up, every patch of the growing picture is
replaced by its nearest patch of B (`patchwork.synthesis`). The level at which A enters is the structure/appearance
dial: patches of fixed size cover much of a small picture and little of a large one, so what A arranges above its
level is kept, and what lies below comes from B.

By colour alone the search soon drifts to a copy of B, whose patches fit each other perfectly. Guidance channels hold
the arrangement of A (`guidance`).

Style, texture and glyph transfer and sketch-to-image are settings of this function (`recipes`).

References:
    Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. Computer Graphics Forum 2020
        (the task).
    Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single Image
        Generative Models. CVPR 2022 (patches for it).
"""

import dataclasses
import functools
from typing import NamedTuple

from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.metrics.edges import edge_correlation
from gestalt.ops import nearest
from gestalt.ops.pyramid import Size, fit_long_side, follow, ladder, reduced
from gestalt.ops.resize import resize
from gestalt.ops.stats import match_histogram
from gestalt.patchwork.synthesis import Level, synthesize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Patch
from gestalt.tasks.analogy.guidance import channel_weights, guidance
from gestalt.tasks.analogy.measures import score, two_sided
from gestalt.tasks.analogy.outcome import keep_direction, keep_givens, keep_sheet

SWEEPS = 2
"""Of each search; matches are carried from search to search, so few are needed."""

GUIDANCES, STARTS, TRIAL = (0.6, 1.0, 1.6), (0, 2), 80
"""What "auto" tries, and the longest side in pixels of a trial."""


def working_size(image: Tensor, settings: Patch) -> Tensor:
    """Reduce (1, 3, H, W) to the size it is worked on at, aspect kept."""
    return reduced(image, settings.size)


def level_sizes(structure: Tensor, settings: Patch) -> list[Size]:
    """The pyramid of the output, coarse to fine; `--start` counts its levels. Above size `solve` it doubles.

    A clip (1, 3, T, H, W) keeps its T at every level.
    """
    time, size = structure.shape[2:-2], structure.shape[-2:]
    solved = fit_long_side(size, settings.solve)
    doubling = ladder(size, min(solved), 0.5)[1:]
    return [(*time, *level) for level in [*ladder(solved, settings.coarsest, settings.ratio), *doubling]]


def check(a: Tensor, b: Tensor, settings: Patch) -> None:
    """See that both pictures, of any size, have the level to start at.

    Raises:
        ValueError: one has not.
    """
    for image in (a, b):
        height, width = fit_long_side(image.shape[2:], settings.size)
        count = len(level_sizes(image.new_empty(1, 0, height, width), settings))
        if settings.start != "auto" and settings.start >= count:
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
    given = prepare(structure, appearance, settings)
    if "auto" in (settings.guidance, settings.start):
        settings = choose(structure, given, settings, seed=seed)
        run.say(f"{name}: guidance {settings.guidance:g} and start level {settings.start} measured best")
        run.measure(**{f"{name}_guidance": settings.guidance, f"{name}_start": settings.start})
    return synthesize_levels(given, settings, seed=seed, run=run, name=name)


class Given(NamedTuple):
    """What a synthesis works from, for a picture (two axes) or a clip (three).

    begin: (1, 3, *) in [-1, 1], the structure in the colours to begin with, any size.
    appearance: (1, 3, *) in [-1, 1], full size.
    guides: (1, G, *) each, guidance of both, not yet weighted, any size; G is 0 where it is off.
    sizes, source_sizes: of the levels of output and source, coarse to fine.
    """

    begin: Tensor
    appearance: Tensor
    guides: tuple[Tensor, Tensor]
    sizes: list[Size]
    source_sizes: list[Size]


def prepare(structure: Tensor, appearance: Tensor, settings: Patch) -> Given:
    """Recolour and measure both, pictures (1, 3, H, W) or clips (1, 3, T, H, W) alike, no larger than `solve`."""
    sizes = level_sizes(structure, settings)
    planes = follow(appearance.shape[-2:], [size[-2:] for size in sizes])
    source_sizes: list[Size] = [(*appearance.shape[2:-2], *plane) for plane in planes]
    structure, small = (
        resize(x, (*x.shape[2:-2], *fit_long_side(x.shape[-2:], settings.solve))) for x in (structure, appearance)
    )
    begin = match_histogram(structure, small) if settings.colours == "matched" else structure
    guides = guidance(structure, small) if settings.guidance else (structure[:, :0], small[:, :0])
    return Given(begin, appearance, guides, sizes, source_sizes)


def choose(structure: Tensor, given: Given, settings: Patch, *, seed: int) -> Patch:
    """Fill in what is "auto", by measuring small trials on both sides.

    Trials are made up to the last level no longer than `TRIAL`: first with each of `GUIDANCES`, then, with the best of
    them, from the other `STARTS`. The best `measures.score` is kept.

    Args:
        structure: (1, 3, H, W) in [-1, 1], a picture.
        given: what `prepare` made of it.
        settings: with something "auto".
        seed: of the search.

    Returns:
        The settings, all in numbers.
    """
    last = max([n for n, size in enumerate(given.sizes) if max(size) <= TRIAL], default=0)
    starts = [start for start in STARTS if start <= last] if settings.start == "auto" else [settings.start]
    guidances = GUIDANCES if settings.guidance == "auto" else [settings.guidance]
    # Where B is larger than A it is shrunk further, so that it too is no longer than TRIAL at that level.
    longest = max(1, TRIAL * max(given.sizes[-1]) // max(given.sizes[last]))
    appearance = resize(given.appearance, fit_long_side(given.appearance.shape[2:], longest))
    given = given._replace(appearance=appearance, source_sizes=follow(appearance.shape[2:], given.sizes))
    small, source = resize(structure, given.sizes[last]), resize(appearance, given.source_sizes[last])

    def scores(trials: list[tuple[float, int]]) -> dict[tuple[float, int], float]:
        made = {}
        for weight, start in trials:
            trial = dataclasses.replace(settings, guidance=weight, start=min(start, last), iterations=2)
            made[weight, start] = synthesize_levels(given, trial, seed=seed, last=last, name="trial")
        measured = two_sided(made, small.clamp(-1, 1), source.clamp(-1, 1), directions=64)
        return {trial: score(row) for trial, row in measured.items()}

    tried = scores([(weight, starts[0]) for weight in guidances])
    weight, _ = min(tried, key=tried.__getitem__)
    if len(starts) > 1:
        tried |= scores([(weight, start) for start in starts[1:]])
    weight, start = min(tried, key=tried.__getitem__)
    return dataclasses.replace(settings, guidance=weight, start=start)


def synthesize_levels(
    given: Given,
    settings: Patch,
    *,
    seed: int,
    depth: int = 1,
    last: int | None = None,
    run: NullRun = NullRun(),
    name: str,
) -> Tensor:
    """Go through the levels from `settings.start` to `last`, both numbers; the result has the size of that level.

    Args:
        given: as `prepare` makes it.
        settings, seed, run, name: as for `transfer`.
        depth: frames in a patch.
        last: the level to end with, or None for the finest.
    """
    begin, appearance, guides, sizes, source_sizes = given
    whole = nearest.exact if settings.search == "exact" else functools.partial(nearest.patchmatch, sweeps=SWEEPS)
    nearby = functools.partial(nearest.patchmatch, sweeps=1, reach=4)
    assert settings.start != "auto"
    assert settings.guidance != "auto"
    levels = []
    for n in range(settings.start, len(sizes) if last is None else last + 1):
        source = resize(appearance, source_sizes[n])
        if n > settings.start and max(*sizes[n][-2:], *source_sizes[n][-2:]) > settings.solve:
            ours, theirs = (source.new_empty(1, 0, *size) for size in (sizes[n], source_sizes[n]))
            levels.append(Level(source, ours, theirs, nearby, iterations=1, alpha=0.0))
        else:
            weights = settings.guidance * channel_weights(n)[: guides[0].shape[1]].to(source)
            ours, theirs = (
                weights.view(1, -1, *(1,) * len(size)) * resize(guide, size)
                for guide, size in zip(guides, (sizes[n], source_sizes[n]), strict=True)
            )
            levels.append(Level(source, ours, theirs, whole, settings.iterations, settings.completeness))
    patch = (depth, settings.patch, settings.patch)
    return synthesize(begin, levels, patch=patch, vote_by=settings.vote, seed=seed, run=run, name=name).clamp(-1, 1)


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
    keep_givens(run, a, b)
    results, rows = {}, []
    for name, structure, appearance in (("a2b", a, b), ("b2a", b, a)):
        results[name] = transfer(structure, appearance, settings, seed=seed, run=run, name=name)
        rows.append(keep_direction(run, name, structure, appearance, results[name]))
        if settings.sweep:
            sweep(structure, appearance, settings, seed=seed, run=run, name=name)
    keep_sheet(run, rows)
    return results


def sweep(
    structure: Tensor, appearance: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun(), name: str
) -> Tensor:
    """The whole dial as one contact sheet: a column per start level up to `solve`, without and with guidance.

    Args:
        structure, appearance: as for `transfer`.
        settings: of the patch engine; `start` and `guidance` are varied.
        seed: of the search.
        run: keeps the sheet as `sweep_<name>.png` and the two edge correlations of every cell.
        name: of the direction.

    Returns:
        (1, 3, h, w), the sheet.
    """
    sizes = level_sizes(structure, settings)
    starts = [n for n, size in enumerate(sizes) if max(size) <= settings.solve] or [0]
    guided = settings.guidance if settings.guidance not in ("auto", 0.0) else 1.0
    rows, captions = [], []
    for weight in (0.0, guided):
        cells, notes = [], []
        given = prepare(structure, appearance, dataclasses.replace(settings, guidance=weight))
        for start in starts:
            cell = f"{name}_start_{start}_{'guided' if weight else 'free'}"
            variant = dataclasses.replace(settings, start=start, guidance=weight)
            cells.append(synthesize_levels(given, variant, seed=seed, run=run, name=cell))
            kept, copied = edge_correlation(cells[-1], structure), edge_correlation(cells[-1], appearance)
            run.measure(**{f"{cell}_edges_structure": kept, f"{cell}_edges_appearance": copied})
            notes.append(f"E {kept:.2f} / {copied:.2f}")
        rows.append(cells)
        captions.append(notes)
    sheet = contact_sheet(
        rows,
        row_labels=["no guidance", f"guidance {guided:g}"],
        col_labels=[f"start {start}" for start in starts],
        captions=captions,
        cell=min(256, max(structure.shape[2:])),
    )
    caption = "Every start level; E is the edge correlation with the arrangement / with the appearance"
    run.image(f"sweep_{name}.png", sheet, caption, kind="sheet")
    return sheet
