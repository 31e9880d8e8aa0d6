"""The bank answers what a search through everything it was given would."""

import pytest
import torch
from torch import Tensor

from gestalt.patchwork.bank import Bank, components, farthest, from_tensors, gather, places, tensors, varied


def maps(count: int, channels: int = 5, size: tuple[int, int] = (6, 7), seed: int = 0) -> list[Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return [torch.randn(1, channels, *size, generator=chance) + n for n in range(count)]


def flat(map_: Tensor) -> Tensor:
    return map_[0].flatten(1).T


def bank_of(described: list[Tensor], most: int = 10_000, dims: int = 99) -> Bank:
    """Each map is a group."""
    groups = [torch.full((map_[0, 0].numel(),), n) for n, map_ in enumerate(described)]
    place = [places(map_.shape[2:]) for map_ in described]
    keys = [flat(map_) for map_ in described]
    return gather(torch.cat(keys), torch.cat(groups), torch.cat(place), most=most, dims=dims)


def test_distances_are_those_to_the_nearest_of_all() -> None:
    known, (query,) = maps(3), maps(1, size=(4, 9), seed=7)
    bank = bank_of(known)
    keys = torch.cat([flat(map_) for map_ in known])
    expected = torch.cdist(flat(query), keys).amin(1)
    torch.testing.assert_close(bank.distances(flat(query)), expected)
    assert bank.distances(flat(known[1])).max() < 3e-3  # what it was given is at no distance but for rounding


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known, (query,) = maps(2), maps(1, seed=7)
    bank = bank_of(known)
    whole = bank.distances(flat(query))
    monkeypatch.setattr("gestalt.patchwork.bank.CHUNK", 100)
    torch.testing.assert_close(bank.distances(flat(query)), whole)


def test_what_lies_outside_the_components_counts() -> None:
    known = [torch.cat([map_, torch.zeros(1, 3, 6, 7)], 1) for map_ in maps(2)]  # nothing ever in the last channels
    bank = bank_of(known, 10_000, 2)
    assert bank.keys_nd.shape[1] == 2
    strange = known[0].clone()
    strange[:, -1] += 30
    assert float((bank.distances(flat(strange)) ** 2 - bank.distances(flat(known[0])) ** 2).min()) == pytest.approx(
        900, rel=1e-3
    )


def test_own_group_and_far_places_are_left_out() -> None:
    known = maps(2)
    bank = bank_of(known)
    other = torch.cdist(flat(known[0]), flat(known[1])).amin(1)
    torch.testing.assert_close(bank.distances(flat(known[0]), group_n=torch.zeros(42, dtype=torch.int64)), other)
    near = torch.cdist(flat(known[0]), torch.cat([flat(map_) for map_ in known]))
    away = (places((6, 7))[:, None] - places((6, 7))).abs().amax(2) > 0.2
    near = near.masked_fill(torch.cat([away, away], 1), torch.inf).amin(1)
    torch.testing.assert_close(
        bank.distances(flat(known[0]), window=0.2, place_n2=places((6, 7))), near, atol=5e-3, rtol=1e-4
    )
    alone = bank_of(known[:1])
    assert alone.distances(flat(known[0]), group_n=torch.zeros(42, dtype=torch.int64)).isinf().all()


def test_places_of_a_part_are_those_of_the_whole() -> None:
    whole = places((6, 7)).view(6, 7, 2)
    torch.testing.assert_close(places((2, 3), (4, 1), (6, 7)), whole[4:, 1:4].reshape(-1, 2))


def test_groups_are_searched_one_by_one() -> None:
    known, (query,) = maps(3), maps(1, size=(4, 9), seed=7)
    bank = bank_of(known)
    expected = torch.stack([torch.cdist(flat(query), flat(map_)).amin(1) for map_ in known], 1)
    torch.testing.assert_close(bank.distances_by_group(flat(query), 3), expected)
    more = bank.distances_by_group(flat(query), 5)
    assert more[:, 3:].isinf().all()
    torch.testing.assert_close(more.amin(1), bank.distances(flat(query)))


def test_farthest_points_are_those_of_the_slow_search() -> None:
    points = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    kept = [int((points - points.mean(0)).norm(dim=1).argmin())]
    while len(kept) < 12:
        kept.append(int(torch.cdist(points, points[kept]).amin(1).argmax()))
    assert farthest(points, 12).tolist() == sorted(kept)


def test_a_thinned_bank_keeps_the_rare() -> None:
    known = [map_ * 0.01 for map_ in maps(5, size=(20, 20))]
    known[3][0, :, 4, 4] = 5.0
    bank = bank_of(known, 300, 99)
    assert len(bank.keys_nd) == 300
    assert float(bank.distances(torch.full((1, 5), 5.0))) < 1e-2


def test_of_the_rare_some_is_taken() -> None:
    keys = 0.1 * torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
    keys[::1000] += 5
    drawn = varied(keys, 60, 0)
    assert 50 <= len(drawn) <= 60
    assert len(set(drawn.tolist()) & set(range(0, 5000, 1000))) >= 1
    assert torch.equal(drawn, drawn.sort().values.unique())
    assert varied(keys, 9999, 0).tolist() == list(range(5000))
    assert len(varied(torch.zeros(500, 4), 60, 0)) == 30  # nothing is rare


def test_components_explain_the_most() -> None:
    chance = torch.Generator().manual_seed(0)
    points = torch.randn(500, 4, generator=chance) * torch.tensor([0.1, 3.0, 1.0, 0.01])
    basis = components(points - points.mean(0), 2)
    assert basis.abs().argmax(0).tolist() == [1, 2]
    torch.testing.assert_close(basis.T @ basis, torch.eye(2), atol=1e-5, rtol=0)
    assert (basis.gather(0, basis.abs().argmax(0, keepdim=True)) > 0).all()


def test_a_bank_comes_back_from_its_tensors() -> None:
    known = maps(2)
    bank = bank_of(known, 30, 3)
    again = from_tensors(tensors(bank, "one"), "one")
    assert all(torch.equal(x, y) for x, y in zip(bank, again, strict=True))
