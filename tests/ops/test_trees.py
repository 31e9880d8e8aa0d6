"""Median-split trees: every key in a leaf, queries where their like are."""

import math

import torch

from gestalt.ops.patches import grid, unfold
from gestalt.ops.resize import resize
from gestalt.ops.trees import DIRECTIONS, LEAF, leaves, principal_features

PATCH = (1, 5, 5)


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    coarse = torch.randn(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return resize(coarse, (height, width))[0][:, None]


def test_every_key_is_in_a_leaf_and_finds_itself():
    keys = picture(40, 50, seed=0)
    found = leaves(*principal_features(keys, keys, PATCH, 0), seed=0)
    count = math.prod(grid(keys.shape[1:], PATCH))
    assert set(found.members.flatten().tolist()) == set(range(count))
    assert found.members.shape[1] <= LEAF
    alone = (found.members[found.leaf.flatten()] == torch.arange(count)[:, None]).any(1)
    assert float(alone.float().mean()) > 0.99  # a key on a cut may go either way


def test_a_leaf_is_nearer_than_chance_and_rotation_makes_another_tree():
    queries, keys = picture(40, 50, seed=1), picture(44, 38, seed=2)
    features = principal_features(queries, keys, PATCH, 0)
    assert features[0].shape == (*grid(queries.shape[1:], PATCH), DIRECTIONS)
    trees = [leaves(*features, seed=seed) for seed in (0, 1)]
    assert not torch.equal(trees[0].members, trees[1].members)
    q, k = unfold(queries, PATCH), unfold(keys, PATCH)
    best = [(q[:, None] - k[tree.members[tree.leaf.flatten()]]).square().sum(2).amin(1).mean() for tree in trees]
    lot = torch.randint(0, len(k), (len(q), LEAF), generator=torch.Generator().manual_seed(0))
    chance = (q[:, None] - k[lot]).square().sum(2).amin(1).mean()
    exact = torch.cdist(q, k).square().amin(1).mean()
    assert max(best) - exact < 0.7 * (chance - exact)


def test_the_directions_hold_more_variance_than_any_pixels():
    keys = picture(40, 50, seed=3)
    _, features = principal_features(keys, keys, PATCH, 0)
    rows = unfold(keys, PATCH)
    most = torch.linalg.eigvalsh(torch.cov(rows.T))[-DIRECTIONS:].sum()
    assert float(features.var(0).sum()) > 0.95 * float(most)


def test_one_position_is_a_tree():
    keys = picture(8, 8, seed=4)[:, :, :5, :5]
    found = leaves(*principal_features(picture(12, 12, seed=5), keys, PATCH, 0), seed=0)
    assert found.members.tolist() == [[0]]
    assert int(found.leaf.max()) == 0
