"""The chain of levels, over two axes and over three: how levels join, and that it comes back from its tensors.

What training does with it is tested where it is trained (tests/tasks).
"""

import pytest
import torch

from gestalt.nn import chain as chains
from gestalt.nn.blocks import PatchNet
from gestalt.nn.chain import Chain
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize

PICTURE, CLIP = [(5, 7), (6, 8), (9, 12)], [(2, 5, 7), (2, 6, 8), (3, 9, 12)]


def chain_of(sizes, plain=1, weight=0.2) -> Chain:
    chain = Chain(sizes, plain)
    for n in range(len(sizes)):
        net = PatchNet(3, 3, 4, axes=len(sizes[0]), padding=1, generator=seeded(n))
        for conv in net.convs:
            next(iter(conv.parameters())).data.normal_(0, weight, generator=seeded(n, 1))
        chain.nets.append(net.requires_grad_(False))
        chain.sigmas.append(1.0 if n == 0 else 0.1 * n)
    return chain


@pytest.mark.parametrize("sizes", [PICTURE, CLIP])
def test_climbing_is_the_levels_one_by_one(sizes):
    chain, x = chain_of(sizes), torch.rand(1, 3, *sizes[0]) * 2 - 1
    chance = seeded(5)
    expected = x
    for n, size in enumerate(sizes):
        v = resize(expected, size).clamp(-1, 1)
        u = v + (0.5 if n == 0 else chain.sigmas[n]) * torch.randn(v.shape, generator=chance)
        drawn = torch.tanh(chain.nets[n](u))
        expected = drawn if n == 2 else v + drawn
    found = chain.climb(x, sizes, range(3), seeded(5), 0.5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("sizes", [PICTURE, CLIP])
def test_it_comes_back_from_its_tensors(sizes):
    chain = chain_of(sizes)
    tensors = chain.tensors("x")
    back = Chain.restore(tensors, "x", 1, "zeros")
    assert (back.sizes, back.sigmas) == (chain.sizes, chain.sigmas)
    assert torch.equal(back.samples(2, 2, seeded(3)), chain.samples(2, 2, seeded(3)))
    with pytest.raises(ValueError, match="they lack or miss-shape"):
        Chain.restore({name: value for name, value in tensors.items() if "x.1." not in name}, "x", 1, "zeros")


def test_samples_are_drawn_in_batches_that_memory_has_room_for(monkeypatch):
    chain = chain_of(CLIP)
    monkeypatch.setattr(chains, "_AT_ONCE", 2 * 3 * 9 * 12)
    original, seen = chain.climb, []
    monkeypatch.setattr(chain, "climb", lambda v, *rest: seen.append(len(v)) or original(v, *rest))
    assert chain.samples(5, 2, seeded(0)).shape == (5, 3, 3, 9, 12)
    assert seen == [2, 2, 1]


def test_what_is_anchored_depends_on_its_noise_alone():
    chain, z = chain_of(CLIP), torch.randn(1, 3, *CLIP[0], generator=seeded(1))
    u, v = chain.anchored(z, 2)
    assert torch.equal(u, v)
    assert torch.equal(v, chain.anchored(z, 2)[1])
    u, v = chain.anchored(z, 0)
    assert torch.equal(u, z)
    assert not v.any()
