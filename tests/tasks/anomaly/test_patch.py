"""The patch memory finds drawn defects where they are, from one good picture on."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gestalt.drawn.parts import parts
from gestalt.metrics.detection import auroc, pixel_auroc
from gestalt.run.folder import Plan, Run
from gestalt.tasks.anomaly import gathering, patch
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.synthetic import among_others

SMALL = Memory(descriptors=("gradient@64", "gabor@64"), keys=1500)


@pytest.fixture(scope="module")
def good() -> list[Tensor]:
    return [part.image for part in parts(3, size=(64, 64), seed=1)]


@pytest.fixture(scope="module")
def memory(good: list[Tensor]) -> patch.PatchMemory:
    return patch.fit(good, SMALL)


@pytest.mark.parametrize("defect", ["missing", "turned"])
@pytest.mark.parametrize("shots", [1, 3])
def test_drawn_defects_are_found_where_they_are(shots: int, defect: str, good: list[Tensor]) -> None:
    memory = patch.fit(good[:shots], SMALL)
    fine, broken = parts(8, size=(64, 64), seed=5), parts(8, size=(64, 64), seed=6, defect=defect)
    judged = [memory.judge(part.image) for part in (*fine, *broken)]
    scores = [one.score for one in judged]
    assert auroc(scores, [0] * 8 + [1] * 8) > 0.9
    maps, masks = [one.map.numpy() for one in judged], [part.mask.numpy() > 0 for part in (*fine, *broken)]
    assert pixel_auroc(maps, masks) > 0.9


def test_a_usual_place_is_at_zero(memory: patch.PatchMemory) -> None:
    found = torch.cat([memory.judge(part.image).map.flatten() for part in parts(4, size=(64, 64), seed=9)])
    assert abs(float(found.mean())) < 1
    assert len(memory.self_scores) == 3


def test_the_highest_part_of_the_map_is_the_score(memory: patch.PatchMemory) -> None:
    (part,) = parts(1, size=(64, 64), seed=6, defect="missing")
    judged = memory.judge(part.image)
    assert float(judged.map.flatten().topk(81).values.mean()) == pytest.approx(judged.score, rel=1e-4)  # 2 % of 4096


def test_a_known_picture_is_less_strange_than_it_finds_itself(memory: patch.PatchMemory, good: list[Tensor]) -> None:
    for shot, own in zip(good, memory.self_scores, strict=True):
        assert memory.judge(shot).score < own


@pytest.mark.parametrize("size", [(1, 64), (64, 1), (40, 90), (200, 30)])
def test_any_size_is_judged_at_its_own(size: tuple[int, int], memory: patch.PatchMemory) -> None:
    judged = memory.judge(torch.zeros(1, 3, *size))
    assert judged.map.shape == (1, 1, *size)
    assert bool(judged.map.isfinite().all())


def test_sizes_may_differ_among_the_good(good: list[Tensor]) -> None:
    mixed = [good[0], good[1][:, :, :50], torch.nn.functional.interpolate(good[2], scale_factor=2.0)]
    assert len(patch.fit(mixed, SMALL).self_scores) == 3


def test_a_flat_picture_gives_numbers() -> None:
    memory = patch.fit([torch.zeros(1, 3, 40, 40)], SMALL)
    assert memory.judge(torch.zeros(1, 3, 40, 40)).score == pytest.approx(0, abs=1e-3)
    spotted = torch.zeros(1, 3, 40, 40)
    spotted[:, :, 10:14, 20:24] = 0.5
    judged = memory.judge(spotted)
    assert judged.score > 1
    y, x = divmod(int(judged.map.argmax()), 40)
    assert 6 <= y <= 18
    assert 16 <= x <= 28


def test_a_window_knows_places() -> None:
    """A mark that belongs on the left is strange on the right, for a memory with a window alone."""
    marked = torch.zeros(3, 1, 3, 48, 48)
    marked += 0.02 * torch.randn(marked.shape, generator=torch.Generator().manual_seed(0))
    marked[:, :, :, 20:28, 6:14] = 0.8
    moved = marked[0].flip(3)
    scores = []
    for window in (1.0, 0.2):
        settings = dataclasses.replace(SMALL, augment="none", window=window)
        memory = patch.fit(list(marked), settings)
        scores.append(memory.judge(moved).score - memory.judge(marked[0]).score)
    assert scores[1] > scores[0] + 1


def test_equal_seeds_give_equal_memories_and_chance_comes_from_nowhere_else(good: list[Tensor]) -> None:
    torch.manual_seed(1)
    one = patch.fit(good, dataclasses.replace(SMALL, keys=100), seed=3)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    other = patch.fit(good, dataclasses.replace(SMALL, keys=100), seed=3)
    assert torch.equal(before, torch.random.get_rng_state())
    for name, tensor in one.tensors().items():
        assert torch.equal(tensor, other.tensors()[name])


def test_a_memory_comes_back_from_its_tensors(memory: patch.PatchMemory, good: list[Tensor]) -> None:
    again = patch.load(memory.tensors(), SMALL, ())
    assert again.judge(good[0]).score == memory.judge(good[0]).score
    assert again.self_scores == pytest.approx(memory.self_scores)


def test_a_descriptor_trained_on_the_good_comes_back_with_them(
    good: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt.nn.pretext.STEPS", 2)
    settings = Memory(descriptors=("pair@64",), keys=100)
    memory = patch.fit(good, settings, seed=2)
    again = patch.load(memory.tensors(), settings, good, seed=2)
    assert again.judge(good[1]).score == memory.judge(good[1]).score


@pytest.mark.parametrize("stop_after", [1, 2])
def test_stopped_and_resumed_it_is_the_same(
    stop_after: int,
    good: list[Tensor],
    memory: patch.PatchMemory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls, original = 0, gathering.remembered

    def counted(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > stop_after:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(gathering, "remembered", counted)
    plan = Plan(command="anomaly fit", engine="patch", preset="fast", seed=0, device="cpu", threads=1)
    with contextlib.suppress(KeyboardInterrupt), Run.create(tmp_path / "run", plan, save_every_s=0) as run:
        patch.fit(good, SMALL, run=run)
        raise KeyboardInterrupt
    calls = -99
    with Run.open(tmp_path / "run") as run:
        resumed = patch.fit(good, SMALL, run=run)
    assert calls == -99 + len(SMALL.descriptors) - stop_after
    for name, tensor in memory.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name])


def test_copies_are_taken_that_look_as_good() -> None:
    """Streaks may be mirrored and stood on their head, and not turned by 90 degrees; dots may be anything."""
    chance = torch.Generator().manual_seed(0)
    dots = [torch.nn.functional.avg_pool2d(torch.randn(1, 3, 66, 66, generator=chance), 3, 1) for _ in range(3)]
    streaks = [0.4 * torch.randn(1, 3, 1, 64, generator=chance).expand(-1, -1, 64, -1) for _ in range(3)]
    for pictures, expected in ((dots, 8), (streaks, 4)):
        descriptor = patch.describers(Memory(descriptors=("gradient@64",)), ())[0]
        upright, *copies = (
            gathering._described(descriptor, pictures, turn, 9999, 0) for turn in gathering.TURNS["auto"]
        )
        assert 1 + len(gathering.as_usual(upright, copies, SMALL, 0)) == expected


def grained(strength: float, seed: int) -> Tensor:
    """A rough surface, (1, 3, 64, 64)."""
    chance = torch.Generator().manual_seed(seed)
    return strength * torch.nn.functional.avg_pool2d(torch.randn(1, 3, 66, 66, generator=chance), 3, 1)


def test_strangeness_is_relative_where_good_pictures_agree_on_it(good: list[Tensor]) -> None:
    """Surfaces of rougher and finer grain; a fine one with a small defect is no stranger than a rough good one."""
    settings = Memory(descriptors=("colour@64", "colour@48"), keys=500)
    surfaces = [grained(strength, n) for n, strength in enumerate((0.2, 0.4, 0.8, 0.3, 0.6))]
    memory = patch.fit(surfaces, settings)
    assert memory.is_relative
    assert not patch.fit(good, SMALL).is_relative
    spotted = grained(0.2, 9)
    spotted[:, :, 30:36, 30:36] = 0.5
    rough = grained(0.7, 10)
    assert memory.judge(spotted).score > memory.judge(rough).score
    plain = patch.fit(surfaces, dataclasses.replace(settings, relative="no"))
    assert not plain.is_relative
    assert plain.judge(spotted).score < plain.judge(rough).score


def test_what_differs_among_the_good_counts_less() -> None:
    """Good pictures that differ in light: colours weigh less than edges."""
    lit = zip(parts(5, size=(64, 64), seed=1), (1, 0.6, 0.9, 0.5, 0.75), strict=True)
    lights = [part.image * light for part, light in lit]
    memory = patch.fit(lights, Memory(descriptors=("colour@64", "gradient@64"), keys=500, relative="no"))
    colour, gradient = (part.weight for part in memory.remembered)
    assert gradient > 2 * colour


def test_large_pictures_are_judged_in_tiles_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = parts(1, size=(208, 256), seed=3, defect="missing")
    settings = Memory(descriptors=("gradient@256", "gabor@256"), keys=100, window=0.4, augment="none")
    known = [one.image for one in parts(2, size=(208, 256), seed=8)]
    memory = patch.fit(known, settings)
    whole = memory.judge(part.image)
    monkeypatch.setattr("gestalt.tasks.anomaly.descriptors.TILE", 48)
    tiled = memory.judge(part.image)
    assert len(patch.fit(known, settings).self_scores) == 2
    assert tiled.score == pytest.approx(whole.score, rel=1e-3)
    torch.testing.assert_close(tiled.map, whole.map, atol=1e-3, rtol=1e-3)


def test_good_pictures_score_what_a_new_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among themselves they are compared with one picture less, and score more; what that makes is taken off."""
    settings = dataclasses.replace(SMALL, keys=500)
    new = [part.image for part in parts(8, size=(64, 64), seed=22)]
    off = {patch.FALLS: 0.0, 0: 0.0}
    for seed in range(4):
        shots = [part.image for part in parts(3, size=(64, 64), seed=30 + seed)]
        for falls in off:
            monkeypatch.setattr(patch, "FALLS", falls)
            memory = patch.fit(shots, settings)
            off[falls] += sum(memory.self_scores) / 3 - sum(memory.judge(picture).score for picture in new) / 8
    corrected, plain = off.values()
    assert plain > 0
    assert abs(corrected) < plain / 2


