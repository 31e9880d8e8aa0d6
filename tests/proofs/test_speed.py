"""What the network that comes along must do on drawn motion: the quick ones of the questions about cheating.

    uv run pytest -m slow tests/proofs/test_speed.py -s

prints a line per question. All of them, with the limits kept and not kept, are in docs/results/speed.md; those that the
network is known to fail are not asked here.
"""

import pytest

import speed_cheating
from gestalt.tasks.speed import model

pytestmark = pytest.mark.slow

PAIRS = 26
"""Scenes that are asked about, two of each kind."""

KEPT = ("1", "2", "3", "9", "10", "13", "14", "map")


@pytest.fixture(scope="module")
def asked() -> speed_cheating.Asked:
    return speed_cheating.Asked(model.shipped("cpu"), PAIRS)


@pytest.mark.parametrize("name", KEPT)
def test_the_network_looks_at_speed(name: str, asked: speed_cheating.Asked) -> None:
    figure, is_kept = speed_cheating.CHECKS[name](asked)
    print(f"\n{speed_cheating.CHECKS[name].__doc__} {figure}", end="", flush=True)
    assert is_kept, figure
