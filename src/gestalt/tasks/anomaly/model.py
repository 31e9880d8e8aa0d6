"""What a run of `anomaly fit` leaves: a scorer, where good ends for it, and the reading and writing of both.

Three scorers can be kept: the patch memory (`patch`), the transformation-discriminating model (`transforms`), and both
together (`fused`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import fused, patch, transforms
from gestalt.tasks.anomaly.calibrate import ENOUGH, Threshold, from_good, from_labelled
from gestalt.tasks.anomaly.config import Fused, Memory, Transforms
from gestalt.tasks.anomaly.fused import FusedModel
from gestalt.tasks.anomaly.held_out import folds, held_out_scores
from gestalt.tasks.anomaly.patch import PatchMemory
from gestalt.tasks.anomaly.synthetic import share_found
from gestalt.tasks.anomaly.transforms import TransformModel

FEW_FOUND = 0.25
"""Share of defects made on good pictures below which it is said that the threshold finds few."""


class Model(NamedTuple):
    """A fitted scorer.

    scorer: itself.
    threshold: where good ends.
    device: that it computes on.
    size: (H, W) of the first good picture.
    """

    scorer: PatchMemory | TransformModel | FusedModel
    threshold: Threshold
    device: torch.device
    size: tuple[int, int]


def fit(
    shots: Sequence[Tensor],
    settings: Memory | Transforms | Fused,
    *,
    defective: Sequence[Tensor] = (),
    seed: int = 0,
    run: NullRun = NullRun(),
) -> Model:
    """Learn what is good, keep it as weights/model.safetensors, and say where good ends.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, of any sizes, on the device that is to compute.
        settings: of the scorer.
        defective: pictures with defects, likewise, which nothing is learned from but where good ends best.
        seed: of all chance.
        run: takes the loops and keeps the weights.

    Raises:
        ValueError: the settings name a network that is not there or does not look at pictures; or, for
            transformations, they cannot be told apart on these pictures, or one is a strip.
    """
    if isinstance(settings, Memory):
        scorer = patch.fit(shots, settings, seed=seed, run=run)
        self_scores = scorer.self_scores
    elif isinstance(settings, Fused):
        scorer = fused.fit(shots, settings, seed=seed, run=run)
        self_scores = scorer.self_scores
    else:
        scorer = transforms.fit(shots, settings, seed=seed, run=run)
        self_scores = held_out_scores(shots, settings, seed=seed, run=run)
    if defective:
        scores = [scorer.judge(picture).score for picture in defective]
        threshold = from_labelled(self_scores, scores, len(shots))
        found = sum(score > threshold.value for score in scores) / len(scores)
        run.measure(false_alarms_of_good=threshold.false_alarms, recall_of_defects=found)
        if threshold.false_alarms > settings.false_alarms:
            run.say(
                f"warning: at the best threshold {threshold.false_alarms:.0%} of the good pictures are called anomalous"
            )
    else:
        threshold = from_good(self_scores, settings.false_alarms, len(shots))
        if not threshold.is_calibrated:
            why = "are too few" if len(shots) < ENOUGH else "are all but the same picture"
            run.say(f"the threshold is uncalibrated: {len(shots)} good pictures {why}, and nothing is promised")
    height, width = shots[0].shape[2:]
    numbers = [float(number) for number in threshold]
    more = {"threshold": torch.tensor(numbers, dtype=torch.float64), "seed": torch.tensor(seed)}
    more["size"] = torch.tensor([height, width])
    if needs_shots(settings):
        more |= {f"shot{n}": ((shot + 1) * 127.5).round().to(torch.uint8) for n, shot in enumerate(shots)}
    run.save("model", scorer.tensors() | more)
    run.measure(threshold=threshold.value, usual=threshold.usual, shots=len(shots), calibrated=threshold.is_calibrated)
    if isinstance(scorer, PatchMemory):
        found = share_found(scorer, shots, threshold.value, seed=seed, run=run)
        run.measure(synthetic_recall=found)
        if found < FEW_FOUND:
            run.say(f"warning: of defects made on the good pictures only {found:.0%} exceed the threshold")
    critics = scorer.model if isinstance(scorer, FusedModel) else scorer
    if isinstance(critics, TransformModel) and critics.health:
        run.measure(held_out_accuracy=critics.health[0], chance=critics.health[1])
    if isinstance(scorer, FusedModel):
        run.measure(trust_in_transforms=scorer.trust[1])
    return Model(scorer, threshold, shots[0].device, (height, width))


def check(shots: Sequence[Tensor], settings: Memory | Transforms | Fused, defective: Sequence[Tensor] = ()) -> None:
    """What can be known before anything is fitted.

    Raises:
        ValueError: one good picture of a single pixel; or, for transformations, a picture is a strip, or
            transformations cannot be told apart on all good pictures or on a half of them.
    """
    if len(shots) == 1 and max(shots[0].shape[2:]) < 2:
        raise ValueError("a single good picture of a single pixel says nothing: give a larger one, or more")
    if isinstance(settings, Memory):
        return
    critics = settings.transforms if isinstance(settings, Fused) else settings
    for some in (shots, *folds(shots)):
        transforms.distinguishable(some, critics)
    for picture in defective:
        transforms.level_sizes(picture.shape[2:], transforms.level_sides(critics))


def needs_shots(settings: Memory | Transforms | Fused) -> bool:
    """Whether the good pictures themselves are needed to judge others: where a descriptor is trained on them."""
    if isinstance(settings, Transforms):
        return False
    return not settings.features and any(name.startswith("pair@") for name in settings.descriptors)


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run.

    Raises:
        ValueError: it is no run of `anomaly fit`, or its files are missing, damaged or of another version.
    """
    content = record.finished(
        run, ("anomaly fit",), lacks="model of good pictures", expected="gestalt anomaly fit GOOD"
    )
    saved, config = checkpoint.read_weights(run / "weights" / "model.safetensors", device)
    with checkpoint.fitting(run, config):
        value, usual, false_alarms, is_calibrated, scale = saved["threshold"].tolist()
        height, width = saved["size"].tolist()
        scorer = restored(saved, content["engine"], config["settings"])
    threshold = Threshold(value, usual, false_alarms, bool(is_calibrated), scale)
    return Model(scorer, threshold, torch.device(device), (height, width))


def restored(
    saved: Mapping[str, Tensor], engine: str, settings: Mapping[str, Any]
) -> PatchMemory | TransformModel | FusedModel:
    """The scorer of an engine from its weights.

    Raises:
        KeyError, TypeError, ValueError: they are not whole, or not of these settings.
    """
    if engine == "transforms":
        return transforms.load(saved, Transforms(**settings))
    count = sum(key.startswith("shot") for key in saved)
    shots = [saved[f"shot{n}"].float() / 127.5 - 1 for n in range(count)]
    seed = int(saved["seed"])
    if engine == "fused":
        return fused.load(saved, Fused(**settings), shots, seed=seed)
    return patch.load(saved, Memory(**settings), shots, seed=seed)