def test_a_window_without_keys_is_left_open() -> None:
    chance = torch.Generator().manual_seed(0)
    shots = [torch.randn(1, 3, 48, 48, generator=chance).clamp(-1, 1) for _ in range(2)]
    memory = patch.fit(shots, Memory(descriptors=("gradient@48",), keys=5, window=0.05))
    assert bool(memory.judge(shots[0]).map.isfinite().all())


@pytest.mark.parametrize("name", ["gradient", "raw", "random"])
def test_places_are_the_same_when_judging_as_when_fitting(name: str) -> None:
    """Within a window a known picture is at no distance from itself, whatever the strides and sides."""
    chance = torch.Generator().manual_seed(0)
    shots = [torch.rand(1, 3, 45, 61, generator=chance) * 2 - 1 for _ in range(2)]
    settings = Memory(descriptors=(f"{name}@61",), keys=5000, dims=200, window=0.02, augment="none")
    (part,) = patch.fit(shots, settings).remembered
    assert float(part.distances(shots[0], 0.02).max()) < 0.02
    groups = gathering.groups_of(0, shots[0], 2)
    assert float(part.distances(shots[0], 1.0, groups).min()) > 0.05


def test_undamaged_pictures_judged_by_the_others_score_what_they_do_themselves() -> None:
    shots = [part.image for part in parts(4, size=(64, 64), seed=21)]
    memory = patch.fit(shots, SMALL)
    for n, (shot, own) in enumerate(zip(shots, memory.self_scores, strict=True)):
        assert among_others(memory, shot, gathering.groups_of(n, shot, 4)) == pytest.approx(own, rel=0.06)
