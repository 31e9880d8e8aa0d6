"""What a run of `anomaly fit` leaves: a scorer, where good ends for it, and the reading and writing of both.

Two scorers can be kept: the patch memory (`patch`), which knows what good pictures score when each is compared with the
others, and the transformation-discriminating model (`transforms`), which does not, since it was trained on all of them.
For the latter two more models are trained, each on one half of the good pictures, to score the other half; of a single
picture, on one half of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun, Under
from gestalt.tasks.anomaly import patch, transforms
from gestalt.tasks.anomaly.calibrate import Threshold, from_good
from gestalt.tasks.anomaly.config import Memory, Transforms
from gestalt.tasks.anomaly.patch import PatchMemory
from gestalt.tasks.anomaly.transforms import TransformModel


class Model(NamedTuple):
    """A fitted scorer.

    scorer: itself.
    threshold: where good ends.
    device: that it computes on.
    """

    scorer: PatchMemory | TransformModel
    threshold: Threshold
    device: torch.device


def fit(shots: Sequence[Tensor], settings: Memory | Transforms, *, seed: int = 0, run: NullRun = NullRun()) -> Model:
    """Learn what is good, keep it as weights/model.safetensors, and say where good ends.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, of any sizes, on the device that is to compute.
        settings: of the scorer.
        seed: of all chance.
        run: takes the loops and keeps the weights.

    Raises:
        ValueError: the settings name a network that is not there or does not look at pictures; or, for
            transformations, they cannot be told apart on these pictures, or one is a strip.
    """
    if isinstance(settings, Memory):
        scorer = patch.fit(shots, settings, seed=seed, run=run)
        self_scores = scorer.self_scores
    else:
        scorer = transforms.fit(shots, settings, seed=seed, run=run)
        self_scores = held_out_scores(shots, settings, seed=seed, run=run)
    threshold = from_good(self_scores, settings.false_alarms, len(shots))
    numbers = [threshold.value, threshold.usual, threshold.false_alarms, float(threshold.is_calibrated)]
    more = {"threshold": torch.tensor(numbers, dtype=torch.float64), "seed": torch.tensor(seed)}
    if isinstance(settings, Memory) and needs_shots(settings):
        more |= {f"shot{n}": ((shot + 1) * 127.5).round().to(torch.uint8) for n, shot in enumerate(shots)}
    run.save("model", scorer.tensors() | more)
    run.measure(threshold=threshold.value, usual=threshold.usual, shots=len(shots), calibrated=threshold.is_calibrated)
    if isinstance(scorer, TransformModel) and scorer.health:
        run.measure(held_out_accuracy=scorer.health[0], chance=scorer.health[1])
    return Model(scorer, threshold, shots[0].device)


def held_out_scores(shots: Sequence[Tensor], settings: Transforms, *, seed: int, run: NullRun) -> list[float]:
    """What good pictures score by a model of transformations that was trained on the other half of them."""
    given = list(shots) if len(shots) > 1 else halves(shots[0])
    found = [0.0] * len(given)
    for fold in range(2):
        learned = [shot for n, shot in enumerate(given) if n % 2 != fold]
        other = transforms.fit(learned, settings, seed=seed, run=Under(run, f"half {fold + 1} of the good"))
        for n in range(fold, len(given), 2):
            found[n] = other.judge(given[n]).score
    return found


def halves(picture: Tensor) -> list[Tensor]:
    """Both halves of (1, 3, H, W), along its longer side."""
    axis = 3 if picture.shape[3] >= picture.shape[2] else 2
    half = picture.shape[axis] // 2
    return [picture.narrow(axis, 0, half), picture.narrow(axis, picture.shape[axis] - half, half)]


def needs_shots(settings: Memory) -> bool:
    """Whether the good pictures themselves are needed to judge others: where a descriptor is trained on them."""
    return not settings.features and any(name.startswith("pair@") for name in settings.descriptors)


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run.

    Raises:
        ValueError: it is no run of `anomaly fit`, or its files are missing, damaged or of another version.
    """
    content = record.read(run)
    if content["command"] != "anomaly fit":
        raise ValueError(
            f"{run} was made by '{content['command']}' and holds no model of good pictures; expected a run of: "
            "gestalt anomaly fit GOOD"
        )
    if content["status"] != "done":
        raise ValueError(f"{run} is not finished; go on with: gestalt resume {run}")
    saved, config = checkpoint.read_weights(run / "weights" / "model.safetensors", device)
    try:
        value, usual, false_alarms, is_calibrated = saved["threshold"].tolist()
        scorer = restored(saved, content["engine"], config["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the weights in {run} were written by gestalt {config.get('gestalt')} and do not fit this version, "
            f"{record.VERSION}: {error}"
        ) from error
    return Model(scorer, Threshold(value, usual, false_alarms, bool(is_calibrated)), torch.device(device))


def restored(saved: Mapping[str, Tensor], engine: str, settings: Mapping[str, Any]) -> PatchMemory | TransformModel:
    """The scorer of an engine from its weights.

    Raises:
        KeyError, TypeError, ValueError: they are not whole, or not of these settings.
    """
    if engine == "transforms":
        return transforms.load(saved, Transforms(**settings))
    count = sum(key.startswith("shot") for key in saved)
    shots = [saved[f"shot{n}"].float() / 127.5 - 1 for n in range(count)]
    return patch.load(saved, Memory(**settings), shots, seed=int(saved["seed"]))
