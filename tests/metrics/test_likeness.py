"""PSNR against scikit-image and by hand."""

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from gestalt.drawn.discs import bouncing
from gestalt.metrics.likeness import psnr


def test_psnr_agrees_with_scikit_image():
    a, b = bouncing(5, 8, 9, seed=1), bouncing(5, 8, 9, seed=2)
    expected = peak_signal_noise_ratio(a.double().numpy(), b.double().numpy(), data_range=2)
    assert psnr(a, b) == pytest.approx(expected, rel=1e-9)
    assert psnr(a, b) == psnr(b, a)


def test_known_values():
    black = torch.full((1, 3, 4, 4), -1.0)
    assert psnr(black, -black) == pytest.approx(0.0)
    assert psnr(black, black + 0.2) == pytest.approx(20.0, abs=1e-4)
    assert psnr(black, black) == math.inf


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        psnr(bouncing(5), bouncing(6))
