"""GEOM: a whole picture is normal when a network can tell how it was flipped, shifted and turned.

With T_1 ... T_72 = 2 flips x 9 shifts x 4 quarter turns and p(. | x) the softmax of a classifier trained on the good
pictures x,

    L = - mean over x and m of log p(m | T_m(x))            score(x) = 1 - mean over m of p(m | T_m(x)).

The network sees the picture as a whole and small, so it knows the arrangement of large parts and nothing of texture;
what looks the same after a transformation (a disc, an even texture) it cannot tell, and scores there say little. It
finds that a picture is strange and never where: the map is the score, everywhere.

Where this departs from the published method: the classifier is a plain convolutional network of five layers instead
of a wide residual one; layers are normalised within each picture instead of over the batch, whose statistics would
be those of one to ten pictures; the score is the published plain form, not that with Dirichlet densities, which need
more shots than there are; pictures of any size are brought to one square.

References:
    Golan, El-Yaniv: Deep Anomaly Detection Using Geometric Transformations. NeurIPS 2018.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import Geom
from gestalt.tasks.anomaly.scorer import Judged, Scorer, even

TRANSFORMATIONS = tuple(itertools.product((False, True), (-1, 0, 1), (-1, 0, 1), range(4)))
"""Flipped from left to right or not, moved down and to the right, turned by quarters: in this order."""
LOG_EVERY = 20


class Classifier(nn.Sequential):
    """Five 3x3 convolutions, three of them of stride 2, and the mean over places: (B, 3, S, S) -> logits (B, 72)."""

    def __init__(self, width: int) -> None:
        super().__init__(
            *_convolution(3, width, 1),
            *_convolution(width, 2 * width, 2),
            *_convolution(2 * width, 4 * width, 2),
            *_convolution(4 * width, 4 * width, 2),
            *_convolution(4 * width, 4 * width, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * width, len(TRANSFORMATIONS)),
        )


def _convolution(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return conv, nn.GroupNorm(1, after), nn.LeakyReLU(0.2)


class _Fitted(NamedTuple):
    classifier: Classifier
    settings: Geom

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`."""
        views = transformed(_square(image, self.settings.size), self.settings.shift)
        with torch.no_grad():
            right = self.classifier(views).softmax(1).diagonal()
        return even(image, 1 - float(right.mean()))


def fit_geom(shots: Sequence[Tensor], settings: Geom, *, seed: int = 0, run: NullRun = NullRun()) -> Scorer:
    """Train the classifier on some good pictures.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes, on one device.
        settings: of the method.
        seed: of weights and batches.
        run: takes the loop's steps.

    Returns:
        The scorer, whose scores lie in [0, 1], and at 71/72 for a network that knows nothing.

    Raises:
        ValueError: there is no shot.
    """
    if not shots:
        raise ValueError("expected at least one good picture to learn from, got none")
    views = torch.stack([transformed(_square(shot, settings.size), settings.shift) for shot in shots])
    classifier = fresh(lambda: Classifier(settings.width), seeded(seed)).to(views.device)
    optimiser = torch.optim.Adam(classifier.parameters(), settings.lr)
    for step in run.steps("geom", settings.steps, {"classifier": classifier, "optimiser": optimiser}):
        chance = seeded(seed, step)
        which = torch.randint(len(shots), (settings.batch,), generator=chance)
        m = torch.randint(len(TRANSFORMATIONS), (settings.batch,), generator=chance)
        loss = F.cross_entropy(classifier(views[which, m]), m.to(views.device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % LOG_EVERY == 0 or step == settings.steps - 1:
            run.log(step, classification=float(loss.detach()))
    return _Fitted(classifier.requires_grad_(False), settings)


def transformed(square: Tensor, shift: float) -> Tensor:
    """One picture (1, 3, S, S) in all ways: (72, 3, S, S), what a shift uncovers being mirrored."""
    side = square.shape[2]
    far = min(side - 1, max(1, round(shift * side)))
    views = []
    for flip, down, right, quarters in TRANSFORMATIONS:
        padded = F.pad(square.flip(3) if flip else square, (far, far, far, far), mode="reflect")
        top, left = far * (1 - down), far * (1 - right)
        views.append(padded[:, :, top : top + side, left : left + side].rot90(quarters, (2, 3)))
    return torch.cat(views)


def _square(image: Tensor, side: int) -> Tensor:
    return resize(image, (side, side)).clamp(-1, 1)
