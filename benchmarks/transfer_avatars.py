"""Content moved between avatars that a designer drew: the table of drawn faces in a second style.

    uv run python benchmarks/transfer_avatars.py --keep FOLDER [--content glasses beards] [--methods mask ...]
        [--seeds 21 22 23] [--size 32] [--steps 6000]

Every method learns from 2,000 avatars with glasses (or facial hair) and 2,000 without, and is asked about 256 others.
Beside its figures stand those that need no method. Content comes in few kinds and colours, so that some of the 16
answers a result is compared with are the right one over again; whoever is nearest to one of these counts as right, and
chance is what doing nothing reaches. Each run leaves a line in FOLDER/avatars.jsonl, and a grid; what is there is not
done again.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from avatars import Accessory, Beard, Common, accessories, avatars, beards, commons, opacity
from gestalt.drawn.faces import Drawn
from gestalt.media import image
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import exact, grow, model, report
from gestalt.tasks.transfer.config import Test
from gestalt.tasks.transfer.model import SETTINGS
from gestalt.tasks.transfer.pictures import Side, as_bytes
from transfer_trials import table, written

PICTURES, HELD_OUT, PAIRS, JUDGE = 2000, 64, 256, 600
"""Avatars of each side that are learned from, and held out; pairs asked about; steps of the classifier."""

CONTENT: Mapping[str, Callable[[int, int], Sequence[Accessory | Beard]]] = {"glasses": accessories, "beards": beards}

SHOWN = (
    "in", "in_identity", "in_wrong_guide", "in_mean_answer", "in_rebuilt", "out", "retrieval", "retrieval_identity",
    "retrieval_mean_answer", "remove_in", "remove_in_identity", "swap_in", "swap_in_identity", "mask_iou",
    "mask_iou_of_all", "between_contents", "between_persons", "classifier_accuracy",
    "added_called_content", "removed_called_plain",
)  # fmt: skip


@dataclass
class Avatars:
    """Questions about avatars.

    content: what it is, as `CONTENT` has it.
    seed: of avatars that nothing was learned from.
    size: S.
    """

    content: str
    seed: int
    size: int
    known: dict[tuple[int, ...], Drawn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Draw lots."""
        self.plain, self.wearers = (commons(PAIRS, self.seed + part) for part in (0, 1))
        self.own, self.other = (CONTENT[self.content](PAIRS, self.seed + part) for part in (2, 3))

    def target(self) -> Tensor:
        """See `exact.Questions`."""
        return avatars(self.plain, None, None, self.size)

    def source(self) -> Drawn:
        """See `exact.Questions`."""
        return drawn(self.wearers, self.own, self.size)

    def guide(self) -> Tensor:
        """See `exact.Questions`."""
        return drawn([*self.wearers[-1:], *self.wearers[:-1]], self.other, self.size).image

    def answer(self, order: Tensor | None = None) -> Drawn:
        """See `exact.Questions`; each is drawn once."""
        places = tuple(range(PAIRS)) if order is None else tuple(order.tolist())
        if places not in self.known:
            self.known[places] = drawn(self.plain, [self.other[n] for n in places], self.size)
        return self.known[places]

    def mean_answer(self) -> Tensor:
        """See `exact.Questions`: the mean of answers with 15 other guides' content."""
        turns = [self.answer(torch.arange(PAIRS).roll(-n)).image for n in range(1, exact.CANDIDATES)]
        return torch.stack(turns).mean(0)

    def bare(self) -> Tensor:
        """See `exact.Questions`."""
        return avatars(self.wearers, None, None, self.size)

    def swapped(self) -> Drawn:
        """See `exact.Questions`."""
        return drawn(self.wearers, self.other, self.size)


def drawn(people: Sequence[Common], content: Sequence[Accessory | Beard], size: int) -> Drawn:
    """Avatars with content, and how much of them it covers."""
    glasses = [one for one in content if isinstance(one, Accessory)] or None
    hair = [one for one in content if isinstance(one, Beard)] or None
    covered = opacity(people, glasses, hair, size)
    return Drawn(avatars(people, glasses, hair, size), covered, torch.zeros_like(covered))


def sides(content: str, size: int, *, seed: int) -> tuple[Side, Side]:
    """Avatars with content and others without, some of each held out."""
    whole = PICTURES + HELD_OUT
    worn = CONTENT[content](whole, 10_000 * seed + 2)
    pictures = (
        drawn(commons(whole, 10_000 * seed), worn, size).image,
        avatars(commons(whole, 10_000 * seed + 1), None, None, size),
    )
    found = [as_bytes(some) for some in pictures]
    return Side(found[0][:PICTURES], found[0][PICTURES:]), Side(found[1][:PICTURES], found[1][PICTURES:])


def main() -> None:
    """Do what was not done yet, then print all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--content", nargs="+", default=["glasses"], choices=list(CONTENT))
    parser.add_argument("--methods", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[21, 22, 23])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    lines = asked.keep / "avatars.jsonl"
    for seed in asked.seeds:
        for content in asked.content:
            for method in asked.methods:
                key = {"method": method, "trial": f"{content}, {asked.size} px", "seed": seed, "steps": asked.steps}
                if not any(key.items() <= line.items() for line in written(lines)):
                    found = one(method, content, asked, seed=seed)
                    with lines.open("a") as file:
                        file.write(json.dumps(key | found) + "\n")
    table(written(lines))


def one(method: str, content: str, asked: argparse.Namespace, *, seed: int) -> dict[str, float]:
    """Learn, be asked, and leave a grid."""
    begun = time.perf_counter()
    settings = SETTINGS[method](size=asked.size, steps=asked.steps)
    with_it, without = sides(content, asked.size, seed=seed)
    build = partial(model.fresh, seed=seed)
    net = grow.learn(build, with_it, without, settings, seed=seed, device=torch.device("cpu"))
    questions, others = (Avatars(content, 10_000 * seed + 5000 + part, asked.size) for part in (0, 100))
    found = exact.measure(net, questions) | exact.measure_masks(net, questions, exact.best_threshold(net, others))
    x, y = questions.source().image, questions.target()
    found |= report.rates(net, with_it, without, x, y, Test(judge=JUDGE), two=False, seed=seed, run=NullRun())
    shown = model.grid(net, y[: model.SHOWN], questions.guide()[: model.SHOWN])
    image.write(asked.keep / f"{method}_{content}_{asked.size}_{seed}.png", shown)
    ratios = {
        "in/identity": found["in"] / found["in_identity"],
        "in/wrong": found["in"] / found["in_wrong_guide"],
        "remove/input": found["remove_in"] / found["remove_in_identity"],
    }
    told = ratios | {name: found[name] for name in SHOWN}
    return {name: round(value, 3) for name, value in told.items()} | {"seconds": round(time.perf_counter() - begun)}


if __name__ == "__main__":
    main()
