"""The state of one loop, from which it goes on exactly, and weight files that describe themselves.

A state is a dict that the loop updates in place. It may hold
- tensors, numbers, texts, None, and dicts, lists and tuples of those;
- torch.Generators;
- objects with `state_dict` and `load_state_dict`: modules, optimisers, schedulers.

Restoring keeps identity wherever the loop did: objects, generators, dicts and lists are filled in place. A
tensor that was still the caller's own object when the state was saved is filled in place too, so that an
optimiser or a local name that holds it sees the saved values; a tensor that the loop had replaced is replaced
in the dict, and the caller's own object stays untouched.

Gradients are not part of a state: a step starts by clearing them.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gestalt.media import atomic
from gestalt.run import record


class LoopState:
    """The state of one loop and the file that keeps it.

    Args:
        path: Where it is saved.
        loop: The loop's name.
        total: How many steps the loop has.
        state: The loop's dict as it is before the first step.
    """

    def __init__(self, path: Path, loop: str, total: int, state: dict[str, Any]) -> None:
        self.path = path
        self._state = state
        self._keys = set(state)
        self._originals: dict[str, weakref.ref[Tensor]] = {}
        outline: dict[str, str] = {}
        _outline(state, "state", outline, self._originals)
        self._header = {"gestalt": record.VERSION, "loop": loop, "total": total, "outline": outline}

    def restore(self) -> int:
        """Put the saved values into the state; return how many steps are done, 0 if nothing was saved.

        Raises:
            ValueError: If the file is damaged, or belongs to other code or settings.
        """
        if not self.path.exists():
            return 0
        try:
            saved = torch.load(self.path, weights_only=True)
            done, header, values = saved["done"], saved["header"], saved["values"]
        except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError, ValueError) as error:
            raise ValueError(
                f"the saved state {self.path} cannot be read; remove it to start this loop again"
            ) from error
        self._check(header)
        try:
            _unpack(self._state, values, "state")
        except ValueError as error:
            raise ValueError(
                f"the saved state {self.path} is of other settings: {error}; "
                "start a new run, or remove the file to start this loop again"
            ) from error
        return done

    def save(self, done: int) -> None:
        """Write the state after `done` steps, atomically."""
        if self._keys != set(self._state):
            changed = sorted(self._keys ^ set(self._state))
            raise TypeError(f"a loop's state must keep its keys, but the loop added or removed {changed}")
        values = _pack(self._state, "state", self._originals)
        buffer = io.BytesIO()
        torch.save({"header": self._header, "done": done, "values": values}, buffer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(self.path, buffer.getvalue())

    def _check(self, header: dict[str, Any]) -> None:
        for name in ("gestalt", "loop", "total"):
            if header[name] != self._header[name]:
                raise ValueError(
                    f"the saved state {self.path} is for {name} = {header[name]}, but this command has "
                    f"{self._header[name]}; start a new run, or remove the file to start this loop again"
                )
        saved, own = header["outline"], self._header["outline"]
        for name in sorted(saved.keys() | own.keys()):
            if saved.get(name) != own.get(name):
                raise ValueError(
                    f"the saved state {self.path} began with {name} = {saved.get(name, 'nothing')}, "
                    f"but this command begins with {own.get(name, 'nothing')}; "
                    "start a new run, or remove the file to start this loop again"
                )


def write_weights(path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write tensors as safetensors with `config` as JSON in the header; equal content gives equal bytes."""
    import safetensors.torch

    plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    header = {"config": json.dumps(config, sort_keys=True)}  # one key: the order of several is not fixed
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, safetensors.torch.save(plain, metadata=header))


def read_weights(path: Path, device: str | torch.device = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a weight file and the config in its header.

    Raises:
        ValueError: If the file is missing, damaged, or has no config of ours.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt", device=str(device)) as file:
            config = json.loads((file.metadata() or {})["config"])
            return {name: file.get_tensor(name) for name in file.keys()}, config  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"no such weight file: {path}") from None
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
        raise ValueError(f"{path} is not a weight file of gestalt: {error}") from error


