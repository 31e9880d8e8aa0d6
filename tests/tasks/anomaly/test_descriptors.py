"""Descriptors see what they promise, and nothing of what they promise to overlook."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gestalt.drawn import objects
from gestalt.nn import features
from gestalt.tasks.anomaly.config import DESCRIPTORS
from gestalt.tasks.anomaly.descriptors import Descriptor, colour, fit, gradient, of_name, of_network, raw


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return objects.pair(size=(48, 64), seed=0)[0].image


def waves(angle: float, size: int = 64) -> Tensor:
    """A wave of 8 pixels' length that runs in a direction, (1, 3, size, size)."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    wave = torch.sin((x * math.cos(angle) + y * math.sin(angle)) * math.tau / 8)
    return wave.expand(1, 3, -1, -1).float() * 0.5


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_a_map_covers_the_picture_evenly(name: str, picture: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt.nn.pretext.STEPS", 2)
    described = of_name(f"{name}@64", [picture])(picture)
    assert described.shape[0] == 1
    height, width = described.shape[2:]
    assert width / height == pytest.approx(64 / 48, rel=0.15)
    assert bool(described.isfinite().all())
    # What changes on the right is seen on the right, and on the left nothing of it.
    changed = picture.clone()
    changed[:, :, 20:28, 50:58] = 1.0
    apart = (of_name(f"{name}@64", [picture])(changed) - described).square().sum(1)[0]
    assert float(apart[:, width // 2 :].max()) > 1e-4
    if name not in ("gabor", "pair"):  # which see further, and "pair" learns from the picture
        assert float(apart[:, : width // 4].max()) < 1e-6


def test_raw_overlooks_light_and_contrast_and_colour_does_not(picture: Tensor) -> None:
    dimmed = 0.6 * picture - 0.2

    def changes(describe: Callable[[Tensor], Tensor]) -> float:
        return float((describe(dimmed) - describe(picture)).square().mean() / describe(picture).square().mean())

    assert changes(raw) < 0.1
    assert changes(raw) < changes(colour) / 3


def test_gradient_tells_directions_and_overlooks_light() -> None:
    for n in range(4):
        found = gradient(waves(n * math.pi / 4))[0, :, 12, 12].unflatten(0, (8, 9)).sum(1)
        assert int(found.argmax()) == 2 * n
    torch.testing.assert_close(gradient(waves(0.3) + 0.2), gradient(waves(0.3)), atol=1e-5, rtol=1e-4)
    assert float(gradient(torch.full((1, 3, 32, 32), 0.3)).abs().max()) < 1e-6  # a flat picture has none


def test_pictures_are_brought_to_the_size_up_and_down() -> None:
    seen = []
    of = Descriptor("x@32", 32, lambda picture: seen.append(picture.shape[2:]) or picture)
    for size in ((64, 128), (8, 16), (32, 16), (1, 100)):
        of(torch.zeros(1, 3, *size))
    assert seen == [(16, 32), (16, 32), (32, 16), (8, 32)]  # no side is below a cell
    assert fit((400, 300), 64) == (64, 48)


def test_networks_give_their_layers_on_the_finest_grid(picture: Tensor) -> None:
    network = features.load("random")
    found = of_network("random@64", network, ("conv1", "conv2"), 64)(picture)
    assert found.shape[1] == 128
    with pytest.raises(ValueError, match="random has no layer 'conv9': it has conv1, conv2"):
        of_network("random@64", network, ("conv9",), 64)


@pytest.mark.parametrize("name", ["raw", "colour", "gradient", "gabor", "pair"])
@pytest.mark.parametrize("size", [(200, 333), (97, 300)])
def test_tiles_give_what_the_whole_gives(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt.nn.pretext.STEPS", 2)
    chance = torch.Generator().manual_seed(3)
    picture = torch.rand(1, 3, *size, generator=chance) * 2 - 1
    descriptor = of_name(f"{name}@320", [picture])
    monkeypatch.setattr("gestalt.tasks.anomaly.descriptors.TILE", 96)
    rows = [torch.cat(list(row), 3) for row in descriptor.tiles(picture)]
    assert len(rows) == -(-round(320 * size[0] / size[1] / 16) * 16 // 96)
    torch.testing.assert_close(torch.cat(rows, 2), descriptor(picture), atol=2e-5, rtol=1e-4)


def test_layers_of_a_network_count_alike_where_asked(picture: Tensor) -> None:
    found = of_network("random@64", features.load("random"), ("conv1", "conv2"), 64, alike=True)(picture)
    for layer in found.chunk(2, 1):
        torch.testing.assert_close(layer.norm(dim=1), torch.ones_like(layer[:, 0]), atol=1e-4, rtol=0)
