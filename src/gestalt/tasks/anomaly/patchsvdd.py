"""PatchSVDD: patches are told by what lies around them; those unlike all good ones are anomalous, and there.

For an encoder f of patches of side K, p a patch of a good picture, p' one moved by a few pixels, p_d one of the eight
that lie around it in direction d, and C a classifier of directions,

    L = lambda mean |f(p) - f(p')|  -  mean log softmax C(f(p) - f(p_d))_d

The first term draws neighbours together, as the sphere of DeepSVDD does with whole pictures, but around as many
centres as there are kinds of patches; the second keeps features from forgetting what patches look like. It is trained
for two sizes, K and 2K, the encoder of the larger one being built on that of the smaller one's four quarters. Then

    a_K(q) = min over patches p of the shots of |f_K(p) - f_K(q)|,

each pixel takes the mean over the patches that cover it, the map is the product of those of both sizes, and the score
its largest value.

Where this departs from the published method: encoders are smaller, patches have 16 and 32 pixels in pictures of 96
instead of 32 and 64 in 256; a map has a value every K / 4 pixels; nearest features are found by comparing all.

References:
    Yi, Yoon: Patch SVDD - Patch-level SVDD for Anomaly Detection and Segmentation. ACCV 2020.
    Doersch, Gupta, Efros: Unsupervised Visual Representation Learning by Context Prediction. ICCV 2015 (direction).
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.ops.chance import noise, seeded
from gestalt.ops.pyramid import reduced
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import PatchSvdd
from gestalt.tasks.anomaly.scorer import Judged, Scorer, spread

DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Where p_d lies: down, right."""
COLOURS, AT_ONCE, LOG_EVERY = 0.1, 1024, 20
"""How far colours of a patch are moved at random, so that direction is not told by shading; patches encoded at once."""

Encode = Callable[[Tensor], Tensor]


class Encoder(nn.Module):
    """Features of patches of both sizes, and what tells direction from their differences."""

    def __init__(self, patch: int, width: int, features: int) -> None:
        super().__init__()
        self.patch = patch
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
        left = patch // 8
        self.small = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * width * left * left, features), nn.Tanh())
        self.large = nn.Sequential(
            nn.Linear(4 * features, 4 * features), nn.LeakyReLU(0.1), nn.Linear(4 * features, features), nn.Tanh()
        )
        self.direction = nn.ModuleList(
            nn.Sequential(nn.Linear(features, 64), nn.LeakyReLU(0.1), nn.Linear(64, len(DIRECTIONS))) for _ in range(2)
        )

    def whole(self, x: Tensor) -> Tensor:
        """(B, 3, K, K) -> (B, D)."""
        return self.small(x)

    def quarters(self, x: Tensor) -> Tensor:
        """(B, 3, 2K, 2K) -> (B, D)."""
        k = self.patch
        parts = x.unflatten(3, (2, k)).unflatten(2, (2, k)).permute(0, 2, 4, 1, 3, 5)
        return self.large(self.small(parts.reshape(-1, 3, k, k)).reshape(len(x), -1))

    def scales(self) -> tuple[tuple[int, Encode], tuple[int, Encode]]:
        """Side of the patches, and their encoder."""
        return (self.patch, self.whole), (2 * self.patch, self.quarters)


