"""What a place of a picture is described by: six ways that need no weights, and any network of `--features`.

Each takes a picture to a map of descriptors, (1, 3, H, W) in [-1, 1] -> (1, D, h, w), and looks at it at a size of its
own, since a scratch shows at one scale and a missing bite at another: `gabor@128` has a long side of 128 pixels. The
places of a map lie evenly over the whole picture; beyond its border the border's colour goes on. What is larger than
`TILE` is described in tiles, so that no more than one of them is in memory; the result is the same.

    raw       7x7 colours less their mean, over their deviation: what is there, whatever the light
    colour    7x7 colours as they are
    gradient  histograms of edge directions in 3x3 cells of 4 pixels
    gabor     how strongly the picture waves in six directions at three scales, and its colours (`nn.gabor`)
    random    two convolutions with fixed random numbers (`nn.trunks`), a floor for what is learned
    pair      features learned from the good pictures themselves by telling places apart (`nn.pretext`)

References:
    Dalal, Triggs: Histograms of Oriented Gradients for Human Detection. CVPR 2005 (gradient).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.features import Features, load
from gestalt.ops.pyramid import fit_long_side
from gestalt.ops.resize import resize
from gestalt.ops.stats import luminance

SIDE, STRIDE = 7, 2
"""Of patches of colours, in pixels."""

CELL, DIRECTIONS, CELLS = 4, 8, 3
"""Side of a cell in pixels, half of which neighbours share; directions in a histogram; cells across a descriptor."""

NOISE = 0.1
"""Contrast below which a patch counts as flat, for pixels in [-1, 1]; the deviation of every patch is raised by it."""

TILE, HALO, GRAIN = 512, 96, 16
"""Side of a tile in pixels, of what is seen around it, which reaches further than any descriptor looks, and what all of
them are multiples of, so that tiles have the places that the whole has."""

LEVELS = {"gabor": ("level2", "level3", "level4"), "random": ("conv1", "conv2"), "pair": ("level2", "level3")}
"""Layers that a descriptor takes, the finest first; of weights of the user's, `Memory.layers`."""

STRIDES = {"gabor": 2, "random": 0, "pair": 2}
"""Pixels from place to place of those; 0: described as a whole, since no place lies at its border."""

USUAL = {"squeezenet": ("fire4", "fire7"), "vgg19": ("relu3_1", "relu4_1"), "inception": ("conv3b", "conv4a")}
"""Layers of networks with weights where none are named."""


