"""Defects by the patch memory and by the model of transformations together, weighed by the good pictures alone.

With s_i(x) what scorer i says of a picture, and m_i, d_i the mean and the deviation of what it says of good pictures
that it has not seen (`patch`: each compared with the others; `transforms`: halves, `held_out`),

    score(x) = sum_i t_i (s_i(x) - m_i) / d_i  /  sum_i t_i

and likewise the map. The memory has the trust t = 1. The model of transformations has t = (a - c) / (1 - c), a being
how often it names transformations of good material that it has not seen and c how often by guessing: where it has
learned nothing that holds beyond the good pictures, it has no say.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import patch, transforms
from gestalt.tasks.anomaly.config import Fused
from gestalt.tasks.anomaly.held_out import held_out_scores
from gestalt.tasks.anomaly.patch import PatchMemory
from gestalt.tasks.anomaly.scorer import FromTensors, spread_of
from gestalt.tasks.anomaly.transforms import TransformModel

EXPECTED, WORTH = (0.3, 0.03), 2
"""Deviation of good pictures' scores by either that is taken for granted, and as how many pictures it counts."""


@dataclass(frozen=True)
class FusedModel(FromTensors):
    """Both scorers; see the module.

    usual: mean and deviation of either's scores of good pictures.
    trust: in either.
    self_scores: what both together say of the good pictures.
    """

    memory: PatchMemory
    model: TransformModel
    usual: tuple[tuple[float, float], tuple[float, float]]
    trust: tuple[float, float]
    self_scores: tuple[float, ...]

    def judged(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Both scores as one, and both maps."""
        (score, map_), (other, other_map) = self.memory.judged(image), self.model.judged(image)
        return weighed(score, other, self.usual, self.trust), weighed(map_, other_map, self.usual, self.trust)

    def tensors(self) -> dict[str, Tensor]:
        """All of it for a file of weights."""
        kept = {f"memory.{name}": tensor for name, tensor in self.memory.tensors().items()}
        kept |= {f"transforms.{name}": tensor for name, tensor in self.model.tensors().items()}
        return kept | {
            "usual": torch.tensor(self.usual, dtype=torch.float64),
            "trust": torch.tensor(self.trust, dtype=torch.float64),
            "self_scores": torch.tensor(self.self_scores, dtype=torch.float64),
        }


def weighed(first: Tensor, second: Tensor, usual: Sequence[Sequence[float]], trust: Sequence[float]) -> Tensor:
    """The sum of the module."""
    parts = zip((first, second), usual, trust, strict=True)
    return torch.stack([t * (x - mean) / spread for x, (mean, spread), t in parts]).sum(0) / sum(trust)


def fit(shots: Sequence[Tensor], settings: Fused, *, seed: int = 0, run: NullRun = NullRun()) -> FusedModel:
    """Fit both, and two more models of transformations for their scores of good pictures.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, of any sizes, on the device that is to compute.
        settings: of both.
        seed: of all chance.
        run: takes the loops.

    Raises:
        ValueError: as `patch.fit` and `transforms.fit`.
    """
    memory = patch.fit(shots, settings.memory, seed=seed, run=run)
    model = transforms.fit(shots, settings.transforms, seed=seed, run=run)
    own = memory.self_scores, held_out_scores(shots, settings.transforms, seed=seed, run=run)
    first, second = (
        (statistics.mean(scores), spread_of(scores, expected, WORTH))
        for scores, expected in zip(own, EXPECTED, strict=True)
    )
    accuracy, chance = model.health
    trust = 1.0, max(0.0, (accuracy - chance) / (1 - chance))
    scores = weighed(torch.tensor(own[0]), torch.tensor(own[1]), (first, second), trust).tolist()
    return FusedModel(memory, model, (first, second), trust, tuple(scores))


def load(saved: Mapping[str, Tensor], settings: Fused, shots: Sequence[Tensor], *, seed: int = 0) -> FusedModel:
    """The model that `FusedModel.tensors` gave.

    Args:
        saved: by name.
        settings: that it was fitted with.
        shots: the good pictures, for a descriptor that is trained on them; other descriptors take none.
        seed: as for `fit`.

    Raises:
        KeyError, ValueError: something is missing.
    """

    def part(name: str) -> dict[str, Tensor]:
        return {key.removeprefix(name): tensor for key, tensor in saved.items() if key.startswith(name)}

    memory = patch.load(part("memory."), settings.memory, shots, seed=seed)
    model = transforms.load(part("transforms."), settings.transforms)
    first, second = ((mean, spread) for mean, spread in saved["usual"].tolist())
    trust, self_scores = saved["trust"].tolist(), tuple(saved["self_scores"].tolist())
    return FusedModel(memory, model, (first, second), (trust[0], trust[1]), self_scores)
