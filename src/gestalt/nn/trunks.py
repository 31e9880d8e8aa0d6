"""The networks behind `nn.features`: how each is built in stages, how pictures are prepared, where its weights are.

Only the trunk that has the offered layers is kept. torchvision's names for the tensors stay, so its files fit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from gestalt.nn import squeezenet

Kind = Literal["image", "clip"]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Preparation:
    """How a network wants its input: channels in its order, less `mean`, over `std`, both for values in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """(B, 3, *S) RGB in [-1, 1] -> (B, 3, *S) as the network wants it."""
        mean, std = (torch.tensor(n, dtype=x.dtype, device=x.device) for n in (self.mean, self.std))
        shape = (3, *(1,) * (x.ndim - 2))
        x = x.flip(1) if self.bgr else x
        return (x - (2 * mean - 1).view(shape)) / (2 * std).view(shape)


AS_IT_IS = Preparation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IMAGENET = Preparation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
KINETICS = Preparation((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
CAFFE = Preparation((104 / 255, 117 / 255, 123 / 255), (1 / 255, 1 / 255, 1 / 255), bgr=True)


class Stage(NamedTuple):
    """One step of a network, and the smallest height and width in pixels of a picture that it can take part in."""

    name: str
    module: nn.Module
    least: int


class Architecture(NamedTuple):
    """A network of the grammar.

    kind: what it takes.
    layer: the default one.
    build: makes the trunk, whose state dict has the file's names or those that `name_tensors` gives, and its stages.
    name_tensors: takes what a file holds; gives it the trunk's names, and says how pictures are to be prepared.
    published: the torchvision weights to download.
    expects: what a file should hold, in words.
    """

    kind: Kind
    layer: str
    build: Callable[[], tuple[nn.Module, list[Stage]]]
    name_tensors: Callable[[State], tuple[State, Preparation]]
    published: Callable[[], Any]
    expects: str


def _squeezenet() -> tuple[nn.Module, list[Stage]]:
    net = squeezenet.SqueezeNet()
    least = {"conv1": 7, "fire2": 9, "fire5": 13, "fire9": 21}
    return net, [Stage(name, module, least.get(name, 1)) for name, module in net.stages()]


def _squeezenet_tensors(tensors: State) -> tuple[State, Preparation]:
    state, caffe = squeezenet.named(tensors)
    return state, CAFFE if caffe else IMAGENET


def _squeezenet_published() -> Any:
    from torchvision.models import SqueezeNet1_0_Weights

    return SqueezeNet1_0_Weights.IMAGENET1K_V1


def _inception() -> tuple[nn.Module, list[Stage]]:
    from torchvision.models import inception_v3

    net = inception_v3(weights=None, init_weights=False, aux_logits=False)
    early = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    trunk = nn.ModuleDict({name: net.get_submodule(name) for name in early})
    stages = []
    for name, least in zip(early, (3, 7, 7, 11, 19), strict=True):
        module = trunk[name]
        if name == "Conv2d_3b_1x1":
            module = nn.Sequential(nn.MaxPool2d(3, stride=2), module)
        stages.append(Stage("conv" + name.split("_")[1], module, least))
    return trunk, stages


def _inception_published() -> Any:
    from torchvision.models import Inception_V3_Weights

    return Inception_V3_Weights.IMAGENET1K_V1


def _vgg19() -> tuple[nn.Module, list[Stage]]:
    from torchvision.models import vgg19

    trunk = nn.ModuleDict({"features": vgg19(weights=None).features})
    stages, pending, block, count = [], [], 1, 0
    for module in trunk["features"].children():
        pending.append(module)
        if isinstance(module, nn.MaxPool2d):
            block, count = block + 1, 0
        elif isinstance(module, nn.ReLU):
            count += 1
            stages.append(Stage(f"relu{block}_{count}", nn.Sequential(*pending), 2 ** (block - 1)))
            pending = []
    return trunk, stages


def _vgg19_published() -> Any:
    from torchvision.models import VGG19_Weights

    return VGG19_Weights.IMAGENET1K_V1


def _r3d18() -> tuple[nn.Module, list[Stage]]:
    from torchvision.models.video import r3d_18

    return _residual(r3d_18(weights=None))


def _r3d18_published() -> Any:
    from torchvision.models.video import R3D_18_Weights

    return R3D_18_Weights.KINETICS400_V1


def _r2plus1d_18() -> tuple[nn.Module, list[Stage]]:
    from torchvision.models.video import r2plus1d_18

    return _residual(r2plus1d_18(weights=None))


def _r2plus1d_18_published() -> Any:
    from torchvision.models.video import R2Plus1D_18_Weights

    return R2Plus1D_18_Weights.KINETICS400_V1


def _residual(net: nn.Module) -> tuple[nn.Module, list[Stage]]:
    names = ["stem", "layer1", "layer2", "layer3", "layer4"]
    trunk = nn.ModuleDict({name: net.get_submodule(name) for name in names})
    return trunk, [Stage(name, trunk[name], 1) for name in names]


ARCHITECTURES: Mapping[str, Architecture] = {
    "squeezenet": Architecture(
        "image",
        "fire2",
        _squeezenet,
        _squeezenet_tensors,
        _squeezenet_published,
        "SqueezeNet v1.0, as conv1.w, fire2/squeeze1x1.w, ... or as the state dict of torchvision's squeezenet1_0",
    ),
    "inception": Architecture(
        "image",
        "conv2b",
        _inception,
        lambda tensors: (tensors, AS_IT_IS),  # its weights were trained on [-1, 1] (`transform_input`)
        _inception_published,
        "the state dict of torchvision's inception_v3",
    ),
    "vgg19": Architecture(
        "image",
        "relu2_1",
        _vgg19,
        lambda tensors: (tensors, IMAGENET),
        _vgg19_published,
        "the state dict of torchvision's vgg19",
    ),
    "r3d18": Architecture(
        "clip",
        "stem",
        _r3d18,
        lambda tensors: (tensors, KINETICS),
        _r3d18_published,
        "the state dict of torchvision's video.r3d_18",
    ),
    "r2plus1d_18": Architecture(
        "clip",
        "stem",
        _r2plus1d_18,
        lambda tensors: (tensors, KINETICS),
        _r2plus1d_18_published,
        "the state dict of torchvision's video.r2plus1d_18",
    ),
}
"""Those that have weights of their own; the others are built in."""

LEVELS: Mapping[str, tuple[str, ...]] = {
    "vgg19": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    "squeezenet": ("conv1", "fire3", "fire5", "fire7", "fire9"),
}
"""The layers, fine to coarse, that methods of several levels take; of other networks the first five."""


def random_stages() -> tuple[nn.Module, dict[Kind, tuple[Stage, ...]]]:
    """Two convolutions for images and two for clips, with fixed numbers from a generator of their own.

    5x5 pixels of stride 2, then 3x3, 64 channels each, without padding, so that a position sees 9x9 pixels; for clips
    3x5x5 and 3x3x3, and beyond its ends a clip's first and last frame continue. ReLU after each, weights
    N(0, 2 / fan-in), biases N(0, 0.01).
    """
    with torch.device("meta"):
        image = [nn.Conv2d(3, 64, 5, stride=2), nn.Conv2d(64, 64, 3)]
        beyond: dict[str, Any] = {"padding": (1, 0, 0), "padding_mode": "replicate"}
        clip = [nn.Conv3d(3, 64, (3, 5, 5), stride=(1, 2, 2), **beyond), nn.Conv3d(64, 64, 3, **beyond)]
    trunk = nn.ModuleDict({"image": nn.ModuleList(image), "clip": nn.ModuleList(clip)})
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, place in trunk.state_dict().items():
        deviation = (2 / place[0].numel()) ** 0.5 if name.endswith("weight") else 0.1
        state[name] = torch.randn(place.shape, generator=generator) * deviation
    trunk.load_state_dict(state, assign=True)
    convs: tuple[tuple[Kind, Sequence[nn.Module]], ...] = (("image", image), ("clip", clip))
    return trunk, {
        kind: tuple(
            Stage(f"conv{n}", nn.Sequential(conv, nn.ReLU()), least)
            for n, conv, least in zip((1, 2), pair, (5, 9), strict=True)
        )
        for kind, pair in convs
    }
