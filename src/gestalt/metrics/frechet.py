"""The Frechet distance between what a network sees in one picture and in another: SIFID of images, SVFID of clips.

A picture gives one feature vector per position. Fit a Gaussian (m, C) to those of each picture; then

    d = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)

is the squared Frechet (2-Wasserstein) distance of the two Gaussians. With any factors C = F F^T, the eigenvalues of
C1 C2 that are not 0 are the squared singular values of F1^T F2, so the last trace is the plain sum of these. And a
factor comes from the vectors themselves. So neither a covariance nor the square root of a matrix is ever computed:
rank-deficient covariances (fewer positions than channels, channels that are never active) need no ridge, and equal
pictures come out as 0 to rounding.

The number depends on the extractor, its layer and its preprocessing more than on the pictures: on one clip, trained
SqueezeNet's were 10^5 to 10^6 times those of random weights. So a report names the extractor beside the figures, and
gives ratios to that of a trivial sample, say the mean colour. The measure knows positions only as a set: a translated
or re-arranged copy of the source has nearly 0. It says nothing about diversity.

References:
    Dowson, Landau: The Frechet distance between multivariate normal distributions. J. Multivariate Analysis 1982.
    Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: GANs Trained by a Two Time-Scale Update Rule Converge to a
        Local Nash Equilibrium. NIPS 2017 (FID).
    Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019 (SIFID).
    Gur, Benaim, Wolf: Hierarchical Patch VAE-GAN: Generating Diverse Videos from a Single Sample. NeurIPS 2020 (SVFID).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Extractor = Callable[[Tensor], Tensor]
"""Pictures (B, 3, *S) in [-1, 1] -> their features (B, D, *S'); `nn.features.load` makes them."""


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution, its covariance held as a factor.

    mean: (D,) float64.
    factor: (D, R) float64, with any R; the covariance is factor factor^T.
    """

    mean: Tensor
    factor: Tensor

    @property
    def covariance(self) -> Tensor:
        """(D, D) float64."""
        return self.factor @ self.factor.T


def fit_gaussian(features: Tensor) -> Gaussian:
    """The Gaussian with the mean and the covariance (ddof 1, as is usual for FID) of some vectors.

    Args:
        features: (N, D), N >= 1; a single vector has covariance 0.

    Raises:
        ValueError: there are no vectors, or some of their numbers are not finite.
    """
    if features.ndim != 2 or len(features) < 1:
        raise ValueError(f"a Gaussian is fitted to vectors (N, D) with N at least 1, got {tuple(features.shape)}")
    x = features.detach().double()
    if not bool(x.isfinite().all()):
        raise ValueError("features hold NaN or infinite values: is the picture finite, and in [-1, 1]?")
    mean = x.mean(dim=0)
    x = (x - mean) / max(1, len(x) - 1) ** 0.5
    if len(x) > x.shape[1]:  # x^T x = R^T R
        x = torch.linalg.qr(x, mode="r").R
    return Gaussian(mean, x.T)


def from_covariance(mean: Tensor, covariance: Tensor) -> Gaussian:
    """The Gaussian of a mean (D,) and a symmetric, positive semi-definite covariance (D, D).

    What is known of a singular covariance only through its entries is known less well: expect relative errors of 1e-8
    where `fit_gaussian` has 1e-15. Eigenvalues that rounding made negative count as 0.
    """
    values, vectors = torch.linalg.eigh((covariance + covariance.T).double() / 2)
    return Gaussian(mean.double(), vectors * values.clamp(min=0).sqrt())


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Squared Frechet distance of two Gaussians; symmetric, 0 for equal ones, in squared units of the features.

    Raises:
        ValueError: they have different dimensions.
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(f"Gaussians of {len(one.mean)} and {len(other.mean)} dimensions have no distance")
    apart = (one.mean - other.mean).square().sum()
    spread = one.factor.square().sum() + other.factor.square().sum()
    shared = torch.linalg.svdvals(one.factor.T @ other.factor).sum()
    return max(0.0, float(apart + spread - 2 * shared))


def sifid(one: Tensor, other: Tensor, features: Extractor) -> float:
    """Single-image Frechet distance: of the features at all positions of one image from those of another.

    Args:
        one: (1, 3, H, W) in [-1, 1].
        other: (1, 3, H', W').
        features: an extractor of images. The published figures take 64 early channels of Inception-v3.

    Returns:
        The squared distance, at least 0; symmetric.

    Raises:
        ValueError: they are not two single images, or the features are not finite.
    """
    return _between(one, other, features, 4, "sifid", "images (1, 3, H, W)")


def svfid(one: Tensor, other: Tensor, features: Extractor) -> float:
    """Single-video Frechet distance: of the features at all space-time positions of one clip from those of another.

    Args:
        one: (1, 3, T, H, W) in [-1, 1].
        other: (1, 3, T', H', W').
        features: an extractor of clips. One that looks at each frame by itself is blind to motion.

    Returns:
        The squared distance, at least 0; symmetric.

    Raises:
        ValueError: they are not two single clips, or the features are not finite.
    """
    return _between(one, other, features, 5, "svfid", "clips (1, 3, T, H, W)")


def _between(one: Tensor, other: Tensor, features: Extractor, axes: int, what: str, kind: str) -> float:
    for x in (one, other):
        if x.ndim != axes or x.shape[:2] != (1, 3):
            raise ValueError(f"{what} compares two {kind}, got {tuple(one.shape)} and {tuple(other.shape)}")
    with torch.no_grad():
        fits = [fit_gaussian(features(x)[0].flatten(1).T) for x in (one, other)]
    return frechet_distance(*fits)
