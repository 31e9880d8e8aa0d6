"""Weights to begin with, and windows of videos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models.video import s3d

from gestalt.nn.s3d import S3DG
from gestalt.tasks.speed import model
from gestalt.tasks.speed.clips import as_input
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.embedding import embed, starting_weights, windows, windows_of
from gestalt.tasks.speed.footage import Frame
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.nulls import colours
from gestalt.tasks.speed.speednet import SpeedNet
from speed_actions import film


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_random_weights_depend_on_the_generator_alone() -> None:
    one, other = (starting_weights("random", "auto", chance(3)).state_dict() for _ in range(2))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    assert isinstance(starting_weights("random", "s3dg", chance()).trunk, S3DG)


def test_weights_of_a_run_and_those_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = {"/some/run": SpeedNet("small", chance(1)), "shipped": SpeedNet("small", chance(2))}
    monkeypatch.setattr(model, "load", lambda run, _device: Model(nets[str(run)], Train()))
    monkeypatch.setattr(model, "shipped", lambda _device: Model(nets["shipped"], Train()))
    for begin_from, net in nets.items():
        assert starting_weights(begin_from, "auto", chance()) is net
        assert starting_weights(begin_from, "small", chance()) is net
        with pytest.raises(ValueError, match=f"{begin_from} are for the trunk small, and --trunk is s3dg"):
            starting_weights(begin_from, "s3dg", chance())


def test_weights_of_other_networks(tmp_path: Path) -> None:
    state = {key: value.contiguous() for key, value in s3d(weights=None).state_dict().items()}
    save_file(state, tmp_path / "s3d.safetensors")
    net = starting_weights(f"kinetics:{tmp_path}/s3d.safetensors", "auto", chance())
    torch.testing.assert_close(net.trunk.state_dict()["features.0.0.0.weight"], state["features.0.0.0.weight"])
    with pytest.raises(ValueError, match="--trunk is small"):
        starting_weights(f"kinetics:{tmp_path}/s3d.safetensors", "small", chance())
    with pytest.raises(ValueError, match="not the weights of torchvision's googlenet"):
        starting_weights(f"inflated:{tmp_path}/s3d.safetensors", "auto", chance())
    with pytest.raises(ValueError, match="there is no file of weights"):
        starting_weights("kinetics:nowhere.pth", "auto", chance())


@pytest.mark.parametrize(
    ("count", "begins"), [(3, [0]), (8, [0]), (11, [0]), (12, [0, 4]), (20, [0, 4, 8, 12]), (23, [0, 4, 8, 12])]
)
def test_windows_begin_every_half_of_their_length(count: int, begins: list[int]) -> None:
    frames = [Frame(np.full((2, 2, 3), n, np.uint8), n / 25, False) for n in range(count)]
    found = list(windows(iter(frames), 8))
    assert [window.time for window in found] == [n / 25 for n in begins]
    for window, begin in zip(found, begins, strict=True):
        shown = [min(n, count - 1) for n in range(begin, begin + 8)]
        assert window.clip[:, 0, 0, 0].tolist() == shown


def test_any_frame_rate_is_looked_at_at_25_a_second(tmp_path: Path) -> None:
    found = list(windows_of(film(tmp_path / "a.mp4", "swing", 1, frames=30), 10, 32))
    assert [round(window.time, 3) for window in found] == [0, 0.2, 0.4, 0.6, 0.8]
    assert all(window.clip.shape == (10, 32, 32, 3) for window in found)
    (one,) = windows_of(tmp_path / "a.mp4", 10, 32, start_s=0.4, stop_s=0.8)
    np.testing.assert_array_equal(one.clip, found[2].clip)


def test_small_frames_are_enlarged_and_embeddings_have_length_1() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (5, 12, 18, 3)).astype(np.uint8)
    assert as_input(clip, 24).shape == (1, 3, 5, 24, 36)
    assert as_input(clip, 8).shape == (1, 3, 5, 12, 18)
    net = SpeedNet("small", chance()).eval()
    found = embed(net, clip, 12)
    torch.testing.assert_close(found.norm(), torch.tensor(1.0))
    torch.testing.assert_close(found, torch.nn.functional.normalize(net.embed(as_input(clip, 12)), dim=1)[0].detach())


def test_colours_are_counted() -> None:
    clip = np.zeros((2, 4, 4, 3), np.uint8)
    clip[1] = (255, 0, 0)
    found = colours(clip)
    assert found.shape == (512,)
    assert found[[0, 7 * 64]] == pytest.approx([0.5**0.5] * 2)
    assert colours(clip) @ colours(clip[:1]) == pytest.approx(0.5**0.5)
