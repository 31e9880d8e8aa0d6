"""What a trained pair of chains can do: map a picture, draw aligned pairs, refine a result.

With chains A and B of `pair.fit`, the picture to map is shrunk to level k and there becomes B's by G_B^k, which was
trained to do just that with samples of A; from there it climbs B's own chain like any sample of B. The level k is the
structure/appearance dial: low levels still lay the picture out, and do so as they learned it, like B; high ones leave
the layout alone and only draw B's texture.
"""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.nn.chain import BORDERS, Chain
from gestalt.ops.chance import seeded
from gestalt.ops.pyramid import Size, fit_long_side, follow
from gestalt.ops.resize import resize
from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Apply, Pair
from gestalt.tasks.analogy.measures import score, two_sided
from gestalt.tasks.analogy.outcome import DIRECTIONS, keep_direction


def map_picture(picture: Tensor, chain: Chain, start: int, *, seed: int = 0) -> Tensor:
    """Give a picture the look of another, entering its chain at one level.

    Args:
        picture: (1, 3, H, W) in [-1, 1], at working size.
        chain: of the picture whose look is wanted.
        start: level to enter at.
        seed: of the noise at the levels above.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    return _climb(picture, chain, start, 0.0, seed)


def refine(result: Tensor, chain: Chain, *, seed: int = 0) -> Tensor:
    """Send a result once more through the chain whose look it should have, from its finest residual level on.

    Args:
        result: (1, 3, H, W) in [-1, 1], as `map_picture` gives it.
        chain: the same chain.
        seed: of the noise.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    start = max(0, len(chain.sizes) - chain.plain - 1)
    return _climb(result, chain, start, 1.0 if start > 0 else 0.0, seed)  # at level 0 noise would replace the result


def draw_pair(own: Chain, other: Chain, *, seed: int = 0, number: int = 0) -> tuple[Tensor, Tensor]:
    """A random sample of one picture and its aligned twin with the look of the other.

    Args:
        own, other: chains of either.
        seed, number: of the noise; every number has its own.

    Returns:
        Two (1, 3, H, W) in [-1, 1], of the size of the one picture.
    """
    top = len(own.sizes) - 1
    below = own.samples(1, top, seeded(seed, number, 0))
    sample = own.climb(below, own.sizes, range(top, top + 1), seeded(seed, number, 1), 1.0)
    twin = other.climb(sample, own.sizes, range(top, top + 1), None, 0.0)
    return sample.clamp(-1, 1), twin.clamp(-1, 1)


