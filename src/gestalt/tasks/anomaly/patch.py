"""Defects by patch memory: a place is strange when no place of the good pictures looks like it. Nothing is trained.

Every good picture, and those of its mirrored and turned copies that look as good, is described place by place by
several descriptors (`descriptors`); each descriptor has a bank (`patchwork.bank`). A place's distance d to the nearest
key of a bank is measured by what good places have: those of each good picture, compared with the keys of the others
only, have mean m and deviation s, and

    z = (d - m) / s        or, for surfaces whose grain differs from picture to picture,
    z = (d / median(d) - m) / s        the median over the places of the picture itself

is 0 for a usual place, whatever the descriptor. A picture's score by a descriptor is the mean of its highest z, and the
score and the map of all descriptors are weighted means, the weight of one being 1 over the deviation, among the good
pictures, of their scores: what light or pose changes counts less. The map is smoothed, and raised so that the mean of
its highest part is the score again: what exceeds a threshold of scores can then be seen on it.

Whether medians are taken is seen on the good pictures, too: where by every descriptor their scores then agree better.
With a single good picture, its two halves stand for two, and medians are not taken.

What the k good pictures score among themselves is by k - 1 pictures, and too high: a new one has k to be compared with.
With s(n) the mean score by n pictures, and s(n) = a + b / n, it is by (s(k - 2) - s(k - 1)) (k - 2) / k too high, which
is subtracted where k is 3 to 10.

On the features of a network with weights (`--features`) this is PatchCore's recipe, with the score of AnomalyDINO; on
colours and gradients it needs no weights at all.

References:
    Roth, Pemula, Zepeda, Scholkopf, Brox, Gehler: Towards Total Recall in Industrial Anomaly Detection. CVPR 2022.
    Damm, Laszkiewicz, Lederer, Fischer: AnomalyDINO: Boosting Patch-Based Few-Shot Anomaly Detection with DINOv2.
        WACV 2025 (turned copies; the mean of the highest hundredth).
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.features import load as load_features
from gestalt.patchwork.bank import CANDIDATES, Bank, from_tensors, gather, places, some_of, tensors, varied
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.descriptors import Descriptor, of_name, of_network
from gestalt.tasks.anomaly.scorer import Judged, spread_of, top_mean

SMOOTH = 1 / 64
"""Deviation of the Gaussian that smooths a map, as a part of its long side: 4 pixels of 256."""

AS_USUAL = 0.35
"""Deviations by which a copy's places may be farther from the good pictures than these are from each other, on average;
measured on good pictures alone, what may be turned has 0 to 0.25, and what may not 0.5 to 2.7."""

FEW = 1000
"""Keys that are enough to see that."""

OWN = 2**12
"""Places of a good picture, at most, from which it is seen what is usual."""

FALLS = 10
"""Good pictures up to which it is seen how scores fall with their number; with more they hardly do."""

TINY, NOISE = 1e-6, 1e-3
"""Below the first a distance is none; deviations of distances below the second are rounding, or the grain of film."""

AGREE = 0.9
"""Medians are taken if the spread of the good pictures' log scores falls below this part of what it is without."""