class _Fitted(NamedTuple):
    encoder: Encoder
    memory: tuple[Tensor, ...]
    """(N, D) for each size: features of the shots' patches."""
    size: int

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`."""
        small = reduced(image, self.size)
        map_ = torch.ones_like(small[:, :1])
        for (side, encode), keys in zip(self.encoder.scales(), self.memory, strict=True):
            padded = _padded(small, side, side // 4)
            queries = _features(padded, side, encode)
            distance = torch.cat([torch.cdist(some, keys).amin(1) for some in queries.split(AT_ONCE)])
            map_ = map_ * _covering(distance, padded, side)[:, :, : small.shape[2], : small.shape[3]]
        return Judged(float(map_.max()), spread(map_, image))


def fit_patchsvdd(shots: Sequence[Tensor], settings: PatchSvdd, *, seed: int = 0, run: NullRun = NullRun()) -> Scorer:
    """Train the encoder on patches of some good pictures, and keep the features of all of them.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes, on one device.
        settings: of the method.
        seed: of weights and patches.
        run: takes the loop's steps.

    Returns:
        The scorer, which gives maps.

    Raises:
        ValueError: there is no shot.
    """
    if not shots:
        raise ValueError("expected at least one good picture to learn from, got none")
    small = [reduced(shot, settings.size) for shot in shots]
    encoder = fresh(lambda: Encoder(settings.patch, settings.width, settings.features), seeded(seed))
    encoder = encoder.to(small[0].device)
    roomy = [_padded(x, 4 * settings.patch, 1) for x in small]
    optimiser = torch.optim.Adam(encoder.parameters(), settings.lr)
    for step in run.steps("patchsvdd", settings.steps, {"encoder": encoder, "optimiser": optimiser}):
        chance = seeded(seed, step)
        terms: dict[str, Tensor] = {}
        for (side, encode), direction in zip(encoder.scales(), encoder.direction, strict=True):
            here, moved, around, d = _trios(roomy, side, settings.batch, chance)
            f_here, f_moved = encode(here), encode(moved)
            terms[f"svdd_{side}"] = settings.neighbours * (f_here - f_moved).norm(dim=1).mean()
            apart = encode(_tinted(here, chance)) - encode(_tinted(around, chance))
            terms[f"direction_{side}"] = F.cross_entropy(direction(apart), d)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
        if step % LOG_EVERY == 0 or step == settings.steps - 1:
            run.log(step, **{name: float(term.detach()) for name, term in terms.items()})
    encoder.requires_grad_(False)
    memory = tuple(
        torch.cat([_features(_padded(x, side, side // 4), side, encode) for x in small])
        for side, encode in encoder.scales()
    )
    return _Fitted(encoder, memory, settings.size)


def _trios(
    pictures: Sequence[Tensor], side: int, count: int, chance: Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random patches p, each moved a little (p'), and one beside it (p_d): (count, 3, K, K) each; and d, (count,)."""
    far, little = 3 * side // 4, side // 8
    found: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    which = torch.randint(len(pictures), (count,), generator=chance).tolist()
    d = torch.randint(len(DIRECTIONS), (count,), generator=chance)
    jitter = torch.randint(-little, little + 1, (count, 2, 2), generator=chance).tolist()
    place = torch.rand(count, 2, generator=chance).tolist()
    for n, direction, (near, away), at in zip(which, d.tolist(), jitter, place, strict=True):
        picture = pictures[n]
        steps = [(0, 0), tuple(near), tuple(far * s + a for s, a in zip(DIRECTIONS[direction], away, strict=True))]
        corner = []
        for axis in range(2):
            # All three lie inside: p keeps what room the others need.
            low = -min(step[axis] for step in steps)
            high = picture.shape[2 + axis] - side - max(step[axis] for step in steps)
            corner.append(low + min(int(at[axis] * (high - low + 1)), high - low))
        for patches, (down, right) in zip(found, steps, strict=True):
            top, left = corner[0] + down, corner[1] + right
            patches.append(picture[0, :, top : top + side, left : left + side])
    here, moved, around = (torch.stack(patches) for patches in found)
    return here, moved, around, d.to(here.device)


def _tinted(patches: Tensor, chance: Generator) -> Tensor:
    return patches + COLOURS * noise((len(patches), 3, 1, 1), chance, patches)


def _features(picture: Tensor, side: int, encode: Encode) -> Tensor:
    """Of all patches a quarter of their side apart, row by row: (1, 3, H, W) -> (N, D)."""
    patches = picture[0].unfold(1, side, side // 4).unfold(2, side, side // 4).permute(1, 2, 0, 3, 4)
    with torch.no_grad():
        return torch.cat([encode(some) for some in patches.reshape(-1, 3, side, side).split(AT_ONCE)])


def _covering(distance: Tensor, picture: Tensor, side: int) -> Tensor:
    """For each pixel the mean over the patches that cover it: (N,), in the order of `_features` -> (1, 1, H, W)."""
    columns = distance.expand(1, side * side, -1)
    total, count = (F.fold(x, picture.shape[2:], side, stride=side // 4) for x in (columns, torch.ones_like(columns)))
    return total / count


def _padded(picture: Tensor, side: int, stride: int) -> Tensor:
    """Continued to the right and down until patches fit, and cover it in whole strides."""
    down, right = (max(0, side - length) or -(length - side) % stride for length in picture.shape[2:])
    return F.pad(picture, (0, right, 0, down), mode="replicate")
