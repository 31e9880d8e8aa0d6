"""A trained network with what it was trained for: of a run of `speed train`, or the one that comes with gestalt."""

import dataclasses
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import torch

from gestalt.run import checkpoint, record
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.speednet import SpeedNet

SHIPPED = "drawn.safetensors"
"""In this folder: the small network, trained on drawn motion. docs/speed.md has its card."""


class Model(NamedTuple):
    """A network and its settings.

    net: ready to judge.
    settings: it was trained with.
    """

    net: SpeedNet
    settings: Train

    @property
    def side(self) -> int:
        """Shorter side in pixels at which videos are looked at: the largest it was trained with."""
        return self.settings.most


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run.

    Raises:
        ValueError: it is no run of `speed train`, or its files are missing, damaged or of another version.
    """
    record.finished(run, ("speed train",), lacks="network that judges speed", expected="gestalt speed train")
    return read(run / "weights" / "speednet.safetensors", device)


def shipped(device: torch.device | str) -> Model:
    """The network that comes with gestalt."""
    with resources.as_file(resources.files("gestalt.tasks.speed") / SHIPPED) as path:
        return read(path, device)


def wanted(name: str = "shipped", device: torch.device | str = "cpu") -> Model:
    """The model of a setting: "shipped", or the folder of a run.

    Raises:
        ValueError: as `load`.
    """
    return shipped(device) if name == "shipped" else load(Path(name), device)


def read(path: Path, device: torch.device | str) -> Model:
    """Read a weight file of `speed train`.

    Raises:
        ValueError: it is none, or of another version.
    """
    saved, config = checkpoint.read_weights(path, device)
    with checkpoint.fitting(path, config):
        known = {field.name for field in dataclasses.fields(Train)}
        settings = Train(**{name: value for name, value in config["settings"].items() if name in known})
        net = SpeedNet(settings.trunk, torch.Generator().manual_seed(0))
        net.load_state_dict(saved)
    return Model(net.to(device).requires_grad_(False).eval(), settings)
