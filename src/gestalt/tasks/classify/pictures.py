"""Pictures ready for a classifier: read once where there is room, cut and changed at random by seeded numbers.

What is kept of a picture is in bytes, its shorter side at most twice the side that the network sees. What happens to
it in a step depends on the seed and the step alone, AugMix included, whose chance is torch's own, seeded for
the step by `training.seeded_step`.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gestalt.media import image
from gestalt.ops.resize import resize

Bytes = NDArray[np.uint8]
Item = TypeVar("Item", bound=Hashable)

ROOM = 2**30
"""Bytes of pictures that are kept."""
SEEN = 2
"""Shorter side of what is kept, in sides of what the network sees, at most."""
MARGIN = 8 / 7
"""Shorter side of a picture of which the square in the middle is tested, in its sides, where training zooms."""
SMALLEST, LONGEST = 0.08, 4 / 3
"""Of boxes that are cut out by zooming: the least part of the picture, and the largest ratio of sides."""
FAR, TURNED = 1 / 8, 15.0
"""The most that pictures are moved, in sides, and turned, in degrees."""


class Shelf:
    """Pictures by path; several threads may ask at once.

    Args:
        side: that the network sees, in pixels.
        room: bytes to keep pictures in; others are read each time.
    """

    def __init__(self, side: int, *, room: int = ROOM) -> None:
        self._most, self._room, self._lock = SEEN * side, room, Lock()
        self._kept: dict[Path, Bytes] = {}

    def read(self, path: Path) -> Bytes:
        """(H, W, 3).

        Raises:
            ValueError: the picture cannot be read.
        """
        if path in self._kept:
            return self._kept[path]
        x = image.read(path)
        shorter = min(x.shape[2:])
        if shorter > self._most:
            x = resize(x, [max(1, round(length * self._most / shorter)) for length in x.shape[2:]]).clamp(-1, 1)
        found = image.to_uint8(x)
        with self._lock:
            if found.nbytes <= self._room:
                self._room -= found.nbytes
                self._kept[path] = found
        return found


def as_tensor(picture: Bytes) -> Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def changed(picture: Bytes, side: int, augment: str, chance: np.random.Generator) -> Tensor:
    """A picture as it is learned from, (1, 3, S, S) in [-1, 1].

    Args:
        picture: (H, W, 3).
        side: S.
        augment: as in `config.Train`; the copies of augmix are made later.
        chance: of this picture in this step.
    """
    x = zoomed(as_tensor(picture), side, chance) if augment == "zoom" else _square(as_tensor(picture), side)
    if augment == "none":
        return x
    if chance.random() < 0.5:
        x = x.flip(3)
    if augment == "turn":
        x = turned(x, float(chance.uniform(-TURNED, TURNED)))
    if augment in ("shift", "turn", "augmix"):
        far = max(1, round(FAR * side))
        down, right = (int(n) for n in chance.integers(0, 2 * far + 1, 2))
        x = F.pad(x, (far, far, far, far), mode="replicate")[:, :, down : down + side, right : right + side]
    return x


def as_tested(picture: Bytes, side: int, augment: str) -> Tensor:
    """The square in the middle, as it is tested: (1, 3, S, S) in [-1, 1]."""
    return _square(as_tensor(picture), side, MARGIN if augment == "zoom" else 1.0)


def zoomed(x: Tensor, side: int, chance: np.random.Generator) -> Tensor:
    """A box of a random part of (1, 3, H, W) and a random shape, as (1, 3, S, S)."""
    height, width = x.shape[2:]
    area = height * width * chance.uniform(SMALLEST, 1)
    ratio = math.exp(chance.uniform(-math.log(LONGEST), math.log(LONGEST)))
    h, w = min(height, max(1, round((area / ratio) ** 0.5))), min(width, max(1, round((area * ratio) ** 0.5)))
    down, right = int(chance.integers(0, height - h + 1)), int(chance.integers(0, width - w + 1))
    return resize(x[:, :, down : down + h, right : right + w], (side, side)).clamp(-1, 1)


def turned(x: Tensor, degrees: float) -> Tensor:
    """(1, 3, S, S), turned about its middle, its border continued."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    theta = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]])
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def mixed(x: Tensor) -> Tensor:
    """Copies of (B, 3, S, S) in [-1, 1], each by AugMix on its own, by torch's own chance.

    As published without changes of colour, contrast, brightness and sharpness, which corruptions are made of.

    References:
        Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan: AugMix - A Simple Data Processing Method to Improve
            Robustness and Uncertainty. ICLR 2020.
    """
    from torchvision.transforms import AugMix

    augmix = AugMix(all_ops=False)
    levels = ((x + 1) * 127.5).round().to(torch.uint8)
    return torch.stack([augmix(one) for one in levels]).float() / 127.5 - 1


def unreadable(items: Sequence[Item], read: Callable[[Item], object]) -> dict[Item, str]:
    """Those that cannot be read, with a sentence on each.

    Args:
        items: pictures, or what else is read.
        read: raises ValueError where it cannot; several threads call it at once.
    """

    def reason(item: Item) -> str:
        try:
            read(item)
        except ValueError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(max_workers=4) as pool:
        return {item: why for item, why in zip(items, pool.map(reason, items), strict=True) if why}


def _square(x: Tensor, side: int, margin: float = 1.0) -> Tensor:
    """The square in the middle of (1, 3, H, W), whose side is 1/margin of the shorter one, as (1, 3, S, S)."""
    shorter = max(1, round(min(x.shape[2:]) / margin))
    down, right = ((length - shorter) // 2 for length in x.shape[2:])
    return resize(x[:, :, down : down + shorter, right : right + shorter], (side, side)).clamp(-1, 1)
