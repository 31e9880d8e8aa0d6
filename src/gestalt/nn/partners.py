"""Whose statistics each sample of a batch gets.

    permute        a random permutation; now and then a sample is its own partner
    derange        a random cycle through all samples, so that nobody is
    cross_class    a random permutation in which every partner is of another class, where no class has more than half of
                   the samples; of larger ones those without a partner stay as they are
    cross_domain   the same by domains
    directed       sample n of the first half gets those of sample n of the second, which stays as it is

All but the last are bijections where everybody has a partner, so that the batch as a whole keeps its mean and variance.
Chance is a tensor of numbers, so that one code serves where it is drawn on the host and in a compiled graph.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Partner = Literal["permute", "derange", "cross_class", "cross_domain", "directed"]


class Partners(NamedTuple):
    """Who gets whose.

    of: (N,) the partner of each sample.
    moved: (N,) bool, who gets anything; None for everybody.
    """

    of: Tensor
    moved: Tensor | None


def choose(kind: Partner, chance: Tensor, groups: Tensor | None = None) -> Partners:
    """Partners for a batch.

    Args:
        kind: see the module.
        chance: (N + 1,) uniform in [0, 1).
        groups: (N,) classes or domains, for the kinds that cross them, on the device of `chance`.

    Raises:
        ValueError: groups are needed and missing or of another number, or a batch of halves is odd.
    """
    count = len(chance) - 1
    if kind == "directed":
        if count % 2:
            raise ValueError(f"directed partners need as many sources as targets in a batch, got {count} samples")
        at = torch.arange(count, device=chance.device)
        return Partners(torch.where(at < count // 2, at + count // 2, at), at < count // 2)
    order = chance[:count].argsort()
    if kind == "permute":
        return Partners(order, None)
    if kind == "derange":
        return Partners(torch.empty_like(order).scatter(0, order, order.roll(1)), None)
    if groups is None or len(groups) != count:
        given = "none" if groups is None else f"those of {len(groups)}"
        raise ValueError(
            f"{kind} partners need the groups of the {count} samples of the batch, got {given}: call set_groups before "
            "every step"
        )
    return _across(chance, order, groups)


def _across(chance: Tensor, order: Tensor, groups: Tensor) -> Partners:
    """In an order of whole groups, a shift by at least the size of the largest leads out of every group."""
    count = len(order)
    same = groups[:, None] == groups[None]
    first = same.float().argmax(1)  # one member stands for its group
    order = order[chance[:count][first][order].argsort(stable=True)]
    largest = same.sum(1).max()
    room = (count - 2 * largest).clamp_min(0)
    shift = (largest + (chance[count] * (room + 1)).long()).clamp(max=count - 1)
    index = torch.empty_like(order).scatter(0, order, order[(torch.arange(count, device=order.device) + shift) % count])
    return Partners(index, groups[index] != groups)
