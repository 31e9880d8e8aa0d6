"""What good pictures score by a model of transformations that has not seen them.

Of the memory's good pictures each is compared with the others; a trained model has seen all of them. So two more are
trained, each on one half of the good pictures, to score the other half; of a single picture, on one half of it.
"""

from collections.abc import Sequence

from torch import Tensor

from gestalt.run.service import NullRun, Under
from gestalt.tasks.anomaly import transforms
from gestalt.tasks.anomaly.config import Transforms
from gestalt.tasks.anomaly.halves import halves


def held_out_scores(shots: Sequence[Tensor], settings: Transforms, *, seed: int, run: NullRun) -> list[float]:
    """What good pictures score by a model of transformations that was trained on the other half of them."""
    given = apart(shots)
    found = [0.0] * len(given)
    for fold, learned in enumerate(folds(shots)):
        other = transforms.fit(learned, settings, seed=seed, run=Under(run, f"half {fold + 1} of the good"))
        for n in range(fold, len(given), 2):
            found[n] = other.judge(given[n]).score
    return found


def folds(shots: Sequence[Tensor]) -> list[list[Tensor]]:
    """What is learned in turn: all good pictures but every second; of a single one, a half."""
    given = apart(shots)
    return [[shot for n, shot in enumerate(given) if n % 2 != fold] for fold in range(2)]


def apart(shots: Sequence[Tensor]) -> list[Tensor]:
    """The good pictures, or the halves of a single one."""
    return list(shots) if len(shots) > 1 else list(halves(shots[0]))