@contextlib.contextmanager
def fitting(source: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Say in one sentence that weights are another version's, if the block cannot make anything of them.

    Args:
        source: The weight file or its run.
        config: From its header.

    Raises:
        ValueError: If the block raised what missing or misshapen settings and tensors raise.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        said, writer = " ".join(str(error).split()) or type(error).__name__, config.get("gestalt")
        by = f"an earlier state of gestalt {writer}" if writer == record.VERSION else f"gestalt {writer}"
        raise ValueError(
            f"the weights in {source} were written by {by} and do not fit this version, {record.VERSION}; "
            f"make that run again ({said[:200]})"
        ) from error


def _outline(value: Any, where: str, outline: dict[str, str], originals: dict[str, weakref.ref[Tensor]]) -> None:
    """Note kind and shape of everything in a state, and which tensors are the caller's own."""
    if isinstance(value, Tensor):
        outline[where] = f"a {value.dtype} tensor of shape {tuple(value.shape)}".replace("torch.", "")
        originals[where] = weakref.ref(value)
    elif isinstance(value, dict):
        outline[where] = "a dict"
        for key, item in value.items():
            _outline(item, f"{where}[{key!r}]", outline, originals)
    elif isinstance(value, list | tuple):
        outline[where] = f"a {type(value).__name__} of {len(value)}"
        for index, item in enumerate(value):
            _outline(item, f"{where}[{index}]", outline, originals)
    else:
        outline[where] = f"a {type(value).__name__}"


def _pack(value: Any, where: str, originals: dict[str, weakref.ref[Tensor]]) -> tuple[str, Any]:
    """Return a kind and something that torch.save and weights_only loading both take."""
    if isinstance(value, Tensor):
        own = originals.get(where)
        return "own tensor" if own is not None and own() is value else "tensor", _stored(value, where)
    if isinstance(value, torch.Generator):
        return "generator", value.get_state()
    if _has_state(value):
        return "object", value.state_dict()
    if isinstance(value, dict):
        return "dict", {key: _pack(item, f"{where}[{key!r}]", originals) for key, item in value.items()}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return kind, [_pack(item, f"{where}[{index}]", originals) for index, item in enumerate(value)]
    if value is None or type(value) in (bool, int, float, str):
        return "plain", value
    raise TypeError(
        f"{where} is a {type(value).__name__}, which a loop's state cannot hold; "
        "expected tensors, numbers, texts, torch.Generators or objects with state_dict and load_state_dict"
    )


def _unpack(fresh: Any, packed: tuple[str, Any], where: str) -> Any:
    """Return the saved value, inside the fresh one where that keeps its identity."""
    kind, saved = packed
    if kind == "own tensor":
        with torch.no_grad():
            return fresh.copy_(saved)
    if kind == "tensor":
        return saved.to(fresh.device) if isinstance(fresh, Tensor) else saved
    if kind == "generator":
        fresh.set_state(saved)
        return fresh
    if kind == "object":
        try:
            fresh.load_state_dict(saved)
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(f"its {where} does not fit this command's {type(fresh).__name__}") from error
        return fresh
    if kind == "dict":
        fresh = fresh if isinstance(fresh, dict) else {}
        items = {key: _unpack(fresh.get(key), item, f"{where}[{key!r}]") for key, item in saved.items()}
        fresh.clear()
        fresh.update(items)
        return fresh
    if kind in ("list", "tuple"):
        former = list(fresh) if isinstance(fresh, list | tuple) else []
        former += [None] * (len(saved) - len(former))
        items = [_unpack(old, item, f"{where}[{i}]") for i, (old, item) in enumerate(zip(former, saved, strict=False))]
        if kind == "list" and isinstance(fresh, list):
            fresh[:] = items
            return fresh
        return items if kind == "list" else tuple(items)
    return saved


def _stored(value: Tensor, where: str) -> Tensor:
    if value.grad_fn is not None:
        raise TypeError(f"{where} carries a graph from step to step; put its .detach() into the state")
    value = value.detach()
    is_view = value.untyped_storage().nbytes() > value.nbytes
    return value.clone() if is_view else value  # torch.save writes the whole storage of a view


def _has_state(value: Any) -> bool:
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
