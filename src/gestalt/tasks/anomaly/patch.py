"""Defects by patch memory: a place is strange when no place of the good pictures looks like it. Nothing is trained.

Every good picture, and those of its mirrored and turned copies that look as good, is described place by place by
several descriptors (`descriptors`); each descriptor has a bank (`patchwork.bank`). A place's distance d to the nearest
key of a bank is measured by what good places have: those of each good picture, compared with the keys of the others
only, have mean m and deviation s, and

    z = (d - m) / s

is 0 for a usual place, whatever the descriptor. The map is the mean of z over the descriptors, the score of a picture
the mean of the highest hundredth of its z, likewise. With a single good picture, its two halves stand for two.

On the features of a network with weights (`--features`) this is PatchCore's recipe, with the score of AnomalyDINO; on
colours and gradients it needs no weights at all.

References:
    Roth, Pemula, Zepeda, Scholkopf, Brox, Gehler: Towards Total Recall in Industrial Anomaly Detection. CVPR 2022.
    Damm, Laszkiewicz, Lederer, Fischer: AnomalyDINO: Boosting Patch-Based Few-Shot Anomaly Detection with DINOv2.
        WACV 2025 (turned copies; the mean of the highest hundredth).
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.features import load as load_features
from gestalt.patchwork.bank import Bank, from_tensors, gather, tensors
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.descriptors import Descriptor, of_name, of_network
from gestalt.tasks.anomaly.scorer import Judged, top_mean

SMOOTH = 1 / 64
"""Deviation of the Gaussian that smooths a map, as a part of its long side: 4 pixels of 256."""

AS_USUAL = 0.35
"""Deviations by which a copy's places may be farther from the good pictures than these are from each other, on average;
measured on good pictures alone, what may be turned has 0 to 0.25, and what may not 0.5 to 2.7."""

FEW = 1000
"""Keys that are enough to see that."""

_ALL_TURNS = [(turn, mirror) for mirror in (False, True) for turn in range(4)]

TURNS = {
    "auto": _ALL_TURNS,
    "dihedral": _ALL_TURNS,
    "mirrored": [(0, False), (0, True), (2, False), (2, True)],
    "none": [(0, False)],
}
"""Quarter turns, and whether mirrored first, of the copies that go into a bank."""


@dataclass(frozen=True)
class Remembered:
    """A descriptor, what it has seen of good pictures, and what distances are usual among them."""

    descriptor: Descriptor
    bank: Bank
    mean: float
    deviation: float

    def strangeness(self, picture: Tensor, window: float) -> Tensor:
        """z of every place, (h, w)."""
        return (self.bank.distances(self.descriptor(picture), window=window) - self.mean) / self.deviation


@dataclass(frozen=True)
class PatchMemory:
    """A memory of good pictures; see the module.

    self_scores: what the good pictures score themselves, each compared with the others only; of a single one, its two
        halves.
    """

    settings: Memory
    remembered: tuple[Remembered, ...]
    self_scores: tuple[float, ...]

    def judge(self, image: Tensor) -> Judged:
        """What is strange about a picture.

        Args:
            image: (1, 3, H, W) in [-1, 1], of any size, on the device of the good ones.
        """
        maps = [part.strangeness(image, self.settings.window) for part in self.remembered]
        score = sum(top_mean(map_, self.settings.worst) for map_ in maps) / len(maps)
        grids = [
            F.interpolate(map_[None, None], image.shape[2:], mode="bilinear", align_corners=False) for map_ in maps
        ]
        return Judged(score, smoothed(torch.stack(grids).mean(0)))

    def tensors(self) -> dict[str, Tensor]:
        """All of it for a file of weights."""
        kept = {"self_scores": torch.tensor(self.self_scores)}
        for n, part in enumerate(self.remembered):
            kept |= tensors(part.bank, f"bank{n}") | {f"usual{n}": torch.tensor([part.mean, part.deviation])}
        return kept


def fit(shots: Sequence[Tensor], settings: Memory, *, seed: int = 0, run: NullRun = NullRun()) -> PatchMemory:
    """Remember some good pictures.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, of any sizes.
        settings: of the memory.
        seed: of all chance.
        run: takes a step per descriptor.

    Raises:
        ValueError: `features` names no network, or one that does not look at pictures.
    """
    describing = describers(settings, shots, seed=seed)
    state: dict[str, Any] = {"banks": [], "usual": [], "scores": []}
    for step in run.steps("memory", len(describing), state):
        part, own = _remember(describing[step], shots, settings, seed)
        state["banks"].append(part.bank._asdict())
        state["usual"].append((part.mean, part.deviation))
        state["scores"].append(own)
        run.log(step, distance=part.mean)
    parts = zip(describing, state["banks"], state["usual"], strict=True)
    remembered = tuple(Remembered(descriptor, Bank(**bank), *usual) for descriptor, bank, usual in parts)
    scores = tuple(statistics.mean(of_one) for of_one in zip(*state["scores"], strict=True))
    return PatchMemory(settings, remembered, scores)


def load(saved: Mapping[str, Tensor], settings: Memory, shots: Sequence[Tensor], *, seed: int = 0) -> PatchMemory:
    """The memory that `PatchMemory.tensors` gave.

    Args:
        saved: by name.
        settings: that it was fitted with.
        shots: the good pictures, for a descriptor that is trained on them; other descriptors take none.
        seed: as for `fit`.

    Raises:
        KeyError: something is missing.
    """
    remembered = []
    for n, descriptor in enumerate(describers(settings, shots, seed=seed)):
        mean, deviation = saved[f"usual{n}"].tolist()
        remembered.append(Remembered(descriptor, from_tensors(saved, f"bank{n}"), mean, deviation))
    return PatchMemory(settings, tuple(remembered), tuple(saved["self_scores"].tolist()))


def describers(settings: Memory, shots: Sequence[Tensor], *, seed: int = 0) -> list[Descriptor]:
    """The descriptors that the settings name.

    Raises:
        ValueError: `features` names no network, or one that does not look at pictures.
    """
    if settings.features:
        network = load_features(settings.features)
        name = f"{network.arch}@{settings.features_size}"
        return [of_network(name, network, settings.layers, settings.features_size)]
    return [of_name(name, shots, seed=seed) for name in settings.descriptors]


def _remember(
    descriptor: Descriptor, shots: Sequence[Tensor], settings: Memory, seed: int
) -> tuple[Remembered, list[float]]:
    """The bank of a descriptor, and the scores of the good pictures by it."""
    upright = _described(descriptor, shots, (0, False))
    copies = [_described(descriptor, shots, turn) for turn in TURNS[settings.augment][1:]]
    if settings.augment == "auto":
        copies = as_usual(upright, copies, settings, seed)
    everything = [one for part in (upright, *copies) for one in part]
    maps, groups = [one.map for one in everything], [one.groups for one in everything]
    bank = gather(maps, groups, most=settings.keys, dims=settings.dims, seed=seed)
    found = [bank.distances(one.map, window=settings.window, groups=one.groups) for one in upright]
    usual = _finite(found)
    if not len(usual):  # a window so small that the halves of one picture do not meet
        usual = _finite([bank.distances(one.map, window=settings.window) for one in upright])
    mean, deviation = float(usual.mean()), float(usual.std(correction=0)) + 1e-6
    scores = []
    for distances, one in zip(found, upright, strict=True):
        z = (distances - mean) / deviation
        for group in one.groups.unique():
            inside = _finite([z[one.groups == group]])
            scores.append(top_mean(inside, settings.worst) if len(inside) else 0.0)
    return Remembered(descriptor, bank, mean, deviation), scores


class Described(NamedTuple):
    """The descriptors of a good picture or a copy of it, (1, C, h, w), and of which group each place is, (h, w)."""

    map: Tensor
    groups: Tensor


def _described(descriptor: Descriptor, shots: Sequence[Tensor], turn: tuple[int, bool]) -> list[Described]:
    """Every good picture after so many quarter turns, mirrored first or not."""
    found = []
    for n, shot in enumerate(shots):
        picture, groups = (turned(x, *turn) for x in (shot, groups_of(n, shot, len(shots))))
        map_ = descriptor(picture)
        found.append(Described(map_, F.interpolate(groups, map_.shape[2:], mode="nearest")[0, 0].long()))
    return found


def as_usual(
    upright: list[Described], copies: list[list[Described]], settings: Memory, seed: int
) -> list[list[Described]]:
    """The copies whose places are about as far from the upright places of other pictures as upright ones are.

    So the streaks of a brushed surface are remembered the way they run, and a cookie any way round.
    """
    maps, groups = [one.map for one in upright], [one.groups for one in upright]
    bank = gather(maps, groups, most=min(settings.keys, FEW), dims=settings.dims, seed=seed)

    def far(described: list[Described]) -> Tensor:
        return _finite([bank.distances(one.map, window=settings.window, groups=one.groups) for one in described])

    own = far(upright)
    limit = own.mean() + AS_USUAL * own.std(correction=0)
    return [copy for copy in copies if bool(far(copy).mean() <= limit)]


def _finite(distances: list[Tensor]) -> Tensor:
    """All distances as one row, without those of places that had nothing to be compared with."""
    row = torch.cat([some.flatten() for some in distances])
    return row[row.isfinite()]


def groups_of(n: int, shot: Tensor, count: int) -> Tensor:
    """(1, 1, H, W): to which part of the good material each pixel belongs: its picture, or a half of the only one."""
    groups = torch.full((1, 1, *shot.shape[2:]), float(n), device=shot.device)
    if count == 1:
        along = 3 if shot.shape[3] >= shot.shape[2] else 2
        groups.narrow(along, 0, shot.shape[along] // 2).fill_(1.0)
    return groups


def turned(picture: Tensor, turn: int, is_mirrored: bool) -> Tensor:
    """(1, C, H, W) after so many quarter turns, mirrored first or not."""
    return torch.rot90(picture.flip(3) if is_mirrored else picture, turn, (2, 3))


def smoothed(map_: Tensor) -> Tensor:
    """(1, 1, H, W) after a Gaussian of `SMOOTH` of its long side; the border's values go on beyond it."""
    deviation = SMOOTH * max(map_.shape[2:])
    reach = max(1, round(3 * deviation))
    at = torch.arange(-reach, reach + 1, dtype=map_.dtype, device=map_.device)
    weights = torch.exp(-at.square() / (2 * deviation**2))
    weights = weights / weights.sum()
    around = F.pad(map_, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(around, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
