"""Which layers a choice means, in every family of torchvision's networks and, where it is installed, timm's."""

import copy
import importlib.util
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from gestalt.nn.slots import CONVOLUTIONS, choose
from gestalt.nn.statswap import apply_padain

FAMILIES = {  # one network of each, its slots by `paper`, by `early`, and a side of pictures that it takes
    "alexnet": (5, 3, 64),
    "convnext_tiny": (22, 8, 32),
    "densenet121": (120, 38, 32),
    "efficientnet_b0": (81, 40, 32),
    "efficientnet_v2_s": (170, 19, 32),
    "googlenet": (57, 21, 32),
    "inception_v3": (94, 26, 96),
    "maxvit_t": (57, 22, 224),
    "mnasnet0_5": (52, 21, 32),
    "mobilenet_v2": (52, 27, 32),
    "mobilenet_v3_small": (52, 26, 32),
    "regnet_y_400mf": (81, 21, 32),
    "resnet18": (17, 9, 32),
    "resnet50": (49, 22, 32),
    "resnext50_32x4d": (49, 22, 32),
    "shufflenet_v2_x0_5": (56, 41, 32),
    "squeezenet1_1": (25, 13, 32),
    "swin_t": (1, 1, 32),
    "swin_v2_t": (1, 1, 32),
    "vgg11": (8, 4, 32),
    "vit_b_16": (1, 1, 224),
    "wide_resnet50_2": (49, 22, 32),
}


def built(name: str) -> nn.Module:
    """Without its numbers."""
    import torchvision

    more = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("cpu" if name.startswith(("regnet", "swin", "maxvit")) else "meta"):  # they count as they build
        return torchvision.models.get_model(name, weights=None, num_classes=4, **more)


def test_every_family_is_there() -> None:
    """A family is what torchvision has a module of its own for."""
    import torchvision

    modules = {torchvision.models.get_model_builder(name).__module__ for name in FAMILIES}
    names = torchvision.models.list_models(torchvision.models)
    assert modules == {torchvision.models.get_model_builder(name).__module__ for name in names}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_slots_of_every_family(name: str) -> None:
    paper, early, _ = FAMILIES[name]
    net = built(name)
    chosen = {layers: choose(net, layers) for layers in ("all", "paper", "early", "stem")}
    assert len(chosen["paper"]) == paper
    assert len(chosen["early"]) == early
    assert len(chosen["stem"]) == 1
    names = {layers: [slot.name for slot in found] for layers, found in chosen.items()}
    assert set(names["stem"]) <= set(names["early"]) <= set(names["paper"]) <= set(names["all"])
    every = [one for one, part in net.named_modules() if isinstance(part, CONVOLUTIONS)]
    left = [one for one in every if one not in names["paper"]]
    assert all(any(word in one for word in ("downsample", "proj", "classifier")) for one in left), left
    assert sum(slot.is_last for slot in chosen["all"]) == 1


def test_resnets_have_as_many_slots_as_in_the_published_code() -> None:
    counts = [len(choose(built(f"resnet{depth}"), "paper")) for depth in (18, 50, 101, 152)]
    assert counts == [17, 49, 100, 151]


def test_depthwise_convolutions_can_be_left_out() -> None:
    net = built("mobilenet_v2")
    kept = choose(net, "paper", depthwise=False)
    assert len(kept) == 35
    assert all(slot.module.groups == 1 for slot in kept)  # pyright: ignore


def test_temporal_halves_are_left_out() -> None:
    import torchvision

    with torch.device("meta"):
        split, whole = (torchvision.models.video.__dict__[name](weights=None) for name in ("r2plus1d_18", "r3d_18"))
    kernels = [slot.module.kernel_size for slot in choose(split, "paper")]  # pyright: ignore
    assert (1, 3, 3) in kernels
    assert (3, 1, 1) not in kernels
    assert len(kernels) == len(choose(whole, "paper")) == 17
    assert len(choose(split, "all")) > 34


class SqueezeExcitation(nn.Module):
    """As torchvision and timm call it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)


def test_the_last_convolution_is_one_that_maps_go_through() -> None:
    net = nn.Sequential()
    net.conv1, net.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)  # pyright: ignore
    net.weigh, net.downsample = SqueezeExcitation(), nn.Conv2d(3, 4, 1)  # pyright: ignore
    assert [slot.name for slot in choose(net, "all") if slot.is_last] == ["conv2"]
    (slot,) = choose(net, "downsample")
    assert not slot.is_last


def test_names_and_functions_choose_any_module() -> None:
    net = built("resnet18")
    assert [slot.name for slot in choose(net, "layer[12]")] == ["layer1", "layer2"]
    found = choose(net, lambda name, module: isinstance(module, nn.BatchNorm2d) and name.startswith("layer3"))
    assert len(found) == 5
    wrapped = nn.Sequential()
    wrapped.module = net  # pyright: ignore
    assert [slot.name for slot in choose(wrapped, "layer1")] == ["layer1"]
    assert [slot.name for slot in choose(wrapped, "early")] == [slot.name for slot in choose(net, "early")]
    (slot,) = choose(net, "input")
    assert slot.module is net


def fresh(name: str) -> nn.Module:
    """With numbers, quickly."""
    net = built(name)
    if any(weight.is_meta for weight in net.parameters()):
        net = net.to_empty(device="cpu")
    for weight in net.state_dict().values():
        if weight.is_floating_point():
            weight.uniform_(0.01, 0.02)
    return net


def steps(net: nn.Module, side: int) -> Iterator[torch.Tensor]:
    """Two steps with swaps everywhere; in evaluation nothing is different before, with and after them."""
    x = torch.randn(2, 3, side, side)
    state, plain = copy.deepcopy(net.state_dict()), said(net, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handle = apply_padain(net, p=1.0, layers="all", partner="derange")
    assert torch.equal(said(net, x), plain)
    for _ in range(2):
        output = net.train()(x)
        output.sum().backward()
        yield output
    assert list(net.state_dict()) == list(state)
    swapped = [one for one in handle.report() if one.swaps]
    assert swapped, "somewhere maps have more than one place"
    assert all(one.passes == one.swaps == 2 for one in swapped)
    net.load_state_dict(state)  # batch normalisation has learned
    assert torch.equal(said(net, x), plain)
    handle.remove()
    assert torch.equal(said(net, x), plain)
    assert bool(plain.isfinite().all())


@torch.no_grad()
def said(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """In evaluation."""
    return net.eval()(x)


QUICK = ("resnet18", "squeezenet1_1", "mobilenet_v3_small", "vgg11", "shufflenet_v2_x0_5")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in FAMILIES]
)
def test_every_family_trains_with_swaps(name: str) -> None:
    for output in steps(fresh(name), FAMILIES[name][2]):
        assert bool(output.isfinite().all())


TIMM = (
    *("resnet18", "convnext_atto", "efficientnet_lite0", "mobilenetv3_small_050", "regnetx_002"),
    "vit_tiny_patch16_224",
)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed; it is no dependency")
@pytest.mark.parametrize("name", TIMM)
def test_timm_trains_with_swaps(name: str) -> None:
    import timm  # pyright: ignore

    net = timm.create_model(name, pretrained=False, num_classes=4)
    for output in steps(net, 224):
        assert bool(output.isfinite().all())
