"""What every engine leaves in its run: the pictures, their measures beside the nulls, and one sheet of it all."""

from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.ops.stats import match_histogram
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.measures import two_sided

DIRECTIONS = {"a2b": ("A", "B"), "b2a": ("B", "A")}
"""Name of each direction, and what gives it the arrangement and what the appearance."""


def keep_givens(run: NullRun, a: Tensor, b: Tensor) -> None:
    """Keep both pictures, (1, 3, H, W) in [-1, 1], at the size they are worked on at."""
    run.image("a.png", a, "A", row="given", col="A")
    run.image("b.png", b, "B", row="given", col="B")


def keep_direction(
    run: NullRun, name: str, structure: Tensor, appearance: Tensor, result: Tensor, *, like: str = ""
) -> list[Tensor]:
    """Keep one direction's result, measured beside a copy of the structure and histogram matching.

    Args:
        run: takes picture and measures.
        name: "a2b" or "b2a".
        structure, appearance, result: (1, 3, H, W) in [-1, 1]; the appearance may have another size.
        like: what the structure is called, A or B by default.

    Returns:
        Its row of the sheet.
    """
    first, second = like or DIRECTIONS[name][0], DIRECTIONS[name][1]
    caption = f"{second}'s appearance in {first}'s arrangement"
    run.image(f"{name}.png", result, caption, row="analogy", col=f"arranged like {first}")
    recoloured = match_histogram(structure, appearance)
    candidates = {name: result, f"{name}_null_histogram": recoloured, f"{name}_null_structure": structure}
    for candidate, measured in two_sided(candidates, structure, appearance).items():
        run.measure(**{f"{candidate}_{key}": value for key, value in measured.items()})
    return [structure, appearance, recoloured, result]


def keep_sheet(run: NullRun, rows: list[list[Tensor]]) -> None:
    """Keep the contact sheet of both directions."""
    sheet = contact_sheet(
        rows,
        row_labels=["A to B", "B to A"],
        col_labels=["arrangement", "appearance", "histogram match", "analogy"],
        cell=min(256, max(128, *rows[0][0].shape[2:], *rows[1][0].shape[2:])),
    )
    run.image("sheet.png", sheet, "Both directions beside histogram matching", kind="sheet")
