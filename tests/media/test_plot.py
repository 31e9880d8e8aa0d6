"""Curves as pictures: where the lines are, and what odd data does."""

import numpy as np
import pytest

from gestalt.media.plot import HEIGHT, WIDTH, Line, plot


def inked(picture, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has about a colour."""
    levels = (picture[0].movedim(0, 2).numpy() + 1) * 127.5
    return np.argwhere(np.abs(levels - np.array(colour)).max(2) < 40)


BLUE = (31, 108, 176)


def test_a_rising_line_rises() -> None:
    x = np.linspace(0, 10, 200)
    found = inked(plot([Line("y", x, x)], x_name="s", y_name="y"), BLUE)
    assert np.corrcoef(found[:, 0], found[:, 1])[0, 1] < -0.99
    assert np.ptp(found[:, 1]) > 0.85 * WIDTH
    assert np.ptp(found[:, 0]) > 0.6 * HEIGHT


def test_gaps_are_left_open() -> None:
    x = np.arange(100.0)
    y = np.where((x > 40) & (x < 60), np.nan, 1.0)
    columns = inked(plot([Line("y", x, y)], x_name="s", y_name="y", y_range=(0, 2)), BLUE)[:, 1]
    assert not ((columns > WIDTH * 0.47) & (columns < WIDTH * 0.57)).any()
    assert len(columns) > 300


def test_a_peak_of_a_logarithmic_axis_lies_where_its_ratio_is() -> None:
    x = np.arange(3.0)
    rows = inked(plot([Line("y", x, np.full(3, 2.0))], x_name="s", y_name="y", y_range=(1, 4), is_log=True), BLUE)[:, 0]
    low, high = (
        inked(plot([Line("y", x, np.full(3, v))], x_name="s", y_name="y", y_range=(1, 4), is_log=True), BLUE)[
            :, 0
        ].mean()
        for v in (1.0, 4.0)
    )
    assert rows.mean() == pytest.approx((low + high) / 2, abs=1)


@pytest.mark.parametrize("count", [1, 2, 100_000])
def test_any_number_of_points(count: int) -> None:
    x = np.arange(count, dtype=float)
    picture = plot([Line("y", x, np.sin(x)), Line("z", x, np.full(count, np.nan))], x_name="s", y_name="y")
    assert picture.shape == (1, 3, HEIGHT, WIDTH)
    assert len(inked(picture, BLUE))