EXPECTED, WORTH = 0.3, 2
"""Deviation of the good pictures' scores, in z, that is taken for granted, and as how many pictures it counts."""

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
    """A descriptor and what it has seen of good pictures.

    mean, deviation: of the distances that are usual among them.
    weight: beside the other descriptors.
    """

    descriptor: Descriptor
    bank: Bank
    mean: float = 0.0
    deviation: float = 1.0
    weight: float = 1.0

    def distances(self, picture: Tensor, window: float, groups: Tensor | None = None) -> Tensor:
        """Of every place to the nearest good one, (h, w); with (1, 1, H, W) groups, to one of another group."""
        grid, rows, top = self.descriptor.grid_in_tiles(picture), [], 0
        for row in self.descriptor.tiles(picture):
            found, left = [], 0
            for map_ in row:
                (h, w), whole = map_.shape[2:], grid or map_.shape[2:]
                place = places((h, w), (top, left), whole).to(map_) if window < 1 else None
                own = None
                if groups is not None:
                    group = F.interpolate(groups, whole, mode="nearest")[0, 0].long()
                    own = group[top : top + h, left : left + w].flatten()
                keys = map_[0].flatten(1).T
                distances = self.bank.distances(keys, window=window, place_n2=place, group_n=own)
                if place is not None and (torch.compiler.is_exporting() or not bool(distances.isfinite().all())):
                    wide = self.bank.distances(keys, group_n=own)  # where the window holds no key, it is left open
                    distances = torch.where(distances.isfinite(), distances, wide)
                found.append(distances.view(h, w))
                left += w
            rows.append(torch.cat(found, 1))
            top += len(rows[-1])
        return torch.cat(rows)


