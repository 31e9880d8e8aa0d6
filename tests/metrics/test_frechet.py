"""The Frechet distance against scipy's matrix square root and closed forms; SIFID and SVFID on top of it."""

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.drawn.discs import bouncing
from gestalt.metrics.frechet import Gaussian, fit_gaussian, frechet_distance, from_covariance, sifid, svfid
from gestalt.metrics.nulls import mean_colours, noisy, shifted, shuffled_frames, shuffled_pixels


def drawn(count: int, size: int, seed: int) -> Tensor:
    """(N, D) correlated vectors with a mean."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(size, size, generator=generator, dtype=torch.float64)
    shift = torch.randn(size, generator=generator, dtype=torch.float64)
    return torch.randn(count, size, generator=generator, dtype=torch.float64) @ mix + shift


def by_sqrtm(one: Gaussian, other: Gaussian) -> float:
    root = scipy.linalg.sqrtm((one.covariance @ other.covariance).numpy())
    return float(
        (one.mean - other.mean).square().sum()
        + one.covariance.trace()
        + other.covariance.trace()
        - 2 * np.trace(root).real
    )


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_it_agrees_with_the_matrix_square_root_of_scipy(size):
    one, other = fit_gaussian(drawn(300, size, 1)), fit_gaussian(drawn(200, size, 2))
    assert frechet_distance(one, other) == pytest.approx(by_sqrtm(one, other), rel=1e-9)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-12)


def test_closed_forms():
    zero = torch.zeros(3, dtype=torch.float64)
    # Commuting covariances: squared differences of means and of deviations.
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    a, b = (torch.tensor(v, dtype=torch.float64) for v in ([4.0, 1.0, 0.0], [1.0, 9.0, 0.25]))
    one = from_covariance(zero, turn @ a.diag() @ turn.T)
    other = from_covariance(zero + 2, turn @ b.diag() @ turn.T)
    assert frechet_distance(one, other) == pytest.approx(12 + 1 + 4 + 0.25, rel=1e-12)
    # Rank one: tr (u u' v v')^(1/2) = |u.v|.
    u, v = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([-2.0, 0.5, 1.0]).double()
    one, other = from_covariance(zero, torch.outer(u, u)), from_covariance(zero, torch.outer(v, v))
    assert frechet_distance(one, other) == pytest.approx(14 + 5.25 - 2 * 2.0, rel=1e-12)
    # 2 x 2: tr (A B)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)).
    a, b = (torch.tensor(m, dtype=torch.float64) for m in ([[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 3.0]]))
    shared = math.sqrt(float((a @ b).trace()) + 2 * math.sqrt(float((a @ b).det())))
    found = frechet_distance(from_covariance(zero[:2], a), from_covariance(zero[:2], b))
    assert found == pytest.approx(3 + 4 - 2 * shared, rel=1e-12)


def test_the_fit_is_that_of_numpy():
    x = drawn(50, 6, 4)
    fitted = fit_gaussian(x.float())
    np.testing.assert_allclose(fitted.mean.numpy(), x.float().double().mean(0).numpy(), rtol=1e-12)
    np.testing.assert_allclose(fitted.covariance.numpy(), np.cov(x.float().double().numpy(), rowvar=False), rtol=1e-10)
    assert fitted.covariance.dtype == torch.float64


def test_fewer_vectors_than_channels_and_dead_channels_need_no_ridge():
    x, y = drawn(9, 40, 5), drawn(7, 40, 6)
    x[:, 3] = y[:, 3] = 0.0
    one, other = fit_gaussian(x), fit_gaussian(y)
    assert frechet_distance(one, one) < 1e-12 * float(one.covariance.trace())
    # With factors F F' = C (the centred vectors themselves) the trace is a nuclear norm, with no root of a matrix.
    f, g = ((v - v.mean(0)) / math.sqrt(len(v) - 1) for v in (x, y))
    shared = float(torch.linalg.matrix_norm(f @ g.T, "nuc"))
    expected = float((x.mean(0) - y.mean(0)).square().sum() + f.square().sum() + g.square().sum()) - 2 * shared
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-12)
    by_entries = [from_covariance(each.mean, each.covariance) for each in (one, other)]
    assert frechet_distance(*by_entries) == pytest.approx(expected, rel=1e-7)
    # Full rank little by little: the matrix square root, where it can be taken, tends to the same number.
    ridge = 1e-8 * torch.eye(40, dtype=torch.float64)
    near = by_sqrtm(*(from_covariance(each.mean, each.covariance + ridge) for each in (one, other)))
    assert frechet_distance(one, other) == pytest.approx(near, rel=1e-3)


def test_small_differences_survive_large_means():
    x = drawn(500, 8, 7)
    far = [fit_gaussian(v + 1e4) for v in (x, x * 1.01)]
    near = [fit_gaussian(v) for v in (x, x * 1.01)]
    moved = far[1].mean - far[0].mean
    expected = frechet_distance(*near) - float((near[1].mean - near[0].mean).square().sum() - moved.square().sum())
    assert frechet_distance(*far) == pytest.approx(expected, rel=1e-6)


def test_a_single_vector_is_a_point():
    one, other = fit_gaussian(torch.tensor([[1.0, 2.0]])), fit_gaussian(torch.tensor([[4.0, 6.0]]))
    assert frechet_distance(one, other) == pytest.approx(25.0)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least 1"):
        fit_gaussian(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="infinite"):
        fit_gaussian(torch.full((3, 2), torch.nan))
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        frechet_distance(fit_gaussian(torch.zeros(4, 2)), fit_gaussian(torch.zeros(4, 3)))
    image, clip = torch.zeros(1, 3, 5, 5), torch.zeros(1, 3, 4, 5, 5)
    with pytest.raises(ValueError, match=r"two images \(1, 3, H, W\)"):
        sifid(image, clip, lambda x: x)
    with pytest.raises(ValueError, match=r"two clips"):
        svfid(clip, clip.expand(2, -1, -1, -1, -1), lambda x: x)


# -- on pictures -------------------------------------------------------------------------------------------


def colours(x: Tensor) -> Tensor:
    """The plainest extractor."""
    return x


def gradients(x: Tensor) -> Tensor:
    """Colour, and how it changes along every axis but the channels: (B, 3 + 3 * axes, *S)."""
    changes = [F.pad(x.diff(dim=a), [0, 0] * (x.ndim - 1 - a) + [0, 1]) for a in range(2, x.ndim)]
    return torch.cat([x, *changes], dim=1)


@pytest.mark.parametrize(("measure", "axes"), [(sifid, 2), (svfid, 3)])
def test_sifid_and_svfid_are_the_distance_of_what_is_seen_at_all_positions(measure, axes):
    one, other = (bouncing(5, 8, 9, seed=n).select(2, 1) if axes == 2 else bouncing(5, 8, 9, seed=n) for n in (1, 2))
    fits = []
    for x in (one, other[..., 1:]):
        map_ = gradients(x)[0]
        positions = [map_[(slice(None), *at)].double().numpy() for at in np.ndindex(*map_.shape[1:])]
        points = np.array(positions)
        fits.append(from_covariance(torch.from_numpy(points.mean(0)), torch.from_numpy(np.cov(points, rowvar=False))))
    assert measure(one, other[..., 1:], gradients) == pytest.approx(by_sqrtm(*fits), rel=1e-6)


def test_svfid_puts_the_trivial_rows_in_order_and_knows_motion_only_if_the_extractor_does():
    clip = bouncing()
    rows = (noisy, shifted, shuffled_frames, mean_colours)
    by = {row: svfid(row(clip, 1)[0], clip, gradients) for row in (*rows, shuffled_pixels)}
    assert svfid(clip, clip, gradients) < 1e-12
    # A shift is rewarded: this is why the field measures exist.
    for better, worse in pairwise(rows):
        assert by[better] < by[worse]
    assert by[shuffled_pixels] > by[shifted]
    assert svfid(shuffled_frames(clip, 1)[0], clip, colours) < 1e-9 < by[shuffled_frames]
    assert svfid(shuffled_pixels(clip, 1)[0], clip, colours) < 1e-9
