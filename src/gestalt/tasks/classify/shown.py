"""What an adapted network says of some pictures of both sides, as one sheet to look at."""

import colorsys
from collections.abc import Sequence

import torch
from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.segments import NONE
from gestalt.tasks.classify.sides import Side, Sides

EACH = 6
"""Pictures of each side."""


@torch.inference_mode()
def sheet(net: Classifier, sides: Sides) -> Tensor:
    """Of whole pictures what they are and what they are called; of pixels both in colours, below the picture.

    Args:
        net: ready to judge.
        sides: tested pictures are shown; of a side that has none, pictures that were learned from, without labels.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    rows: list[list[Tensor | None]] = []
    captions: list[list[str | None]] = []
    labels: list[str] = []
    for name, side in (("source", sides.source), ("target", sides.target)):
        pictures, known = some(side)
        said = net(pictures.to(net.mean.device, memory_format=torch.channels_last)).argmax(1).cpu()
        rows.append([*pictures.split(1)])
        labels.append(name)
        if said.ndim == 1:
            captions.append([_caption(sides.classes, right, int(one)) for right, one in zip(known, said, strict=True)])
            continue
        palette = colours(len(sides.classes))
        rows += [
            [None if right is None else painted(right, palette) for right in known],
            [painted(one[None], palette) for one in said],
        ]
        labels += ["as labelled", "as called"]
    return contact_sheet(rows, row_labels=labels, captions=captions or None, cell=128)


def some(side: Side) -> tuple[Tensor, list[Tensor | None]]:
    """Some pictures (N, 3, S, S) from all of a side, and the labels of each, None where they may not be looked at."""
    numbers = side.tested or side.learned  # by class, often, so some from everywhere
    count = min(EACH, len(numbers))
    pieces = [side.piece(numbers[n * len(numbers) // count], None) for n in range(count)]
    return torch.cat([x for x, _ in pieces]), [label if side.tested else None for _, label in pieces]


def colours(count: int) -> Tensor:
    """(count, 3) in [-1, 1], told apart by hue, and by brightness where there are many; the first is grey."""
    made = [(0.35, 0.35, 0.35)]
    made += [colorsys.hsv_to_rgb(n * 0.618 % 1, 0.75, 0.95 if n % 2 else 0.7) for n in range(count - 1)]
    return torch.tensor(made) * 2 - 1


def painted(labels: Tensor, palette: Tensor) -> Tensor:
    """Labels (1, S, S) as colours (1, 3, S, S) in [-1, 1]; pixels that nobody asks about are black."""
    asked = labels != NONE
    picture = palette[torch.where(asked, labels, 0)]
    return torch.where(asked[..., None], picture, -1.0).permute(0, 3, 1, 2)


def _caption(classes: Sequence[str], right: Tensor | None, said: int) -> str:
    if right is None:
        return f"called {classes[said]}"
    return classes[said] if int(right) == said else f"{classes[int(right)]}, called {classes[said]}"