@dataclass(frozen=True)
class PatchMemory:
    """A memory of good pictures; see the module.

    is_relative: whether distances are taken relative to their median over the picture.
    self_scores: what the good pictures score, each compared with the others only, less what one more would change;
        of a single one, its two halves.
    fall: by how much a score is lower for one more good picture.
    """

    settings: Memory
    remembered: tuple[Remembered, ...]
    is_relative: bool
    self_scores: tuple[float, ...]
    fall: float

    def judge(self, image: Tensor) -> Judged:
        """What is strange about a picture.

        Args:
            image: (1, 3, H, W) in [-1, 1], of any size, on the device of the good ones.
        """
        score, map_ = self.judged(image)
        return Judged(float(score), map_)

    def judged(self, image: Tensor, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same as tensors, (), and (1, 1, H, W).

        Args:
            image: as for `judge`.
            groups: (1, 1, H, W), of `groups_of`: what belongs to these is not compared with.
        """
        total, score, grid = sum(part.weight for part in self.remembered), image.new_zeros(()), None
        for part in self.remembered:
            distances = part.distances(image, self.settings.window, groups)
            z = (leveled(distances, self.is_relative) - part.mean) / part.deviation
            share = part.weight / total
            score = score + share * top_mean(z, self.settings.worst)
            whole = share * F.interpolate(z[None, None], image.shape[2:], mode="bilinear", align_corners=False)
            grid = whole if grid is None else grid + whole
        assert grid is not None
        map_ = smoothed(grid)
        return score, map_ + (score - top_mean(map_, self.settings.worst))

    def tensors(self) -> dict[str, Tensor]:
        """All of it for a file of weights."""
        kept = {"self_scores": torch.tensor(self.self_scores), "is_relative": torch.tensor(self.is_relative)}
        kept["fall"] = torch.tensor(self.fall, dtype=torch.float64)
        for n, part in enumerate(self.remembered):
            usual = torch.tensor([part.mean, part.deviation, part.weight], dtype=torch.float64)
            kept |= tensors(part.bank, f"bank{n}") | {f"usual{n}": usual}
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
    state: dict[str, Any] = {"banks": [], "among": []}
    for step in run.steps("memory", len(describing), state):
        bank, among = _remember(describing[step], shots, settings, seed)
        state["banks"].append(bank._asdict())
        state["among"].append(among)
        run.log(step, distance=float(torch.cat([_nearest(one) for one in among]).mean()))
    is_relative = settings.relative == "yes" or (
        settings.relative == "auto"
        and len(shots) > 1
        and all(agree_better(among, settings.worst) for among in state["among"])
    )
    remembered, scores, falls = [], [], []
    for descriptor, bank, among in zip(describing, state["banks"], state["among"], strict=True):
        part, own, fall = _rated(Remembered(descriptor, Bank(**bank)), among, is_relative, settings.worst)
        remembered.append(part)
        scores.append(own)
        falls.append(fall)
    total = sum(part.weight for part in remembered)
    shares = [part.weight / total for part in remembered]
    fall = sum(share * of_one for share, of_one in zip(shares, falls, strict=True))
    self_scores = tuple(
        sum(share * score for share, score in zip(shares, of_one, strict=True)) - fall
        for of_one in zip(*scores, strict=True)
    )
    return PatchMemory(settings, tuple(remembered), is_relative, self_scores, fall)


def leveled(distances: Tensor, is_relative: bool) -> Tensor:
    """Distances of the places of a picture, relative to their median if so."""
    if not is_relative:
        return distances
    count = distances.numel()
    median = distances.flatten().topk(count - (count - 1) // 2).values[-1]  # which ONNX has, and a median it has not
    return distances / median.clamp_min(TINY)


def _nearest(among: Tensor) -> Tensor:
    """Distances of a good picture's places to all other good ones, from those to each, (N, G) -> (N',).

    Places that have nothing to be compared with are left out.
    """
    row = among.amin(1)
    return row[row.isfinite()]


def agree_better(among: Sequence[Tensor], worst: float) -> bool:
    """Whether the scores of good pictures are nearer to each other when distances are relative to their medians."""

    def spread(is_relative: bool) -> float:
        tops = [float(top_mean(leveled(_nearest(one), is_relative), worst)) for one in among]
        return statistics.pstdev(math.log(max(top, TINY)) for top in tops)

    return spread(True) < AGREE * spread(False)


def _rated(
    part: Remembered, among: Sequence[Tensor], is_relative: bool, worst: float
) -> tuple[Remembered, list[float], float]:
    """A descriptor with what is usual by it, from the distances of good pictures to each other.

    Returns:
        It, the score of each good picture by the others, and by how much that would fall if there were one more.
    """
    found = [leveled(_nearest(one), is_relative) for one in among]
    usual = torch.cat(found)
    mean, deviation = float(usual.mean()), max(float(usual.std(correction=0)), NOISE)
    scores = [float(top_mean((distances - mean) / deviation, worst)) for distances in found]
    weight = 1 / spread_of(scores, EXPECTED, WORTH)
    fall, k = 0.0, len(among)
    if 2 < k <= FALLS:
        by_fewer = []
        for n, one in enumerate(among):
            for other in range(k):
                if other != n and len(
                    left := _nearest(one.index_fill(1, torch.tensor(other).to(one.device), torch.inf))
                ):
                    by_fewer.append(float(top_mean((leveled(left, is_relative) - mean) / deviation, worst)) - scores[n])
        fall = max(0.0, statistics.mean(by_fewer)) * (k - 2) / k if by_fewer else 0.0
    return dataclasses.replace(part, mean=mean, deviation=deviation, weight=weight), scores, fall


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
        usual = saved[f"usual{n}"].tolist()
        remembered.append(Remembered(descriptor, from_tensors(saved, f"bank{n}"), *usual))
    is_relative, self_scores = bool(saved["is_relative"]), tuple(saved["self_scores"].tolist())
    return PatchMemory(settings, tuple(remembered), is_relative, self_scores, float(saved["fall"]))


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
) -> tuple[Bank, list[Tensor]]:
    """The bank of a descriptor, and by it the distances of each good picture's places to each of the others, (N, G)."""
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
        if not len(_nearest(table)):  # a window so small that the halves of one picture do not meet is left open
            table = bank.distances_by_group(one.keys, count).scatter(1, one.group[:, None], torch.inf)
        if not len(_nearest(table)):  # pictures so flat that the keys of one stand for all
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


def groups_of(n: int, shot: Tensor, count: int) -> Tensor:
    """(1, 1, H, W): to which part of the good material each pixel belongs: its picture, or a half of the only one."""
    groups = torch.full((1, 1, *shot.shape[2:]), float(n), device=shot.device)
    if count == 1:
        along = 3 if shot.shape[3] >= shot.shape[2] else 2
        half = shot.shape[along] // 2
        groups.narrow(along, half, shot.shape[along] - half).fill_(1.0)
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
