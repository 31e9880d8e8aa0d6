"""Flicker where it is known."""

import math

import pytest
import torch

from gestalt.metrics.flicker import flicker


def test_only_still_pixels_count():
    source = torch.zeros(1, 3, 3, 4, 4)
    source[:, :, 1:, :2] = 0.5  # the upper half changes once, between the first two frames
    output = torch.zeros(1, 3, 3, 4, 4)
    output[:, :, 1, 2:] = 0.3  # the lower half blinks
    output[:, :, 1, :2] = 0.9  # and so does the upper one, back to 0 where the source stands still
    # first step: 8 still pixels change by .3; second: 8 by .3 and 8 by .9
    assert flicker(output, source) == pytest.approx((8 * 0.3 + 8 * 0.3 + 8 * 0.9) / 24)
    assert flicker(source, source) == 0.0


def test_one_channel_is_enough_to_move():
    source = torch.zeros(1, 3, 2, 2, 2)
    source[:, 1, 1] = 0.03
    assert math.isnan(flicker(source, source))
    assert flicker(source, source, still=0.04) == pytest.approx(0.01)


@pytest.mark.parametrize("shape", [(1, 3, 1, 4, 4), (1, 3, 2, 4, 5)])
def test_other_clips_are_refused(shape):
    with pytest.raises(ValueError, match="flicker compares clips of one size and at least two frames"):
        flicker(torch.zeros(shape), torch.zeros(1, 3, min(shape[2], 2), 4, 4))
