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

Whether medians are taken is seen on the good pictures, too: where by all of several descriptors their scores then agree
better. With a single good picture, its two halves stand for two, and medians are not taken.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.features import load as load_features
from gestalt.patchwork.bank import Bank, from_tensors, places, tensors
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import gathering
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.descriptors import Descriptor, of_name, of_network
from gestalt.tasks.anomaly.scorer import FromTensors, spread_of, top_mean

SMOOTH = 1 / 64
"""Deviation of the Gaussian that smooths a map, as a part of its long side: 4 pixels of 256."""

FALLS = 10
"""Good pictures up to which it is seen how scores fall with their number; with more they hardly do."""

TINY, NOISE = 1e-6, 1e-3
"""Below the first a distance is none; deviations of distances below the second are rounding, or the grain of film."""

AGREE = 0.9
"""Medians are taken if the spread of the good pictures' log scores falls below this part of what it is without."""

EXPECTED, WORTH = 0.3, 2
"""Deviation of the good pictures' scores, in z, that is taken for granted, and as how many pictures it counts."""


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
class PatchMemory(FromTensors):
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

    def judged(self, image: Tensor, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score and map of a picture.

        Args:
            image: (1, 3, H, W) in [-1, 1], of any size, on the device of the good ones.
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
        bank, among = gathering.remembered(describing[step], shots, settings, seed)
        state["banks"].append(bank._asdict())
        state["among"].append(among)
        run.log(step, distance=float(torch.cat([gathering.nearest(one) for one in among]).mean()))
    is_relative = settings.relative == "yes" or (
        settings.relative == "auto"
        and len(shots) > 1
        and len(describing) > 1  # one alone errs
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


def agree_better(among: Sequence[Tensor], worst: float) -> bool:
    """Whether the scores of good pictures are nearer to each other when distances are relative to their medians."""

    def spread(is_relative: bool) -> float:
        tops = [float(top_mean(leveled(gathering.nearest(one), is_relative), worst)) for one in among]
        return statistics.pstdev(math.log(max(top, TINY)) for top in tops)

    return spread(True) < AGREE * spread(False)


def _rated(
    part: Remembered, among: Sequence[Tensor], is_relative: bool, worst: float
) -> tuple[Remembered, list[float], float]:
    """A descriptor with what is usual by it, from the distances of good pictures to each other.

    Returns:
        It, the score of each good picture by the others, and by how much that would fall if there were one more.
    """
    found = [leveled(gathering.nearest(one), is_relative) for one in among]
    usual = torch.cat(found)
    mean, deviation = float(usual.mean()), max(float(usual.std(correction=0)), NOISE)
    scores = [float(top_mean((distances - mean) / deviation, worst)) for distances in found]
    weight = 1 / spread_of(scores, EXPECTED, WORTH)
    fall, k = 0.0, len(among)
    if 2 < k <= FALLS:
        fewer = [
            (n, gathering.nearest(one.index_fill(1, torch.tensor(other, device=one.device), torch.inf)))
            for n, one in enumerate(among)
            for other in range(k)
            if other != n
        ]
        rises = [
            float(top_mean((leveled(left, is_relative) - mean) / deviation, worst)) - scores[n]
            for n, left in fewer
            if len(left)
        ]
        fall = max(0.0, statistics.mean(rises)) * (k - 2) / k if rises else 0.0
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
        return [of_network(name, network, settings.layers, settings.features_size, alike=True)]
    return [of_name(name, shots, seed=seed) for name in settings.descriptors]


def smoothed(map_: Tensor) -> Tensor:
    """(1, 1, H, W) after a Gaussian of `SMOOTH` of its long side; the border's values go on beyond it."""
    deviation = SMOOTH * max(map_.shape[2:])
    reach = max(1, round(3 * deviation))
    at = torch.arange(-reach, reach + 1, dtype=map_.dtype, device=map_.device)
    weights = torch.exp(-at.square() / (2 * deviation**2))
    weights = weights / weights.sum()
    around = F.pad(map_, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(around, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
