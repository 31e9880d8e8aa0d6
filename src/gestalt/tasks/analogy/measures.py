"""How good an analogy is, on both sides: is it arranged like A, and does it look cut from B?

One side alone proves nothing. A copy of B has perfect patches and a copy of A perfect edges; recolouring A to B's
histogram keeps the edges and fools most patch statistics. So every result stands beside such nulls.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor

from gestalt.metrics import edges, patches
from gestalt.ops.nearest import Search, patchmatch

Name = TypeVar("Name")


def two_sided(
    candidates: Mapping[Name, Tensor],
    structure: Tensor,
    appearance: Tensor,
    search: Search = patchmatch,
    directions: int = 256,
) -> dict[Name, dict[str, float]]:
    """Measure analogies of one pair, side by side.

    Args:
        candidates: by name, each (1, 3, H, W) in [-1, 1].
        structure: (1, 3, H, W), whose arrangement is wanted.
        appearance: (1, 3, H', W'), whose look is wanted.
        search: of the patch measures; the approximate one overstates distances by a few percent.
        directions: of the sliced Wasserstein distance.

    Returns:
        For each candidate
        edges_structure, edges_appearance: edge correlation with either picture (wanted high, low);
        coherence, completeness, swd: patch distances as ratios to those of the structure picture itself (low), nan
        where that has none because it looks just like the appearance;
        contrast: local contrast as a ratio to the appearance's (near 1).
    """
    null = _distances(structure, appearance, search, directions)
    return {
        name: {
            "edges_structure": edges.edge_correlation(output, structure),
            "edges_appearance": edges.edge_correlation(output, appearance),
            **{
                key: _ratio(value, null[key])
                for key, value in _distances(output, appearance, search, directions).items()
            },
            "contrast": edges.local_contrast(output, appearance),
        }
        for name, output in candidates.items()
    }


def score(measured: Mapping[str, float]) -> float:
    """One number to choose between settings on a pair; lower is better.

    coherence + completeness + swd + |log contrast|, and three times what is lacking of an edge correlation with the
    structure of .55, and of a lead of .25 over that with the appearance. So arrangement counts until it is clearly
    held, and appearance decides from there on.

    Args:
        measured: one row of `two_sided`; nan, where a pair allows no ratio, counts as 0.
    """
    kept, copied = measured["edges_structure"], measured["edges_appearance"]
    look = [measured[key] for key in ("coherence", "completeness", "swd")]
    look.append(abs(math.log(max(measured["contrast"], 1e-3))))
    lacking = max(0.0, 0.55 - kept) + max(0.0, 0.25 - (kept - copied))
    return sum(value for value in look if math.isfinite(value)) + 3 * lacking


def _ratio(value: float, null: float) -> float:
    return value / null if null > 1e-5 else math.nan


def _distances(output: Tensor, appearance: Tensor, search: Search, directions: int) -> dict[str, float]:
    return {
        "coherence": patches.coherence(output, appearance, search=search),
        "completeness": patches.completeness(output, appearance, search=search),
        "swd": patches.sliced_wasserstein(output, appearance, directions=directions),
    }
