"""Tensors by name, from the files in which trained networks are passed on; nothing in such a file is ever executed."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gestalt.media.atomic import AnyPath, quoted

ENDINGS = (".npz", ".safetensors", ".pth", ".pt")
"""What `read_tensors` can read."""

DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile)
"""What the readers raise of a file that is damaged, or is another kind than its ending says."""


def read_tensors(path: AnyPath) -> dict[str, Tensor]:
    """Read every tensor of a file, on the CPU, as it is stored.

    A torch file may hold the tensors themselves or, one level down, a `state_dict`; what is no tensor is left out.

    Args:
        path: a file that ends in one of `ENDINGS`.

    Raises:
        ValueError: the file is missing, of another kind, damaged, or holds objects besides tensors that would have to
            be executed, or no tensors at all.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"weights are read from files ending in {', '.join(ENDINGS)}, got {quoted(path)}")
    if not path.is_file():
        raise ValueError(f"there is no file of weights at {quoted(path)}: check the path")
    try:
        tensors = _READERS[path.suffix.lower()](path)
    except DAMAGED as error:
        raise ValueError(f"{quoted(path)} cannot be read as {path.suffix.lower()} weights: {_brief(error)}") from error
    if not tensors:
        raise ValueError(f"{quoted(path)} holds no tensors by name: save a state dict, {{name: tensor}}")
    return tensors


def _read_npz(path: Path) -> dict[str, Tensor]:
    with zipfile.ZipFile(path):  # numpy would also take a lone array that is only called .npz
        pass
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict):
        return {}
    return {str(name): tensor for name, tensor in stored.items() if isinstance(tensor, Tensor)}


_READERS = {".npz": _read_npz, ".safetensors": _read_safetensors, ".pth": _read_torch, ".pt": _read_torch}


def _brief(error: BaseException) -> str:
    """What went wrong, in one line: torch explains itself over many."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
