"""Networks that tell classes: two small ones for a CPU, and those of torchvision by name.

    tiny       16, 32, 32, 64 channels, one 3x3 convolution each, the second and fourth of stride 2; for 16 pixels
    small      32 channels, then stages of 32, 64, 128 of two 3x3 convolutions, the latter two of stride 2; for 32 to 96
    cifar-X    torchvision's ResNet X with a 3x3 stem of stride 1 and no pooling, for 32 pixels
    X          any classifier of torchvision; for pixels, any of its segmentation networks

All convolutions of ours are followed by batch normalisation and ReLU, and classes are told by the mean over places.
Pictures come in [-1, 1] and are given to networks as those of torchvision expect them, by ImageNet's moments.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import torch_fresh
from gestalt.nn.trunks import IMAGENET
from gestalt.nn.weights import read_tensors

OURS = ("tiny", "small")
CIFAR = "cifar-"
BARE: Mapping[str, Mapping[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
"""What some of torchvision's builders need, so that they give logits alone."""
SIDED = {"vit_": "image_size", "maxvit_": "input_size"}
"""Networks that are made for one size of pictures, by how their names begin, and what builders call it."""


class Classifier(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> logits (B, K), or of pixels (B, K, H, W).

    Args:
        net: takes pictures with ImageNet's mean 0 and deviation 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        for name, values in (("mean", IMAGENET.mean), ("deviation", IMAGENET.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        said = self.net(((x + 1) / 2 - self.mean) / self.deviation)
        return said["out"] if isinstance(said, dict) else said


def build(name: str, classes: int, size: int, chance: Generator, *, segments: bool = False) -> Classifier:
    """A network with fresh weights.

    Args:
        name: see the module.
        classes: K.
        size: side of the pictures, in pixels.
        chance: of the weights.
        segments: whether pixels are told apart.

    Raises:
        ValueError: there is no such network, or it does not take pictures of this size.
    """
    made = _builder(name, classes, size, segments=segments)
    try:
        net = Classifier(torch_fresh(made, chance)).eval()
        with torch.no_grad():
            shape = net(torch.zeros(1, 3, size, size)).shape
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise ValueError(f"--model {name} does not take pictures of --size {size}: {reason}") from error
    if shape[1] != classes:
        raise ValueError(f"--model {name} does not give {classes} classes, but {shape[1]}: choose another")
    return net


def begin(net: Classifier, file: str) -> list[str]:
    """Load weights of torchvision's into a network; what has other shapes, as the last layer, stays fresh.

    Returns:
        The names of what stays.

    Raises:
        ValueError: the file cannot be read, or hardly fits.
    """
    given, own = read_tensors(file), net.net.state_dict()
    fits = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    stay = [name for name in own if name not in fits and not name.endswith("num_batches_tracked")]
    if len(fits) < len(own) / 2:
        raise ValueError(
            f"--begin-from {file} has {len(fits)} of the {len(own)} tensors of this network: check --model"
        )
    net.net.load_state_dict(fits, strict=False)
    return stay


def tiny(classes: int) -> nn.Module:
    """See the module."""
    parts = [*_block(3, 16, 1), *_block(16, 32, 2), *_block(32, 32, 1), *_block(32, 64, 2)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


class Small(nn.Module):
    """See the module.

    Args:
        classes: K.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_block(3, 32, 1))
        self.stage1, self.stage2, self.stage3 = (
            nn.Sequential(*_block(before, after, stride), *_block(after, after, 1))
            for before, after, stride in ((32, 32, 1), (32, 64, 2), (64, 128, 2))
        )
        self.fc = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, K)."""
        return self.fc(self.stage3(self.stage2(self.stage1(self.stem(x)))).mean((2, 3)))


class SmallPixels(nn.Module):
    """The same for pixels: what the stages see is told apart by `Up`.

    Args:
        classes: K.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        body = Small(classes)
        self.stem, self.stage1, self.stage2, self.stage3 = body.stem, body.stage1, body.stage2, body.stage3
        self.head = Up(classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, K, H, W)."""
        one = self.stage1(self.stem(x))
        two = self.stage2(one)
        return self.head(one, two, self.stage3(two))


class Up(nn.Module):
    """Maps of three stages, added from coarse to fine.

    Args:
        classes: K.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.up3, self.up2, self.up1 = (nn.Conv2d(n, 32, 1) for n in (128, 64, 32))
        self.join = nn.Sequential(*_block(32, 32, 1), nn.Conv2d(32, classes, 1))

    def forward(self, one: Tensor, two: Tensor, three: Tensor) -> Tensor:
        """Fine to coarse -> (B, K, H, W) as fine as the first."""
        seen = self.up3(three)
        for lateral, fine in ((self.up2, two), (self.up1, one)):
            seen = lateral(fine) + F.interpolate(seen, size=fine.shape[2:], mode="bilinear", align_corners=False)
        return self.join(seen)


def _block(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True)


def _builder(name: str, classes: int, size: int, *, segments: bool) -> Callable[[], nn.Module]:
    if segments:
        if name == "small":
            return lambda: SmallPixels(classes)
        import torchvision.models.segmentation as known
    else:
        if name in OURS:
            return lambda: tiny(classes) if name == "tiny" else Small(classes)
        import torchvision.models as known
    import torchvision

    plain = name.removeprefix(CIFAR)
    names = torchvision.models.list_models(known)
    if plain not in names or (plain != name and (segments or not plain.startswith(("resne", "wide_resnet")))):
        ours = ("small",) if segments else (*OURS, "cifar-resnet18")
        what = "segmentation networks" if segments else "classifiers"
        raise ValueError(f"there is no --model {name}: choose {', '.join(ours)} or one of torchvision's {what}")
    more: dict[str, Any] = {"weights_backbone": None} if segments else dict(BARE.get(plain, {}))
    more |= {
        word: (size, size) if word == "input_size" else size for start, word in SIDED.items() if plain.startswith(start)
    }

    def made() -> nn.Module:
        net = torchvision.models.get_model(plain, weights=None, num_classes=classes, **more)
        if plain != name:
            stem = cast(nn.Conv2d, net.conv1)
            net.conv1 = nn.Conv2d(3, stem.out_channels, 3, padding=1, bias=False)
            net.maxpool = nn.Identity()
        return net

    return made