def analogy(
    structure: Tensor, appearance: Tensor, chain: Chain, settings: Pair, *, seed: int, run: NullRun, name: str
) -> Tensor:
    """Map a picture, refined or not, from the level that `settings` name or that measures best.

    Args:
        structure, appearance: (1, 3, H, W) in [-1, 1], at working size.
        chain: of the appearance.
        settings: of the pair network; mode map or refine.
        seed: of the noise.
        run: keeps every level's result on one sheet, `levels_<name>.png`, and the chosen level as `<name>_start`.
        name: "a2b" or "b2a".

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    results = _from_all(structure, chain, settings, seed)
    measured = two_sided(dict(enumerate(results)), structure, appearance)
    start = _best(measured) if settings.start == "auto" else settings.start
    kept = [f"E {row['edges_structure']:.2f} / {row['edges_appearance']:.2f}" for row in measured.values()]
    sheet = contact_sheet(
        [results],
        row_labels=[""],
        col_labels=[f"start {n}" + (" (taken)" if n == start else "") for n in measured],
        captions=[kept],
        cell=min(256, max(64, *structure.shape[2:])),
    )
    caption = "Entering at every level; E is the edge correlation with the arrangement / with the appearance"
    run.image(f"levels_{name}.png", sheet, caption, kind="sheet")
    run.measure(**{f"{name}_start": start})
    return results[start]


def best_start(structure: Tensor, appearance: Tensor, chain: Chain, settings: Pair, *, seed: int = 0) -> int:
    """The level to enter at that measures best for this picture, (1, 3, H, W), refined where that is the mode."""
    return _best(two_sided(dict(enumerate(_from_all(structure, chain, settings, seed))), structure, appearance))


def _from_all(structure: Tensor, chain: Chain, settings: Pair, seed: int) -> list[Tensor]:
    """The result of entering at each level."""
    results = [map_picture(structure, chain, start, seed=seed) for start in range(len(chain.sizes))]
    return [refine(result, chain, seed=seed) for result in results] if settings.mode == "refine" else results


def _best(measured: dict[int, dict[str, float]]) -> int:
    return min(measured, key=lambda start: score(measured[start]))


def keep_samples(chain_a: Chain, chain_b: Chain, settings: Pair, *, seed: int, run: NullRun) -> dict[str, Tensor]:
    """Draw `settings.samples` aligned pairs each way and keep them; returns the first of each as "a2b" and "b2a"."""
    first = {}
    for name, own, other in (("a2b", chain_a, chain_b), ("b2a", chain_b, chain_a)):
        one, two = DIRECTIONS[name]
        for n in range(settings.samples):
            sample, twin = draw_pair(own, other, seed=seed, number=n)
            row = f"{one} to {two}, sample {n}"
            run.image(f"{name}_{n:03d}_sample.png", sample, f"a sample of {one}", row=row, col="sample")
            run.image(f"{name}_{n:03d}.png", twin, f"the same as {two}", row=row, col="its twin")
            first.setdefault(name, twin)
        run.image(f"{name}.png", first[name], f"the first twin with {two}'s appearance")
    return first


class Trained(NamedTuple):
    """What a run of the pair network left: its settings, both pictures (1, 3, H, W) and their chains."""

    settings: Pair
    a: Tensor
    b: Tensor
    chain_a: Chain
    chain_b: Chain


def load(run: Path, device: torch.device | str) -> Trained:
    """Read a finished run.

    Raises:
        ValueError: it is no run of the pair network, or its files are missing, damaged or of another version.
    """
    expected = "gestalt analogy make A B --engine pair (or of analogy video)"
    record.finished(run, ("analogy make", "analogy video"), engines=("pair",), lacks="trained pair", expected=expected)
    tensors, config = checkpoint.read_weights(run / "weights" / "pair.safetensors", device)
    with checkpoint.fitting(run, config):
        settings = Pair(**config["settings"])
        chains = [Chain.restore(tensors, name, settings.plain, BORDERS[settings.layout]) for name in ("a", "b")]
    a, b = (image.read(run / "outputs" / f"{name}.png").to(device) for name in ("a", "b"))
    return Trained(settings, a, b, *chains)


def check(trained: Trained, settings: Apply) -> None:
    """See that the chains have the level to start at.

    Raises:
        ValueError: they have not.
    """
    count = len(trained.chain_a.sizes)
    if settings.start != "auto" and settings.start >= count:
        raise ValueError(f"--start {settings.start} is past the finest level: this pair has levels 0 to {count - 1}")


def apply(picture: Tensor, trained: Trained, settings: Apply, *, seed: int = 0, run: NullRun = NullRun()) -> Tensor:
    """Give a new picture the appearance of one of a trained pair.

    Args:
        picture: (1, 3, H, W) in [-1, 1]; reduced to the long side the pair was trained at.
        trained: as `load` gives it.
        settings: direction, mode and level.
        seed: of the noise.
        run: keeps the result as `a2b.png` or `b2a.png`, every level's, and the measures.

    Returns:
        (1, 3, h, w) in [-1, 1].

    Raises:
        ValueError: the chains have no level `settings.start`.
    """
    check(trained, settings)
    size = fit_long_side(picture.shape[2:], max(*trained.chain_a.sizes[-1], *trained.chain_b.sizes[-1]))
    picture = resize(picture, size).clamp(-1, 1)
    run.image("x.png", picture, "X", row="given", col="X")
    to_b = settings.direction == "a2b"
    appearance, chain = (trained.b, trained.chain_b) if to_b else (trained.a, trained.chain_a)
    asked = dataclasses.replace(trained.settings, mode=settings.mode, start=settings.start)
    result = analogy(picture, appearance, chain, asked, seed=seed, run=run, name=settings.direction)
    keep_direction(run, settings.direction, picture, appearance, result, like="X")
    return result


def _climb(picture: Tensor, chain: Chain, start: int, noise_at_start: float, seed: int) -> Tensor:
    sizes: list[Size] = follow(picture.shape[2:], chain.sizes)
    levels = range(start, len(sizes))
    return chain.climb(picture, sizes, levels, seeded(seed, start), noise_at_start).clamp(-1, 1)
