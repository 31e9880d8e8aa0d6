"""Edge correlation and local contrast against independent forms, and the traps that their docstrings name."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from gestalt.metrics.edges import edge_correlation, edge_map, local_contrast
from gestalt.ops.resize import resize


def picture(height: int, width: int, seed: int) -> Tensor:
    coarse = torch.randn(1, 3, max(2, height // 6), max(2, width // 6), generator=torch.Generator().manual_seed(seed))
    return resize(coarse, (height, width)).clamp(-1, 1)


def slow_edge_map(x: Tensor) -> np.ndarray:
    total = 0.0
    for channel in x[0].double().numpy():
        soft = scipy.ndimage.gaussian_filter(channel, 1.0, mode="nearest", truncate=4.0)
        for axis in (0, 1):
            total = total + (scipy.ndimage.correlate1d(soft, [-0.5, 0, 0.5], axis=axis, mode="nearest")) ** 2
    return scipy.ndimage.gaussian_filter(np.sqrt(total), 1.5, mode="nearest", truncate=4.0)


def test_the_edge_map_equals_scipy():
    x = picture(31, 44, 1)
    np.testing.assert_allclose(edge_map(x)[0, 0], slow_edge_map(x), atol=1e-5)


def test_the_correlation_is_pearson_of_the_maps():
    a, b = picture(40, 40, 2), picture(40, 40, 3)
    expected = np.corrcoef(slow_edge_map(a).ravel(), slow_edge_map(b).ravel())[0, 1]
    assert edge_correlation(a, b) == pytest.approx(expected, abs=1e-4)


def test_the_trap_recolouring_keeps_the_edges():
    a = picture(48, 48, 4)
    assert edge_correlation(-a.roll(1, dims=1) * 0.5, a) > 0.999
    assert abs(edge_correlation(a, a.flip(3))) < 0.6


def test_sizes_may_differ_and_flat_pictures_have_no_edges():
    a = picture(40, 60, 5)
    assert edge_correlation(a, resize(a, (80, 120))) > 0.95
    assert edge_correlation(a, torch.zeros(1, 3, 9, 9)) == 0.0
    assert math.isfinite(edge_correlation(picture(12, 40, 6)[:, :, :1], a))


def test_local_contrast_equals_a_plain_loop():
    a, b = picture(14, 15, 7), picture(16, 12, 8)

    def slow(x: Tensor) -> float:
        windows = [
            x[0, c, i : i + 7, j : j + 7].double().numpy().std()
            for c in range(3)
            for i in range(x.shape[2] - 6)
            for j in range(x.shape[3] - 6)
        ]
        return float(np.mean(windows))

    assert local_contrast(a, b) == pytest.approx(slow(a) / slow(b), rel=1e-6)


def test_the_trap_blur_lowers_contrast():
    a = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(9)).clamp(-1, 1)
    assert local_contrast(resize(resize(a, (20, 20)), (40, 40)), a) < 0.6
    assert local_contrast(a, a) == pytest.approx(1.0)
    assert local_contrast(torch.zeros(1, 3, 9, 9), torch.zeros(1, 3, 9, 9)) == 1.0
    assert local_contrast(a, torch.zeros(1, 3, 9, 9)) == math.inf
