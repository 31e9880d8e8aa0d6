"""Files of weights: what is read, and in which words everything else is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from gestalt.nn.weights import read_tensors
from nn.caffe import savez

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}


def written(folder: Path, ending: str) -> Path:
    path = folder / f"weights{ending}"
    if ending == ".npz":
        savez(path, TENSORS)
    elif ending == ".safetensors":
        safetensors.torch.save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path)
    return path


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".pth", ".pt"])
def test_every_kind_of_file_gives_the_same_tensors(tmp_path, ending):
    found = read_tensors(written(tmp_path, ending))
    assert set(found) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype


def test_a_state_dict_inside_of_a_checkpoint_is_found_and_what_is_no_tensor_left_out(tmp_path):
    path = tmp_path / "checkpoint.PTH"
    torch.save({"state_dict": {**TENSORS, "note": "hello"}, "epoch": 3}, path)
    assert set(read_tensors(path)) == set(TENSORS)


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_damaged_files_are_refused_in_one_sentence(tmp_path, ending, damage):
    path = written(tmp_path, ending)
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"not weights at all, but a long text"}[damage]
    )
    with pytest.raises(ValueError, match=rf"weights\{ending}' cannot be read as \{ending} weights: \S") as error:
        read_tensors(path)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_nothing_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "executed").touch, ())

    for name, write in (
        ("a.pth", lambda file: torch.save({"a": torch.zeros(1), "b": Trap()}, file)),
        ("b.pt", lambda file: file.write(pickle.dumps({"a": Trap()}))),
        ("c.npz", lambda file: np.savez(file, a=np.array([Trap()], dtype=object))),
    ):
        path = tmp_path / name
        with open(path, "wb") as file:
            write(file)
        with pytest.raises(ValueError, match="cannot be read"):
            read_tensors(path)
    assert not (tmp_path / "executed").exists()


def test_what_is_missing_or_of_another_kind_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no file of weights at '.*none\.npz'"):
        read_tensors(tmp_path / "none.npz")
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(ValueError, match="no file of weights"):
        read_tensors(tmp_path / "folder.pt")
    with pytest.raises(ValueError, match=r"\.npz, \.safetensors, \.pth, \.pt, got '.*weights\.onnx'"):
        read_tensors(tmp_path / "weights.onnx")
    for nothing in ([1, 2], {}, {"a": 1}):
        torch.save(nothing, tmp_path / "nothing.pt")
        with pytest.raises(ValueError, match="no tensors by name"):
            read_tensors(tmp_path / "nothing.pt")
    with open(tmp_path / "lone.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="cannot be read"):
        read_tensors(tmp_path / "lone.npz")
