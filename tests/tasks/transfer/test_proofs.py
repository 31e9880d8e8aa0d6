"""That every method learns to give the guide's content, and that ways to fail do: minutes, by `make proofs`."""

import pytest

from gestalt.tasks.transfer import exact
from transfer_trials import CONTROLS, PAIRS

CHANCE = 1 / exact.CANDIDATES
HIGHEST = CHANCE + 3 * (CHANCE * (1 - CHANCE) / PAIRS) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("mask", 0.75), ("disentangle", 0.82), ("intersection", 0.90)])
def test_in_1500_steps_guides_are_heeded_and_controls_fail(name: str, most: float) -> None:
    """Thresholds of a quick test as the method notes have them; nothing was chosen on this seed."""
    found = {}
    for trial in ("ours", "content thrown away", "guides in the wrong order"):
        net, asked = CONTROLS[trial](name, seed=31, steps=1500)
        measured = exact.measure(net, asked)
        found[trial] = measured["in"] / measured["in_identity"], measured["retrieval"]
    ours, *controls = found.values()
    assert ours[0] <= most, found
    assert ours[1] > HIGHEST, found
    for control in controls:
        assert control[0] > 0.9, found
        assert control[1] <= HIGHEST, found
