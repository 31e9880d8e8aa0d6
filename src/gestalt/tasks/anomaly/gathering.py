"""What is remembered of good pictures: the places of them and of copies that look as good, and how far these are apart.

A copy of a good picture, turned by quarters or mirrored, is taken if its places are about as far from the places of the
others as upright ones are: a cookie may lie any way round, the streaks of a brushed surface may not be turned by 90
degrees. Of every copy some places go into the bank, the rarer the likelier (`patchwork.bank.varied`).

A single good picture is taken for two: its halves along the longer side.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.patchwork.bank import CANDIDATES, Bank, gather, places, some_of, varied
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.descriptors import Descriptor
from gestalt.tasks.anomaly.halves import longer_axis

AS_USUAL = 0.35
"""Deviations by which a copy's places may be farther from the good pictures than these are from each other, on average;
measured on good pictures alone, what may be turned has 0 to 0.25, and what may not 0.5 to 2.7."""

FEW = 1000
"""Keys that are enough to see that."""

OWN = 2**12
"""Places of a good picture, at most, from which it is seen what is usual."""

_ALL_TURNS = [(turn, mirror) for mirror in (False, True) for turn in range(4)]

TURNS = {
    "auto": _ALL_TURNS,
    "dihedral": _ALL_TURNS,
    "mirrored": [(0, False), (0, True), (2, False), (2, True)],
    "none": [(0, False)],
}
"""Quarter turns, and whether mirrored first, of the copies that go into a bank."""


def remembered(
    descriptor: Descriptor, shots: Sequence[Tensor], settings: Memory, seed: int
) -> tuple[Bank, list[Tensor]]:
    """The bank of a descriptor, and by it the distances of each good picture's places to each of the others, (N, G).

    Args:
        descriptor: of places.
        shots: the good pictures, (1, 3, H, W) in [-1, 1] each.
        settings: how many places, and which copies.
        seed: of all chance.
    """
    turns = TURNS[settings.augment]
    most = CANDIDATES * settings.keys // (len(turns) * len(shots)) + 1
    upright, *copies = (_described(descriptor, shots, turn, most, seed) for turn in turns)
    if settings.augment == "auto":
        copies = as_usual(upright, copies, settings, seed)
    bank = _gathered([upright, *copies], settings.keys, settings, seed)
    whole = _described(descriptor, shots, (0, False), OWN, seed, _at_random)
    count = max(2, len(shots))
    parts = [one.of(group) for one in whole for group in one.group.unique().tolist()]
    among = []
    for one in parts:
        table = bank.distances_by_group(one.keys, count, window=settings.window, place_n2=one.place)
        table = table.scatter(1, one.group[:, None], torch.inf)
        if not len(nearest(table)):  # a window so small that the halves of one picture do not meet is left open
            table = bank.distances_by_group(one.keys, count).scatter(1, one.group[:, None], torch.inf)
        if not len(nearest(table)):  # pictures so flat that the keys of one stand for all
            table = bank.distances(one.keys)[:, None].expand(-1, count).contiguous()
        among.append(table)
    return bank, among


class Described(NamedTuple):
    """Places of a good picture or a copy of it.

    keys: (N, C) their descriptors.
    group: (N,) to which part of the good material they belong.
    place: (N, 2) where they are, y and x in [0, 1].
    """

    keys: Tensor
    group: Tensor
    place: Tensor

    def of(self, group: int) -> "Described":
        """Those of one group."""
        inside = self.group == group
        return Described(*(part[inside] for part in self))


def _described(
    descriptor: Descriptor,
    shots: Sequence[Tensor],
    turn: tuple[int, bool],
    most: int,
    seed: int,
    choose: Callable[..., Tensor] = varied,
) -> list[Described]:
    """Of every good picture, after so many quarter turns, mirrored first or not, about so many places, as chosen.

    Of a picture in tiles each row of tiles gives its share.
    """
    found = []
    for n, shot in enumerate(shots):
        picture, groups = (turned(x, *turn) for x in (shot, groups_of(n, shot, len(shots))))
        rows = [torch.cat(list(row), 3) for row in descriptor.tiles(picture)]
        size = sum(row.shape[2] for row in rows), rows[0].shape[3]
        group, place = F.interpolate(groups, size, mode="nearest").flatten().long(), places(size).to(picture.device)
        kept, begin = [], 0
        for row in rows:
            keys, part = row[0].flatten(1).T, slice(begin, begin + row[0, 0].numel())
            drawn = choose(keys, -(-most * len(keys) // len(group)), seed, n, *turn, begin).to(picture.device)
            kept.append(Described(keys[drawn], group[part][drawn], place[part][drawn]))
            begin = part.stop
        found.append(Described(*(torch.cat(some) for some in zip(*kept, strict=True))))
    return found


def _at_random(keys: Tensor, most: int, *seed: int) -> Tensor:
    return some_of(len(keys), most, *seed)


def _gathered(described: Sequence[Sequence[Described]], most: int, settings: Memory, seed: int) -> Bank:
    parts = (torch.cat(some) for some in zip(*(one for some in described for one in some), strict=True))
    return gather(*parts, most=most, dims=settings.dims, seed=seed)


def _far(bank: Bank, described: Sequence[Described], settings: Memory) -> Tensor:
    """Distances to what is of another group, (N,), without those of places that have nothing to be compared with."""
    found = [
        bank.distances(one.keys, window=settings.window, place_n2=one.place, group_n=one.group) for one in described
    ]
    row = torch.cat(found)
    return row[row.isfinite()]


def as_usual(
    upright: list[Described], copies: list[list[Described]], settings: Memory, seed: int
) -> list[list[Described]]:
    """The copies whose places are about as far from the upright places of other pictures as upright ones are.

    So the streaks of a brushed surface are remembered the way they run, and a cookie any way round.
    """
    bank = _gathered([upright], min(settings.keys, FEW), settings, seed)
    own = _far(bank, upright, settings)
    limit = own.mean() + AS_USUAL * own.std(correction=0)
    return [copy for copy in copies if bool(_far(bank, copy, settings).mean() <= limit)]


def nearest(among: Tensor) -> Tensor:
    """Distances of a good picture's places to all other good ones, from those to each, (N, G) -> (N',).

    Places that have nothing to be compared with are left out.
    """
    row = among.amin(1)
    return row[row.isfinite()]


def groups_of(n: int, shot: Tensor, count: int) -> Tensor:
    """(1, 1, H, W): to which part of the good material each pixel belongs: its picture, or a half of the only one."""
    groups = torch.full((1, 1, *shot.shape[2:]), float(n), device=shot.device)
    if count == 1:
        along = longer_axis(shot)
        half = shot.shape[along] // 2
        groups.narrow(along, half, shot.shape[along] - half).fill_(1.0)
    return groups


def turned(picture: Tensor, turn: int, is_mirrored: bool) -> Tensor:
    """(1, C, H, W) after so many quarter turns, mirrored first or not."""
    return torch.rot90(picture.flip(3) if is_mirrored else picture, turn, (2, 3))
