"""A finished run of `classify train` or `classify adapt`, to be taken up."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import torch

from gestalt.media.atomic import quoted
from gestalt.ops.chance import seeded
from gestalt.run import checkpoint, record
from gestalt.tasks.classify import network, tables
from gestalt.tasks.classify.config import Adapt, Train
from gestalt.tasks.classify.evaluate import Errors
from gestalt.tasks.classify.network import Classifier


class Model(NamedTuple):
    """A trained classifier.

    net: ready to judge.
    classes: their names, in the order of its logits.
    settings: it was trained with.
    """

    net: Classifier
    classes: tuple[str, ...]
    settings: Train | Adapt


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run.

    Raises:
        ValueError: it is no run of `classify train` or `classify adapt`, tells pixels apart, or its files are missing,
            damaged or of another version.
    """
    content = record.finished(
        run, ("classify train", "classify adapt"), lacks="classifier", expected="gestalt classify train DATA"
    )
    if content.get("settings", {}).get("what") == "segments":
        raise ValueError(f"{quoted(run)} tells pixels apart: expected a run of gestalt classify adapt --what classes")
    name, kind = ("adapted", Adapt) if content["command"] == "classify adapt" else ("classifier", Train)
    saved, header = checkpoint.read_weights(run / "weights" / f"{name}.safetensors", device)
    try:
        with (run / "outputs" / tables.CLASSES).open(newline="", encoding="utf-8") as file:
            classes = tuple(row["class"] for row in csv.DictReader(file))
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{quoted(run)} has no outputs/{tables.CLASSES} that can be read: train again") from error
    with checkpoint.fitting(run, header):
        settings = kind(**header["settings"])
        net = network.build(settings.model, len(classes), settings.size, seeded(0))
        net.load_state_dict(saved)
    net = net.to(device).to(memory_format=torch.channels_last)
    return Model(net.requires_grad_(False).eval(), classes, settings)


def has_learned_from(run: Path, folder: Path) -> bool:
    """Whether a folder is one that a run learned from, where it was then or with the same files elsewhere."""
    former = record.read(run).get("fingerprints", {})
    places = {os.path.realpath(place) for place in former}
    return os.path.realpath(folder.expanduser()) in places or record.fingerprint(folder) in former.values()


def errors_of(run: Path) -> list[Errors]:
    """What a finished run of `classify test` found of corruptions.

    Raises:
        ValueError: it is no such run.
    """
    record.finished(run, ("classify test",), lacks="errors", expected="gestalt classify test RUN DATA")
    try:
        with (run / "outputs" / "corruptions.csv").open(newline="", encoding="utf-8") as file:
            return [
                Errors(row["corruption"], int(row["severity"]), float(row["error"])) for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{quoted(run)} tells of no corruptions: test with some, without --clean") from error
