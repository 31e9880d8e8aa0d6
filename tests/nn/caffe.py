"""The names of SqueezeNet's layers in torchvision and in a file converted from Caffe; such files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from gestalt.nn.squeezenet import FIRES

AFTER = {"conv1": 1, **dict(zip((f"fire{n}" for n in FIRES), (3, 4, 5, 7, 8, 9, 10, 12), strict=True))}
"""The layer of torchvision's `features` after which each of ours stands."""


PARTS = {"squeeze": "squeeze1x1", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}


def as_caffe(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's tensors under the names of the converted file."""
    layers = {f"features.{at}": name for name, at in AFTER.items()}
    found = {}
    for name, tensor in theirs.items():
        *layer, kind = name.split(".")
        if layer[:2] in (["features", "0"], ["classifier", "1"]):
            found[f"conv{1 if layer[1] == '0' else 10}.{kind[0]}"] = tensor
        else:
            found[f"{layers['.'.join(layer[:2])]}/{PARTS[layer[2]]}.{kind[0]}"] = tensor
    return found


def savez(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write an .npz of arrays by name, whatever the names."""
    with zipfile.ZipFile(path, "w") as file:
        for name, tensor in tensors.items():
            with file.open(f"{name}.npy", "w") as entry:
                np.save(entry, tensor.numpy())
