"""Pictures are cut and changed by chance that comes again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from classify_folders import drawn
from gestalt.nn.learning import turns
from gestalt.ops.chance import noise, seeded
from gestalt.tasks.classify.config import Train
from gestalt.tasks.classify.corruptions import CORRUPTIONS, corrupt
from gestalt.tasks.classify.dataset import find
from gestalt.tasks.classify.pictures import Shelf, as_tested, changed, mixed, turned, unreadable
from gestalt.tasks.classify.train import batches

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 44, 3), np.uint8)


@pytest.mark.parametrize("augment", ["none", "flip", "shift", "turn", "zoom", "augmix"])
@pytest.mark.parametrize("shape", [(30, 44), (17, 9), (1, 5), (64, 64)])
def test_every_change_gives_a_square_in_range_and_again_the_same(augment: str, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    for n in range(8):
        one, again = (changed(picture, 16, augment, np.random.default_rng(n)) for _ in range(2))
        assert one.shape == (1, 3, 16, 16)
        assert float(one.abs().max()) <= 1
        assert torch.equal(one, again)
    assert as_tested(picture, 16, augment).shape == (1, 3, 16, 16)


def test_without_a_change_it_is_the_middle() -> None:
    picture = PICTURE[:, 7:37]
    expected = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    torch.testing.assert_close(changed(PICTURE, 30, "none", np.random.default_rng(0)), expected)
    torch.testing.assert_close(as_tested(PICTURE, 30, "shift"), expected)
    flips = [changed(PICTURE, 30, "flip", np.random.default_rng(n)) for n in range(8)]
    assert {torch.equal(one, expected) for one in flips} == {True, False}
    assert all(torch.equal(one, expected) or torch.equal(one, expected.flip(3)) for one in flips)


def test_shifts_move_by_whole_pixels() -> None:
    whole = as_tested(PICTURE, 32, "none")
    for n in range(8):
        one = changed(PICTURE, 32, "shift", np.random.default_rng(n))[:, :, 8:24, 8:24]
        flipped = (whole, whole.flip(3))
        places = [(side, d, r) for side in (0, 1) for d in range(4, 13) for r in range(4, 13)]
        assert any(torch.equal(one, flipped[side][:, :, d : d + 16, r : r + 16]) for side, d, r in places)


def test_a_quarter_turn_turns() -> None:
    x = as_tested(PICTURE, 16, "none")
    torch.testing.assert_close(turned(x, 90), x.rot90(1, (2, 3)), atol=1e-4, rtol=1e-4)


def test_copies_by_augmix_come_again_with_torch_s_chance() -> None:
    x = noise((2, 3, 16, 16), seeded(1), torch.zeros(())).clamp(-1, 1)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        one, other = mixed(x), mixed(x)
        torch.default_generator.manual_seed(3)
        again = mixed(x)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == x.shape
    assert float(one.abs().max()) <= 1


def test_augmix_leaves_alone_what_corruptions_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.transforms import autoaugment

    seen, original = set(), autoaugment._apply_op

    def watched(image: torch.Tensor, name: str, *rest: object, **more: object) -> torch.Tensor:
        seen.add(name)
        return original(image, name, *rest, **more)  # pyright: ignore

    monkeypatch.setattr(autoaugment, "_apply_op", watched)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        mixed(torch.zeros(40, 3, 8, 8))
    assert {"AutoContrast", "Posterize", "Rotate"} <= seen
    assert not seen & {"Brightness", "Color", "Contrast", "Sharpness"}


def test_everything_comes_once_before_anything_again() -> None:
    order = [n for step in range(6) for n in turns(9, 4, step, 3)]
    assert sorted(order[:9]) == sorted(order[9:]) == list(range(9))
    assert order[:9] != order[9:]


def test_a_batch_depends_on_the_seed_and_the_step_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items, settings = find(drawn(tmp_path / "data", 4), aside=0.25).train, Train(size=16, batch=4)
    made = batches(items, settings, seed=1, shelf=Shelf(16))
    begun = [next(made) for _ in range(4)]
    later = next(batches(items, settings, seed=1, shelf=Shelf(16, room=0), first=3))
    assert torch.equal(begun[3].x, later.x)
    assert torch.equal(begun[3].labels, later.labels)
    parts = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        parts.append(next(batches(items, settings, seed=1, shelf=Shelf(16))).x)
    assert torch.equal(torch.cat(parts), begun[0].x)


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    paths = sorted(drawn(tmp_path / "data", 2).rglob("*.png"))
    paths[1].write_text("no picture")
    found = unreadable(paths, Shelf(16).read)
    assert list(found) == [paths[1]]
    assert paths[1].name in found[paths[1]]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(16, 16), (33, 20)], ids=str)
def test_corruptions_grow_and_come_again(name: str, shape: tuple[int, int]) -> None:
    x = torch.nn.functional.interpolate(noise((1, 3, 6, 6), seeded(2), torch.zeros(())), shape, mode="bicubic") / 2
    x = x.clamp(-1, 1)
    sizes = []
    for severity in range(1, 6):
        made, again = (corrupt(x, name, severity, seeded(3)) for _ in range(2))
        assert made.shape == x.shape
        assert float(made.abs().max()) <= 1
        assert torch.equal(made, again)
        sizes.append(float((made - x).abs().mean()))
    assert sizes[0] > 0
    assert sizes[4] > 1.5 * sizes[0]


def test_there_is_no_other_corruption() -> None:
    with pytest.raises(ValueError, match="there is no corruption 'rain'"):
        corrupt(torch.zeros(1, 3, 8, 8), "rain", 1, seeded(0))
