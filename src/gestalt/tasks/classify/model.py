"""A finished run of `classify train`, to be taken up."""

import csv
from pathlib import Path
from typing import NamedTuple

import torch

from gestalt.media.atomic import quoted
from gestalt.ops.chance import seeded
from gestalt.run import checkpoint, record
from gestalt.tasks.classify import network
from gestalt.tasks.classify.config import Train
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
    settings: Train


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run.

    Raises:
        ValueError: it is no run of `classify train`, or its files are missing, damaged or of another version.
    """
    record.finished(run, ("classify train",), lacks="classifier", expected="gestalt classify train DATA")
    saved, header = checkpoint.read_weights(run / "weights" / "classifier.safetensors", device)
    try:
        lines = (run / "outputs" / "classes.csv").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"{quoted(run)} has no outputs/classes.csv ({error.strerror}): train again") from error
    classes = tuple(row["class"] for row in csv.DictReader(lines))
    with checkpoint.fitting(run, header):
        settings = Train(**header["settings"])
        net = network.build(settings.model, len(classes), settings.size, seeded(0))
        net.load_state_dict(saved)
    net = net.to(device).to(memory_format=torch.channels_last)
    return Model(net.requires_grad_(False).eval(), classes, settings)


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
