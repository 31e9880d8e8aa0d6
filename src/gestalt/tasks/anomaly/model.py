"""What a run of `anomaly fit` leaves: a scorer, where good ends for it, and the reading and writing of both."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import patch
from gestalt.tasks.anomaly.calibrate import Threshold, from_good
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.patch import PatchMemory


class Model(NamedTuple):
    """A fitted scorer.

    settings: it was fitted with.
    scorer: itself.
    threshold: where good ends.
    device: that it computes on.
    """

    settings: Memory
    scorer: PatchMemory
    threshold: Threshold
    device: torch.device


def fit(shots: Sequence[Tensor], settings: Memory, *, seed: int = 0, run: NullRun = NullRun()) -> Model:
    """Learn what is good, keep it as weights/model.safetensors, and say where good ends.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, of any sizes, on the device that is to compute.
        settings: of the scorer.
        seed: of all chance.
        run: takes the loops and keeps the weights.

    Raises:
        ValueError: the settings name a network that is not there or does not look at pictures.
    """
    scorer = patch.fit(shots, settings, seed=seed, run=run)
    threshold = from_good(scorer.self_scores, settings.false_alarms, len(shots))
    numbers = [threshold.value, threshold.usual, threshold.false_alarms, float(threshold.is_calibrated)]
    more = {"threshold": torch.tensor(numbers, dtype=torch.float64), "seed": torch.tensor(seed)}
    if needs_shots(settings):
        more |= {f"shot{n}": ((shot + 1) * 127.5).round().to(torch.uint8) for n, shot in enumerate(shots)}
    run.save("model", scorer.tensors() | more)
    run.measure(threshold=threshold.value, usual=threshold.usual, shots=len(shots), calibrated=threshold.is_calibrated)
    return Model(settings, scorer, threshold, shots[0].device)


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
        settings, seed = Memory(**config["settings"]), int(saved["seed"])
        value, usual, false_alarms, is_calibrated = saved["threshold"].tolist()
        count = sum(key.startswith("shot") for key in saved)
        shots = [saved[f"shot{n}"].float() / 127.5 - 1 for n in range(count)]
        scorer = patch.load(saved, settings, shots, seed=seed)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the weights in {run} were written by gestalt {config.get('gestalt')} and do not fit this version, "
            f"{record.VERSION}: {error}"
        ) from error
    threshold = Threshold(value, usual, false_alarms, bool(is_calibrated))
    return Model(settings, scorer, threshold, torch.device(device))
