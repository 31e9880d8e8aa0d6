"""DeepSVDD: a network brings good pictures into a small sphere; what falls far from its centre is anomalous.

With an encoder phi without biases and weights W, the centre c fixed as the mean of phi over the good pictures x before
training,

    L = mean over x of |phi(x) - c|^2 + lambda / 2 |W|^2            score(x) = |phi(x) - c|^2.

Were there biases, or a centre that follows, the network could map everything to c and be done; a centre with a
coordinate near 0 could be reached by weights of 0, so coordinates nearer than 0.1 are moved there. Nothing else keeps
it from forgetting what pictures look like, and at one to ten shots it does: this is a baseline of the paper's tables,
often at chance. It says nothing of where: the map is the score, everywhere.

Where this departs from the published method: features start from random weights, not from those of an autoencoder;
shots are shifted a little at random, since a sphere around one picture has no radius to begin with; layers are
normalised within each picture, without scale and shift, instead of over the batch; pictures of any size are brought
to one square, and their contrast is left as it is.

References:
    Ruff, Vandermeulen, Goernitz, Deecke, Siddiqui, Binder, Mueller, Kloft: Deep One-Class Classification. ICML 2018.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import DeepSvdd
from gestalt.tasks.anomaly.scorer import Judged, Scorer, even

NEAREST, VIEWS, LOG_EVERY = 0.1, 256, 20
"""How near to 0 a coordinate of the centre may be; shifted shots whose mean the centre is."""


class Encoder(nn.Sequential):
    """Three 3x3 convolutions of stride 2 and a linear layer, no biases: (B, 3, S, S) -> (B, D)."""

    def __init__(self, side: int, width: int, features: int) -> None:
        left = -(-side // 8)
        super().__init__(
            *_convolution(3, width),
            *_convolution(width, 2 * width),
            *_convolution(2 * width, 4 * width),
            nn.Flatten(),
            nn.Linear(4 * width * left * left, features, bias=False),
        )


def _convolution(before: int, after: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
    return conv, nn.GroupNorm(1, after, affine=False), nn.LeakyReLU(0.1)


class _Fitted(NamedTuple):
    encoder: Encoder
    centre: Tensor
    size: int

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`."""
        with torch.no_grad():
            phi = self.encoder(_square(image, self.size))
        return even(image, float((phi - self.centre).square().sum()))


def fit_deepsvdd(shots: Sequence[Tensor], settings: DeepSvdd, *, seed: int = 0, run: NullRun = NullRun()) -> Scorer:
    """Train the encoder on some good pictures.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes, on one device.
        settings: of the method.
        seed: of weights, shots and shifts.
        run: takes the loop's steps.

    Returns:
        The scorer.

    Raises:
        ValueError: there is no shot.
    """
    if not shots:
        raise ValueError("expected at least one good picture to learn from, got none")
    squares = torch.cat([_square(shot, settings.size) for shot in shots])
    chance = seeded(seed)
    encoder = fresh(lambda: Encoder(settings.size, settings.width, settings.features), chance).to(squares.device)
    with torch.no_grad():
        centre = encoder(_shifted(squares, VIEWS, settings.shift, chance)).mean(0)
    centre = torch.where(centre.abs() < NEAREST, torch.where(centre < 0, -NEAREST, NEAREST), centre)
    optimiser = torch.optim.Adam(encoder.parameters(), settings.lr, weight_decay=settings.decay)
    for step in run.steps("deepsvdd", settings.steps, {"encoder": encoder, "optimiser": optimiser}):
        x = _shifted(squares, settings.batch, settings.shift, seeded(seed, step))
        loss = (encoder(x) - centre).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % LOG_EVERY == 0 or step == settings.steps - 1:
            run.log(step, distance=float(loss.detach()))
    return _Fitted(encoder.requires_grad_(False), centre, settings.size)


def _shifted(squares: Tensor, count: int, shift: float, chance: Generator) -> Tensor:
    """Some of the shots (K, 3, S, S), moved at random by at most `shift` sides: (count, 3, S, S), borders mirrored."""
    side = squares.shape[2]
    far = min(side - 1, max(1, round(shift * side)))
    padded = F.pad(squares, (far, far, far, far), mode="reflect")
    which = torch.randint(len(squares), (count,), generator=chance).tolist()
    corners = torch.randint(2 * far + 1, (count, 2), generator=chance).tolist()
    return torch.stack(
        [padded[n, :, top : top + side, left : left + side] for n, (top, left) in zip(which, corners, strict=True)]
    )


def _square(image: Tensor, side: int) -> Tensor:
    return resize(image, (side, side)).clamp(-1, 1)
