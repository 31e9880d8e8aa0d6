"""Whose statistics each sample gets."""

import pytest
import torch

from gestalt.nn.partners import choose
from gestalt.ops.chance import seeded


@pytest.mark.parametrize("count", [2, 3, 8, 33])
@pytest.mark.parametrize("kind", ["permute", "derange"])
def test_partners_are_a_permutation(kind, count):
    seen = set()
    for seed in range(50):
        who = choose(kind, torch.rand(count + 1, generator=seeded(seed)))
        assert who.moved is None
        assert sorted(who.of.tolist()) == list(range(count))
        alone = int((who.of == torch.arange(count)).sum())
        assert kind == "permute" or not alone
        seen.add(tuple(who.of.tolist()))
    assert len(seen) > 1 or (kind, count) == ("derange", 2)


def test_every_partner_is_as_likely():
    counts = torch.zeros(5, 5)
    for seed in range(2000):
        counts[torch.arange(5), choose("derange", torch.rand(6, generator=seeded(seed))).of] += 1
    off = counts[~torch.eye(5, dtype=torch.bool)]
    assert bool((counts.diagonal() == 0).all())
    assert bool(((off - 500).abs() < 5 * (2000 * 0.25 * 0.75) ** 0.5).all())


@pytest.mark.parametrize(
    "groups",
    [[0, 1], [0, 0, 1, 1], [0, 1, 2, 3, 4], [2, 0, 1, 0, 2, 1, 0], [0, 0, 0, 1, 2, 3], [7] * 8 + [*range(7), 9]],
)
def test_partners_across_groups_are_a_permutation_where_no_group_is_too_large(groups):
    label, seen = torch.tensor(groups), set()
    for seed in range(30):
        who = choose("cross_class", torch.rand(len(groups) + 1, generator=seeded(seed)), label)
        assert who.moved is not None
        assert bool(who.moved.all())
        assert sorted(who.of.tolist()) == list(range(len(groups)))
        assert bool((label[who.of] != label).all())
        seen.add(tuple(who.of.tolist()))
    assert len(seen) > 1 or len(groups) == 2


@pytest.mark.parametrize("groups", [[0, 0, 0, 1], [0] * 9 + [1, 2], [3, 3, 3]])
def test_of_too_large_groups_as_many_as_can_have_partners(groups):
    label = torch.tensor(groups)
    most = max(groups.count(one) for one in groups)
    for seed in range(20):
        who = choose("cross_domain", torch.rand(len(groups) + 1, generator=seeded(seed)), label)
        assert who.moved is not None
        assert torch.equal(who.moved, label[who.of] != label)
        assert int(who.moved.sum()) == 2 * (len(groups) - most)