class Descriptor(NamedTuple):
    """One way to describe places.

    name: as in the settings, such as gabor@128.
    size: long side in pixels of what it looks at; smaller pictures are enlarged to it.
    describe: (1, 3, H, W) in [-1, 1], of that size -> (1, D, h, w).
    stride: pixels from place to place; 0 where a picture must be described as a whole.
    """

    name: str
    size: int
    describe: Callable[[Tensor], Tensor]
    stride: int = 0

    def __call__(self, picture: Tensor) -> Tensor:
        """Bring a picture, (1, 3, H, W) in [-1, 1], to the size, and describe it."""
        return self.describe(self.shown(picture))

    def shown(self, picture: Tensor) -> Tensor:
        """A picture, (1, 3, H, W) in [-1, 1], as it looks at it."""
        height, width = fit(picture.shape[2:], self.size)
        if self._is_tiled((height, width)):
            height, width = (round(side / GRAIN) * GRAIN or side for side in (height, width))
        return resize(picture, (height, width)).clamp(-1, 1)

    def tiles(self, picture: Tensor) -> Iterator[Iterator[Tensor]]:
        """The map of a picture in rows of tiles: put together along w, then h, they are `self(picture)`.

        Yields:
            For every row of tiles, one after the other (1, D, h, w).
        """
        shown = self.shown(picture)
        if not self._is_tiled(shown.shape[2:]):
            yield iter([self.describe(shown)])
            return
        height, width = shown.shape[2:]
        for top in range(0, height, TILE):
            yield (self._tile(shown, top, left) for left in range(0, width, TILE))

    def grid_in_tiles(self, picture: Tensor) -> tuple[int, int] | None:
        """(h, w) of the map of a picture that is described in tiles; None of one that is not."""
        height, width = self.shown(picture).shape[2:]
        return (height // self.stride, width // self.stride) if self._is_tiled((height, width)) else None

    def _is_tiled(self, size: Sequence[int]) -> bool:
        return bool(self.stride) and max(size) > TILE + 2 * HALO

    def _tile(self, shown: Tensor, top: int, left: int) -> Tensor:
        """The map of one tile, described with what is around it."""
        kept = []
        for axis, begin in ((2, top), (3, left)):
            length = shown.shape[axis]
            end = min(begin + TILE, length)
            first, last = max(0, begin - HALO), min(end + HALO, length)
            shown = shown.narrow(axis, first, last - first)
            kept.append(slice((begin - first) // self.stride, None if end == length else (end - first) // self.stride))
        return self.describe(shown)[:, :, kept[0], kept[1]]


def fit(size: Sequence[int], long_side: int) -> tuple[int, ...]:
    """(H, W) with a given long side, whether that is smaller or larger; no side below one cell of the descriptors."""
    height, width = fit_long_side(size, long_side)
    scale = long_side / max(height, width)
    return max(8, round(height * scale)), max(8, round(width * scale))


def of_name(name: str, shots: Sequence[Tensor], *, seed: int = 0) -> Descriptor:
    """The descriptor that the settings call NAME@SIZE.

    Args:
        name: checked by the settings.
        shots: good pictures, (1, 3, H, W) in [-1, 1], which `pair` is trained on.
        seed: of that training.
    """
    kind, _, size = name.partition("@")
    side = int(size)
    if kind == "raw":
        return Descriptor(name, side, raw, STRIDE)
    if kind == "colour":
        return Descriptor(name, side, colour, STRIDE)
    if kind == "gradient":
        return Descriptor(name, side, gradient, CELL // 2)
    given = [resize(shot, fit(shot.shape[2:], side)).clamp(-1, 1) for shot in shots] if kind == "pair" else ()
    network = load(kind, given, seed=seed)
    return of_network(name, network, LEVELS[kind], side)._replace(stride=STRIDES[kind])


def of_network(name: str, network: Features, layers: Sequence[str], size: int, *, alike: bool = False) -> Descriptor:
    """The maps of some layers, each the mean of 3x3 places, brought to the grid of the finest and put together.

    Args:
        name: of the descriptor.
        network: of images.
        layers: of it; none takes its usual ones.
        size: long side in pixels.
        alike: whether each layer's vector has length 1 at every place, so that all layers count alike.

    Raises:
        ValueError: it has no such layers, or does not look at pictures.
    """
    if "image" not in network.kinds:
        raise ValueError(f"--features {network.arch} looks at clips, and these are pictures: take vgg19 or squeezenet")
    wanted = tuple(layers) or USUAL.get(network.arch, network.names[1:3])
    if unknown := sorted(set(wanted) - set(network.names)):
        raise ValueError(f"{network.arch} has no layer {unknown[0]!r}: it has {', '.join(network.names)}")

    def describe(picture: Tensor) -> Tensor:
        network.to(picture.device)
        with torch.no_grad():
            maps = network.layers(picture, wanted)
        grid = max((maps[layer].shape[2:] for layer in wanted), key=math.prod)
        means = [F.avg_pool2d(maps[layer], 3, 1, 1, count_include_pad=False) for layer in wanted]
        found = [F.interpolate(mean, grid, mode="bilinear") for mean in means]
        return torch.cat([F.normalize(map_) if alike else map_ for map_ in found], dim=1)

    return Descriptor(name, size, describe)


def raw(picture: Tensor) -> Tensor:
    """Patches of colours without their mean and contrast, (1, 147, h, w)."""
    patches = _patches(picture)
    centred = patches - patches.mean(2, keepdim=True)
    deviation = centred.square().mean((1, 2), keepdim=True).sqrt()
    return (centred / (deviation + NOISE)).flatten(1, 2) / patches[0, :, :, 0, 0].numel() ** 0.5


def colour(picture: Tensor) -> Tensor:
    """Patches of colours, (1, 147, h, w)."""
    patches = _patches(picture)
    return patches.flatten(1, 2) / patches[0, :, :, 0, 0].numel() ** 0.5


def gradient(picture: Tensor) -> Tensor:
    """Histograms of edge directions in cells around a place, as one vector of length 1 or less, (1, 72, h, w)."""
    tone = F.pad(luminance(picture), (1, 1, 1, 1), mode="replicate")
    dy, dx = ((one - other) / 2 for one, other in ((tone[:, :, 2:, 1:-1], tone[:, :, :-2, 1:-1]), _sideways(tone)))
    strength = (dy.square() + dx.square()).sqrt()
    turn = torch.atan2(dy, dx).remainder(math.pi) / math.pi * DIRECTIONS
    below = turn.floor()
    share = turn - below
    histogram = torch.zeros(1, DIRECTIONS, *strength.shape[2:], dtype=tone.dtype, device=tone.device)
    for at, part in ((below, 1 - share), (below + 1, share)):
        histogram.scatter_add_(1, at.long() % DIRECTIONS, strength * part)
    cells = F.avg_pool2d(histogram, CELL, CELL // 2, CELL // 4, count_include_pad=False)
    beside = F.pad(cells, (CELLS // 2,) * 4, mode="replicate")
    blocks = F.unfold(beside, CELLS).unflatten(2, tuple(cells.shape[2:]))
    return blocks / (blocks.square().sum(1, keepdim=True).sqrt() + NOISE)


def _sideways(tone: Tensor) -> tuple[Tensor, Tensor]:
    return tone[:, :, 1:-1, 2:], tone[:, :, 1:-1, :-2]


def _patches(picture: Tensor) -> Tensor:
    """(1, 3, H, W) -> (1, 3, 49, h, w), every second pixel's patch in both directions."""
    around = F.pad(picture, (SIDE // 2,) * 4, mode="replicate")
    grid = tuple((length - 1) // STRIDE + 1 for length in picture.shape[2:])
    return F.unfold(around, SIDE, stride=STRIDE).view(1, picture.shape[1], SIDE * SIDE, *grid)
