"""Our SqueezeNet is torchvision's, layer by layer, under either set of names."""

from typing import Any

import pytest
import torch
from torchvision.models import squeezenet1_0

from gestalt.nn.squeezenet import SqueezeNet, named
from nn.caffe import AFTER, as_caffe


@pytest.fixture(scope="module")
def theirs() -> Any:
    return squeezenet1_0(weights=None).eval()


def test_the_parameters_are_those_of_the_paper(theirs):
    ours = SqueezeNet()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 1_248_424
    names = as_caffe(theirs.state_dict())
    assert {"conv1.w", "fire2/squeeze1x1.b", "fire9/expand3x3.w", "conv10.b"} < set(names)
    assert len(names) == 52


@pytest.mark.parametrize("form", ["torchvision", "caffe"])
@pytest.mark.parametrize("size", [(64, 64), (37, 50), (21, 22)])
def test_every_layer_is_torchvisions(theirs, form, size):
    state = theirs.state_dict()
    state, caffe = named(as_caffe(state) if form == "caffe" else state)
    assert caffe == (form == "caffe")
    ours = SqueezeNet()
    ours.load_state_dict(state)
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        y = x
        for name, stage in ours.stages():
            y = stage(y)
            if name != "conv10":
                torch.testing.assert_close(y, theirs.features[: AFTER[name] + 1](x))
        torch.testing.assert_close(ours(x), theirs(x))


def test_other_tensors_have_no_place():
    assert named(
        {
            "features.1.weight": torch.zeros(1),
            "fc.bias": torch.zeros(1),
            "features.3.squeezed.weight": torch.zeros(1),
            "plain": torch.zeros(1),
        }
    ) == (
        {},
        False,
    )
